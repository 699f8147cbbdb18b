//! The weights hold for each isolate by itself: three edges that know nothing of each other.

use super::scene::{SALE, Scene};
use super::script::ms;
use crate::harness::{Cluster, stat_log};
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
        let broken = scene.record().violations.len();
        let slowest = try_once(scene).await?;
        let stalled = slowest.as_millis() as u64 >= STALL_MS;
        if scene.record().violations.len() == broken || !stalled {
            return Ok(());
        }
        scene.record().violations.truncate(broken);
        scene.measure("tried in vain: a node was silent for", ms(slowest));
        scene.set_again().await?;
    }
    try_once(scene).await.map(drop)
}

/// The longest that an answer took.
async fn try_once(scene: &Scene) -> Result<Duration> {
    let (cluster, mut slowest) = (&scene.cluster, Duration::ZERO);
    cluster.create_sale(SALE, 1_000_000).await?;
    for (url, number) in cluster.edges.chunks(1).zip(1..) {
        let seed = scene.seed.wrapping_add(number);
        let tally = scene.sells_out((url, SALE), ORDERS, CONNECTIONS, seed).await?;
        slowest = slowest.max(tally.slowest);
    }
    let edges = cluster.edges.len();
    let total = u64::from(ORDERS) * edges as u64;
    let by_edge = by_edge(cluster, SALE, total)?;
    scene.demand(by_edge.len() == edges, || {
        format!("{edges} edges, but orders came from {by_edge:?}")
    });
    for (edge, counts) in &by_edge {
        scene.measure(&format!("orders of {edge} by node"), format!("{counts:?}"));
        scene.demand(*counts == [100, 200, 300, 400], || {
            format!("the orders of {edge} reached the nodes {counts:?}, not 1:2:3:4")
        });
    }
    let audit = cluster.audit(SALE).await?;
    scene.demand(audit.ok && audit.confirmed == total, || format!("the audit says {audit:?}"));
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
