//! What several workers of one edge can suffer: they share a port, and nothing else.

use super::scene::{Load, SALE, Scene};
use super::script::{Script, ms, signal};
use super::spread::by_edge;
use crate::harness::Cluster;
use crate::load::{Buyers, CrowdLoad, LoadRequest, Pace, send};
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
    let cluster = scene.cluster_of_workers()?;
    let load = Load::lasting(6, scene.rate);
    scene.under_load(&cluster, load, kill_one).await?;
    let orders = cluster.orders(SALE).await?.len() as u64;
    both_sold(scene, &cluster, SALE, orders)?;
    sell_later(scene, &cluster).await?;
    both_sold(scene, &cluster, LATER, u64::from(BUYERS))?;
    cluster.stop()
}

async fn kill_one(script: &Script) -> Result<()> {
    script.sold(0.2).await;
    let workers = script.workers(1)?;
    script.demand(workers.len() == 2, || format!("edge 1 has {} workers", workers.len()));
    let at = script.chance.borrow_mut().usize(0..workers.len());
    let worker = workers.get(at).context("a worker")?;
    script.act(format!("kill -9 of worker {} of edge 1", worker.worker));
    let since = Instant::now();
    signal(worker.pid, Signal::KILL)?;
    // Its socket is closed when its last thread has ended, and then its entry goes.
    let entry = PathBuf::from(format!("/proc/{}", worker.pid));
    while entry.exists() && since.elapsed() < GONE {
        sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..VISITS {
        let heard = script.ask(&worker.url, "/").await;
        script.demand(matches!(heard, Ok((200, _))), || {
            let heard =
                heard.map_or_else(|error| error.to_string(), |(status, _)| status.to_string());
            format!("a new connection to the port heard {heard}")
        });
    }
    let now = || Ok(script.workers(1)?.get(at).context("a worker")?.pid);
    script.replaced(worker.pid, now).await?;
    script.act(format!("worker {} runs again", worker.worker));
    script.measure("worker runs again after", ms(since.elapsed()));
    Ok(())
}

/// People who come later, over new connections.
async fn sell_later(scene: &Scene, cluster: &Cluster) -> Result<()> {
    cluster.create_sale(LATER, u64::from(BUYERS)).await?;
    let orders = LoadRequest::orders(LATER, Buyers::new(scene.seed));
    let pace = Pace::Buyers { count: BUYERS, a_second: None };
    let load = CrowdLoad::new(&cluster.edges, orders, CONNECTIONS, pace);
    let tally = send(&load, |_| {}).await?.tally;
    let mut record = scene.record.borrow_mut();
    record.sent(BUYERS, &tally);
    record.demand(tally.granted == u64::from(BUYERS), || {
        format!("{} of {BUYERS} got a ticket later", tally.granted)
    });
    Ok(())
}

/// Each worker is an edge of its own to the nodes.
fn both_sold(scene: &Scene, cluster: &Cluster, sale: &str, orders: u64) -> Result<()> {
    let by_edge = by_edge(cluster, sale, orders)?;
    let sums: Vec<u64> = by_edge.values().map(|nodes| nodes.iter().sum()).collect();
    let mut record = scene.record.borrow_mut();
    record.measure(&format!("orders of {sale} by worker"), format!("{sums:?}"));
    record.demand(sums.len() >= 2, || format!("all orders of {sale} came from one worker"));
    Ok(())
}
