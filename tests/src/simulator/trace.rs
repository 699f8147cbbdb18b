//! How the events of a run are told.

use super::message::{By, Forwarded, Request, RequestOutcome, SimulatedReply};
use shared::OrderId;

/// The end of an order id, which tells the orders of one run apart.
fn short(id: &OrderId) -> &str {
    let text = id.as_str();
    text.strip_prefix("order-").map_or(text, |rest| rest.split_once('-').map_or(rest, |(n, _)| n))
}

/// A client's request.
pub fn request(request: &Request) -> String {
    let id = request.id.as_ref().map_or("no key", short);
    let (op, key, n) = (request.op, request.key, request.quantity.get());
    format!("{op:?} {id} ({key:?}) {n} for {}", request.buyer)
}

/// A request as an edge sends it on.
pub fn forwarded(Forwarded { op, order, key }: &Forwarded) -> String {
    let (id, key, n) = (short(&order.id), key, order.quantity.get());
    format!("{op:?} {id} ({key:?}) {n} for {}", order.buyer)
}

/// An answer.
pub fn answer(answer: &SimulatedReply) -> String {
    let id = short(&answer.id);
    let by = match answer.by {
        By::Edge => "edge".to_owned(),
        By::Node(n) => format!("node {n}"),
        By::Ledger => "ledger".to_owned(),
    };
    match &answer.outcome {
        RequestOutcome::Granted(order, replayed) => {
            let again = if *replayed { " again" } else { "" };
            format!("{id} yes{again}, {}", order.state)
        }
        RequestOutcome::Refused(refusal) => format!("{id} no, {refusal:?} (by the {by})"),
        RequestOutcome::Trouble(code) => format!("{id} {}", code.as_str()),
    }
}
