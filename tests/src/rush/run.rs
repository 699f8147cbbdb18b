//! One rush from beginning to end.

use super::options::LoadOptions;
use super::progress::Progress;
use super::report::{Latency, LoadReport, More, NodeReport, ratio};
use crate::harness::metrics::Metrics;
use crate::harness::paths::commit;
use crate::harness::system::{RedisAt, SystemNode};
use crate::harness::{Cluster, Edge, Setup, System};
use crate::load::{Buyers, CrowdLoad, CrowdOutcomes, LoadRequest, LoadStage, Pace, send, verdict};
use anyhow::{Context, Result, bail};
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use tokio::signal::unix::{SignalKind, signal};

/// The counter of the orders that reached a node.
pub const ORDERS_RECEIVED: &str = "lastseat_orders_received_total";
/// The counter of the calls of scripts.
pub const LEDGER_CALLS: &str = "lastseat_ledger_calls_total";
/// The label of the script that gives tickets.
pub const RESERVE: &str = r#"script="reserve""#;

/// Runs the rush that `options` describe: starts the system (unless there is a target), makes the
/// sale, sends the crowd, and judges.
///
/// # Errors
/// It could not be run to its end. A broken promise is no error: see [`LoadReport::is_good`].
pub async fn run(options: &LoadOptions, mut progress: Progress) -> Result<LoadReport> {
    if !options.target.is_empty() {
        return against(&target(options), options, &mut progress).await;
    }
    progress.note(&format!("starting Redis, 4 nodes and the edge ({})", options.edge.as_str()));
    let cluster = Cluster::start(&Setup {
        edges: usize::from(options.edges),
        workers: options.workers,
        ..Setup::with_edge(options.edge)
    })?;
    // From here on an interrupted rush still stops what it started.
    let mut terminate = signal(SignalKind::terminate())?;
    let report = tokio::select! {
        report = against(&cluster, options, &mut progress) => report,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    progress.end();
    cluster.stop()?;
    report
}

/// The system that `--target` and its companions describe.
fn target(options: &LoadOptions) -> System {
    let nodes = options.admin.iter().zip(1..).map(|(admin, id)| SystemNode {
        id,
        weight: 1,
        url: admin.clone(),
        admin: admin.clone(),
        pid: None,
        stat_log: None,
    });
    System {
        edges: options.target.clone(),
        nodes: nodes.collect(),
        redis: options.redis_url.clone().map(|url| RedisAt { url }),
        admin_token: options.token.clone().unwrap_or_default(),
    }
}

/// As [`run`], against a system that runs already.
///
/// # Errors
/// It could not be run to its end.
pub async fn against(
    system: &System,
    options: &LoadOptions,
    progress: &mut Progress,
) -> Result<LoadReport> {
    let (sale, seed) = (options.sale(), options.seed());
    system.create_sale(&sale, u64::from(options.tickets)).await?;
    let before = system.metrics().await?;
    let (stage, killed) = (Rc::<LoadStage>::default(), Cell::new(None));
    let urls = urls(options, system)?;
    let orders = LoadRequest::orders(&sale, Buyers::new(seed));
    let pace = Pace::Buyers { count: options.buyers, a_second: None };
    let load = CrowdLoad {
        stage: Some(Rc::clone(&stage)),
        ..CrowdLoad::new(&urls, orders, options.connections(), pace)
    };
    progress.note(&format!(
        "{} buyers for {} tickets over {} connections",
        options.buyers, options.tickets, load.connections
    ));
    let outcomes = tokio::select! {
        outcomes = send(&load, |tally| progress.show(tally)) => outcomes?,
        never = kill_a_node(options, system, &stage, &killed) => match never {},
    };
    progress.end();
    let after = system.metrics().await?;
    let nodes = parts(system, &sale, &before, &after, killed.get())?;
    judge(options, system, sale, seed, &outcomes, nodes).await
}

/// Where the orders go: to the edges, or to the nodes in the proportion of their weights.
fn urls(options: &LoadOptions, system: &System) -> Result<Vec<String>> {
    if options.edge != Edge::None || !options.target.is_empty() {
        if system.edges.is_empty() {
            bail!("the system has no edge");
        }
        return Ok(system.edges.clone());
    }
    let urls = system.nodes.iter().flat_map(|node| vec![node.url.clone(); node.weight as usize]);
    Ok(urls.collect())
}

/// Does what `--kill-node-at` wants when it is time, and never ends.
async fn kill_a_node(
    options: &LoadOptions,
    system: &System,
    stage: &LoadStage,
    killed: &Cell<Option<u32>>,
) -> Infallible {
    if let Some(fraction) = options.kill_node_at {
        let tickets = (f64::from(options.tickets) * fraction) as u64;
        stage.sold(tickets.max(1)).await;
        match system.kill_heaviest_node() {
            Ok(id) => killed.set(Some(id)),
            Err(error) => eprintln!("rush: no node was killed: {error:#}"),
        }
    }
    std::future::pending().await
}

/// What each node had to do, by its counters before and after.
fn parts(
    system: &System,
    sale: &str,
    before: &[Option<Metrics>],
    after: &[Option<Metrics>],
    killed: Option<u32>,
) -> Result<Vec<NodeReport>> {
    let decisions = system.decisions(sale)?;
    let mut parts = Vec::with_capacity(system.nodes.len());
    for (i, node) in system.nodes.iter().enumerate() {
        let mut part = NodeReport {
            id: node.id,
            weight: node.weight,
            requests: decisions[i].total,
            round_trips: 0,
            killed: killed == Some(node.id),
        };
        if !part.killed {
            let (Some(before), Some(after)) = (&before[i], &after[i]) else {
                bail!("node {} does not answer /metrics", node.id);
            };
            let rise = |name, labels: &[&str]| {
                let (from, to) = (before.count(name, labels), after.count(name, labels));
                to.saturating_sub(from)
            };
            part.requests = rise(ORDERS_RECEIVED, &[]);
            part.round_trips = rise(LEDGER_CALLS, &[RESERVE]);
        }
        parts.push(part);
    }
    Ok(parts)
}

async fn judge(
    options: &LoadOptions,
    system: &System,
    sale: String,
    seed: u64,
    outcomes: &CrowdOutcomes,
    nodes: Vec<NodeReport>,
) -> Result<LoadReport> {
    let tally = &outcomes.tally;
    let audit = system.audit(&sale).await?;
    let differences = match system.redis {
        Some(_) => {
            let orders = system.orders(&sale).await.context("the orders in Redis")?;
            Some(verdict::compare(&tally.outcomes, Buyers::new(seed), &orders))
        }
        None => None,
    };
    let violations = verdict::violations(options.tickets, tally, &audit, differences.as_ref());
    let origin_requests = nodes.iter().map(|node| node.requests).sum();
    let ledger_round_trips = nodes.iter().map(|node| node.round_trips).sum();
    let more = More {
        violations,
        compared_with_ledger: differences.is_some(),
        origin_requests_per_ticket: ratio(origin_requests, tally.granted),
        ledger_round_trips_per_ticket: ratio(ledger_round_trips, tally.granted),
        requests: tally.requests,
        lost_answers: tally.lost_answers,
        other_retries: tally.other_retries,
        generator_cpu_us: ratio(outcomes.cpu.as_micros() as u64, tally.requests),
        connections_opened: outcomes.connections_opened,
        all_answered_by: tally.all_by,
        latency_ms: Latency::of(tally),
        nodes,
        sale,
        edge: options.edge,
        edges: system.edges.len(),
        workers: options.workers,
        connections: options.connections(),
        seed,
        commit: commit(),
    };
    Ok(LoadReport {
        buyers: u64::from(options.buyers),
        tickets: u64::from(options.tickets),
        granted: tally.granted,
        refused_final: tally.refused_final,
        busy_retries: tally.busy_retries,
        errors: tally.errors,
        seconds: outcomes.took.as_secs_f64(),
        answered_by: tally.final_by,
        origin_requests,
        ledger_round_trips,
        audit,
        more,
    })
}
