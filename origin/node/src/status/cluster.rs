//! Cluster status: aggregates what the nodes have published and the state of the sales.

use super::alarms::{self, Alarm, Alert};
use super::edges::{self, ListedEdge};
use super::{AuditMark, NodeState, NodeStatus, SaleTotals};
use crate::api::sale_bodies::{PlanNote, SaleReport};
use crate::timeline::{self, TimelineEvent};
use lastseat_ledger::{Fault, Ledger};
use serde::{Deserialize, Serialize};
use shared::limits::{ALARMS_MAX, NODE_FORGET_MS, NODE_LIVE_MS, SHOWN_SALES_MAX};
use shared::{SaleId, Snapshot, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Timeline events that are shown.
pub(crate) const TIMELINE_SHOWN: usize = 50;

/// How everything stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// The ledger's clock.
    pub at: UnixMillis,
    /// The nodes, by number.
    pub nodes: Vec<NodeView>,
    /// The sales, those with traffic first.
    pub sales: Vec<SaleStatus>,
    /// Sales beyond those shown.
    pub more_sales: usize,
    /// Edges that asked lately: what the node that saw most has seen.
    pub live_edges: u64,
    /// What happened, the newest first.
    pub happenings: Vec<TimelineEvent>,
    /// What is wrong now, what cannot wait first.
    #[serde(default)]
    pub alarms: Vec<Alarm>,
    /// The edges of the last minutes, those with the most requests first.
    #[serde(default)]
    pub edges: Vec<ListedEdge>,
    /// Edges beyond those shown, as far as the nodes count them one by one.
    #[serde(default)]
    pub more_edges: u64,
}

/// One node.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NodeView {
    /// How it is.
    pub health: Health,
    /// How old its last word is, in milliseconds.
    pub silent_ms: u64,
    /// Its part of the weights of all live nodes.
    pub weight_share: f64,
    /// What it said last.
    #[serde(flatten)]
    pub status: NodeStatus,
}

/// How a node is, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It takes orders.
    Live,
    /// It answers, but cannot serve orders.
    Trouble,
    /// It finishes what was begun.
    Stopping,
    /// It has ended in order.
    Stopped,
    /// It fell silent.
    Lost,
}

impl Health {
    fn of(status: &NodeStatus, silent_ms: u64) -> Self {
        match status.state {
            NodeState::Stopped => Self::Stopped,
            _ if silent_ms > NODE_LIVE_MS => Self::Lost,
            NodeState::Stopping => Self::Stopping,
            NodeState::Serving if status.trouble.is_some() => Self::Trouble,
            NodeState::Serving => Self::Live,
        }
    }

    const fn counts(self) -> bool {
        matches!(self, Self::Live | Self::Trouble)
    }
}

/// One sale.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SaleStatus {
    /// The sale.
    pub sale: String,
    /// What it sells is called so, where the operator has said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// How it stands; absent when its data are damaged.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub stock: Option<SaleReport>,
    /// Why its numbers are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub damage: Option<String>,
    /// What became of its orders, over all nodes.
    pub totals: SaleTotals,
    /// What became of its orders, stage by stage.
    #[serde(default)]
    pub funnel: Funnel,
    /// Orders received, by node.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub received_by_node: BTreeMap<u16, u64>,
}

/// The stages of a sale's orders: each one that asks is refused at an edge or received by a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Funnel {
    /// Orders that asked.
    pub asked: u64,
    /// Orders refused at an edge.
    pub refused_at_edge: u64,
    /// Orders refused by a node from memory.
    pub refused_at_origin: u64,
    /// Orders that the ledger has decided on.
    pub ledger: u64,
    /// Orders granted.
    pub granted: u64,
    /// Tickets confirmed.
    pub confirmed: u64,
}

impl Funnel {
    fn new(totals: &SaleTotals, stock: Option<&SaleReport>) -> Self {
        Self {
            asked: totals.asked(),
            refused_at_edge: totals.refused_at_edge(),
            refused_at_origin: totals.refused_by_origin,
            ledger: totals.decided(),
            granted: totals.granted,
            confirmed: stock.map_or(0, |stock| stock.confirmed.into()),
        }
    }
}

impl ClusterStatus {
    /// Reads it. Those that are `wanted` are shown in any case; `observe` gets how each sale
    /// stands.
    ///
    /// # Errors
    /// See [`Fault`]; a sale with damaged data is no fault of the whole.
    pub async fn read(
        ledger: &Ledger,
        wanted: &[SaleId],
        observe: impl FnMut(&SaleId, &Snapshot),
    ) -> Result<Self, Fault> {
        Self::read_at(ledger, wanted, None, observe).await
    }

    /// As [`Self::read`], by a node that has these alarms itself.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(crate) async fn read_at(
        ledger: &Ledger,
        wanted: &[SaleId],
        own: Option<(u16, &[Alarm])>,
        mut observe: impl FnMut(&SaleId, &Snapshot),
    ) -> Result<Self, Fault> {
        let now = ledger.time().await?;
        let mut statuses = statuses(ledger, now).await?;
        // Those that have not ended first, where nothing else tells them apart.
        let mut known = ledger.sales().await?;
        let listed: BTreeSet<SaleId> = known.iter().cloned().collect();
        let ended = ledger.ended_sales().await?;
        known.extend(ended.into_iter().filter(|sale| !listed.contains(sale)));
        let (shown, more_sales) = shown_sales(&statuses, &known, wanted);
        let mut sales = Vec::with_capacity(shown.len());
        for sale in shown {
            let (stock, damage) = match ledger.snapshot(&sale).await {
                Ok(Some(snapshot)) => {
                    observe(&sale, &snapshot);
                    let plan = ledger.plan_shape(&sale).await?.map(PlanNote::of_shape);
                    (Some(SaleReport::new(&sale, &snapshot, plan)), None)
                }
                // It is listed before it is created.
                Ok(None) => continue,
                Err(Fault::Corrupt(why)) => (None, Some(why)),
                Err(fault) => return Err(fault),
            };
            // Without it the sale is shown by its id.
            let page = ledger.page_terms(&sale).await.ok();
            let title = page.map(|page| page.event.title.clone()).filter(|text| !text.is_empty());
            let status = SaleStatus::new(&sale, stock, damage, &statuses);
            sales.push(SaleStatus { title, ..status });
        }
        let lists = statuses.iter_mut().map(|s| std::mem::take(&mut s.happenings));
        let happenings = timeline::merge(lists, TIMELINE_SHOWN);
        let mut alarms = damages(&sales, now);
        alarms.extend(alarms::of_cluster(&statuses, own, now));
        alarms.truncate(ALARMS_MAX);
        let (edges, more_edges) = edges::of_cluster(&statuses, now);
        let nodes = node_views(statuses, now);
        let counting = nodes.iter().filter(|node| node.health.counts());
        Ok(Self {
            at: now,
            live_edges: counting.map(|node| node.status.live_edges).max().unwrap_or(0),
            nodes,
            sales,
            more_sales,
            happenings,
            alarms,
            edges,
            more_edges,
        })
    }
}

/// What the nodes have published, by number. Those that are long gone are forgotten.
async fn statuses(ledger: &Ledger, now: UnixMillis) -> Result<Vec<NodeStatus>, Fault> {
    let mut statuses = Vec::new();
    for (node, text) in ledger.statuses().await? {
        match NodeStatus::read(&text) {
            Some(status) if now.since(status.at) <= NODE_FORGET_MS => statuses.push(status),
            _ => ledger.forget_status(node).await?,
        }
    }
    statuses.sort_by_key(|status| status.node);
    Ok(statuses)
}

/// The alarms of sales whose data are damaged.
fn damages(sales: &[SaleStatus], now: UnixMillis) -> Vec<Alarm> {
    let damaged = sales.iter().filter(|sale| sale.damage.is_some());
    let alarm = |sale: &SaleStatus| {
        let what = format!("The data of {} are not what lastseat writes.", sale.sale);
        Alert::LedgerCorrupt.alarm(&what, now, Some(sale.sale.clone()))
    };
    damaged.map(alarm).collect()
}

impl ClusterStatus {
    /// The same with those sales alone that `is_shown` lets through.
    #[must_use]
    pub fn of_sales(mut self, is_shown: impl Fn(&str) -> bool) -> Self {
        self.sales.retain(|sale| is_shown(&sale.sale));
        self.more_sales = 0;
        self.happenings.retain(|event| event.is_shown(&is_shown));
        self.alarms.retain(|alarm| alarm.sale.as_deref().is_none_or(&is_shown));
        self
    }
}

impl SaleStatus {
    fn new(
        sale: &SaleId,
        stock: Option<SaleReport>,
        damage: Option<String>,
        statuses: &[NodeStatus],
    ) -> Self {
        let mut totals = SaleTotals { sale: sale.to_string(), ..SaleTotals::default() };
        let mut received_by_node = BTreeMap::new();
        for status in statuses {
            let own = status.sales.iter().find(|own| own.sale == totals.sale);
            if let Some(own) = own {
                totals.add(own);
                received_by_node.insert(status.node, own.received);
            }
        }
        // What the ledger says now is newer.
        totals.tickets = None;
        let funnel = Funnel::new(&totals, stock.as_ref());
        let title = None;
        Self { sale: totals.sale.clone(), title, stock, damage, totals, funnel, received_by_node }
    }

    /// The last audit.
    #[must_use]
    pub const fn audit(&self) -> Option<AuditMark> {
        self.totals.audit
    }
}

/// The sales to show, those with traffic first, and how many more there are.
fn shown_sales(
    statuses: &[NodeStatus],
    known: &[SaleId],
    wanted: &[SaleId],
) -> (Vec<SaleId>, usize) {
    let mut received: BTreeMap<&str, u64> = BTreeMap::new();
    for totals in statuses.iter().flat_map(|status| &status.sales) {
        *received.entry(&totals.sale).or_default() += totals.received;
    }
    let busy = |sale: &SaleId| {
        let received = received.get(sale.as_str()).copied();
        (received.is_none(), std::cmp::Reverse(received.unwrap_or(0)))
    };
    let mut shown: Vec<SaleId> = known.to_vec();
    shown.sort_by_key(|sale| (!wanted.contains(sale), busy(sale)));
    let more = shown.len().saturating_sub(SHOWN_SALES_MAX);
    shown.truncate(SHOWN_SALES_MAX);
    // Who wants one does not move it up for others.
    shown.sort_by_key(busy);
    (shown, more)
}

fn node_views(statuses: Vec<NodeStatus>, now: UnixMillis) -> Vec<NodeView> {
    let mut views: Vec<NodeView> = statuses
        .into_iter()
        .map(|mut status| {
            status.sales.clear();
            status.edges.clear();
            status.alarms.clear();
            let silent_ms = now.since(status.at);
            NodeView {
                health: Health::of(&status, silent_ms),
                silent_ms,
                weight_share: 0.0,
                status,
            }
        })
        .collect();
    let counting = views.iter().filter(|view| view.health.counts());
    let weights: u64 = counting.map(|view| u64::from(view.status.weight)).sum();
    for view in views.iter_mut().filter(|view| view.health.counts()) {
        view.weight_share = f64::from(view.status.weight) / weights.max(1) as f64;
    }
    views
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::limits::STATUS_BYTES_MAX;

    fn status(node: u16, at: u64, state: NodeState) -> NodeStatus {
        let totals = SaleTotals {
            sale: "a".to_owned(),
            received: u64::from(node) * 10,
            granted: 1,
            ..SaleTotals::default()
        };
        NodeStatus { state, sales: vec![totals], ..NodeStatus::quiet(node, UnixMillis(at)) }
    }

    #[test]
    fn a_status_reads_back_and_an_overlong_or_foreign_one_does_not() {
        let status = status(3, 5, NodeState::Serving);
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(NodeStatus::read(&text), Some(status));
        assert_eq!(NodeStatus::read(""), None);
        assert_eq!(NodeStatus::read(r#"{"node":1}"#), None);
        assert_eq!(NodeStatus::read(&" ".repeat(STATUS_BYTES_MAX + 1)), None);
    }

    #[test]
    fn a_node_that_falls_silent_is_lost_and_its_share_goes_to_the_others() {
        let now = UnixMillis(100_000);
        let views = node_views(
            vec![
                status(1, 99_500, NodeState::Serving),
                status(2, 99_000, NodeState::Stopped),
                status(3, 99_900, NodeState::Serving),
                status(4, now.0 - NODE_LIVE_MS - 1, NodeState::Serving),
            ],
            now,
        );
        let seen: Vec<_> = views.iter().map(|v| (v.health, v.weight_share)).collect();
        assert_eq!(
            seen,
            [
                (Health::Live, 0.25),
                (Health::Stopped, 0.0),
                (Health::Live, 0.75),
                (Health::Lost, 0.0)
            ]
        );
    }

    #[test]
    fn the_totals_of_a_sale_are_those_of_all_nodes_even_lost_ones() {
        let statuses = [status(1, 1, NodeState::Serving), status(4, 1, NodeState::Serving)];
        let view = SaleStatus::new(&SaleId::parse("a").unwrap(), None, None, &statuses);
        assert_eq!((view.totals.received, view.totals.granted), (50, 2));
        assert_eq!(view.received_by_node, BTreeMap::from([(1, 10), (4, 40)]));
    }

    #[test]
    fn sales_with_traffic_are_shown_first_and_their_number_is_bounded() {
        let known: Vec<_> = (0..SHOWN_SALES_MAX + 5)
            .map(|i| SaleId::parse(&format!("sale-{i}")).unwrap())
            .chain([SaleId::parse("a").unwrap()])
            .collect();
        let busy = [status(1, 1, NodeState::Serving)];
        let (shown, more) = shown_sales(&busy, &known, &[]);
        assert_eq!((shown[0].as_str(), shown.len(), more), ("a", SHOWN_SALES_MAX, 6));
        let wanted = &known[SHOWN_SALES_MAX + 2..SHOWN_SALES_MAX + 4];
        let (shown, more) = shown_sales(&busy, &known, wanted);
        assert!(wanted.iter().all(|sale| shown.contains(sale)), "whatever was asked for is shown");
        assert_eq!((shown[0].as_str(), shown.len(), more), ("a", SHOWN_SALES_MAX, 6));
    }
}
