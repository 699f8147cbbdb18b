//! Tickets that come back are offered by every edge within a second.

use super::scene::{SALE, Scene};
use super::script::ms;
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const ADDED: u32 = 100;
const TIMES: u32 = 3;
/// Tickets that come back in all.
pub(super) const ADDED_IN_ALL: u32 = TIMES * ADDED;
const SOLD_WITHIN: Duration = Duration::from_secs(1);
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Three times: the sale is sold out, every edge says so, 100 tickets come. The median counts, and
/// to the second comes the time of the two answers on the way, an edge's poll and a buyer's order,
/// as this machine gives them: milliseconds, unless it is too busy to show anything.
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
        scene.cluster.set_capacity(SALE, capacity).await?;
        let since = Instant::now();
        scene.act(format!("{ADDED} tickets more"));
        let all = timeout(GIVEN_UP, scene.crowd.sold(capacity)).await;
        all.with_context(|| format!("they were not sold within {GIVEN_UP:?}"))?;
        took.push(since.elapsed());
        let gave = scene.crowd.granted_at();
        for ((sum, after), before) in by_edge.iter_mut().zip(gave).zip(before) {
            *sum += after - before;
        }
    }
    scene.measure("by edge", format!("{by_edge:?}"));
    scene.demand(by_edge.iter().all(|gave| *gave > 0), || {
        format!("an edge offered none of them again: {by_edge:?}")
    });
    took.sort_unstable();
    let each: Vec<String> = took.iter().map(|time| ms(*time)).collect();
    scene.measure("100 sold again after", each.join(", "));
    let median = took[took.len() / 2];
    let tally = &scene.over().await?.context("a crowd")?.tally;
    let answer = Duration::from_micros(tally.granted_us.value_at_quantile(0.9));
    let within = SOLD_WITHIN + 2 * answer;
    scene.demand(median <= within, || {
        format!("100 tickets that came back were sold after {median:?}, not {within:?}")
    });
    Ok(())
}
