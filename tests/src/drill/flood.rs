//! Three times what the system can sell comes for a minute: it says "busy", keeps its memory and
//! its answers bounded, and is as quick as before when it is over.

use super::again;
use super::memory::Memory;
use super::scene::{Record, Scene, address};
use super::script::ms;
use crate::bench::load::{BenchAsk, BenchTally, CrowdLoad, Pace, send};
use crate::rush::buyers::Buyers;
use crate::rush::order::LastReply;
use crate::rush::report::thousands;
use crate::rush::tally::OrderOutcome;
use crate::rush::verdict;
use anyhow::{Context, Result, bail};
use lastseat_cluster::state_file::ClusterState;
use shared::limits::{BATCH_MAX, EDGE_DEADLINE_MS, EDGE_UNDER_WAY_MAX, QUEUE_MAX};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::sleep;

/// Nobody ever hears "sold out" here.
const PLENTY: u64 = 100_000_000;
/// What a closed loop of so many connections sells is what the system can sustain.
const SUSTAINED_BY: u32 = 256;
/// The flood is so many times that ...
const TIMES: f64 = 3.0;
/// ... over so many connections, more than an edge lets wait. Who finds none free goes away.
const CONNECTIONS: u32 = 2 * EDGE_UNDER_WAY_MAX;
const GOES_AWAY: Duration = Duration::from_millis(100);
/// A normal day is this part of it.
const NORMAL: f64 = 0.25;
/// An answer that takes three times the normal is normal, too, and so is a quick one on a busy
/// machine.
const NORMAL_TIMES: f64 = 3.0;
const QUICK: Duration = Duration::from_millis(100);
/// As quick as before within this time after the flood.
const RECOVERED: Duration = Duration::from_secs(2);
const SLICE: Duration = Duration::from_millis(250);
const WARM_UP: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(100);

pub(super) async fn three_times(scene: &Scene) -> Result<()> {
    let short = Duration::from_secs(2);
    let closed = Pace::AsFastAsItGoes(if scene.long { 2 * short } else { short });
    let sustained = sell(scene, "sustained", SUSTAINED_BY, closed, None).await?;
    let rate = sustained.granted as f64 / sustained.took.as_secs_f64().max(0.1);
    let normal_pace = Pace::Rate((rate * NORMAL) as u32, short);
    let normal = sell(scene, "normal", SUSTAINED_BY, normal_pace, None).await?;

    let time = scene.time;
    let offered = (rate * TIMES) as u32;
    let state = ClusterState::read(scene.cluster.data_dir())?.context("cluster.json")?;
    let mut memory = Memory::of(&state);
    let flood = {
        let pace = Pace::Rate(offered, time);
        let flood = sell(scene, "flood", CONNECTIONS, pace, Some(GOES_AWAY));
        tokio::pin!(flood);
        loop {
            tokio::select! {
                flood = &mut flood => break flood?,
                () = sleep(LOOK) => memory.lookup(),
            }
        }
    };
    let after_pace = Pace::Rate((rate * NORMAL) as u32, 2 * RECOVERED);
    let after = sell(scene, "after", SUSTAINED_BY, after_pace, None).await?;

    scene.record().actions.push(format!(
        "{} orders a second for {time:?}, {TIMES} times the {} that a closed loop of \
         {SUSTAINED_BY} connections sells",
        thousands(offered.into()),
        thousands(rate as u64)
    ));
    judge(&mut scene.record(), [&sustained, &normal, &flood, &after], time);
    memory.judge(&mut scene.record(), flood.granted);
    let sales =
        [("sustained", &sustained), ("normal", &normal), ("flood", &flood), ("after", &after)];
    for (sale, tally) in sales {
        let broken = differs(scene, sale, tally).await?;
        scene.record().violations.extend(broken);
    }
    Ok(())
}

/// Holds a flood that lasted for `time` against what came before and after it.
fn judge(record: &mut Record, [sustained, normal, flood, after]: [&BenchTally; 4], time: Duration) {
    answers(record, flood, time);
    latency(record, normal, flood);
    recovery(record, normal, after, flood.took.saturating_sub(time));
    for tally in [sustained, normal, after] {
        record.demand(tally.errors == 0, || {
            let (errors, samples) = (tally.errors, &tally.samples);
            format!("outside of the flood {errors} answers were lost: {samples:?}")
        });
    }
}

/// What was answered, and that all of it was true.
fn answers(record: &mut Record, flood: &BenchTally, time: Duration) {
    let offered = flood.outcomes.len() as u64;
    let slowest = Duration::from_micros(flood.latency.max());
    record.came(offered, flood.granted, flood.later - flood.busy, slowest);
    record.measure("granted a second", format!("{:.0}", flood.granted as f64 / time.as_secs_f64()));
    record.measure("told busy", thousands(flood.busy));
    record.measure("found no connection free", thousands(flood.unsent));
    let others = flood.later - flood.busy;
    record.measure("503", others);
    record.measure("answers lost or 504, asked again", flood.unknown.len());
    record.demand(flood.refused == 0, || {
        format!("{} buyers heard \"sold out\" while tickets were free", flood.refused)
    });
    let faults = others + flood.errors;
    record.demand(faults == 0, || {
        format!("{faults} answers were faults and not \"busy\": {:?}", flood.samples)
    });
    record.demand(flood.granted > 0, || "nothing was sold in the flood".to_owned());
}

/// At most [`CONNECTIONS`] requests are in the system at a time, and each leaves it with an answer:
/// by Little's law the mean is their number over the rate of answers. One of a hundred may take
/// four times the mean, as long as nobody is passed over, and wait for the batches that a full
/// queue of a node holds; never longer than an edge's own deadline.
fn latency(record: &mut Record, normal: &BenchTally, flood: &BenchTally) {
    let at = |histogram: &hdrhistogram::Histogram<u64>, q| {
        Duration::from_micros(histogram.value_at_quantile(q))
    };
    let (p50, p99) = (at(&flood.granted_latency, 0.5), at(&flood.granted_latency, 0.99));
    let (quiet, quiet99) = (at(&normal.granted_latency, 0.5), at(&normal.granted_latency, 0.99));
    let sent = flood.answers() as f64;
    let mean = f64::from(CONNECTIONS) / (sent / flood.took.as_secs_f64().max(0.1));
    let batches = (QUEUE_MAX / BATCH_MAX) as u32;
    let bound = GOES_AWAY + Duration::from_secs_f64(4.0 * mean) + batches * quiet99;
    let bound = bound.min(Duration::from_millis(EDGE_DEADLINE_MS));
    record.measure(
        "a ticket's answer on a normal day",
        format!("p50 {}, p99 {}", ms(quiet), ms(quiet99)),
    );
    record
        .measure("in the flood", format!("p50 {}, p99 {}, bound {}", ms(p50), ms(p99), ms(bound)));
    record.demand(p99 <= bound, || {
        format!("one ticket of a hundred took longer than {p99:?} in the flood, not {bound:?}")
    });
}

fn recovery(record: &mut Record, normal: &BenchTally, after: &BenchTally, late: Duration) {
    let usual = normal.at(0.99) * NORMAL_TIMES;
    let usual = Duration::from_micros(usual as u64).max(QUICK);
    let p99 =
        |slice: &hdrhistogram::Histogram<u64>| Duration::from_micros(slice.value_at_quantile(0.99));
    // Two in a row: one may be luck. A slow one later has another reason than the flood.
    let usual_again = |two: &[hdrhistogram::Histogram<u64>]| two.iter().all(|s| p99(s) <= usual);
    let found = after.slices.windows(2).position(usual_again);
    let slices = found.unwrap_or(after.slices.len()) as u32;
    let recovered = late + slices * SLICE;
    record.measure("as quick as before after", ms(recovered));
    record.demand(recovered <= RECOVERED, || {
        format!("answers were slower than {usual:?} until {recovered:?} after the flood")
    });
}

/// Makes a sale with plenty of tickets and sends a load at it.
async fn sell(
    scene: &Scene,
    sale: &str,
    connections: u32,
    pace: Pace,
    gives_up_after: Option<Duration>,
) -> Result<BenchTally> {
    scene.cluster.create_sale(sale, PLENTY).await?;
    let to = scene.cluster.edges.iter().map(|url| address(url));
    let to: Vec<SocketAddr> = to.collect::<Result<_>>()?;
    let first = *to.first().context("an edge")?;
    let load = CrowdLoad {
        to,
        patience: gives_up_after,
        slice: Some(SLICE),
        // Before that an edge does not know how much it may ask.
        warm_up: match pace {
            Pace::AsFastAsItGoes(_) => WARM_UP,
            _ => Duration::ZERO,
        },
        ..CrowdLoad::new(first, BenchAsk::orders(sale, scene.seed), connections, pace)
    };
    send(&load).await
}

/// A sentence for each way in which the ledger differs from what buyers heard. Who heard nothing
/// asks again.
async fn differs(scene: &Scene, sale: &str, tally: &BenchTally) -> Result<Vec<String>> {
    let (cluster, buyers) = (&scene.cluster, Buyers::new(scene.seed));
    let edge = cluster.edges.first().context("an edge")?;
    let mut outcomes = tally.outcomes.clone();
    for number in &tally.unknown {
        let granted = match again::outcome(edge, sale, buyers, *number).await? {
            Some(LastReply::Granted) => true,
            Some(LastReply::Refused) => false,
            other => bail!("{}, asked again: {other:?}", buyers.key(*number)),
        };
        if let Some(outcome) = outcomes.get_mut(*number as usize).filter(|_| granted) {
            *outcome = OrderOutcome::Granted;
        }
    }
    let (audit, orders) = (cluster.audit(sale).await?, cluster.orders(sale).await?);
    let differences = verdict::compare(&outcomes, buyers, &orders);
    let granted = outcomes.iter().filter(|outcome| **outcome == OrderOutcome::Granted);
    let granted = granted.count() as u64;
    let mut broken = Vec::new();
    let (missing, unheard) = (differences.missing.count(), differences.unheard.count());
    if missing + unheard > 0 {
        broken.push(format!(
            "{sale}: {missing} have a yes and no order, {unheard} orders and no yes"
        ));
    }
    if !audit.ok || audit.confirmed != granted {
        broken.push(format!("{sale}: {granted} have a yes, the audit says {audit:?}"));
    }
    Ok(broken)
}
