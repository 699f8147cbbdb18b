//! Counters of one sale at one node.

use lastseat_ledger::Verdict;
use shared::EdgeCounts;
use shared::UnixMillis;
use shared::wire::edge_counters::REASONS;
use std::sync::atomic::{AtomicU64, Ordering};

/// The stages of one sale's funnel, as far as this node sees them. Each order that asks is either
/// refused at an edge or received by a node.
#[derive(Debug, Default)]
pub struct SaleCounts {
    /// Orders that reached this node.
    pub received: AtomicU64,
    /// Orders refused from memory.
    pub refused_by_origin: AtomicU64,
    /// Orders refused by the ledger.
    pub refused_by_ledger: AtomicU64,
    /// Orders granted.
    pub granted: AtomicU64,
    /// Orders whose earlier outcome was repeated.
    pub replayed: AtomicU64,
    /// What the edges reported to this node.
    pub edge: EdgeTotals,
    asked_at: AtomicU64,
}

/// What edges have counted and reported to this node.
#[derive(Debug, Default)]
pub struct EdgeTotals {
    /// Orders that came to an edge.
    pub asked: AtomicU64,
    /// Orders that an edge sent to a node.
    pub forwarded: AtomicU64,
    /// Nodes that an edge asked and that gave no answer.
    pub failed: AtomicU64,
    /// Reads and changes of orders refused at an edge.
    pub calls_refused: AtomicU64,
    /// Orders refused at an edge, in the order of [`REASONS`].
    pub refused: [AtomicU64; REASONS.len()],
}

impl SaleCounts {
    /// An order came in.
    pub fn received(&self, now: UnixMillis) {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.asked_at.store(now.0, Ordering::Relaxed);
    }

    /// When the last order came in, 0 = never.
    #[must_use]
    pub fn asked_at(&self) -> u64 {
        self.asked_at.load(Ordering::Relaxed)
    }

    /// The ledger has decided on a batch.
    pub(crate) fn decided(&self, verdicts: &[Verdict]) {
        for verdict in verdicts {
            let counter = match verdict {
                Verdict::Granted { replayed: true, .. } => &self.replayed,
                Verdict::Granted { .. } => &self.granted,
                Verdict::Refused(_) | Verdict::NoSeats { .. } => &self.refused_by_ledger,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds what an edge reports.
    pub fn observe_edge(&self, reported: &EdgeCounts) {
        let edge = &self.edge;
        let sums = [
            (&edge.asked, reported.asked),
            (&edge.forwarded, reported.forwarded),
            (&edge.failed, reported.failed),
            (&edge.calls_refused, reported.calls_refused),
        ];
        let refused = edge.refused.iter().zip(reported.refused);
        for (sum, more) in sums.into_iter().chain(refused) {
            sum.fetch_add(more.into(), Ordering::Relaxed);
        }
    }
}
