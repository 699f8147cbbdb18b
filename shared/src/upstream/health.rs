//! Passive health of one origin.
//!
//! What an edge has seen of one origin: nginx's passive health (it rests after failures, then gets
//! a single trial), slow start after a rest, and a look at whether it answers at all.

use super::origin_table::OriginRow;
use crate::domain::time::UnixMillis;
use crate::limits::{EDGE_DEADLINE_MS, SHED_MS, SILENCE_POLL_MS, STALL_MS};

/// A moment by the clock, and how long the edge had been at work by then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: UnixMillis,
    /// Milliseconds in which the edge saw events. An origin is silent only while others answer.
    pub(super) awake_ms: u64,
}

#[derive(Debug)]
pub(super) struct Health {
    max_fails: u32,
    fail_timeout_ms: u64,
    slow_start_ms: u64,
    fails: u32,
    /// Time of the last failure.
    failed_at: UnixMillis,
    /// Time of the last failure or of the trial since.
    checked_at: UnixMillis,
    /// When it came back from a rest.
    recovered_at: Option<UnixMillis>,
    /// Said `busy` or "not here" lately: asked only when nobody else can be.
    sheds_until: UnixMillis,
    in_flight: u32,
    /// Since when requests are out and none has been answered, in the edge's waking time.
    silent_since: u64,
}

impl Health {
    pub(super) const fn new(row: &OriginRow) -> Self {
        Self {
            max_fails: row.max_fails,
            fail_timeout_ms: row.fail_timeout_ms,
            slow_start_ms: row.slow_start_ms,
            fails: 0,
            failed_at: UnixMillis(0),
            checked_at: UnixMillis(0),
            recovered_at: None,
            sheds_until: UnixMillis(0),
            in_flight: 0,
            silent_since: 0,
        }
    }

    pub(super) const fn max_fails(&self) -> u32 {
        self.max_fails
    }

    pub(super) const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether the origin may be picked: it is up, or its rest is over and its trial not yet given
    /// away.
    pub(super) const fn takes(&self, now: Moment) -> bool {
        if self.max_fails == 0 {
            return true;
        }
        if self.is_silent(now) {
            return false;
        }
        self.fails < self.max_fails || now.at.since(self.checked_at) > self.fail_timeout_ms
    }

    /// Whether it failed as often as makes it rest, and has not answered since: also while its rest
    /// is over and nobody has asked it anew.
    pub(super) const fn is_failing(&self) -> bool {
        self.fails > 0 && self.fails >= self.max_fails
    }

    /// Whether requests are out and none has been answered for so long that none is expected. After
    /// the edge's own deadline nobody waits any more: then what counts as in flight was never
    /// reported, and says nothing.
    pub(super) const fn is_silent(&self, now: Moment) -> bool {
        let silence = self.silence(now);
        self.in_flight > 0 && silence > STALL_MS && silence <= EDGE_DEADLINE_MS
    }

    /// Milliseconds until the origin counts as silent if it goes on to answer nothing, within a
    /// look. One that does already is looked at as seldom as any other: all are silent, and each
    /// look is a timer of each request.
    pub(super) fn silence_limit_ms(&self, now: Moment) -> u64 {
        match (STALL_MS + 1).saturating_sub(self.silence(now)) {
            0 => SILENCE_POLL_MS,
            left => left.min(SILENCE_POLL_MS),
        }
    }

    const fn silence(&self, now: Moment) -> u64 {
        now.awake_ms - self.silent_since
    }

    /// Whether it takes requests and has not lately said that it is overloaded or stopping.
    pub(super) fn takes_gladly(&self, now: Moment) -> bool {
        self.takes(now) && now.at >= self.sheds_until
    }

    /// Its share of `weight` now: all of it, or less while it starts slowly after a rest.
    pub(super) fn ramp(&self, weight: i64, now: UnixMillis) -> i64 {
        let Some(recovered_at) = self.recovered_at else {
            return weight;
        };
        let up = now.since(recovered_at);
        if self.slow_start_ms == 0 || up >= self.slow_start_ms {
            return weight;
        }
        let share = i128::from(weight) * i128::from(up) / i128::from(self.slow_start_ms);
        i64::try_from(share).unwrap_or(weight).max(1)
    }

    /// A request goes there. The first one after a rest is the trial: until it is answered, no
    /// other follows.
    pub(super) const fn picked(&mut self, now: Moment) {
        if now.at.since(self.checked_at) > self.fail_timeout_ms {
            self.checked_at = now.at;
        }
        // A request whose end was never reported (the isolate dropped it) is over by now.
        if self.in_flight > 0 && self.silence(now) > EDGE_DEADLINE_MS {
            self.in_flight = 0;
        }
        if self.in_flight == 0 {
            self.silent_since = now.awake_ms;
        }
        self.in_flight = self.in_flight.saturating_add(1);
    }

    /// A success forgives failures, but only one that was asked for after the last of them.
    pub(super) fn answered(&mut self, now: Moment) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.silent_since = now.awake_ms;
        if self.failed_at < self.checked_at {
            if self.fails >= self.max_fails && self.max_fails > 0 {
                self.recovered_at = Some(now.at);
            }
            self.fails = 0;
        }
    }

    pub(super) fn sheds(&mut self, now: UnixMillis) {
        self.sheds_until = now.plus(SHED_MS);
    }

    /// One request that failed, which counts as `fails` failures.
    pub(super) const fn failed(&mut self, fails: u32, now: UnixMillis) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.fails = self.fails.saturating_add(fails);
        self.failed_at = now;
        self.checked_at = now;
    }
}
