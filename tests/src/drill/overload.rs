//! A node that cannot take more says so, and its load goes to the others; it has not failed, so it
//! is back at once.

use super::scene::{Load, Scene};
use super::script::{Script, ms};
use anyhow::Result;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Connections that each node of this drill takes.
const CONNECTIONS: usize = 64;
/// The node with the largest share.
const NODE: u16 = 4;
/// How long it is without a free connection.
const OVERLOADED: Duration = Duration::from_secs(4);
/// A node that is spared for having said "later" is asked again after half a second.
const BACK: Duration = Duration::from_secs(2);

pub(super) async fn spills(scene: &mut Scene) -> Result<()> {
    let most = CONNECTIONS.to_string();
    let cluster = scene.cluster_with(&[], &[("LASTSEAT_CONNECTIONS", &most)])?;
    let load = Load::lasting(OVERLOADED.as_secs() as u32 + 6, scene.rate);
    scene
        .under_load(&cluster, load, async |script: &Script| {
            let url = script.node(NODE)?.url;
            let held = hold_all(&url).await?;
            script.act(format!("{} idle connections hold every place of node {NODE}", held.len()));
            let before = script.decisions(NODE)?;
            sleep(OVERLOADED).await;
            let decided = script.decisions(NODE)? - before;
            let sold = script.stage.granted();
            let turned_away = turned_away(script).await?;
            drop(held);
            let since = Instant::now();
            script.act("they are closed");
            let back = script.serves_again(NODE, since).await?;
            script.measure("orders it decided meanwhile", decided);
            script.measure("connections turned away", turned_away);
            script.measure("full share again after", ms(back));
            script.demand(turned_away > 0, || "node 4 turned no connection away".to_owned());
            script.demand(sold > 0, || {
                "nothing was sold while one of four nodes was full".to_owned()
            });
            script.demand(back <= BACK, || {
                format!(
                    "after it was full the node served again after {back:?} only, as if it \
                    had failed"
                )
            });
            Ok(())
        })
        .await?;
    cluster.stop()
}

/// Opens idle connections until the node has no place left.
async fn hold_all(url: &str) -> Result<Vec<TcpStream>> {
    let authority = url.trim_start_matches("http://");
    let mut held = Vec::with_capacity(CONNECTIONS);
    loop {
        let mut stream = TcpStream::connect(authority).await?;
        let mut first = [0; 1];
        // Who is admitted hears nothing before he has asked.
        let said = timeout(Duration::from_millis(30), stream.read(&mut first)).await;
        match said {
            Ok(_) => return Ok(held),
            Err(_) => held.push(stream),
        }
    }
}

async fn turned_away(script: &Script) -> Result<u64> {
    let readings = script.system.metrics().await?;
    let reading = readings.get(usize::from(NODE) - 1);
    let count = |metrics: &crate::harness::metrics::Metrics| {
        metrics.count("lastseat_connections_turned_away_total", &[])
    };
    Ok(reading.and_then(|m| m.as_ref()).map_or(0, count))
}
