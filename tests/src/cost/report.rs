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
/// Orders over which the cost of the next order is measured.
const WINDOW: u32 = 51_200;

/// What an order costs in a sale of `orders` orders. Bytes and microseconds are those of one order.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
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
    /// CPU time of Redis for each of the orders that filled the sale.
    pub reserve_us: f64,
    /// CPU time for each of the next 51,200 orders.
    pub next_us: f64,
    /// CPU time for each of their confirmations, which come one by one.
    pub confirm_us: f64,
}

/// Fills a sale of its own on a Redis of its own and measures.
///
/// # Errors
/// Redis does not answer as it should.
pub async fn measure(orders: u32) -> Result<Row> {
    let redis = PrivateRedis::start(Durability::Off);
    let mut gauge = Gauge::new(&redis.url()).await?;
    let mut sale = Filling::begin(&redis.url(), SALE, orders + WINDOW, HOLD_MS).await?;
    // Scripts and buffers are there before anything is counted.
    let mut warm_up = Filling::begin(&redis.url(), "warm-up", 512, HOLD_MS).await?;
    warm_up.add(512).await?;
    warm_up.confirm(0, 64).await?;

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

    let before = gauge.cpu_us().await?;
    sale.add(WINDOW).await?;
    let between = gauge.cpu_us().await?;
    sale.confirm(orders, orders + WINDOW).await?;
    let after = gauge.cpu_us().await?;
    let used = |bytes: &Bytes| share(bytes.used.saturating_sub(empty.used));
    Ok(Row {
        orders,
        held: used(&held),
        record: share(held.orders),
        tally: share(held.buyers),
        deadline: share(held.holds),
        log: share(held.log),
        confirmed: used(&confirmed),
        trimmed: used(&trimmed),
        reserve_us: (filled - begun) / f64::from(orders),
        next_us: (between - before) / f64::from(WINDOW),
        confirm_us: (after - between) / f64::from(WINDOW),
    })
}

/// The names over the columns of a row.
pub const HEADING: &str = "\
             bytes per order                                                   Redis CPU, us per order
    orders     held  = record  tally  deadline    log   confirmed  log acked    reserve   next  confirm";

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>10} {:>8.0} {:>9.0} {:>6.0} {:>9.0} {:>6.0} {:>11.0} {:>10.0} {:>10.2} {:>6.2} {:>8.2}",
            self.orders,
            self.held,
            self.record,
            self.tally,
            self.deadline,
            self.log,
            self.confirmed,
            self.trimmed,
            self.reserve_us,
            self.next_us,
            self.confirm_us,
        )
    }
}
