//! Reference model of `restore.lua`.
//!
//! Whoever asserts what, and in whatever sequence, the end is the same, save that tickets have to
//! be free, and of a sale with a plan exactly the seats that were acknowledged. Orders only become
//! smaller: of two acknowledged states the one with fewer seats came later. An order that was
//! confirmed with other seats than it held was paid late, when its hold had ended.

use super::by_plan::Named;
use super::inventory::Taken;
use super::step::Step;
use crate::domain::ids::OrderId;
use crate::domain::order::{Order, Pass, Restored};
use crate::domain::order_state::OrderState;
use crate::domain::payment::PaymentNote;
use crate::ledger_model::event_log::Event;
use core::cmp::Ordering;
use std::sync::Arc;

impl Step<'_> {
    pub(super) fn restore(&mut self, id: &OrderId, acked: &Order, pass: Pass) -> Restored {
        let Some(order) = self.sale.orders.get(id).cloned() else {
            return self.insert(id, acked.clone(), pass);
        };
        if order.buyer != acked.buyer || order.asked != acked.asked || !same_lines(&order, acked) {
            return Restored::Conflict;
        }
        match acked.state {
            OrderState::Held => self.as_held(id, order, acked, pass),
            OrderState::Confirmed => self.as_confirmed(id, order, acked),
            OrderState::Cancelled => self.as_cancelled(id, order, acked),
            OrderState::Expired if acked.refused_late => self.as_refused_late(id, order, acked),
            OrderState::Expired => Restored::Present,
        }
    }

    fn insert(&mut self, id: &OrderId, mut acked: Order, pass: Pass) -> Restored {
        if acked.state == OrderState::Held && acked.deadline <= self.now {
            acked.state = OrderState::Expired;
        }
        if acked.state.takes() {
            let confirmed = acked.state == OrderState::Confirmed;
            let has_room = self.sale.fits(Taken::of(&acked));
            if !has_room || !(confirmed || may_hold(&acked, pass)) {
                return Restored::NoRoom;
            }
            self.sale.take(confirmed, &acked.buyer, Taken::of(&acked));
        } else if acked.is_tombstone() {
            self.sale.cancelled_early += 1;
        } else {
            self.sale.ended_more(&acked.buyer);
        }
        self.is_now(id, acked)
    }

    fn as_held(&mut self, id: &OrderId, mut order: Order, acked: &Order, pass: Pass) -> Restored {
        let longer = acked.deadline > order.deadline;
        let size = if acked.seats.is_some() { size(acked, &order) } else { Some(Ordering::Equal) };
        match (order.state, size) {
            (OrderState::Held, None) => Restored::Conflict,
            (OrderState::Held, Some(size)) => {
                if size == Ordering::Less {
                    self.reduce(id, &mut order, &Named::all(acked));
                }
                if longer {
                    order.deadline = acked.deadline;
                    let (id, deadline) = (id.clone(), acked.deadline);
                    return self.becomes(order, Event::Extended { id, deadline });
                }
                if size == Ordering::Less { Restored::Done } else { Restored::Present }
            }
            // It was extended, the ledger forgot that and let it expire.
            (OrderState::Expired, size)
                if longer && !order.refused_late && acked.deadline > self.now =>
            {
                match size {
                    None => return Restored::Conflict,
                    Some(Ordering::Less) => Named::all(acked).is_kept_by(&mut order),
                    Some(_) => {}
                }
                if !self.sale.fits(Taken::of(&order)) || !may_hold(acked, pass) {
                    return Restored::NoRoom;
                }
                self.sale.retake(false, &order.buyer, Taken::of(&order));
                order.state = OrderState::Held;
                order.deadline = acked.deadline;
                self.is_now(id, order)
            }
            // It gave a part back before it ended: a late payment is for what it had then.
            (OrderState::Expired, Some(Ordering::Less)) if !order.refused_late => {
                Named::all(acked).is_kept_by(&mut order);
                self.is_now(id, order)
            }
            _ => Restored::Present,
        }
    }

    fn as_confirmed(&mut self, id: &OrderId, mut order: Order, acked: &Order) -> Restored {
        let size = size(acked, &order);
        let by_plan = acked.seats.is_some();
        // It ended and was paid late, and got other seats.
        let moved = size.is_none() && is_no_more(acked, &order);
        if moved && order.state == OrderState::Held {
            self.free_tickets_of(&order);
            order.state = OrderState::Expired;
            self.becomes(order.clone(), Event::Expired(id.clone()));
        }
        match (order.state, size) {
            (OrderState::Cancelled, _) => return Restored::Present,
            (OrderState::Confirmed, Some(Ordering::Equal)) => return Restored::Present,
            (OrderState::Confirmed, Some(Ordering::Greater)) if by_plan => {
                return Restored::Present;
            }
            (OrderState::Confirmed, Some(Ordering::Less)) if by_plan => {
                self.reduce(id, &mut order, &Named::all(acked));
                return Restored::Done;
            }
            (OrderState::Confirmed, _) => return Restored::Conflict,
            _ if order.refused_late => return Restored::Conflict,
            (_, None | Some(Ordering::Greater)) if !moved => return Restored::Conflict,
            (OrderState::Expired, _) if !self.sale.fits(Taken::of(acked)) => {
                return Restored::NoRoom;
            }
            (OrderState::Expired | OrderState::Held, _) => {}
        }
        let was_held = order.state == OrderState::Held;
        if was_held {
            self.sale.give_back(false, &order.buyer, Taken::of(&order));
            self.sale.take(true, &order.buyer, Taken::of(acked));
            if acked.taken < order.taken {
                self.sale.version += 1;
            }
        } else {
            self.sale.retake(true, &order.buyer, Taken::of(acked));
        }
        order.state = OrderState::Confirmed;
        let named = Named::all(acked);
        named.is_kept_by(&mut order);
        let payment = paid_as(&mut order, acked);
        let (id, quantity, claims) = (id.clone(), named.tickets, named.claims);
        self.becomes(
            order,
            if was_held {
                Event::Confirmed { id, quantity, claims, payment }
            } else {
                Event::Retaken { id, quantity, claims, payment }
            },
        )
    }

    fn as_cancelled(&mut self, id: &OrderId, mut order: Order, acked: &Order) -> Restored {
        if order.state == OrderState::Cancelled || order.refused_late {
            return Restored::Present;
        }
        // One that expired here was given back late, or paid late and then given back: no payment
        // may take tickets again.
        if order.state.takes() {
            self.free_tickets_of(&order);
        }
        order.state = OrderState::Cancelled;
        // It was paid before it was given back, and that was lost, too.
        if order.payment.is_none() && paid_as(&mut order, acked).is_some() {
            return self.is_now(id, order);
        }
        self.becomes(order, Event::Cancelled(id.clone()))
    }

    fn as_refused_late(&mut self, id: &OrderId, mut order: Order, acked: &Order) -> Restored {
        match order.state {
            OrderState::Confirmed => return Restored::Conflict,
            OrderState::Cancelled => return Restored::Present,
            OrderState::Expired if order.refused_late => return Restored::Present,
            OrderState::Expired => {}
            OrderState::Held => {
                self.free_tickets_of(&order);
                self.events.push(Event::Expired(id.clone()));
            }
        }
        order.state = OrderState::Expired;
        order.refused_late = true;
        let payment = paid_as(&mut order, acked);
        self.becomes(order, Event::RefusedLate { id: id.clone(), payment })
    }

    pub(super) fn free_tickets_of(&mut self, order: &Order) {
        self.sale.end(order.state == OrderState::Confirmed, order);
        self.sale.version += 1;
    }

    fn is_now(&mut self, id: &OrderId, order: Order) -> Restored {
        let event = Event::Restored { id: id.clone(), order: order.clone() };
        self.becomes(order, event)
    }

    fn becomes(&mut self, order: Order, event: Event) -> Restored {
        if let Some(id) = event.order() {
            self.sale.orders.insert(id.clone(), order);
        }
        self.events.push(event);
        Restored::Done
    }
}

/// What the shop had said of the payment of an acknowledged order, if anything, is said of `order`.
fn paid_as(order: &mut Order, acked: &Order) -> Option<Arc<PaymentNote>> {
    if acked.payment.is_some() {
        order.payment.clone_from(&acked.payment);
    }
    acked.payment.clone()
}

/// Whether an acknowledged hold may take tickets in this pass. Of an order that gave a part back
/// while it was held, one node acknowledged all of it and another one what was left: what was left
/// comes first, so that the part does not take the place of others.
fn may_hold(acked: &Order, pass: Pass) -> bool {
    pass == Pass::Last || (pass == Pass::Second && acked.taken < acked.asked)
}

fn same_lines(one: &Order, other: &Order) -> bool {
    let lines = |order: &Order| order.seats.as_deref().map(|seats| seats.lines.clone());
    lines(one) == lines(other)
}

/// Whether the seats of an acknowledged order may be what it got instead of those of `order`.
fn is_no_more(acked: &Order, order: &Order) -> bool {
    matches!((&acked.seats, &order.seats), (Some(acked), Some(has)) if acked.is_no_more_than(has))
}

/// How `acked` compares with what `order` has: it has the same, a part of that or more; `None` if
/// each has something that the other one lacks.
fn size(acked: &Order, order: &Order) -> Option<Ordering> {
    let (Some(acked_seats), Some(seats)) = (&acked.seats, &order.seats) else {
        return Some(acked.taken.cmp(&order.taken));
    };
    match (acked_seats.is_part_of(seats), seats.is_part_of(acked_seats)) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Less),
        (false, true) => Some(Ordering::Greater),
        (false, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger_model::{ModelCommand, ModelReply, Sale};
    use crate::plan::Plan;
    use crate::seats::{OrderLines, OrderPart};
    use crate::{BuyerId, Cancellation, Payment, Quantity, Reserve, Terms, UnixMillis, Verdict};

    fn id() -> OrderId {
        OrderId::parse("0123456789abcdef").unwrap()
    }

    #[test]
    fn a_hold_that_gave_a_part_back_and_ended_while_it_was_lost_is_paid_late_for_the_rest_only() {
        let plan = r#"{"format":1,"stops":["A","B"],
            "classes":[{"id":"a","coaches":[{"ids":"1","rows":"1-3","letters":"A"}]}]}"#;
        let plan = Arc::new(Plan::from_json(plan).unwrap());
        let terms = Terms { hold_ms: 100, ..Terms::default() };
        let reserve = ModelCommand::Reserve(vec![Reserve {
            id: id(),
            buyer: BuyerId::parse("ada").unwrap(),
            quantity: Quantity::new(2).unwrap(),
            lines: OrderLines::parse("0.0-1.2a"),
        }]);
        let back = OrderPart::Seats(vec![(0, 1)]);
        let back = ModelCommand::Cancel(id(), Cancellation::default(), back);
        // Each was acknowledged by another node, and either comes first after all of it was lost.
        for whole_first in [true, false] {
            let create = || Sale::create_by_plan(Arc::clone(&plan), terms, true, UnixMillis(1)).0;
            let mut sale = create();
            let order = |command: &ModelCommand, sale: &mut Sale| {
                sale.apply(command, UnixMillis(2));
                (id(), sale.orders[&id()].clone())
            };
            let mut acked = [order(&reserve, &mut sale), order(&back, &mut sale)];
            assert_eq!((acked[0].1.taken, acked[1].1.taken), (2, 1));
            if !whole_first {
                acked.reverse();
            }
            let mut sale = create();
            for pass in [Pass::First, Pass::Second, Pass::Last] {
                for acked in &acked {
                    let restore = ModelCommand::Restore(vec![acked.clone()], pass);
                    sale.apply(&restore, UnixMillis(500));
                }
            }
            let pay = ModelCommand::Confirm(id(), OrderPart::Whole, Payment::default());
            let (paid, _) = sale.apply(&pay, UnixMillis(501));
            let ModelReply::Order(Verdict::Granted { order, .. }) = paid else {
                panic!("{paid:?}")
            };
            assert_eq!(
                (order.taken, sale.confirmed),
                (1, 1),
                "the whole came first: {whole_first}"
            );
        }
    }
}
