//! Messages between the parts of the simulated system.

use shared::domain::order::KeySource;
use shared::upstream::forwarding::UpstreamResponse;
use shared::{BuyerId, Code, Grant, Order, OrderId, Quantity, Refusal, Reserve};

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Order,
    Confirm,
    Cancel,
    Extend,
}

/// A client's request.
#[derive(Clone, Debug)]
pub struct Request {
    pub client: usize,
    /// The client's number in its scenario: chance belongs to this one.
    pub number: u64,
    /// The client's how manieth request.
    pub call: u32,
    pub op: Op,
    /// The order; `None` where the edge is to make the id.
    pub id: Option<OrderId>,
    pub key: KeySource,
    pub buyer: BuyerId,
    pub quantity: Quantity,
}

/// A request as an edge sends it on.
#[derive(Clone, Debug)]
pub struct Forwarded {
    pub op: Op,
    pub order: Reserve,
    /// Where its id comes from.
    pub key: KeySource,
}

/// Where an origin's answer goes: the isolate, its request, and the how manieth origin it asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    pub isolate: usize,
    pub pass: u64,
    pub attempt: u32,
}

/// Who decided: an edge or a node from memory, or the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Edge,
    Node(usize),
    Ledger,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Yes; `true` = as said before.
    Granted(Order, bool),
    Refused(Refusal),
    Trouble(Code),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct SimulatedReply {
    pub id: OrderId,
    pub outcome: RequestOutcome,
    pub by: By,
    /// Whether the ledger had the order when this was decided.
    pub ledger_had_it: bool,
    /// What the edge may forward next.
    pub grant: Option<Grant>,
}

impl UpstreamResponse for SimulatedReply {
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
