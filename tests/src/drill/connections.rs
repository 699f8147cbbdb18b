//! Connections that do nothing, and connections that come and go: buyers notice neither.

use super::scene::{EDGES, Load, SALE, Scene};
use super::script::{Script, ms};
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
/// One of a hundred tickets may take so long beside those that come and go, on a busy machine.
const BESIDE: Duration = Duration::from_secs(1);
/// Connections that come and go.
const COME_AND_GO: usize = 500;
/// Descriptors may be open a little longer than connections, and edges keep some to nodes.
const MORE_FILES: u64 = 64;
/// The node with the largest share.
const NODE: u16 = 4;

pub(super) async fn idle(scene: &mut Scene) -> Result<()> {
    let count: usize = if scene.long { 10_000 } else { 2_000 };
    let hold = Duration::from_secs(if scene.long { 6 } else { 1 });
    allow_files(count as u64 + OTHER_FILES)?;
    let cluster = scene.cluster(&["--insecure-direct"])?;
    cluster.create_sale(TIMED, 1_000_000).await?;
    let load =
        Load::lasting(2 * hold.as_secs() as u32 + if scene.long { 10 } else { 6 }, scene.rate);
    scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.02).await;
            let (node, edge) = (script.node(NODE)?, script.edge(1)?);
            let mut first = 0;
            let edges = (1..=EDGES).map(|number| script.edge(number));
            let edges: Vec<_> = edges.collect::<Result<_>>()?;
            let doors = edges.iter().map(|edge| edge.url.clone()).collect();
            for (name, urls, url, pid) in [
                ("node 4", vec![node.url.clone()], &node.url, node.pid),
                ("the edges", doors, &edge.url, edge.pid),
            ] {
                let before = timed(url, &mut first).await?;
                let held_before = held(pid);
                let idle = open(&urls, count).await?;
                script.act(format!("{} idle connections at {name}", thousands(count as u64)));
                sleep(hold).await;
                let while_idle = timed(url, &mut first).await?;
                let (with, here) = (held(pid), (count / urls.len()) as u64);
                script.demand(with.files >= here, || {
                    format!("at {name} {} files are open and not {here} connections", with.files)
                });
                drop(idle);
                script.measure(
                    &format!("a ticket at {name} before, and while they idle (p99)"),
                    format!("{}, {}", ms(before), ms(while_idle)),
                );
                let each = with.memory.saturating_sub(held_before.memory) / here / 1_024;
                script.measure(&format!("memory of {name} for each"), format!("{each} KiB"));
                let bound = (NORMAL_TIMES * before).max(QUICK);
                script.demand(while_idle <= bound, || {
                    format!(
                        "beside idle connections a ticket at {name} took {while_idle:?}, not \
                        {bound:?}"
                    )
                });
                closed(script, name, pid, held_before.files).await;
            }
            let same = script.node(NODE)?.pid == node.pid && script.edge(1)?.pid == edge.pid;
            script.demand(same, || "a node or an edge had to be started again".to_owned());
            Ok(())
        })
        .await?;
    let audit = cluster.audit(TIMED).await?;
    let mut record = scene.record.borrow_mut();
    record.demand(audit.ok && audit.confirmed == u64::from(4 * TIMED_ORDERS), || {
        format!("the audit of the timed orders says {audit:?}")
    });
    drop(record);
    cluster.stop()
}

pub(super) async fn come_and_go(scene: &mut Scene) -> Result<()> {
    let time = Duration::from_secs(if scene.long { 10 } else { 3 });
    allow_files(COME_AND_GO as u64 + OTHER_FILES)?;
    let cluster = scene.cluster(&[])?;
    let load = Load::lasting(time.as_secs() as u32 + 4, scene.rate);
    let outcomes = scene
        .under_load(&cluster, load, async |script: &Script| {
            script.sold(0.1).await;
            let (node, edge) = (script.node(NODE)?, script.edge(1)?);
            let before = [held(node.pid).files, held(edge.pid).files];
            script.act(format!("{COME_AND_GO} connections open and close"));
            let until = Instant::now() + time;
            let mut coming = JoinSet::new();
            for number in 0..COME_AND_GO {
                let url = if number % 2 == 0 { &node.url } else { &edge.url };
                let address = address(url)?;
                let path = if number % 2 == 0 { "/livez" } else { "/nothing" };
                coming.spawn(again_and_again(address, path, number, until));
            }
            let (mut came, mut failed) = (0, 0);
            while let Some(one) = coming.join_next().await {
                let (good, bad) = one.context("a visitor")?;
                (came, failed) = (came + good, failed + bad);
            }
            script.act("they are gone");
            script.measure("connections that came and went", thousands(came));
            script.measure("of them without an answer that was waited for", failed);
            script.demand(failed * 100 <= came, || {
                format!("{failed} of {came} connections got no answer")
            });
            closed(script, "node 4", node.pid, before[0]).await;
            closed(script, "edge 1", edge.pid, before[1]).await;
            Ok(())
        })
        .await?;
    let p99 = Duration::from_micros(outcomes.tally.granted_us.value_at_quantile(0.99));
    let mut record = scene.record.borrow_mut();
    let bound = BESIDE;
    record.demand(p99 <= bound, || {
        format!("one ticket of a hundred took longer than {p99:?} beside them, not {bound:?}")
    });
    drop(record);
    cluster.stop()
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
async fn closed(script: &Script, name: &str, pid: u32, before: u64) {
    let begun = Instant::now();
    while held(pid).files > before + MORE_FILES && begun.elapsed() < Duration::from_secs(5) {
        sleep(Duration::from_millis(50)).await;
    }
    let after = held(pid).files;
    script.measure(&format!("files of {name} before and after"), format!("{before}, {after}"));
    script.demand(after <= before + MORE_FILES, || {
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

fn address(url: &str) -> Result<SocketAddr> {
    let address = url.strip_prefix("http://").context("an address")?;
    Ok(address.parse()?)
}

/// So many connections, spread over `urls`.
async fn open(urls: &[String], count: usize) -> Result<Vec<TcpStream>> {
    let mut open = Vec::with_capacity(count);
    for url in urls.iter().cycle().take(count) {
        open.push(TcpStream::connect(address(url)?).await?);
    }
    Ok(open)
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
        ensure!(answer.status.is_success(), "{SALE}: {}", answer.text());
        times.push(asked.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() * 99 / 100])
}
