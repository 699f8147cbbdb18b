//! G5: how long an order takes through the gateway at a load that is offered whatever the answers
//! do (open loop), against nginx and S2 at the same load.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRow, median};
use super::run::{Expect, Run, Value};
use super::subject::Subject;
use super::system::{PLENTY, RunningSubject};
use super::table::BEST;
use crate::load::Pace;
use anyhow::{Context, Result};
use std::time::Duration;

const CONNECTIONS: u32 = 256;
/// How many times better than the peer's p99 ours is to be.
const GOAL: f64 = 2.5;
/// The part of the peer's peak at which the measure is taken.
const LOAD: f64 = 0.7;

/// The measure.
pub(super) async fn latency(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let what = format!("the peak of {}", BEST.name());
    bench.step(Measure::G5, &what);
    let time = bench.options.run_time(Measure::G5);
    let mut peaks = Vec::new();
    for _ in 0..bench.options.rounds(Measure::G5).min(3) {
        let pace = Pace::AsFastAsItGoes(time.min(Duration::from_secs(3)));
        let run = sold(bench, BEST, pace).await?;
        peaks.extend(bench.accept(Measure::G5, &what, run).map(|run| run.value(Value::Granted)));
    }
    let peak = median(peaks).with_context(|| format!("no run for {what} was a data point"))?;
    let rate = (peak * LOAD).max(1.0) as u32;
    let both = [Subject::GATEWAY, BEST];
    let turns = bench.turns(Measure::G5, &both, async |bench, subject| {
        sold(bench, subject, Pace::Rate(rate, time)).await
    });
    let turns = turns.await?;
    let (audit, oversold) = turns.audit(Subject::GATEWAY, Some(BEST));
    let name = format!("p99 of an order at 70 % of the peak of {0}, against {0}", BEST.name());
    let limit = "Each answer waits until the append-only file is synced, on the disk that both \
                 share; generator, edge, nodes and Redis share two processors.";
    let draft = BenchRow::new(Measure::G5, "p99-s2", &name, "ms")
        .goal(GOAL, limit)
        .note(format!(
            "{rate} orders/s at intended times over up to {CONNECTIONS} connections (the peak was \
             {peak:.0}); time from the intended moment to the whole answer."
        ))
        .audited(audit, oversold);
    Ok(vec![draft.rounds(turns.rounds(Subject::GATEWAY, Some(BEST), Value::P99))])
}

/// One run in which nearly each order is granted.
async fn sold(bench: &Bench, subject: Subject, pace: Pace) -> Result<Run> {
    let mut running = RunningSubject::start(subject, PLENTY).await?;
    let load = running.load(CONNECTIONS, pace, bench.options.warm_up());
    running.run(&load, Expect::Mostly).await
}
