//! A node that cannot take more says so, and its load goes to the others; it has not failed, so it
//! is back at once.

use super::scene::{Scene, address};
use super::script::HEAVIEST;
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Connections that each node of this drill takes.
const CONNECTIONS: usize = 64;
const TURNED_AWAY: &str = "lastseat_connections_turned_away_total";
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("LASTSEAT_CONNECTIONS", "64")];
/// A node that is spared for having said "later" is asked again after half a second.
const BACK: Duration = Duration::from_secs(2);

/// Takes every place of the node before an edge has a connection to it.
pub(super) async fn takes_places(scene: &mut Scene) -> Result<()> {
    scene.places = hold_all(&scene.node(HEAVIEST)?.url).await?;
    scene.act(format!(
        "{} idle connections hold every place of node {HEAVIEST}",
        scene.places.len()
    ));
    Ok(())
}

pub(super) async fn spills(scene: &mut Scene) -> Result<()> {
    // The first buyer finds the places taken, so who is turned away from here on is an edge.
    let turned_away = async || scene.count(HEAVIEST, TURNED_AWAY).await;
    let (decided, sold, turned) =
        (scene.decisions(HEAVIEST)?, scene.crowd.granted(), turned_away().await?);
    sleep(scene.time).await;
    let decided = scene.decisions(HEAVIEST)? - decided;
    scene.measure("orders it decided meanwhile", decided);
    scene.demand(decided == 0, || format!("an edge had a place: {decided} orders were decided"));
    scene.sells_meanwhile(sold);
    let turned = turned_away().await? - turned;
    scene.measure("connections of edges turned away", turned);
    scene.demand(turned > 0, || "no edge was turned away".to_owned());
    scene.places.clear();
    let since = Instant::now();
    scene.act("they are closed");
    scene.serves_again(HEAVIEST, since, BACK).await
}

/// Opens idle connections until the node has no place left.
async fn hold_all(url: &str) -> Result<Vec<TcpStream>> {
    let mut held = Vec::with_capacity(CONNECTIONS);
    loop {
        let mut stream = TcpStream::connect(address(url)?).await?;
        // Who is admitted receives nothing before he has asked.
        match timeout(Duration::from_millis(30), stream.read(&mut [0; 1])).await {
            Ok(_) => return Ok(held),
            Err(_) => held.push(stream),
        }
    }
}
