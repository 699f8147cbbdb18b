//! The weights hold for each isolate by itself: three edges that know nothing of each other.

use super::scene::{SALE, Scene};
use super::script::ms;
use crate::harness::{Cluster, stat_log};
use crate::load::{Buyers, CrowdLoad, LoadRequest, Pace, send};
use anyhow::{Context, Result};
use shared::limits::STALL_MS;
use std::collections::BTreeMap;
use std::time::Duration;

const ORDERS: u32 = 1_000;
const CONNECTIONS: u32 = 100;
const TRIES: u32 = 5;

/// Weights are exact while every node answers. On a machine that is so busy that one does not for
/// [`STALL_MS`], edges rightly ask it less: then nothing was shown, and it is tried again with
/// fresh edges.
pub(super) async fn one_two_three_four(scene: &mut Scene) -> Result<()> {
    for _ in 1..TRIES {
        let broken = scene.record.borrow().violations.len();
        let slowest = try_once(scene).await?;
        let mut record = scene.record.borrow_mut();
        if record.violations.len() == broken || (slowest.as_millis() as u64) < STALL_MS {
            return Ok(());
        }
        record.forget(broken);
        record.measure("tried in vain: a node was silent for", ms(slowest));
    }
    try_once(scene).await.map(drop)
}

/// The longest that an answer took.
async fn try_once(scene: &mut Scene) -> Result<Duration> {
    let mut slowest = Duration::ZERO;
    let cluster = scene.cluster(&[])?;
    cluster.create_sale(SALE, 1_000_000).await?;
    let mut seed = scene.seed;
    for url in &cluster.edges {
        seed = seed.wrapping_add(1);
        let orders = LoadRequest::orders(SALE, Buyers::new(seed));
        let pace = Pace::Buyers { count: ORDERS, a_second: None };
        let load = CrowdLoad::new(std::slice::from_ref(url), orders, CONNECTIONS, pace);
        let outcomes = send(&load, |_| {}).await?;
        let granted = outcomes.tally.granted;
        slowest = slowest.max(outcomes.tally.slowest);
        let mut record = scene.record.borrow_mut();
        record.demand(granted == u64::from(ORDERS), || format!("{url} sold {granted} of {ORDERS}"));
        record.sent(ORDERS, &outcomes.tally);
    }
    let total = u64::from(ORDERS) * cluster.edges.len() as u64;
    let by_edge = by_edge(&cluster, SALE, total)?;
    let audit = cluster.audit(SALE).await?;
    let mut record = scene.record.borrow_mut();
    let edges = cluster.edges.len();
    record.demand(by_edge.len() == edges, || {
        format!("{edges} edges, but orders came from {by_edge:?}")
    });
    for (edge, counts) in &by_edge {
        record.measure(&format!("orders of {edge} by node"), format!("{counts:?}"));
        record.demand(*counts == [100, 200, 300, 400], || {
            format!("the orders of {edge} reached the nodes {counts:?}, not 1:2:3:4")
        });
    }
    record.demand(audit.ok && audit.confirmed == total, || format!("the audit says {audit:?}"));
    drop(record);
    cluster.stop()?;
    Ok(slowest)
}

/// Orders of `sale` at each node by the isolate that sent them, once all are logged.
pub(super) fn by_edge(
    cluster: &Cluster,
    sale: &str,
    total: u64,
) -> Result<BTreeMap<String, [u64; 4]>> {
    let _ = cluster.decisions_when(sale, total);
    let mut by_edge: BTreeMap<String, [u64; 4]> = BTreeMap::new();
    for (i, node) in cluster.nodes.iter().enumerate() {
        let path = node.stat_log.as_ref().context("a stat.log")?;
        for (edge, count) in stat_log::by_edge(path, sale)? {
            by_edge.entry(edge).or_default()[i] = count;
        }
    }
    Ok(by_edge)
}
