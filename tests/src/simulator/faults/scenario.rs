//! Scenario of faults: what one seed lets happen, as a plain list. Any item can be left out without
//! a change of the others, which is what makes a failing run short.

use super::super::network::{Delay, Delays, Disturbance};
use super::super::world::{LIMITS, SimulatedSetup};
use super::wanted_seats::WantedSeats;
use shared::domain::sale::{Terms, TermsChange};
use shared::plan::Plan;
use std::fmt;
use std::sync::Arc;

/// One run's beginning and everything that happens to it from outside.
#[derive(Clone, Debug)]
pub struct FaultScenario {
    /// Where all chance of the run comes from.
    pub seed: u64,
    /// Tickets at the beginning; of a plan, its places on all legs.
    pub capacity: u32,
    /// What is sold, if not so many equal tickets.
    pub plan: Option<Arc<Plan>>,
    /// The terms at the beginning; moments are milliseconds after the start.
    pub terms: Terms,
    /// Whether it sells from the start.
    pub open: bool,
    /// The nodes' weights.
    pub weights: Vec<u32>,
    pub edges: usize,
    /// One way between an edge and a node, in milliseconds, at most.
    pub far_ms: u64,
    /// One way between a node and Redis, in microseconds, at most.
    pub redis_us: u64,
    /// When all faults have ended, in milliseconds after the start.
    pub quiet_ms: u64,
    pub items: Vec<Item>,
}

/// After the last fault this much time passes before the promises of an undisturbed system are held
/// against it, in milliseconds: requests on their way end, origins that rest are tried again, hints
/// get old.
const SETTLE_MS: u64 = 12_000;

impl FaultScenario {
    /// From when on nothing is disturbed any more, in milliseconds after the start.
    pub const fn settled_ms(&self) -> u64 {
        self.quiet_ms + SETTLE_MS
    }

    /// The system in which it happens.
    pub fn setup(&self) -> SimulatedSetup {
        let faults = || self.items.iter().filter_map(|item| item.what.fault());
        let cuts = |fault: &InjectedFault| matches!(fault.what, Breakage::RedisTailCut { .. });
        let edge = Delay::from_to(200, self.far_ms * 1_000 + 300);
        SimulatedSetup {
            seed: self.seed,
            capacity: self.capacity,
            plan: self.plan.clone(),
            terms: self.terms,
            open: self.open,
            weights: self.weights.clone(),
            delays: Delays {
                clients: Delay::from_to(1_000, 30_000),
                edges: vec![edge; self.edges],
                redis: Delay::from_to(80, self.redis_us),
                late: None,
            },
            limits: LIMITS,
            service_us: 0,
            redis_call_us: None,
            settled: self.settled_ms() * 1_000,
            calm: faults().next().is_none(),
            cuts_the_tail: faults().any(cuts),
            far_ms: self.far_ms,
        }
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Item {
    /// When, in milliseconds after the start.
    pub at_ms: u64,
    /// Which one it is: its chance comes from this, whatever stands beside it.
    pub number: u64,
    pub what: What,
}

#[derive(Clone, Debug)]
pub enum What {
    /// Somebody wants tickets.
    Buyer(FaultPlan),
    /// Something breaks for a while.
    Fault(InjectedFault),
    /// An operator does something.
    Operator(Act),
}

impl What {
    pub const fn fault(&self) -> Option<&InjectedFault> {
        match self {
            Self::Fault(fault) => Some(fault),
            Self::Buyer(_) | Self::Operator(_) => None,
        }
    }
}

/// What a buyer means to do.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// The buyer's number: two plans can be the same person's.
    pub name: u32,
    /// Tickets.
    pub quantity: u32,
    /// Whether the client makes the order id; else the edge does.
    pub own_key: bool,
    /// How long the client waits for one answer, in milliseconds.
    pub timeout_ms: u64,
    /// How long it goes on asking, in milliseconds.
    pub patience_ms: u64,
    /// The client goes away this many milliseconds after its first request and comes back so many
    /// later.
    pub leaves: Option<(u64, u64)>,
    pub then: FaultAftermath,
    /// What of the plan, in a sale that has one.
    pub seats: Option<WantedSeats>,
}

/// What a buyer does with a hold, after so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAftermath {
    Pay(u64),
    Cancel(u64),
    /// Makes it longer, and pays as many milliseconds later.
    Extend(u64),
    /// Lets it expire.
    Forget,
}

/// What an operator does.
#[derive(Clone, Debug)]
pub enum Act {
    Pause,
    Open,
    Close,
    /// Changes the capacity by so many tickets.
    Restock(i32),
    Terms(TermsChange),
}

#[derive(Clone, Copy, Debug)]
pub enum Whose {
    Edge(usize),
    Node(usize),
    Redis,
}

/// What breaks, and for how many milliseconds: what is not mended by itself lasts for 0.
#[derive(Clone, Copy, Debug)]
pub struct InjectedFault {
    pub what: Breakage,
    pub ms: u64,
}

#[derive(Clone, Copy, Debug)]
pub enum Breakage {
    Network(Disturbance),
    /// A node is killed and started again.
    NodeCrash {
        node: usize,
    },
    /// A node stands still.
    NodeFreeze {
        node: usize,
    },
    /// A node takes so much longer for everything.
    NodeSlow {
        node: usize,
        by_ms: u64,
    },
    /// A node has room for no order.
    NodeFull {
        node: usize,
    },
    /// A new isolate takes an edge's requests, the old one ends what it has.
    Evict {
        edge: usize,
    },
    /// The Wasm instance is started anew: what it knew is gone, and what it was doing never ends.
    Reset {
        edge: usize,
    },
    /// Redis stands still.
    RedisStall,
    /// Redis is killed and started again with its append-only file, which it loads for so long at
    /// the end.
    RedisCrash {
        loading_ms: u64,
    },
    /// The same, and so many writes at the end of the file are gone: acknowledged ones, too.
    RedisTailCut {
        writes: usize,
    },
    /// `SCRIPT FLUSH`.
    ScriptsLost,
    /// A clock jumps.
    Clock {
        whose: Whose,
        by_ms: i64,
    },
}

impl fmt::Display for FaultScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} tickets, {}, nodes {:?}, {} edges up to {} ms away, Redis up to {} us, \
             {:?}",
            self.seed,
            self.capacity,
            if self.open { "open" } else { "scheduled" },
            self.weights,
            self.edges,
            self.far_ms,
            self.redis_us,
            self.terms,
        )?;
        if let Some(plan) = &self.plan {
            writeln!(f, "plan {}", plan.to_json())?;
        }
        for Item { at_ms, number, what } in &self.items {
            writeln!(f, "{at_ms:>6} ms  #{number:<3} {what:?}")?;
        }
        Ok(())
    }
}
