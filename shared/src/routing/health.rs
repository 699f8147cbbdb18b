//! nginx's passive health: an origin that fails often enough rests, then gets a single trial.

use crate::time::UnixMillis;

/// What an edge has seen of one origin.
#[derive(Debug)]
pub(super) struct Health {
    max_fails: u32,
    fail_timeout_ms: u64,
    fails: u32,
    /// Time of the last failure.
    failed_at: UnixMillis,
    /// Time of the last failure or of the trial since.
    checked_at: UnixMillis,
}

impl Health {
    pub(super) const fn new(max_fails: u32, fail_timeout_ms: u64) -> Self {
        Self {
            max_fails,
            fail_timeout_ms,
            fails: 0,
            failed_at: UnixMillis(0),
            checked_at: UnixMillis(0),
        }
    }

    pub(super) const fn max_fails(&self) -> u32 {
        self.max_fails
    }

    /// Whether the origin may be picked: it is up, or its rest is over and its trial not yet given away.
    pub(super) const fn takes(&self, now: UnixMillis) -> bool {
        self.max_fails == 0
            || self.fails < self.max_fails
            || now.since(self.checked_at) > self.fail_timeout_ms
    }

    /// A request goes there. The first one after a rest is the trial: until it is answered, no other follows.
    pub(super) const fn picked(&mut self, now: UnixMillis) {
        if now.since(self.checked_at) > self.fail_timeout_ms {
            self.checked_at = now;
        }
    }

    /// A success forgives failures, but only one that was asked for after the last of them.
    pub(super) fn answered(&mut self) {
        if self.failed_at < self.checked_at {
            self.fails = 0;
        }
    }

    pub(super) const fn failed(&mut self, now: UnixMillis) {
        self.fails = self.fails.saturating_add(1);
        self.failed_at = now;
        self.checked_at = now;
    }
}
