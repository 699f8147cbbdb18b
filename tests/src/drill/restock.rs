//! Tickets that come back are offered by every edge within a second.

use super::scene::{SALE, Scene};
use super::script::ms;
use crate::harness::stat_log;
use anyhow::{Context, Result};
use lastseat_ledger::clock;
use shared::UnixMillis;
use std::time::Duration;
use tokio::time::{sleep, timeout};

const ADDED: u32 = 100;
const TIMES: u32 = 3;
/// Tickets that come back in all.
pub(super) const ADDED_IN_ALL: u32 = TIMES * ADDED;
const SOLD_WITHIN: Duration = Duration::from_secs(1);
const GIVEN_UP: Duration = Duration::from_secs(10);

/// A decision is in the log after this time.
const WRITTEN: Duration = Duration::from_millis(500);

/// Three times: the sale is sold out, every edge says so, 100 tickets come. Each time the last of
/// them is sold within a second of the operator's call, by the times that the nodes have logged.
pub(super) async fn sold_again(scene: &mut Scene) -> Result<()> {
    let mut took = Vec::new();
    let mut by_edge = vec![0; scene.cluster.edges.len()];
    for round in 1..=TIMES {
        let sold = u64::from(scene.tickets() + (round - 1) * ADDED);
        scene.crowd.sold(sold).await;
        // All edges know it, and refuse by themselves.
        sleep(Duration::from_secs(1)).await;
        let before = scene.crowd.granted_at();
        let capacity = sold + u64::from(ADDED);
        let asked = clock::now();
        scene.cluster.set_capacity(SALE, capacity).await?;
        scene.act(format!("{ADDED} tickets more"));
        let all = timeout(GIVEN_UP, scene.crowd.sold(capacity)).await;
        all.with_context(|| format!("they were not sold within {GIVEN_UP:?}"))?;
        sleep(WRITTEN).await;
        let granted = granted(scene)?;
        let last = granted.get(capacity as usize - 1).context("a log of each sold ticket")?;
        took.push(Duration::from_millis(last.since(asked)));
        let gave = scene.crowd.granted_at();
        for ((sum, after), before) in by_edge.iter_mut().zip(gave).zip(before) {
            *sum += after - before;
        }
    }
    scene.measure("by edge", format!("{by_edge:?}"));
    scene.demand(by_edge.iter().all(|gave| *gave > 0), || {
        format!("an edge offered none of them again: {by_edge:?}")
    });
    let each: Vec<String> = took.iter().map(|time| ms(*time)).collect();
    scene.measure("100 sold again after", each.join(", "));
    for took in took {
        scene.demand(took <= SOLD_WITHIN, || {
            format!("100 tickets that came back were sold after {took:?}, not {SOLD_WITHIN:?}")
        });
    }
    Ok(())
}

/// When each ticket was sold, by the logs of all nodes, in order.
fn granted(scene: &Scene) -> Result<Vec<UnixMillis>> {
    let mut times = Vec::new();
    for node in &scene.cluster.nodes {
        let log = node.stat_log.as_ref().context("a stat.log")?;
        times.extend(stat_log::granted(log, SALE)?);
    }
    times.sort_unstable();
    Ok(times)
}
