//! What a node can suffer.

use super::scene::{EDGES, Load, Scene};
use super::script::{Script, ms, signal};
use anyhow::Result;
use rustix::process::Signal;
use shared::limits::{EDGE_ATTEMPT_MS, STALL_MS};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A frozen node is left alone after this time ...
pub(super) const EJECTED: Duration = Duration::from_secs(1);
/// ... and serves again this long after it goes on.
const BACK: Duration = Duration::from_secs(10);
/// An edge gives a resting node one trial this often (the default of `fail_timeout_ms`).
const TRIAL_EVERY: Duration = Duration::from_secs(2);
/// The node that is frozen: four requests of ten go there.
const HEAVIEST: u16 = 4;

pub(super) async fn killed(scene: &mut Scene) -> Result<()> {
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(10, scene.rate);
    scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.2).await;
            let id = script.any_node();
            let node = script.node(id)?;
            script.act(format!("kill -9 of node {id}"));
            signal(node.pid, Signal::KILL)?;
            let since = Instant::now();
            back(script, id, since).await
        })
        .await?;
    cluster.stop()
}

pub(super) async fn restarted(scene: &mut Scene) -> Result<()> {
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(12, scene.rate);
    scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.15).await;
            let id = script.any_node();
            let node = script.node(id)?;
            script.act(format!("SIGTERM of node {id}"));
            let since = Instant::now();
            signal(node.pid, Signal::TERM)?;
            script.replaced(node.pid, || Ok(script.node(id)?.pid)).await?;
            script.measure("stopped and started again after", ms(since.elapsed()));
            back(script, id, since).await
        })
        .await?;
    cluster.stop()
}

async fn back(script: &Script, id: u16, since: Instant) -> Result<()> {
    let took = script.serves_again(id, since).await?;
    script.act(format!("node {id} serves again"));
    script.measure("serves again after", ms(took));
    script.demand(took <= BACK, || format!("node {id} served again after {took:?} only"));
    Ok(())
}

pub(super) async fn frozen(scene: &mut Scene) -> Result<()> {
    let frozen_for = Duration::from_secs(if scene.long { 12 } else { 4 });
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(frozen_for.as_secs() as u32 + 11, scene.rate);
    let begun = Instant::now();
    let mut stopped = Duration::ZERO;
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.15).await;
            let id = HEAVIEST;
            let node = script.node(id)?;
            script.act(format!("SIGSTOP of node {id}"));
            stopped = begun.elapsed();
            signal(node.pid, Signal::STOP)?;
            sleep(frozen_for).await;
            script.act(format!("SIGCONT of node {id}"));
            signal(node.pid, Signal::CONT)?;
            back(script, id, Instant::now()).await
        })
        .await?;
    let mut record = scene.record.borrow_mut();
    let tally = &outcomes.tally;
    // Those who were at the frozen node wait until it counts as silent; after that only trials go
    // there.
    let left: Vec<_> = tally
        .slow
        .iter()
        .filter(|slow| slow.took.as_millis() as u64 >= STALL_MS && slow.sent >= stopped)
        .filter(|slow| slow.sent < stopped + frozen_for)
        .collect();
    let late = left.iter().filter(|slow| slow.sent > stopped + EJECTED).count();
    let trials = (frozen_for.as_secs_f64() / TRIAL_EVERY.as_secs_f64()).ceil() as usize * EDGES;
    record.measure(
        "answers over 800 ms of requests sent in its first second, and later",
        format!("{}, {late}", left.len() - late),
    );
    record.measure("longest wait for an answer", ms(tally.slowest));
    // A busy machine is slow now and then; half of what such a node would get if it were still
    // asked is not that.
    let still_asked = (frozen_for - EJECTED).as_secs() as usize * load.rate as usize * 4 / 10;
    record.demand(late <= trials + still_asked / 2, || {
        format!("{late} requests still waited for the node a second after the stop")
    });
    let slowest = tally.slowest;
    record.demand(slowest < Duration::from_millis(EDGE_ATTEMPT_MS), || {
        format!("a buyer waited {slowest:?} for an answer because of one frozen node")
    });
    drop(record);
    cluster.stop()
}
