//! Tickets that come back are offered by every edge within a second.

use super::scene::{Load, SALE, Scene};
use super::script::{Script, ms};
use anyhow::{Context, Result};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

const ADDED: u32 = 100;
const TIMES: u32 = 3;
const SOLD_WITHIN: Duration = Duration::from_secs(1);
const GIVEN_UP: Duration = Duration::from_secs(10);

/// Three times: the sale is sold out, every edge says so, 100 tickets come. The median counts, and
/// to the second comes the time of the two answers on the way, an edge's look and a buyer's order,
/// as this machine gives them: milliseconds, unless it is too busy to show anything.
pub(super) async fn sold_again(scene: &mut Scene) -> Result<()> {
    let cluster = scene.cluster(&[])?;
    let load = Load {
        seconds: 12,
        rate: 2 * scene.rate,
        tickets: scene.rate,
        added: TIMES * ADDED,
        ..Load::lasting(0, 1)
    };
    let mut took = Vec::new();
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            let mut by_edge = vec![0; cluster.edges.len()];
            for round in 1..=TIMES {
                let sold = u64::from(load.tickets + (round - 1) * ADDED);
                script.stage.sold(sold).await;
                // All edges know it, and refuse by themselves.
                sleep(Duration::from_secs(1)).await;
                let before = script.stage.granted_at();
                let capacity = sold + u64::from(ADDED);
                script.system.set_capacity(SALE, capacity).await?;
                let since = Instant::now();
                script.act(format!("{ADDED} tickets more"));
                let all = timeout(GIVEN_UP, script.stage.sold(capacity)).await;
                all.with_context(|| format!("they were not sold within {GIVEN_UP:?}"))?;
                took.push(since.elapsed());
                let gave = script.stage.granted_at();
                for ((sum, after), before) in by_edge.iter_mut().zip(gave).zip(before) {
                    *sum += after - before;
                }
            }
            script.measure("by edge", format!("{by_edge:?}"));
            script.demand(by_edge.iter().all(|gave| *gave > 0), || {
                format!("an edge offered none of them again: {by_edge:?}")
            });
            took.sort_unstable();
            let each: Vec<String> = took.iter().map(|time| ms(*time)).collect();
            script.measure("100 sold again after", each.join(", "));
            Ok(())
        })
        .await?;
    let median = took[took.len() / 2];
    let answer = outcomes.tally.granted_us.value_at_quantile(0.9);
    let within = SOLD_WITHIN + 2 * Duration::from_micros(answer);
    scene.record.borrow_mut().demand(median <= within, || {
        format!("100 tickets that came back were sold after {median:?}, not {within:?}")
    });
    cluster.stop()
}
