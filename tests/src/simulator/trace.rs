//! How the events of a run are told.

use super::message::{By, Forwarded, Request, RequestOutcome, SimulatedReply};
use shared::OrderId;
use shared::seats::order_lines::text_of_claims;
use shared::seats::{OrderLines, OrderPart};

/// The end of an order id, which tells the orders of one run apart.
fn short(id: &OrderId) -> &str {
    let text = id.as_str();
    text.strip_prefix("order-").map_or(text, |rest| rest.split_once('-').map_or(rest, |(n, _)| n))
}

/// A client's request.
pub fn request(request: &Request) -> String {
    let id = request.id.as_ref().map_or("no key", short);
    let (op, key, n) = (request.op, request.key, request.quantity.get());
    let seats = seats(request.lines.as_ref(), &request.part);
    format!("{op:?} {id} ({key:?}) {n} for {}{seats}", request.buyer)
}

/// What is asked for of a plan, and of which part of an order; nothing in a sale without a plan.
fn seats(lines: Option<&OrderLines>, part: &OrderPart) -> String {
    let lines = lines.map(|lines| format!(", {lines}")).unwrap_or_default();
    match part {
        OrderPart::Whole => lines,
        part => format!("{lines}, part {}", part.to_text()),
    }
}

/// A request as an edge sends it on.
pub fn forwarded(Forwarded { op, order, key, part }: &Forwarded) -> String {
    let (id, key, n) = (short(&order.id), key, order.quantity.get());
    let seats = seats(order.lines.as_ref(), part);
    format!("{op:?} {id} ({key:?}) {n} for {}{seats}", order.buyer)
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
            let seats = order.seats.as_deref().map(|seats| text_of_claims(&seats.claims));
            let seats = seats.map(|seats| format!(", {seats}")).unwrap_or_default();
            format!("{id} yes{again}, {}{seats}", order.state)
        }
        RequestOutcome::NoSeats(refused, held) => {
            let held = if *held { ", some are held" } else { "" };
            format!("{id} no, line {}: {:?}{held}", refused.line, refused.refusal)
        }
        RequestOutcome::Refused(refusal) => format!("{id} no, {refusal:?} (by the {by})"),
        RequestOutcome::Trouble(code) => format!("{id} {}", code.as_str()),
    }
}
