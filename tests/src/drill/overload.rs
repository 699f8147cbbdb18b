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
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("LASTSEAT_CONNECTIONS", "64")];
/// A node that is spared for having said "later" is asked again after half a second.
const BACK: Duration = Duration::from_secs(2);

pub(super) async fn spills(scene: &Scene) -> Result<()> {
    let held = hold_all(&scene.node(HEAVIEST)?.url).await?;
    scene.act(format!("{} idle connections hold every place of node {HEAVIEST}", held.len()));
    let (decided, sold) = (scene.decisions(HEAVIEST)?, scene.crowd.granted());
    sleep(scene.time).await;
    scene.measure("orders it decided meanwhile", scene.decisions(HEAVIEST)? - decided);
    scene.sells_meanwhile(sold);
    let turned_away = scene.count(HEAVIEST, "lastseat_connections_turned_away_total").await?;
    scene.measure("connections turned away", turned_away);
    scene.demand(turned_away > 0, || "the node turned no connection away".to_owned());
    drop(held);
    let since = Instant::now();
    scene.act("they are closed");
    scene.serves_again(HEAVIEST, since, BACK).await
}

/// Opens idle connections until the node has no place left.
async fn hold_all(url: &str) -> Result<Vec<TcpStream>> {
    let mut held = Vec::with_capacity(CONNECTIONS);
    loop {
        let mut stream = TcpStream::connect(address(url)?).await?;
        // Who is admitted hears nothing before he has asked.
        let said = timeout(Duration::from_millis(30), stream.read(&mut [0; 1])).await;
        match said {
            Ok(_) => return Ok(held),
            Err(_) => held.push(stream),
        }
    }
}
