//! A scenario: what one seed lets happen, as a plain list. Any item can be left out without a change of the others,
//! which is what makes a failing run short.

use shared::domain::sale::{Terms, TermsChange};
use std::fmt;

/// One run's beginning and everything that happens to it from outside.
#[derive(Clone, Debug)]
pub struct FaultScenario {
    /// Where all chance of the run comes from.
    pub seed: u64,
    /// Tickets at the beginning.
    pub capacity: u32,
    /// The terms at the beginning; moments are milliseconds after the start.
    pub terms: Terms,
    /// Whether it sells from the start.
    pub open: bool,
    /// The nodes' weights.
    pub weights: Vec<u32>,
    /// Edges; each has one isolate at a time.
    pub edges: usize,
    /// One way between an edge and a node, in milliseconds, at most.
    pub far_ms: u64,
    /// One way between a node and Redis, in microseconds, at most.
    pub redis_us: u64,
    /// When all faults have ended, in milliseconds after the start.
    pub quiet_ms: u64,
    /// What happens.
    pub items: Vec<Item>,
}

/// After the last fault this much time passes before the promises of an undisturbed system are held against it, in
/// milliseconds: requests on their way end, origins that rest are tried again, hints get old.
pub const SETTLE_MS: u64 = 12_000;

impl FaultScenario {
    /// From when on nothing is disturbed any more, in milliseconds after the start.
    #[must_use]
    pub const fn settled_ms(&self) -> u64 {
        self.quiet_ms + SETTLE_MS
    }

    /// Whether any item cuts the tail of the append-only file.
    #[must_use]
    pub fn cuts_the_tail(&self) -> bool {
        let cuts =
            |item: &Item| matches!(item.what, What::Fault(InjectedFault::RedisTailCut { .. }));
        self.items.iter().any(cuts)
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Item {
    /// When, in milliseconds after the start.
    pub at_ms: u64,
    /// Which one it is: its chance comes from this, whatever stands beside it.
    pub number: u64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum What {
    /// Somebody wants tickets.
    Buyer(FaultPlan),
    /// Something breaks for a while.
    Fault(InjectedFault),
    /// An operator does something.
    Operator(Act),
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
    /// The client goes away this many milliseconds after its first request and comes back so many later.
    pub leaves: Option<(u64, u64)>,
    /// What follows a hold.
    pub then: FaultAftermath,
}

/// What a buyer does with a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultAftermath {
    /// Pays after so many milliseconds.
    Pay(u64),
    /// Gives it back after so many milliseconds.
    Cancel(u64),
    /// Makes it longer after so many milliseconds, and pays as many later.
    Extend(u64),
    /// Lets it expire.
    Forget,
}

/// What an operator does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Stops selling for now.
    Pause,
    /// Sells.
    Open,
    /// Stops for good.
    Close,
    /// Changes the capacity by so many tickets.
    Restock(i32),
    /// Changes the terms.
    Terms(TermsChange),
}

/// A link between two parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Link {
    /// The clients of an edge.
    Clients(usize),
    /// An edge and a node.
    EdgeNode(usize, usize),
    /// A node and Redis.
    NodeRedis(usize),
}

/// Which way of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LinkDirection {
    /// Towards Redis.
    In,
    /// Towards the client.
    Out,
}

/// Whose clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// An edge's.
    Edge(usize),
    /// A node's.
    Node(usize),
    /// Redis'.
    Redis,
}

/// What breaks. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub enum InjectedFault {
    /// Nothing passes, in both ways or in one.
    Cut {
        /// Where.
        link: Link,
        /// Which way, if not both.
        only: Option<LinkDirection>,
        /// How long.
        ms: u64,
    },
    /// Messages get lost, come twice or late; per mille.
    Noise {
        /// Where.
        link: Link,
        /// Lost.
        loss: u32,
        /// Twice.
        twice: u32,
        /// Late by up to this.
        late_ms: u64,
        /// How long.
        ms: u64,
    },
    /// A node is killed and started again.
    NodeCrash {
        /// Which.
        node: usize,
        /// Down for.
        ms: u64,
    },
    /// A node stands still.
    NodeFreeze {
        /// Which.
        node: usize,
        /// For.
        ms: u64,
    },
    /// A node takes long for everything.
    NodeSlow {
        /// Which.
        node: usize,
        /// So long.
        by_ms: u64,
        /// For.
        ms: u64,
    },
    /// A node has room for no order.
    NodeFull {
        /// Which.
        node: usize,
        /// For.
        ms: u64,
    },
    /// A new isolate takes an edge's requests, the old one ends what it has.
    Evict {
        /// Which edge.
        edge: usize,
    },
    /// The Wasm instance is started anew: what it knew is gone, and what it was doing never ends.
    Reset {
        /// Which edge.
        edge: usize,
    },
    /// Redis stands still.
    RedisStall {
        /// For.
        ms: u64,
    },
    /// Redis is killed and started again with its append-only file.
    RedisCrash {
        /// Down for.
        ms: u64,
        /// Loading for.
        loading_ms: u64,
    },
    /// The same, and the end of the file is gone: acknowledged entries are lost.
    RedisTailCut {
        /// So many entries.
        entries: usize,
        /// Down for.
        ms: u64,
    },
    /// `SCRIPT FLUSH`.
    ScriptsLost,
    /// A clock jumps.
    Clock {
        /// Whose.
        whose: Whose,
        /// By so many milliseconds.
        by_ms: i64,
    },
}

impl InjectedFault {
    /// How long it lasts, in milliseconds.
    #[must_use]
    pub const fn lasts_ms(&self) -> u64 {
        match self {
            Self::Cut { ms, .. }
            | Self::Noise { ms, .. }
            | Self::NodeCrash { ms, .. }
            | Self::NodeFreeze { ms, .. }
            | Self::NodeSlow { ms, .. }
            | Self::NodeFull { ms, .. }
            | Self::RedisStall { ms }
            | Self::RedisTailCut { ms, .. } => *ms,
            Self::RedisCrash { ms, loading_ms } => *ms + *loading_ms,
            Self::Evict { .. } | Self::Reset { .. } | Self::ScriptsLost | Self::Clock { .. } => 0,
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>6} ms  #{:<3} ", self.at_ms, self.number)?;
        match &self.what {
            What::Buyer(plan) => write!(f, "{plan:?}"),
            What::Fault(fault) => write!(f, "{fault:?}"),
            What::Operator(act) => write!(f, "{act:?}"),
        }
    }
}

impl fmt::Display for FaultScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "seed {}: {} tickets, {}, nodes {:?}, {} edges up to {} ms away, Redis up to {} us, {:?}",
            self.seed,
            self.capacity,
            if self.open { "open" } else { "scheduled" },
            self.weights,
            self.edges,
            self.far_ms,
            self.redis_us,
            self.terms,
        )?;
        for item in &self.items {
            writeln!(f, "{item}")?;
        }
        Ok(())
    }
}
