//! Sale history: what each sale sold lately, for dashboards, in the memory of a node.
//!
//! Once a second a node reads what all nodes have published of themselves and notes, for each sale,
//! how many orders came since, and how its tickets stand. It keeps a point a second for five
//! minutes and one every ten seconds for an hour: 660 points of 32 bytes, 21 KB a sale, of at most
//! [`HISTORY_SALES_MAX`] sales. A node that is started again begins anew.
//!
//! A node publishes the counts of the [`STATUS_SALES_MAX`] sales that it was asked for last, in that
//! sequence. Where one that publishes as many was asked for all of them since the last reading, it
//! may have left out others; then what came of these is not known, and no number is made of the
//! part that is.

mod ring;

pub(crate) use ring::SaleRates;

use crate::status::{NodeStatus, SaleTotals, TicketCounts};
use ring::Ring;
use serde::{Deserialize, Serialize};
use shared::limits::{
    HISTORY_SALES_MAX, HISTORY_SECONDS, HISTORY_STEP_MS, HISTORY_STEPS, STATUS_SALES_MAX,
};
use shared::{SaleId, UnixMillis};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// Distance of the finer points, in milliseconds.
const SECOND_MS: u64 = 1_000;
/// Two readings that are closer together are one: nodes publish once a second. In milliseconds.
const APART_MS: u64 = 500;
/// The speed of a sale is that of so many seconds.
const RATE_SECONDS: u64 = 5;
/// A sale of which nothing came for so long loses its history, which is flat by then, in
/// milliseconds.
const FLAT_MS: u64 = HISTORY_STEPS as u64 * HISTORY_STEP_MS;

/// What a sale did lately.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SaleHistory {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// The ledger's clock.
    pub at: UnixMillis,
    /// The last five minutes second by second, then the last hour in steps of ten seconds. None of a
    /// sale of which nothing was asked for an hour, or since the node began.
    pub steps: Vec<HistoryStep>,
}

/// Points at equal distances in time, the oldest first. Where something is not known it is null.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HistoryStep {
    /// The distance, in milliseconds.
    pub every_ms: u64,
    /// When the first point begins.
    pub from: UnixMillis,
    /// Orders that asked, a second.
    pub asked: Vec<Option<f64>>,
    /// Orders refused at an edge, a second.
    pub refused_at_edge: Vec<Option<f64>>,
    /// Orders that the ledger decided on, a second.
    pub ledger: Vec<Option<f64>>,
    /// Orders granted, a second.
    pub granted: Vec<Option<f64>>,
    /// Tickets that wait for payment, at the end of the point.
    pub held: Vec<Option<u32>>,
    /// Tickets that are sold.
    pub confirmed: Vec<Option<u32>>,
}

/// Orders of a sale: that asked, were refused at an edge, came to the ledger, were granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flows(pub(crate) [u64; 4]);

impl Flows {
    fn of(totals: &SaleTotals) -> Self {
        Self([totals.asked(), totals.refused_at_edge(), totals.decided(), totals.granted])
    }

    /// What came since `before`; `None` where a total fell, because a node has begun anew.
    fn since(self, before: Self) -> Option<Self> {
        let mut more = [0; 4];
        for (place, more) in more.iter_mut().enumerate() {
            *more = self.0[place].checked_sub(before.0[place])?;
        }
        Some(Self(more))
    }

    fn plus(self, other: Self) -> Self {
        Self(std::array::from_fn(|place| self.0[place].saturating_add(other.0[place])))
    }

    const fn is_none(self) -> bool {
        matches!(self.0, [0, 0, 0, 0])
    }
}

/// The histories that one node keeps.
#[derive(Debug, Default)]
pub struct SaleHistories(Mutex<Recorded>);

#[derive(Debug, Default)]
struct Recorded {
    sales: HashMap<String, Rings>,
    /// What each node had published at the last reading.
    nodes: HashMap<u16, Published>,
    /// Whether no node may have left a sale out.
    all_known: bool,
    /// When that was.
    at: UnixMillis,
    /// The statuses of that reading.
    statuses: Arc<Vec<NodeStatus>>,
}

/// What one node has published of its sales.
#[derive(Debug)]
struct Published {
    flows: HashMap<String, Flows>,
    /// Whether it published as many sales as a node does.
    is_full: bool,
    /// The one of them that it was asked for longest ago.
    last: Option<String>,
}

#[derive(Debug)]
struct Rings {
    seconds: Ring,
    steps: Ring,
    /// When an order last came.
    busy_at: UnixMillis,
}

impl SaleHistories {
    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the nodes have published by `now`.
    pub(crate) fn record(&self, now: UnixMillis, statuses: Vec<NodeStatus>) {
        self.recorded().record(now, statuses);
    }

    /// What `sale` did lately.
    #[must_use]
    pub fn of(&self, sale: &SaleId, now: UnixMillis) -> SaleHistory {
        let recorded = self.recorded();
        let rings = recorded.sales.get(sale.as_str());
        let steps = rings.map(|rings| vec![rings.seconds.read(), rings.steps.read()]);
        SaleHistory { sale: sale.to_string(), at: now, steps: steps.unwrap_or_default() }
    }

    /// The speed of `sale` over the last seconds. Of one without a history nothing came, unless a
    /// node may have left it out.
    pub(crate) fn rates(&self, sale: &SaleId, now: UnixMillis) -> SaleRates {
        let recorded = self.recorded();
        if let Some(rings) = recorded.sales.get(sale.as_str()) {
            return rings.seconds.rates(RATE_SECONDS, now);
        }
        let is_fresh = now.since(recorded.at) <= RATE_SECONDS * SECOND_MS;
        SaleRates { asked: (is_fresh && recorded.all_known).then_some(0.0), taken: None }
    }

    /// What the nodes had published at the last reading.
    pub(crate) fn statuses(&self) -> Arc<Vec<NodeStatus>> {
        Arc::clone(&self.recorded().statuses)
    }
}

impl Recorded {
    fn record(&mut self, now: UnixMillis, statuses: Vec<NodeStatus>) {
        let span_ms = now.since(self.at);
        if span_ms < APART_MS && now >= self.at {
            return;
        }
        let published: HashMap<u16, Published> =
            statuses.iter().map(|status| (status.node, Published::of(status))).collect();
        let listed = statuses.iter().flat_map(|status| &status.sales);
        let names: BTreeSet<String> =
            listed.map(|totals| totals.sale.clone()).chain(self.sales.keys().cloned()).collect();
        for name in names {
            // Of a time that the clock runs through again no rate is made.
            let flows = self.came(&published, &name).filter(|_| now > self.at);
            let tickets = tickets(&statuses, &name);
            // What is idle needs no history, and what is not known may be busy.
            let busy = flows.is_none_or(|flows| !flows.is_none());
            if let Some(rings) = self.rings(&name, busy, now) {
                let flows = flows.map(|flows| (flows, span_ms));
                rings.seconds.add(now, flows, tickets);
                rings.steps.add(now, flows, tickets);
            }
        }
        self.sales.retain(|_, rings| now.since(rings.busy_at) <= FLAT_MS);
        self.all_known = published.iter().all(|(node, now)| {
            self.nodes.get(node).is_some_and(|before| now.has_all_since(before))
        });
        (self.nodes, self.at) = (published, now);
        self.statuses = Arc::new(statuses);
    }

    /// What came of a sale since the last reading; `None` where it is not known of every node.
    fn came(&self, published: &HashMap<u16, Published>, sale: &str) -> Option<Flows> {
        let mut sum = Flows::default();
        for (node, now) in published {
            let before = self.nodes.get(node)?;
            let came = match (before.flows.get(sale), now.flows.get(sale)) {
                (Some(before), Some(now)) => now.since(*before)?,
                (None, Some(now)) if !before.is_full => *now,
                (_, None) if now.has_all_since(before) => Flows::default(),
                _ => return None,
            };
            sum = sum.plus(came);
        }
        Some(sum)
    }

    /// The rings of a sale; made for one that is busy. Beyond [`HISTORY_SALES_MAX`] the one that
    /// was busy longest ago makes room.
    fn rings(&mut self, sale: &str, busy: bool, now: UnixMillis) -> Option<&mut Rings> {
        if busy && !self.sales.contains_key(sale) {
            if self.sales.len() >= HISTORY_SALES_MAX {
                let oldest = self.sales.iter().min_by_key(|(_, rings)| rings.busy_at);
                let oldest = oldest.map(|(name, _)| name.clone())?;
                self.sales.remove(&oldest);
            }
            self.sales.insert(sale.to_owned(), Rings::new(now));
        }
        let rings = self.sales.get_mut(sale)?;
        if busy {
            rings.busy_at = now;
        }
        Some(rings)
    }
}

impl Published {
    fn of(status: &NodeStatus) -> Self {
        let flows = status.sales.iter().map(|totals| (totals.sale.clone(), Flows::of(totals)));
        Self {
            flows: flows.collect(),
            is_full: status.sales.len() >= STATUS_SALES_MAX,
            last: status.sales.last().map(|totals| totals.sale.clone()),
        }
    }

    /// Whether every sale of which something came since `before` is among these: if nothing came
    /// of the last of them, nothing came of those that were asked for even longer ago.
    fn has_all_since(&self, before: &Self) -> bool {
        let of_last = |all: &Self| all.flows.get(self.last.as_ref()?).copied();
        !self.is_full || of_last(before).is_some_and(|flows| of_last(self) == Some(flows))
    }
}

impl Rings {
    fn new(now: UnixMillis) -> Self {
        Self {
            seconds: Ring::new(HISTORY_SECONDS, SECOND_MS, now),
            steps: Ring::new(HISTORY_STEPS, HISTORY_STEP_MS, now),
            busy_at: now,
        }
    }
}

/// How the tickets of a sale stand, by the newest reply of the ledger to any node.
fn tickets(statuses: &[NodeStatus], sale: &str) -> Option<TicketCounts> {
    let of_sale = |status: &NodeStatus| {
        let totals = status.sales.iter().find(|totals| totals.sale == sale);
        totals.and_then(|totals| totals.tickets)
    };
    statuses.iter().map(of_sale).fold(None, TicketCounts::newer)
}

#[cfg(test)]
mod tests;
