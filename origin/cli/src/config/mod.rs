//! Configuration: validates flags and environment and reports everything that is wrong at once.
//!
//! That is why no clap value parser checks them: clap stops at the first that fails.

pub(crate) mod check;
mod gateway;

pub(crate) use check::{metrics_address, replicas};
pub use gateway::gateway_config;

use crate::cli::{ClusterFlags, Common, ServeFlags};
use crate::failure::Failure;
use crate::relay::endpoints::WebhooksConfig;
use check::{
    Access, Wrong, absolute, access, address, audit_every, demo_tickets, distinct, ledger, number,
    zones,
};
use gateway::public_config;
use lastseat_cluster::SHARES_PORTS;
use lastseat_cluster::plan::{ClusterConfig, EdgeKind, EdgePlan, NodePlan};
use lastseat_gateway::config::GatewayConfig;
use lastseat_node::config::ServeConfig;
use lastseat_node::http::TrustLevel;
use lastseat_node::membership::NodeIdentity;
use lastseat_node::secret::{Secret, given};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// Weights that make sense: shares of one part in a thousand are finer than any balancer's.
const WEIGHTS: RangeInclusive<u64> = 1..=1_000;
/// Nodes of one cluster on one machine.
const NODES_MAX: usize = 32;
/// Edges of one cluster on one machine.
const EDGES: RangeInclusive<u64> = 1..=32;
/// Processes that share an edge's port: more than cores are of no use.
const WORKERS: RangeInclusive<u64> = 1..=64;
/// Connections of a server: at least what a few edges keep open.
const CONNECTIONS: RangeInclusive<u64> = 16..=1_000_000;
/// Threads of a server.
const THREADS: RangeInclusive<u64> = 1..=256;
/// From a node's port to the port of its operators' listener.
pub const ADMIN_PORT_OFFSET: u16 = 100;

/// What one process of `lastseat serve` runs.
#[derive(Debug)]
pub struct ServePlan {
    /// The node.
    pub node: ServeConfig,
    /// Its public side, if it has one.
    pub public: Option<GatewayConfig>,
    /// The relay of the shop's webhooks, if it runs one.
    pub webhooks: Option<WebhooksPlan>,
}

/// Webhooks that a node relays.
#[derive(Debug)]
pub struct WebhooksPlan {
    /// The file of endpoints.
    pub file: PathBuf,
    /// What it says.
    pub config: WebhooksConfig,
}

/// Checks the flags of `lastseat serve`.
///
/// # Errors
/// A sentence for each flag that is wrong.
pub fn serve_config(common: &Common, mut flags: ServeFlags) -> Result<ServePlan, Failure> {
    let mut wrong = Wrong::default();
    if flags.public.public.is_some() && given(flags.access.edge_key.as_ref()).is_none() {
        // Nobody else is to know it: the public side is in this process.
        flags.access.edge_key = Some(Secret::generate().map_err(Failure::runtime)?);
    }
    let node = wrong.note(number("--node", &flags.node, 1..=u64::from(u16::MAX)));
    let weight = wrong.note(number("--weight", &flags.weight, WEIGHTS));
    let connections_max = wrong.note(number("--connections", &flags.connections, CONNECTIONS));
    let threads = wrong.note(threads(flags.threads.as_deref(), processors()));
    let listen = wrong.note(address("--listen", &flags.listen));
    let admin_listen = wrong.note(address("--admin-listen", &flags.admin_listen));
    let ledger = wrong.note(match given(common.redis_url.as_ref()) {
        Some(url) => ledger(url),
        None => Err("--redis-url or REDIS_URL is missing: a node needs the address of the ledger \
             (`lastseat cluster` starts a Redis and four nodes)"
            .to_owned()),
    });
    let replicas = wrong.note(replicas(common));
    let data_dir = wrong.note(absolute(common.data_dir()));
    let audit_every = wrong.note(audit_every(&flags.audit_every));
    let bounds = (threads, connections_max);
    let public = public_config(&mut wrong, flags.public, &flags.access, bounds);
    let webhooks = webhooks(&mut wrong, flags.webhooks);
    let access = access(&mut wrong, &flags.access);
    if let Some(Access { trust, .. }) = &access {
        wrong.note(has_edge_keys(trust));
    }
    if let (Some(a), Some(b)) = (listen, admin_listen)
        && a == b
        && a.port() != 0
    {
        wrong.say(format!("--listen and --admin-listen are both {a}"));
    }
    wrong.into_result(|| {
        let (id, data_dir, access) = (node?, data_dir?, access?);
        let node = ServeConfig {
            node: NodeIdentity { id, weight: weight? },
            listen: listen?,
            admin_listen: admin_listen?,
            ledger: ledger?,
            replicas: replicas?,
            directory: data_dir.join(format!("node-{id}")),
            admin_token: access.admin_token,
            shop_token: access.shop_token,
            token_keys: access.token_keys,
            trust: access.trust,
            buyer_keys: access.buyer_keys,
            pay_keys: access.pay_keys,
            allowed_origins: access.allowed_origins,
            client_rate: access.client_rate,
            demo: flags.demo,
            connections_max: connections_max?,
            threads: threads?,
            audit_every: audit_every?,
            more_metrics: None,
            stop_with_stdin: flags.stop_with_stdin,
            json: common.json,
        };
        Some(ServePlan { node, public, webhooks })
    })
}

fn has_edge_keys(trust: &TrustLevel) -> Result<(), String> {
    if trust.edge_keys.is_some() || trust.direct {
        return Ok(());
    }
    Err("--edge-key or LASTSEAT_EDGE_KEY is missing: a node takes orders from edges only and \
         knows them by this key. Make one with `openssl rand -hex 32` and give it to edge and \
         nodes (docs/SECURITY.md), or serve everybody without an edge with --insecure-direct"
        .to_owned())
}

fn webhooks(wrong: &mut Wrong, file: Option<PathBuf>) -> Option<WebhooksPlan> {
    // An empty variable counts as none.
    let file = file.filter(|file| !file.as_os_str().is_empty())?;
    match WebhooksConfig::read(&file) {
        Ok(config) => Some(WebhooksPlan { file, config }),
        Err(sentences) => {
            let flag = "--webhooks or LASTSEAT_WEBHOOKS";
            sentences.into_iter().for_each(|why| wrong.say(format!("{flag}: {why}")));
            None
        }
    }
}

/// Checks the flags of `lastseat cluster`.
///
/// # Errors
/// A sentence for each flag that is wrong.
pub fn cluster_config(common: &Common, flags: ClusterFlags) -> Result<ClusterConfig, Failure> {
    let mut wrong = Wrong::default();
    let mut nodes = nodes(&mut wrong, &flags.ports, &flags.weights);
    // Redis, the edges and whoever asks work on the same processors.
    let share = processors() / 2 / nodes.len().max(1);
    let threads = wrong.note(threads(flags.threads.as_deref(), share.max(1)));
    let zones = wrong.note(zones(flags.zones.as_deref(), nodes.len()));
    let zones = zones.unwrap_or_default();
    for (node, zone) in nodes.iter_mut().zip(&zones) {
        node.zone = Some(zone.clone());
    }
    let redis_url = given(common.redis_url.as_ref()).cloned();
    if let Some(url) = &redis_url {
        wrong.note(ledger(url));
    }
    let replicas = wrong.note(replicas(common)).flatten();
    if redis_url.is_none() && replicas.is_some() {
        wrong.say(
            "--wait-replicas is for a Redis with replicas, named with --redis-url or REDIS_URL: \
             the one that the cluster starts has none"
                .to_owned(),
        );
    }
    let port = flags.redis_port.as_deref();
    let redis_port = port.and_then(|port| wrong.note(number("--redis-port", port, 1..=65_535)));
    if redis_url.is_some() && redis_port.is_some() {
        wrong.say(
            "--redis-port is for the Redis that the cluster starts, but one is given with \
             --redis-url or REDIS_URL"
                .to_owned(),
        );
    }
    let tickets = wrong.note(demo_tickets(&flags.demo_tickets));
    let edges = edges(&mut wrong, &flags, &zones);
    if flags.public {
        face_buyers(&mut wrong, &flags, &mut nodes);
    }
    let access = access(&mut wrong, &flags.access);
    let data_dir = wrong.note(absolute(common.data_dir()));
    let ports = nodes.iter().flat_map(|node| [node.port, node.admin_port]);
    let ports = ports.chain(nodes.iter().filter_map(|node| node.public_port));
    let ports = ports.chain(edges.iter().flat_map(|(_, plans)| plans.iter().map(|e| e.port)));
    wrong.note(distinct(ports.chain(redis_port)));
    wrong.into_result(|| {
        let access = access?;
        Some(ClusterConfig {
            nodes,
            threads: threads?,
            redis_url,
            replicas,
            redis_port,
            data_dir: data_dir?,
            admin_token: access.admin_token.map(|ring| ring.text().clone()),
            shop_token: access.shop_token.map(|ring| ring.text().clone()),
            token_keys: given(flags.access.token_keys.as_ref()).cloned(),
            edge_key: given(flags.access.edge_key.as_ref()).cloned(),
            direct: flags.access.insecure_direct,
            buyer_key: given(flags.access.buyer_key.as_ref()).cloned(),
            pay_key: given(flags.access.pay_key.as_ref()).cloned(),
            client_rate: flags.access.client_rate,
            allowed_origins: flags.access.allowed_origins,
            demo: tickets.filter(|_| flags.demo),
            edges,
            json: common.json,
            log_format: common.log_format,
        })
    })
}

/// The nodes face buyers on the port of the first edge and those after it.
fn face_buyers(wrong: &mut Wrong, flags: &ClusterFlags, nodes: &mut [NodePlan]) {
    if flags.edge != "none" {
        let edge = &flags.edge;
        wrong.say(format!("--public and --edge {edge}: who faces buyers? Leave one of them out"));
    }
    let first: Option<u16> = wrong.note(number("--edge-port", &flags.edge_port, 0..=65_000));
    for (place, node) in (0..).zip(nodes) {
        node.public_port = first.map(|first| if first == 0 { 0 } else { first + place });
    }
}

fn threads(given: Option<&str>, otherwise: usize) -> Result<usize, String> {
    given.map_or(Ok(otherwise), |text| number("--threads", text, THREADS))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

fn nodes(wrong: &mut Wrong, ports: &str, weights: &str) -> Vec<NodePlan> {
    let weights: Option<Vec<u32>> =
        weights.split(',').map(|word| wrong.note(number("--weights", word, WEIGHTS))).collect();
    let ports: Option<Vec<u16>> =
        ports.split(',').map(|word| wrong.note(number("--ports", word, 0..=65_535))).collect();
    let (Some(weights), Some(mut ports)) = (weights, ports) else {
        return Vec::new();
    };
    if ports == [0] {
        ports = vec![0; weights.len()];
    }
    if ports.len() != weights.len() || weights.len() > NODES_MAX {
        wrong.say(format!(
            "--ports names {} nodes and --weights {}: name a port and a weight for each of at most \
             {NODES_MAX} nodes",
            ports.len(),
            weights.len()
        ));
        return Vec::new();
    }
    let mut plans = Vec::with_capacity(ports.len());
    for ((id, port), weight) in (1..).zip(ports).zip(weights) {
        let admin_port = match port {
            0 => Some(0),
            port => port.checked_add(ADMIN_PORT_OFFSET),
        };
        let Some(admin_port) = admin_port else {
            wrong.say(format!(
                "--ports: {port} leaves no room for the operators' port, which is \
                 {ADMIN_PORT_OFFSET} above"
            ));
            continue;
        };
        let (public_port, zone) = (None, None);
        plans.push(NodePlan { id, weight, port, admin_port, public_port, zone });
    }
    plans
}

/// Edges stand in `zones` in turn, in the order in which those were named first.
fn edges(
    wrong: &mut Wrong,
    flags: &ClusterFlags,
    zones: &[String],
) -> Option<(EdgeKind, Vec<EdgePlan>)> {
    let kind = wrong.note(match flags.edge.as_str() {
        "none" => Ok(None),
        "wrangler" => Ok(Some(EdgeKind::Wrangler)),
        "workerd" => Ok(Some(EdgeKind::Workerd)),
        "gateway" => Ok(Some(EdgeKind::Gateway)),
        other => Err(format!("--edge is none, wrangler, workerd or gateway, not {other:?}")),
    });
    let count: Option<u16> = wrong.note(number("--edges", &flags.edges, EDGES));
    let first: Option<u16> = wrong.note(number("--edge-port", &flags.edge_port, 0..=65_000));
    let workers: Option<Option<u16>> = wrong.note(match &flags.workers {
        Some(workers) => number("--workers", workers, WORKERS).map(Some),
        None => Ok(None),
    });
    let (kind, count, first, workers) = (kind??, count?, first?, workers?);
    let workers = workers
        .map_or_else(|| if kind == EdgeKind::Gateway { processors() } else { 1 }, usize::from);
    if workers > 1 && kind == EdgeKind::Wrangler {
        wrong.say("--workers is for --edge workerd: wrangler does not share its port".to_owned());
    }
    if workers > 1 && kind == EdgeKind::Workerd && !SHARES_PORTS {
        wrong.say("--workers above 1 is for Linux: here use --edges, each has a port".to_owned());
    }
    let mut distinct: Vec<&String> = Vec::new();
    for zone in zones {
        if !distinct.contains(&zone) {
            distinct.push(zone);
        }
    }
    let plan = |i: u16| EdgePlan {
        port: if first == 0 { 0 } else { first + i },
        workers,
        zone: distinct.iter().cycle().nth(usize::from(i)).map(|zone| (*zone).clone()),
    };
    Some((kind, (0..count).map(plan).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn cluster(flags: &[&str]) -> Result<ClusterConfig, String> {
        let words = [&["lastseat", "cluster", "--redis-url", ""], flags].concat();
        let cli = Cli::try_parse_from(words).map_err(|e| e.to_string())?;
        match cli.command {
            Some(Command::Cluster(flags)) => {
                cluster_config(&cli.common, flags).map_err(|e| e.to_string())
            }
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn without_flags_there_are_four_nodes_of_weights_1_to_4() {
        let config = cluster(&[]).unwrap();
        let plan = |id: u16| NodePlan {
            id,
            weight: u32::from(id),
            port: 3_000 + id,
            admin_port: 3_100 + id,
            public_port: None,
            zone: None,
        };
        assert_eq!(config.nodes, [1, 2, 3, 4].map(plan));
        assert!(config.edges.is_none() && config.demo.is_none() && config.redis_url.is_none());
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let flags = [
            "--weights",
            "1,0",
            "--ports",
            "70000,3001",
            "--edge",
            "nginx",
            "--edges",
            "0",
            "--zones",
            "east,we st",
            "--demo-tickets",
            "-1",
        ];
        let flags: Vec<String> =
            flags.chunks(2).map(|pair| format!("{}={}", pair[0], pair[1])).collect();
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let said = cluster(&flags).unwrap_err();
        for word in ["--weights", "--ports", "--edge is", "--edges", "--zones", "--demo-tickets"] {
            assert!(said.contains(word), "{word} is missing in:\n{said}");
        }
    }

    #[test]
    fn a_port_cannot_be_wanted_twice() {
        let said = cluster(&["--ports", "3001,3101", "--weights", "1,1"]).unwrap_err();
        assert!(said.contains("port 3101 is wanted twice"), "{said}");
        assert!(cluster(&["--ports", "0", "--weights", "1,1,1"]).is_ok());
    }

    #[test]
    fn edges_take_ports_in_a_row() {
        let config =
            cluster(&["--edge", "workerd", "--edges", "3", "--edge-port", "9000"]).unwrap();
        let (kind, plans) = config.edges.unwrap();
        assert_eq!(kind, EdgeKind::Workerd);
        let ports: Vec<u16> = plans.iter().map(|plan| plan.port).collect();
        assert_eq!(ports, [9_000, 9_001, 9_002]);
        assert!(plans.iter().all(|plan| plan.zone.is_none()));
    }

    #[test]
    fn nodes_share_half_the_processors_unless_told_otherwise() {
        let threads = |flags: &[&str]| cluster(flags).map(|config| config.threads);
        assert_eq!(threads(&[]), Ok((processors() / 8).max(1)));
        let one = ["--ports", "0", "--weights", "1"];
        assert_eq!(threads(&one), Ok((processors() / 2).max(1)));
        assert_eq!(threads(&["--threads", "3"]), Ok(3));
        let said = threads(&["--threads", "0"]).unwrap_err();
        assert!(said.contains("--threads takes whole numbers from 1 to 256"), "{said}");
    }

    #[test]
    fn workers_share_the_port_of_an_edge_of_workerd() {
        let two = ["--edge", "workerd", "--edges", "2", "--workers", "3"];
        let (_, plans) = cluster(&two).unwrap().edges.unwrap();
        let ports: Vec<u16> = plans.iter().map(|plan| plan.port).collect();
        assert_eq!(ports, [8_787, 8_788]);
        assert!(plans.iter().all(|plan| plan.workers == 3));
        let said = cluster(&["--edge", "wrangler", "--workers", "2"]).unwrap_err();
        assert!(said.contains("--workers is for --edge workerd"), "{said}");
        let said = cluster(&["--edge", "workerd", "--workers", "0"]).unwrap_err();
        assert!(said.contains("--workers"), "{said}");
    }

    #[test]
    fn each_node_has_a_zone_and_edges_stand_in_them_in_turn() {
        let zones = ["--zones", "east,east,west,west"];
        let edges = ["--edge", "workerd", "--edges", "3"];
        let config = cluster(&[&zones[..], &edges[..2]].concat()).unwrap();
        assert_eq!(config.edges.unwrap().1[0].zone.as_deref(), Some("east"));
        let config = cluster(&[&zones[..], &edges[..]].concat()).unwrap();
        let nodes: Vec<_> = config.nodes.iter().flat_map(|n| n.zone.clone()).collect();
        assert_eq!(nodes, ["east", "east", "west", "west"]);
        let edges: Vec<_> = config.edges.unwrap().1;
        let edges: Vec<_> = edges.into_iter().flat_map(|edge| edge.zone).collect();
        assert_eq!(edges, ["east", "west", "east"]);
        let said = cluster(&["--zones", "east,west"]).unwrap_err();
        assert!(said.contains("--zones names 2 zones for 4 nodes"), "{said}");
    }
}
