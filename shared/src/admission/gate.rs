//! Gate of the edge: forwards, delays or refuses an order from plain numbers.
//!
//! It never says "yes".

use crate::admission::grant::{Grant, Supply};
use crate::admission::probes::{Probed, Probes, shortened, spread};
use crate::domain::order::KeySource;
use crate::domain::refusal::Refusal;
use crate::domain::time::UnixMillis;
use crate::limits::{
    COLD_BUDGET, COLD_ROUND_MS, COLD_WAIT_MS, COLD_WAITS_MAX, GRANTED_WAITS_MAX, OPENING_JITTER_MS,
    OPENING_PROBE_MS, OPENING_RECHECK_MS, WINDOW_MAX_MS, WINDOW_MIN_MS,
};

mod gates;

pub use gates::{Gates, listed};

/// One arrival at the gate.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Where its order id comes from.
    pub key: KeySource,
    /// How many times it has waited already.
    pub waits: u32,
}

impl Arrival {
    /// An arrival that has just come.
    #[must_use]
    pub const fn new(key: KeySource) -> Self {
        Self { key, waits: 0 }
    }

    /// The same, after one more wait.
    #[must_use]
    pub const fn after_a_retry_interval(self) -> Self {
        Self { waits: self.waits.saturating_add(1), ..self }
    }
}

/// When a grant was received, by the edge's clock.
#[derive(Clone, Copy, Debug)]
pub struct Observation {
    /// When the question was sent: things stood so no earlier than this.
    pub asked: UnixMillis,
    /// When the answer came.
    pub now: UnixMillis,
    /// A random number in `0.0..1.0` that spreads the edges, so that not all ask at the same
    /// instant.
    pub chance: f64,
}

/// What happens to an arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateDecision {
    /// Ask an origin.
    Forward,
    /// Wait [`COLD_WAIT_MS`] on a timer of one's own and ask the gate
    /// again.
    Wait,
    /// No; the edge answers by itself.
    Refuse(Refusal),
}

/// What one edge isolate caches of one sale.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    version: u64,
    /// The end of the last window with a grant, by the edge's clock.
    granted_until: UnixMillis,
    /// The end of the present round by the edge's clock; a round is a window with a grant, or a
    /// cold one without.
    round_ends: UnixMillis,
    /// When it began.
    round_began: UnixMillis,
    /// Whether the round waits for its first grant.
    cold: bool,
    budget: u32,
    /// Requests that count against the budget of the present round.
    spent: u32,
    /// Of these, the ones that were sent before it began.
    carried: u32,
    /// Arrivals that begin to wait though a grant is there.
    places: WaitingPlaces,
    /// What the present round was begun with, and the earliest moment at which something was asked
    /// that it may not count as known.
    begun_with: Option<(Grant, UnixMillis)>,
    latch: Option<Latch>,
}

/// Places of those that begin to wait in one [`COLD_WAIT_MS`].
#[derive(Clone, Copy, Debug)]
struct WaitingPlaces {
    most: u32,
    since: UnixMillis,
    taken: u32,
}

impl Default for WaitingPlaces {
    fn default() -> Self {
        Self { most: GRANTED_WAITS_MAX, since: UnixMillis(0), taken: 0 }
    }
}

impl WaitingPlaces {
    fn take(&mut self, now: UnixMillis) -> bool {
        if now >= self.since.plus(COLD_WAIT_MS) {
            (self.since, self.taken) = (now, 0);
        }
        self.taken = self.taken.saturating_add(1);
        self.taken <= self.most
    }
}

/// A refusal that is cached until something newer is received.
#[derive(Clone, Copy, Debug)]
struct Latch {
    supply: Supply,
    opens_at: UnixMillis,
    probes: Probes,
    /// When the sale opens by the edge's clock, and the budget of its first window.
    opens: Option<(UnixMillis, u32)>,
}

impl Gate {
    /// Decides on one arrival. `now` is the edge's clock, `chance` a random number in `0.0..1.0`
    /// that spreads the return of those who are refused with `busy`.
    pub fn decide(&mut self, ask: Arrival, now: UnixMillis, chance: f64) -> GateDecision {
        if ask.key == KeySource::Known {
            return GateDecision::Forward;
        }
        if let Some(latch) = &mut self.latch {
            match latch.opens {
                Some((opens, budget)) if now >= opens => {
                    self.latch = None;
                    self.begin_round(now, COLD_ROUND_MS, budget, true);
                }
                _ => return latch.decide(ask, now, chance),
            }
        }
        if now >= self.round_ends {
            // A gate that has a grant of its sale asks as much as it was granted last, within the
            // cold budget: thousands of edges must not each send four requests after the last
            // ticket.
            let known = self.version > 0;
            let budget = if known { self.budget.clamp(1, COLD_BUDGET) } else { 1 };
            self.begin_round(now, COLD_ROUND_MS, budget, true);
        }
        if self.spent < self.budget {
            self.spent += 1;
            GateDecision::Forward
        } else if self.may_wait(ask, now) {
            GateDecision::Wait
        } else {
            GateDecision::Refuse(Refusal::Busy(spread(self.round_ends.since(now), chance)))
        }
    }

    /// Whether an arrival that finds the budget spent waits: for the first grant of a cold round,
    /// or for the end of a window, as far as there are places. Who is alone is not refused because
    /// the order before was a moment ago.
    fn may_wait(&mut self, ask: Arrival, now: UnixMillis) -> bool {
        if ask.waits >= COLD_WAITS_MAX {
            return false;
        }
        if self.cold || ask.waits > 0 {
            return true;
        }
        self.places.take(now)
    }

    /// Takes in what an origin's answer says.
    pub fn observe(&mut self, grant: &Grant, when: Observation) {
        if grant.version < self.version {
            return;
        }
        let newer = grant.version > self.version;
        if newer {
            self.version = grant.version;
            self.latch = None;
        }
        if grant.supply == Supply::Free {
            self.observe_free(grant, when, newer);
        } else {
            self.observe_none(grant, when);
        }
    }

    /// Within one version, the free tickets only fall: "none" holds until a newer version is
    /// received.
    fn observe_free(&mut self, grant: &Grant, when: Observation, newer: bool) {
        if self.latch.is_some() || self.already_counts(grant, when.asked) {
            return;
        }
        // An answer to what was asked within the window is no new share; it may have been
        // overtaken, too.
        let asked_anew = when.asked >= self.granted_until;
        // One of few edges goes on without a pause: what it asked in this window renews it.
        let few = grant.window_ms < WINDOW_MIN_MS;
        let renews = few && !self.cold && when.asked > self.round_began;
        if asked_anew || renews || (newer && self.spent >= self.budget) {
            // What the cold round sent belongs to this window already; what a window sent that is
            // renewed may be more than the grant counts.
            let sent = if self.cold || renews { self.spent - self.carried } else { 0 };
            // But it counts the one that it answers. Where few tickets and few edges are left,
            // that one counts.
            let sent = if few { sent.saturating_sub(1) } else { sent };
            // A far edge can use its budget for as long as a near one, but what it caches must not
            // get old.
            let trip = when.now.since(when.asked);
            let longest = WINDOW_MAX_MS.saturating_sub(trip).max(1);
            // The short window of one of few edges is as long as it takes to ask anew.
            let least = trip.min(WINDOW_MIN_MS);
            let left = shortened(grant.window_ms, when.chance).max(least).min(longest);
            let uncounted = self.round_began.plus(u64::from(!self.cold));
            self.begun_with = few.then_some((*grant, uncounted));
            self.begin_round(when.now, left, grant.budget, false);
            self.granted_until = self.round_ends;
            (self.spent, self.carried) = (sent, sent);
        }
    }

    /// Whether the grant is the one that the round began with. Orders that one node decides at the
    /// same time are answered with one grant: it counts each of them.
    fn already_counts(&mut self, grant: &Grant, asked: UnixMillis) -> bool {
        let known = self.begun_with.is_some_and(|(begun_with, since)| {
            begun_with == *grant && asked >= since && asked <= self.round_began
        });
        if known {
            self.spent = self.spent.saturating_sub(1);
            self.carried = self.carried.saturating_sub(1);
        }
        known
    }

    fn observe_none(&mut self, grant: &Grant, when: Observation) {
        let opens = (grant.supply == Supply::NotOpen && grant.opens_at.0 > 0)
            .then(|| (when.now.plus(grant.opens_at.since(grant.at)), grant.budget));
        // A sale that opens by itself is not a ticket that may return at any moment.
        let period_ms = match opens {
            Some(_) => grant.window_ms.max(OPENING_PROBE_MS),
            None => grant.window_ms,
        };
        match &mut self.latch {
            Some(latch) => {
                // Held tickets can become sold ones within a version, never the other way.
                if latch.supply == Supply::AllHeld {
                    latch.supply = grant.supply;
                }
                latch.probes.set_period(period_ms);
                latch.opens = opens;
            }
            None => {
                self.latch = Some(Latch {
                    supply: grant.supply,
                    opens_at: grant.opens_at,
                    probes: Probes::new(period_ms, when.asked, when.now, when.chance),
                    opens,
                });
            }
        }
    }

    fn begin_round(&mut self, now: UnixMillis, length_ms: u64, budget: u32, cold: bool) {
        (self.round_began, self.round_ends) = (now, now.plus(length_ms));
        self.budget = budget;
        (self.spent, self.carried) = (0, 0);
        self.cold = cold;
    }

    /// How many of those that wait are decided when they ask now: all if they are refused.
    #[must_use]
    pub const fn room(&self) -> u32 {
        match self.latch {
            Some(_) => u32::MAX,
            None => self.budget.saturating_sub(self.spent),
        }
    }

    /// Whether arrivals are refused without a request to an origin.
    #[must_use]
    pub const fn is_latched(&self) -> bool {
        self.latch.is_some()
    }
}

impl Latch {
    fn decide(&mut self, ask: Arrival, now: UnixMillis, chance: f64) -> GateDecision {
        match self.probes.decide(ask.key, now, chance) {
            Probed::Asks => return GateDecision::Forward,
            Probed::Later(ms) => return GateDecision::Refuse(Refusal::Busy(ms)),
            Probed::Refused => {}
        }
        GateDecision::Refuse(match self.supply {
            Supply::SoldOut => Refusal::SoldOut,
            Supply::AllHeld => Refusal::AllHeld,
            Supply::NotOpen => Refusal::NotOpen((self.opens_at.0 > 0).then_some(self.opens_at)),
            Supply::Paused => Refusal::Paused,
            Supply::Closed => Refusal::Closed,
            Supply::Unknown => Refusal::UnknownSale,
            Supply::Free => Refusal::Busy(spread(self.probes.period_ms(), chance)),
        })
    }
}

/// When one who was refused should ask again, in milliseconds; `None` = that "no" is final. Whoever
/// waits for an opening comes back then, or in a minute to see whether it was moved, plus a random
/// part, so that a million do not come in the same millisecond.
#[must_use]
pub fn come_back_ms(refusal: Refusal, now: UnixMillis, chance: f64) -> Option<u32> {
    match refusal {
        Refusal::Busy(ms) => Some(ms),
        Refusal::NotOpen(Some(opens_at)) => {
            let wait = opens_at.since(now).min(OPENING_RECHECK_MS);
            Some((wait as f64 + chance * OPENING_JITTER_MS) as u32)
        }
        _ => None,
    }
}

#[cfg(test)]
mod exact;

#[cfg(test)]
mod tests;
