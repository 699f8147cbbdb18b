//! What a drill can do to the system, and what it can see of it, while the crowd buys.

use super::scene::{SALE, Scene};
use crate::harness::proxy::{AfterFault, Direction, LinkFault, LostLink, Proxy};
use crate::harness::{HttpClient, redis, stat_log};
use anyhow::{Context, Result, bail};
use lastseat_cluster::state_file::{ClusterState, EdgeEntry};
use lastseat_node::ready_line::NodeEntry;
use rustix::process::{Pid, Signal, kill_process};
use shared::UnixMillis;
use std::ops::Range;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at something that is about to happen.
const LOOK: Duration = Duration::from_millis(50);
/// Decisions after which a node counts as serving.
const SERVES: usize = 10;
/// What a node took before it was frozen it carries out in this time after it goes on.
pub(super) const CATCH_UP: Duration = Duration::from_millis(250);
/// A node that is not back by then never will be.
const BACK: Duration = Duration::from_secs(20);
/// Somebody orders within that time.
const SOON: Duration = Duration::from_secs(10);
/// The node with the largest share: four requests of ten go there.
pub(super) const HEAVIEST: u16 = 4;

impl Scene {
    /// Waits until this part of the tickets is sold, give or take a random tenth.
    pub(super) async fn sold(&self, part: f64) {
        let part = part + self.chance.borrow_mut().f64() * 0.1;
        self.crowd.sold((f64::from(self.tickets()) * part) as u64).await;
    }

    /// Waits for a random time, in milliseconds.
    pub(super) async fn pause(&self, range_ms: Range<u64>) {
        let pause = self.chance.borrow_mut().u64(range_ms);
        sleep(Duration::from_millis(pause)).await;
    }

    /// Notes what is done now.
    pub(super) fn act(&self, what: impl AsRef<str>) {
        let at = self.begun.elapsed().as_secs_f64();
        let sold = self.crowd.granted();
        let line = format!("{at:.1} s, {sold} sold: {}", what.as_ref());
        self.record().actions.push(line);
    }

    pub(super) fn measure(&self, what: &str, value: impl ToString) {
        self.record().measure(what, value);
    }

    pub(super) fn demand(&self, kept: bool, otherwise: impl FnOnce() -> String) {
        self.record().demand(kept, otherwise);
    }

    /// Measures a time, and demands that it is no longer than `most`.
    pub(super) fn within(&self, what: &str, took: Duration, most: Duration) {
        self.measure(what, ms(took));
        self.demand(took <= most, || format!("{what} {took:?}, not {most:?}"));
    }

    /// Demands that the system sells although something is broken: it had sold so many before.
    pub(super) fn sells_meanwhile(&self, before: u64) {
        let sold = self.crowd.granted() - before;
        self.measure("sold meanwhile", sold);
        self.demand(sold > 0, || "nothing was sold meanwhile".to_owned());
    }

    fn state(&self) -> Result<ClusterState> {
        ClusterState::read(self.cluster.data_dir())?.context("the cluster has no cluster.json")
    }

    /// A node as it is now: one that was started again has another process.
    pub(super) fn node(&self, id: u16) -> Result<NodeEntry> {
        let node = self.state()?.nodes.into_iter().find(|node| node.id == id);
        node.with_context(|| format!("there is no node {id}"))
    }

    pub(super) fn edge(&self, number: usize) -> Result<EdgeEntry> {
        self.workers(number)?.pop().with_context(|| format!("there is no edge {number}"))
    }

    /// The processes that share the port of edge `number`.
    pub(super) fn workers(&self, number: usize) -> Result<Vec<EdgeEntry>> {
        let mut workers = self.state()?.edges;
        workers.retain(|worker| worker.number == number);
        Ok(workers)
    }

    pub(super) fn redis(&self) -> Result<u32> {
        self.state()?.redis.pid.context("no Redis of our own")
    }

    /// A node by chance.
    pub(super) fn any_node(&self) -> u16 {
        self.chance.borrow_mut().u16(1..=4)
    }

    /// An edge by chance.
    pub(super) fn any_edge(&self) -> usize {
        self.chance.borrow_mut().usize(1..=self.cluster.edges.len())
    }

    /// Decisions that `node` has logged.
    pub(super) fn decisions(&self, node: u16) -> Result<u64> {
        let decisions = self.cluster.decisions(SALE)?;
        let mut both = self.cluster.nodes.iter().zip(&decisions);
        let found = both.find(|(n, _)| n.id == u32::from(node)).context("no such node")?;
        Ok(found.1.total)
    }

    /// When `node` made the decisions that it has logged.
    pub(super) fn times(&self, node: u16) -> Result<Vec<UnixMillis>> {
        let mut nodes = self.cluster.nodes.iter();
        let found = nodes.find(|n| n.id == u32::from(node));
        let log = found.and_then(|node| node.stat_log.as_ref());
        stat_log::times(log.context("no such node, or none with a log")?, SALE)
    }

    /// What `node` counts under this name.
    pub(super) async fn count(&self, node: u16, name: &str) -> Result<u64> {
        let readings = self.cluster.metrics().await?;
        let reading = readings.into_iter().nth(usize::from(node) - 1).flatten();
        Ok(reading.map_or(0, |metrics| metrics.count(name, &[])))
    }

    /// Demands that `node`, which goes on or starts again at `since`, serves buyers so soon. When
    /// it did is read from its own log: whoever looks on may be late.
    pub(super) async fn serves_again(
        &self,
        node: u16,
        since: UnixMillis,
        within: Duration,
    ) -> Result<()> {
        let (begun, caught_up) = (Instant::now(), since.plus(CATCH_UP.as_millis() as u64));
        let served = loop {
            let mut times = self.times(node)?;
            times.retain(|at| *at >= caught_up);
            times.sort_unstable();
            if let Some(served) = times.get(SERVES - 1) {
                break *served;
            }
            if begun.elapsed() > BACK {
                bail!("node {node} has not served for {BACK:?}");
            }
            sleep(LOOK).await;
        };
        self.act(format!("node {node} serves again"));
        self.within("serves again after", Duration::from_millis(served.since(since)), within);
        Ok(())
    }

    /// Waits until the process behind an entry is another one.
    pub(super) async fn replaced(&self, old: u32, now: impl Fn() -> Result<u32>) -> Result<()> {
        let begun = Instant::now();
        while now()? == old {
            if begun.elapsed() > BACK {
                bail!("process {old} was not started again within {BACK:?}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Sends the ledger's Redis a command, past everything that is between it and the nodes.
    pub(super) async fn redis_command(&self, words: &[&str]) -> Result<()> {
        let at = self.cluster.redis.as_ref().context("no Redis is known")?;
        redis::command(&at.url, words).await.map(drop)
    }

    /// Cuts a link for so long at any moment, also in the middle of a request or an answer.
    pub(super) async fn cut_again_and_again(&self, link: &Proxy, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let (way, bytes) = {
                let mut chance = self.chance.borrow_mut();
                let way = if chance.bool() { Direction::ToServer } else { Direction::ToClient };
                (way, chance.u64(1..3_000))
            };
            link.switch(way, LinkFault::CutAfter(bytes));
            self.pause(10..150).await;
            link.cut();
            link.switch_both(LinkFault::Pass);
            self.pause(10..150).await;
        }
    }
}

/// Loses the reply to the next request over `link` that has these bytes, once it is carried out.
pub(super) async fn lose_one(link: &Proxy, to: &str, then: AfterFault) -> Result<()> {
    let before = link.counts().lost;
    link.lose(LostLink { to: to.into(), times: 1, then });
    let begun = Instant::now();
    while link.counts().lost == before {
        if begun.elapsed() > SOON {
            bail!("nobody ordered for {SOON:?}");
        }
        sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Asks `url` for `path`: the status and the text.
pub(super) async fn ask(url: &str, path: &str) -> Result<(u16, String)> {
    let answer = HttpClient::new(url)?.get(path).await?;
    Ok((answer.status.as_u16(), answer.text()))
}

/// Sends `signal` to a process.
pub(super) fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(pid.cast_signed()).context("a process id")?;
    kill_process(pid, signal).with_context(|| format!("{signal:?} to process {pid:?}"))
}

/// Milliseconds, for a measure.
pub(super) fn ms(duration: Duration) -> String {
    format!("{} ms", duration.as_millis())
}
