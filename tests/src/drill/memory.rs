//! What processes hold while they are flooded, and what they may.

use super::scene::Record;
use crate::harness::processes::held;
use lastseat_cluster::state_file::ClusterState;

/// What a node may grow by: the queue (`limits::QUEUE_MAX` orders of less than 1 KiB), connections
/// (20 KiB each, both ways), and what an allocator keeps.
const GROWTH: u64 = 96 << 20;
/// What an edge may grow by: bare workerd sets V8 no limit, which then collects late.
const EDGE_GROWTH: u64 = 320 << 20;
/// What an order takes of Redis (docs/GUARANTEES.md), generously, and what its own growth keeps.
const ORDER_BYTES: u64 = 700;

/// Memory of each process: before, and the most since.
pub(super) struct Memory(Vec<(String, u32, u64, u64)>);

impl Memory {
    pub(super) fn of(state: &ClusterState) -> Self {
        let nodes = state.nodes.iter().map(|node| (format!("node {}", node.id), node.pid));
        let edges = state.edges.iter().map(|edge| (format!("edge {}", edge.number), edge.pid));
        let redis = state.redis.pid.map(|pid| ("Redis".to_owned(), pid));
        let all = nodes.chain(edges).chain(redis);
        Self(all.map(|(name, pid)| (name, pid, held(pid).memory, 0)).collect())
    }

    pub(super) fn lookup(&mut self) {
        for (_, pid, _, most) in &mut self.0 {
            *most = (*most).max(held(*pid).memory);
        }
    }

    pub(super) fn judge(&self, record: &mut Record, granted: u64) {
        for (name, pid, before, most) in &self.0 {
            let bound = match name.split(' ').next() {
                Some("Redis") => GROWTH + granted * ORDER_BYTES,
                Some("edge") => EDGE_GROWTH,
                _ => GROWTH,
            };
            let mib = |bytes: u64| bytes >> 20;
            let (grown, now) = (most.saturating_sub(*before), held(*pid).memory);
            record.measure(
                &format!("memory of {name} before, at most, after"),
                format!("{}, {}, {} MiB", mib(*before), mib(*most), mib(now)),
            );
            record.demand(grown <= bound, || {
                format!("{name} grew by {} MiB, not {}", mib(grown), mib(bound))
            });
        }
    }
}
