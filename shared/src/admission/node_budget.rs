//! Node budget: how many tickets a node may still ask for before the next ledger reply.
//!
//! A hint that reserves nothing; only the ledger gives tickets. In a sale with a plan it counts as
//! the sale's free tickets do: places on legs, so an order takes its quantities times the legs of
//! their journeys. Counted as tickets, an order of a long way would take too little of a budget
//! that is its legs as large, and a node would ask for many times what its share is.

use crate::limits::HEADROOM;

/// Tickets that a node may still ask the ledger for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeBudget {
    left: u32,
}

impl NodeBudget {
    /// The budget of a node after a ledger reply with `free` free tickets: its share by weight,
    /// a headroom above it, rounded up, so that every node may ask while anything is free.
    ///
    /// `weight` is the node's own, `live_weight` the sum over live nodes (at least `weight`).
    #[must_use]
    pub fn of(free: u32, weight: u32, live_weight: u32) -> Self {
        let share = f64::from(weight.max(1)) / f64::from(live_weight.max(weight).max(1));
        // At most 1.1 * 10^9: exact in f64 and within u32.
        Self { left: (f64::from(free) * share * (1.0 + HEADROOM)).ceil() as u32 }
    }

    /// Takes so many, or says that the next ledger reply has to come first. The last order may take
    /// more than is left: otherwise a large order would wait for ever on a small share.
    pub fn take(&mut self, tickets: u32) -> bool {
        let some = self.left > 0;
        self.left = self.left.saturating_sub(tickets);
        some
    }

    /// Tickets left.
    #[must_use]
    pub const fn left(self) -> u32 {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_follows_the_weight_of_live_nodes() {
        assert_eq!(NodeBudget::of(10_000, 1, 10).left(), 1_100);
        assert_eq!(NodeBudget::of(10_000, 4, 10).left(), 4_400);
        assert_eq!(NodeBudget::of(10_000, 4, 4).left(), 11_000);
        assert_eq!(NodeBudget::of(0, 4, 4).left(), 0);
    }

    #[test]
    fn the_last_order_may_ask_for_more_than_the_share() {
        let mut budget = NodeBudget::of(1, 1, 10);
        assert!(budget.take(5));
        assert!(!budget.take(1));
    }

    proptest! {
        #[test]
        fn all_nodes_together_may_ask_for_everything_that_is_free(
            free in 0u32..=1_000_000_000, weights in proptest::collection::vec(1u32..=100, 1..=32),
        ) {
            let live: u32 = weights.iter().sum();
            let of_weight = |w: &u32| u64::from(NodeBudget::of(free, *w, live).left());
            let together: u64 = weights.iter().map(of_weight).sum();
            prop_assert!(together >= u64::from(free));
        }

        #[test]
        fn a_node_may_ask_whenever_anything_is_free(
            free in 1u32.., weight in 1u32..=1_000, live in 0u32..,
        ) {
            prop_assert!(NodeBudget::of(free.min(1_000_000_000), weight, live).take(1));
        }
    }
}
