//! Planted faults of a sale with a plan: what the ledger does wrong.

use shared::ledger_model::event_log::{Entry, Event};
use shared::ledger_model::{ModelReply, Sale};
use shared::seats::{Journey, OrderSeats, SeatClaim};
use shared::{Order, OrderId, Verdict};
use std::sync::Arc;

/// What gives seats back frees one of them on a leg more.
pub(super) fn free_one_leg_more(sale: &mut Sale, entry: &Entry) {
    let gives_back = |event: &Event| {
        matches!(event, Event::Cancelled(_) | Event::Expired(_) | Event::Reduced { .. })
    };
    let orders = entry.events.iter().filter(|event| gives_back(event)).filter_map(Event::order);
    let orders: Vec<Arc<OrderSeats>> =
        orders.filter_map(|id| sale.orders.get(id)?.seats.clone()).collect();
    let Some(seats) = &mut sale.seats else { return };
    for claim in orders.iter().flat_map(|seats| &seats.claims) {
        for (leg, seat) in claim.seats.iter().map(|seat| (claim.journey.to(), *seat)) {
            let Some(journey) = Journey::new(leg, leg + 1) else { continue };
            let more = SeatClaim { class: claim.class, journey, quantity: 1, seats: vec![seat] };
            if leg < seats.plan.legs() && seats.book.give_back(&[more]).is_ok() {
                return;
            }
        }
    }
}

/// That some places are only held is not said.
pub(super) fn hold_nothing(answer: &mut ModelReply) {
    if let ModelReply::Orders(verdicts) = answer {
        for verdict in verdicts {
            if let Verdict::NoSeats { some_held, .. } = verdict {
                *some_held = false;
            }
        }
    }
}

/// Orders that are gone are restored on seats that are searched anew.
pub(super) fn move_seats(sale: &Sale, acked: &mut [(OrderId, Order)]) {
    let Some(seats) = &sale.seats else { return };
    let mut book = seats.book.clone();
    for (id, order) in acked {
        let Some(of) = order.seats.as_deref() else { continue };
        if sale.orders.contains_key(id) || of.tickets() < of.lines.tickets() {
            continue;
        }
        if let Ok(Ok(claims)) = book.place(of.lines.as_slice()) {
            order.seats = Some(Arc::new(OrderSeats { lines: of.lines.clone(), claims }));
        }
    }
}
