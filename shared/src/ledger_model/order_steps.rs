//! Steps that concern one order: it is granted, confirmed, given back or prolonged.

use super::by_plan::Named;
use super::inventory::Taken;
use super::step::Step;
use crate::domain::ids::OrderId;
use crate::domain::order::{Cancellation, Order, Reserve, Verdict};
use crate::domain::order_state::OrderState;
use crate::domain::payment::{Payment, PaymentNote};
use crate::domain::refusal::Refusal;
use crate::domain::sale::SaleState;
use crate::domain::time::UnixMillis;
use crate::ledger_model::event_log::Event;
use crate::limits::{CANCELLED_EARLY_MAX, HOLD_LIFE_FACTOR};
use crate::seats::{OrderPart, OrderSeats};
use std::sync::Arc;

impl Step<'_> {
    pub(super) fn reserve(&mut self, request: &Reserve) -> Verdict {
        if self.sale.seats.is_none() && request.lines.is_some() {
            return Verdict::Refused(Refusal::NoPlan);
        }
        if let Some(order) = self.sale.orders.get(&request.id) {
            return replay(order, request);
        }
        if let Some(refusal) = self.not_now(request) {
            return Verdict::Refused(refusal);
        }
        let seats = match &request.lines {
            Some(lines) => match self.find_seats(lines) {
                Ok(claims) => Some(Arc::new(OrderSeats { lines: lines.clone(), claims })),
                Err(verdict) => return verdict,
            },
            None => None,
        };
        let sale = &mut *self.sale;
        let at_once = sale.terms.hold_ms == 0;
        let order = Order {
            buyer: request.buyer.clone(),
            state: if at_once { OrderState::Confirmed } else { OrderState::Held },
            asked: request.quantity.get(),
            taken: request.quantity.get(),
            created_at: self.now,
            deadline: if at_once { UnixMillis(0) } else { self.now.plus(sale.terms.hold_ms) },
            refused_late: false,
            seats,
            payment: None,
        };
        sale.take(at_once, &order.buyer, Taken::of(&order));
        sale.orders.insert(request.id.clone(), order.clone());
        self.events.push(Event::Granted {
            id: request.id.clone(),
            quantity: order.taken,
            deadline: order.deadline,
            buyer: order.buyer.clone(),
            seats: order.seats.clone(),
        });
        Verdict::Granted { order, replayed: false }
    }

    /// Why an order that is not known gets nothing now, whatever seats are free.
    fn not_now(&self, request: &Reserve) -> Option<Refusal> {
        let (sale, quantity) = (&*self.sale, request.quantity.get());
        let by_plan = sale.seats.is_some();
        match sale.state {
            SaleState::Scheduled => {
                let opens_at = sale.terms.opens_at;
                Some(Refusal::NotOpen((opens_at.0 > 0).then_some(opens_at)))
            }
            SaleState::Paused => Some(Refusal::Paused),
            SaleState::Closed => Some(Refusal::Closed),
            SaleState::Open if by_plan && request.lines.is_none() => Some(Refusal::NeedsLines),
            SaleState::Open if quantity > sale.terms.order_limit => Some(Refusal::OrderLimit),
            SaleState::Open if !sale.within_buyer_limit(&request.buyer, quantity) => {
                Some(Refusal::BuyerLimit)
            }
            SaleState::Open if sale.too_many_ended(&request.buyer) => Some(Refusal::EndedLimit),
            SaleState::Open if by_plan => None,
            SaleState::Open if sale.fits(Taken { tickets: quantity, claims: None }) => None,
            SaleState::Open if sale.free() > 0 => Some(Refusal::NotEnough),
            SaleState::Open if sale.held > 0 => Some(Refusal::AllHeld),
            SaleState::Open => Some(Refusal::SoldOut),
        }
    }

    pub(super) fn confirm(&mut self, id: &OrderId, part: &OrderPart, payment: &Payment) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return Verdict::Refused(Refusal::UnknownOrder);
        };
        match order.state {
            OrderState::Cancelled => return Verdict::Refused(Refusal::WrongState(order.state)),
            OrderState::Expired if order.refused_late => {
                return Verdict::Refused(Refusal::HoldExpired);
            }
            _ => {}
        }
        let named = match Named::to_confirm(&order, part) {
            Ok(named) => named,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        match order.state {
            OrderState::Confirmed => return Verdict::Granted { order, replayed: true },
            OrderState::Expired => return self.confirm_late(id, order, named, (part, payment)),
            OrderState::Held | OrderState::Cancelled => {}
        }
        self.sale.give_back(false, &order.buyer, Taken::of(&order));
        self.sale.take(true, &order.buyer, named.taken());
        if named.tickets < order.taken {
            self.sale.version += 1;
        }
        order.state = OrderState::Confirmed;
        named.is_kept_by(&mut order);
        let payment = self.noted(&mut order, payment);
        let (quantity, claims) = (named.tickets, named.claims);
        self.events.push(Event::Confirmed { id: id.clone(), quantity, claims, payment });
        self.done(id, order)
    }

    /// Keeps what the shop says of the payment, if anything.
    fn noted(&self, order: &mut Order, payment: &Payment) -> Option<Arc<PaymentNote>> {
        let note = payment.noted(self.now);
        if note.is_some() {
            order.payment.clone_from(&note);
        }
        note
    }

    fn confirm_late(
        &mut self,
        id: &OrderId,
        mut order: Order,
        named: Named,
        (part, payment): (&OrderPart, &Payment),
    ) -> Verdict {
        let payment = self.noted(&mut order, payment);
        let may_have = self.sale.within_buyer_limit(&order.buyer, named.tickets);
        let found = match () {
            () if !may_have => None,
            () if self.sale.fits(named.taken()) => Some(named),
            () => self.other_seats(&order, &named, part),
        };
        if let Some(found) = found {
            self.sale.retake(true, &order.buyer, found.taken());
            order.state = OrderState::Confirmed;
            found.is_kept_by(&mut order);
            let (quantity, claims) = (found.tickets, found.claims);
            self.events.push(Event::Retaken { id: id.clone(), quantity, claims, payment });
            return self.done(id, order);
        }
        order.refused_late = true;
        self.sale.orders.insert(id.clone(), order);
        self.events.push(Event::RefusedLate { id: id.clone(), payment });
        Verdict::Refused(Refusal::HoldExpired)
    }

    pub(super) fn cancel(&mut self, id: &OrderId, how: Cancellation, part: &OrderPart) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return match how.if_state {
                None if !how.only_existing && *part == OrderPart::Whole => self.cancel_early(id),
                _ => Verdict::Refused(Refusal::UnknownOrder),
            };
        };
        // Whatever state was asked for: a repeat of the call that gave it back has lost its answer.
        if order.state == OrderState::Cancelled {
            return Verdict::Granted { order, replayed: true };
        }
        if how.if_state.is_some_and(|wanted| !wanted.is(order.state)) {
            return Verdict::Refused(Refusal::WrongState(order.state));
        }
        let rest = match Named::rest_of(&order, part) {
            Ok(rest) => rest,
            Err(refusal) => return Verdict::Refused(refusal),
        };
        // That a late payment was refused stays: the shop refunds on it.
        if order.refused_late {
            return Verdict::Granted { order, replayed: true };
        }
        if order.is_paid() && how.by_buyer && !self.sale.page.buyers_cancel {
            return Verdict::Refused(Refusal::Paid);
        }
        if let Some(rest) = rest {
            self.reduce(id, &mut order, &rest);
            return Verdict::Granted { order, replayed: false };
        }
        // The tickets of a hold that has ended returned when it ended.
        if order.state.takes() {
            self.free_tickets_of(&order);
        }
        order.state = OrderState::Cancelled;
        self.events.push(Event::Cancelled(id.clone()));
        self.done(id, order)
    }

    fn cancel_early(&mut self, id: &OrderId) -> Verdict {
        if self.sale.cancelled_early >= CANCELLED_EARLY_MAX {
            return Verdict::Refused(Refusal::UnknownOrder);
        }
        self.sale.cancelled_early += 1;
        let order = Order::tombstone(self.now);
        self.events.push(Event::Restored { id: id.clone(), order: order.clone() });
        self.done(id, order)
    }

    pub(super) fn extend(&mut self, id: &OrderId) -> Verdict {
        let Some(mut order) = self.sale.orders.get(id).cloned() else {
            return Verdict::Refused(Refusal::UnknownOrder);
        };
        match order.state {
            OrderState::Held => {}
            OrderState::Expired if order.refused_late => {
                return Verdict::Refused(Refusal::HoldExpired);
            }
            OrderState::Expired => return Verdict::Refused(Refusal::HoldEnded),
            state => return Verdict::Refused(Refusal::WrongState(state)),
        }
        let hold_ms = self.sale.hold_ms_of(&order);
        let longest = order.created_at.plus(HOLD_LIFE_FACTOR * hold_ms);
        let deadline = self.now.plus(hold_ms).min(longest);
        if deadline <= order.deadline {
            return Verdict::Refused(Refusal::HoldLimit);
        }
        order.deadline = deadline;
        self.events.push(Event::Extended { id: id.clone(), deadline });
        self.done(id, order)
    }

    fn done(&mut self, id: &OrderId, order: Order) -> Verdict {
        self.sale.orders.insert(id.clone(), order.clone());
        Verdict::Granted { order, replayed: false }
    }
}

/// The answer to an order that is known already.
fn replay(order: &Order, request: &Reserve) -> Verdict {
    let lines = order.seats.as_deref().map(|seats| &seats.lines);
    let same = order.buyer == request.buyer
        && order.asked == request.quantity.get()
        && lines == request.lines.as_ref();
    if same || order.is_tombstone() {
        Verdict::Granted { order: order.clone(), replayed: true }
    } else {
        Verdict::Refused(Refusal::KeyReused)
    }
}
