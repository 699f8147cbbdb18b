//! The loads of M1 to M4 on lastseat, once each, for a profile to look at.

use crate::bench::run::{Expect, Run};
use crate::bench::subject::Subject;
use crate::bench::system::{PLENTY, RunningSubject};
use crate::harness::Edge;
use crate::harness::processes::descendants;
use crate::load::Pace;
use anyhow::{Result, ensure};
use std::time::Duration;

const CONNECTIONS: u32 = 64;

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// M1.
    EdgeRefusal,
    /// M2.
    EdgeOrder,
    /// M4.
    NodeRefusal,
    /// M3.
    NodeOrder,
    /// Redis under M3.
    LedgerOrder,
}

impl Scene {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::EdgeRefusal, Self::EdgeOrder, Self::NodeRefusal, Self::NodeOrder, Self::LedgerOrder];

    /// Its name on the command line and in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EdgeRefusal => "edge-refusal",
            Self::EdgeOrder => "edge-order",
            Self::NodeRefusal => "node-refusal",
            Self::NodeOrder => "node-order",
            Self::LedgerOrder => "ledger-order",
        }
    }

    /// What is seen.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::EdgeRefusal => "The edge (bare workerd) refuses orders of a latched sale (M1)",
            Self::EdgeOrder => "The edge (bare workerd) forwards orders that are granted (M2)",
            Self::NodeRefusal => "A node refuses orders after the sell-out (M4)",
            Self::NodeOrder => "A node takes orders that are granted, 64 connections (M3)",
            Self::LedgerOrder => {
                "Redis under the same load: reserve.lua, append-only file always (M3)"
            }
        }
    }

    /// The programs whose processor time is told.
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::EdgeRefusal | Self::EdgeOrder => &["workerd"],
            Self::NodeRefusal | Self::NodeOrder => &["lastseat"],
            Self::LedgerOrder => &["redis-server"],
        }
    }

    /// How `perf` finds the callers: workerd keeps frame pointers, the others do not.
    pub const fn unwinding(self) -> &'static str {
        match self {
            Self::EdgeRefusal | Self::EdgeOrder => "fp",
            _ => "dwarf,8192",
        }
    }

    /// What it is, how many tickets it has, and what its answers must be.
    const fn subject(self) -> (Subject, u64, Expect) {
        match self {
            Self::EdgeRefusal => (Subject::Edge(Edge::Workerd), 1, Expect::AtTheEdge),
            Self::EdgeOrder => (Subject::Edge(Edge::Workerd), PLENTY, Expect::Mostly),
            Self::NodeRefusal => (Subject::OURS, 1, Expect::Refused),
            // perf stops the processes now and then: an order may time out.
            Self::NodeOrder | Self::LedgerOrder => (Subject::OURS, PLENTY, Expect::Anything),
        }
    }

    /// Starts it.
    pub async fn start(self) -> Result<RunningSubject> {
        let (subject, tickets, _) = self.subject();
        RunningSubject::start(subject, tickets).await
    }

    /// The processes to look at.
    pub fn pids(self, running: &RunningSubject) -> Result<Vec<u32>> {
        let roots = running.roots();
        let below = roots.iter().flat_map(|root| descendants(*root));
        let programs = self.programs();
        let named = below.filter(|process| programs.contains(&process.title().as_str()));
        let mut pids: Vec<u32> = named.map(|process| process.id()).collect();
        pids.extend(running.ledger().filter(|_| self == Self::LedgerOrder));
        ensure!(!pids.is_empty(), "no process of {programs:?} runs");
        Ok(pids)
    }

    /// Loads it for so long.
    pub async fn load(self, running: &RunningSubject, time: Duration) -> Result<Run> {
        let load = running.load(CONNECTIONS, Pace::AsFastAsItGoes(time), Duration::ZERO);
        running.send(&load).await
    }

    /// Audits what a load sold.
    pub async fn judge(self, running: &mut RunningSubject, run: Run) -> Result<Run> {
        running.judge(run, self.subject().2).await
    }
}
