//! M5: how many orders a second the commit engine brings to the ledger in batches of growing size,
//! one in flight, beside what redis-benchmark reaches with the same script and the same batches.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRound, BenchRow};
use super::system::{Store, find};
use crate::cost::fill::Filling;
use crate::harness::{Durability, PrivateRedis};
use anyhow::{Context, Result, ensure};
use lastseat_ledger::redis_keys;
use lastseat_ledger::scripts::Scripts;
use lastseat_node::sale_service::{NodeIdentity, Sales, Verdict};
use lastseat_node::telemetry::metrics::Counters;
use redis::Client;
use shared::domain::order::KeySource;
use shared::{BuyerId, OrderId, Quantity, Reserve, SaleId, UnixMillis};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Orders in a call of the script.
const BATCHES: [u32; 5] = [1, 16, 64, 256, 1_024];
/// The size at which the goal is.
const GOAL_AT: u32 = 256;
/// Buyers who wait at the committer: while a batch is at the ledger, as many gather as came before
/// it.
const CALLERS: u32 = 512;
/// How long one of them buys alone before.
const FIRST: Duration = Duration::from_millis(50);
/// More than can be sold in a run.
const PLENTY: u32 = 100_000_000;
/// redis-benchmark makes its numbers from 31 bits of chance, so it may draw a key twice.
const RANDOM: &str = "2147483647";

const LIMIT_R: &str = "redis-benchmark sends a text that it prepared once and reads no verdict; \
    the engine writes each order and reads \
    the verdict of each on the same two processors (docs/evidence/PERFORMANCE.md).";
const LIMIT_CAP: &str = "What a batch saves is the call: reading the sale, the commands of Redis, \
    the sync of the file. What each order costs \
    in the script stays. The quicker the disk syncs, the less there is to save.";
const LIMIT_COMMITTER: &str = "The committer sends at once when it is idle, so that one order \
    alone takes one trip: every other batch \
    is what came during it. Two in flight would fill the gap; \
    docs/evidence/PERFORMANCE.md says whether that pays.";

const LIMIT_SCRIPT: &str = "docs/evidence/PERFORMANCE.md says where the time of a call goes: \
    the commands of Redis that it needs are more than half of it.";

/// Calls of one order, and orders in calls of [`GOAL_AT`], by which the script's cost is measured.
const CALLS: u32 = 4_096;
const ORDERS: u32 = 64 * GOAL_AT;

/// What one size found in one round.
#[derive(Clone, Copy, Debug, Default)]
struct Found {
    ours: f64,
    peer: f64,
}

/// The measure.
pub(super) async fn engine(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let time = bench.options.run_time(Measure::M5);
    let mut found = [const { Vec::<Found>::new() }; BATCHES.len()];
    let mut committer = Vec::new();
    let rounds = bench.options.rounds(Measure::M5);
    for round in 1..=rounds {
        for (batch, found) in BATCHES.into_iter().zip(&mut found) {
            bench.step(Measure::M5, &format!("round {round}, batches of {batch}"));
            let store = Store::start()?;
            let (ours, batches) = ours(&store, batch, time).await?;
            let peer = peer(&store, batch, batches).await?;
            found.push(Found { ours, peer });
        }
        bench.step(Measure::M5, &format!("round {round}, the committer"));
        let store = Store::start()?;
        committer.push(through_committer(&store, time).await?);
    }
    let audit = format!("{} runs audited", rounds as usize * (2 * BATCHES.len() + 1));
    let draft = |row: &str, name: &str| {
        BenchRow::new(Measure::M5, row, name, "orders/s").audited(audit.as_str(), 0)
    };
    let mut rows = Vec::new();
    for (batch, found) in BATCHES.into_iter().zip(&found) {
        let name = format!("orders in batches of {batch}, against redis-benchmark");
        let mut row = draft(&format!("{batch}-r"), &name);
        if batch == GOAL_AT {
            row = row.goal(0.95, LIMIT_R);
        }
        let row = row.note(
            "One batch in flight for both, over TCP, append-only file synced \
            before the reply. Winners are counted.",
        );
        rows.push(row.rounds(found.iter().map(|found| round(found.ours, found.peer)).collect()));
    }
    let at = |size: u32| BATCHES.iter().position(|batch| *batch == size).map(|index| &found[index]);
    let (large, single) = (at(GOAL_AT).context("a size")?, at(1).context("a size")?);
    let name = format!("orders in batches of {GOAL_AT}, against one order a call");
    let row = draft(&format!("{GOAL_AT}-1"), &name).goal(12.0, LIMIT_CAP);
    let pairs = large.iter().zip(single);
    rows.push(row.rounds(pairs.map(|(large, single)| round(large.ours, single.ours)).collect()));
    let name = format!(
        "orders through a committer with {CALLERS} who wait, against redis-benchmark in batches \
         of {GOAL_AT}"
    );
    let row = draft("committer-r", &name).goal(0.95, LIMIT_COMMITTER);
    let pairs = committer.iter().zip(large);
    rows.push(row.rounds(pairs.map(|(ours, r)| round(*ours, r.peer)).collect()));
    rows.extend(script_cost(bench, rounds).await?);
    Ok(rows)
}

/// What a call of the script costs in Redis, and each order in it, without the file: Redis' own
/// count of the microseconds in the script, in calls of one order and of many.
async fn script_cost(bench: &mut Bench, rounds: u32) -> Result<[BenchRow; 2]> {
    let (mut call, mut order) = (Vec::new(), Vec::new());
    for number in 1..=rounds {
        bench.step(Measure::M5, &format!("round {number}, the script's own cost"));
        let redis = PrivateRedis::start(Durability::Off);
        let mut sale = Filling::begin(&redis.url(), "cost", PLENTY, 0).await?;
        sale.add(CALLS, GOAL_AT).await?;
        let one = script_us(&redis, &mut sale, CALLS, 1).await?;
        let many = script_us(&redis, &mut sale, ORDERS, GOAL_AT).await?;
        let size = f64::from(GOAL_AT);
        order.push(BenchRound { ours: Some((many - one) / (size - 1.0)), peer: None });
        call.push(BenchRound { ours: Some((one * size - many) / (size - 1.0)), peer: None });
        audit(&sale, u64::from(sale.orders)).await?;
    }
    let row = |word: &str, name: &str, goal, found| {
        let note = "From the time that Redis itself counts in the script (INFO commandstats), in \
                    calls of 1 and of 256 orders; no append-only file.";
        let row = BenchRow::new(Measure::M5, word, name, "us").goal(goal, LIMIT_SCRIPT).note(note);
        row.audited(format!("{rounds} sales audited"), 0).rounds(found)
    };
    Ok([
        row("script-call", "fixed cost of a call of the script", 17.0, call),
        row("script-order", "cost of each order in a call", 3.0, order),
    ])
}

/// Microseconds of a call of the script, for `orders` orders in calls of `batch`.
async fn script_us(
    redis: &PrivateRedis,
    sale: &mut Filling,
    orders: u32,
    batch: u32,
) -> Result<f64> {
    let client = Client::open(redis.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("CONFIG").arg("RESETSTAT").exec_async(&mut connection).await?;
    sale.add(orders, batch).await?;
    let said: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connection).await?;
    usec_per_call(&said).with_context(|| format!("Redis said {said}"))
}

/// Of the script's calls, from what `INFO commandstats` says.
fn usec_per_call(said: &str) -> Option<f64> {
    let line = said.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:"))?;
    line.split(',').find_map(|part| part.strip_prefix("usec_per_call="))?.parse().ok()
}

const fn round(ours: f64, peer: f64) -> BenchRound {
    BenchRound { ours: Some(ours), peer: Some(peer) }
}

/// Orders a second through the ledger's own code, and how many batches that were.
async fn ours(store: &Store, batch: u32, time: Duration) -> Result<(f64, u32)> {
    let mut sale = Filling::begin(&store.url(), "ours", PLENTY, 0).await?;
    let begun = Instant::now();
    let mut batches = 0;
    while begun.elapsed() < time {
        sale.add(batch, batch).await?;
        batches += 1;
    }
    let took = begun.elapsed();
    audit(&sale, u64::from(sale.orders)).await?;
    Ok((f64::from(sale.orders) / took.as_secs_f64(), batches))
}

/// Holds the ledger against the number of winners.
async fn audit(sale: &Filling, winners: u64) -> Result<()> {
    let audit = sale.ledger.audit(&sale.sale).await?;
    let audit = audit.context("the sale is gone")?;
    ensure!(
        audit.confirmed == winners && audit.differences.is_empty(),
        "{winners} have a yes, the ledger says {audit:?}"
    );
    Ok(())
}

/// Orders a second that redis-benchmark brings to the same script in so many batches.
async fn peer(store: &Store, batch: u32, batches: u32) -> Result<f64> {
    let sale = Filling::begin(&store.url(), "theirs", PLENTY, 0).await?;
    let script = Scripts::patched(|_, text| text).reserve.plain;
    let client = Client::open(store.url())?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let mut load = redis::cmd("SCRIPT");
    let hash: String = load.arg("LOAD").arg(&script.text).query_async(&mut connection).await?;
    let (_, port) = store.address.split_once(':').context("an address has a port")?;
    let mut command = Command::new(
        find("redis-benchmark").context("redis-benchmark is missing. Run 'make setup'")?,
    );
    command.args([
        "-p",
        port,
        "-c",
        "1",
        "-n",
        &batches.to_string(),
        "-r",
        RANDOM,
        "--csv",
        "EVALSHA",
    ]);
    let names = redis_keys::of_sale(&sale.sale);
    // Nothing has been heard of the sale's log.
    command.arg(hash).arg(names.len().to_string()).args(names);
    command.arg("0");
    for _ in 0..batch {
        // As long as the keys and the names that the engine sends.
        command.args(["00000000-0000-7000-8000-__rand_int__", "buyer-__rand_int__", "1"]);
    }
    let output = tokio::process::Command::from(command).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "redis-benchmark: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let calls = calls_per_second(&said).with_context(|| format!("redis-benchmark said {said}"))?;
    let snapshot = sale.ledger.snapshot(&sale.sale).await?;
    let winners = u64::from(snapshot.context("the sale is gone")?.confirmed);
    audit(&sale, winners).await?;
    Ok(winners as f64 * calls / f64::from(batches))
}

/// The second column of redis-benchmark's CSV; the first one is the whole command.
fn calls_per_second(csv: &str) -> Option<f64> {
    let line = csv.lines().rfind(|line| !line.is_empty())?;
    let columns: Vec<&str> = line.split("\",\"").collect();
    columns.get(columns.len().checked_sub(7)?)?.parse().ok()
}

/// Orders a second through the committer of a node, in this process.
async fn through_committer(store: &Store, time: Duration) -> Result<f64> {
    let sale = Filling::begin(&store.url(), "committer", PLENTY, 0).await?;
    let node = NodeIdentity { id: 1, weight: 1 };
    let sales = Sales::start(sale.ledger.clone(), node, Arc::<Counters>::default());
    // The first order opens the desk of the sale.
    let mut winners = buy(&sales, &sale.sale, CALLERS, Instant::now() + FIRST).await?;
    let before = winners;
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (sales, id) = (sales.clone(), sale.sale.clone());
        callers.spawn(async move { buy(&sales, &id, caller, begun + time).await });
    }
    while let Some(bought) = callers.join_next().await {
        winners += bought??;
    }
    let took = begun.elapsed();
    sales.drain().await;
    audit(&sale, winners).await?;
    Ok((winners - before) as f64 / took.as_secs_f64())
}

/// One who buys again and again until it is over; returns how many were granted.
async fn buy(sales: &Sales, sale: &SaleId, caller: u32, until: Instant) -> Result<u64> {
    let mut winners = 0;
    while Instant::now() < until {
        let number = (u128::from(caller) << 64 | u128::from(winners)).to_be_bytes();
        let [.., a, b, c, d, e, f, g, h] = number;
        let chance = [number[6], number[7], a, b, c, d, e, f, g, h];
        let order = Reserve {
            id: OrderId::new_v7(UnixMillis(1_795_575_600_000), chance),
            buyer: BuyerId::parse(&format!("buyer-{caller}-{winners}"))?,
            quantity: Quantity::new(1)?,
            lines: None,
        };
        let placed = sales.place(sale, order, KeySource::Made).await?;
        ensure!(
            matches!(placed.verdict, Verdict::Granted { .. }),
            "an order was refused: {:?}",
            placed.verdict
        );
        winners += 1;
    }
    Ok(winners)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_found_behind_a_command_of_any_length() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"EVALSHA x 5 \
                   a,b\",\"1234.50\",\"0.1\",\"0.1\",\"0.1\",\"0.1\",\"0.1\",\"0.1\"\n";
        assert_eq!(calls_per_second(csv), Some(1_234.5));
        assert_eq!(calls_per_second("Could not connect"), None);
    }

    #[test]
    fn the_time_of_a_call_is_that_of_the_script_and_of_no_other_command() {
        let said = "# Commandstats\r\n\
            cmdstat_hset:calls=9,usec=90,usec_per_call=10.00,rejected_calls=0,failed_calls=0\r\n\
            cmdstat_evalsha:calls=4,usec=62,usec_per_call=15.50,rejected_calls=0\r\n";
        assert_eq!(usec_per_call(said), Some(15.5));
        assert_eq!(usec_per_call("# Commandstats\r\n"), None);
    }
}
