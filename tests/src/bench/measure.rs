//! The measures, and the plan: how long each may take. The sum stays under [`LIMIT`].

use clap::ValueEnum;
use std::fmt;
use std::time::Duration;

/// A whole run of `make bench` takes at most this long on 2 cores.
pub const LIMIT: Duration = Duration::from_secs(40 * 60);

/// A measure; its plan says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "UPPER")]
pub enum Measure {
    M1,
    M2,
    M3,
    M4,
    M5,
    M6,
    M7,
    M8,
    M9,
    M10,
    M11,
    M12,
    M13,
}

/// How a measure is run.
#[derive(Clone, Copy, Debug)]
pub struct MeasurePlan {
    /// What is measured.
    pub title: &'static str,
    /// How often, in turn.
    pub rounds: u32,
    /// Seconds of one timed run. 0: as long as what is counted takes.
    pub seconds: u32,
    /// Seconds of the whole measure, starts and audits included, on 2 cores.
    pub budget: u32,
    /// Whether it needs what `make setup-bench` builds.
    pub peers: bool,
}

const fn plan(
    title: &'static str,
    rounds: u32,
    seconds: u32,
    budget: u32,
    peers: bool,
) -> MeasurePlan {
    MeasurePlan { title, rounds, seconds, budget, peers }
}

impl Measure {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied()
    }

    /// The plan of the measure.
    pub const fn plan(self) -> MeasurePlan {
        match self {
            Self::M1 => plan("edge: refusals of a latched sale", 5, 3, 110, true),
            Self::M2 => plan("edge: forwards of orders that pass", 5, 3, 130, true),
            Self::M3 => plan("one origin: orders, each granted and in the AOF", 5, 3, 220, true),
            Self::M4 => plan("one origin: refusals after the sell-out", 5, 3, 80, true),
            Self::M5 => plan("commit engine: orders by size of batch", 5, 1, 90, false),
            Self::M6 => plan("rush: the whole stack until the last reply", 5, 0, 480, true),
            Self::M7 => plan("rush: what the edge keeps away from the origins", 5, 0, 0, true),
            Self::M8 => plan("latency at a fixed offered load", 5, 5, 130, true),
            Self::M9 => plan("processor time of a ticket and of a refusal", 5, 3, 100, true),
            Self::M10 => plan("growth: nodes, sales, orders already sold", 5, 2, 210, false),
            Self::M11 => plan("soak: ten minutes at a steady load", 1, 600, 610, false),
            Self::M12 => plan("routing: exact shares of the nodes", 5, 0, 40, false),
            Self::M13 => plan("sizes and starts", 3, 0, 50, false),
        }
    }

    /// The measure in whose runs this one is measured: its own, or those of another.
    pub const fn runs(self) -> Self {
        match self {
            Self::M7 => Self::M6,
            other => other,
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_measures_together_take_less_than_forty_minutes() {
        let sum: u32 = Measure::all().map(|measure| measure.plan().budget).sum();
        // The rest is for a machine that is a little slower.
        assert!(u64::from(sum) * 21 / 20 < LIMIT.as_secs(), "{sum} s");
    }

    #[test]
    fn what_is_measured_in_the_runs_of_another_has_no_time_of_its_own() {
        for measure in Measure::all() {
            let shared = measure.runs() != measure;
            assert_eq!(measure.plan().budget == 0, shared, "{measure}");
        }
    }
}
