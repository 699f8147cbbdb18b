//! The clocks of a gateway.

use shared::UnixMillis;
use shared::edge::state::EdgeTime;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that does not go back, and the time of the day beside it.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    started_wall: UnixMillis,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now(), started_wall: wall() }
    }

    pub(super) fn now(&self) -> EdgeTime {
        EdgeTime { steady: self.steady(), wall: wall() }
    }

    pub(super) fn steady(&self) -> UnixMillis {
        let ms = self.started.elapsed().as_millis();
        self.started_wall.plus(u64::try_from(ms).unwrap_or(u64::MAX))
    }
}

/// The time of the day; 1970 on a machine whose clock is before that.
pub(super) fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
