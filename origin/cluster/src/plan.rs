//! The plan of a cluster: what runs on this machine, checked.

use lastseat_ledger::Replicas;
use lastseat_node::secret::Secret;
use lastseat_node::telemetry::logging::LogFormat;
use shared::Capacity;
use std::path::PathBuf;

/// One node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePlan {
    /// Its number, from 1.
    pub id: u16,
    /// Its weight.
    pub weight: u32,
    /// Its port for orders; 0 = any.
    pub port: u16,
    /// Its port for operators; 0 = any.
    pub admin_port: u16,
    /// Its port for buyers, if it faces them; 0 = any.
    pub public_port: Option<u16>,
    /// The data centre that it stands in.
    pub zone: Option<String>,
}

/// Which program runs the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EdgeKind {
    /// `wrangler dev`: what developers of the edge use.
    Wrangler,
    /// workerd alone: quicker.
    Workerd,
    /// `lastseat gateway`: native, without JavaScript.
    Gateway,
}

/// One edge of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgePlan {
    /// Its port; 0 = any.
    pub port: u16,
    /// How many processes share it; of a gateway, its threads.
    pub workers: usize,
    /// The data centre that it stands in: it asks the nodes there first.
    pub zone: Option<String>,
}

/// What a cluster runs with.
#[derive(Debug)]
pub struct ClusterConfig {
    /// Its nodes.
    pub nodes: Vec<NodePlan>,
    /// Threads of each of them.
    pub threads: usize,
    /// The Redis that was given; `None` = the cluster starts its own.
    pub redis_url: Option<Secret>,
    /// The replicas that are waited for.
    pub replicas: Option<Replicas>,
    /// TCP port of the cluster's own Redis.
    pub redis_port: Option<u16>,
    /// Where everything is kept; absolute.
    pub data_dir: PathBuf,
    /// The admin token that was given.
    pub admin_token: Option<Secret>,
    /// The shop token that was given.
    pub shop_token: Option<Secret>,
    /// The keys of scoped tokens that were given.
    pub token_keys: Option<Secret>,
    /// The key of the edges that was given.
    pub edge_key: Option<Secret>,
    /// Whether nodes serve clients without an edge, too.
    pub direct: bool,
    /// The key of the buyer tokens that was given.
    pub buyer_key: Option<Secret>,
    /// The key of signed pay links that was given.
    pub pay_key: Option<Secret>,
    /// What one client may ask of each node and edge, if that was given.
    pub client_rate: Option<String>,
    /// Origins of pages on other hosts that may call nodes and edges, if some were given.
    pub allowed_origins: Option<String>,
    /// Tickets of the sale `demo`, if there is to be one.
    pub demo: Option<Capacity>,
    /// Kind of the edges, and what is planned for each.
    pub edges: Option<(EdgeKind, Vec<EdgePlan>)>,
    /// Whether to print the ready line as JSON.
    pub json: bool,
    /// How lines of the log look.
    pub log_format: LogFormat,
}
