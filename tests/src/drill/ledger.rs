//! The ledger goes away and comes back: honest faults, no false "sold out", no restart.

use super::scene::{Faults, Load, Scene};
use super::script::{Script, ms, signal};
use crate::harness::Cluster;
use anyhow::{Result, bail};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A node that has its ledger back says so within this time.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A beat comes once a second and waits for its reply for a second.
const UNREADY_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn frozen(scene: &mut Scene) -> Result<()> {
    let away = Duration::from_secs(if scene.long { 10 } else { 4 });
    outage(scene, away, async |script: &Script| {
        let pid = script.redis()?;
        script.act("SIGSTOP of Redis");
        signal(pid, Signal::STOP)?;
        sleep(away).await;
        unready(script).await?;
        script.act("SIGCONT of Redis");
        signal(pid, Signal::CONT)
    })
    .await
}

pub(super) async fn killed(scene: &mut Scene) -> Result<()> {
    outage(scene, Duration::from_secs(2), async |script: &Script| {
        let pid = script.redis()?;
        script.act("kill -9 of Redis");
        signal(pid, Signal::KILL)?;
        script.replaced(pid, || script.redis()).await?;
        script.act("Redis runs again");
        Ok(())
    })
    .await
}

pub(super) async fn outage(
    scene: &mut Scene,
    away: Duration,
    fault: impl AsyncFnOnce(&Script) -> Result<()>,
) -> Result<()> {
    let cluster = scene.cluster(&[])?;
    outage_of(scene, &cluster, away, fault).await?;
    cluster.stop()
}

/// The ledger is away for about so long, as `fault` makes it: nobody hears "sold out", and when it
/// is back everything goes on without a restart.
pub(super) async fn outage_of(
    scene: &mut Scene,
    cluster: &Cluster,
    away: Duration,
    fault: impl AsyncFnOnce(&Script) -> Result<()>,
) -> Result<()> {
    let more = if scene.long { 8 } else { 4 };
    let load = Load {
        faults: Faults::LedgerAway,
        ..Load::lasting(away.as_secs() as u32 + more, scene.rate)
    };
    scene
        .under_load(cluster, load, async |script: &Script| {
            script.sold(0.2).await;
            let nodes = pids(script)?;
            fault(script).await?;
            let since = Instant::now();
            let refused = script.stage.refused();
            script.demand(refused == 0, || {
                format!("{refused} buyers heard \"sold out\" while tickets were free")
            });
            let sold = script.stage.granted();
            script.stage.sold(sold + 1).await;
            script.measure("sells again after", ms(since.elapsed()));
            ready(script, since).await?;
            script.demand(pids(script)? == nodes, || "a node had to be started again".to_owned());
            Ok(())
        })
        .await
        .map(drop)
}

fn pids(script: &Script) -> Result<Vec<u32>> {
    (1..=4).map(|id| Ok(script.node(id)?.pid)).collect()
}

/// Each node says that it is not ready, and why, as soon as its next beat has failed.
pub(super) async fn unready(script: &Script) -> Result<()> {
    let begun = Instant::now();
    for node in &script.system.nodes {
        let (mut status, mut text) = script.ask(&node.url, "/readyz").await?;
        while status == 200 && begun.elapsed() < UNREADY_WITHIN {
            sleep(Duration::from_millis(50)).await;
            (status, text) = script.ask(&node.url, "/readyz").await?;
        }
        let named = text.contains("ledger") || text.contains("Redis");
        script.demand(status == 503 && named, || {
            format!("node {} says {status} {text} while the ledger is away", node.id)
        });
    }
    Ok(())
}

async fn ready(script: &Script, since: Instant) -> Result<()> {
    for node in &script.system.nodes {
        while script.ask(&node.url, "/readyz").await?.0 != 200 {
            if since.elapsed() > READY_WITHIN {
                bail!("node {} is not ready after {READY_WITHIN:?}", node.id);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    script.measure("all nodes ready again after", ms(since.elapsed()));
    Ok(())
}
