//! How many edges ask for a sale: the divisor of every grant.

use crate::ids::EdgeId;
use crate::limits::{EDGE_LIVE_MS, EDGES_MAX};
use crate::time::UnixMillis;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Edges seen in the present and the previous half of [`EDGE_LIVE_MS`]; bounded memory.
#[derive(Debug, Default)]
pub struct Edges {
    present: HashSet<u64>,
    previous: HashSet<u64>,
    /// Edges of `present` that are not in `previous`.
    fresh: usize,
    turns_at: UnixMillis,
}

impl Edges {
    /// Notes that `edge` asked.
    pub fn seen(&mut self, edge: &EdgeId, now: UnixMillis) {
        if now >= self.turns_at {
            // After a long silence both halves are of the past.
            let silent = now.since(self.turns_at) >= EDGE_LIVE_MS / 2;
            self.previous = std::mem::take(&mut self.present);
            if silent {
                self.previous.clear();
            }
            self.fresh = 0;
            self.turns_at = now.plus(EDGE_LIVE_MS / 2);
        }
        let mut hasher = DefaultHasher::new();
        edge.hash(&mut hasher);
        let id = hasher.finish();
        if self.present.len() < EDGES_MAX && self.present.insert(id) && !self.previous.contains(&id)
        {
            self.fresh += 1;
        }
    }

    /// Edges that asked lately, for the eye: none after a silence.
    #[must_use]
    pub fn live_at(&self, now: UnixMillis) -> usize {
        if now.since(self.turns_at) >= EDGE_LIVE_MS / 2 {
            return 0;
        }
        self.previous.len() + self.fresh
    }

    /// Edges that asked lately, at least 1.
    #[must_use]
    pub fn live(&self) -> u32 {
        u32::try_from(self.previous.len() + self.fresh)
            .unwrap_or(u32::MAX)
            .max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(n: u32) -> EdgeId {
        EdgeId::parse(&format!("edge{n}")).unwrap()
    }

    #[test]
    fn an_edge_counts_once_and_is_forgotten_when_it_falls_silent() {
        let mut edges = Edges::default();
        for n in [1, 2, 1, 2] {
            edges.seen(&edge(n), UnixMillis(10_000));
        }
        assert_eq!(edges.live(), 2);
        edges.seen(&edge(1), UnixMillis(10_000 + EDGE_LIVE_MS / 2));
        assert_eq!(
            edges.live(),
            2,
            "the other one may only be between two requests"
        );
        edges.seen(&edge(1), UnixMillis(10_000 + EDGE_LIVE_MS));
        assert_eq!(edges.live(), 1);
        edges.seen(&edge(3), UnixMillis(60_000));
        assert_eq!(edges.live(), 1);
    }
}
