//! Point in time, always passed in by the caller that read a clock.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The last moment that lastseat writes, in the year 5138.
    pub const LAST: Self = Self(crate::limits::MOMENT_MAX_MS);

    /// This moment plus `ms` milliseconds; stops at the end of time instead of wrapping.
    #[must_use]
    pub const fn plus(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` until this moment; 0 when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A clock that does not go back: deadlines, windows and rests last as long as they should also
/// when the machine's clock is set back meanwhile. It may be ahead of the time of the day from then
/// on, so it signs nothing and dates nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Steady {
    last: UnixMillis,
    ahead_ms: u64,
}

impl Steady {
    /// A clock that has not been read yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last: UnixMillis(0), ahead_ms: 0 }
    }

    /// The time, now that the machine's clock says `now`.
    #[must_use]
    pub const fn at(&mut self, now: UnixMillis) -> UnixMillis {
        self.ahead_ms = self.ahead_ms.saturating_add(self.last.since(now));
        self.last = now;
        now.plus(self.ahead_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_clock_runs_on_when_the_machine_s_clock_is_set_back() {
        let mut clock = Steady::new();
        let read = [1_000, 1_005, 400, 410, 300, 2_000].map(|now| clock.at(UnixMillis(now)).0);
        assert_eq!(read, [1_000, 1_005, 1_005, 1_015, 1_015, 2_715]);
    }
}
