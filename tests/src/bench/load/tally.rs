//! What was answered.

use crate::rush::order::{AnsweredBy, AnsweringTier};
use crate::rush::tally::OrderOutcome;
use anyhow::Result;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Longest time that the histograms tell apart, in microseconds.
const LONGEST_US: u64 = 120_000_000;
/// Sentences about what went wrong that are kept.
const SAMPLES: usize = 5;

/// What became of a load.
#[derive(Debug)]
pub struct BenchTally {
    /// By number of the request.
    pub outcomes: Vec<OrderOutcome>,
    /// Answers that gave a ticket.
    pub granted: u64,
    /// Answers that refused for good.
    pub refused: u64,
    /// Answers "later": busy, or a fault that says that nothing happened.
    pub later: u64,
    /// Those of them that were `busy`.
    pub busy: u64,
    /// Requests that found no free connection in time and were not sent.
    pub unsent: u64,
    /// Requests whose answer was lost and that were not asked again: their outcome is unknown.
    pub unknown: Vec<u32>,
    /// Answers that nobody should get, lost ones, and broken connections.
    pub errors: u64,
    /// Answers by the tier that decided, where it is named.
    pub by: AnsweredBy,
    /// From sending (open loop: from the intended time) to the whole answer, in microseconds.
    pub latency: Histogram<u64>,
    /// The same, of those that gave a ticket.
    pub granted_latency: Histogram<u64>,
    /// The same as of all, slice by slice of time, if slices were asked for.
    pub slices: Vec<Histogram<u64>>,
    /// Final refusals that came in each millisecond since the load set out.
    pub refused_in_ms: Vec<u32>,
    /// The first sentences about what went wrong.
    pub samples: Vec<String>,
    /// From the first request to the last answer.
    pub took: Duration,
    /// When it set out, by the clock of this machine, in milliseconds since 1970.
    pub began_at_ms: u64,
    /// Processor time of the generator.
    pub cpu: Duration,
    /// Connections opened, reopened ones included.
    pub opened: u64,
    slice: Option<Duration>,
}

fn histogram() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST_US, 3)?)
}

impl BenchTally {
    pub(super) fn new(slice: Option<Duration>) -> Result<Self> {
        Ok(Self {
            outcomes: Vec::new(),
            granted: 0,
            refused: 0,
            later: 0,
            busy: 0,
            unsent: 0,
            unknown: Vec::new(),
            errors: 0,
            by: AnsweredBy::default(),
            latency: histogram()?,
            granted_latency: histogram()?,
            slices: Vec::new(),
            refused_in_ms: Vec::new(),
            samples: Vec::new(),
            took: Duration::ZERO,
            began_at_ms: 0,
            cpu: Duration::ZERO,
            opened: 0,
            slice,
        })
    }

    /// All answers.
    #[must_use]
    pub const fn answers(&self) -> u64 {
        self.granted + self.refused + self.later + self.errors
    }

    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answers() as f64 / self.took.as_secs_f64().max(1e-9)
    }

    /// Microseconds at a quantile of the latencies.
    #[must_use]
    pub fn at(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64
    }

    pub(super) fn settle(&mut self, number: u32, outcome: OrderOutcome) {
        let index = number as usize;
        if self.outcomes.len() <= index {
            self.outcomes.resize(index + 1, OrderOutcome::Open);
        }
        self.outcomes[index] = outcome;
    }

    pub(super) fn took(&mut self, at: Duration, took: Duration, granted: bool) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        self.latency.saturating_record(us);
        if granted {
            self.granted_latency.saturating_record(us);
        }
        if let Some(slice) = self.slice {
            let index = (at.as_micros() / slice.as_micros().max(1)) as usize;
            while self.slices.len() <= index {
                let Ok(empty) = histogram() else { return };
                self.slices.push(empty);
            }
            self.slices[index].saturating_record(us);
        }
    }

    pub(super) fn answered_by(&mut self, tier: Option<AnsweringTier>) {
        if let Some(tier) = tier {
            self.by.add(tier);
        }
    }

    pub(super) fn refuse(&mut self, number: u32, at: Duration) {
        self.refused += 1;
        self.settle(number, OrderOutcome::Refused);
        let ms = at.as_millis() as usize;
        if self.refused_in_ms.len() <= ms {
            self.refused_in_ms.resize(ms + 1, 0);
        }
        self.refused_in_ms[ms] += 1;
    }

    pub(super) fn fail(&mut self, why: impl FnOnce() -> String) {
        self.errors += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(why());
        }
    }

    /// Adds what came before, such as a warm-up, to the counts that the audit is held against. Times stay.
    pub(super) fn with_before(mut self, before: &Self) -> Self {
        for (number, outcome) in before.outcomes.iter().enumerate() {
            if *outcome != OrderOutcome::Open {
                self.settle(number as u32, *outcome);
            }
        }
        self
    }

    /// Requests that got a ticket, those of the warm-up included.
    #[must_use]
    pub fn winners(&self) -> u64 {
        let granted = |outcome: &&OrderOutcome| **outcome == OrderOutcome::Granted;
        self.outcomes.iter().filter(granted).count() as u64
    }

    /// Final refusals that had arrived before `at_ms` (milliseconds since 1970).
    #[must_use]
    pub fn refused_before(&self, at_ms: u64) -> u64 {
        let until = at_ms.saturating_sub(self.began_at_ms) as usize;
        let counted = self.refused_in_ms.iter().take(until);
        counted.map(|count| u64::from(*count)).sum()
    }
}
