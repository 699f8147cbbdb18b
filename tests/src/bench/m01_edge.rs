//! M1 and M2: the edge's WebAssembly against workers in JavaScript on the same runtime: a refusal
//! from memory, and an order that is sent on to an origin. On bare workerd and under
//! `wrangler dev`.
//!
//! All that takes turns runs at the same time and is idle when it is not its turn: `wrangler dev`
//! takes too long to start.

use super::Bench;
use super::js::{KEY, by_workerd, by_wrangler};
use super::load::{BenchAsk, CrowdLoad, Pace};
use super::measure::Measure;
use super::row::{BenchRow, Better, Draft};
use super::service::{Expect, PLENTY, Run, SALE, address_of, timed};
use super::turns::{Subject, Turns};
use crate::harness::paths::scratch;
use crate::harness::{Cluster, Edge, HttpClient, Program, Setup};
use anyhow::{Context, Result, ensure};
use std::cell::Cell;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const CONNECTIONS: u32 = 64;
const READY_WITHIN: Duration = Duration::from_secs(90);
/// Part of the answers that need not be what is measured: an edge asks a node now and then while it
/// refuses, and has small budgets until it knows the sale ...
const OTHERS_MAX: f64 = 0.02;
/// ... and so many more, however few there are in all.
const OTHERS: f64 = 16.0;
const GOAL: f64 = 0.95;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worker {
    /// The edge.
    Ours,
    /// A worker of `tests/bench/peers/js`.
    Js(&'static str),
}

/// The worker in JavaScript that takes the same steps as ours.
const SAME: Worker = Worker::Js("same");

impl Subject for Worker {
    fn called(self) -> impl Display {
        match self {
            Self::Ours => "WebAssembly".to_owned(),
            Self::Js(name) => format!("{name}.js"),
        }
    }
}

/// A worker that runs, with the nodes behind it.
pub(super) struct Door {
    worker: Worker,
    address: SocketAddr,
    roots: Vec<u32>,
    ask: Box<dyn Fn(u64) -> BenchAsk>,
    sold: Cell<u64>,
    /// In the order in which they are stopped.
    _program: Option<Program>,
    cluster: Option<Cluster>,
    _directory: Option<TempDir>,
}

/// M1.
///
/// # Errors
/// An edge cannot be run.
pub(super) async fn refusals(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let mut rows = Vec::new();
    for rung in [Edge::Workerd, Edge::Wrangler] {
        bench.step(Measure::M1, &format!("starts on {}", rung.as_str()));
        let doors = [
            Door::ours(rung, 1).await?,
            Door::js("refuse", rung, None).await?,
            Door::js("same", rung, Some(1)).await?,
        ];
        let least = Worker::Js("refuse");
        rows.extend(compare(bench, Measure::M1, rung, &doors, least).await?);
    }
    Ok(rows)
}

/// M2.
///
/// # Errors
/// An edge cannot be run.
pub(super) async fn forwards(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let mut rows = Vec::new();
    for rung in [Edge::Workerd, Edge::Wrangler] {
        bench.step(Measure::M2, &format!("starts on {}", rung.as_str()));
        let doors = [
            Door::ours(rung, PLENTY).await?,
            Door::js("pass", rung, Some(PLENTY)).await?,
            Door::js("same", rung, Some(PLENTY)).await?,
        ];
        let least = Worker::Js("pass");
        rows.extend(compare(bench, Measure::M2, rung, &doors, least).await?);
    }
    Ok(rows)
}

/// Lets the doors take turns, and compares ours with `least`, a worker that does as little as can
/// be, and with one that takes the same steps, by rate and by processor time of the workers. The
/// goal is one against `least`.
async fn compare(
    bench: &mut Bench,
    measure: Measure,
    rung: Edge,
    doors: &[Door],
    least: Worker,
) -> Result<Vec<BenchRow>> {
    let workers: Vec<Worker> = doors.iter().map(|door| door.worker).collect();
    let mut seed = 100;
    let turns = bench.turns(measure, &workers, async |bench, worker| {
        seed += 1;
        let door = doors.iter().find(|door| door.worker == worker);
        door.context("every worker has a door")?.run(bench, measure, seed).await
    });
    let turns = turns.await?;
    let (what, unit) = match measure {
        Measure::M1 => ("refusals of a latched sale", "refusals/s"),
        _ => ("forwarded orders", "orders/s"),
    };
    let mut rows = Vec::new();
    for peer in [least, SAME] {
        let row = format!("{}-{}", rung.as_str(), peer.called());
        let name = format!("{what}, {}, against {}", on(rung), peer.called());
        let draft = Draft::new(measure, &row, &name, unit, Better::Higher);
        let mut draft = draft.note(format!("{CONNECTIONS} connections, one process, one isolate."));
        if peer == least {
            draft = draft.goal(GOAL).limit(limit(&turns, measure, least));
        }
        rows.push(turns.row(draft, Worker::Ours, peer, |run| answers(run, measure)));
        let name = format!(
            "processor time of a worker for each of them, {}, against {}",
            on(rung),
            peer.called()
        );
        let draft = Draft::new(measure, &format!("{row}-cpu"), &name, "us", Better::Lower)
            .note("Of workerd, and of Node under wrangler dev; the node and Redis do not count.");
        rows.push(turns.row(draft, Worker::Ours, peer, |run| run.cpu_of(&["workerd", "node"])));
    }
    Ok(rows)
}

/// What a worker answers in a second, of that which is measured.
fn answers(run: &Run, measure: Measure) -> f64 {
    match measure {
        Measure::M1 => run.tally.rate(),
        _ => run.granted_rate(),
    }
}

/// How far a worker in JavaScript gets that takes the same steps: no language gets further on this
/// runtime.
fn limit(turns: &Turns<Worker>, measure: Measure, least: Worker) -> String {
    let ratio = |of: Worker, over: Worker| {
        let rate = |worker| turns.median(worker, |run| answers(run, measure));
        rate(of) / rate(over).max(1e-9)
    };
    let steps = match measure {
        Measure::M1 => {
            "reads the client's key and the sale, looks into its memory of that, and makes an \
             answer with the order's own id"
        }
        _ => {
            "reads the body so that it can send it again, chooses the node, signs, sets a \
             deadline, hears the grant and counts"
        }
    };
    format!(
        "{} does as little as can be. A worker in JavaScript that takes the steps of the product \
         ({steps}) reaches {:.2} of it \
         on this runtime; ours, in WebAssembly, reaches {:.2} of that worker \
         (docs/evidence/PERFORMANCE.md has the profile).",
        least.called(),
        ratio(SAME, least),
        ratio(Worker::Ours, SAME),
    )
}

const fn on(rung: Edge) -> &'static str {
    match rung {
        Edge::Wrangler => "wrangler dev",
        _ => "bare workerd",
    }
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Door").field(&self.address).finish()
    }
}

impl Door {
    /// Our edge before one node, with so many tickets.
    pub(super) async fn ours(rung: Edge, tickets: u64) -> Result<Self> {
        let cluster = Cluster::start(&Setup { weights: vec![1], ..Setup::with_edge(rung) })?;
        cluster.create_sale(SALE, tickets).await?;
        let door = Self {
            worker: Worker::Ours,
            address: address_of(&cluster.edges[0])?,
            roots: vec![cluster.pid()],
            ask: Box::new(|seed| BenchAsk::orders(SALE, seed)),
            sold: Cell::new(0),
            _program: None,
            cluster: Some(cluster),
            _directory: None,
        };
        door.sell_the_only_one_of(Some(tickets)).await?;
        Ok(door)
    }

    /// With one ticket, that is sold before anything is measured.
    async fn sell_the_only_one_of(&self, tickets: Option<u64>) -> Result<()> {
        if tickets != Some(1) {
            return Ok(());
        }
        let one = CrowdLoad::new(self.address, (self.ask)(1), 1, Pace::Count(1));
        let run = timed(&one, &self.roots).await?;
        ensure!(run.tally.granted == 1, "the only ticket was not sold: {:?}", run.tally.samples);
        self.sold.set(1);
        Ok(())
    }

    /// The processes that belong to it.
    pub(super) fn roots(&self) -> &[u32] {
        &self.roots
    }

    /// Where it is, and what it is asked.
    pub(super) fn at(&self, seed: u64) -> (SocketAddr, BenchAsk) {
        (self.address, (self.ask)(seed))
    }

    /// A worker in JavaScript; with `tickets`, before a node that sells them.
    async fn js(name: &'static str, rung: Edge, tickets: Option<u64>) -> Result<Self> {
        let (directory, port) = (scratch()?, lastseat_cluster::process::free_port()?);
        let mut origins = "[]".to_owned();
        let cluster = match tickets {
            None => None,
            Some(tickets) => {
                let cluster = Cluster::start(&Setup {
                    weights: vec![1],
                    environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())],
                    ..Setup::with_edge(Edge::None)
                })?;
                cluster.create_sale(SALE, tickets).await?;
                origins = format!(r#"[{{"url":"{}","weight":1}}]"#, cluster.nodes[0].url);
                Some(cluster)
            }
        };
        let command = match rung {
            Edge::Wrangler => by_wrangler(name, port, &origins, &directory)?,
            _ => by_workerd(name, port, &origins)?,
        };
        let program = Program::start(&format!("{name}.js"), command)?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let mut client = HttpClient::new(&format!("http://{address}"))?;
        let begun = Instant::now();
        while client.get("/nothing").await.is_err() {
            let late = begun.elapsed() > READY_WITHIN;
            ensure!(!late, "{name}.js does not answer after {READY_WITHIN:?}: {}", program.notes());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let roots = [Some(program.pid()), cluster.as_ref().map(Cluster::pid)];
        let door = Self {
            worker: Worker::Js(name),
            address,
            roots: roots.into_iter().flatten().collect(),
            ask: Box::new(|seed| BenchAsk::orders(SALE, seed)),
            sold: Cell::new(0),
            _program: Some(program),
            cluster,
            _directory: Some(directory),
        };
        door.sell_the_only_one_of(tickets).await?;
        Ok(door)
    }

    async fn run(&self, bench: &Bench, measure: Measure, seed: u64) -> Result<Run> {
        let pace = Pace::AsFastAsItGoes(bench.options.run_time(measure));
        let load = CrowdLoad::new(self.address, (self.ask)(seed), CONNECTIONS, pace);
        let load = load.warmed_up(bench.options.warm_up());
        self.audited(&load, measure == Measure::M1).await
    }

    /// Sends `load`, whose answers are refusals of the worker itself or granted orders, and holds
    /// the ledger against them.
    pub(super) async fn audited(&self, load: &CrowdLoad, refusals: bool) -> Result<Run> {
        let mut run = timed(load, &self.roots).await?;
        run.expect(if refusals { Expect::NoTicket } else { Expect::Anything });
        let (answers, by) = (run.tally.answers() as f64, run.tally.by);
        let others = OTHERS + answers * OTHERS_MAX;
        if refusals && ((by.origin + by.ledger) as f64) > others {
            run.problems.push(format!("not refused at the edge: {by:?}"));
        }
        if !refusals && (run.tally.granted as f64) < answers - others {
            run.problems.push(format!("{} of {answers} were granted", run.tally.granted));
        }
        self.sold.set(self.sold.get() + run.tally.winners());
        if let Some(cluster) = &self.cluster {
            let (audit, sold) = (cluster.audit(SALE).await?, self.sold.get());
            if !audit.ok || audit.confirmed != sold {
                run.problems.push(format!("{sold} have a yes, the ledger says {audit:?}"));
            }
        }
        Ok(run)
    }
}
