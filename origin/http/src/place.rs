//! A place of a bounded number, such as the connections of a listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One of a bounded number; given back when dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Place {
    /// One of at most `max`; `None` where all are taken.
    #[must_use]
    pub fn take(taken: &Arc<AtomicUsize>, max: usize) -> Option<Self> {
        // Counted before it is known to be free, so that two cannot take the last one.
        let before = taken.fetch_add(1, Ordering::Relaxed);
        let place = Self(Arc::clone(taken));
        (before < max).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_left_can_be_taken_again() {
        let open = Arc::default();
        let first = Place::take(&open, 1);
        assert!(first.is_some());
        assert!(Place::take(&open, 1).is_none());
        drop(first);
        assert!(Place::take(&open, 1).is_some());
        assert_eq!(open.load(Ordering::Relaxed), 0);
    }
}
