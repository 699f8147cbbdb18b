//! What is measured: lastseat and the services that it is compared with, as one node, at the edge,
//! or as a whole stack. Nodes and stacks all get the same Redis: over TCP on this machine,
//! append-only file `always`.

use super::run::{Expect, Run};
use super::sold_train;
use super::subject::{Nginx, Peer, Subject, WORKERS};
use crate::harness::paths::{repository, scratch};
use crate::harness::processes::cpu_by_name;
use crate::harness::{
    Cluster, Durability, Edge, HttpClient, LoneEdge, PrivateRedis, Program, Setup,
};
use crate::load::{Buyers, CrowdLoad, LoadRequest, Pace, Travellers, send, verdict};
use crate::rush::run::{LEDGER_CALLS, ORDERS_RECEIVED, RESERVE};
use anyhow::{Context, Result, bail, ensure};
use lastseat_cluster::process::free_port;
use shared::upstream::balancer::OriginRow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The sale that lastseat sells in a measure.
pub const SALE: &str = "bench";
/// More tickets than can be sold in a measure.
pub const PLENTY: u64 = 100_000_000;
/// Time that a program may take until it listens.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// The shares of the four nodes of a stack.
const WEIGHTS: [u32; 4] = [1, 2, 3, 4];
/// Each of a peer's nodes lets this part of the tickets through to Redis: as much as the heaviest
/// share, so that all tickets can be sold, and in all more than there are, as the article's buffers
/// intend.
const LOCAL_PART: f64 = 0.4;
/// The key of the edges in JavaScript, made up.
const KEY: &str = "bench-bench-bench-bench-bench-bench-bench";

/// A Redis over TCP, with the settings that every service gets.
#[derive(Debug)]
pub struct Store {
    redis: PrivateRedis,
    /// `127.0.0.1:port`.
    pub address: String,
}

impl Store {
    /// Starts one.
    pub fn start() -> Result<Self> {
        let port = free_port()?.to_string();
        let options = ["--port", &port, "--bind", "127.0.0.1", "--maxclients", "16000"];
        let redis = PrivateRedis::start_with(Durability::Always, &options);
        Ok(Self { redis, address: format!("127.0.0.1:{port}") })
    }

    /// As `lastseat` wants it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.redis.pid()
    }
}

/// A subject that runs.
#[derive(Debug)]
pub struct RunningSubject {
    subject: Subject,
    to: Vec<String>,
    sales: Vec<String>,
    tickets: u64,
    /// What the buyers of a train want.
    travellers: Option<Travellers>,
    /// What keys and buyers of the next run follow from.
    seed: u64,
    /// Tickets that went in earlier runs.
    sold: u64,
    // In the order in which they are stopped.
    workers: Vec<LoneEdge>,
    programs: Vec<Program>,
    cluster: Option<Cluster>,
    store: Option<Store>,
    directories: Vec<TempDir>,
}

impl RunningSubject {
    /// Starts `subject` with `tickets` for each sale; a single one is sold at once.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(subject: Subject, tickets: u64) -> Result<Self> {
        let mut running = Self {
            subject,
            to: Vec::new(),
            sales: vec![SALE.to_owned()],
            tickets,
            travellers: None,
            seed: 1,
            sold: 0,
            workers: Vec::new(),
            programs: Vec::new(),
            cluster: None,
            store: None,
            directories: Vec::new(),
        };
        match subject {
            Subject::Nodes { nodes, sales, asked } => {
                running.sales = (0..sales).map(|number| format!("{SALE}-{number}")).collect();
                let setup = Setup { weights: vec![1; nodes], ..Setup::with_edge(Edge::None) };
                running.start_cluster(setup, true).await?;
                running.sales.truncate(asked);
            }
            Subject::Edge(edge) => {
                let setup = Setup { weights: vec![1], ..Setup::with_edge(edge) };
                running.start_cluster(setup, false).await?;
            }
            Subject::Journeys(edge) => {
                let of = running.travellers.insert(sold_train::travellers()?).clone();
                let setup = Setup { weights: vec![1], ..Setup::with_edge(edge) };
                running.start_cluster(setup, false).await?;
                let cluster = running.cluster.as_ref().context("a cluster")?;
                running.sold = sold_train::sell_out(cluster, SALE, &of).await?;
            }
            Subject::Stack(edge) => {
                let mut setup = Setup::with_edge(edge);
                match edge {
                    Edge::Workerd => setup.workers = WORKERS,
                    Edge::Public => setup.weights = vec![1],
                    _ => {}
                }
                running.start_cluster(setup, true).await?;
            }
            Subject::Worker { name, edge, processes } => {
                running.start_workers(name, edge, processes).await?;
            }
            Subject::Node { peer, buffered } => {
                running.fill(peer)?;
                // As published it sells nothing after 12,000 requests, which a run can reach: here
                // it may go on.
                let unbounded = ["--max-active", "0"];
                let flags = if peer == Peer::S0 { &unbounded[..] } else { &[] };
                let local = if buffered { PLENTY } else { tickets };
                let url = running.start_peer(peer, local, flags)?;
                running.to.push(url);
            }
            Subject::Behind(peer, nginx) => running.start_behind(peer, nginx).await?,
        }
        let one_ticket = tickets == 1 && running.travellers.is_none();
        if (one_ticket && subject.sells()) || running.sales.len() > 1 {
            // A node looks a sale up when it hears of it first, and only so many at a time.
            running.sell_first().await?;
        }
        Ok(running)
    }

    /// Sells one ticket of each sale.
    async fn sell_first(&mut self) -> Result<()> {
        let pace = Pace::Buyers { count: 1, a_second: None };
        for ask in self.asks() {
            let one = CrowdLoad::new(&self.to[..1], ask, 1, pace);
            let found = send(&one, |_| {}).await?.tally;
            ensure!(found.granted == 1, "the first ticket was not sold: {:?}", found.samples);
            self.sold += 1;
        }
        self.seed += 1;
        Ok(())
    }

    async fn start_cluster(&mut self, setup: Setup, with_store: bool) -> Result<()> {
        self.store = with_store.then(Store::start).transpose()?;
        let url = self.store.iter().flat_map(|store| ["--redis-url".to_owned(), store.url()]);
        let cluster = Cluster::start(&Setup { arguments: url.collect(), ..setup })?;
        for sale in &self.sales {
            match &self.travellers {
                Some(of) => cluster.create_sale_by_plan(sale, of.plan()).await?,
                None => cluster.create_sale(sale, self.tickets).await?,
            }
        }
        self.to = match cluster.edges.is_empty() {
            false => cluster.edges.clone(),
            true => cluster.nodes.iter().map(|node| node.url.clone()).collect(),
        };
        self.cluster = Some(cluster);
        Ok(())
    }

    async fn start_workers(&mut self, name: &str, edge: Edge, processes: u16) -> Result<()> {
        if self.subject.sells() {
            let setup = Setup {
                weights: vec![1],
                environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())],
                ..Setup::with_edge(Edge::None)
            };
            self.start_cluster(setup, false).await?;
        }
        let to = std::mem::take(&mut self.to).into_iter();
        let origins: Vec<OriginRow> = to.map(|url| OriginRow::new(url, 1)).collect();
        for _ in 0..processes {
            let worker = LoneEdge::peer(name, edge, &origins, KEY).await?;
            self.to.push(worker.url.clone());
            self.workers.push(worker);
        }
        Ok(())
    }

    /// Waits until `program` answers at `port`, where requests go then.
    async fn listens(&mut self, program: Program, port: u16) -> Result<()> {
        let (url, begun) = (format!("http://127.0.0.1:{port}"), Instant::now());
        let mut client = HttpClient::new(&url)?;
        while client.get("/nothing").await.is_err() {
            let late = begun.elapsed() > READY_WITHIN;
            ensure!(!late, "{url} does not answer after {READY_WITHIN:?}: {}", program.notes());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.programs.push(program);
        self.to.push(url);
        Ok(())
    }

    /// Starts a Redis with the tickets of a peer.
    fn fill(&mut self, peer: Peer) -> Result<()> {
        let store = self.store.insert(Store::start()?);
        ask_peer(peer, store, &["--init", "--total", &self.tickets.to_string()]).map(drop)
    }

    /// Starts a node of a peer that lets `local_stock` requests through to Redis; its address.
    fn start_peer(&mut self, peer: Peer, local_stock: u64, flags: &[&str]) -> Result<String> {
        let store = self.store.as_ref().context("a peer has a Redis")?;
        let (directory, name) = (scratch()?, format!("{peer:?}"));
        let mut command = Command::new(peer_program(peer)?);
        command.args(flags).args(["--listen", "127.0.0.1:0", "--redis", &store.address]);
        command.args(["--local-stock", &local_stock.to_string()]);
        command.arg("--log").arg(directory.path().join("stat.log"));
        let program = Program::start(&name, command)?;
        let line = program.line(READY_WITHIN)?;
        let address = line.strip_prefix("ready ").map(str::trim);
        let address = address.with_context(|| format!("{name} said {line:?} and not where"))?;
        let url = format!("http://{address}");
        self.programs.push(program);
        self.directories.push(directory);
        Ok(url)
    }

    async fn start_behind(&mut self, peer: Peer, nginx: Nginx) -> Result<()> {
        self.fill(peer)?;
        let local = (self.tickets as f64 * LOCAL_PART).ceil() as u64;
        let mut servers = String::new();
        for weight in WEIGHTS {
            let url = self.start_peer(peer, local, &[])?;
            servers += &format!("server {} weight={weight};", url.trim_start_matches("http://"));
        }
        let directory = scratch()?;
        let file = match nginx {
            Nginx::Default => "default.conf.in",
            Nginx::Tuned => "tuned.conf.in",
        };
        let template = repository().join("tests/bench/peers/nginx").join(file);
        let port = free_port()?;
        let text = std::fs::read_to_string(template)?
            .replace("@PORT@", &port.to_string())
            .replace("@DIR@", &directory.path().display().to_string())
            .replace("@NODES@", &servers);
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, text)?;
        let mut command = Command::new(nginx_program()?);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
        command.arg("-e").arg(directory.path().join("error.log"));
        command.args(["-g", "daemon off;"]);
        self.directories.push(directory);
        self.listens(Program::start("nginx", command)?, port).await
    }

    /// The processes that belong to it.
    pub fn roots(&self) -> Vec<u32> {
        let workers = self.workers.iter().map(|worker| &worker.program);
        let programs = workers.chain(&self.programs).map(Program::pid);
        let cluster = self.cluster.iter().map(Cluster::pid);
        programs.chain(cluster).chain(self.ledger()).collect()
    }

    /// The process of its Redis, where that is not the cluster's own.
    pub fn ledger(&self) -> Option<u32> {
        self.store.as_ref().map(Store::pid)
    }

    fn asks(&self) -> Vec<LoadRequest> {
        let buyers = Buyers::new(self.seed);
        let orders = |sale: &String| match self.travellers.clone() {
            Some(travellers) => LoadRequest::Journeys { sale: sale.clone(), buyers, travellers },
            None => LoadRequest::orders(sale, buyers),
        };
        match self.subject.peer() {
            Some(_) => vec![LoadRequest::Tickets],
            None => self.sales.iter().map(orders).collect(),
        }
    }

    /// A load on it.
    pub fn load(&self, connections: u32, pace: Pace, warm_up: Duration) -> CrowdLoad {
        let ask = self.asks();
        let load = CrowdLoad::new(&self.to, LoadRequest::Tickets, connections, pace);
        CrowdLoad { ask, warm_up, ..load }
    }

    /// Sends `load`, then compares what the buyers heard with the ledger.
    pub async fn run(&mut self, load: &CrowdLoad, expect: Expect) -> Result<Run> {
        let run = self.send(load).await?;
        self.judge(run, expect).await
    }

    /// Sends `load` and reads what its processes took for it.
    pub async fn send(&self, load: &CrowdLoad) -> Result<Run> {
        let roots = self.roots();
        let before = cpu_by_name(&roots);
        let outcomes = send(load, |_| {}).await?;
        let mut cpu = cpu_by_name(&roots);
        for (name, time) in &mut cpu {
            *time = time.saturating_sub(before.get(name).copied().unwrap_or_default());
        }
        Ok(Run { outcomes, cpu, problems: Vec::new(), oversold: 0, counts: BTreeMap::new() })
    }

    /// Lets the sale have so many tickets in all.
    pub async fn restock(&self, tickets: u64) -> Result<()> {
        let cluster = self.cluster.as_ref().context("a peer's sale cannot be restocked")?;
        cluster.set_capacity(SALE, tickets).await
    }

    /// Compares what the buyers heard with the ledger: by number; order by order where a whole
    /// stack sold them. What the service oversells as it was published is shown; else such a run is
    /// left out.
    pub async fn judge(&mut self, mut run: Run, expect: Expect) -> Result<Run> {
        run.expect(expect);
        let (capacity, sold) = match (self.subject.peer(), &self.store, &self.cluster) {
            (Some(peer), Some(store), _) => {
                let said = ask_peer(peer, store, &["--sold"])?;
                let sold = said.trim().parse();
                (self.tickets, sold.with_context(|| format!("{peer:?} --sold said {said:?}"))?)
            }
            (.., Some(cluster)) => self.audit(cluster, &mut run).await?,
            _ => return Ok(run),
        };
        let winners = self.sold + run.outcomes.tally.winners();
        if sold != winners {
            run.problems.push(format!("{winners} buyers have a yes, the ledger has {sold}"));
        }
        run.oversold = sold.saturating_sub(capacity);
        if run.oversold > 0 && self.subject.peer() != Some(Peer::S0) {
            run.problems.push(format!("{} tickets were oversold", run.oversold));
        }
        // Whoever comes last and is refused has seen the last ticket go; restocked ones may be on
        // their way, and of a train there are more than the one that is asked for elsewhere.
        let restocked = capacity > self.tickets * self.sales.len() as u64;
        if sold < capacity && run.outcomes.tally.refused_final > 0 && !restocked {
            run.problems.push(format!("{} tickets were left", capacity - sold));
        }
        self.sold = winners;
        self.seed += 1;
        Ok(run)
    }

    async fn audit(&self, cluster: &Cluster, run: &mut Run) -> Result<(u64, u64)> {
        let (mut capacity, mut sold) = (0, 0);
        for sale in &self.sales {
            let audit = cluster.audit(sale).await?;
            if !audit.ok {
                run.problems.push(format!("the audit differs: {:?}", audit.differences));
            }
            (capacity, sold) = (capacity + audit.capacity, sold + audit.confirmed);
        }
        if matches!(self.subject, Subject::Stack(_)) {
            let orders = cluster.orders(SALE).await?;
            let outcomes = &run.outcomes.tally.outcomes;
            let found = verdict::compare(outcomes, Buyers::new(self.seed), &orders);
            // Those of an earlier run belong to nobody here.
            let unheard = found.unheard.count().saturating_sub(self.sold);
            let missing = found.missing.count();
            if missing + unheard > 0 {
                let lost =
                    format!("{missing} have a yes and no order, {unheard} orders and no yes");
                run.problems.push(format!("lost: {lost}"));
            }
            let last = orders.values().map(|order| order.created_at.0).max().unwrap_or(0);
            run.counts = BTreeMap::from([
                ("origin requests", cluster.count(ORDERS_RECEIVED, &[]).await? as f64),
                ("ledger calls", cluster.count(LEDGER_CALLS, &[RESERVE]).await? as f64),
                ("busy", run.outcomes.tally.busy_retries as f64),
                ("refused while free", run.outcomes.refused_before(last) as f64),
            ]);
        }
        Ok((capacity, sold))
    }
}

/// The program of a peer.
///
/// # Errors
/// It is not built; the message names the remedy.
pub fn peer_program(peer: Peer) -> Result<PathBuf> {
    let name = format!("{peer:?}").to_lowercase();
    let path = repository().join("target/bench/peers").join(name);
    ensure!(path.is_file(), "the peer {peer:?} is not built. Run 'make setup-bench'");
    Ok(path)
}

/// Runs a peer's program for a question to the Redis.
fn ask_peer(peer: Peer, store: &Store, question: &[&str]) -> Result<String> {
    let mut command = Command::new(peer_program(peer)?);
    let output = command.args(question).args(["--redis", &store.address]).output()?;
    if !output.status.success() {
        bail!("{peer:?} {question:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// nginx is in a folder that not every `PATH` has.
pub fn nginx_program() -> Result<PathBuf> {
    find("nginx").context("nginx is missing. Run 'make setup-bench'")
}

/// The program `name`, where programs are.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}
