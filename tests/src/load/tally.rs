//! The accounting of a load: what became of each buyer, one byte for each, and sums.

use super::connection::Attempt;
use super::reply::{AnsweredBy, AnsweringTier};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::time::Duration;

/// What became of one buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OrderOutcome {
    /// No final answer.
    Open,
    /// A ticket.
    Granted,
    /// No ticket.
    Refused,
}

/// Longest time that the histograms tell apart, in microseconds.
const LONGEST_US: u64 = 600_000_000;
/// Sentences about errors that are kept as samples.
const SAMPLES: usize = 5;
/// An answer that takes longer is remembered with its moment ...
const SLOW: Duration = Duration::from_millis(250);
/// ... up to so many.
const SLOW_MAX: usize = 100_000;

/// An attempt that took long.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    /// When it was sent, since the load set out.
    pub sent: Duration,
    /// How long it took, whatever came of it.
    pub took: Duration,
}

/// Times in microseconds.
#[derive(Debug)]
pub struct LoadTimes(Histogram<u64>);

impl Default for LoadTimes {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, LONGEST_US, 3).expect("the bounds are in order"))
    }
}

impl Deref for LoadTimes {
    type Target = Histogram<u64>;

    fn deref(&self) -> &Histogram<u64> {
        &self.0
    }
}

impl LoadTimes {
    fn record(&mut self, time: Duration) {
        self.0.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1));
    }
}

/// What was answered.
#[derive(Debug, Default)]
pub struct LoadTally {
    /// By buyer, those of a warm-up first.
    pub outcomes: Vec<OrderOutcome>,
    /// Buyers with a ticket.
    pub granted: u64,
    /// Buyers who were refused for good.
    pub refused_final: u64,
    /// Buyers who had no final answer, or one that nobody should get.
    pub errors: u64,
    /// Answers `busy`.
    pub busy_retries: u64,
    /// Answers whose loss leaves the outcome unknown.
    pub lost_answers: u64,
    /// Attempts that came to nothing for another reason, such as `unavailable` or no connection.
    pub other_retries: u64,
    /// Of these, those that found no connection.
    pub not_sent: u64,
    /// All attempts.
    pub requests: u64,
    /// Requests that found no free connection in time and were not sent.
    pub unsent: u64,
    /// Buyers whose answer was lost and who did not ask again: their outcome is unknown.
    pub unknown: Vec<u32>,
    /// Final answers by tier.
    pub final_by: AnsweredBy,
    /// All answers by tier.
    pub all_by: AnsweredBy,
    /// Microseconds from sending (open loop: from the intended time) to the whole answer.
    pub latency_us: LoadTimes,
    /// The same, of the attempts that got a ticket.
    pub granted_us: LoadTimes,
    /// The same, of the attempts that were refused for good.
    pub refused_us: LoadTimes,
    /// From a buyer's first attempt to the ticket.
    pub ticket_us: LoadTimes,
    /// The latencies of all, slice by slice of time, if slices were asked for.
    pub slices: Vec<LoadTimes>,
    /// Final refusals that came in each millisecond since the load set out.
    pub refused_in_ms: Vec<u32>,
    /// What the first errors were.
    pub samples: Vec<String>,
    /// Why the first answer was lost, or the first request not sent.
    pub lost_because: Option<String>,
    /// Answers with a 5xx, by status, code and tier.
    pub faults: BTreeMap<String, u64>,
    /// Answers "no" by code and tier, of loads that count them.
    pub refusals: BTreeMap<String, u64>,
    /// Tickets that each entry point gave.
    pub granted_at: Vec<u64>,
    /// Attempts that took long.
    pub slow: Vec<Slow>,
    /// The longest one.
    pub slowest: Duration,
    /// How long a slice is.
    pub(super) slice: Option<Duration>,
}

impl LoadTally {
    /// Nothing was answered at any of so many entry points but `outcomes`.
    pub(super) fn new(outcomes: Vec<OrderOutcome>, entries: usize) -> Self {
        Self { outcomes, granted_at: vec![0; entries], ..Self::default() }
    }

    /// Buyers who are done.
    pub const fn done(&self) -> u64 {
        self.granted + self.refused_final + self.errors
    }

    /// Requests that got a ticket, those of a warm-up included.
    pub fn winners(&self) -> u64 {
        self.outcomes.iter().filter(|outcome| **outcome == OrderOutcome::Granted).count() as u64
    }

    /// Attempts that no buyer should see: wrong and lost answers, connections that fail.
    pub const fn broken(&self) -> u64 {
        self.errors + self.lost_answers + self.not_sent
    }

    /// An attempt that was sent at `sent`, since the load set out, took so long.
    pub(super) fn attempt(&mut self, attempt: &Attempt, sent: Duration, took: Duration) {
        self.requests += 1;
        self.all_by.add(attempt.tier);
        if let Some(fault) = &attempt.fault {
            *self.faults.entry(fault.clone()).or_default() += 1;
        }
        if let Some(code) = attempt.refusal {
            let tier = attempt.tier.map_or("something else", AnsweringTier::word);
            *self.refusals.entry(format!("{code} by {tier}")).or_default() += 1;
        }
        self.slowest = self.slowest.max(took);
        if took > SLOW && self.slow.len() < SLOW_MAX {
            self.slow.push(Slow { sent, took });
        }
        self.latency_us.record(took);
        if let Some(slice) = self.slice {
            let index = ((sent + took).as_micros() / slice.as_micros().max(1)) as usize;
            if self.slices.len() <= index {
                self.slices.resize_with(index + 1, LoadTimes::default);
            }
            self.slices[index].record(took);
        }
    }

    /// Buyer `number` has a ticket, after `took` for the last attempt and `all` since the first.
    pub fn grant(&mut self, number: u32, by: Option<AnsweringTier>, took: Duration, all: Duration) {
        self.settle(number, OrderOutcome::Granted);
        self.granted += 1;
        self.final_by.add(by);
        self.granted_us.record(took);
        self.ticket_us.record(all);
    }

    /// Buyer `number` gets none, `at` since the load set out.
    pub fn refuse(&mut self, number: u32, by: Option<AnsweringTier>, took: Duration, at: Duration) {
        self.settle(number, OrderOutcome::Refused);
        self.refused_final += 1;
        self.final_by.add(by);
        self.refused_us.record(took);
        let ms = at.as_millis() as usize;
        if self.refused_in_ms.len() <= ms {
            self.refused_in_ms.resize(ms + 1, 0);
        }
        self.refused_in_ms[ms] += 1;
    }

    /// Buyer `number` is given up.
    pub fn fail(&mut self, number: u32, why: &str) {
        self.settle(number, OrderOutcome::Open);
        self.errors += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(format!("buyer {number}: {why}"));
        }
    }

    pub(super) fn settle(&mut self, number: u32, outcome: OrderOutcome) {
        let index = number as usize;
        if self.outcomes.len() <= index {
            self.outcomes.resize(index + 1, OrderOutcome::Open);
        }
        let slot = &mut self.outcomes[index];
        assert_eq!(*slot, OrderOutcome::Open, "buyer {number} is settled once");
        *slot = outcome;
    }
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Percentiles {
    /// The percentiles of a histogram of microseconds.
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        let max = histogram.max() as f64 / 1_000.0;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}
