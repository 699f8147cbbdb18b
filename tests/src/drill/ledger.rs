//! The ledger goes away and comes back: honest faults, no false "sold out", no restart.

use super::scene::Scene;
use super::script::{ask, ms, signal};
use anyhow::{Result, bail};
use rustix::process::Signal;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// A node that has its ledger back says so within this time.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A heartbeat comes once a second and waits for its reply for a second.
const UNREADY_WITHIN: Duration = Duration::from_secs(2);

pub(super) async fn frozen(scene: &Scene) -> Result<()> {
    let pid = scene.redis()?;
    scene.act("SIGSTOP of Redis");
    signal(pid, Signal::STOP)?;
    sleep(scene.time).await;
    unready(scene).await?;
    scene.act("SIGCONT of Redis");
    signal(pid, Signal::CONT)
}

pub(super) async fn killed(scene: &Scene) -> Result<()> {
    let pid = scene.redis()?;
    scene.act("kill -9 of Redis");
    signal(pid, Signal::KILL)?;
    scene.replaced(pid, || scene.redis()).await?;
    scene.act("Redis runs again");
    Ok(())
}

/// The ledger is back, whatever kept it away: nobody was told "sold out", and everything goes on
/// without a restart of the processes that the nodes were before.
pub(super) async fn back(scene: &Scene, nodes: Vec<u32>) -> Result<()> {
    let since = Instant::now();
    let refused = scene.refused_although_free().await?;
    scene.demand(refused == 0, || {
        format!("{refused} buyers heard \"sold out\" while what they wanted was free")
    });
    scene.crowd.sold(scene.crowd.granted() + 1).await;
    scene.measure("sells again after", ms(since.elapsed()));
    for node in &scene.cluster.nodes {
        while ask(&node.url, "/readyz").await?.0 != 200 {
            if since.elapsed() > READY_WITHIN {
                bail!("node {} is not ready after {READY_WITHIN:?}", node.id);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
    scene.measure("all nodes ready again after", ms(since.elapsed()));
    scene.demand(pids(scene)? == nodes, || "a node had to be started again".to_owned());
    Ok(())
}

/// The processes of the nodes.
pub(super) fn pids(scene: &Scene) -> Result<Vec<u32>> {
    (1..=4).map(|id| Ok(scene.node(id)?.pid)).collect()
}

/// Each node says that it is not ready, and why, as soon as its next heartbeat has failed.
pub(super) async fn unready(scene: &Scene) -> Result<()> {
    let begun = Instant::now();
    for node in &scene.cluster.nodes {
        let (mut status, mut text) = ask(&node.url, "/readyz").await?;
        while status == 200 && begun.elapsed() < UNREADY_WITHIN {
            sleep(Duration::from_millis(50)).await;
            (status, text) = ask(&node.url, "/readyz").await?;
        }
        let named = text.contains("ledger") || text.contains("Redis");
        scene.demand(status == 503 && named, || {
            format!("node {} says {status} {text} while the ledger is away", node.id)
        });
    }
    Ok(())
}
