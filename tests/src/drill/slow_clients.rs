//! Clients that send half of a request and no more, or a byte now and then, hold nobody up and buy
//! nothing.

use super::scene::{SALE, Scene, address};
use super::script::{HEAVIEST, ms};
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
/// A node waits so long for the rest of a head, and of a body.
const PUT_UP_WITH: Duration = Duration::from_secs(5);
/// A busy machine may notice that late.
const LATE: Duration = Duration::from_secs(3);
const BYTE_EVERY: Duration = Duration::from_millis(500);

pub(super) async fn hold_nobody_up(scene: &Scene) -> Result<()> {
    let until = Instant::now() + PUT_UP_WITH + LATE;
    let at = [scene.node(HEAVIEST)?.url, scene.edge(1)?.url];
    scene.act(format!(
        "{CLIENTS} clients at node {HEAVIEST} and {CLIENTS} at edge 1 send half of an order"
    ));
    let mut clients = JoinSet::new();
    for number in 0..2 * CLIENTS {
        clients.spawn(half_an_order(address(&at[number / CLIENTS])?, number, until));
    }
    let before = scene.crowd.granted();
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
    scene.act("they have been cut off, or have gone");
    scene.sells_meanwhile(before);
    scene.measure("the node put up with them for", ms(longest));
    scene.demand(sold == 0, || format!("{sold} half orders were sold"));
    scene.demand(cut == CLIENTS as u64, || {
        format!("the node put up with some of them for {longest:?}, not {PUT_UP_WITH:?}")
    });
    let open = scene.count(HEAVIEST, "lastseat_connections").await?;
    scene.measure("connections of the node after", thousands(open));
    scene.demand(open < CLIENTS as u64, || format!("the node still has {open} connections"));
    Ok(())
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
