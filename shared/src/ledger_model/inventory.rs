//! Inventory of a sale: what fits, and what taking and giving back change.

use super::Sale;
use crate::domain::ids::BuyerId;
use crate::domain::order::Order;
use crate::limits::ENDED_ORDERS_MAX;
use crate::seats::SeatClaim;

/// What an order takes or gives back.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a> {
    /// Tickets, which limits and tallies of buyers count.
    pub(super) tickets: u32,
    /// Seats and places on legs, in a sale that has a plan.
    pub(super) claims: Option<&'a [SeatClaim]>,
}

impl<'a> Taken<'a> {
    /// All that an order has, or had when it ended.
    pub(super) fn of(order: &'a Order) -> Self {
        let claims = order.seats.as_deref().map(|seats| seats.claims.as_slice());
        Self { tickets: order.taken, claims }
    }

    /// What capacity, held and confirmed count.
    fn places(self) -> u32 {
        let of = |claims: &[SeatClaim]| claims.iter().map(SeatClaim::places).sum();
        self.claims.map_or(self.tickets, of)
    }
}

impl Sale {
    pub(super) const fn free(&self) -> u32 {
        self.capacity - self.held - self.confirmed
    }

    fn tickets_of(&self, buyer: &BuyerId) -> u64 {
        self.buyers.get(buyer).copied().unwrap_or(0)
    }

    /// THE inventory rule: tickets are taken only if that leaves none missing, and seats only if
    /// they are free.
    pub(super) fn fits(&self, taken: Taken<'_>) -> bool {
        match &self.seats {
            None => self.held + self.confirmed + taken.tickets <= self.capacity,
            Some(seats) => taken.claims.is_some_and(|claims| seats.fits(claims)),
        }
    }

    pub(super) fn within_buyer_limit(&self, buyer: &BuyerId, tickets: u32) -> bool {
        let limit = u64::from(self.terms.buyer_limit);
        limit == 0 || self.tickets_of(buyer) + u64::from(tickets) <= limit
    }

    pub(super) fn take(&mut self, confirmed: bool, buyer: &BuyerId, taken: Taken<'_>) {
        *(if confirmed { &mut self.confirmed } else { &mut self.held }) += taken.places();
        *self.buyers.entry(buyer.clone()).or_default() += u64::from(taken.tickets);
        if let (Some(seats), Some(claims)) = (&mut self.seats, taken.claims) {
            seats.take(confirmed, claims);
        }
    }

    pub(super) fn give_back(&mut self, confirmed: bool, buyer: &BuyerId, taken: Taken<'_>) {
        *(if confirmed { &mut self.confirmed } else { &mut self.held }) -= taken.places();
        let left = self.tickets_of(buyer) - u64::from(taken.tickets);
        if left == 0 {
            self.buyers.remove(buyer);
        } else {
            self.buyers.insert(buyer.clone(), left);
        }
        if let (Some(seats), Some(claims)) = (&mut self.seats, taken.claims) {
            seats.give_back(confirmed, claims);
        }
    }

    /// The tickets of an order that ends.
    pub(super) fn end(&mut self, confirmed: bool, order: &Order) {
        self.give_back(confirmed, &order.buyer, Taken::of(order));
        self.ended_more(&order.buyer);
    }

    pub(super) fn ended_more(&mut self, buyer: &BuyerId) {
        *self.ended.entry(buyer.clone()).or_default() += 1;
    }

    /// An order that had ended takes tickets again.
    pub(super) fn retake(&mut self, confirmed: bool, buyer: &BuyerId, taken: Taken<'_>) {
        self.take(confirmed, buyer, taken);
        match self.ended.get_mut(buyer) {
            Some(ended) if *ended > 1 => *ended -= 1,
            _ => {
                self.ended.remove(buyer);
            }
        }
    }

    pub(super) fn too_many_ended(&self, buyer: &BuyerId) -> bool {
        self.ended.get(buyer).is_some_and(|ended| *ended >= ENDED_ORDERS_MAX)
    }

    /// The hold time under which `order` was granted.
    pub(super) fn hold_ms_of(&self, order: &Order) -> u64 {
        let mut times = self.hold_times.iter();
        let before = times.find(|(changed_at, _)| order.created_at < *changed_at);
        before.map_or(self.terms.hold_ms, |(_, hold_ms)| *hold_ms)
    }

    /// What every command leaves.
    pub(super) fn assert_rules(&self) {
        assert!(self.held + self.confirmed <= self.capacity, "the inventory rule");
        if let Some(seats) = &self.seats {
            seats.assert_counted(&self.orders);
        }
    }
}
