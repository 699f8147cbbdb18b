//! The loads of M1 to M4 on lastseat, once each, for a profile to look at.

use super::load::{BenchAsk, CrowdLoad, Pace};
use super::m01_edge::Door;
use super::service::{Expect, OneNode, PLENTY, Run, Service};
use crate::harness::Edge;
use crate::harness::processes::descendants;
use anyhow::{Result, ensure};
use std::net::SocketAddr;
use std::time::Duration;

const CONNECTIONS: u32 = 64;
const FIRST: u64 = 21;
const SEED: u64 = 22;

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
    #[must_use]
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
    #[must_use]
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
    #[must_use]
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::EdgeRefusal | Self::EdgeOrder => &["workerd"],
            Self::NodeRefusal | Self::NodeOrder => &["lastseat"],
            Self::LedgerOrder => &["redis-server"],
        }
    }

    /// How `perf` finds the callers: workerd keeps frame pointers, the others do not.
    #[must_use]
    pub const fn unwinding(self) -> &'static str {
        match self {
            Self::EdgeRefusal | Self::EdgeOrder => "fp",
            _ => "dwarf,8192",
        }
    }

    const fn is_refusal(self) -> bool {
        matches!(self, Self::EdgeRefusal | Self::NodeRefusal)
    }
}

/// What runs for a scene.
#[derive(Debug)]
pub struct Under {
    scene: Scene,
    body: Body,
}

#[derive(Debug)]
enum Body {
    Edge(Door),
    Node(OneNode),
}

impl Under {
    /// Starts it.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(scene: Scene) -> Result<Self> {
        let tickets = if scene.is_refusal() { 1 } else { PLENTY };
        let body = match scene {
            Scene::EdgeRefusal | Scene::EdgeOrder => {
                Body::Edge(Door::ours(Edge::Workerd, tickets).await?)
            }
            _ => {
                let node = OneNode::start(Service::Ours, tickets).await?;
                if scene.is_refusal() {
                    let one = CrowdLoad::new(node.address()?, node.ask(FIRST), 1, Pace::Count(1));
                    let run = node.run(&one, Expect::Granted, 0).await?;
                    ensure!(run.problems.is_empty(), "{}", run.problems.join("; "));
                }
                Body::Node(node)
            }
        };
        Ok(Self { scene, body })
    }

    /// The processes to look at.
    ///
    /// # Errors
    /// There is none.
    pub fn pids(&self) -> Result<Vec<u32>> {
        let roots = match &self.body {
            Body::Edge(door) => door.roots().to_vec(),
            Body::Node(node) => node.roots(),
        };
        let below = roots.iter().flat_map(|root| descendants(*root));
        let programs = self.scene.programs();
        let named = below.filter(|process| programs.contains(&process.title().as_str()));
        let mut pids: Vec<u32> = named.map(|process| process.id()).collect();
        if let (Scene::LedgerOrder, Body::Node(node)) = (self.scene, &self.body) {
            pids.push(node.ledger());
        }
        ensure!(!pids.is_empty(), "no process of {programs:?} runs");
        Ok(pids)
    }

    /// Loads it for so long, and audits.
    ///
    /// # Errors
    /// The load cannot be sent, or the ledger does not answer.
    pub async fn load(&self, time: Duration) -> Result<Run> {
        let pace = Pace::AsFastAsItGoes(time);
        let load = |to: SocketAddr, ask: BenchAsk| CrowdLoad::new(to, ask, CONNECTIONS, pace);
        match &self.body {
            Body::Edge(door) => {
                let (to, ask) = door.at(SEED);
                door.audited(&load(to, ask), self.scene.is_refusal()).await
            }
            Body::Node(node) => {
                let load = load(node.address()?, node.ask(SEED));
                match self.scene.is_refusal() {
                    true => node.run(&load, Expect::Refused, 1).await,
                    // perf stops the processes now and then: an order may time out.
                    false => node.run(&load, Expect::Anything, 0).await,
                }
            }
        }
    }
}
