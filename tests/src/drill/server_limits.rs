//! What a node's accept loop is for: nobody can hold it up, and nobody is cut off who may stay.

use super::scene::{Scene, address};
use crate::harness::{HttpClient, http};
use anyhow::{Context, Result};
use hyper::Method;
use shared::Problem;
use shared::limits::BODY_MAX;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Connections that each node of this drill takes.
const CONNECTIONS: usize = 16;
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("LASTSEAT_CONNECTIONS", "16")];
/// A head that was begun has to be whole after 5 s.
const HEAD: Duration = Duration::from_secs(5);
/// A busy machine may notice that late.
const LATE: Duration = Duration::from_secs(5);

pub(super) async fn guards(scene: &Scene) -> Result<()> {
    let url = scene.cluster.nodes[0].url.clone();
    // Side by side: each waits for time to pass.
    let (slow, kept) = tokio::join!(slow_head(&url), keeps_alive(&url, scene.time));
    let (slow, kept, idle) = (slow?, kept?, scene.time);
    scene.measure("a head that stays unfinished is cut after", format!("{slow:.1?}"));
    scene.demand(slow >= HEAD - Duration::from_millis(100) && slow <= HEAD + LATE, || {
        format!("a connection with half a head was closed after {slow:?}, not 5 s")
    });
    scene.measure("an idle connection answers after", format!("{idle:.0?}"));
    scene.demand(kept, || format!("a connection that idled for {idle:?} was closed"));
    let body = large_body(&url).await?;
    scene.measure("a body of one byte too many", body);
    scene.demand(body == 413, || format!("a large body was answered {body}, not 413"));
    let turned_away = one_too_many(&url).await?;
    scene.measure("connection above the limit", &turned_away);
    scene.demand(turned_away.starts_with("503 "), || {
        format!("a connection above the limit heard {turned_away}")
    });
    Ok(())
}

/// Sends half a head, a byte a second; how long the node puts up with it.
async fn slow_head(url: &str) -> Result<Duration> {
    let mut stream = TcpStream::connect(address(url)?).await?;
    let begun = Instant::now();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: ").await?;
    while begun.elapsed() < HEAD + 2 * LATE {
        let mut said = Vec::new();
        let second = Duration::from_secs(1);
        if timeout(second, stream.read_to_end(&mut said)).await.is_ok() {
            break;
        }
        // Closed by the other side is an end, too.
        let _ = stream.write_all(b"x").await;
    }
    Ok(begun.elapsed())
}

/// Whether a connection that was used, then idle, still answers.
async fn keeps_alive(url: &str, idle: Duration) -> Result<bool> {
    let mut client = HttpClient::new(url)?;
    let first = client.get("/livez").await?;
    sleep(idle).await;
    let second = client.get("/livez").await?;
    let both = first.status.is_success() && second.status.is_success();
    Ok(both && client.opened() == 1)
}

async fn large_body(url: &str) -> Result<u16> {
    let body = "x".repeat(BODY_MAX + 1);
    let order = http::request(Method::POST, "/v1/sales/intake/orders", &[], &body)?;
    Ok(HttpClient::new(url)?.send(order).await?.status.as_u16())
}

/// Takes every place, then asks on one connection more: what that hears.
async fn one_too_many(url: &str) -> Result<String> {
    let mut held = Vec::new();
    for _ in 0..4 * CONNECTIONS {
        let mut stream = TcpStream::connect(address(url)?).await?;
        // The whole request at once, as clients send it: the answer must survive that nobody reads
        // it.
        let ask = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(ask).await?;
        let mut said = vec![0; 4_096];
        let length = stream.read(&mut said).await?;
        let text = String::from_utf8_lossy(&said[..length]).into_owned();
        if text.starts_with("HTTP/1.1 200") {
            held.push(stream);
            continue;
        }
        let body = text.split("\r\n\r\n").nth(1).context(text.clone())?;
        let problem: Problem = serde_json::from_str(body)?;
        return Ok(format!(
            "{} {} after {} others",
            problem.status,
            problem.code.as_str(),
            held.len()
        ));
    }
    Ok(format!("nothing: all {} were taken", held.len()))
}
