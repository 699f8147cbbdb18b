//! Gone sales: what one edge caches to be gone of each sale with a plan, bounded, and who may ask
//! all the same.
//!
//! As the latch of the [gate](crate::admission::gate) it refuses without reading a body and without
//! a subrequest, lets one arrival a period of a sale through as a probe, and a few with a client's
//! own key. A newer version of the sale, by whatever answer it comes, forgets all of it.

use super::gate::{Arrival, Observation};
use super::gone_journeys::{GoneJourneys, GoneLine};
use super::grant::Grant;
use super::probes::{Probed, Probes};
use super::wanted_journeys::WantedJourneys;
use crate::domain::ids::SaleId;
use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::limits::{EDGE_GONE_SALES_MAX, WINDOW_MIN_MS};
use std::collections::HashMap;

/// What happens to an order that says what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneDecision {
    /// Nothing that it wants is cached as gone.
    Unknown,
    /// Something is; it goes on all the same, and its answer says whether that still holds.
    Probe,
    /// No, because of this line.
    Refuse(GoneLine),
    /// Not now; it may have an order: come back in so many milliseconds.
    Later(u32),
}

/// What an edge caches to be gone, by sale.
#[derive(Debug, Default)]
pub struct GoneSales(HashMap<SaleId, GoneSale>);

#[derive(Debug)]
struct GoneSale {
    journeys: GoneJourneys,
    /// None while nothing is gone.
    probes: Option<Probes>,
    received_at: UnixMillis,
}

impl GoneSales {
    /// Whether nothing is cached of any sale, as where none has a plan.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Decides on an order of `sale` for `wanted`. `now` is the edge's clock, `chance` a random
    /// number in `0.0..1.0` that spreads probes and those who come back.
    pub fn decide(
        &mut self,
        (sale, wanted): (&SaleId, &WantedJourneys<'_>),
        ask: Arrival,
        now: UnixMillis,
        chance: f64,
    ) -> GoneDecision {
        let Some(GoneSale { journeys, probes: Some(probes), .. }) = self.0.get_mut(sale) else {
            return GoneDecision::Unknown;
        };
        let Some(line) = journeys.refuses(wanted, now) else {
            return GoneDecision::Unknown;
        };
        if ask.key == KeySource::Known {
            return GoneDecision::Probe;
        }
        match probes.decide(ask.key, now, chance) {
            Probed::Asks => GoneDecision::Probe,
            Probed::Later(ms) => GoneDecision::Later(ms),
            Probed::Refused => GoneDecision::Refuse(line),
        }
    }

    /// Takes in what an origin's answer on `sale` says: its grant, and the header `Lastseat-Gone`
    /// where it has one.
    pub fn observe(
        &mut self,
        sale: &SaleId,
        (grant, gone): (&Grant, Option<&str>),
        when: Observation,
    ) {
        if let Some(cached) = self.0.get_mut(sale) {
            cached.at_version(grant.version);
        }
        let Some(gone) = gone else { return };
        let mut journeys = GoneJourneys::default();
        if !self.0.contains_key(sale) {
            // Only what says something gets a place.
            journeys.take_in(gone, when.now);
            if journeys.is_empty() || journeys.version() < grant.version {
                return;
            }
            self.make_room();
        }
        let cached = self.0.entry(sale.clone()).or_insert_with(|| GoneSale {
            journeys,
            probes: None,
            received_at: when.now,
        });
        cached.take_in(gone, grant, when);
    }

    fn make_room(&mut self) {
        if self.0.len() >= EDGE_GONE_SALES_MAX
            && let Some((oldest, _)) = self.0.iter().min_by_key(|(_, of)| of.received_at)
        {
            let oldest = oldest.clone();
            self.0.remove(&oldest);
        }
    }
}

impl GoneSale {
    fn at_version(&mut self, version: u64) {
        if version > self.journeys.version() {
            self.journeys.at_version(version);
            self.probes = None;
        }
    }

    fn take_in(&mut self, gone: &str, grant: &Grant, when: Observation) {
        let before = self.journeys.version();
        self.journeys.take_in(gone, when.now);
        self.received_at = when.now;
        if self.journeys.version() > before {
            self.probes = None;
        }
        // Tickets are free of something else, so windows may be short; what is gone is not asked
        // for more often than a latched sale.
        let period_ms = grant.window_ms.max(WINDOW_MIN_MS);
        match &mut self.probes {
            Some(probes) => probes.set_period(period_ms),
            None if self.journeys.is_empty() => {}
            None => {
                self.probes = Some(Probes::new(period_ms, when.asked, when.now, when.chance));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::gone_journeys::GoneBy;
    use crate::admission::grant::Supply;
    use crate::domain::refusal::Refusal;
    use crate::limits::RECHECK_BUDGET;
    use crate::plan::Plan;
    use crate::seats::Journey;

    const MADE: Arrival = Arrival::new(KeySource::Made);

    fn sale(name: &str) -> SaleId {
        SaleId::parse(name).unwrap()
    }

    fn grant(version: u64) -> Grant {
        let (at, opens_at) = (UnixMillis(1), UnixMillis(0));
        Grant { version, at, window_ms: 25, budget: 9, supply: Supply::Free, opens_at }
    }

    fn at(now: u64) -> Observation {
        Observation { asked: UnixMillis(now), now: UnixMillis(now), chance: 0.0 }
    }

    /// The header of a node that refused the first leg.
    fn header(version: u64, by: GoneBy) -> String {
        let plan = r#"{"stops":["A","B","C"],"classes":[{"id":"second","standing":9}]}"#;
        let mut gone = GoneJourneys::of(&Plan::from_json(plan).unwrap());
        gone.note(version, (0, Journey::new(0, 1).unwrap(), 1), by, UnixMillis(0));
        gone.to_header(UnixMillis(0)).unwrap()
    }

    fn decide(gone: &mut GoneSales, text: &str, ask: Arrival, now: u64) -> GoneDecision {
        let wanted = WantedJourneys::parse(text).unwrap();
        gone.decide((&sale("spring"), &wanted), ask, UnixMillis(now), 0.0)
    }

    fn sold_out(line: usize) -> GoneDecision {
        GoneDecision::Refuse(GoneLine { line, refusal: Refusal::SoldOut, free: 0 })
    }

    #[test]
    fn what_is_gone_is_refused_and_probed_once_a_period() {
        let mut gone = GoneSales::default();
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_000), GoneDecision::Unknown);
        gone.observe(&sale("spring"), (&grant(3), Some(&header(3, GoneBy::SoldOut))), at(1_000));
        for now in [1_001, 1_249] {
            assert_eq!(decide(&mut gone, "second.A-C.2", MADE, now), sold_out(0));
            assert_eq!(decide(&mut gone, "second.2-3.2", MADE, now), GoneDecision::Unknown);
        }
        assert_eq!(decide(&mut gone, "second.2-3.1,second.1-2.1", MADE, 1_249), sold_out(1));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_250), GoneDecision::Probe);
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_251), sold_out(0));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_500), GoneDecision::Probe);
    }

    #[test]
    fn a_newer_version_in_any_grant_forgets_it_and_an_older_header_brings_nothing_back() {
        let mut gone = GoneSales::default();
        let old = header(3, GoneBy::SoldOut);
        gone.observe(&sale("spring"), (&grant(4), Some(&old)), at(999));
        assert!(gone.is_empty(), "it was old already");
        gone.observe(&sale("spring"), (&grant(3), Some(&old)), at(1_000));
        gone.observe(&sale("spring"), (&grant(2), None), at(1_001));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_002), sold_out(0));
        gone.observe(&sale("spring"), (&grant(4), None), at(1_003));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_004), GoneDecision::Unknown);
        gone.observe(&sale("spring"), (&grant(4), Some(&old)), at(1_005));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_006), GoneDecision::Unknown);
        gone.observe(&sale("spring"), (&grant(4), Some(&header(5, GoneBy::SoldOut))), at(1_007));
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_008), sold_out(0));
    }

    #[test]
    fn keys_pass_as_they_pass_a_latch() {
        let mut gone = GoneSales::default();
        gone.observe(&sale("spring"), (&grant(3), Some(&header(3, GoneBy::AllHeld))), at(1_000));
        let passed = |gone: &mut GoneSales, key| {
            let ask = Arrival::new(key);
            let decide = |_: &u32| decide(gone, "second.1-2.1", ask, 1_001) == GoneDecision::Probe;
            (0..100).filter(decide).count() as u32
        };
        assert_eq!(passed(&mut gone, KeySource::Made), 0);
        assert_eq!(passed(&mut gone, KeySource::Sent), RECHECK_BUDGET);
        assert_eq!(passed(&mut gone, KeySource::Repeated), RECHECK_BUDGET);
        assert_eq!(passed(&mut gone, KeySource::Known), 100);
        let held = GoneLine { line: 0, refusal: Refusal::AllHeld, free: 0 };
        let held = GoneDecision::Refuse(held);
        assert_eq!(decide(&mut gone, "second.1-2.1", MADE, 1_001), held);
        let repeated = Arrival::new(KeySource::Repeated);
        let later = decide(&mut gone, "second.1-2.1", repeated, 1_001);
        assert!(matches!(later, GoneDecision::Later(1..)), "{later:?}");
    }

    #[test]
    fn the_memory_is_bounded_and_the_sale_observed_longest_ago_goes_first() {
        let mut gone = GoneSales::default();
        let header = header(3, GoneBy::SoldOut);
        for n in 0..=EDGE_GONE_SALES_MAX as u64 {
            gone.observe(&sale(&format!("s{n}")), (&grant(3), Some(&header)), at(1_000 + n));
        }
        gone.observe(&sale("nothing"), (&grant(3), Some("1 3 -")), at(9_000));
        assert_eq!(gone.0.len(), EDGE_GONE_SALES_MAX);
        assert!(!gone.0.contains_key(&sale("s0")) && gone.0.contains_key(&sale("s1")));
    }
}
