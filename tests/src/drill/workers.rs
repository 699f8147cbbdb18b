//! What several workers of one edge can suffer: they share a port, and nothing else.

use super::scene::{SALE, Scene};
use super::script::{ask, ms, signal};
use super::spread::by_edge;
use anyhow::{Context, Result};
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// The sale of those who come when all is over.
const LATER: &str = "later";
/// How many they are, and their connections: enough that no chance gives all of them to one worker.
const BUYERS: u32 = 200;
const CONNECTIONS: u32 = 48;
/// Connections that are opened while one worker is dead.
const VISITS: u32 = 20;

/// A process that is killed is gone by then, on any machine.
const GONE: Duration = Duration::from_secs(5);

pub(super) async fn killed(scene: &mut Scene) -> Result<()> {
    kill_one(scene).await?;
    scene.over().await?;
    let orders = scene.cluster.orders(SALE).await?.len() as u64;
    both_sold(scene, SALE, orders)?;
    // People who come later, over new connections.
    scene.cluster.create_sale(LATER, u64::from(BUYERS)).await?;
    scene.sells_out((&scene.cluster.edges, LATER), BUYERS, CONNECTIONS, scene.seed).await?;
    both_sold(scene, LATER, u64::from(BUYERS))
}

async fn kill_one(scene: &Scene) -> Result<()> {
    let workers = scene.workers(1)?;
    scene.demand(workers.len() == 2, || format!("edge 1 has {} workers", workers.len()));
    let at = scene.chance.borrow_mut().usize(0..workers.len());
    let worker = workers.get(at).context("a worker")?;
    scene.act(format!("kill -9 of worker {} of edge 1", worker.worker));
    let since = Instant::now();
    signal(worker.pid, Signal::KILL)?;
    // Its socket is closed when its last thread has ended, and then its entry goes.
    let entry = PathBuf::from(format!("/proc/{}", worker.pid));
    while entry.exists() && since.elapsed() < GONE {
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..VISITS {
        let heard = ask(&worker.url, "/").await.map(|(status, _)| status);
        scene.demand(matches!(heard, Ok(200)), || {
            format!("a new connection to the port heard {heard:?}")
        });
    }
    let now = || Ok(scene.workers(1)?.get(at).context("a worker")?.pid);
    scene.replaced(worker.pid, now).await?;
    scene.act(format!("worker {} runs again", worker.worker));
    scene.measure("worker runs again after", ms(since.elapsed()));
    Ok(())
}

/// Each worker is an edge of its own to the nodes.
fn both_sold(scene: &Scene, sale: &str, orders: u64) -> Result<()> {
    let by_edge = by_edge(&scene.cluster, sale, orders)?;
    let sums: Vec<u64> = by_edge.values().map(|nodes| nodes.iter().sum()).collect();
    scene.measure(&format!("orders of {sale} by worker"), format!("{sums:?}"));
    scene.demand(sums.len() >= 2, || format!("all orders of {sale} came from one worker"));
    Ok(())
}
