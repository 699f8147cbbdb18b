//! Recent orders: a bounded set of order ids that were seen granted.
//!
//! Forgetting costs nothing but that certainty.

use crate::domain::ids::OrderId;
use crate::limits::RECENT_MAX;
use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The last [`RECENT_MAX`] order ids, as 64-bit fingerprints.
#[derive(Debug, Default)]
pub struct RecentOrders {
    known: HashSet<u64>,
    by_age: VecDeque<u64>,
}

impl RecentOrders {
    /// Remembers `id`, and forgets the oldest one where there are too many.
    pub fn add(&mut self, id: &OrderId) {
        let print = fingerprint(id);
        if !self.known.insert(print) {
            return;
        }
        self.by_age.push_back(print);
        if self.by_age.len() > RECENT_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether `id` is remembered. Two ids share a fingerprint once in 2^64; the ledger is asked
    /// then, and decides.
    #[must_use]
    pub fn has(&self, id: &OrderId) -> bool {
        self.known.contains(&fingerprint(id))
    }
}

/// 64 bits of the hash of an order id.
pub(super) fn fingerprint(id: &OrderId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first_and_the_memory_is_bounded() {
        let id = |n: usize| OrderId::parse(&format!("order-{n:016}")).unwrap();
        let mut recent = RecentOrders::default();
        for n in 0..RECENT_MAX + 2 {
            recent.add(&id(n));
            recent.add(&id(n));
        }
        assert!(!recent.has(&id(0)) && !recent.has(&id(1)));
        assert!(recent.has(&id(2)) && recent.has(&id(RECENT_MAX + 1)));
        assert_eq!(recent.by_age.len(), RECENT_MAX);
        assert_eq!(recent.known.len(), RECENT_MAX);
    }
}
