//! The command line of `drill`.

use super::table::{DRILLS, Drill};
use crate::harness::Edge;
use clap::{Parser, value_parser};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

/// Kills, freezes and restarts parts of a running system while buyers buy, and proves that nobody
/// lost a ticket, was sold one too many, or saw a fault that they need not have seen.
///
/// Exit codes: 0 every promise was kept; 1 one was broken, or a drill could not be run; 2 wrong
/// flags; 3 no report.
#[derive(Clone, Debug, Parser)]
#[command(name = "drill")]
pub struct FaultTestOptions {
    /// Run these drills only (may be repeated); --list names them.
    #[arg(long, value_name = "NAME", value_parser = Drill::named)]
    pub only: Vec<&'static Drill>,
    /// List the drills and end.
    #[arg(long)]
    pub list: bool,
    /// What runs the edges.
    #[arg(long, value_enum, default_value = "workerd")]
    pub edge: Edge,
    /// How often each drill runs, each time at other moments.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u32).range(1..=1_000))]
    pub rounds: u32,
    /// Buyers that come each second.
    #[arg(long, default_value_t = 250, value_parser = value_parser!(u32).range(50..=10_000))]
    pub rate: u32,
    /// What the crowds buy, in the place of tickets: a plan, in TOML or JSON. So many buyers come
    /// that it is nearly sold out, but not more than --rate. Drills that give tickets back to a
    /// sale, and those of several sales, sell tickets all the same.
    #[arg(long, value_name = "FILE", conflicts_with = "write_docs")]
    pub plan: Option<PathBuf>,
    /// Take the time that a drill would like: faults last longer, and idle connections idle for
    /// more than a minute.
    #[arg(long)]
    pub long: bool,
    /// Number that the moments and the buyers' keys follow from [default: random].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Write docs/evidence/DRILLS.md and the table of faults in docs/GUARANTEES.md from this run.
    #[arg(long, conflicts_with = "only")]
    pub write_docs: bool,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

impl FaultTestOptions {
    /// The defaults, for tests.
    #[must_use]
    pub fn short() -> Self {
        Self { edge: Edge::under_test(), ..Self::parse_from(["drill"]) }
    }

    /// The drills that are wanted.
    #[must_use]
    pub fn drills(&self) -> Vec<&'static Drill> {
        if self.only.is_empty() {
            return DRILLS.iter().collect();
        }
        self.only.clone()
    }

    /// The seed that was given, or a random one.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| RandomState::new().hash_one(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_knows_the_drills_by_name() {
        FaultTestOptions::command().debug_assert();
        assert_eq!(FaultTestOptions::short().drills().len(), DRILLS.len());
        let docs = ["drill", "--plan", "train.toml", "--write-docs"];
        assert!(FaultTestOptions::try_parse_from(docs).is_err(), "the page has one table");
        let one = FaultTestOptions::parse_from(["drill", "--only", "node-frozen"]);
        assert_eq!(one.drills()[0].name, "node-frozen");
        let unknown = FaultTestOptions::try_parse_from(["drill", "--only", "nobody"]);
        let said = unknown.unwrap_err().to_string();
        assert!(said.contains("there is no drill nobody. --list names them"), "{said}");
    }
}
