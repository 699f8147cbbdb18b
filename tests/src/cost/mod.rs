//! What an order costs in Redis: memory by key and CPU time, at growing sizes of one sale. Behind
//! the program `ledger_cost`.

pub mod fill;

use crate::harness::{Durability, PrivateRedis};
use anyhow::{Context, Result};
use fill::{BATCH, Filling};
use redis::aio::MultiplexedConnection;
use redis::cmd;
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
    /// Of these, its record in `:orders`, ...
    pub record: f64,
    /// its buyer's tally in `:buyers`, ...
    pub tally: f64,
    /// its deadline in `:holds`, ...
    pub deadline: f64,
    /// and its line in `:log`.
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
    /// A connection beside the ledger's own.
    redis: MultiplexedConnection,
    /// Microseconds for an order and for its confirmation, round by round.
    rounds: Vec<(f64, f64)>,
    server: PrivateRedis,
}

/// Fills a sale of each size and measures, then lets them take turns with more orders: the
/// load of this machine by others changes over minutes and then falls upon all sizes alike.
pub async fn measure(sizes: &[u32]) -> Result<Vec<CostRow>> {
    let mut subjects = Vec::with_capacity(sizes.len());
    for orders in sizes {
        let mut subject = Subject::begin(*orders, ROUNDS).await?;
        subject.fill(*orders).await?;
        subjects.push(subject);
    }
    take_turns(&mut subjects, ROUNDS).await?;
    Ok(subjects.into_iter().map(Subject::finish).collect())
}

/// CPU time for each further order, round by round, in sales that have so many orders already. As
/// [`measure`], without what takes long.
pub async fn further(sizes: &[u32], rounds: u32) -> Result<Vec<Vec<f64>>> {
    let mut subjects = Vec::with_capacity(sizes.len());
    for orders in sizes {
        let mut subject = Subject::begin(*orders, rounds).await?;
        subject.sale.add(*orders, BATCH).await?;
        subjects.push(subject);
    }
    take_turns(&mut subjects, rounds).await?;
    let next = |subject: Subject| subject.rounds.iter().map(|round| round.0).collect();
    Ok(subjects.into_iter().map(next).collect())
}

async fn take_turns(subjects: &mut [Subject], rounds: u32) -> Result<()> {
    for _ in 0..rounds {
        for subject in &mut *subjects {
            subject.turn().await?;
        }
    }
    Ok(())
}

impl Subject {
    /// A sale without orders, on a Redis of its own that has done some work.
    async fn begin(orders: u32, rounds: u32) -> Result<Self> {
        let server = PrivateRedis::start(Durability::Off);
        // MEMORY USAGE over a million members takes a while.
        let unhurried = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(server.url())?;
        let redis = client.get_multiplexed_async_connection_with_config(&unhurried).await?;
        let sale = Filling::begin(&server.url(), SALE, orders + rounds * ROUND, HOLD_MS).await?;
        // Scripts and buffers are there before anything is counted.
        let mut warm_up = Filling::begin(&server.url(), "warm-up", 512, HOLD_MS).await?;
        warm_up.add(512, BATCH).await?;
        warm_up.change(0, 64, false).await?;
        Ok(Self { row: CostRow::default(), sale, redis, rounds: Vec::new(), server })
    }

    async fn fill(&mut self, orders: u32) -> Result<()> {
        let share = |bytes: f64| bytes / f64::from(orders);
        let (empty, begun) = (self.used().await?, self.cpu_us().await?);
        self.sale.add(orders, BATCH).await?;
        let filled = self.cpu_us().await?;
        let held = self.used().await?;
        let mut row = CostRow {
            orders,
            held: share(held - empty),
            record: share(self.key("orders").await?),
            tally: share(self.key("buyers").await?),
            deadline: share(self.key("holds").await?),
            log: share(self.key("log").await?),
            reserve_us: (filled - begun) / f64::from(orders),
            ..CostRow::default()
        };
        self.sale.change(0, orders, false).await?;
        row.confirmed = share(self.used().await? - empty);
        self.sale.trim().await?;
        let trimmed = self.used().await?;
        row.trimmed = share(trimmed - empty);
        // Another sale on the same server, of the same size.
        let mut cycles = Filling::begin(&self.server.url(), "cancelled", orders, HOLD_MS).await?;
        cycles.add(orders, BATCH).await?;
        cycles.change(0, orders, true).await?;
        row.cancelled = share(self.used().await? - trimmed);
        self.row = row;
        Ok(())
    }

    async fn turn(&mut self) -> Result<()> {
        let number = self.sale.orders;
        let before = self.cpu_us().await?;
        self.sale.add(ROUND, BATCH).await?;
        let between = self.cpu_us().await?;
        self.sale.change(number, number + ROUND, false).await?;
        let after = self.cpu_us().await?;
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

    /// CPU time of the thread that runs the scripts, in microseconds.
    async fn cpu_us(&mut self) -> Result<f64> {
        let user = self.info("cpu", "used_cpu_user_main_thread").await?;
        Ok((user + self.info("cpu", "used_cpu_sys_main_thread").await?) * 1e6)
    }

    /// Bytes that the whole server uses, its own tables included.
    async fn used(&mut self) -> Result<f64> {
        self.info("memory", "used_memory").await
    }

    async fn info(&mut self, section: &str, name: &str) -> Result<f64> {
        let info: String = cmd("INFO").arg(section).query_async(&mut self.redis).await?;
        let mut lines = info.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let value = value.and_then(|value| value.trim().parse().ok());
        value.with_context(|| format!("this Redis does not report {name}"))
    }

    /// Bytes of a key of the sale.
    async fn key(&mut self, part: &str) -> Result<f64> {
        let key = format!("lastseat:{{{SALE}}}:{part}");
        let mut command = cmd("MEMORY");
        // 0 samples: every member is counted.
        command.arg("USAGE").arg(key).arg("SAMPLES").arg(0);
        let bytes: Option<u64> = command.query_async(&mut self.redis).await?;
        Ok(bytes.unwrap_or(0) as f64)
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
        let Self { orders, held, record, tally, deadline, log, .. } = self;
        write!(
            f,
            "{orders:>10} {held:>6.0} {record:>8.0} {tally:>5.0} {deadline:>8.0} {log:>3.0}"
        )?;
        let Self { confirmed, trimmed, cancelled, .. } = self;
        write!(f, " {confirmed:>11.0} {trimmed:>9.0} {cancelled:>9.0}")?;
        let Self { reserve_us, next_us, confirm_us, .. } = self;
        write!(f, " {reserve_us:>9.2} {next_us:>6.2} {confirm_us:>8.2}")
    }
}
