//! Sales that the relay of a shop watches: which there are, and when it asks where their logs end.
//!
//! A sale that changes is asked every 100 ms, one that rests less often. One that has ended is
//! watched until everything of it was delivered, then its place is another one's.

use shared::SaleId;
use shared::limits::{WEBHOOK_POLLS_PER_SECOND, WEBHOOK_SALES_MAX};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use tokio::time::Instant;
use tracing::warn;

/// Time between two questions about a sale that changes ...
const POLL: Duration = Duration::from_millis(100);
/// ... and about one that rests, unless many are watched.
const POLL_RESTING: Duration = Duration::from_secs(1);

/// One sale.
#[derive(Debug)]
struct WatchedSale {
    /// Nothing will happen in it any more.
    ended: bool,
    /// The last entry that its log had; `None` = it was not asked yet, or is not created yet.
    end: Option<u64>,
    pause: Duration,
    /// Up to where its log was acknowledged.
    acknowledged: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sales {
    watched: BTreeMap<SaleId, WatchedSale>,
    due: BTreeSet<(Instant, SaleId)>,
    /// Ended ones of which everything was delivered.
    finished: HashSet<SaleId>,
    /// Whether some found no place.
    full: bool,
    /// Whether all lists were read once.
    complete: bool,
}

impl Sales {
    /// How many are watched.
    pub(super) fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether some found no place.
    pub(super) const fn is_full(&self) -> bool {
        self.full
    }

    /// Whether all lists were read once.
    pub(super) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Takes in what the lists say; those that are watched from now on. `ended` is not read each
    /// time. Only sales that an endpoint `takes` are watched.
    pub(super) fn list(
        &mut self,
        live: &[SaleId],
        ended: Option<&[SaleId]>,
        takes: impl Fn(&SaleId) -> bool,
        now: Instant,
    ) -> Vec<SaleId> {
        let mut new = Vec::new();
        let is_live: HashSet<&SaleId> = live.iter().collect();
        // What has left the first list has ended; what is back on it has not.
        for (sale, watched) in &mut self.watched {
            watched.ended = !is_live.contains(sale);
        }
        let was_full = std::mem::take(&mut self.full);
        for sale in live.iter().filter(|sale| takes(sale)) {
            self.finished.remove(sale);
            self.watch(sale, false, now, &mut new);
        }
        if let Some(ended) = ended {
            let listed: HashSet<&SaleId> = ended.iter().collect();
            self.finished.retain(|sale| listed.contains(sale));
            for sale in ended.iter().filter(|sale| !is_live.contains(sale) && takes(sale)) {
                if !self.finished.contains(sale) {
                    self.watch(sale, true, now, &mut new);
                }
            }
            self.complete = true;
        } else {
            self.full |= was_full;
        }
        if self.full && !was_full {
            warn!(
                "there are more sales than the {WEBHOOK_SALES_MAX} that a relay watches at a time; \
                 the others wait until some have ended and were delivered"
            );
        }
        new
    }

    /// Watches a sale again of which everything was delivered; whether there is such a one.
    pub(super) fn recall(&mut self, sale: &SaleId, now: Instant) -> bool {
        let mut new = Vec::new();
        if self.finished.remove(sale) {
            self.watch(sale, true, now, &mut new);
        }
        !new.is_empty()
    }

    fn watch(&mut self, sale: &SaleId, ended: bool, now: Instant, new: &mut Vec<SaleId>) {
        if self.watched.contains_key(sale) {
            return;
        }
        if self.watched.len() >= WEBHOOK_SALES_MAX {
            self.full = true;
            return;
        }
        let watched = WatchedSale { ended, end: None, pause: POLL, acknowledged: 0 };
        self.watched.insert(sale.clone(), watched);
        self.due.insert((now, sale.clone()));
        new.push(sale.clone());
    }

    /// Takes up to `most` sales whose log is to be asked now. Each is asked again after
    /// [`Sales::asked`].
    pub(super) fn due(&mut self, now: Instant, most: usize) -> Vec<SaleId> {
        let mut due = Vec::new();
        while due.len() < most && self.due.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(self.due.pop_first().map(|(_, sale)| sale));
        }
        due
    }

    /// Notes where the log of `sale` ends, and when it is asked again; `None` = that is not known.
    pub(super) fn asked(&mut self, sale: &SaleId, end: Option<u64>, now: Instant) {
        let resting = POLL_RESTING.max(Duration::from_secs_f64(
            self.watched.len() as f64 / WEBHOOK_POLLS_PER_SECOND as f64,
        ));
        let Some(watched) = self.watched.get_mut(sale) else {
            return;
        };
        let is_new = end.is_some() && end != watched.end;
        watched.pause = if is_new { POLL } else { (watched.pause * 2).min(resting) };
        watched.end = end.or(watched.end);
        self.due.insert((now + watched.pause, sale.clone()));
    }

    /// Whether `sale` has ended and its log was asked since it is watched.
    pub(super) fn has_ended(&self, sale: &SaleId) -> bool {
        self.watched.get(sale).is_some_and(|watched| watched.ended && watched.end.is_some())
    }

    /// The sales that have ended.
    pub(super) fn ended(&self) -> Vec<SaleId> {
        let ended = self.watched.iter().filter(|(_, watched)| watched.ended);
        ended.map(|(sale, _)| sale.clone()).collect()
    }

    /// The sales whose log was not asked yet.
    pub(super) fn unasked(&self) -> usize {
        self.watched.values().filter(|watched| watched.end.is_none()).count()
    }

    /// Everything of `sale`, which has ended, was delivered.
    pub(super) fn finish(&mut self, sale: &SaleId) {
        if self.watched.remove(sale).is_some() {
            self.due.retain(|(_, due)| due != sale);
            self.finished.insert(sale.clone());
        }
    }

    /// Notes that the log of `sale` is acknowledged up to `position`; whether that is news.
    pub(super) fn acknowledge(&mut self, sale: &SaleId, position: u64) -> bool {
        self.watched.get_mut(sale).is_some_and(|watched| {
            let is_news = position > watched.acknowledged;
            watched.acknowledged = watched.acknowledged.max(position);
            is_news
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sale(name: &str) -> SaleId {
        SaleId::parse(name).unwrap()
    }

    #[test]
    fn a_sale_that_rests_is_asked_less_often_and_one_that_changes_at_once_again() {
        let (mut sales, now) = (Sales::default(), Instant::now());
        let new = sales.list(&[sale("a"), sale("b")], None, |s| s.as_str() == "a", now);
        assert_eq!(new, [sale("a")]);
        assert_eq!(sales.due(now, 9), [sale("a")]);
        let mut at = now;
        let mut pauses = Vec::new();
        for end in [Some(1), Some(1), Some(1), None, Some(1), Some(1), Some(2)] {
            sales.asked(&sale("a"), end, at);
            let (due, _) = sales.due.first().cloned().unwrap();
            pauses.push((due - at).as_millis());
            at = due;
            assert_eq!(sales.due(at, 9).len(), 1);
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_000, 1_000, 100]);
    }

    #[test]
    fn a_sale_that_has_ended_and_was_delivered_does_not_come_back_unless_it_is_listed_again() {
        let (mut sales, now) = (Sales::default(), Instant::now());
        let (a, b) = (sale("a"), sale("b"));
        let all = |_: &SaleId| true;
        let ended = [b.clone()];
        assert_eq!(sales.list(&[a.clone()], Some(&ended), all, now).len(), 2);
        sales.asked(&b, Some(3), now);
        assert!(sales.has_ended(&b) && !sales.has_ended(&a));
        sales.finish(&b);
        assert!(sales.list(&[a.clone()], Some(&ended), all, now).is_empty());
        assert_eq!(sales.list(&[a.clone(), b.clone()], Some(&ended), all, now), [b.clone()]);
        // One that leaves the list of live sales has ended.
        sales.asked(&a, Some(1), now);
        sales.list(&[b.clone()], None, all, now);
        assert!(sales.has_ended(&a));
    }

    #[test]
    fn no_more_sales_are_watched_than_there_are_places() {
        let (mut sales, now) = (Sales::default(), Instant::now());
        let names: Vec<SaleId> = (0..=WEBHOOK_SALES_MAX).map(|n| sale(&format!("s-{n}"))).collect();
        assert_eq!(sales.list(&names, None, |_| true, now).len(), WEBHOOK_SALES_MAX);
        assert!(sales.is_full());
    }
}
