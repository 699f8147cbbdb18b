//! The measures, and the plan: how long each may take. The sum stays under [`LIMIT`].

use clap::ValueEnum;
use std::fmt;
use std::time::Duration;

/// A whole run of `make bench` takes at most this long on 2 cores.
pub const LIMIT: Duration = Duration::from_secs(40 * 60);

/// A measure; its plan says what it is. M: the Worker and the origin; G: the native edge.
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
    M14,
    M15,
    M16,
    M17,
    G1,
    G2,
    G3,
    G4,
    G5,
    G6,
    G7,
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
            Self::M1 => plan("edge: refusals of a latched sale", 5, 3, 120, true),
            Self::M2 => plan("edge: forwards of orders that pass", 5, 3, 130, true),
            Self::M3 => plan("one origin: orders, each granted and in the AOF", 5, 3, 170, true),
            Self::M4 => plan("one origin: refusals after the sell-out", 5, 3, 80, true),
            Self::M5 => plan("commit engine: orders by size of batch", 5, 1, 90, false),
            Self::M6 => plan("rush: the whole stack until the last reply", 5, 0, 210, true),
            Self::M7 => plan("rush: what the edge keeps away from the origins", 5, 0, 0, true),
            Self::M8 => plan("latency at a fixed offered load", 5, 5, 130, true),
            Self::M9 => plan("processor time of a ticket and of a refusal", 5, 3, 100, true),
            Self::M10 => plan("growth: nodes, sales, orders already sold", 5, 2, 155, false),
            Self::M11 => plan("soak: ten minutes at a steady load", 1, 600, 610, false),
            Self::M12 => plan("routing: exact shares of the nodes", 5, 0, 25, false),
            Self::M13 => plan("sizes and starts", 3, 0, 40, false),
            Self::M14 => plan("seats of a train: cost of an order, seat-legs sold", 2, 0, 60, true),
            Self::M15 => plan("seats of a stadium, sold to the last one", 1, 0, 0, true),
            Self::M16 => plan("edge: refusals of journeys that are gone", 5, 1, 35, false),
            Self::M17 => plan("seats: processor time against PostgreSQL", 2, 0, 0, true),
            Self::G1 => plan("gateway: rush until the last reply", 5, 0, 40, true),
            Self::G2 => plan("gateway: processor time of a refusal", 5, 3, 170, true),
            Self::G3 => plan("gateway: processor time of a granted ticket", 5, 3, 0, true),
            Self::G4 => plan("gateway: tickets a second", 5, 3, 0, true),
            Self::G5 => plan("gateway: latency at a fixed offered load", 5, 4, 85, true),
            Self::G6 => plan("a node that faces buyers, no gateway", 5, 3, 0, true),
            Self::G7 => plan("gateway: HTTP/2 behind a proxy", 5, 3, 30, false),
        }
    }

    /// The measure in whose runs this one is measured: its own, or those of another.
    pub const fn runs(self) -> Self {
        match self {
            Self::M7 => Self::M6,
            Self::M15 | Self::M17 => Self::M14,
            Self::G3 | Self::G4 | Self::G6 => Self::G2,
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
