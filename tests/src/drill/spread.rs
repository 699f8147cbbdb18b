//! The weights hold for each isolate by itself: three edges that know nothing of each other.

use super::scene::{SALE, Scene};
use super::script::ms;
use crate::harness::{Cluster, Edge, stat_log};
use anyhow::{Context, Result};
use shared::limits::{STALL_MS, TURN_ORDERS_MAX};
use std::collections::BTreeMap;
use std::time::Duration;

const ORDERS: u32 = 1_000;
const CONNECTIONS: u32 = 100;
/// Weights are exact while every node answers. Where an answer took [`STALL_MS`], a node was silent
/// and edges rightly asked it less: then nothing was shown, and it is tried once more with fresh
/// edges. All else must hold in each try.
pub(super) async fn one_two_three_four(scene: &mut Scene) -> Result<()> {
    let (mut wrong, slowest) = try_once(scene).await?;
    if !wrong.is_empty() && slowest.as_millis() as u64 >= STALL_MS {
        let first = wrong.join("; ");
        scene.measure("shown nothing: a node was silent for", format!("{}: {first}", ms(slowest)));
        scene.set_again().await?;
        wrong = try_once(scene).await?.0;
    }
    scene.record().violations.extend(wrong);
    Ok(())
}

/// Where orders reached the nodes in other parts than their weights, and the longest that an answer
/// took.
async fn try_once(scene: &Scene) -> Result<(Vec<String>, Duration)> {
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
    let mut wrong = Vec::new();
    for (edge, counts) in &by_edge {
        scene.measure(&format!("orders of {edge} by node"), format!("{counts:?}"));
        let sum: u64 = counts.iter().sum();
        scene.demand(sum == u64::from(ORDERS), || format!("{sum} orders came from {edge}"));
        let off = counts.iter().zip([100, 200, 300, 400]).map(|(n, share)| n.abs_diff(share)).max();
        if off > Some(scene.off_share()) {
            wrong.push(format!("the orders of {edge} reached the nodes {counts:?}, not 1:2:3:4"));
        }
    }
    let audit = cluster.audit(SALE).await?;
    scene.demand(audit.ok && audit.confirmed == total, || format!("the audit says {audit:?}"));
    Ok((wrong, slowest))
}

impl Scene {
    /// How many orders of one edge a node may be ahead of its share or behind it. A worker asks for
    /// each order anew. A gateway sends those of one turn together, and the next turns make up for
    /// it.
    fn off_share(&self) -> u64 {
        if self.edge == Edge::Gateway { u64::from(TURN_ORDERS_MAX) } else { 0 }
    }
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
