//! Supervisor of one machine: Redis, nodes and edges as separate processes.

#![warn(missing_docs)]

mod edge;
mod keys;
pub mod member;
mod node;
pub mod plan;
pub mod process;
pub mod redis_server;
mod repository;
mod shared_port;
pub mod state_file;

pub use keys::variable;
pub use repository::repository;
pub use shared_port::SHARES_PORTS;

use edge::EdgeMember;
use keys::Keys;
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_node::directory_lock;
use lastseat_node::ready_line::NodeEntry;
use lastseat_node::secret::{self, Secret};
use lastseat_node::telemetry::logging::LogFormat;
use member::MemberGroup;
use node::{NodeMember, NodeSetting};
use plan::{ClusterConfig, EdgeKind, EdgePlan, NodePlan};
use process::{ShutdownSignal, StopSignals};
use redis_server::RedisServer;
use shared::SaleId;
use shared::domain::sale::Terms;
use shared::upstream::balancer::OriginRow;
use shared_port::SharedPort;
use state_file::{ClusterState, ClusterSummary, EntryPoint, RedisEntry, StateFile, write_private};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tracing::{info, warn};

/// The nodes that `wrangler.toml` names.
const TABLE_PORTS: [u16; 4] = [3001, 3002, 3003, 3004];
/// The sale of `--demo`.
const DEMO: &str = "demo";

/// Runs a cluster until SIGTERM or SIGINT. A second one ends everything at once.
///
/// # Errors
/// A sentence that says what keeps it from starting and what to do.
pub async fn run(config: ClusterConfig) -> Result<(), String> {
    let cannot = |e: io::Error| {
        let place = config.data_dir.display();
        format!("{place} cannot be used: {e}. Choose another place with --data-dir")
    };
    let Some(_claim) = directory_lock::claim(&config.data_dir).map_err(cannot)? else {
        return Err(format!(
            "another lastseat cluster runs in {}. Stop that one, or choose \
             another --data-dir and other --ports",
            config.data_dir.display()
        ));
    };
    let mut signals = StopSignals::listen().map_err(|e| e.to_string())?;
    check_ports(&config)?;
    let tokens = Tokens::of(&config).map_err(cannot)?;
    let keys = Keys::of(&config)?;

    let mut cluster = Cluster::new(&config, &tokens);
    let assembled = tokio::select! {
        assembled = cluster.assemble(&config, tokens, &keys) => assembled.map(Some),
        () = signals.next() => Ok(None),
    };
    let ended = match assembled {
        Ok(Some(demo)) => {
            let announced = cluster.announce(&config, &keys, demo.as_deref());
            let announced = announced.map_err(cannot);
            if announced.is_ok() {
                signals.next().await;
                info!("stopping; press Ctrl-C again to end everything at once");
            }
            announced
        }
        Ok(None) => Ok(()),
        Err(why) => Err(why),
    };
    cluster.state_file.retract();
    cluster.stop(&mut signals).await;
    ended
}

struct Cluster {
    redis: MemberGroup,
    nodes: MemberGroup,
    edges: MemberGroup,
    state_file: Arc<StateFile>,
}

impl Cluster {
    fn new(config: &ClusterConfig, tokens: &Tokens) -> Self {
        let state = ClusterState {
            edges: Vec::new(),
            nodes: Vec::new(),
            redis: RedisEntry { url: String::new(), pid: None },
            admin_token: secret::sent(&tokens.admin).reveal().to_owned(),
            shop_token: secret::sent(&tokens.shop).reveal().to_owned(),
        };
        Self {
            redis: MemberGroup::new(),
            nodes: MemberGroup::new(),
            edges: MemberGroup::new(),
            state_file: Arc::new(StateFile::new(state, config.data_dir.clone())),
        }
    }

    /// Starts everything; what there is to say of the demo sale.
    async fn assemble(
        &mut self,
        config: &ClusterConfig,
        tokens: Tokens,
        keys: &Keys,
    ) -> Result<Option<String>, String> {
        let redis_url = match &config.redis_url {
            Some(url) => url.clone(),
            None => self.start_redis(config).await?,
        };
        self.state_file.change(|state| redis_url.reveal().clone_into(&mut state.redis.url));
        let demo = prepare_ledger(&redis_url, config).await?;
        let setting = Arc::new(NodeSetting {
            redis_url,
            replicas: config.replicas,
            admin_token: tokens.admin,
            shop_token: tokens.shop,
            token_keys: tokens.keys,
            pay_key: tokens.pay,
            keys: keys.clone(),
            threads: config.threads,
            direct: config.direct,
            client_rate: config.client_rate.clone(),
            allowed_origins: config.allowed_origins.clone(),
            log_format: config.log_format,
            data_dir: config.data_dir.clone(),
            demo: config.demo.is_some(),
        });
        let nodes = config.nodes.iter().map(|plan| NodeMember {
            plan: plan.clone(),
            setting: Arc::clone(&setting),
            state_file: Arc::clone(&self.state_file),
        });
        self.nodes.add_all(nodes).await?;
        if let Some((kind, plans)) = &config.edges {
            self.start_edges(*kind, plans, keys, config).await?;
        }
        Ok(demo)
    }

    async fn start_redis(&mut self, config: &ClusterConfig) -> Result<Secret, String> {
        let state_file = Arc::clone(&self.state_file);
        let redis = RedisServer::prepare(&config.data_dir, config.redis_port, state_file)?;
        redis.stop_leftover().await?;
        let url = Secret::new(redis.url());
        self.redis.add_all([redis]).await?;
        Ok(url)
    }

    async fn start_edges(
        &mut self,
        kind: EdgeKind,
        plans: &[EdgePlan],
        keys: &Keys,
        config: &ClusterConfig,
    ) -> Result<(), String> {
        // A gateway is in this program.
        let root = if kind == EdgeKind::Gateway {
            config.data_dir.clone()
        } else {
            repository().ok_or(
                "a worker needs the repository of lastseat: start the cluster in its directory, \
                 or use --edge gateway or none",
            )?
        };
        if kind == EdgeKind::Wrangler {
            info!(
                "starting wrangler; when it builds the edge for the first time this takes minutes"
            );
        }
        let origins = self.origins();
        let mut edges = Vec::with_capacity(plans.len());
        for (number, plan) in (1..).zip(plans) {
            // A gateway has threads where workerd has processes.
            let processes = if kind == EdgeKind::Gateway { 1 } else { plan.workers };
            let port = edge_port(plan.port, processes);
            let (port, shared) = port.map_err(|e| format!("no port is free: {e}"))?;
            for worker in 1..=processes {
                edges.push(EdgeMember {
                    number,
                    worker,
                    kind,
                    port,
                    threads: plan.workers,
                    shared: shared.clone(),
                    root: root.clone(),
                    directory: config.data_dir.join(format!("edge-{number}")),
                    origins: origins.clone(),
                    keys: keys.clone(),
                    zone: plan.zone.clone(),
                    state_file: Arc::clone(&self.state_file),
                    client_rate: config.client_rate.clone(),
                    allowed_origins: config.allowed_origins.clone(),
                });
            }
        }
        self.edges.add_all(edges).await
    }

    /// The edge's table of origins.
    fn origins(&self) -> String {
        let state = self.state_file.read();
        let row = |node: &NodeEntry| OriginRow {
            zone: node.zone.clone(),
            ..OriginRow::new(&node.url, node.weight)
        };
        let rows: Vec<OriginRow> = state.nodes.iter().map(row).collect();
        serde_json::json!(rows).to_string()
    }

    /// Says what runs where, to people and programs.
    fn announce(&self, config: &ClusterConfig, keys: &Keys, demo: Option<&str>) -> io::Result<()> {
        self.state_file.publish()?;
        let state = self.state_file.read();
        let data_dir = &config.data_dir;
        let summary = ClusterSummary {
            state: &state,
            data_dir,
            demo,
            entry_point_url: entry_point(&state, config, keys),
        };
        match config.log_format {
            LogFormat::Text => eprintln!("{summary}"),
            LogFormat::Json => info!("{summary}"),
        }
        if config.json {
            let mut stdout = io::stdout().lock();
            writeln!(stdout, "{}", serde_json::to_string(&*state)?)?;
            stdout.flush()?;
        }
        Ok(())
    }

    /// Edges first, so that nobody asks nodes that are gone; Redis last, so that nodes can finish.
    async fn stop(&mut self, signals: &mut StopSignals) {
        let groups = [&self.edges, &self.nodes, &self.redis].map(MemberGroup::shutdown_signal);
        let stopping = async {
            self.edges.stop().await;
            self.nodes.stop().await;
            self.redis.stop().await;
        };
        tokio::pin!(stopping);
        tokio::select! {
            () = &mut stopping => return,
            () = signals.next() => warn!("ending everything at once"),
        }
        for signal in groups {
            signal.send_replace(ShutdownSignal::Kill);
        }
        stopping.await;
    }
}

/// The port of an edge, held for its workers where it has several.
fn edge_port(port: u16, processes: usize) -> io::Result<(u16, Option<Arc<SharedPort>>)> {
    if processes > 1 {
        let shared = SharedPort::take(port)?;
        return Ok((shared.number()?, Some(Arc::new(shared))));
    }
    match port {
        0 => Ok((process::free_port()?, None)),
        port => Ok((port, None)),
    }
}

/// Where a buyer can go.
fn entry_point<'a>(state: &'a ClusterState, config: &ClusterConfig, keys: &Keys) -> EntryPoint<'a> {
    let node = state.nodes.first().filter(|_| config.direct);
    let edge = state.edges.first().map(|edge| &edge.url);
    let public = state.nodes.iter().find_map(|node| node.public.as_ref());
    let open = edge.or(public.map(|public| &public.url)).or(node.map(|node| &node.url));
    let in_table = |nodes: &[NodePlan]| nodes.iter().map(|node| node.port).eq(TABLE_PORTS);
    match open {
        Some(url) => EntryPoint::Open(url),
        None if keys.known_to_wrangler && in_table(&config.nodes) => EntryPoint::Wrangler,
        None => EntryPoint::Elsewhere,
    }
}

/// Checks the ledger and creates the demo sale if it is wanted and absent.
async fn prepare_ledger(url: &Secret, config: &ClusterConfig) -> Result<Option<String>, String> {
    let url = LedgerUrl::parse(url.reveal())?;
    let ledger = Ledger::connect(&url).await.map_err(|e| e.to_string())?;
    let ledger = ledger.waiting_for(config.replicas);
    let Some(tickets) = config.demo else {
        return Ok(None);
    };
    let sale = SaleId::parse(DEMO).map_err(|e| e.to_string())?;
    // Read first: a sale of an earlier start changes only after the nodes have recovered it.
    if let Some(there) = ledger.snapshot(&sale).await.map_err(|e| e.to_string())? {
        let (capacity, free) = (there.capacity, there.free());
        return Ok(Some(format!(
            "{DEMO}: was there already, {free} of {capacity} tickets are free (a new data \
             directory begins anew)"
        )));
    }
    let created = ledger.create_sale(&sale, tickets, &Terms::default(), true).await;
    let (snapshot, _) = created.map_err(|e| e.to_string())?;
    Ok(Some(format!("{DEMO}: {} tickets, created now", snapshot.capacity)))
}

/// All taken ports at once, before anything is started.
fn check_ports(config: &ClusterConfig) -> Result<(), String> {
    let nodes = config.nodes.iter().flat_map(|node| [node.port, node.admin_port]);
    let edges = config.edges.iter().flat_map(|(_, plans)| plans.iter().map(|plan| plan.port));
    let public = config.nodes.iter().filter_map(|node| node.public_port);
    let taken: Vec<String> = nodes
        .chain(public)
        .chain(edges)
        .chain(config.redis_port)
        .filter(|port| process::port_is_taken(*port))
        .map(|port| port.to_string())
        .collect();
    let Some(first) = taken.first() else {
        return Ok(());
    };
    Err(format!(
        "port {} is taken by another program. Stop that one \
         (`ss -ltnp 'sport = :{first}'` shows it) or choose other ports with --ports \
         and --edge-port; 0 takes any that is free",
        taken.join(", ")
    ))
}

/// The file of a data directory with the key of scoped tokens.
pub const TOKEN_KEY_FILE: &str = "token.key";

/// The bearer tokens of a cluster.
struct Tokens {
    admin: Secret,
    shop: Secret,
    /// By which scoped ones are verified.
    keys: Secret,
    /// The key of signed pay links.
    pay: Secret,
}

impl Tokens {
    /// Those that were given, or those of this data directory.
    fn of(config: &ClusterConfig) -> io::Result<Self> {
        let token = |given: &Option<Secret>, file| match given {
            Some(token) => Ok(token.clone()),
            None => kept_token(&config.data_dir.join(file)),
        };
        Ok(Self {
            admin: token(&config.admin_token, "admin.token")?,
            shop: token(&config.shop_token, "shop.token")?,
            keys: token(&config.token_keys, TOKEN_KEY_FILE)?,
            pay: token(&config.pay_key, "pay.key")?,
        })
    }
}

/// The token in a file; made the first time.
fn kept_token(path: &Path) -> io::Result<Secret> {
    match std::fs::read_to_string(path) {
        Ok(text) if !text.trim().is_empty() => return Ok(Secret::new(text.trim().to_owned())),
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let token = Secret::generate().map_err(io::Error::other)?;
    write_private(path, format!("{}\n", token.reveal()).as_bytes())?;
    Ok(token)
}
