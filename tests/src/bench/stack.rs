//! Whole stacks: ours with its edge on bare workerd and four nodes, and the peers as four nodes
//! behind nginx, weights 1:2:3:4.

use super::js::by_workerd;
use super::load::{BenchAsk, CrowdLoad};
use super::service::{Expect, Peer, Run, SALE, Service, Store, address_of, timed};
use super::turns::Subject;
use crate::harness::paths::{repository, scratch};
use crate::harness::{Cluster, Edge, Program, Setup};
use crate::rush::buyers::Buyers;
use crate::rush::run::{LEDGER_CALLS, ORDERS_RECEIVED, RESERVE};
use crate::rush::verdict;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// The shares of the four nodes.
const WEIGHTS: [u32; 4] = [1, 2, 3, 4];
/// Each of a peer's nodes lets this part of the tickets through to Redis: as much as the heaviest
/// share, so that all tickets can be sold, and in all more than there are, as the article's buffers
/// intend.
const LOCAL_PART: f64 = 0.4;
/// Processes of the edge: one for each processor of the machine that this is made for.
const WORKERS: u16 = 2;
const NGINX_WITHIN: Duration = Duration::from_secs(10);

/// How nginx is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nginx {
    /// As it comes, with the article's weights.
    Default,
    /// Connections to the nodes kept, no access log.
    Tuned,
}

/// What is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceStack {
    /// lastseat.
    Ours,
    /// A peer behind nginx.
    Peer(Service, Nginx),
    /// No service: a worker in JavaScript refuses everybody with a constant, in as many processes
    /// as our edge has. What it takes no edge on this runtime can do without.
    Constant,
}

impl ServiceStack {
    /// How tables call it.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Ours => "lastseat".to_owned(),
            Self::Peer(service, Nginx::Default) => {
                format!("{} behind nginx as it comes", service.name())
            }
            Self::Peer(service, Nginx::Tuned) => format!("{} behind tuned nginx", service.name()),
            Self::Constant => "a constant answer on workerd".to_owned(),
        }
    }
}

impl Subject for ServiceStack {
    fn called(self) -> impl Display {
        self.name()
    }
}

/// A stack that runs.
#[derive(Debug)]
pub struct RunningStack {
    body: Body,
    store: Store,
    tickets: u64,
    /// What keys and buyers follow from.
    seed: u64,
    /// Tickets that went in an earlier run, under keys of another seed.
    before: u64,
}

#[derive(Debug)]
enum Body {
    Ours(Cluster),
    Peer(Service, Balanced),
    Constant(Vec<(Program, SocketAddr)>),
}

/// Four nodes of a peer behind nginx.
#[derive(Debug)]
struct Balanced {
    nginx: Program,
    address: SocketAddr,
    nodes: Vec<Peer>,
    _directory: TempDir,
}

impl RunningStack {
    /// Starts `stack` with `tickets`; keys and buyers follow from `seed`.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start(stack: ServiceStack, tickets: u64, seed: u64) -> Result<Self> {
        let store = Store::start()?;
        let body = match stack {
            ServiceStack::Ours => {
                let setup = Setup {
                    workers: WORKERS,
                    arguments: vec!["--redis-url".to_owned(), store.url()],
                    ..Setup::with_edge(Edge::Workerd)
                };
                let cluster = Cluster::start(&setup)?;
                cluster.create_sale(SALE, tickets).await?;
                Body::Ours(cluster)
            }
            ServiceStack::Constant => {
                let workers = (0..WORKERS).map(|_| constant());
                Body::Constant(workers.collect::<Result<_>>()?)
            }
            ServiceStack::Peer(service, nginx) => {
                Peer::stock(service, &store, tickets)?;
                Body::Peer(service, Balanced::start(service, nginx, &store, tickets).await?)
            }
        };
        Ok(Self { body, store, tickets, seed, before: 0 })
    }

    /// Where requests go.
    ///
    /// # Errors
    /// Never: edges say addresses.
    pub fn doors(&self) -> Result<Vec<SocketAddr>> {
        match &self.body {
            Body::Ours(cluster) => cluster.edges.iter().map(|url| address_of(url)).collect(),
            Body::Peer(_, peer) => Ok(vec![peer.address]),
            Body::Constant(workers) => Ok(workers.iter().map(|worker| worker.1).collect()),
        }
    }

    /// What it is asked.
    #[must_use]
    pub fn ask(&self) -> BenchAsk {
        match self.body {
            Body::Ours(_) | Body::Constant(_) => BenchAsk::orders(SALE, self.seed),
            Body::Peer(..) => BenchAsk::Tickets,
        }
    }

    /// Goes on with keys of another seed, after a run that sold `before` tickets.
    pub const fn goes_on(&mut self, seed: u64, before: u64) {
        (self.seed, self.before) = (seed, before);
    }

    /// The processes that belong to it.
    #[must_use]
    pub fn roots(&self) -> Vec<u32> {
        let mut roots = match &self.body {
            Body::Ours(cluster) => vec![cluster.pid()],
            Body::Peer(_, peer) => {
                let nodes = peer.nodes.iter().map(Peer::pid);
                nodes.chain([peer.nginx.pid()]).collect()
            }
            Body::Constant(workers) => workers.iter().map(|worker| worker.0.pid()).collect(),
        };
        roots.push(self.store.pid());
        roots
    }

    /// Sends `load`, then compares what the buyers heard with the ledger: [`RunningStack::send`]
    /// and [`RunningStack::judge`].
    ///
    /// # Errors
    /// It cannot be run, or the ledger does not answer.
    pub async fn run(&self, load: &CrowdLoad, expect: Expect, may_oversell: bool) -> Result<Run> {
        self.judge(self.send(load).await?, expect, may_oversell).await
    }

    /// Sends `load`.
    ///
    /// # Errors
    /// It cannot be sent.
    pub async fn send(&self, load: &CrowdLoad) -> Result<Run> {
        timed(load, &self.roots()).await
    }

    /// Lets the sale have so many tickets in all.
    ///
    /// # Errors
    /// No node does it, or it is a peer's.
    pub async fn restock(&self, tickets: u64) -> Result<()> {
        match &self.body {
            Body::Ours(cluster) => cluster.set_capacity(SALE, tickets).await,
            Body::Peer(..) | Body::Constant(_) => bail!("a peer's sale cannot be restocked"),
        }
    }

    /// Compares what the buyers heard with the ledger: order by order with ours, by number with a
    /// peer, which keeps no orders. `may_oversell` shows what it oversold instead of leaving the
    /// run out.
    ///
    /// # Errors
    /// The ledger does not answer.
    pub async fn judge(&self, mut run: Run, expect: Expect, may_oversell: bool) -> Result<Run> {
        run.expect(expect);
        let (tickets, sold) = match &self.body {
            Body::Constant(_) => return Ok(run),
            Body::Ours(cluster) => self.audit(cluster, &mut run).await?,
            Body::Peer(service, _) => {
                let (sold, winners) =
                    (Peer::sold(*service, &self.store)?, self.before + run.tally.winners());
                if sold != winners {
                    run.problems.push(format!("{winners} have a yes, {sold} are sold"));
                }
                (self.tickets, sold)
            }
        };
        run.oversold = sold.saturating_sub(tickets);
        if run.oversold > 0 && !may_oversell {
            run.problems.push(format!("{} tickets were oversold", run.oversold));
        }
        // Whoever comes last and is refused has seen the last ticket go; restocked ones may be on
        // their way.
        if sold < tickets && run.tally.refused > 0 && tickets == self.tickets {
            let left = tickets - sold;
            run.problems.push(format!("{left} tickets were left"));
        }
        Ok(run)
    }

    async fn audit(&self, cluster: &Cluster, run: &mut Run) -> Result<(u64, u64)> {
        let (audit, orders) = (cluster.audit(SALE).await?, cluster.orders(SALE).await?);
        if !audit.ok {
            run.problems.push(format!("the audit differs: {:?}", audit.differences));
        }
        let differences = verdict::compare(&run.tally.outcomes, Buyers::new(self.seed), &orders);
        let (missing, unheard) = (differences.missing.count(), differences.unheard.count());
        // Those of an earlier run belong to nobody here.
        let unheard = unheard.saturating_sub(self.before);
        if missing + unheard > 0 {
            run.problems.push(format!(
                "lost: {missing} have a yes and no order, {unheard} orders and no yes"
            ));
        }
        let last = orders.values().map(|order| order.created_at.0).max();
        let counts = [
            ("origin requests", cluster.count(ORDERS_RECEIVED, &[]).await? as f64),
            ("ledger calls", cluster.count(LEDGER_CALLS, &[RESERVE]).await? as f64),
            ("refused while free", run.tally.refused_before(last.unwrap_or(0)) as f64),
        ];
        run.counts = BTreeMap::from(counts);
        Ok((audit.capacity, audit.confirmed))
    }
}

/// One worker that refuses with a constant.
fn constant() -> Result<(Program, SocketAddr)> {
    let port = lastseat_cluster::process::free_port()?;
    let program = Program::start("refuse.js", by_workerd("refuse", port, "[]")?)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let begun = Instant::now();
    while std::net::TcpStream::connect(address).is_err() {
        if begun.elapsed() > NGINX_WITHIN {
            bail!("refuse.js does not listen: {}", program.notes());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok((program, address))
}

impl Balanced {
    async fn start(service: Service, nginx: Nginx, store: &Store, tickets: u64) -> Result<Self> {
        let local = (tickets as f64 * LOCAL_PART).ceil() as u64;
        let mut nodes = Vec::new();
        for _ in WEIGHTS {
            nodes.push(Peer::start(service, store, local)?);
        }
        let directory = scratch()?;
        let file = match nginx {
            Nginx::Default => "default.conf.in",
            Nginx::Tuned => "tuned.conf.in",
        };
        let template = repository().join("tests/bench/peers/nginx").join(file);
        let template =
            fs::read_to_string(&template).with_context(|| template.display().to_string())?;
        let port = lastseat_cluster::process::free_port()?;
        let servers: Vec<String> = nodes
            .iter()
            .zip(WEIGHTS)
            .map(|(node, weight)| format!("server {} weight={weight};", node.address))
            .collect();
        let here = directory.path().display().to_string();
        let text = template
            .replace("@PORT@", &port.to_string())
            .replace("@DIR@", &here)
            .replace("@NODES@", &servers.join(" "));
        let file = directory.path().join("nginx.conf");
        fs::write(&file, text)?;
        let mut command = Command::new(nginx_program()?);
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
        command.arg("-e").arg(directory.path().join("error.log"));
        command.args(["-g", "daemon off;"]);
        let nginx = Program::start("nginx", command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let begun = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            if begun.elapsed() > NGINX_WITHIN {
                bail!("nginx does not listen after {NGINX_WITHIN:?}: {}", nginx.notes());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { nginx, address, nodes, _directory: directory })
    }
}

/// nginx is in a folder that not every `PATH` has.
///
/// # Errors
/// It is not installed; the message names the remedy.
pub fn nginx_program() -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("nginx"))
        .find(|path| path.is_file())
        .context("nginx is missing. Run 'make setup-bench'")
}
