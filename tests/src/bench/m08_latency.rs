//! M8: how long an order takes at a load that is offered whatever the answers do (open loop): one
//! origin, each order granted.

use super::Bench;
use super::measure::Measure;
use super::row::{BenchRow, median};
use super::run::{Expect, Run, Value};
use super::subject::{Peer, Subject};
use super::system::{PLENTY, RunningSubject};
use crate::load::Pace;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const CONNECTIONS: u32 = 256;
const PEER: Subject = Subject::node(Peer::S2);
/// How many times better than the peer's p99 ours is to be.
const GOAL: f64 = 2.0;
/// The part of the peer's peak at which the measure is taken.
const LOAD: f64 = 0.7;
/// The parts at which both are shown in the picture.
const SHOWN: [f64; 5] = [0.3, 0.5, 0.7, 0.85, 1.0];

/// Latency of one service at one offered load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The service.
    pub service: String,
    /// Requests a second that were offered.
    pub rate: f64,
    /// Milliseconds.
    pub p50: f64,
    /// Milliseconds.
    pub p99: f64,
}

/// The measure, and the points of the picture.
pub(super) async fn latency(bench: &mut Bench) -> Result<(Vec<BenchRow>, Vec<Point>)> {
    bench.step(Measure::M8, "the peak of S2");
    let peak = peak(bench).await?;
    let at = |part: f64| (peak * part).max(1.0) as u32;
    let time = bench.options.run_time(Measure::M8);
    let both = [Subject::OURS, PEER];
    let turns = bench.turns(Measure::M8, &both, async |bench, subject| {
        granted(bench, subject, Pace::Rate(at(LOAD), time)).await
    });
    let turns = turns.await?;
    let mut points = Vec::new();
    for part in SHOWN {
        for subject in both {
            let what =
                format!("the picture, {:.0} % of the peak, {}", part * 100.0, subject.name());
            bench.step(Measure::M8, &what);
            let pace = Pace::Rate(at(part), time.min(Duration::from_secs(3)));
            let run = granted(bench, subject, pace).await?;
            if let Some(run) = bench.accept(Measure::M8, &what, run) {
                points.push(Point {
                    service: subject.name(),
                    rate: f64::from(at(part)),
                    p50: run.outcomes.tally.latency_us.value_at_quantile(0.5) as f64 / 1_000.0,
                    p99: run.value(Value::P99),
                });
            }
        }
    }
    let (audit, oversold) = turns.audit(Subject::OURS, Some(PEER));
    let name = "p99 of an order at 70 % of the peak of S2, against S2";
    let draft = BenchRow::new(Measure::M8, "p99-s2", name, "ms")
        .goal(GOAL, limit(&points, turns.median(PEER, Value::P99)))
        .note(format!(
            "{} orders/s at intended times over up to {CONNECTIONS} connections (the peak of S2 \
             was {peak:.0}); time from the intended moment to the whole answer.",
            at(LOAD)
        ))
        .audited(audit, oversold);
    let rounds = turns.rounds(Subject::OURS, Some(PEER), Value::P99);
    Ok((vec![draft.rounds(rounds)], points))
}

/// What the goal leaves for waiting in line.
fn limit(points: &[Point], peer: f64) -> String {
    let least = |subject: Subject| {
        let own = points.iter().filter(|point| point.service == subject.name());
        own.map(|point| point.p99).fold(f64::INFINITY, f64::min)
    };
    let (ours, theirs) = (least(Subject::OURS), least(PEER));
    let wanted = peer / GOAL;
    format!(
        "Each answer waits until the append-only file is synced, on the disk that both share, and \
         both share two processors with the generator. At the load of the picture at which it is \
         least, p99 is {ours:.1} ms with lastseat and {theirs:.1} with S2. The goal is \
         {wanted:.1} ms here, so it leaves lastseat {:.1} ms more for standing in line: for the \
         batch under way, and after each pause that the disk or the machine makes, until what \
         came meanwhile is sold.",
        wanted - ours
    )
}

/// The most orders a second that S2 grants: the median of three closed loops.
async fn peak(bench: &mut Bench) -> Result<f64> {
    let mut rates = Vec::new();
    let time = bench.options.run_time(Measure::M8).min(Duration::from_secs(3));
    for _ in 0..bench.options.rounds(Measure::M8).min(3) {
        let run = granted(bench, PEER, Pace::AsFastAsItGoes(time)).await?;
        let run = bench.accept(Measure::M8, "the peak of S2", run);
        rates.extend(run.map(|run| run.value(Value::Granted)));
    }
    median(rates).context("no run that looked for the peak of S2 was a data point")
}

/// One run in which each order is granted.
async fn granted(bench: &Bench, subject: Subject, pace: Pace) -> Result<Run> {
    let mut running = RunningSubject::start(subject, PLENTY).await?;
    let load = running.load(CONNECTIONS, pace, bench.options.warm_up());
    running.run(&load, Expect::Granted).await
}
