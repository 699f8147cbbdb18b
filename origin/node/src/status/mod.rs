//! Node status: published once a second in the ledger, read by any node.
//!
//! How the cluster stands: each node publishes a compact status once a second in the ledger, and
//! whoever can read the ledger shows the whole. No node asks another one.

mod alarms;
mod audits;
mod cluster;
mod edges;

pub(crate) use alarms::of_cluster as alarms_of_cluster;
pub use alarms::{Alarm, AlarmSeverity, Alert};
pub(crate) use audits::ClusterAudits;
pub use audits::{AuditMark, Audits};
pub(crate) use cluster::TIMELINE_SHOWN;
pub use cluster::{ClusterStatus, Funnel, Health, NodeView, SaleStatus};
pub use edges::{EdgeWay, ListedEdge};

use crate::telemetry::metrics::SaleCounts;
use crate::timeline::TimelineEvent;
use lastseat_http::metrics::histogram::Reading;
use serde::{Deserialize, Serialize};
use shared::limits::STATUS_BYTES_MAX;
use shared::wire::edge_counters::REASONS;
use shared::{Snapshot, UnixMillis};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use utoipa::ToSchema;

/// What one node says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Its number.
    pub node: u16,
    /// Its share of the traffic beside the others.
    pub weight: u32,
    /// When it said so, by the ledger's clock.
    pub at: UnixMillis,
    /// When it started.
    pub started: UnixMillis,
    /// The version of its program.
    pub version: String,
    /// Where it is in its life.
    pub state: NodeState,
    /// What keeps it from serving orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trouble: Option<String>,
    /// Open connections of the public listener.
    pub connections: u64,
    /// Edges that asked it lately.
    pub live_edges: u64,
    /// Orders that wait for the ledger.
    pub queue: u64,
    /// Orders in a batch, over the last seconds.
    pub batch_orders: Spread,
    /// Microseconds of a batch at the ledger, over the last seconds.
    pub commit_us: Spread,
    /// Microseconds from an order's arrival to its outcome, over the last seconds.
    pub order_us: Spread,
    /// Calls of the ledger's scripts.
    pub ledger_calls: u64,
    /// Calls without an answer.
    pub ledger_faults: u64,
    /// Lines that `stat.log` lost.
    pub stat_log_dropped: u64,
    /// The sales that it was asked for last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sales: Vec<SaleTotals>,
    /// What it has noticed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub happenings: Vec<TimelineEvent>,
    /// The edges that asked it most in the last minutes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<ListedEdge>,
    /// Edges of the last minutes beyond these, as far as it counts them one by one.
    #[serde(default)]
    pub more_edges: u64,
    /// What is wrong, as far as it sees that by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<Alarm>,
}

impl NodeStatus {
    /// Reads one that a node has published; `None` for what is overlong or none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > STATUS_BYTES_MAX {
            return None;
        }
        serde_json::from_str(text).ok()
    }
}

/// Where a node is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It takes orders.
    Serving,
    /// It finishes what was begun.
    Stopping,
    /// It has ended in order.
    Stopped,
}

/// The middle and the worst of what was measured lately; nothing when nothing was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Spread {
    /// Half is not above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p50: Option<u64>,
    /// 99 of 100 are not above it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p99: Option<u64>,
}

impl Spread {
    pub(crate) fn of(reading: &Reading) -> Self {
        Self { p50: reading.quantile(0.5), p99: reading.quantile(0.99) }
    }
}

/// What became of the orders of one sale, since its node first served it. A node that is started
/// again goes on from what it last published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SaleTotals {
    /// The sale.
    pub sale: String,
    /// Orders that wait for the ledger.
    pub queue: u64,
    /// Orders that reached a node.
    pub received: u64,
    /// Orders refused by a node from memory.
    pub refused_by_origin: u64,
    /// Orders refused by the ledger.
    pub refused_by_ledger: u64,
    /// Orders granted.
    pub granted: u64,
    /// Orders whose earlier outcome was repeated.
    pub replayed: u64,
    /// What the edges reported.
    pub edge: EdgeSums,
    /// The last audit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub audit: Option<AuditMark>,
    /// Its tickets, as the ledger said it to a node last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub tickets: Option<TicketCounts>,
}

/// The tickets of a sale in a reply of the ledger to one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketCounts {
    /// The ledger's clock at that reply.
    pub at: UnixMillis,
    /// Tickets that exist.
    pub capacity: u32,
    /// Those that wait for payment.
    pub held: u32,
    /// Those that are sold.
    pub confirmed: u32,
}

impl TicketCounts {
    pub(crate) const fn of(snapshot: &Snapshot) -> Self {
        let Snapshot { at, capacity, held, confirmed, .. } = *snapshot;
        Self { at, capacity, held, confirmed }
    }

    /// The later of two.
    pub(crate) fn newer(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        [a, b].into_iter().flatten().max_by_key(|counts| counts.at)
    }
}

/// What edges have counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EdgeSums {
    /// Orders that came to an edge.
    pub asked: u64,
    /// Orders that an edge sent to a node.
    pub forwarded: u64,
    /// Nodes that were asked and gave no answer.
    pub failed: u64,
    /// Orders refused at an edge, by code.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, u64>,
}

impl SaleTotals {
    pub(crate) fn of(sale: String, counts: &SaleCounts) -> Self {
        let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let refused = REASONS.iter().zip(&counts.edge.refused);
        Self {
            sale,
            queue: 0,
            received: read(&counts.received),
            refused_by_origin: read(&counts.refused_by_origin),
            refused_by_ledger: read(&counts.refused_by_ledger),
            granted: read(&counts.granted),
            replayed: read(&counts.replayed),
            edge: EdgeSums {
                asked: read(&counts.edge.asked),
                forwarded: read(&counts.edge.forwarded),
                failed: read(&counts.edge.failed),
                refused: refused
                    .map(|((code, _), count)| (code.as_str().to_owned(), read(count)))
                    .filter(|(_, count)| *count > 0)
                    .collect(),
            },
            audit: None,
            tickets: None,
        }
    }

    /// Adds what another node, or the same one earlier, has counted.
    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.queue, other.queue),
            (&mut self.received, other.received),
            (&mut self.refused_by_origin, other.refused_by_origin),
            (&mut self.refused_by_ledger, other.refused_by_ledger),
            (&mut self.granted, other.granted),
            (&mut self.replayed, other.replayed),
            (&mut self.edge.asked, other.edge.asked),
            (&mut self.edge.forwarded, other.edge.forwarded),
            (&mut self.edge.failed, other.edge.failed),
        ];
        for (sum, more) in sums {
            *sum = sum.saturating_add(more);
        }
        for (code, more) in &other.edge.refused {
            let sum = self.edge.refused.entry(code.clone()).or_default();
            *sum = sum.saturating_add(*more);
        }
        self.audit = AuditMark::newer(self.audit, other.audit);
        self.tickets = TicketCounts::newer(self.tickets, other.tickets);
    }

    /// Orders refused at an edge.
    pub(crate) fn refused_at_edge(&self) -> u64 {
        self.edge.refused.values().fold(0, |sum, more| sum.saturating_add(*more))
    }

    /// Orders that asked: each is refused at an edge or received by a node.
    pub(crate) fn asked(&self) -> u64 {
        self.received.saturating_add(self.refused_at_edge())
    }

    /// Orders that the ledger has decided on.
    pub(crate) const fn decided(&self) -> u64 {
        self.granted.saturating_add(self.replayed).saturating_add(self.refused_by_ledger)
    }
}

#[cfg(test)]
impl NodeStatus {
    /// Of a node that serves and of which nothing else is known.
    pub(crate) fn quiet(node: u16, at: UnixMillis) -> Self {
        Self {
            node,
            weight: node.into(),
            at,
            started: UnixMillis(1),
            version: "0".to_owned(),
            state: NodeState::Serving,
            trouble: None,
            connections: 0,
            live_edges: 0,
            queue: 0,
            batch_orders: Spread::default(),
            commit_us: Spread::default(),
            order_us: Spread::default(),
            ledger_calls: 0,
            ledger_faults: 0,
            stat_log_dropped: 0,
            sales: Vec::new(),
            happenings: Vec::new(),
            edges: Vec::new(),
            more_edges: 0,
            alarms: Vec::new(),
        }
    }
}
