//! Sale hint: a node's cached view of one sale, updated by every ledger reply.
//!
//! Decides locally, without a call, which orders are refused or sent on and what an edge is
//! granted.

use crate::admission::edge_census::EdgeCensus;
use crate::admission::grant::{Grant, Offer, Supply};
use crate::admission::node_budget::NodeBudget;
use crate::domain::ids::EdgeId;
use crate::domain::order::KeySource;
use crate::domain::refusal::Refusal;
use crate::domain::sale::Snapshot;
use crate::domain::time::UnixMillis;
use crate::limits::{ORIGIN_RECHECKS_PER_SECOND, REPOLL_MS, WINDOW_MIN_MS};

/// The last word of the ledger on a sale, and who asked since.
#[derive(Debug)]
pub struct SaleHint {
    snapshot: Snapshot,
    edges: EdgeCensus,
    /// Second of the ledger's clock that `rechecks` counts in.
    recheck_second: u64,
    rechecks: u32,
    /// When a poll was last asked for.
    polled_at: UnixMillis,
}

/// What a node does with an order that has just come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// The "no" that needs no ledger; without one the order is queued.
    pub refusal: Option<Refusal>,
    /// Whether the ledger is to be polled in the background: the refusal may be out of date.
    pub poll: bool,
}

/// What a committer does with the next order of its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is part of this batch.
    Send,
    /// It waits: the budget is spent, the next ledger reply has to come first.
    Later,
    /// No, from memory.
    Refuse(Refusal),
}

/// How full a node is, and its part of the cluster.
#[derive(Clone, Copy, Debug)]
pub struct NodeLoad {
    /// Orders that wait in its queue.
    pub waiting: usize,
    /// Orders that the queue has room for.
    pub room: usize,
    /// The node's own weight.
    pub weight: u32,
    /// The sum over live nodes.
    pub live_weight: u32,
}

impl SaleHint {
    /// The sale hint of a node after its first ledger reply on a sale.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            edges: EdgeCensus::default(),
            recheck_second: 0,
            rechecks: 0,
            polled_at: UnixMillis(0),
        }
    }

    /// What the ledger said last.
    #[must_use]
    pub const fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Number of edges seen in the last 5 s. For display only.
    #[must_use]
    pub fn live_edges(&self, now: UnixMillis) -> usize {
        self.edges.live_at(now)
    }

    /// Whether the ledger is to be polled every [`REPOLL_MS`] although nobody asks: holds may come
    /// due.
    #[must_use]
    pub const fn is_to_be_swept(&self) -> bool {
        self.snapshot.held > 0
    }

    /// Takes in what the ledger said; says whether it is the newest word. An older one has an
    /// earlier place in the log and no later time: alone, the time says nothing when the ledger's
    /// clock was set back, and the place says nothing when the ledger lost the end of its log. What
    /// was said twice within a millisecond, over two connections, may come in either sequence.
    pub fn observe(&mut self, snapshot: &Snapshot) -> bool {
        let old = &self.snapshot;
        let newest = snapshot.commit_seq >= old.commit_seq || snapshot.at > old.at;
        if newest {
            self.snapshot = *snapshot;
        }
        newest
    }

    /// Decides on an order that comes in. `granted` = this node saw its id granted, so that only
    /// the ledger may answer it.
    pub fn receive(
        &mut self,
        key: KeySource,
        granted: bool,
        now: UnixMillis,
        chance: f64,
    ) -> Received {
        self.receive_of(key, granted, None, now, chance)
    }

    /// As [`Self::receive`], for an order of a sale with a plan, of which a line is `gone`: refused
    /// so within the present version.
    pub fn receive_of(
        &mut self,
        key: KeySource,
        granted: bool,
        gone: Option<Refusal>,
        now: UnixMillis,
        chance: f64,
    ) -> Received {
        let Some(refusal) = self.no_supply(now).or(gone) else {
            return Received { refusal: None, poll: false };
        };
        let poll = now.since(self.polled_at) >= REPOLL_MS || now < self.polled_at;
        if poll {
            self.polled_at = now;
        }
        let recheck = key != KeySource::Made && (granted || self.may_recheck(now));
        let refusal = match (recheck, key) {
            (true, _) => None,
            (false, KeySource::Repeated | KeySource::Known) => {
                Some(Refusal::Busy(retry_after_ms(chance)))
            }
            (false, _) => Some(refusal),
        };
        Received { refusal, poll }
    }

    /// Decides on the next order of the queue, which asks for so many tickets, or in a sale with a
    /// plan places on legs; `first` = the batch is empty yet.
    pub fn admit(
        &self,
        budget: &mut NodeBudget,
        key: KeySource,
        places: u32,
        first: bool,
        now: UnixMillis,
    ) -> Admission {
        match self.no_supply(now) {
            Some(refusal) if key == KeySource::Made => Admission::Refuse(refusal),
            // An id that a client sent may be in the ledger, even now that nothing is free.
            Some(_) => Admission::Send,
            None if budget.take(places) || first => Admission::Send,
            None => Admission::Later,
        }
    }

    /// The grant for an edge that asked just now.
    pub fn grant(&mut self, edge: &EdgeId, load: NodeLoad, now: UnixMillis, chance: f64) -> Grant {
        self.grant_for(edge, 1, load, now, chance)
    }

    /// The grant that answers so many requests of one edge at once, at least one.
    pub fn grant_for(
        &mut self,
        edge: &EdgeId,
        requests: u32,
        load: NodeLoad,
        now: UnixMillis,
        chance: f64,
    ) -> Grant {
        let node_share =
            f64::from(load.weight.max(1)) / f64::from(load.live_weight.max(load.weight).max(1));
        let slot = (now.0 / WINDOW_MIN_MS, self.snapshot.version);
        let offer = Offer {
            edge: self.edges.seen(edge, requests, node_share, slot, now),
            pending: load.in_cluster(load.waiting as u64),
            can_take: load.in_cluster(load.room as u64),
        };
        let grant = offer.grant(&self.snapshot, now, chance);
        if grant.supply == Supply::Free {
            self.edges.promise(edge, grant.budget);
        }
        grant
    }

    /// The refusal that follows from the last snapshot alone, whoever asks for however many.
    /// Whether a sale has opened by its own clock only the ledger says.
    fn no_supply(&self, now: UnixMillis) -> Option<Refusal> {
        Some(match Supply::of(&self.snapshot) {
            Supply::Free => return None,
            Supply::SoldOut => Refusal::SoldOut,
            Supply::AllHeld => Refusal::AllHeld,
            Supply::Paused => Refusal::Paused,
            Supply::Closed => Refusal::Closed,
            Supply::Unknown => Refusal::UnknownSale,
            Supply::NotOpen => match self.snapshot.terms.opens_at {
                UnixMillis(0) => Refusal::NotOpen(None),
                opens_at if now >= opens_at => return None,
                opens_at => Refusal::NotOpen(Some(opens_at)),
            },
        })
    }

    fn may_recheck(&mut self, now: UnixMillis) -> bool {
        let second = now.0 / 1_000;
        if self.recheck_second != second {
            self.recheck_second = second;
            self.rechecks = 0;
        }
        self.rechecks = self.rechecks.saturating_add(1);
        self.rechecks <= ORIGIN_RECHECKS_PER_SECOND
    }
}

impl NodeLoad {
    /// The other nodes' queues are as full as this one's, by weight.
    fn in_cluster(self, here: u64) -> u32 {
        let (own, live) = (self.weight.max(1), self.live_weight.max(self.weight));
        let all = here.saturating_mul(u64::from(live)) / u64::from(own);
        u32::try_from(all).unwrap_or(u32::MAX)
    }
}

/// When a client that a node refuses with `busy` should ask again: after the next window began,
/// spread over it.
#[must_use]
pub fn retry_after_ms(chance: f64) -> u32 {
    (WINDOW_MIN_MS as f64 * (1.0 + chance)) as u32
}

#[cfg(test)]
mod exact;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sale::{SaleState, Terms};

    fn snapshot(free: u32, commit_seq: u64, at: u64) -> Snapshot {
        Snapshot {
            capacity: 10,
            held: 0,
            confirmed: 10 - free,
            version: commit_seq,
            commit_seq,
            state: SaleState::Open,
            terms: Terms::default(),
            at: UnixMillis(at),
        }
    }

    #[test]
    fn the_newest_word_of_the_ledger_stands_also_when_its_clock_or_its_log_went_back() {
        let mut hint = SaleHint::new(snapshot(0, 5, 60_000));
        assert!(!hint.observe(&snapshot(3, 4, 59_999)), "overtaken");
        assert!(!hint.observe(&snapshot(3, 4, 60_000)), "overtaken within a millisecond");
        assert!(hint.observe(&snapshot(1, 6, 1_000)), "the clock was set back");
        assert!(hint.observe(&snapshot(2, 3, 2_000)), "the log lost its end");
        assert_eq!(hint.snapshot().free(), 2);
    }

    #[test]
    fn a_no_is_checked_also_when_the_clock_was_set_back() {
        let mut hint = SaleHint::new(snapshot(0, 5, 60_000));
        let mut polls = |now| hint.receive(KeySource::Made, false, UnixMillis(now), 0.5).poll;
        assert!(polls(60_000));
        assert!(!polls(60_001));
        assert!(polls(1_000), "and not only when the old time has come again");
        assert!(!polls(1_001));
    }
}
