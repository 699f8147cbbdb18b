//! Edge census: number of edges that asked for a sale lately, which a grant is divided by.

use crate::domain::ids::EdgeId;
use crate::domain::time::UnixMillis;
use crate::limits::{COUNTED_MS, EARLY_SHARE_MAX, EDGE_LIVE_MS, EDGES_MAX};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Edges seen in the present and the previous half of [`EDGE_LIVE_MS`], with their requests;
/// bounded memory.
#[derive(Debug, Default)]
pub struct EdgeCensus {
    present: HashMap<u64, Seen>,
    previous: HashMap<u64, Seen>,
    turns_at: UnixMillis,
    /// When the first edge asked after a silence.
    since: UnixMillis,
    /// Edges in either half.
    seen: u32,
    /// Of these, edges with one request, and with two.
    once: u32,
    twice: u32,
    /// Requests of all of them.
    requests: u64,
    /// The present slot: promises of an older one have lapsed, so that what a quiet edge does not
    /// use goes to others.
    slot: CensusSlot,
    /// Requests promised in the present slot that have not come yet.
    promised: u64,
}

/// A time and a version within which promises count.
pub type CensusSlot = (u64, u64);

/// What is known of one edge.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    requests: u32,
    promised: u32,
    slot: CensusSlot,
}

/// One edge among the others, when it asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeShare {
    /// Edges that ask the cluster, estimated; at least 1.
    pub live: f64,
    /// The edge's part of the requests that the node got lately, 0 to 1.
    pub use_share: f64,
    /// Whether this is its first request, and the node has not had the time to count the others:
    /// thousands may come at this moment.
    pub early: bool,
    /// Requests that were promised to other edges and have not come yet, by nodes that this one
    /// stands for.
    pub promised: f64,
}

impl EdgeShare {
    /// The part that no promise to others can take from an edge: without it, one that always asks
    /// after the others would starve.
    #[must_use]
    pub fn sure_share(self) -> f64 {
        if self.early { 0.0 } else { 0.5 / self.live.max(1.0) }
    }

    /// The edge's part of what can be granted: half is shared equally, so that nobody starves; half
    /// by use, so that what quiet edges leave goes to busy ones.
    #[must_use]
    pub fn share(self) -> f64 {
        let share = (1.0 / self.live.max(1.0) + self.use_share) / 2.0;
        if self.early { share.min(EARLY_SHARE_MAX) } else { share }
    }
}

impl EdgeCensus {
    /// Notes that `edge` asked this node so many times, at least once; the node gets `node_share`
    /// (0 to 1) of all requests.
    pub fn seen(
        &mut self,
        edge: &EdgeId,
        times: u32,
        node_share: f64,
        slot: CensusSlot,
        now: UnixMillis,
    ) -> EdgeShare {
        if now >= self.turns_at {
            self.turn(now);
        }
        if slot != self.slot {
            self.slot = slot;
            self.promised = 0;
        }
        let node_share = node_share.clamp(NODE_SHARE_MIN, 1.0);
        let id = fingerprint(edge);
        let before = self.previous.get(&id).map_or(0, |seen| seen.requests);
        let room = self.present.len() < EDGES_MAX;
        let mut standing = EdgeShare {
            live: 0.0,
            use_share: 0.0,
            early: before == 0 && now.since(self.since) < COUNTED_MS,
            promised: 0.0,
        };
        let (mut requests, mut own) = (before, 0);
        if room || self.present.contains_key(&id) {
            let seen = self.present.entry(id).or_default();
            standing.early &= seen.requests == 0;
            let earlier = before.saturating_add(seen.requests);
            seen.requests = seen.requests.saturating_add(times);
            requests = before.saturating_add(seen.requests);
            if seen.slot == slot {
                // These requests are part of what was promised, and each stands for those that went
                // to other nodes.
                let used = seen.promised.min(times.saturating_mul((1.0 / node_share) as u32));
                seen.promised -= used;
                self.promised = self.promised.saturating_sub(u64::from(used));
                own = seen.promised;
            }
            for count in earlier..requests {
                self.tally(count + 1);
            }
        }
        standing.live = self.live(node_share);
        standing.use_share = f64::from(requests) / (self.requests as f64).max(1.0);
        // Edges that this node did not see were promised as much by the others.
        let others = self.promised.saturating_sub(u64::from(own));
        standing.promised = others as f64 * standing.live / f64::from(self.seen.max(1));
        standing
    }

    /// Notes that `edge`, seen just now, may send `budget` requests. As long as it has not sent
    /// what it was promised in this slot, it gets no other budget.
    pub fn promise(&mut self, edge: &EdgeId, budget: u32) {
        if let Some(seen) = self.present.get_mut(&fingerprint(edge))
            && (seen.slot != self.slot || seen.promised == 0)
        {
            // The request that brought it is part of it.
            seen.promised = budget.saturating_sub(1);
            seen.slot = self.slot;
            self.promised = self.promised.saturating_add(u64::from(seen.promised));
        }
    }

    /// Edges that ask the cluster, at least 1. Those that this node saw once stand for those that
    /// it did not see: Chao's estimate (1984), but never more than there can be when the node gets
    /// `node_share` of the requests of each edge.
    fn live(&self, node_share: f64) -> f64 {
        let (once, twice) = (f64::from(self.once), f64::from(self.twice));
        let chao = once * (once - 1.0).max(0.0) / (2.0 * (twice + 1.0));
        let possible = once * (1.0 / node_share - 1.0);
        (f64::from(self.seen) + chao.min(possible)).max(1.0)
    }

    /// Edges that asked this node lately, for the eye: none after a silence.
    #[must_use]
    pub fn live_at(&self, now: UnixMillis) -> usize {
        if now.since(self.turns_at) >= EDGE_LIVE_MS / 2 { 0 } else { self.seen as usize }
    }

    /// An edge's requests rose to `count`.
    fn tally(&mut self, count: u32) {
        self.requests = self.requests.saturating_add(1);
        match count {
            1 => {
                self.seen = self.seen.saturating_add(1);
                self.once = self.once.saturating_add(1);
            }
            2 => {
                self.once = self.once.saturating_sub(1);
                self.twice = self.twice.saturating_add(1);
            }
            3 => self.twice = self.twice.saturating_sub(1),
            _ => {}
        }
    }

    /// The present half becomes the previous one; after a long silence both are of the past.
    fn turn(&mut self, now: UnixMillis) {
        let silent = now.since(self.turns_at) >= EDGE_LIVE_MS / 2;
        self.previous = std::mem::take(&mut self.present);
        if silent {
            self.previous.clear();
            self.since = now;
        }
        self.turns_at = now.plus(EDGE_LIVE_MS / 2);
        let with = |n: u32| self.previous.values().filter(|seen| seen.requests == n).count();
        let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        (self.once, self.twice) = (small(with(1)), small(with(2)));
        self.seen = small(self.previous.len());
        self.requests = self.previous.values().map(|seen| u64::from(seen.requests)).sum();
    }
}

/// A node is never so small a part of its cluster.
const NODE_SHARE_MIN: f64 = 0.001;

fn fingerprint(edge: &EdgeId) -> u64 {
    let mut hasher = DefaultHasher::new();
    edge.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOT: CensusSlot = (1, 1);

    fn edge(n: u32) -> EdgeId {
        EdgeId::parse(&format!("edge{n}")).unwrap()
    }

    #[test]
    fn an_edge_counts_once_and_is_forgotten_when_it_falls_silent() {
        let mut edges = EdgeCensus::default();
        let mut see = |n: u32, now: u64| edges.seen(&edge(n), 1, 1.0, SLOT, UnixMillis(now)).live;
        let live = [1, 2, 1, 2].map(|n| see(n, 10_000));
        assert_eq!(live[3], 2.0);
        let half = EDGE_LIVE_MS / 2;
        let between = see(1, 10_000 + half);
        assert_eq!(between, 2.0, "the other one may only be between two requests");
        assert_eq!(see(1, 10_000 + 2 * half), 1.0);
        assert_eq!(see(3, 60_000), 1.0);
    }

    #[test]
    fn a_light_node_counts_the_edges_that_it_did_not_see() {
        // 1,000 quiet edges send two requests each, a tenth of them to this node; ten busy ones
        // send 1,000.
        let mut edges = EdgeCensus::default();
        let mut live = 0.0;
        for i in 0..200 {
            live = edges.seen(&edge(i), 1, 0.1, SLOT, UnixMillis(10_000)).live;
        }
        for i in 0..1_000 {
            live = edges.seen(&edge(9_000 + i % 10), 1, 0.1, SLOT, UnixMillis(10_000)).live;
        }
        assert!((1_000.0..=2_100.0).contains(&live), "{live}");
    }

    #[test]
    fn who_asks_more_has_the_larger_part() {
        let mut edges = EdgeCensus::default();
        let mut last = edges.seen(&edge(1), 1, 1.0, SLOT, UnixMillis(10_000));
        assert!(last.early);
        for _ in 0..8 {
            last = edges.seen(&edge(2), 1, 1.0, SLOT, UnixMillis(10_000));
        }
        assert!(!last.early);
        assert!((last.use_share - 8.0 / 9.0).abs() < 1e-9, "{last:?}");
        last = edges.seen(&edge(2), 1, 1.0, SLOT, UnixMillis(10_000 + EDGE_LIVE_MS / 2));
        assert!((last.use_share - 0.9).abs() < 1e-9, "{last:?}");
    }

    #[test]
    fn requests_that_are_answered_together_count_like_as_many_alone() {
        let (mut together, mut alone) = (EdgeCensus::default(), EdgeCensus::default());
        let now = UnixMillis(10_000);
        for (n, times) in [(1, 1), (2, 2), (3, 3), (4, 64), (1, 5), (2, 1)] {
            together.promise(&edge(n), 20);
            alone.promise(&edge(n), 20);
            let seen = together.seen(&edge(n), times, 0.5, SLOT, now);
            let singly = (0..times).map(|_| alone.seen(&edge(n), 1, 0.5, SLOT, now));
            let last = singly.last().unwrap();
            assert_eq!((seen.live, seen.use_share), (last.live, last.use_share), "{n}");
            assert_eq!(seen.promised, last.promised, "{n}");
        }
    }
}
