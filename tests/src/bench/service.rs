//! The services that are compared, each as one node with a Redis of its own. All get the same
//! Redis: over TCP on this machine, append-only file `always`.

use super::load::{BenchAsk, BenchTally, CrowdLoad, send};
use crate::harness::paths::{repository, scratch};
use crate::harness::processes::cpu_by_name;
use crate::harness::{Cluster, Durability, Edge, PrivateRedis, Program, Setup};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The sale that lastseat sells in a measure.
pub const SALE: &str = "bench";
/// More tickets than can be sold in a measure.
pub const PLENTY: u64 = 100_000_000;
/// Time that a peer may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// lastseat.
    Ours,
    /// The article's service as published.
    S0,
    /// The same, minimally repaired.
    S1,
    /// A competent repair.
    S2,
}

impl Service {
    /// How tables call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "lastseat",
            Self::S0 => "S0",
            Self::S1 => "S1",
            Self::S2 => "S2",
        }
    }

    /// How rows call it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::S0 => "s0",
            Self::S1 => "s1",
            Self::S2 => "s2",
        }
    }

    /// The program of a peer.
    ///
    /// # Errors
    /// It is not built; the message names the remedy.
    pub fn program(self) -> Result<PathBuf> {
        let path = repository().join("target/bench/peers").join(self.word());
        ensure!(path.is_file(), "the peer {} is not built. Run 'make setup-bench'", self.name());
        Ok(path)
    }
}

/// A Redis over TCP, with the settings that every service gets.
#[derive(Debug)]
pub struct Store {
    redis: PrivateRedis,
    /// `127.0.0.1:port`.
    pub address: String,
}

impl Store {
    /// Starts one.
    ///
    /// # Errors
    /// There is no free port.
    pub fn start() -> Result<Self> {
        let port = lastseat_cluster::process::free_port()?.to_string();
        let options = ["--port", &port, "--bind", "127.0.0.1", "--maxclients", "16000"];
        Ok(Self {
            redis: PrivateRedis::start_with(Durability::Always, &options),
            address: format!("127.0.0.1:{port}"),
        })
    }

    /// As `lastseat` wants it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.redis.pid()
    }
}

/// One node of a peer.
#[derive(Debug)]
pub struct Peer {
    program: Program,
    /// Where it listens.
    pub address: SocketAddr,
    _directory: TempDir,
}

impl Peer {
    /// Writes `total` tickets into the Redis, none of them sold.
    ///
    /// # Errors
    /// It cannot.
    pub fn stock(service: Service, store: &Store, total: u64) -> Result<()> {
        ask(service, store, &["--init", "--total", &total.to_string()]).map(drop)
    }

    /// How many tickets the Redis says are sold.
    ///
    /// # Errors
    /// It does not say.
    pub fn sold(service: Service, store: &Store) -> Result<u64> {
        let said = ask(service, store, &["--sold"])?;
        said.trim().parse().with_context(|| format!("{} --sold said {said:?}", service.name()))
    }

    /// Starts a node that lets `local_stock` requests through to Redis.
    ///
    /// # Errors
    /// It does not come up; the message has what it said.
    pub fn start(service: Service, store: &Store, local_stock: u64) -> Result<Self> {
        Self::start_with(service, store, local_stock, &[])
    }

    /// As [`Peer::start`], with more flags.
    ///
    /// # Errors
    /// As [`Peer::start`].
    pub fn start_with(
        service: Service,
        store: &Store,
        local_stock: u64,
        flags: &[&str],
    ) -> Result<Self> {
        let directory = scratch()?;
        let mut command = Command::new(service.program()?);
        command.args(flags);
        command.args(["--listen", "127.0.0.1:0", "--redis", &store.address]);
        command.args(["--local-stock", &local_stock.to_string()]);
        command.arg("--log").arg(directory.path().join("stat.log"));
        let program = Program::start(service.name(), command)?;
        let line = program.line(READY_WITHIN)?;
        let address = line
            .strip_prefix("ready ")
            .and_then(|address| address.trim().parse().ok())
            .with_context(|| {
            format!("{} said {line:?} and not where it listens", service.name())
        })?;
        Ok(Self { program, address, _directory: directory })
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }
}

/// Runs a peer's program for a question to the Redis.
fn ask(service: Service, store: &Store, question: &[&str]) -> Result<String> {
    let output = Command::new(service.program()?)
        .args(question)
        .args(["--redis", &store.address])
        .output()
        .with_context(|| format!("cannot start {}", service.name()))?;
    if !output.status.success() {
        bail!("{} {question:?}: {}", service.name(), String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// What one timed run found.
#[derive(Debug)]
pub struct Run {
    /// What was answered.
    pub tally: BenchTally,
    /// Processor time by program, the warm-up included.
    pub cpu: BTreeMap<String, Duration>,
    /// Why it is no data point; empty when it is one.
    pub problems: Vec<String>,
    /// Tickets sold that did not exist.
    pub oversold: u64,
    /// What else was counted.
    pub counts: BTreeMap<&'static str, f64>,
}

impl Run {
    /// Granted orders a second.
    #[must_use]
    pub fn granted_rate(&self) -> f64 {
        self.tally.granted as f64 / self.tally.took.as_secs_f64().max(1e-9)
    }

    /// Microseconds of all processes but the generator for each request.
    #[must_use]
    pub fn cpu_us(&self) -> f64 {
        self.each(self.cpu.values().sum())
    }

    /// As [`Run::cpu_us`], of the programs with these names.
    #[must_use]
    pub fn cpu_of(&self, names: &[&str]) -> f64 {
        let times = self.cpu.iter();
        let sum: Duration =
            times.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, time)| *time).sum();
        self.each(sum)
    }

    /// Microseconds of the generator for each request.
    #[must_use]
    pub fn generator_us(&self) -> f64 {
        self.each(self.tally.cpu)
    }

    fn each(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e6 / (self.tally.outcomes.len() as f64).max(1.0)
    }

    /// Adds what the answers themselves show: broken connections, and kinds of answers that this
    /// run must not have.
    pub fn expect(&mut self, what: Expect) {
        let tally = &self.tally;
        if tally.errors > 0 {
            let samples = tally.samples.join("; ");
            self.problems.push(format!("{} errors: {samples}", tally.errors));
        }
        let strange = match what {
            Expect::Granted => tally.refused + tally.later,
            Expect::Refused => tally.granted + tally.later,
            Expect::NoTicket => tally.granted,
            Expect::Anything => 0,
        };
        if strange > 0 {
            self.problems.push(format!("{strange} answers were not {what:?}"));
        }
    }
}

/// Which answers a run must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Every request gets a ticket.
    Granted,
    /// No request does, and each hears so at once.
    Refused,
    /// No request does; some may be told to come again.
    NoTicket,
    /// Both happen.
    Anything,
}

/// Sends `load` and reads what the processes below `roots` took for it.
///
/// # Errors
/// The load cannot be sent.
pub async fn timed(load: &CrowdLoad, roots: &[u32]) -> Result<Run> {
    let before = cpu_by_name(roots);
    let tally = send(load).await?;
    let mut cpu = cpu_by_name(roots);
    for (name, time) in &mut cpu {
        *time = time.saturating_sub(before.get(name).copied().unwrap_or_default());
    }
    Ok(Run { tally, cpu, problems: Vec::new(), oversold: 0, counts: BTreeMap::new() })
}

/// One node of a service with its Redis.
#[derive(Debug)]
pub struct OneNode {
    node: Node,
    store: Store,
    total: u64,
}

#[derive(Debug)]
enum Node {
    Ours(Cluster),
    Peer(Service, Peer),
}

impl OneNode {
    /// Starts `service` with `total` tickets. A peer's local stock is as large as that.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(service: Service, total: u64) -> Result<Self> {
        Self::start_with(service, total, total).await
    }

    /// As [`OneNode::start`], with another local stock for a peer.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start_with(service: Service, total: u64, local_stock: u64) -> Result<Self> {
        let store = Store::start()?;
        let node = if service == Service::Ours {
            let cluster = Cluster::start(&Setup {
                weights: vec![1],
                arguments: vec!["--redis-url".to_owned(), store.url()],
                ..Setup::with_edge(Edge::None)
            })?;
            cluster.create_sale(SALE, total).await?;
            Node::Ours(cluster)
        } else {
            Peer::stock(service, &store, total)?;
            // As published it sells nothing after 12,000 requests, which a run can reach: here it
            // may go on.
            let unbounded = ["--max-active", "0"];
            let flags = if service == Service::S0 { &unbounded[..] } else { &[] };
            let peer = Peer::start_with(service, &store, local_stock, flags)?;
            Node::Peer(service, peer)
        };
        Ok(Self { node, store, total })
    }

    /// Where requests go.
    ///
    /// # Errors
    /// Never: nodes say addresses.
    pub fn address(&self) -> Result<SocketAddr> {
        match &self.node {
            Node::Ours(cluster) => address_of(&cluster.nodes[0].url),
            Node::Peer(_, peer) => Ok(peer.address),
        }
    }

    /// What it is asked. `seed` makes keys and buyers.
    #[must_use]
    pub fn ask(&self, seed: u64) -> BenchAsk {
        match self.node {
            Node::Ours(_) => BenchAsk::orders(SALE, seed),
            Node::Peer(..) => BenchAsk::Tickets,
        }
    }

    /// The process of its Redis.
    #[must_use]
    pub fn ledger(&self) -> u32 {
        self.store.pid()
    }

    /// The processes that belong to it.
    #[must_use]
    pub fn roots(&self) -> Vec<u32> {
        let node = match &self.node {
            Node::Ours(cluster) => cluster.pid(),
            Node::Peer(_, peer) => peer.pid(),
        };
        vec![node, self.store.pid()]
    }

    /// Sends `load`, checks what the answers must be, and holds the ledger against them.
    /// `sold_before` tickets went earlier.
    ///
    /// # Errors
    /// It cannot be run, or the ledger does not answer.
    pub async fn run(&self, load: &CrowdLoad, expect: Expect, sold_before: u64) -> Result<Run> {
        let mut run = timed(load, &self.roots()).await?;
        run.expect(expect);
        let winners = sold_before + run.tally.winners();
        let sold = match &self.node {
            Node::Ours(cluster) => {
                let audit = cluster.audit(SALE).await?;
                if !audit.ok {
                    run.problems.push(format!("the audit differs: {:?}", audit.differences));
                }
                audit.confirmed
            }
            Node::Peer(service, _) => Peer::sold(*service, &self.store)?,
        };
        if sold != winners {
            run.problems.push(format!("{winners} buyers have a yes, the ledger has {sold}"));
        }
        run.oversold = sold.saturating_sub(self.total);
        if run.oversold > 0 {
            run.problems.push(format!("{} tickets were oversold", run.oversold));
        }
        Ok(run)
    }
}

/// The address in `http://127.0.0.1:port`.
///
/// # Errors
/// There is none.
pub fn address_of(url: &str) -> Result<SocketAddr> {
    url.strip_prefix("http://")
        .and_then(|address| address.trim_end_matches('/').parse().ok())
        .with_context(|| format!("{url:?} is not an address like http://127.0.0.1:8787"))
}
