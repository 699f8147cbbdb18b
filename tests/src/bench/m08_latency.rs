//! M8: how long an order takes at a load that is offered whatever the answers do (open loop): one
//! origin, each order granted.

use super::Bench;
use super::load::{CrowdLoad, Pace};
use super::measure::Measure;
use super::row::{BenchRow, Better, Draft, median};
use super::service::{Expect, OneNode, PLENTY, Run, Service};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SEED: u64 = 8;
const CONNECTIONS: u32 = 256;
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
///
/// # Errors
/// A service cannot be run.
pub(super) async fn latency(bench: &mut Bench) -> Result<(Vec<BenchRow>, Vec<Point>)> {
    bench.step(Measure::M8, "the peak of S2");
    let peak = peak(bench).await?;
    let at = |part: f64| (peak * part).max(1.0) as u32;
    let time = bench.options.run_time(Measure::M8);
    let both = [Service::Ours, Service::S2];
    let turns = bench.turns(Measure::M8, &both, async |bench, service| {
        offered(service, at(LOAD), time, bench.options.warm_up()).await
    });
    let turns = turns.await?;
    let p99 = |run: &Run| run.tally.at(0.99) / 1_000.0;
    let mut points = Vec::new();
    for part in SHOWN {
        for service in both {
            bench.step(
                Measure::M8,
                &format!("the picture, {:.0} % of the peak, {}", part * 100.0, service.name()),
            );
            let run = offered(
                service,
                at(part),
                time.min(Duration::from_secs(3)),
                bench.options.warm_up(),
            )
            .await?;
            if let Some(run) =
                bench.accept(Measure::M8, &format!("the picture, {}", service.name()), run)
            {
                points.push(Point {
                    service: service.name().to_owned(),
                    rate: f64::from(at(part)),
                    p50: run.tally.at(0.5) / 1_000.0,
                    p99: p99(&run),
                });
            }
        }
    }
    let name = "p99 of an order at 70 % of the peak of S2, against S2";
    let draft = Draft::new(Measure::M8, "p99-s2", name, "ms", Better::Lower)
        .goal(GOAL)
        .note(format!(
            "{} orders/s at intended times over up to {CONNECTIONS} connections (the peak of S2 \
             was {peak:.0}); time from the \
             intended moment to the whole answer.",
            at(LOAD)
        ))
        .limit(limit(&points, turns.median(Service::S2, p99)));
    let rows = vec![turns.row(draft, Service::Ours, Service::S2, p99)];
    Ok((rows, points))
}

/// What the goal leaves for waiting in line.
fn limit(points: &[Point], peer: f64) -> String {
    let least = |service: Service| {
        let own = points.iter().filter(|point| point.service == service.name());
        own.map(|point| point.p99).fold(f64::INFINITY, f64::min)
    };
    let (ours, theirs) = (least(Service::Ours), least(Service::S2));
    let wanted = peer / GOAL;
    format!(
        "Each answer waits until the append-only file is synced, on the disk that both share, and \
         both share two processors with \
         the generator. At the load of the picture at which it is least, p99 is {ours:.1} ms with \
         lastseat and {theirs:.1} with \
         S2. The goal is {wanted:.1} ms here, so it leaves lastseat {:.1} ms more for standing in \
         line: \
         for the batch under way, and after each pause that the disk or the machine makes, until \
         what came meanwhile is sold.",
        wanted - ours
    )
}

/// The most orders a second that S2 grants: the median of three closed loops.
async fn peak(bench: &mut Bench) -> Result<f64> {
    let mut rates = Vec::new();
    for _ in 0..bench.options.rounds(Measure::M8).min(3) {
        let node = OneNode::start(Service::S2, PLENTY).await?;
        let pace =
            Pace::AsFastAsItGoes(bench.options.run_time(Measure::M8).min(Duration::from_secs(3)));
        let load = CrowdLoad::new(node.address()?, node.ask(SEED), CONNECTIONS, pace);
        let run = node.run(&load.warmed_up(bench.options.warm_up()), Expect::Granted, 0).await?;
        rates
            .extend(bench.accept(Measure::M8, "the peak of S2", run).map(|run| run.granted_rate()));
    }
    median(rates).context("no run that looked for the peak of S2 was a data point")
}

/// One run at an offered load.
async fn offered(service: Service, rate: u32, time: Duration, warm_up: Duration) -> Result<Run> {
    let node = OneNode::start(service, PLENTY).await?;
    let load = CrowdLoad::new(node.address()?, node.ask(SEED), CONNECTIONS, Pace::Rate(rate, time));
    node.run(&load.warmed_up(warm_up), Expect::Granted, 0).await
}
