//! The loads of M1 to M4, G2, G3, G6 and G7 on lastseat, once each, for a profile to look at.

use crate::bench::run::{Expect, Run};
use crate::bench::subject::Subject;
use crate::bench::system::{PLENTY, RunningSubject};
use crate::harness::Edge;
use crate::harness::processes::{Process, command_line, descendants};
use crate::load::{CrowdLoad, LoadProtocol, Pace};
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
    /// The gateway's part of G2.
    GatewayRefusal,
    /// The gateway's part of G3.
    GatewayOrder,
    /// The gateway's part of G7.
    GatewayStreams,
    /// The node's part of G6: node and gateway in one process.
    PublicOrder,
    /// M4.
    NodeRefusal,
    /// M3.
    NodeOrder,
    /// Redis under M3.
    LedgerOrder,
}

impl Scene {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::EdgeRefusal,
        Self::EdgeOrder,
        Self::GatewayRefusal,
        Self::GatewayOrder,
        Self::GatewayStreams,
        Self::PublicOrder,
        Self::NodeRefusal,
        Self::NodeOrder,
        Self::LedgerOrder,
    ];

    /// Its name on the command line and in files.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EdgeRefusal => "edge-refusal",
            Self::EdgeOrder => "edge-order",
            Self::GatewayRefusal => "gateway-refusal",
            Self::GatewayOrder => "gateway-order",
            Self::GatewayStreams => "gateway-streams",
            Self::PublicOrder => "public-order",
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
            Self::GatewayRefusal => {
                "A gateway refuses orders of a latched sale, 64 connections (G2)"
            }
            Self::GatewayOrder => {
                "A gateway forwards orders that are granted, 64 connections, four nodes (G3)"
            }
            Self::GatewayStreams => {
                "A gateway refuses orders over HTTP/2, 2 connections with 32 requests each (G7)"
            }
            Self::PublicOrder => {
                "A node that faces buyers takes orders that are granted, 64 connections (G6)"
            }
            Self::NodeRefusal => "A node refuses orders after the sell-out (M4)",
            Self::NodeOrder => "A node takes orders that are granted, 64 connections (M3)",
            Self::LedgerOrder => {
                "Redis under the same load: reserve.lua, append-only file always (M3)"
            }
        }
    }

    /// The program that is looked at.
    const fn program(self) -> &'static str {
        match self {
            Self::EdgeRefusal | Self::EdgeOrder => "workerd",
            Self::LedgerOrder => "redis-server",
            _ => "lastseat",
        }
    }

    /// Which command of it, where the same program also runs as something else.
    const fn command(self) -> Option<&'static str> {
        match self {
            Self::GatewayRefusal | Self::GatewayOrder | Self::GatewayStreams => Some("gateway"),
            _ => None,
        }
    }

    /// Whether what is looked at compiles scripts while it runs.
    pub fn compiles(self) -> bool {
        self.program() == "workerd"
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
            Self::GatewayRefusal | Self::GatewayStreams => (Subject::GATEWAY, 1, Expect::AtTheEdge),
            Self::NodeRefusal => (Subject::OURS, 1, Expect::Refused),
            // perf stops the processes now and then: an order may time out.
            Self::GatewayOrder => (Subject::GATEWAY, PLENTY, Expect::Anything),
            Self::PublicOrder => (Subject::PUBLIC, PLENTY, Expect::Anything),
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
        let named = below.filter(|process| self.is_looked_at(process));
        let mut pids: Vec<u32> = named.map(|process| process.id()).collect();
        pids.extend(running.ledger().filter(|_| self == Self::LedgerOrder));
        ensure!(!pids.is_empty(), "no process of {} runs", self.program());
        Ok(pids)
    }

    fn is_looked_at(self, process: &Process) -> bool {
        let line = command_line(process.id());
        let command = line.split_ascii_whitespace().nth(1);
        process.title() == self.program() && (self.command().is_none() || self.command() == command)
    }

    /// Loads it for so long.
    pub async fn load(self, running: &RunningSubject, time: Duration) -> Result<Run> {
        let load = running.load(CONNECTIONS, Pace::AsFastAsItGoes(time), Duration::ZERO);
        let protocol = match self {
            Self::GatewayStreams => LoadProtocol::H2,
            _ => LoadProtocol::H1,
        };
        running.send(&CrowdLoad { protocol, ..load }).await
    }

    /// Audits what a load sold.
    pub async fn judge(self, running: &mut RunningSubject, run: Run) -> Result<Run> {
        running.judge(run, self.subject().2).await
    }
}
