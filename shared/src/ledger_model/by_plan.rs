//! What sales with a plan do otherwise: lines find seats, and orders are named in parts.

use super::inventory::Taken;
use super::step::Step;
use crate::domain::ids::OrderId;
use crate::domain::order::{Order, Verdict};
use crate::domain::order_state::OrderState;
use crate::domain::refusal::Refusal;
use crate::domain::sale::LateSeats;
use crate::ledger_model::event_log::Event;
use crate::seats::{OrderLines, OrderPart, OrderSeats, SeatClaim};
use std::sync::Arc;

/// Tickets of an order, by which a call names a part of it, or those that are left of it.
pub(super) struct Named {
    pub(super) tickets: u32,
    /// A claim for each line, in a sale that has a plan.
    pub(super) claims: Option<Vec<SeatClaim>>,
}

impl Named {
    /// All that an order has.
    pub(super) fn all(order: &Order) -> Self {
        let claims = order.seats.as_deref().map(|seats| seats.claims.clone());
        Self { tickets: order.taken, claims }
    }

    fn of_claims(claims: Vec<SeatClaim>) -> Self {
        let tickets = claims.iter().map(|claim| claim.quantity).sum();
        Self { tickets, claims: Some(claims) }
    }

    /// What a payment is for: of an order that is confirmed already, all of it.
    pub(super) fn to_confirm(order: &Order, part: &OrderPart) -> Result<Self, Refusal> {
        let is_confirmed = order.state == OrderState::Confirmed;
        match (part, &order.seats) {
            (OrderPart::Whole, _) => Ok(Self::all(order)),
            (OrderPart::Tickets(tickets), _) if *tickets == order.taken => Ok(Self::all(order)),
            (OrderPart::Tickets(asked), _) if *asked > order.taken || is_confirmed => {
                Err(Refusal::QuantityHeld { has: order.taken, asked: *asked })
            }
            (OrderPart::Tickets(tickets), None) => Ok(Self { tickets: *tickets, claims: None }),
            (OrderPart::Tickets(_), Some(_)) => Err(Refusal::NeedsLines),
            (OrderPart::Lines(_) | OrderPart::Seats(_), None) => Err(Refusal::NoPlan),
            (OrderPart::Lines(_) | OrderPart::Seats(_), Some(seats)) => {
                let (named, _) = seats.split(part).ok_or(Refusal::NotItsSeats)?;
                let named = Self::of_claims(named);
                let is_all = named.tickets == order.taken;
                if is_confirmed && !is_all { Err(Refusal::NotItsSeats) } else { Ok(named) }
            }
        }
    }

    /// What is left of an order of which a part is given back; `None` if that is all of it.
    pub(super) fn rest_of(order: &Order, part: &OrderPart) -> Result<Option<Self>, Refusal> {
        match (part, &order.seats) {
            (OrderPart::Whole, _) => Ok(None),
            (_, None) => Err(Refusal::NoPlan),
            (OrderPart::Tickets(tickets), _) if *tickets == order.taken => Ok(None),
            (OrderPart::Tickets(_), _) => Err(Refusal::NeedsLines),
            _ if !order.state.takes() => Err(Refusal::WrongState(order.state)),
            (OrderPart::Lines(_) | OrderPart::Seats(_), Some(seats)) => {
                let (_, rest) = seats.split(part).ok_or(Refusal::NotItsSeats)?;
                Ok(Some(Self::of_claims(rest)).filter(|rest| rest.tickets > 0))
            }
        }
    }

    pub(super) fn taken(&self) -> Taken<'_> {
        Taken { tickets: self.tickets, claims: self.claims.as_deref() }
    }

    pub(super) fn is_kept_by(&self, order: &mut Order) {
        order.keep(self.tickets, self.claims.as_deref());
    }
}

impl Step<'_> {
    /// The claims of an order's lines, or how it is refused.
    pub(super) fn find_seats(&self, lines: &OrderLines) -> Result<Vec<SeatClaim>, Verdict> {
        let Some(seats) = &self.sale.seats else {
            return Err(Verdict::Refused(Refusal::NoPlan));
        };
        match seats.find(lines) {
            Ok(Ok(claims)) => Ok(claims),
            Ok(Err(refused)) => {
                let line = &lines.as_slice()[refused.line];
                let some_held = seats.some_held(line, &refused.refusal);
                Err(Verdict::NoSeats { refused: Arc::new(refused), some_held })
            }
            // Lines of another plan name nothing of this one.
            Err(_) => Err(Verdict::Refused(Refusal::NeedsLines)),
        }
    }

    /// What a late payment gets whose seats somebody else has, if the sale gives others: each line
    /// asks again, with the seats that it had as its first choice. Seats that the payment names
    /// are these and no others, so that a repeat of the call finds them.
    pub(super) fn other_seats(
        &self,
        order: &Order,
        named: &Named,
        part: &OrderPart,
    ) -> Option<Named> {
        if self.sale.page.late_seats == LateSeats::Same || matches!(part, OrderPart::Seats(_)) {
            return None;
        }
        let (has, claims) = (order.seats.as_deref()?, named.claims.clone()?);
        let wanted = OrderSeats { lines: has.lines.clone(), claims };
        let found = self.find_seats(&wanted.asked_again()?).ok()?;
        let claims = wanted.with_found(found);
        Some(Named { tickets: named.tickets, claims: Some(claims) })
    }

    /// Gives back all but `rest` of an order, which stays what it is.
    pub(super) fn reduce(&mut self, id: &OrderId, order: &mut Order, rest: &Named) {
        let is_confirmed = order.state == OrderState::Confirmed;
        self.sale.give_back(is_confirmed, &order.buyer, Taken::of(order));
        rest.is_kept_by(order);
        self.sale.take(is_confirmed, &order.buyer, Taken::of(order));
        self.sale.version += 1;
        self.sale.orders.insert(id.clone(), order.clone());
        let claims = rest.claims.clone().unwrap_or_default();
        self.events.push(Event::Reduced { id: id.clone(), quantity: rest.tickets, claims });
    }
}
