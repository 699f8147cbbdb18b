//! What the buyers heard: one byte for each, and sums.

use super::order::{AnsweredBy, AnsweringTier};
use crate::harness::HttpReply;
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// When it was sent, since the crowd set out.
    pub sent: Duration,
    /// How long it took, whatever came of it.
    pub took: Duration,
}

/// What all buyers heard.
#[derive(Debug)]
pub struct LoadTally {
    /// By buyer.
    pub outcomes: Vec<OrderOutcome>,
    /// Buyers with a ticket.
    pub granted: u64,
    /// Buyers who were refused for good.
    pub refused_final: u64,
    /// Buyers who had no final answer, or one that nobody should get.
    pub errors: u64,
    /// Answers `busy`.
    pub busy_retries: u64,
    /// Attempts repeated because the answer was lost or the outcome unknown.
    pub lost_answers: u64,
    /// Attempts repeated for another reason, such as `unavailable`.
    pub other_retries: u64,
    /// All attempts.
    pub requests: u64,
    /// Final answers by tier.
    pub final_by: AnsweredBy,
    /// All answers by tier.
    pub all_by: AnsweredBy,
    /// From the attempt that got the ticket to its answer.
    pub granted_us: Histogram<u64>,
    /// From the attempt that was refused to its answer.
    pub refused_us: Histogram<u64>,
    /// From a buyer's first attempt to the ticket.
    pub ticket_us: Histogram<u64>,
    /// What the first errors were.
    pub samples: Vec<String>,
    /// Answers with a 5xx that buyers saw, by status, code and tier. Each was asked again.
    pub faults: BTreeMap<String, u64>,
    /// Tickets that each door gave.
    pub granted_at: Vec<u64>,
    /// Attempts that took long.
    pub slow: Vec<Slow>,
    /// The longest one.
    pub slowest: Duration,
}

impl LoadTally {
    /// The tally of so many buyers at so many doors before they come.
    ///
    /// # Errors
    /// Never, as long as the histograms' bounds are valid.
    pub fn new(buyers: u32, doors: usize) -> Result<Self> {
        let histogram = || Histogram::new_with_bounds(1, LONGEST_US, 3);
        Ok(Self {
            outcomes: vec![OrderOutcome::Open; buyers as usize],
            granted: 0,
            refused_final: 0,
            errors: 0,
            busy_retries: 0,
            lost_answers: 0,
            other_retries: 0,
            requests: 0,
            final_by: AnsweredBy::default(),
            all_by: AnsweredBy::default(),
            granted_us: histogram()?,
            refused_us: histogram()?,
            ticket_us: histogram()?,
            samples: Vec::new(),
            faults: BTreeMap::new(),
            granted_at: vec![0; doors],
            slow: Vec::new(),
            slowest: Duration::ZERO,
        })
    }

    /// Buyers who are done.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.granted + self.refused_final + self.errors
    }

    /// Buyer `number` has a ticket, after `took` for the last attempt and `waited` in all.
    pub fn grant(&mut self, number: u32, tier: AnsweringTier, took: Duration, waited: Duration) {
        self.settle(number, OrderOutcome::Granted);
        self.granted += 1;
        self.final_by.add(tier);
        self.granted_us.saturating_record(microseconds(took));
        self.ticket_us.saturating_record(microseconds(waited));
    }

    /// Buyer `number` gets none.
    pub fn refuse(&mut self, number: u32, tier: AnsweringTier, took: Duration) {
        self.settle(number, OrderOutcome::Refused);
        self.refused_final += 1;
        self.final_by.add(tier);
        self.refused_us.saturating_record(microseconds(took));
    }

    /// Buyer `number` is given up.
    pub fn fail(&mut self, number: u32, why: impl FnOnce() -> String) {
        self.errors += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(format!("buyer {number}: {}", why()));
        }
    }

    /// An attempt that was sent at `sent` took so long.
    pub fn took(&mut self, sent: Duration, took: Duration) {
        self.slowest = self.slowest.max(took);
        if took > SLOW && self.slow.len() < SLOW_MAX {
            self.slow.push(Slow { sent, took });
        }
    }

    /// A buyer saw this 5xx.
    pub fn fault(&mut self, answer: &HttpReply) {
        let code = answer.problem().map(|problem| problem.code.as_str());
        let name = format!(
            "{} {} by {}",
            answer.status.as_u16(),
            code.unwrap_or("of nobody knows what"),
            super::order::tier(answer).map_or("something else", AnsweringTier::word),
        );
        *self.faults.entry(name).or_default() += 1;
    }

    fn settle(&mut self, number: u32, outcome: OrderOutcome) {
        let slot = &mut self.outcomes[number as usize];
        assert_eq!(*slot, OrderOutcome::Open, "buyer {number} is settled once");
        *slot = outcome;
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Percentiles {
    /// Half are quicker.
    pub p50: f64,
    /// 90 % are quicker.
    pub p90: f64,
    /// 99 % are quicker.
    pub p99: f64,
    /// 99.9 % are quicker.
    pub p999: f64,
    /// The slowest.
    pub max: f64,
}

impl Percentiles {
    /// The percentiles of a histogram of microseconds.
    #[must_use]
    pub fn of(histogram: &Histogram<u64>) -> Self {
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.max() as f64 / 1_000.0,
        }
    }
}
