//! M10, beside the scenarios of growth: what a further order costs in a sale that has many.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, BenchRow};
use crate::cost;
use anyhow::Result;

/// After a million orders a further one is to cost this part at least of one after ten thousand.
const GOAL: f64 = 0.85;
const HISTORY: [u32; 3] = [10_000, 100_000, 1_000_000];
const QUICK_HISTORY: [u32; 3] = [2_000, 4_000, 8_000];

const LIMIT: &str = "Redis' hashes and the allocator below them grow with the orders, and the \
    processor's caches do not: a lookup in a million records misses more often than one in ten \
    thousand. The script does the same commands.";

/// The rows.
pub(super) async fn history(bench: &Bench) -> Result<Vec<BenchRow>> {
    let sizes = if bench.options.quick { QUICK_HISTORY } else { HISTORY };
    bench.step(Measure::M10, &format!("sales with up to {} orders", sizes[2]));
    let costs = cost::further(&sizes, bench.options.rounds(Measure::M10).max(3)).await?;
    let least = sizes[0];
    let rows = sizes.into_iter().zip(&costs).skip(1).map(|(orders, found)| {
        let name = format!(
            "processor time of Redis for an order after {orders} others, against {least} others"
        );
        let pairs = found.iter().zip(&costs[0]);
        let rounds = pairs.map(|(ours, peer)| BenchRound { ours: Some(*ours), peer: Some(*peer) });
        let row = BenchRow::new(Measure::M10, &format!("history-{orders}"), &name, "us");
        let row = if orders == sizes[2] { row.goal(GOAL, LIMIT) } else { row };
        row.note("Batches of 256 through the ledger's scripts; each round 1,024 further orders.")
            .audited("each order of each batch was granted", 0)
            .rounds(rounds.collect())
    });
    Ok(rows.collect())
}
