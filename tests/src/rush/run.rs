//! One rush from beginning to end.

use super::faults::{RedisCut, RushFaults};
use super::options::LoadOptions;
use super::plan_file;
use super::progress::Progress;
use super::report::{Latency, LoadReport, More, NodeReport, ratio};
use crate::harness::metrics::Metrics;
use crate::harness::paths::commit;
use crate::harness::system::{RedisAt, SystemNode};
use crate::harness::{Cluster, Edge, Setup, System};
use crate::load::{
    Buyers, CrowdLoad, CrowdOutcomes, LoadRequest, Pace, Travellers, seat_verdict, send, verdict,
};
use anyhow::{Context, Result, bail};
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
        public: None,
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
    let plan = options.plan.as_deref().map(plan_file::read).transpose()?;
    match &plan {
        Some(plan) => system.create_sale_by_plan(&sale, plan).await?,
        None => system.create_sale(&sale, u64::from(options.tickets)).await?,
    }
    let travellers = plan.map(|plan| Travellers::new(plan, seed));
    let before = system.metrics().await?;
    let faults = RushFaults::wanted(options, system, seed).await?;
    let urls = urls(options, system)?;
    let orders = asking(&sale, Buyers::new(seed), travellers.clone());
    let pace = Pace::Buyers { count: options.buyers, a_second: None };
    let load = CrowdLoad {
        stage: Some(Rc::clone(&faults.stage)),
        protocol: options.protocol,
        ..CrowdLoad::new(&urls, orders, options.connections(), pace)
    };
    let tickets = match &travellers {
        Some(travellers) => format!("{} seats on legs", travellers.plan().places()),
        None => format!("{} tickets", options.tickets),
    };
    let (buyers, connections) = (options.buyers, load.connections);
    progress.note(&format!("{buyers} buyers for {tickets} over {connections} connections"));
    let orders_in_all = orders_in_all(options, travellers.as_ref());
    let outcomes = tokio::select! {
        outcomes = send(&load, |tally| progress.show(tally)) => outcomes?,
        never = faults.happen(orders_in_all) => match never {},
    };
    progress.end();
    let after = system.metrics().await?;
    let nodes = parts(system, &sale, &before, &after, faults.killed())?;
    judge(options, system, (sale, seed, travellers), &outcomes, (faults, nodes)).await
}

/// What the buyers ask.
fn asking(sale: &str, buyers: Buyers, travellers: Option<Travellers>) -> LoadRequest {
    match travellers {
        Some(travellers) => LoadRequest::Journeys { sale: sale.to_owned(), buyers, travellers },
        None => LoadRequest::orders(sale, buyers),
    }
}

/// How many orders the sale has room for; of a plan about so many, by what its buyers want.
fn orders_in_all(options: &LoadOptions, travellers: Option<&Travellers>) -> f64 {
    match travellers {
        Some(of) => of.orders_in_all(),
        None => f64::from(options.tickets),
    }
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
    (sale, seed, travellers): (String, u64, Option<Travellers>),
    outcomes: &CrowdOutcomes,
    (faults, nodes): (RushFaults<'_>, Vec<NodeReport>),
) -> Result<LoadReport> {
    let (tally, buyers) = (&outcomes.tally, Buyers::new(seed));
    let audit = faults.over(&sale, (tally, buyers)).await.context("the audit")?;
    let orders = match system.redis {
        Some(_) => Some(system.orders(&sale).await.context("the orders in Redis")?),
        None => None,
    };
    let sold = (&audit, orders.as_ref());
    let (plan, mut violations) = match &travellers {
        Some(of) => {
            let found = seat_verdict::of_plan((&tally.outcomes, tally), (buyers, of), sold)?;
            (Some(found.0), found.1)
        }
        None => {
            let compared = orders.as_ref();
            let compared = compared.map(|of| verdict::compare(&tally.outcomes, buyers, of));
            let found = verdict::violations(options.tickets, tally, &audit, compared.as_ref());
            (None, found)
        }
    };
    let (redis_cut, not_shown): (Option<RedisCut>, _) = faults.found(&sale, buyers).await?;
    violations.extend(not_shown);
    let tickets = plan.as_ref().map_or(u64::from(options.tickets), |plan| plan.seat_legs);
    let origin_requests = nodes.iter().map(|node| node.requests).sum();
    let ledger_round_trips = nodes.iter().map(|node| node.round_trips).sum();
    let more = More {
        violations,
        compared_with_ledger: orders.is_some(),
        plan,
        redis_cut,
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
        protocol: options.protocol,
        seed,
        commit: commit(),
    };
    Ok(LoadReport {
        buyers: u64::from(options.buyers),
        tickets,
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
