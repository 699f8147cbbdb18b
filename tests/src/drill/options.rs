//! The command line of `drill`, and the names of the drills.

use crate::harness::Edge;
use clap::{Parser, ValueEnum, value_parser};
use serde::Serialize;
use std::hash::{BuildHasher, RandomState};

/// Kills, freezes and restarts parts of a running system while buyers buy, and proves that nobody
/// lost a ticket, was sold one too many, or saw a fault that they need not have seen.
///
/// Exit codes: 0 every promise was kept; 1 one was broken; 2 wrong flags; 3 a drill could not be run.
#[derive(Clone, Debug, Parser)]
#[command(name = "drill")]
pub struct Options {
    /// Run these drills only (may be repeated); --list names them.
    #[arg(long, value_name = "NAME")]
    pub only: Vec<Name>,
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
    /// Take the time that a drill would like: faults last longer, and idle connections idle for more than a minute.
    #[arg(long)]
    pub long: bool,
    /// Number that the moments and the buyers' keys follow from [default: random].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// A drill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)]
pub enum Name {
    Spread,
    NodeKilled,
    NodeFrozen,
    NodeRestarted,
    EdgeKilled,
    EdgeFrozen,
    EdgeRestarted,
    WorkerKilled,
    Restock,
    ZoneFrozen,
    ZoneKilled,
    Overload,
    LedgerFrozen,
    LedgerKilled,
    Intake,
    ReplyLost,
    LedgerSlow,
    LedgerLate,
    LedgerCut,
    LedgerHalfOpen,
    LedgerPaused,
    LedgerKicks,
    LedgerLoading,
    LedgerFull,
    LedgerReadOnly,
    DiskFull,
    TailCut,
    AnswerLost,
    NodeSlow,
    NodeCut,
    NodeHalfOpen,
    Descriptors,
    SlowClients,
    Flood,
    Idle,
    ComeAndGo,
}

impl Name {
    /// The word on the command line.
    #[must_use]
    pub fn word(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What is done, and what must hold.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Spread => {
                "1,000 orders at each of three edges reach the four nodes exactly 1:2:3:4"
            }
            Self::NodeKilled => "kill -9 of a node: no fault reaches a buyer, it serves again",
            Self::NodeFrozen => {
                "a node frozen for seconds is left alone within a second and serves again within ten"
            }
            Self::NodeRestarted => "SIGTERM of a node: no buyer is dropped, no fault seen",
            Self::EdgeKilled => "kill -9 of one of three edges: its buyers go on at the others",
            Self::EdgeFrozen => "an edge frozen for seconds delays its own buyers and loses none",
            Self::EdgeRestarted => "SIGTERM of one of three edges: its buyers go on at the others",
            Self::WorkerKilled => {
                "kill -9 of one of two workers that share a port: the port answers, both serve again"
            }
            Self::Restock => {
                "100 tickets more after the sell-out are sold within a second, through all edges"
            }
            Self::ZoneFrozen => {
                "all nodes of a zone freeze: its edges spill over, and come back slowly"
            }
            Self::ZoneKilled => {
                "all nodes of a zone stay dead for seconds: no fault reaches a buyer"
            }
            Self::Overload => {
                "a node without a free connection sheds its load to the others and has not failed"
            }
            Self::LedgerFrozen => {
                "Redis frozen for seconds: honest faults, never \"sold out\", no restart needed"
            }
            Self::LedgerKilled => {
                "kill -9 of Redis: nothing acknowledged is lost, nodes recover by themselves"
            }
            Self::Intake => {
                "slow heads, large bodies, too many connections and idle ones at a real node"
            }
            Self::ReplyLost => {
                "Redis has sold, its reply is lost, the link cut or silent: no fault, each order once"
            }
            Self::LedgerSlow => "Redis is 2, 15, 60 ms away: orders wait longer, and that is all",
            Self::LedgerLate => {
                "Redis is so far away that every reply is too late: honest faults, each order once"
            }
            Self::LedgerCut => {
                "the link to Redis is cut again and again, also in the middle of a batch: it sells in between"
            }
            Self::LedgerHalfOpen => {
                "the link to Redis takes everything and answers nothing: as if Redis were frozen"
            }
            Self::LedgerPaused => "CLIENT PAUSE: honest faults, never \"sold out\"",
            Self::LedgerKicks => {
                "CLIENT KILL and SCRIPT FLUSH again and again: it sells in between, each order once"
            }
            Self::LedgerLoading => {
                "Redis is killed and reads a slow file, its scripts gone: honest faults, no restart of a node"
            }
            Self::LedgerFull => {
                "Redis has no memory left: nothing is sold, nothing is evicted, it goes on by itself"
            }
            Self::LedgerReadOnly => {
                "Redis is made a replica and a primary again: nothing is sold, it goes on by itself"
            }
            Self::DiskFull => {
                "the disk of the append-only file is full: Redis ends, nothing acknowledged is lost"
            }
            Self::TailCut => {
                "Redis loses its last writes with the power: nothing oversold, each lost order named"
            }
            Self::AnswerLost => {
                "a node has sold, its answer to the edge is lost: no fault, each order once"
            }
            Self::NodeSlow => "the way to a node is 100 ms longer: no fault",
            Self::NodeCut => {
                "the way to a node is cut again and again, also in the middle of an order: no fault"
            }
            Self::NodeHalfOpen => {
                "the way to a node takes everything and answers nothing: no fault, its share goes elsewhere"
            }
            Self::Descriptors => {
                "a node has no file descriptor left: no fault, it does not spin, and serves again"
            }
            Self::SlowClients => {
                "400 clients send half of an order: others buy as before, half orders sell nothing"
            }
            Self::Flood => {
                "three times what can be sold comes: \"busy\", bounded memory and answers, quick again in 2 s"
            }
            Self::Idle => {
                "10,000 idle connections (2,000 in the short form): buyers notice nothing"
            }
            Self::ComeAndGo => {
                "500 connections open and close without end: buyers notice nothing, no descriptor leaks"
            }
        }
    }
}

impl Options {
    /// The defaults, for tests.
    #[must_use]
    pub fn short() -> Self {
        Self::parse_from(["drill"])
    }

    /// The drills that are wanted.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        if self.only.is_empty() {
            return Name::value_variants().to_vec();
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
    fn the_command_line_is_consistent_and_names_every_drill() {
        Options::command().debug_assert();
        assert_eq!(Options::short().names().len(), 36);
        let one = Options::parse_from(["drill", "--only", "node-frozen"]);
        assert_eq!(one.names(), [Name::NodeFrozen]);
        assert_eq!(Name::NodeFrozen.word(), "node-frozen");
    }
}
