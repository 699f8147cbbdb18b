//! M11: ten minutes at 70 % of what the stack carries at its most: whether memory, open files and
//! the slowest answers drift. The sale is restocked every second, so that all tiers work: most
//! buyers are refused at the edge, some get a ticket.

use super::Bench;
use super::measure::Measure;
use super::report::Slice;
use super::row::{BenchRow, median};
use super::run::{Expect, Run};
use super::subject::Subject;
use super::system::RunningSubject;
use crate::harness::processes::{Held, descendants, held};
use crate::load::{CrowdLoad, LoadTimes, Pace};
use crate::rush::report::thousands;
use anyhow::{Context, Result};
use shared::limits::{ACKNOWLEDGED_SEGMENT_BYTES, RECENT_MAX};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const LOAD: f64 = 0.7;
const CONNECTIONS: u32 = 256;
/// Tickets that come back on sale with each restock.
const RESTOCK: u64 = 100;
/// Slices in which the run is looked at: the first tenth is left out, because caches and histories
/// fill.
const SLICES: u32 = 20;
const SKIPPED: usize = 2;
const DRIFT_MAX: f64 = 1.05;
const MIB: usize = 1_024 * 1_024;

const LIMIT_P99: &str = "The slowest hundredth of answers is what a machine does beside the load, \
    and other work on it falls into some of \
    the slices and not into others; the points of the picture tell how far they differ without a \
    trend.";
const LIMIT_EDGES: &str = "V8 decides when an edge gives memory back; what the edge itself keeps \
    is in tables of a fixed size \
    (shared/src/limits.rs).";
const LIMIT_FILES: &str = "Connections between the tiers are opened when a burst needs them and \
    kept for the next one, up to a fixed number.";

/// One sample at the processes, by program.
type Sample = BTreeMap<String, Held>;

/// The measure.
pub(super) async fn soak(bench: &mut Bench) -> Result<(Vec<BenchRow>, Vec<Slice>)> {
    let time = bench.options.run_time(Measure::M11);
    bench.step(Measure::M11, "the peak of the stack");
    let mut running = RunningSubject::start(Subject::WORKER, RESTOCK).await?;
    let short = Pace::AsFastAsItGoes(Duration::from_secs(5).min(time));
    let load = running.load(CONNECTIONS, short, bench.options.warm_up());
    let peak = running.run(&load, Expect::Anything).await?;
    let rate = (peak.outcomes.rate() * LOAD).max(1.0) as u32;
    if bench.accept(Measure::M11, "the peak of the stack", peak).is_none() {
        return Ok((Vec::new(), Vec::new()));
    }

    bench.step(Measure::M11, &format!("{} s at {rate} requests/s", time.as_secs()));
    let slice = time / SLICES;
    let load = running.load(CONNECTIONS, Pace::Rate(rate, time), Duration::ZERO);
    let load = CrowdLoad { slice: Some(slice), ..load };
    let mut samples = Vec::new();
    let begun = Instant::now();
    let found = {
        let running = &running;
        let beside = async {
            let mut second = tokio::time::interval(Duration::from_secs(1));
            for number in 1.. {
                second.tick().await;
                running.restock(RESTOCK * (number + 1)).await?;
                if begun.elapsed() >= slice * samples.len() as u32 {
                    samples.push(sample(&running.roots()));
                }
            }
            anyhow::Ok(())
        };
        tokio::select! {
            run = running.send(&load) => run,
            failed = beside => Err(failed.err().context("the restocks ended")?),
        }
    }?;
    let found = running.judge(found, Expect::Anything).await?;
    let Some(run) = bench.accept(Measure::M11, "the soak", found) else {
        return Ok((Vec::new(), Vec::new()));
    };
    Ok((rows(&run, &samples, rate, time), slices(&run, slice)))
}

fn sample(roots: &[u32]) -> Sample {
    let mut sample = Sample::new();
    for process in roots.iter().flat_map(|pid| descendants(*pid)) {
        let now = held(process.pid.cast_unsigned());
        let sum = sample.entry(process.title()).or_default();
        sum.memory += now.memory;
        sum.files += now.files;
    }
    sample
}

/// p99 of each slice.
fn slices(run: &Run, slice: Duration) -> Vec<Slice> {
    let slices = run.outcomes.tally.slices.iter().zip(1u32..);
    let one = |(found, number): (&LoadTimes, u32)| Slice {
        seconds: (slice * number).as_secs_f64(),
        p99: found.value_at_quantile(0.99) as f64 / 1_000.0,
    };
    slices.map(one).collect()
}

fn rows(run: &Run, samples: &[Sample], rate: u32, time: Duration) -> Vec<BenchRow> {
    let note = format!(
        "{} s, {rate} requests/s at intended times ({:.0} % of the peak), {RESTOCK} tickets more \
         every second, {} sold; {} answered.",
        time.as_secs(),
        LOAD * 100.0,
        run.outcomes.tally.granted,
        run.outcomes.tally.requests
    );
    let row = |word: &str, name: &str, limit: &str, values: &[f64]| {
        let row = BenchRow::new(Measure::M11, word, name, "times").goal(DRIFT_MAX, limit);
        let row = row.note(note.as_str()).audited("1 run audited, order by order", 0);
        drift(values).map(|drift| row.value(drift))
    };
    let p99: Vec<f64> = run
        .outcomes
        .tally
        .slices
        .iter()
        .map(|slice| slice.value_at_quantile(0.99) as f64)
        .collect();
    let mut rows = Vec::new();
    rows.extend(row("p99", "p99 of the last third over that of the first", LIMIT_P99, &p99));
    for (program, name, why) in [
        ("lastseat", "nodes", limit_nodes(samples, run.outcomes.tally.granted)),
        ("workerd", "edges", LIMIT_EDGES.into()),
    ] {
        let of = |what: fn(&Held) -> u64| -> Vec<f64> {
            let held = samples.iter().filter_map(|sample| sample.get(program));
            held.map(|held| what(held) as f64).collect()
        };
        for (word, what, values, limit) in [
            ("rss", "memory", of(|held| held.memory), why.as_str()),
            ("files", "open files", of(|held| held.files), LIMIT_FILES),
        ] {
            let name_of = format!("{what} of the {name}, the last third over the first");
            rows.extend(row(&format!("{word}-{name}"), &name_of, limit, &values));
        }
    }
    rows
}

/// What the nodes' memory grows by, and what it grows for.
fn limit_nodes(samples: &[Sample], sold: u64) -> String {
    let held = |sample: Option<&Sample>| Some(sample?.get("lastseat")?.memory as f64);
    let begin = held(samples.get(SKIPPED)).unwrap_or_default();
    let grew = held(samples.last()).unwrap_or_default() - begin;
    let part = samples.len().saturating_sub(SKIPPED + 1) as f64 / samples.len().max(1) as f64;
    format!(
        "A node keeps its journal of acknowledged orders in memory, because whoever heals the \
         ledger after a failover asks for \
         it, until two segments of {} MiB are full (docs/FAILOVER.md), and the ids of the last {} \
         orders. From the tenth part \
         of the soak on, the nodes together grew by {:.1} MiB, {:.0} bytes for each order sold \
         meanwhile, from {:.0} MiB. \
         Both are bounded, but the soak sells too few tickets to fill them: where a node was \
         given 1.2 million orders it stood after the last third of them \
         where it had stood after the first (docs/evidence/PERFORMANCE.md).",
        ACKNOWLEDGED_SEGMENT_BYTES / MIB,
        thousands(RECENT_MAX as u64),
        grew / MIB as f64,
        grew / (sold as f64 * part).max(1.0),
        begin / MIB as f64,
    )
}

/// The median of the last third over that of the first, without what is skipped.
fn drift(values: &[f64]) -> Option<f64> {
    let steady = values.get(SKIPPED.min(values.len() / 3)..)?;
    let third = steady.len() / 3;
    let (first, last) = (
        median(steady.get(..third)?.to_vec())?,
        median(steady.get(steady.len() - third..)?.to_vec())?,
    );
    (first > 0.0).then(|| last / first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_value_has_no_drift_whatever_its_start_and_its_outliers() {
        let mut values = vec![10.0; 20];
        values[0] = 1.0;
        values[19] = 90.0;
        assert_eq!(drift(&values), Some(1.0));
        let growing: Vec<f64> = (10..30).map(f64::from).collect();
        assert!(drift(&growing).unwrap() > 1.5);
        assert_eq!(drift(&[1.0]), None);
    }
}
