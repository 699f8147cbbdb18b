//! Clients that send half of a request and no more, or a byte now and then, hold nobody up and buy
//! nothing.

use super::scene::{Load, SALE, Scene};
use super::script::{Script, ms};
use crate::harness::metrics::Metrics;
use crate::rush::report::thousands;
use anyhow::{Context, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// So many at a node, and so many at an edge.
const CLIENTS: usize = 200;
/// The node with the largest share.
const NODE: u16 = 4;
/// A node waits so long for the rest of a head, and of a body.
const PUT_UP_WITH: Duration = Duration::from_secs(5);
/// A busy machine may notice that late.
const LATE: Duration = Duration::from_secs(3);
/// One of a hundred tickets may take so long beside them on a busy machine; who was held up by one
/// of them waits for 5 s.
const BESIDE: Duration = Duration::from_secs(1);
const BYTE_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn hold_nobody_up(scene: &mut Scene) -> Result<()> {
    let cluster = scene.cluster(&["--insecure-direct"])?;
    let load = Load::lasting((PUT_UP_WITH + LATE).as_secs() as u32 + 2, scene.rate);
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.05).await;
            let until = Instant::now() + PUT_UP_WITH + LATE;
            let (node, edge) = (script.node(NODE)?.url, script.edge(1)?.url);
            script.act(format!(
                "{CLIENTS} clients at node {NODE} and {CLIENTS} at edge 1 send half of an order"
            ));
            let mut clients = JoinSet::new();
            for number in 0..2 * CLIENTS {
                let at_node = number < CLIENTS;
                let url = if at_node { &node } else { &edge };
                let address = url.strip_prefix("http://").context("an address")?;
                clients.spawn(half_an_order(address.parse()?, number, until));
            }
            let before = script.stage.granted();
            let mut longest = Duration::ZERO;
            let (mut cut, mut sold) = (0u64, 0u64);
            while let Some(client) = clients.join_next().await {
                let (number, put_up_with, heard) = client.context("a client")??;
                sold += u64::from(heard.contains(" 201 "));
                if number < CLIENTS {
                    longest = longest.max(put_up_with);
                    cut += u64::from(Instant::now() < until || put_up_with < PUT_UP_WITH + LATE);
                }
            }
            script.act("they have been cut off, or have gone");
            script.measure("sold meanwhile", script.stage.granted() - before);
            script.measure("the node put up with them for", ms(longest));
            script.demand(sold == 0, || format!("{sold} half orders were sold"));
            script.demand(cut == CLIENTS as u64, || {
                format!("the node put up with some of them for {longest:?}, not {PUT_UP_WITH:?}")
            });
            script.demand(script.stage.granted() > before, || {
                "nothing was sold beside slow clients".to_owned()
            });
            let open = connections(script).await?;
            script.measure("connections of the node after", thousands(open));
            script
                .demand(open < CLIENTS as u64, || format!("the node still has {open} connections"));
            Ok(())
        })
        .await?;
    let p99 = Duration::from_micros(outcomes.tally.granted_us.value_at_quantile(0.99));
    let mut record = scene.record.borrow_mut();
    let bound = BESIDE;
    record.demand(p99 <= bound, || {
        format!(
            "one ticket of a hundred took longer than {p99:?} beside slow clients, not {bound:?}"
        )
    });
    drop(record);
    cluster.stop()
}

async fn connections(script: &Script) -> Result<u64> {
    let readings = script.system.metrics().await?;
    let reading = readings.into_iter().nth(usize::from(NODE) - 1).flatten();
    let count = |metrics: Metrics| metrics.count("lastseat_connections", &[]);
    Ok(reading.map_or(0, count))
}

/// Sends a part of an order, then a byte now and then, or nothing; how long that was put up with,
/// and what was heard.
async fn half_an_order(
    address: SocketAddr,
    number: usize,
    until: Instant,
) -> Result<(usize, Duration, String)> {
    let body = r#"{"buyer":"slow","quantity":1}"#;
    let whole = format!(
        "POST /v1/sales/{SALE}/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         idempotency-key: slow-order-{number:08}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Half of a head, or all of it and half of the body; and then silence, or a byte now and then.
    let (part, trickles) = (number % 2, number % 4 < 2);
    let end = match part {
        0 => whole.len() / 3,
        _ => whole.len() - body.len() / 2,
    };
    let bytes = whole.as_bytes();
    let mut stream = TcpStream::connect(address).await?;
    let begun = Instant::now();
    stream.write_all(&bytes[..end]).await?;
    let (mut heard, mut sent) = (Vec::new(), end);
    while Instant::now() < until {
        let mut read = [0; 1_024];
        match timeout(BYTE_EVERY, stream.read(&mut read)).await {
            Ok(Ok(length @ 1..)) => heard.extend_from_slice(&read[..length]),
            // Closed or reset.
            Ok(_) => break,
            // Never the last byte: that would make it an order.
            Err(_) if trickles && sent + 1 < bytes.len() => {
                if stream.write_all(&bytes[sent..=sent]).await.is_err() {
                    break;
                }
                sent += 1;
            }
            Err(_) => {}
        }
    }
    let heard = String::from_utf8_lossy(&heard).into_owned();
    Ok((number, begun.elapsed(), heard))
}
