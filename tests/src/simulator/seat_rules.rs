//! Rules of a sale with a plan: an order keeps its seats but for the parts that were named, and but
//! for a late payment that gets other seats where the sale gives them.

use super::judge::Asker;
use super::message::Op;
use super::world::SimulatedWorld;
use shared::domain::sale::LateSeats;
use shared::ledger_model::event_log::Event;
use shared::seats::{OrderPart, OrderSeats};
use shared::{Order, OrderId, OrderState};

const OTHER_SEATS: &str = "an acknowledged order has other seats";

/// Whether `after` may be what a late payment made of `before`: places for the same lines,
/// whichever seats, and no more of them.
fn is_paid_late(before: &Order, after: &Order) -> bool {
    let had_ended = matches!(before.state, OrderState::Held | OrderState::Expired);
    let is_paid = matches!(after.state, OrderState::Confirmed | OrderState::Cancelled);
    let (Some(before), Some(after)) = (&before.seats, &after.seats) else { return false };
    had_ended && is_paid && after.is_no_more_than(before)
}

impl SimulatedWorld {
    /// The ledger has changed an order.
    pub(super) fn seats_are_as_answered(&mut self, event: &Event) {
        let Some(id) = event.order() else { return };
        if let Some(order) = self.redis.audit().order(id).cloned() {
            self.has_seats_as_answered(id, &order);
        }
    }

    fn gives_other_seats(&self) -> bool {
        self.redis.sale().page.late_seats == LateSeats::Other
    }

    /// What the ledger has or a node acknowledges of an order, and what any node acknowledged
    /// before, are the same seats, or one is a part of the other.
    pub(super) fn has_seats_as_answered(&mut self, id: &OrderId, order: &Order) {
        let Some((_, was_told)) = self.judge.told.get(id) else { return };
        let (Some(told), Some(is)) = (&was_told.seats, &order.seats) else { return };
        if told.is_part_of(is) || is.is_part_of(told) {
            return;
        }
        let moved = is_paid_late(was_told, order) || is_paid_late(order, was_told);
        if moved && self.gives_other_seats() {
            return;
        }
        // One that is lost for good may be ordered again by whoever waits for it still.
        if !(self.judge.went_without && self.judge.lost.contains(id)) {
            let seen = format!("{id}: {:?}, told were {:?}", is.claims, told.claims);
            self.broken(OTHER_SEATS, seen);
        }
    }

    /// A client hears that its order was changed: by what it named and by nothing else.
    pub(super) fn seats_are_as_named(&mut self, client: &Asker, order: &Order, replayed: bool) {
        let (Some(had), Some(has)) = (client.had, &order.seats) else { return };
        let (op, part) = client.change;
        let named = |part: &OrderPart| had.split(part);
        let expected = match (op, order.state) {
            (Op::Confirm, OrderState::Confirmed) => named(part).map(|(named, _)| named),
            (Op::Cancel, OrderState::Held | OrderState::Confirmed) => {
                named(part).map(|(_, rest)| rest)
            }
            (Op::Cancel, OrderState::Cancelled) if *part != OrderPart::Whole && !replayed => {
                let seen = format!("client {}: all is given back", client.number);
                return self.broken("a call changes another part than it names", seen);
            }
            _ => return,
        };
        // Where it was paid late in between, only how much it has of each line is known.
        let exact =
            !self.gives_other_seats() || (op == Op::Confirm && matches!(part, OrderPart::Seats(_)));
        let same_size = |claims| {
            let expected = OrderSeats { lines: has.lines.clone(), claims };
            expected.is_no_more_than(has) && has.is_no_more_than(&expected)
        };
        if expected.as_ref() != Some(&has.claims)
            && (exact || !expected.clone().is_some_and(same_size))
        {
            let seen = format!(
                "client {}: {op:?} {part:?} of {:?} leaves {:?}",
                client.number, had.claims, has.claims
            );
            self.broken("a call changes another part than it names", seen);
        }
    }
}
