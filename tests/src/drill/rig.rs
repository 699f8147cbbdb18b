//! A system whose links go through proxies of ours: each edge to each node, and the nodes to Redis.

use crate::harness::proxy::Proxy;
use crate::harness::{Cluster, Edge, LoneEdge, PrivateRedis, RedisSetup, Setup};
use anyhow::{Context, Result};
use shared::upstream::balancer::OriginRow;

/// Edges of such a system, of bare workerd whatever runs the edges of other drills.
const EDGES: usize = 2;
/// What nodes and edges share.
const KEY: &str = "drill:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// Four nodes and two edges, every link breakable.
#[derive(Debug)]
pub(super) struct Rig {
    // In the order in which they are stopped.
    edges: Vec<LoneEdge>,
    /// Before each node.
    pub(super) to_nodes: Vec<Proxy>,
    pub(super) cluster: Cluster,
    /// Before Redis; all nodes use it.
    pub(super) to_ledger: Proxy,
    pub(super) redis: PrivateRedis,
}

impl Rig {
    /// Starts one with a Redis of its own.
    pub(super) async fn start() -> Result<Self> {
        Self::on(RedisSetup::default()).await
    }

    /// Starts one on such a Redis.
    pub(super) async fn on(redis: RedisSetup) -> Result<Self> {
        let redis = redis.with_port().try_start()?;
        let to_ledger = Proxy::start(redis.address())?;
        let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let cluster = Cluster::start(&Setup {
            direct: false,
            environment: vec![
                variable("REDIS_URL", &format!("redis://{}", to_ledger.address())),
                variable("LASTSEAT_EDGE_KEY", KEY),
            ],
            ..Setup::with_edge(Edge::None)
        })?;
        let (mut to_nodes, mut table) = (Vec::new(), Vec::new());
        for node in &cluster.nodes {
            let address = node.url.strip_prefix("http://").context("an address")?;
            let proxy = Proxy::start(address.parse()?)?;
            table.push(OriginRow::new(proxy.url(), node.weight));
            to_nodes.push(proxy);
        }
        let mut edges = Vec::with_capacity(EDGES);
        for _ in 0..EDGES {
            edges.push(LoneEdge::start(Edge::Workerd, &table, KEY).await?);
        }
        let urls = edges.iter().map(|edge| edge.url.clone()).collect();
        let cluster = cluster.reached_by(urls, &redis.url());
        Ok(Self { edges, to_nodes, cluster, to_ledger, redis })
    }

    /// Stops it: edges first, Redis last.
    pub(super) fn stop(self) -> Result<()> {
        drop(self.edges);
        drop(self.to_nodes);
        self.cluster.stop()
    }
}
