//! The measurement at one size, and how it is shown.

use super::fill::Filling;
use super::reading::{Bytes, Gauge};
use crate::harness::{Durability, PrivateRedis};
use anyhow::Result;
use serde::Serialize;
use std::fmt;

const SALE: &str = "cost";
/// A day: no hold ends while we measure.
const HOLD_MS: u64 = 24 * 3_600_000;
/// Orders of one turn, and turns of each size.
const ROUND: u32 = 1_024;
const ROUNDS: u32 = 9;

/// What an order costs in a sale of `orders` orders. Bytes and microseconds are those of one order.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CostRow {
    /// Orders in the sale.
    pub orders: u32,
    /// Bytes of a held order in all, its part of the log included.
    pub held: f64,
    /// Of these, its record in `:orders`.
    pub record: f64,
    /// Of these, its buyer's tally in `:buyers`.
    pub tally: f64,
    /// Of these, its deadline in `:holds`.
    pub deadline: f64,
    /// Of these, its line in `:log`.
    pub log: f64,
    /// Bytes of a confirmed order, log included.
    pub confirmed: f64,
    /// Bytes of a confirmed order once the log was acknowledged.
    pub trimmed: f64,
    /// Bytes of an order that was cancelled, log included: what a buyer who orders and cancels
    /// leaves behind each time.
    pub cancelled: f64,
    /// CPU time of Redis for each of the orders that filled the sale.
    pub reserve_us: f64,
    /// CPU time for each further order; the median of 9 turns of 1,024.
    pub next_us: f64,
    /// CPU time for each of their confirmations, which come one by one.
    pub confirm_us: f64,
}

/// A filled sale on a Redis of its own.
struct Subject {
    row: CostRow,
    sale: Filling,
    gauge: Gauge,
    /// Microseconds for an order and for its confirmation, round by round.
    rounds: Vec<(f64, f64)>,
    redis: PrivateRedis,
}

/// Fills a sale of each size and measures, then lets them take turns with more orders: the
/// load of this machine by others changes over minutes and then falls upon all sizes alike.
///
/// # Errors
/// Redis does not answer as it should.
pub async fn measure(sizes: &[u32]) -> Result<Vec<CostRow>> {
    let mut subjects = Vec::with_capacity(sizes.len());
    for orders in sizes {
        subjects.push(fill(*orders).await?);
    }
    for _ in 0..ROUNDS {
        for subject in &mut subjects {
            subject.turn().await?;
        }
    }
    Ok(subjects.into_iter().map(Subject::finish).collect())
}

/// CPU time for each further order, round by round, in sales that have so many orders already. As
/// [`measure`], without what takes long.
///
/// # Errors
/// Redis does not answer as it should.
pub async fn further(sizes: &[u32], rounds: u32) -> Result<Vec<Vec<f64>>> {
    let mut subjects = Vec::with_capacity(sizes.len());
    for orders in sizes {
        let mut subject = begin(*orders, rounds).await?;
        subject.sale.add(*orders).await?;
        subjects.push(subject);
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            subject.turn().await?;
        }
    }
    let next = |subject: Subject| subject.rounds.iter().map(|round| round.0).collect();
    Ok(subjects.into_iter().map(next).collect())
}

/// A sale without orders, on a Redis of its own that has done some work.
async fn begin(orders: u32, rounds: u32) -> Result<Subject> {
    let redis = PrivateRedis::start(Durability::Off);
    let gauge = Gauge::new(&redis.url()).await?;
    let capacity = orders + rounds * ROUND;
    let sale = Filling::begin(&redis.url(), SALE, capacity, HOLD_MS).await?;
    // Scripts and buffers are there before anything is counted.
    let mut warm_up = Filling::begin(&redis.url(), "warm-up", 512, HOLD_MS).await?;
    warm_up.add(512).await?;
    warm_up.confirm(0, 64).await?;
    Ok(Subject { row: CostRow::default(), sale, gauge, rounds: Vec::new(), redis })
}

async fn fill(orders: u32) -> Result<Subject> {
    let mut subject = begin(orders, ROUNDS).await?;
    let (gauge, sale) = (&mut subject.gauge, &mut subject.sale);
    let share = |bytes: u64| bytes as f64 / f64::from(orders);
    let empty = gauge.bytes(SALE).await?;
    let begun = gauge.cpu_us().await?;
    sale.add(orders).await?;
    let filled = gauge.cpu_us().await?;
    let held = gauge.bytes(SALE).await?;
    sale.confirm(0, orders).await?;
    let confirmed = gauge.bytes(SALE).await?;
    sale.trim().await?;
    let trimmed = gauge.bytes(SALE).await?;
    let used = |bytes: &Bytes| share(bytes.used.saturating_sub(empty.used));
    // Another sale on the same server, of the same size.
    let cancelled = Filling::begin(&subject.redis.url(), "cancelled", orders, HOLD_MS).await;
    let mut cycles = cancelled?;
    cycles.add(orders).await?;
    cycles.cancel(0, orders).await?;
    let cancelled = gauge.bytes("cancelled").await?;
    let used_for_cancelled = cancelled.used.saturating_sub(trimmed.used);
    subject.row = CostRow {
        orders,
        cancelled: share(used_for_cancelled),
        held: used(&held),
        record: share(held.orders),
        tally: share(held.buyers),
        deadline: share(held.holds),
        log: share(held.log),
        confirmed: used(&confirmed),
        trimmed: used(&trimmed),
        reserve_us: (filled - begun) / f64::from(orders),
        next_us: 0.0,
        confirm_us: 0.0,
    };
    Ok(subject)
}

impl Subject {
    async fn turn(&mut self) -> Result<()> {
        let number = self.sale.orders();
        let before = self.gauge.cpu_us().await?;
        self.sale.add(ROUND).await?;
        let between = self.gauge.cpu_us().await?;
        self.sale.confirm(number, number + ROUND).await?;
        let after = self.gauge.cpu_us().await?;
        let each = |us: f64| us / f64::from(ROUND);
        self.rounds.push((each(between - before), each(after - between)));
        Ok(())
    }

    fn finish(self) -> CostRow {
        let median = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or_default()
        };
        CostRow {
            next_us: median(self.rounds.iter().map(|round| round.0).collect()),
            confirm_us: median(self.rounds.iter().map(|round| round.1).collect()),
            ..self.row
        }
    }
}

/// The names over the columns of a row.
pub const HEADING: &str = concat!(
    "              bytes per order                                                       ",
    "     Redis CPU, us per order\n",
    "    orders   held = record tally deadline log |",
    " confirmed log acked cancelled | reserve   next  confirm",
);

impl fmt::Display for CostRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10} {:>6.0} {:>8.0} {:>5.0} {:>8.0} {:>3.0} {:>11.0} {:>9.0} {:>9.0} {:>9.2} \
             {:>6.2} {:>8.2}",
            self.orders,
            self.held,
            self.record,
            self.tally,
            self.deadline,
            self.log,
            self.confirmed,
            self.trimmed,
            self.cancelled,
            self.reserve_us,
            self.next_us,
            self.confirm_us,
        )
    }
}
