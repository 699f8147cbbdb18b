//! What an edge can suffer. Buyers whose edge does not answer ask another one with the same key.

use super::scene::{Load, Scene};
use super::script::{Script, ms, signal};
use anyhow::Result;
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::time::sleep;

pub(super) async fn killed(scene: &mut Scene) -> Result<()> {
    ended(scene, Signal::KILL, "kill -9").await
}

pub(super) async fn restarted(scene: &mut Scene) -> Result<()> {
    ended(scene, Signal::TERM, "SIGTERM").await
}

async fn ended(scene: &mut Scene, how: Signal, word: &str) -> Result<()> {
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(8, scene.rate);
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.2).await;
            let number = script.any_edge();
            let edge = script.edge(number)?;
            script.act(format!("{word} of edge {number}"));
            let since = Instant::now();
            signal(edge.pid, how)?;
            script.replaced(edge.pid, || Ok(script.edge(number)?.pid)).await?;
            script.act(format!("edge {number} runs again"));
            script.measure("edge runs again after", ms(since.elapsed()));
            Ok(())
        })
        .await?;
    all_doors_sold(scene, &outcomes.tally.granted_at);
    cluster.stop()
}

pub(super) async fn frozen(scene: &mut Scene) -> Result<()> {
    let frozen_for = Duration::from_secs(if scene.long { 8 } else { 3 });
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(frozen_for.as_secs() as u32 + 6, scene.rate);
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.2).await;
            let number = script.any_edge();
            let edge = script.edge(number)?;
            script.act(format!("SIGSTOP of edge {number}"));
            signal(edge.pid, Signal::STOP)?;
            let before = script.stage.granted();
            sleep(frozen_for).await;
            let meanwhile = script.stage.granted() - before;
            script.act(format!("SIGCONT of edge {number}"));
            signal(edge.pid, Signal::CONT)?;
            script.measure("sold by the others meanwhile", meanwhile);
            script.demand(meanwhile > 0, || "the other edges sold nothing".to_owned());
            Ok(())
        })
        .await?;
    let slowest = outcomes.tally.slowest;
    let record = &scene.record;
    record.borrow_mut().measure("longest wait for an answer", ms(slowest));
    all_doors_sold(scene, &outcomes.tally.granted_at);
    cluster.stop()
}

/// Each edge sold something: those that were left alone, and the one that came back.
fn all_doors_sold(scene: &Scene, granted_at: &[u64]) {
    let mut record = scene.record.borrow_mut();
    record.measure("tickets by edge", format!("{granted_at:?}"));
    record.demand(granted_at.iter().all(|granted| *granted > 0), || {
        format!("an edge sold nothing: {granted_at:?}")
    });
}
