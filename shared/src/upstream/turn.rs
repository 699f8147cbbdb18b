//! Turn of the orders: those that come shortly one after the other go to one origin.
//!
//! A batch at the ledger costs about as much with forty orders as with ten. Orders that spread over
//! the origins one by one wait at each of them for a batch of its own; those that are sent to one
//! gather there while its last batch is at the ledger, and the others have the next turns. No order
//! waits for a turn. Each is charged to its origin, so the weights stay exact over time
//! ([`crate::upstream::strategy::RouteKey::turn`]).

use crate::domain::time::UnixMillis;
use crate::limits::TURN_MS;

/// The origin that orders go to now, for an edge whose turns have more than one order.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderTurn {
    /// Orders of one turn; 0 = each order is routed by itself.
    orders: u32,
    index: usize,
    left: u32,
    until: UnixMillis,
}

impl OrderTurn {
    /// Turns of at most so many orders; with 0 or 1 there are none.
    #[must_use]
    pub const fn of_orders(orders: u32) -> Self {
        Self { orders, index: 0, left: 0, until: UnixMillis(0) }
    }

    /// The origin whose turn it is, as [`crate::upstream::balancer::Router::url`] counts; `None`
    /// where the next order begins a turn.
    #[must_use]
    pub fn origin(&self, now: UnixMillis) -> Option<usize> {
        (self.left > 0 && now < self.until).then_some(self.index)
    }

    /// An order goes to the origin `index`.
    pub fn goes_to(&mut self, index: usize, now: UnixMillis) {
        match self.origin(now) {
            Some(origin) if origin == index => self.left -= 1,
            _ => {
                self.index = index;
                self.left = self.orders.saturating_sub(1);
                self.until = now.plus(TURN_MS);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TURN_ORDERS_MAX;

    const NOW: UnixMillis = UnixMillis(1_000);

    #[test]
    fn a_turn_ends_after_so_many_orders_or_so_long() {
        let mut turn = OrderTurn::of_orders(TURN_ORDERS_MAX);
        assert_eq!(turn.origin(NOW), None);
        for _ in 1..TURN_ORDERS_MAX {
            turn.goes_to(2, NOW);
            assert_eq!(turn.origin(NOW), Some(2));
        }
        turn.goes_to(2, NOW);
        assert_eq!(turn.origin(NOW), None, "the turn is full");
        turn.goes_to(1, NOW);
        assert_eq!(turn.origin(NOW.plus(TURN_MS - 1)), Some(1));
        assert_eq!(turn.origin(NOW.plus(TURN_MS)), None, "it is over");
    }

    #[test]
    fn an_order_that_goes_elsewhere_begins_a_turn_there() {
        let mut turn = OrderTurn::of_orders(TURN_ORDERS_MAX);
        turn.goes_to(0, NOW);
        turn.goes_to(3, NOW);
        assert_eq!(turn.origin(NOW), Some(3));
    }

    #[test]
    fn an_edge_without_turns_routes_each_order_by_itself() {
        let mut turn = OrderTurn::default();
        turn.goes_to(3, NOW);
        assert_eq!(turn.origin(NOW), None);
    }
}
