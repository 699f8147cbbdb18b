//! Sale cache of an edge: public views of sales, kept for a second.
//!
//! What an edge remembers of how sales stand, so that a million pages that look at a sale once
//! every few seconds ask an origin once a second. It never says more than an origin said, nor later
//! than [`VIEW_FRESH_MS`].

use crate::admission::gate::listed;
use crate::domain::ids::SaleId;
use crate::domain::time::UnixMillis;
use crate::limits::{
    COLD_BUDGET, COLD_ROUND_MS, COLD_WAIT_MS, COLD_WAITS_MAX, EDGE_SALES_MAX, VIEW_FRESH_MS,
};
use std::collections::HashMap;
use std::rc::Rc;

/// What is done for one who wants to see a sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheLookup {
    /// Show this answer, received so many milliseconds ago.
    Show(Rc<str>, u64),
    /// Ask an origin.
    Ask,
    /// Another request is asking: wait once on a timer of one's own and look it up again.
    Wait,
    /// The one who asks takes too long: come back in so many milliseconds.
    Busy(u32),
}

/// The last answer about a sale.
#[derive(Debug)]
struct View {
    /// When it was asked for: what it says was true then or later.
    at: UnixMillis,
    received_at: UnixMillis,
    body: Rc<str>,
    /// When an origin was last asked, whatever came of it.
    asked: UnixMillis,
}

/// The views of one edge isolate, bounded. Only sales that an origin has shown have one of their
/// own; all others share rounds, so that invented names neither fill the memory nor reach an origin
/// without limit.
#[derive(Debug, Default)]
pub struct SaleCache {
    shown: HashMap<SaleId, View>,
    round_ends: UnixMillis,
    /// Requests about sales without a view in the present round.
    unknown_sales: u32,
}

impl SaleCache {
    /// Decides for an arrival that has waited `waits` times. `now` is the edge's clock.
    pub fn lookup(&mut self, sale: &SaleId, waits: u32, now: UnixMillis) -> CacheLookup {
        let may_ask = if let Some(view) = self.shown.get_mut(sale) {
            if now.since(view.at) < VIEW_FRESH_MS {
                return CacheLookup::Show(Rc::clone(&view.body), now.since(view.received_at));
            }
            let first = now.since(view.asked) >= VIEW_FRESH_MS;
            if first {
                view.asked = now;
            }
            first
        } else {
            self.unknown_sale(now)
        };
        if may_ask {
            CacheLookup::Ask
        } else if waits < COLD_WAITS_MAX {
            CacheLookup::Wait
        } else {
            CacheLookup::Busy(COLD_WAIT_MS as u32 * COLD_WAITS_MAX)
        }
    }

    /// Takes in the names of sales that exist, as the header `Lastseat-Sales` has them: each is
    /// asked for by itself, as far as there is room, and invented names take nothing from them.
    pub fn list(&mut self, names: &str) {
        for sale in listed(names) {
            if self.shown.len() < EDGE_SALES_MAX {
                // Too old to be shown.
                let never = UnixMillis(0);
                self.shown.entry(sale).or_insert_with(|| View {
                    at: never,
                    received_at: never,
                    body: "".into(),
                    asked: never,
                });
            }
        }
    }

    fn unknown_sale(&mut self, now: UnixMillis) -> bool {
        if now >= self.round_ends {
            self.round_ends = now.plus(COLD_ROUND_MS);
            self.unknown_sales = 0;
        }
        let left = self.unknown_sales < COLD_BUDGET;
        self.unknown_sales += u32::from(left);
        left
    }

    /// Caches what an origin, asked at `asked`, answered of `sale` at `received_at`.
    pub fn keep(&mut self, sale: &SaleId, asked: UnixMillis, received_at: UnixMillis, body: &str) {
        let view = View { at: asked, received_at, body: body.into(), asked };
        if let Some(known) = self.shown.get_mut(sale) {
            // An answer that took long does not replace a younger one.
            if asked >= known.at {
                *known = view;
            }
            return;
        }
        if self.shown.len() >= EDGE_SALES_MAX
            && let Some(oldest) = self.oldest()
        {
            self.shown.remove(&oldest);
        }
        self.shown.insert(sale.clone(), view);
    }

    fn oldest(&self) -> Option<SaleId> {
        let oldest = self.shown.iter().min_by_key(|(_, view)| view.at)?;
        Some(oldest.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(name: &str) -> SaleId {
        SaleId::parse(name).unwrap()
    }

    fn at(ms: u64) -> UnixMillis {
        UnixMillis(ms)
    }

    /// How many of `arrivals` at this moment ask an origin.
    fn asking(views: &mut SaleCache, name: &str, now: u64, arrivals: u32) -> u32 {
        (0..arrivals)
            .map(|_| u32::from(views.lookup(&sale(name), 0, at(now)) == CacheLookup::Ask))
            .sum()
    }

    #[test]
    fn an_answer_is_shown_with_its_age_until_it_is_a_second_old() {
        let mut views = SaleCache::default();
        views.keep(&sale("a"), at(10_000), at(10_020), "open");
        let show = |age| CacheLookup::Show("open".into(), age);
        assert_eq!(views.lookup(&sale("a"), 0, at(10_020)), show(0));
        assert_eq!(views.lookup(&sale("a"), 0, at(10_999)), show(979));
        assert_eq!(views.lookup(&sale("a"), 0, at(11_000)), CacheLookup::Ask);
    }

    #[test]
    fn of_a_thousand_at_once_one_asks_and_the_others_wait_a_beat() {
        let mut views = SaleCache::default();
        views.keep(&sale("a"), at(10_000), at(10_000), "open");
        assert_eq!(asking(&mut views, "a", 11_000, 1_000), 1);
        assert_eq!(views.lookup(&sale("a"), 0, at(11_025)), CacheLookup::Wait);
        views.keep(&sale("a"), at(11_000), at(11_000), "paused");
        let shown = views.lookup(&sale("a"), 1, at(11_025));
        assert_eq!(shown, CacheLookup::Show("paused".into(), 25));
    }

    #[test]
    fn while_no_origin_answers_one_is_asked_once_a_second_and_nothing_old_is_shown() {
        let mut views = SaleCache::default();
        views.keep(&sale("a"), at(10_000), at(10_000), "open");
        let asked: u32 = (11_000..21_000).map(|ms| asking(&mut views, "a", ms, 3)).sum();
        assert_eq!(asked, 10);
        let patient = views.lookup(&sale("a"), COLD_WAITS_MAX, at(20_999));
        assert_eq!(patient, CacheLookup::Busy(300));
    }

    #[test]
    fn a_late_answer_does_not_replace_a_younger_one() {
        let mut views = SaleCache::default();
        views.keep(&sale("a"), at(10_000), at(10_000), "scheduled");
        views.keep(&sale("a"), at(12_000), at(12_000), "open");
        views.keep(&sale("a"), at(11_000), at(11_000), "scheduled");
        let shown = views.lookup(&sale("a"), 0, at(12_001));
        assert_eq!(shown, CacheLookup::Show("open".into(), 1));
    }

    #[test]
    fn a_sale_that_is_listed_is_asked_for_whatever_is_invented_beside_it() {
        let mut views = SaleCache::default();
        let invented = |views: &mut SaleCache| {
            let names = (0..100).map(|n| format!("invented-{n}"));
            names.map(|name| asking(views, &name, 5_000, 1)).sum::<u32>()
        };
        assert_eq!(invented(&mut views), COLD_BUDGET);
        assert_eq!(asking(&mut views, "a", 5_000, 1), 0);
        views.list("b a");
        assert_eq!(asking(&mut views, "a", 5_025, 100), 1);
        assert_eq!(invented(&mut views), 0);
        views.keep(&sale("a"), at(5_025), at(5_030), "open");
        let shown = views.lookup(&sale("a"), 1, at(5_050));
        assert_eq!(shown, CacheLookup::Show("open".into(), 20));
    }

    #[test]
    fn invented_names_share_four_questions_a_round_and_leave_no_trace() {
        let mut views = SaleCache::default();
        let asked: u32 =
            (0..100).map(|n| asking(&mut views, &format!("invented-{n}"), 1_000, 10)).sum();
        assert_eq!(asked, COLD_BUDGET);
        assert_eq!(asking(&mut views, "other", 1_000 + COLD_ROUND_MS, 1), 1, "a new round");
        assert!(views.shown.is_empty());
    }

    #[test]
    fn the_memory_is_bounded_and_the_oldest_goes_first() {
        let mut views = SaleCache::default();
        for n in 0..EDGE_SALES_MAX as u64 + 2 {
            views.keep(&sale(&format!("sale-{n}")), at(n), at(n), "open");
        }
        assert_eq!(views.shown.len(), EDGE_SALES_MAX);
        assert!(!views.shown.contains_key(&sale("sale-1")));
        assert!(views.shown.contains_key(&sale("sale-2")));
    }
}
