//! What travels between the parts.

use shared::domain::order::KeySource;
use shared::upstream::forwarding;
use shared::{BuyerId, Code, Grant, Order, OrderId, Quantity, Refusal};

/// What a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Tickets.
    Order,
    /// Its hold paid.
    Confirm,
    /// Its tickets given back.
    Cancel,
    /// Its hold made longer.
    Extend,
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whose.
    pub client: usize,
    /// Its how manieth.
    pub call: u32,
    /// What for.
    pub op: Op,
    /// The order; `None` where the edge is to make the id.
    pub id: Option<OrderId>,
    /// Where the id comes from.
    pub key: KeySource,
    /// Who buys.
    pub buyer: BuyerId,
    /// How many tickets.
    pub quantity: Quantity,
}

/// A request as an edge sends it on.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// Whose.
    pub client: usize,
    /// What for.
    pub op: Op,
    /// The order.
    pub id: OrderId,
    /// Where the id comes from.
    pub key: KeySource,
    /// Who buys.
    pub buyer: BuyerId,
    /// How many tickets.
    pub quantity: Quantity,
}

/// Where an origin's answer goes: the isolate, its request, and the how manieth origin it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    /// The isolate.
    pub isolate: usize,
    /// Its request.
    pub pass: u64,
    /// The attempt.
    pub attempt: u32,
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// An edge, from memory.
    Edge,
    /// A node, from memory.
    Node(usize),
    /// The ledger.
    Ledger,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Yes; `true` = as said before.
    Granted(Order, bool),
    /// No.
    Refused(Refusal),
    /// A fault.
    Trouble(Code),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct SimulatedReply {
    /// The order.
    pub id: OrderId,
    /// What became of it.
    pub outcome: RequestOutcome,
    /// Who says so.
    pub by: By,
    /// Whether the ledger had the order when this was decided.
    pub ledger_had_it: bool,
    /// What the edge may forward next.
    pub grant: Option<Grant>,
}

impl forwarding::UpstreamResponse for SimulatedReply {
    fn status(&self) -> u16 {
        match &self.outcome {
            RequestOutcome::Granted(_, true) => 200,
            RequestOutcome::Granted(_, false) => 201,
            RequestOutcome::Refused(refusal) => refusal.code().status(),
            RequestOutcome::Trouble(code) => code.status(),
        }
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn limits_the_client(&self) -> bool {
        false
    }

    fn rejects_the_edge(&self) -> bool {
        false
    }
}
