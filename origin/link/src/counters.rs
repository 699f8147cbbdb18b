//! What links have counted, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that links count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkCount {
    /// Links that were opened.
    Opened,
    /// Frames of orders that were sent.
    Frames,
    /// Orders in them.
    Orders,
    /// Answers that came; those that nobody waited for any more count, too.
    Answers,
    /// Links that broke, by which the outcome of orders may have become unknown.
    Broken,
    /// Orders that were not taken because too many were under way.
    Full,
    /// Orders that were calls within the process: they were in no frame.
    InProcess,
}

/// All of them, since they were made.
#[derive(Debug, Default)]
pub struct LinkCounters([AtomicU64; 7]);

impl LinkCounters {
    /// How much was counted.
    #[must_use]
    pub fn get(&self, count: LinkCount) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, count: LinkCount, more: u64) {
        self.0[count as usize].fetch_add(more, Ordering::Relaxed);
    }
}
