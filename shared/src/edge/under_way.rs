//! Requests under way: a bounded number of places, each given back when its request is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many requests of one kind are under way.
#[derive(Clone, Debug, Default)]
pub struct UnderWay(Arc<AtomicU32>);

impl UnderWay {
    /// A place for one more, if there are fewer than `max`.
    #[must_use]
    pub fn enter(&self, max: u32) -> Option<UnderWayPlace> {
        let entered = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            if taken < max { taken.checked_add(1) } else { None }
        });
        entered.is_ok().then(|| UnderWayPlace(Arc::clone(&self.0)))
    }

    /// How many there are.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of the requests under way, until it is dropped, whatever becomes of the request.
#[derive(Debug)]
pub struct UnderWayPlace(Arc<AtomicU32>);

impl Drop for UnderWayPlace {
    fn drop(&mut self) {
        // One was added for this place.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back_when_a_request_is_dropped() {
        let under_way = UnderWay::default();
        let one = under_way.enter(2);
        let two = under_way.enter(2);
        assert!(one.is_some() && two.is_some() && under_way.enter(2).is_none());
        drop(one);
        assert_eq!(under_way.taken(), 1);
        assert!(under_way.enter(2).is_some());
    }
}
