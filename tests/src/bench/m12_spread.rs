//! M12: whether an edge keeps the weights of the nodes exactly: 1,000 orders at concurrency 100
//! over 1:2:3:4, one isolate.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, BenchRow};
use crate::harness::{Cluster, Edge};
use crate::rush::{self, Progress};
use anyhow::Result;

const ORDERS: u32 = 1_000;
const EXACT: [u64; 4] = [100, 200, 300, 400];

/// The measure.
pub(super) async fn spread(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let mut rounds = Vec::new();
    for round in 1..=bench.options.rounds(Measure::M12) {
        bench.step(Measure::M12, &format!("round {round}"));
        let cluster = Cluster::start(&crate::harness::Setup::with_edge(Edge::Workerd))?;
        // More tickets than buyers: everybody asks once.
        let mut options = rush::LoadOptions::of(ORDERS, 100 * ORDERS, Edge::Workerd);
        options.connections = Some(100);
        let report = rush::against(&cluster, &options, &mut Progress::Silent).await?;
        let problems = &report.more.violations;
        if !problems.is_empty() {
            bench.fail(Measure::M12, &format!("round {round}"), &problems.join("; "));
            continue;
        }
        let reached: Vec<u64> = report.more.nodes.iter().map(|node| node.requests).collect();
        let off: u64 = reached.iter().zip(EXACT).map(|(are, should)| are.abs_diff(should)).sum();
        rounds.push(BenchRound { ours: Some(off as f64), peer: None });
    }
    let audit = format!("{} runs audited", rounds.len());
    let name = "orders that went to another node than the weights say";
    let row = BenchRow::new(Measure::M12, "off", name, "orders").goal(0.0, "").audited(audit, 0);
    let row = row.note(
        "1,000 orders at concurrency 100 over weights 1:2:3:4 through one isolate reach exactly \
         100, 200, 300 and 400.",
    );
    Ok(vec![row.rounds(rounds)])
}
