//! Connections that do nothing, and connections that come and go: buyers notice neither.

use super::scene::{Scene, address};
use super::script::{HEAVIEST, ms};
use crate::harness::http::HttpClient;
use crate::harness::processes::held;
use crate::rush::report::thousands;
use anyhow::{Context, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The sale of those whose answers are timed.
const TIMED: &str = "timed";
const TIMED_ORDERS: u32 = 200;
/// Files beside the connections, of any process here.
const OTHER_FILES: u64 = 500;
/// Normal is three times what it was before, or quick.
const NORMAL_TIMES: u32 = 3;
const QUICK: Duration = Duration::from_millis(100);
/// Connections that come and go.
const COME_AND_GO: usize = 500;
/// Descriptors may be open a little longer than connections, and edges keep some to nodes.
const MORE_FILES: u64 = 64;

pub(super) async fn idle(scene: &mut Scene) -> Result<()> {
    let count: usize = if scene.long { 10_000 } else { 2_000 };
    allow_files(count as u64 + OTHER_FILES)?;
    scene.cluster.create_sale(TIMED, 1_000_000).await?;
    let (node, edge) = (scene.node(HEAVIEST)?, scene.edge(1)?);
    let mut first = 0;
    let nodes = std::slice::from_ref(&node.url);
    idle_at(scene, "node 4", nodes, node.pid, count, &mut first).await?;
    idle_at(scene, "the edges", &scene.cluster.edges, edge.pid, count, &mut first).await?;
    let same = scene.node(HEAVIEST)?.pid == node.pid && scene.edge(1)?.pid == edge.pid;
    scene.demand(same, || "a node or an edge had to be started again".to_owned());
    scene.over().await?;
    let audit = scene.cluster.audit(TIMED).await?;
    scene.demand(audit.ok && audit.confirmed == u64::from(first), || {
        format!("the audit of the timed orders says {audit:?}")
    });
    Ok(())
}

/// Idle connections spread over `urls`, of which process `pid` serves the first one.
async fn idle_at(
    scene: &Scene,
    name: &str,
    urls: &[String],
    pid: u32,
    count: usize,
    first: &mut u32,
) -> Result<()> {
    let before = timed(&urls[0], first).await?;
    let held_before = held(pid);
    let mut idle = Vec::with_capacity(count);
    for url in urls.iter().cycle().take(count) {
        idle.push(TcpStream::connect(address(url)?).await?);
    }
    scene.act(format!("{} idle connections at {name}", thousands(count as u64)));
    sleep(scene.time / 2).await;
    let while_idle = timed(&urls[0], first).await?;
    let (with, here) = (held(pid), (count / urls.len()) as u64);
    scene.demand(with.files >= here, || {
        format!("at {name} {} files are open and not {here} connections", with.files)
    });
    drop(idle);
    scene.measure(
        &format!("a ticket at {name} before, and while they idle (p99)"),
        format!("{}, {}", ms(before), ms(while_idle)),
    );
    let each = with.memory.saturating_sub(held_before.memory) / here / 1_024;
    scene.measure(&format!("memory of {name} for each"), format!("{each} KiB"));
    let bound = (NORMAL_TIMES * before).max(QUICK);
    scene.demand(while_idle <= bound, || {
        format!("beside idle connections a ticket at {name} took {while_idle:?}, not {bound:?}")
    });
    closed(scene, name, pid, held_before.files).await;
    Ok(())
}

pub(super) async fn come_and_go(scene: &Scene) -> Result<()> {
    allow_files(COME_AND_GO as u64 + OTHER_FILES)?;
    let (node, edge) = (scene.node(HEAVIEST)?, scene.edge(1)?);
    let before = [held(node.pid).files, held(edge.pid).files];
    scene.act(format!("{COME_AND_GO} connections open and close"));
    let until = Instant::now() + scene.time;
    let mut coming = JoinSet::new();
    for number in 0..COME_AND_GO {
        let (url, path) =
            if number % 2 == 0 { (&node.url, "/livez") } else { (&edge.url, "/nothing") };
        coming.spawn(again_and_again(address(url)?, path, number, until));
    }
    let (mut came, mut failed) = (0, 0);
    while let Some(one) = coming.join_next().await {
        let (good, bad) = one.context("a visitor")?;
        (came, failed) = (came + good, failed + bad);
    }
    scene.act("they are gone");
    scene.measure("connections that came and went", thousands(came));
    scene.measure("of them without an answer that was waited for", failed);
    scene.demand(failed * 100 <= came, || format!("{failed} of {came} connections got no answer"));
    closed(scene, "node 4", node.pid, before[0]).await;
    closed(scene, "edge 1", edge.pid, before[1]).await;
    Ok(())
}

/// Opens, asks or not, closes or resets, and so on. How many were answered as they should, and how
/// many were not.
async fn again_and_again(
    address: SocketAddr,
    path: &str,
    number: usize,
    until: Instant,
) -> (u64, u64) {
    let (mut good, mut bad) = (0, 0);
    let ask = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    // Half of them hang up without a word, half of the others with a reset.
    let (asks, resets) = (number % 4 < 2, number % 8 < 4);
    while Instant::now() < until {
        let once = async {
            let mut stream = TcpStream::connect(address).await?;
            if asks {
                stream.write_all(ask.as_bytes()).await?;
                stream.read_exact(&mut [0; 12]).await?;
            }
            if resets {
                stream.set_zero_linger()?;
            }
            Ok::<_, std::io::Error>(())
        };
        match timeout(Duration::from_secs(5), once).await {
            Ok(Ok(())) => good += 1,
            _ => bad += 1,
        }
        sleep(Duration::from_millis(200)).await;
    }
    (good, bad)
}

/// Demands that a process soon has about as many files open as before.
async fn closed(scene: &Scene, name: &str, pid: u32, before: u64) {
    let begun = Instant::now();
    while held(pid).files > before + MORE_FILES && begun.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(50)).await;
    }
    let after = held(pid).files;
    scene.measure(&format!("files of {name} before and after"), format!("{before}, {after}"));
    scene.demand(after <= before + MORE_FILES, || {
        format!("{name} had {before} files open before and has {after} after")
    });
}

/// Lets this process have so many files open.
fn allow_files(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    ensure!(
        limit.maximum.is_none_or(|most| most >= wanted),
        "this drill needs {wanted} open files, this user may have {:?}. Allow more: ulimit -Hn \
         {wanted}",
        limit.maximum
    );
    let more = Rlimit { current: Some(wanted), ..limit };
    setrlimit(Resource::Nofile, more).context("the limit of open files")
}

/// Orders one ticket after the other at `url`; what 99 of 100 took at most. Numbers begin with
/// `first`.
async fn timed(url: &str, first: &mut u32) -> Result<Duration> {
    let mut client = HttpClient::new(url)?;
    let mut times = Vec::new();
    while times.len() < TIMED_ORDERS as usize {
        *first += 1;
        let body = format!(r#"{{"buyer":"timed-{first}"}}"#);
        let key = format!("timed-order-{first:08}");
        let asked = Instant::now();
        let mut answer = client.order(TIMED, Some(&key), &body).await?;
        // An edge that hears of the sale for the first time may say "busy".
        while answer.status == 429 && asked.elapsed() < Duration::from_secs(5) {
            sleep(Duration::from_millis(20)).await;
            answer = client.order(TIMED, Some(&key), &body).await?;
        }
        ensure!(answer.status.is_success(), "{TIMED}: {}", answer.text());
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100])
}
