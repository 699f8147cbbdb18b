//! Last seen state of one sale: the newest snapshot and its `commit_seq`.

use shared::Snapshot;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// The newest snapshot of one sale.
#[derive(Debug, Default)]
pub(super) struct LastSeen {
    /// Read with each call, so without the lock.
    commit_seq: AtomicU64,
    last: Mutex<Option<Snapshot>>,
    noted: AtomicU64,
}

impl LastSeen {
    pub(super) fn observe(&self, snapshot: &Snapshot) {
        if snapshot.commit_seq < self.commit_seq() {
            return;
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.commit_seq <= snapshot.commit_seq) {
            *last = Some(*snapshot);
            self.commit_seq.fetch_max(snapshot.commit_seq, Ordering::AcqRel);
        }
    }

    pub(super) fn commit_seq(&self) -> u64 {
        self.commit_seq.load(Ordering::Acquire)
    }

    pub(super) fn last(&self) -> Option<Snapshot> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much had been noted of all sales when the last order of this one was.
    pub(super) fn noted(&self) -> u64 {
        self.noted.load(Ordering::Acquire)
    }

    pub(super) fn note_at(&self, noted: u64) {
        self.noted.fetch_max(noted, Ordering::AcqRel);
    }
}
