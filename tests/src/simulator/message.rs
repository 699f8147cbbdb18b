//! Messages between the parts of the simulated system.

use shared::domain::order::KeySource;
use shared::edge::upstream_request::OriginResponse;
use shared::seats::{OrderLines, OrderPart, SeatLineRefusal};
use shared::upstream::forwarding::UpstreamResponse;
use shared::wire::problem::no_seats_code;
use shared::{BuyerId, Code, Grant, Order, OrderId, Problem, Quantity, Refusal, Reserve};
use std::borrow::Cow;
use std::sync::Arc;

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
    /// What an order is for, in a sale that has a plan.
    pub lines: Option<OrderLines>,
    /// What of its order a change is about.
    pub part: OrderPart,
}

/// A request as an edge sends it on.
#[derive(Clone, Debug)]
pub struct Forwarded {
    pub op: Op,
    pub order: Reserve,
    /// Where its id comes from.
    pub key: KeySource,
    /// What of its order a change is about.
    pub part: OrderPart,
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
    /// A line finds no seats; `true` = some of what it asks for is only held.
    NoSeats(Arc<SeatLineRefusal>, bool),
    Trouble(Code),
}

impl RequestOutcome {
    /// What an edge answers by itself.
    pub fn of(problem: &Problem) -> Self {
        let refusal = match problem.code {
            Code::SoldOut => Refusal::SoldOut,
            Code::AllHeld => Refusal::AllHeld,
            Code::NotOpen => Refusal::NotOpen(problem.opens_at),
            Code::Paused => Refusal::Paused,
            Code::Closed => Refusal::Closed,
            Code::UnknownSale => Refusal::UnknownSale,
            Code::Busy => Refusal::Busy(problem.retry_after_ms.unwrap_or_default()),
            other => return Self::Trouble(other),
        };
        Self::Refused(refusal)
    }
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
            RequestOutcome::NoSeats(refused, held) => {
                no_seats_code(&refused.refusal, *held).status()
            }
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

impl OriginResponse for SimulatedReply {
    fn grant(&self) -> Option<Grant> {
        self.grant
    }

    fn sales(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn gone(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn etag(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn rejection(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn answered_by(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("origin"))
    }

    fn node(&self) -> Option<Cow<'_, str>> {
        None
    }
}
