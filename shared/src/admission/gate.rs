//! Gate of the edge: forwards, delays or refuses an order from plain numbers.
//!
//! It never says "yes".

use crate::admission::grant::{Grant, Supply};
use crate::domain::ids::SaleId;
use crate::domain::order::KeySource;
use crate::domain::refusal::Refusal;
use crate::domain::time::UnixMillis;
use crate::limits::{
    COLD_BUDGET, COLD_ROUND_MS, COLD_WAIT_MS, COLD_WAITS_MAX, EDGE_SALES_MAX, GRANTED_WAITS_MAX,
    OPENING_JITTER_MS, OPENING_PROBE_MS, OPENING_RECHECK_MS, RECHECK_BUDGET, RECHECK_EVERY_MS,
    SALES_HEADER_MAX, WINDOW_MAX_MS, WINDOW_MIN_MS,
};
use std::collections::HashMap;

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
    /// Arrivals that began to wait since then, though a grant was there.
    waiting: (UnixMillis, u32),
    latch: Option<Latch>,
}

/// A refusal that is cached until something newer is received.
#[derive(Clone, Copy, Debug)]
struct Latch {
    supply: Supply,
    opens_at: UnixMillis,
    /// Milliseconds from one probe to the next.
    period_ms: u64,
    probe_at: UnixMillis,
    rechecks: u32,
    /// The same, kept for keys that are repeated because an answer was lost.
    repeats: u32,
    /// When the rechecks are full again.
    rechecks_at: UnixMillis,
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
        let (since, began) = &mut self.waiting;
        if now >= since.plus(COLD_WAIT_MS) {
            (*since, *began) = (now, 0);
        }
        *began = began.saturating_add(1);
        *began <= GRANTED_WAITS_MAX
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
        if self.latch.is_some() {
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
            // renewed may be more than the grant knows of.
            let sent = if self.cold || renews { self.spent - self.carried } else { 0 };
            // But it knows of the one that it answers. Where few tickets and few edges are left,
            // that one counts.
            let sent = if few { sent.saturating_sub(1) } else { sent };
            // A far edge can use its budget for as long as a near one, but what it caches must not
            // get old.
            let trip = when.now.since(when.asked);
            let longest = WINDOW_MAX_MS.saturating_sub(trip).max(1);
            // The short window of one of few edges is as long as it takes to ask anew.
            let least = trip.min(WINDOW_MIN_MS);
            let left = shortened(grant.window_ms, when.chance).max(least).min(longest);
            self.begin_round(when.now, left, grant.budget, false);
            self.granted_until = self.round_ends;
            self.spent = sent.min(grant.budget);
            self.carried = self.spent;
        }
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
                latch.period_ms = period_ms;
                latch.opens = opens;
            }
            None => {
                let probe_at = when.asked.plus(shortened(period_ms, when.chance));
                self.latch = Some(Latch {
                    supply: grant.supply,
                    opens_at: grant.opens_at,
                    period_ms,
                    probe_at: probe_at.max(when.now),
                    rechecks: rechecks(period_ms),
                    repeats: RECHECK_BUDGET,
                    rechecks_at: when.now.plus(RECHECK_EVERY_MS),
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

    /// Whether arrivals are refused without a request to an origin.
    #[must_use]
    pub const fn is_latched(&self) -> bool {
        self.latch.is_some()
    }
}

impl Latch {
    fn decide(&mut self, ask: Arrival, now: UnixMillis, chance: f64) -> GateDecision {
        if now >= self.probe_at {
            self.probe_at = now.plus(shortened(self.period_ms, chance));
            return GateDecision::Forward;
        }
        if now >= self.rechecks_at {
            self.rechecks_at = now.plus(RECHECK_EVERY_MS);
            self.rechecks = rechecks(self.period_ms);
            self.repeats = RECHECK_BUDGET;
        }
        let left = match ask.key {
            KeySource::Made | KeySource::Known => &mut 0,
            KeySource::Sent => &mut self.rechecks,
            KeySource::Repeated => &mut self.repeats,
        };
        if *left > 0 {
            *left -= 1;
            return GateDecision::Forward;
        }
        if ask.key == KeySource::Repeated {
            let wait = self.probe_at.since(now);
            return GateDecision::Refuse(Refusal::Busy(spread(wait, chance)));
        }
        GateDecision::Refuse(match self.supply {
            Supply::SoldOut => Refusal::SoldOut,
            Supply::AllHeld => Refusal::AllHeld,
            Supply::NotOpen => Refusal::NotOpen((self.opens_at.0 > 0).then_some(self.opens_at)),
            Supply::Paused => Refusal::Paused,
            Supply::Closed => Refusal::Closed,
            Supply::Unknown => Refusal::UnknownSale,
            Supply::Free => Refusal::Busy(spread(self.period_ms, chance)),
        })
    }
}

/// Keys sent for the first time that may pass a latch. Where thousands of edges ask, a few from
/// each would be more than all else; a client that lost an answer says so, and its key counts as
/// repeated.
const fn rechecks(period_ms: u64) -> u32 {
    if period_ms > WINDOW_MIN_MS { 0 } else { RECHECK_BUDGET }
}

/// A window that is up to an eighth shorter: edges that began together do not stay together.
fn shortened(window_ms: u64, chance: f64) -> u64 {
    window_ms.saturating_sub((window_ms as f64 / 8.0 * chance) as u64)
}

/// Time until asking makes sense plus a random part of at most a window, so that those who wait do
/// not come back in the same millisecond.
fn spread(wait_ms: u64, chance: f64) -> u32 {
    let jitter = chance * 250.0;
    (wait_ms.clamp(1, WINDOW_MAX_MS) as f64 + jitter) as u32
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

/// The gates of one edge isolate, bounded.
///
/// Only sales that an origin serves get a gate of their own; all others share one, so that a flood
/// of invented names neither fills the memory nor asks an origin more often than one sale may.
#[derive(Debug, Default)]
pub struct Gates {
    known: HashMap<SaleId, Gate>,
    unknown_sales: Gate,
}

impl Gates {
    /// The gate for an arrival that names `sale`.
    pub fn of(&mut self, sale: &SaleId) -> &mut Gate {
        self.known.get_mut(sale).unwrap_or(&mut self.unknown_sales)
    }

    /// Whether an origin has said that `sale` exists.
    #[must_use]
    pub fn knows(&self, sale: &SaleId) -> bool {
        self.known.contains_key(sale)
    }

    /// Takes in the names of sales that exist, as the header `Lastseat-Sales` has them: each gets a
    /// gate of its own, as far as there is room, and a flood of invented names takes nothing from
    /// them.
    pub fn list(&mut self, names: &str) {
        for sale in listed(names) {
            if self.known.len() < EDGE_SALES_MAX {
                self.known.entry(sale).or_default();
            }
        }
    }

    fn insert(&mut self, sale: &SaleId, gate: Gate) {
        if self.known.len() >= EDGE_SALES_MAX {
            // Whichever: a gate that is missed is warm again after one answer.
            if let Some(other) = self.known.keys().next().cloned() {
                self.known.remove(&other);
            }
        }
        self.known.insert(sale.clone(), gate);
    }

    /// Takes in what an origin says of `sale`.
    pub fn observe(&mut self, sale: &SaleId, grant: &Grant, when: Observation) {
        if grant.supply == Supply::Unknown {
            // Of a node that does not serve the sale, or not yet: no word on a sale that another
            // one serves.
            return;
        }
        if let Some(gate) = self.known.get_mut(sale) {
            gate.observe(grant, when);
        } else {
            // The request whose answer this is was the first of a cold round.
            let mut gate = Gate { cold: true, spent: 1, ..Gate::default() };
            gate.observe(grant, when);
            self.insert(sale, gate);
        }
    }
}

/// The names in a header `Lastseat-Sales`.
pub fn listed(names: &str) -> impl Iterator<Item = SaleId> {
    let bounded = names.get(..SALES_HEADER_MAX).unwrap_or(names);
    let names = bounded.split(' ').map(SaleId::parse);
    names.filter_map(Result::ok)
}

#[cfg(test)]
mod exact;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MADE: Arrival = Arrival { key: KeySource::Made, waits: 0 };
    const SENT: Arrival = Arrival { key: KeySource::Sent, waits: 0 };

    fn grant(version: u64, at: u64, budget: u32, supply: Supply) -> Grant {
        Grant {
            version,
            at: UnixMillis(at),
            window_ms: 250,
            budget,
            supply,
            opens_at: UnixMillis(0),
        }
    }

    /// Received at once.
    fn at(now: u64) -> Observation {
        Observation { asked: UnixMillis(now), now: UnixMillis(now), chance: 0.0 }
    }

    fn forwarded(gate: &mut Gate, ask: Arrival, now: u64, arrivals: u32) -> u32 {
        (0..arrivals)
            .map(|_| u32::from(gate.decide(ask, UnixMillis(now), 0.0) == GateDecision::Forward))
            .sum()
    }

    #[test]
    fn a_cold_gate_sends_one_and_lets_the_rest_wait_a_beat() {
        let mut gate = Gate::default();
        assert_eq!(forwarded(&mut gate, MADE, 1_000, 1), 1);
        assert_eq!(gate.decide(MADE, UnixMillis(1_000), 0.0), GateDecision::Wait);
        let patient = Arrival { waits: COLD_WAITS_MAX, ..MADE };
        assert!(matches!(
            gate.decide(patient, UnixMillis(1_000), 0.0),
            GateDecision::Refuse(Refusal::Busy(1..=250))
        ));
    }

    #[test]
    fn what_the_cold_round_sent_is_part_of_the_first_budget() {
        let mut gate = Gate::default();
        forwarded(&mut gate, MADE, 1_000, 4);
        gate.observe(&grant(1, 10_000, 10, Supply::Free), at(1_005));
        assert_eq!(forwarded(&mut gate, MADE, 1_006, 100), 9);
    }

    #[test]
    fn a_budget_is_not_refilled_within_its_window_and_replaced_in_the_next() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 10, Supply::Free), at(1_000));
        assert_eq!(forwarded(&mut gate, MADE, 1_001, 100), 10);
        gate.observe(&grant(1, 10_100, 10, Supply::Free), at(1_100));
        assert_eq!(forwarded(&mut gate, MADE, 1_101, 100), 0);
        gate.observe(&grant(1, 10_250, 7, Supply::Free), at(1_250));
        assert_eq!(forwarded(&mut gate, MADE, 1_251, 100), 7);
    }

    #[test]
    fn a_warm_gate_whose_share_was_zero_asks_once_a_round() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 0, Supply::Free), at(1_000));
        assert_eq!(forwarded(&mut gate, MADE, 1_001, 10), 0);
        assert_eq!(forwarded(&mut gate, MADE, 1_300, 10), 1);
    }

    #[test]
    fn sold_out_is_refused_here_and_probed_once_a_period() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
        assert_eq!(
            gate.decide(MADE, UnixMillis(1_001), 0.0),
            GateDecision::Refuse(Refusal::SoldOut)
        );
        assert_eq!(forwarded(&mut gate, MADE, 1_250, 1_000), 1);
        assert_eq!(forwarded(&mut gate, MADE, 1_499, 1_000), 0);
        assert_eq!(forwarded(&mut gate, MADE, 1_500, 1_000), 1);
    }

    #[test]
    fn a_sale_that_is_listed_is_asked_for_at_once_whatever_is_invented_beside_it() {
        let (mut gates, spring) = (Gates::default(), SaleId::parse("spring").unwrap());
        let invent = |gates: &mut Gates, n: u32| {
            let name = SaleId::parse(&format!("invented-{n}")).unwrap();
            gates.of(&name).decide(MADE, UnixMillis(1_000), 0.0)
        };
        assert_eq!(invent(&mut gates, 0), GateDecision::Forward);
        // Before the first grant it cannot be distinguished from an invented name.
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_000), 0.0);
        assert_eq!(asked, GateDecision::Wait);
        gates.list("autumn spring winter");
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_025), 0.0);
        assert_eq!(asked, GateDecision::Forward);
        for n in 1..10 {
            assert_eq!(invent(&mut gates, n), GateDecision::Wait);
        }
        // A node that could not look it up does not close it.
        gates.observe(&spring, &grant(0, 10_000, 0, Supply::Unknown), at(1_030));
        let asked = gates.of(&spring).decide(MADE, UnixMillis(1_300), 0.0);
        assert_eq!(asked, GateDecision::Forward);
    }

    #[test]
    fn a_delayed_older_grant_neither_reopens_nor_recloses() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
        gate.observe(&grant(1, 10_300, 5, Supply::Free), at(1_001));
        assert!(gate.is_latched());
        gate.observe(&grant(2, 10_350, 5, Supply::Free), at(1_050));
        assert_eq!(forwarded(&mut gate, MADE, 1_051, 100), 5);
        gate.observe(&grant(1, 10_360, 0, Supply::SoldOut), at(1_060));
        assert!(!gate.is_latched(), "an older version closes nothing");
    }

    #[test]
    fn tickets_that_came_back_within_a_spent_window_are_a_new_share() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 3, Supply::Free), at(1_000));
        assert_eq!(forwarded(&mut gate, MADE, 1_001, 100), 3);
        gate.observe(&grant(2, 10_100, 2, Supply::Free), at(1_100));
        assert_eq!(forwarded(&mut gate, MADE, 1_101, 100), 2);
    }

    #[test]
    fn held_can_become_sold_within_a_version_but_not_the_reverse() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 0, Supply::AllHeld), at(1_000));
        assert_eq!(
            gate.decide(MADE, UnixMillis(1_001), 0.0),
            GateDecision::Refuse(Refusal::AllHeld)
        );
        gate.observe(&grant(1, 10_010, 0, Supply::SoldOut), at(1_010));
        gate.observe(&grant(1, 10_005, 0, Supply::AllHeld), at(1_011));
        assert_eq!(
            gate.decide(MADE, UnixMillis(1_012), 0.0),
            GateDecision::Refuse(Refusal::SoldOut)
        );
    }

    #[test]
    fn a_gate_warmed_before_the_opening_starts_with_its_share() {
        let mut gate = Gate::default();
        let opening =
            Grant { opens_at: UnixMillis(12_000), ..grant(1, 10_000, 40, Supply::NotOpen) };
        gate.observe(&opening, at(1_000));
        assert_eq!(
            gate.decide(MADE, UnixMillis(1_001), 0.0),
            GateDecision::Refuse(Refusal::NotOpen(Some(UnixMillis(12_000))))
        );
        assert_eq!(forwarded(&mut gate, MADE, 3_000, 1_000), 40);
    }

    #[test]
    fn who_comes_before_the_opening_is_told_when_to_come_back_and_not_all_at_once() {
        let refusal = Refusal::NotOpen(Some(UnixMillis(15_000)));
        let wait = |now, chance| come_back_ms(refusal, UnixMillis(now), chance);
        assert_eq!(wait(10_000, 0.0), Some(5_000));
        assert_eq!(wait(10_000, 0.5), Some(5_500));
        assert_eq!(wait(15_001, 0.5), Some(500));
    }

    #[test]
    fn a_far_opening_is_looked_at_again_within_a_minute() {
        let far = Refusal::NotOpen(Some(UnixMillis(u64::MAX)));
        assert_eq!(come_back_ms(far, UnixMillis(0), 0.0), Some(60_000));
        assert_eq!(come_back_ms(Refusal::NotOpen(None), UnixMillis(0), 0.0), None);
    }

    #[test]
    fn a_sent_key_can_pass_a_latch_a_few_times_and_a_repeated_one_never_hears_sold_out() {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
        assert_eq!(forwarded(&mut gate, SENT, 1_001, 100), RECHECK_BUDGET);
        assert_eq!(
            gate.decide(SENT, UnixMillis(1_002), 0.0),
            GateDecision::Refuse(Refusal::SoldOut)
        );
        let repeated = Arrival { key: KeySource::Repeated, waits: 0 };
        assert_eq!(forwarded(&mut gate, repeated, 1_002, 100), RECHECK_BUDGET);
        assert!(matches!(
            gate.decide(repeated, UnixMillis(1_002), 0.0),
            GateDecision::Refuse(Refusal::Busy(_))
        ));
        let known = Arrival { key: KeySource::Known, waits: 0 };
        assert_eq!(forwarded(&mut gate, known, 1_003, 100), 100);
    }

    #[test]
    fn invented_sale_names_share_one_gate_and_no_memory() {
        let mut gates = Gates::default();
        let mut sent = 0;
        for i in 0..1_000 {
            let sale = SaleId::parse(&format!("invented-{i}")).unwrap();
            sent += u32::from(
                gates.of(&sale).decide(MADE, UnixMillis(5), 0.0) == GateDecision::Forward,
            );
            gates.observe(&sale, &Grant::of_unknown_sale(UnixMillis(5)), at(5));
        }
        assert_eq!(sent, 1);
        assert!(gates.known.is_empty());
    }

    #[test]
    fn the_number_of_gates_is_bounded() {
        let mut gates = Gates::default();
        for i in 0..EDGE_SALES_MAX + 10 {
            let sale = SaleId::parse(&format!("sale-{i}")).unwrap();
            gates.observe(&sale, &grant(1, 10, 1, Supply::Free), at(5));
        }
        assert_eq!(gates.known.len(), EDGE_SALES_MAX);
    }

    proptest! {
        #[test]
        fn a_latched_gate_sends_at_most_one_probe_a_period_whatever_it_hears_of_that_version(
            steps in proptest::collection::vec((0u64..400, 0u32..100, any::<bool>()), 1..200),
        ) {
            let mut gate = Gate::default();
            gate.observe(&grant(5, 10_000, 0, Supply::SoldOut), at(1_000));
            let (mut now, mut sent) = (1_000, 0);
            for (pause, budget, late) in steps {
                now += pause;
                let version = if late { 4 } else { 5 };
                gate.observe(&grant(version, 9_000 + now, budget, Supply::Free), at(now));
                sent += u64::from(forwarded(&mut gate, MADE, now, 5));
            }
            prop_assert!(sent <= (now - 1_000) / 250 + 1);
        }

        #[test]
        fn a_gate_never_forwards_more_than_its_budget_in_a_window(
            budget in 0u32..500, arrivals in 0u32..1_000,
        ) {
            let mut gate = Gate::default();
            gate.observe(&grant(1, 10_000, budget, Supply::Free), at(1_000));
            prop_assert_eq!(forwarded(&mut gate, MADE, 1_001, arrivals), arrivals.min(budget));
        }
    }
}
