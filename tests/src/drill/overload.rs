//! A node that cannot take more says so, and its load goes to the others; it has not failed, so it
//! is back at once.

use super::scene::{Scene, address};
use super::script::HEAVIEST;
use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Connections that each node of this drill takes.
const CONNECTIONS: usize = 64;
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("LASTSEAT_CONNECTIONS", "64")];
const TURNED_AWAY: &str = "lastseat_connections_turned_away_total";
/// A node that is spared for having said "later" is asked again after half a second.
const BACK: Duration = Duration::from_secs(2);

/// Times that the edges' connections are cut until strangers have all places.
const ROUNDS: usize = 40;
/// An edge that still has a connection decides something in this time.
const QUIET: Duration = Duration::from_millis(500);

pub(super) async fn spills(scene: &Scene) -> Result<()> {
    let held = hold_all(scene).await?;
    scene.act(format!("{} idle connections hold every place of node {HEAVIEST}", held.len()));
    let turned_away = async || scene.count(HEAVIEST, TURNED_AWAY).await;
    let (decided, sold, turned) =
        (scene.decisions(HEAVIEST)?, scene.crowd.granted(), turned_away().await?);
    sleep(scene.time).await;
    let decided = scene.decisions(HEAVIEST)? - decided;
    scene.measure("orders it decided meanwhile", decided);
    scene.demand(decided == 0, || format!("an edge kept a place: {decided} orders were decided"));
    scene.sells_meanwhile(sold);
    // Nobody but the edges has come since.
    let turned = turned_away().await? - turned;
    scene.measure("connections of edges turned away", turned);
    scene.demand(turned > 0, || "no edge was turned away".to_owned());
    drop(held);
    let since = Instant::now();
    scene.act("they are closed");
    scene.serves_again(HEAVIEST, since, BACK).await
}

/// Cuts the edges' connections and takes their places, until the node decides nothing any more.
async fn hold_all(scene: &Scene) -> Result<Vec<TcpStream>> {
    let link = scene.links()?.to_nodes.get(usize::from(HEAVIEST) - 1).context("a node")?;
    let node = address(&scene.node(HEAVIEST)?.url)?;
    let mut held = Vec::with_capacity(CONNECTIONS);
    for _ in 0..ROUNDS {
        link.cut();
        take_places(node, &mut held).await?;
        let decided = scene.decisions(HEAVIEST)?;
        sleep(QUIET).await;
        if scene.decisions(HEAVIEST)? == decided {
            return Ok(held);
        }
    }
    bail!("edges kept a place at node {HEAVIEST}")
}

/// Opens idle connections until the node has no place left.
async fn take_places(node: SocketAddr, held: &mut Vec<TcpStream>) -> Result<()> {
    loop {
        let mut stream = TcpStream::connect(node).await?;
        // Who is admitted receives nothing before he has asked.
        match timeout(Duration::from_millis(30), stream.read(&mut [0; 1])).await {
            Ok(_) => return Ok(()),
            Err(_) => held.push(stream),
        }
    }
}
