//! M10: what an order costs when there are more nodes, more sales, and more orders already sold.
//! Processor time and not rates: all nodes share the processors of one machine.

use super::Bench;
use super::load::{BenchAsk, CrowdLoad, Pace, send};
use super::measure::Measure;
use super::row::{BenchRound, BenchRow, Better, Draft};
use super::service::{Expect, PLENTY, Run, Store, address_of, timed};
use super::turns::Subject;
use crate::cost;
use crate::harness::{Cluster, Edge, Setup};
use anyhow::{Result, ensure};
use std::fmt::Display;

/// Enough for a few orders of each of a hundred sales in a batch.
const CONNECTIONS: u32 = 256;
const SEED: u64 = 1_000;
const FIRST: u64 = 1_001;
/// An order may cost a tenth more than in the smallest case.
const FLAT: f64 = 0.9;
const HISTORY: [u32; 3] = [10_000, 100_000, 1_000_000];
const QUICK_HISTORY: [u32; 3] = [2_000, 4_000, 8_000];

const LIMIT_SALES: &str = "Each sale has batches of its own, because a script works on one sale. \
    Buyers who spread evenly over a hundred \
    sales leave each with a hundredth of them, so two or three orders in a batch where one sale \
    has hundreds; what a batch costs \
    falls upon fewer orders (M5 tells how much).";
const LIMIT_HISTORY: &str = "Redis' hashes and the allocator below them grow with the orders, and \
    the processor's caches do not: a lookup in a \
    million records misses more often than one in ten thousand. The script does the same commands.";

/// How a cluster is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    nodes: usize,
    /// Sales that exist.
    sales: usize,
    /// Sales over which the orders are spread.
    asked: usize,
}

const SMALLEST: Shape = Shape { nodes: 1, sales: 1, asked: 1 };

impl Subject for Shape {
    fn called(self) -> impl Display {
        format!("{} nodes, {} sales, {} of them asked for", self.nodes, self.sales, self.asked)
    }
}

/// The measure, and the processor time of an order by how many were sold before.
///
/// # Errors
/// A cluster cannot be run.
pub(super) async fn growth(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let mut rows = shapes(bench).await?;
    rows.extend(history(bench).await?);
    Ok(rows)
}

async fn shapes(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let nodes = [2, 4].map(|nodes| Shape { nodes, ..SMALLEST });
    let sales = [10, 100].map(|sales| Shape { sales, ..SMALLEST });
    let spread = [10, 100].map(|sales| Shape { sales, asked: sales, ..SMALLEST });
    let all = [&[SMALLEST][..], &nodes, &sales, &spread].concat();
    let turns =
        bench.turns(Measure::M10, &all, async |bench, shape| run(bench, shape).await).await?;
    let mut rows = Vec::new();
    for shape in &all[1..] {
        let (word, what, goal) = match *shape {
            Shape { nodes: nodes @ 2.., .. } => {
                (format!("nodes-{nodes}"), format!("{nodes} nodes, against one"), None)
            }
            Shape { sales, asked: 1, .. } => (
                format!("sales-{sales}"),
                format!("{sales} sales of which one is asked for, against one"),
                Some(FLAT),
            ),
            Shape { sales, .. } => (
                format!("spread-{sales}"),
                format!("evenly over {sales} sales, against one"),
                Some(FLAT),
            ),
        };
        let name = format!("processor time of an order, {what}");
        let draft = Draft::new(Measure::M10, &word, &name, "us", Better::Lower);
        let draft = goal.map_or(draft.clone(), |goal| draft.goal(goal).limit(LIMIT_SALES));
        let draft =
            draft.note(format!("Nodes and Redis together, {CONNECTIONS} connections, no edge."));
        rows.push(turns.row(draft, *shape, SMALLEST, Run::cpu_us));
        if shape.nodes > 1 {
            let name = format!("orders, {what}");
            let draft = Draft::new(
                Measure::M10,
                &format!("{word}-rate"),
                &name,
                "orders/s",
                Better::Higher,
            );
            let draft = draft.note(
                "All nodes, Redis and the generator share one machine: this \
                tells what the nodes cost, not what they bring.",
            );
            rows.push(turns.row(draft, *shape, SMALLEST, Run::granted_rate));
        }
    }
    Ok(rows)
}

async fn run(bench: &Bench, shape: Shape) -> Result<Run> {
    let store = Store::start()?;
    let cluster = Cluster::start(&Setup {
        weights: vec![1; shape.nodes],
        arguments: vec!["--redis-url".to_owned(), store.url()],
        ..Setup::with_edge(Edge::None)
    })?;
    let sales: Vec<String> = (0..shape.sales).map(|number| format!("sale-{number}")).collect();
    for sale in &sales {
        cluster.create_sale(sale, PLENTY).await?;
    }
    let to: Result<Vec<_>> = cluster.nodes.iter().map(|node| address_of(&node.url)).collect();
    let to = to?;
    let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M10));
    let mut load = CrowdLoad::new(to[0], BenchAsk::orders(&sales[0], SEED), CONNECTIONS, pace);
    load = load.warmed_up(bench.options.warm_up());
    load.to = to;
    load.ask = sales[..shape.asked].iter().map(|sale| BenchAsk::orders(sale, SEED)).collect();
    // A node looks a sale up when it hears of it first, and only so many at a time.
    let mut before = 0;
    for sale in &sales[..shape.asked] {
        let first = CrowdLoad::new(load.to[0], BenchAsk::orders(sale, FIRST), 1, Pace::Count(1));
        before += send(&first).await?.winners();
    }
    let mut run = timed(&load, &[cluster.pid(), store.pid()]).await?;
    run.expect(Expect::Granted);
    let mut sold = 0;
    for sale in &sales[..shape.asked] {
        let audit = cluster.audit(sale).await?;
        ensure!(audit.ok, "the audit of {sale} differs: {:?}", audit.differences);
        sold += audit.confirmed;
    }
    let winners = before + run.tally.winners();
    if sold != winners {
        run.problems.push(format!("{winners} have a yes, the ledger has {sold}"));
    }
    Ok(run)
}

/// What a further order costs in a sale that has many.
async fn history(bench: &Bench) -> Result<Vec<BenchRow>> {
    let sizes = if bench.options.quick { QUICK_HISTORY } else { HISTORY };
    bench.step(Measure::M10, &format!("sales with up to {} orders", sizes[2]));
    let costs = cost::further(&sizes, bench.options.rounds(Measure::M10).max(3)).await?;
    let mut rows = Vec::new();
    for (orders, found) in sizes.into_iter().zip(&costs).skip(1) {
        let name = format!(
            "processor time of Redis for an order after {orders} others, against {} others",
            sizes[0]
        );
        let rounds = found
            .iter()
            .zip(&costs[0])
            .map(|(ours, peer)| BenchRound { ours: Some(*ours), peer: Some(*peer) });
        let draft =
            Draft::new(Measure::M10, &format!("history-{orders}"), &name, "us", Better::Lower)
                .goal(FLAT)
                .note(
                    "Batches of 256 through the ledger's scripts; each round 1,024 further orders.",
                )
                .audited("each order of each batch was granted", 0)
                .limit(LIMIT_HISTORY);
        rows.push(draft.rounds(rounds.collect()));
    }
    Ok(rows)
}
