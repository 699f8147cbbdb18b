//! What a script can do to the system, and what it can see of it, while the crowd buys.

use super::scene::{Record, SALE};
use crate::harness::system::SystemNode;
use crate::harness::{HttpClient, System, redis, stat_log};
use crate::load::LoadStage;
use anyhow::{Context, Result, bail};
use lastseat_cluster::state_file::{ClusterState, EdgeEntry};
use lastseat_node::ready_line::NodeEntry;
use rustix::process::{Pid, Signal, kill_process};
use shared::UnixMillis;
use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Between two looks at something that is about to happen.
const LOOK: Duration = Duration::from_millis(20);
/// Decisions after which a node counts as serving.
const SERVES: u64 = 10;
/// What a node took before it was frozen it carries out in this time after it goes on.
pub(super) const CATCH_UP: Duration = Duration::from_millis(250);
/// A node that is not back by then never will be.
const BACK: Duration = Duration::from_secs(20);

/// The script's hands and eyes.
pub(super) struct Script {
    pub(super) data_dir: PathBuf,
    pub(super) system: System,
    pub(super) tickets: u32,
    pub(super) stage: Rc<LoadStage>,
    pub(super) begun: Instant,
    pub(super) chance: RefCell<fastrand::Rng>,
    pub(super) record: Rc<RefCell<Record>>,
}

impl Script {
    /// Waits until this part of the tickets is sold, give or take a random tenth.
    pub(super) async fn sold(&self, part: f64) {
        let part = part + self.chance.borrow_mut().f64() * 0.1;
        self.stage.sold((f64::from(self.tickets) * part) as u64).await;
    }

    /// Notes what is done now.
    pub(super) fn act(&self, what: impl AsRef<str>) {
        let at = self.begun.elapsed().as_secs_f64();
        let sold = self.stage.granted();
        let line = format!("{at:.1} s, {sold} sold: {}", what.as_ref());
        self.record.borrow_mut().actions.push(line);
    }

    pub(super) fn measure(&self, what: &str, value: impl ToString) {
        self.record.borrow_mut().measure(what, value);
    }

    pub(super) fn demand(&self, kept: bool, otherwise: impl FnOnce() -> String) {
        self.record.borrow_mut().demand(kept, otherwise);
    }

    fn roster(&self) -> Result<ClusterState> {
        ClusterState::read(&self.data_dir)?.context("the cluster has no cluster.json")
    }

    /// A node as it is now: one that was started again has another process.
    pub(super) fn node(&self, id: u16) -> Result<NodeEntry> {
        let node = self.roster()?.nodes.into_iter().find(|node| node.id == id);
        node.with_context(|| format!("there is no node {id}"))
    }

    pub(super) fn edge(&self, number: usize) -> Result<EdgeEntry> {
        let mut edges = self.roster()?.edges.into_iter();
        let edge = edges.find(|edge| edge.number == number);
        edge.with_context(|| format!("there is no edge {number}"))
    }

    /// The processes that share the port of edge `number`.
    pub(super) fn workers(&self, number: usize) -> Result<Vec<EdgeEntry>> {
        let mut workers = self.roster()?.edges;
        workers.retain(|worker| worker.number == number);
        Ok(workers)
    }

    pub(super) fn redis(&self) -> Result<u32> {
        self.roster()?.redis.pid.context("no Redis of our own")
    }

    /// A node by chance.
    pub(super) fn any_node(&self) -> u16 {
        self.chance.borrow_mut().u16(1..=4)
    }

    /// An edge by chance.
    pub(super) fn any_edge(&self) -> usize {
        let edges = self.system.edges.len();
        self.chance.borrow_mut().usize(1..=edges)
    }

    /// Decisions that `node` has logged.
    pub(super) fn decisions(&self, node: u16) -> Result<u64> {
        let at = |(n, _): &(&SystemNode, _)| n.id == u32::from(node);
        let decisions = self.system.decisions(SALE)?;
        let mut both = self.system.nodes.iter().zip(&decisions);
        let found = both.find(at).context("no such node")?;
        Ok(found.1.total)
    }

    /// When `node` made the decisions that it has logged.
    pub(super) fn times(&self, node: u16) -> Result<Vec<UnixMillis>> {
        let mut nodes = self.system.nodes.iter();
        let found = nodes.find(|n| n.id == u32::from(node));
        let log = found.and_then(|node| node.stat_log.as_ref());
        stat_log::times(log.context("no such node, or none with a log")?, SALE)
    }

    /// Waits until `node`, which goes on or starts again at `since`, serves buyers; how long that
    /// took.
    pub(super) async fn serves_again(&self, node: u16, since: Instant) -> Result<Duration> {
        sleep((since + CATCH_UP).saturating_duration_since(Instant::now())).await;
        let before = self.decisions(node)?;
        while since.elapsed() < BACK {
            if self.decisions(node)? >= before + SERVES {
                return Ok(since.elapsed());
            }
            sleep(LOOK).await;
        }
        bail!("node {node} has not served for {BACK:?}")
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
        let at = self.system.redis.as_ref().context("no Redis is known")?;
        redis::command(&at.url, words).await.map(drop)
    }

    /// Asks `url` for `path`: the status and the text.
    pub(super) async fn ask(&self, url: &str, path: &str) -> Result<(u16, String)> {
        let answer = HttpClient::new(url)?.get(path).await?;
        Ok((answer.status.as_u16(), answer.text()))
    }
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
