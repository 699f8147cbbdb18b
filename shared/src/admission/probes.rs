//! Probes: which of those that a cached "no" refuses ask an origin all the same.
//!
//! One arrival a period does, so that something newer is received; and a few with a client's own
//! key, because such an order may be in the ledger already.

use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::limits::{RECHECK_BUDGET, RECHECK_EVERY_MS, WINDOW_MAX_MS, WINDOW_MIN_MS};

/// The probes of one cached "no".
#[derive(Clone, Copy, Debug)]
pub(super) struct Probes {
    /// Milliseconds from one probe to the next.
    period_ms: u64,
    probe_at: UnixMillis,
    rechecks: u32,
    /// The same, kept for keys that are repeated because an answer was lost.
    repeats: u32,
    /// When the rechecks are full again.
    rechecks_at: UnixMillis,
}

/// What happens to an arrival that is to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probed {
    /// It asks an origin.
    Asks,
    /// It is told to come back in so many milliseconds: it may have an order.
    Later(u32),
    /// It is refused.
    Refused,
}

impl Probes {
    /// Those of a "no" that was asked for at `asked` and received `now`.
    pub(super) fn new(period_ms: u64, asked: UnixMillis, now: UnixMillis, chance: f64) -> Self {
        Self {
            period_ms,
            probe_at: asked.plus(shortened(period_ms, chance)).max(now),
            rechecks: rechecks(period_ms),
            repeats: RECHECK_BUDGET,
            rechecks_at: now.plus(RECHECK_EVERY_MS),
        }
    }

    /// The period from the next probe on.
    pub(super) const fn set_period(&mut self, period_ms: u64) {
        self.period_ms = period_ms;
    }

    /// Milliseconds from one probe to the next.
    pub(super) const fn period_ms(&self) -> u64 {
        self.period_ms
    }

    /// Decides for an arrival whose order id comes from `key`.
    pub(super) fn decide(&mut self, key: KeySource, now: UnixMillis, chance: f64) -> Probed {
        if now >= self.probe_at {
            self.probe_at = now.plus(shortened(self.period_ms, chance));
            return Probed::Asks;
        }
        if now >= self.rechecks_at {
            self.rechecks_at = now.plus(RECHECK_EVERY_MS);
            self.rechecks = rechecks(self.period_ms);
            self.repeats = RECHECK_BUDGET;
        }
        let left = match key {
            KeySource::Made | KeySource::Known => &mut 0,
            KeySource::Sent => &mut self.rechecks,
            KeySource::Repeated => &mut self.repeats,
        };
        if *left > 0 {
            *left -= 1;
            return Probed::Asks;
        }
        if key == KeySource::Repeated {
            return Probed::Later(spread(self.probe_at.since(now), chance));
        }
        Probed::Refused
    }
}

/// Keys sent for the first time that may pass a "no". Where thousands of edges ask, a few from each
/// would be more than all else; a client that lost an answer says so, and its key counts as
/// repeated.
const fn rechecks(period_ms: u64) -> u32 {
    if period_ms > WINDOW_MIN_MS { 0 } else { RECHECK_BUDGET }
}

/// A window that is up to an eighth shorter: edges that began together do not stay together.
pub(super) fn shortened(window_ms: u64, chance: f64) -> u64 {
    window_ms.saturating_sub((window_ms as f64 / 8.0 * chance) as u64)
}

/// Time until asking makes sense plus a random part of at most a window, so that those who wait do
/// not come back in the same millisecond.
pub(super) fn spread(wait_ms: u64, chance: f64) -> u32 {
    let jitter = chance * 250.0;
    (wait_ms.clamp(1, WINDOW_MAX_MS) as f64 + jitter) as u32
}
