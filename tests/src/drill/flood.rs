//! Three times what the system can sell is offered for a minute, over more connections than an edge
//! lets wait; whoever finds none free goes away, so that the drill says how much was sent. The
//! system says "busy", keeps its memory and its answers bounded, and is as quick as before when it
//! is over.

use super::memory::Memory;
use super::scene::{Record, Scene};
use super::script::ms;
use crate::harness::Cluster;
use crate::load::{
    Buyers, CrowdLoad, CrowdOutcomes, LastReply, LoadConnection, LoadRequest, LoadTally, LoadTimes,
    OrderOutcome, Pace, send, verdict,
};
use crate::rush::report::thousands;
use anyhow::{Context, Result, bail};
use lastseat_cluster::state_file::ClusterState;
use shared::limits::{BATCH_MAX, EDGE_DEADLINE_MS, EDGE_UNDER_WAY_MAX, QUEUE_MAX};
use std::time::Duration;
use tokio::time::sleep;

/// Nobody ever hears "sold out" here.
const PLENTY: u64 = 100_000_000;
/// What a closed loop of so many connections sells is what the system can sustain.
const SUSTAINED_BY: u32 = 256;
/// The flood is so many times that ...
const TIMES: f64 = 3.0;
/// It was one if at least so many times more came than were served meanwhile.
const FLOODED: u64 = 2;
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
/// How long the outcome of an order may stay unknown after the flood.
const TIMES_ASKED: u32 = 100;

pub(super) async fn three_times(scene: &Scene) -> Result<()> {
    let (cluster, short) = (&scene.cluster, Duration::from_secs(2));
    let hall = Hall { cluster, seed: scene.seed };
    let closed = Pace::AsFastAsItGoes(if scene.long { 2 * short } else { short });
    let sustained = hall.sell("sustained", SUSTAINED_BY, closed, None).await?;
    let rate = sustained.granted_rate();
    let normal_pace = Pace::Rate((rate * NORMAL) as u32, short);
    let normal = hall.sell("normal", SUSTAINED_BY, normal_pace, None).await?;

    let time = scene.time;
    let offered = (rate * TIMES) as u32;
    let roster = ClusterState::read(cluster.data_dir())?.context("cluster.json")?;
    let mut memory = Memory::of(&roster);
    let flood = {
        let pace = Pace::Rate(offered, time);
        let flood = hall.sell("flood", CONNECTIONS, pace, Some(GOES_AWAY));
        tokio::pin!(flood);
        loop {
            tokio::select! {
                flood = &mut flood => break flood?,
                () = sleep(LOOK) => memory.lookup(),
            }
        }
    };
    let after_pace = Pace::Rate((rate * NORMAL) as u32, 2 * RECOVERED);
    let after = hall.sell("after", SUSTAINED_BY, after_pace, None).await?;

    scene.record().actions.push(format!(
        "{} orders a second for {time:?}, {TIMES} times the {} that a closed loop of \
         {SUSTAINED_BY} connections sells",
        thousands(offered.into()),
        thousands(rate as u64)
    ));
    judge(&mut scene.record(), [&sustained, &normal, &flood, &after], time);
    memory.judge(&mut scene.record(), flood.tally.granted);
    let sales =
        [("sustained", &sustained), ("normal", &normal), ("flood", &flood), ("after", &after)];
    for (sale, tally) in sales {
        let broken = hall.judge(sale, &tally.tally).await?;
        scene.record().violations.extend(broken);
    }
    Ok(())
}

/// Holds a flood that lasted for `time` against what came before and after it.
fn judge(
    record: &mut Record,
    [sustained, normal, flood, after]: [&CrowdOutcomes; 4],
    time: Duration,
) {
    sent(record, sustained, flood, time);
    answers(record, &flood.tally, time);
    latency(record, &normal.tally, flood);
    recovery(record, &normal.tally, &after.tally, flood.took.saturating_sub(time));
    for CrowdOutcomes { tally, .. } in [sustained, normal, after] {
        let broken = tally.broken();
        record.demand(broken == 0, || {
            let (samples, lost) = (&tally.samples, &tally.lost_because);
            format!("outside of the flood {broken} answers were lost: {samples:?} {lost:?}")
        });
    }
}

/// What of the flood was sent: the generator shares its machine with the system, and gives up what
/// finds no connection. Held against what was sold in the same seconds, not against what a closed
/// loop had sold before: what else the machine did then and now need not be the same.
fn sent(record: &mut Record, sustained: &CrowdOutcomes, flood: &CrowdOutcomes, time: Duration) {
    let LoadTally { requests, unsent, busy_retries, granted, .. } = flood.tally;
    let offered = flood.tally.outcomes.len() as u64;
    let sold = sustained.granted_rate() * time.as_secs_f64();
    let times = requests as f64 / sold.max(1.0);
    record.measure(
        "sent",
        format!(
            "{} of {} that were offered, {times:.2} times what a closed loop sells",
            thousands(requests),
            thousands(offered)
        ),
    );
    record.demand(requests + unsent == offered, || {
        format!("{offered} were offered, {requests} sent, {unsent} not: the rest is not known")
    });
    record.demand(busy_retries > 0, || "nobody was told busy: it was no flood".to_owned());
    record.demand(offered >= FLOODED * granted, || {
        format!("{offered} came and {granted} of them were served: it was no flood")
    });
}

/// What was answered, and that all of it was true.
fn answers(record: &mut Record, flood: &LoadTally, time: Duration) {
    let offered = flood.outcomes.len() as u64;
    let others = flood.other_retries - flood.not_sent;
    let slowest = Duration::from_micros(flood.latency_us.max());
    record.came(offered, flood.granted, others, slowest);
    record.measure("granted a second", format!("{:.0}", flood.granted as f64 / time.as_secs_f64()));
    record.measure("told busy", thousands(flood.busy_retries));
    record.measure("found no connection free", thousands(flood.unsent));
    record.measure("503", others);
    record.measure("answers lost or 504, asked again", flood.unknown.len());
    let refused = flood.refused_final;
    record.demand(refused == 0, || {
        format!("{refused} buyers heard \"sold out\" while tickets were free")
    });
    let faults = others + flood.broken();
    record.demand(faults == 0, || {
        let (samples, lost) = (&flood.samples, &flood.lost_because);
        format!("{faults} answers were faults and not \"busy\": {samples:?} {lost:?}")
    });
    record.demand(flood.granted > 0, || "nothing was sold in the flood".to_owned());
}

/// At most [`CONNECTIONS`] requests are in the system at a time, and each leaves it with an answer:
/// by Little's law the mean is their number over the rate of answers. One of a hundred may take
/// four times the mean, as long as nobody is passed over, and wait for the batches that a full
/// queue of a node holds; never longer than an edge's own deadline.
fn latency(record: &mut Record, normal: &LoadTally, flood: &CrowdOutcomes) {
    let at = |histogram: &LoadTimes, q| Duration::from_micros(histogram.value_at_quantile(q));
    let granted = &flood.tally.granted_us;
    let (p50, p99) = (at(granted, 0.5), at(granted, 0.99));
    let (quiet, quiet99) = (at(&normal.granted_us, 0.5), at(&normal.granted_us, 0.99));
    let mean = f64::from(CONNECTIONS) / flood.rate();
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

fn recovery(record: &mut Record, normal: &LoadTally, after: &LoadTally, late: Duration) {
    let usual = normal.latency_us.value_at_quantile(0.99) as f64 * NORMAL_TIMES;
    let usual = Duration::from_micros(usual as u64).max(QUICK);
    let p99 = |slice: &LoadTimes| Duration::from_micros(slice.value_at_quantile(0.99));
    // Two in a row: one may be luck. A slow one later has another reason than the flood.
    let usual_again = |two: &[LoadTimes]| two.iter().all(|s| p99(s) <= usual);
    let found = after.slices.windows(2).position(usual_again);
    let slices = found.unwrap_or(after.slices.len()) as u32;
    let recovered = late + slices * SLICE;
    record.measure("as quick as before after", ms(recovered));
    record.demand(recovered <= RECOVERED, || {
        format!("answers were slower than {usual:?} until {recovered:?} after the flood")
    });
}

/// Where orders go, and what they are held against.
struct Hall<'a> {
    cluster: &'a Cluster,
    seed: u64,
}

impl Hall<'_> {
    /// Makes a sale with plenty of tickets and sends a load at it.
    async fn sell(
        &self,
        sale: &str,
        connections: u32,
        pace: Pace,
        goes_away: Option<Duration>,
    ) -> Result<CrowdOutcomes> {
        self.cluster.create_sale(sale, PLENTY).await?;
        let orders = LoadRequest::orders(sale, Buyers::new(self.seed));
        let load = CrowdLoad {
            goes_away,
            slice: Some(SLICE),
            // Before that an edge does not know how much it may ask.
            warm_up: match pace {
                Pace::AsFastAsItGoes(_) => WARM_UP,
                _ => Duration::ZERO,
            },
            ..CrowdLoad::new(&self.cluster.edges, orders, connections, pace)
        };
        send(&load, |_| {}).await
    }

    /// A sentence for each way in which the ledger differs from what buyers heard. Who heard
    /// nothing asks again.
    async fn judge(&self, sale: &str, tally: &LoadTally) -> Result<Vec<String>> {
        let buyers = Buyers::new(self.seed);
        let mut outcomes = tally.outcomes.clone();
        for number in &tally.unknown {
            let granted = self.ask_again(sale, *number).await?;
            if let Some(outcome) = outcomes.get_mut(*number as usize).filter(|_| granted) {
                *outcome = OrderOutcome::Granted;
            }
        }
        let (audit, orders) = (self.cluster.audit(sale).await?, self.cluster.orders(sale).await?);
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

    async fn ask_again(&self, sale: &str, number: u32) -> Result<bool> {
        let buyers = Buyers::new(self.seed);
        let orders = LoadRequest::orders(sale, buyers);
        let edge = self.cluster.edges.first().context("an edge")?;
        let last = LoadConnection::to(edge)?.settle(&orders, number, TIMES_ASKED).await;
        match last {
            LastReply::Granted => Ok(true),
            LastReply::Refused => Ok(false),
            last => bail!("the outcome of {} stays unknown: {last:?}", buyers.key(number)),
        }
    }
}
