//! A node that cannot take more says so, and its load goes to the others; it has not failed, so it
//! is back at once.

use super::nodes::TRIAL_EVERY;
use super::scene::{EDGES, Scene, address};
use super::script::HEAVIEST;
use anyhow::{Result, bail};
use lastseat_ledger::clock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// Connections that each node of this drill takes.
const CONNECTIONS: usize = 64;
const TURNED_AWAY: &str = "lastseat_connections_turned_away_total";
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("LASTSEAT_CONNECTIONS", "64")];
/// A node that is spared for having said "later" is asked again after half a second.
const BACK: Duration = Duration::from_secs(2);
/// An edge asks one that has failed this often before it leaves it alone but for trials
/// (`max_fails`).
const FAILURES: u64 = 2;

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
    let trials = (scene.time.as_secs_f64() / TRIAL_EVERY.as_secs_f64()).ceil() as u64;
    let failed = EDGES as u64 * (FAILURES + trials);
    scene.demand(turned > failed, || {
        format!(
            "edges came {turned} times. To a node that is spared for half a second they come more \
             often than {failed} times, the most to one that has failed"
        )
    });
    let since = clock::now();
    scene.places.clear();
    scene.act("they are closed");
    scene.serves_again(HEAVIEST, since, BACK).await
}

/// Opens idle connections until the node has no place left.
async fn hold_all(url: &str) -> Result<Vec<TcpStream>> {
    let mut held = Vec::with_capacity(CONNECTIONS);
    while held.len() <= CONNECTIONS {
        let mut stream = TcpStream::connect(address(url)?).await?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await?;
        let mut said = [0; 1_024];
        let length = stream.read(&mut said).await?;
        if !said[..length].starts_with(b"HTTP/1.1 200") {
            return Ok(held);
        }
        held.push(stream);
    }
    bail!("a node that keeps {CONNECTIONS} connections has taken more")
}
