//! M14, M15 and M17: what an order of a train and of a hall costs, and how much is sold, beside a
//! counter a leg and PostgreSQL.

use super::Bench;
use super::measure::Measure;
use super::postgres::PrivatePostgres;
use super::row::{BenchRound, BenchRow};
use super::system::Store;
use crate::harness::paths::repository;
use crate::harness::processes::cpu_by_name;
use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use lastseat_ledger::{Created, Ledger, LedgerUrl, Reserve, Verdict};
use shared::domain::sale::{Creation, PageTerms};
use shared::plan::{Plan, PlanDocument};
use shared::seats::{Journey, OrderLines, SeatBook, SeatLine, SeatRefusal, Together};
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId, Terms, UnixMillis};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

/// Requests in the whole life of a train.
const REQUESTS: u32 = 9_600;
const QUICK_REQUESTS: u32 = 960;
const BATCHES: [u32; 2] = [64, 1];
const GOALS: [f64; 2] = [30.0, 130.0];
/// Of the requests for a train PostgreSQL gets the first of so many: it takes a tenth of a second
/// for one when the train is full.
const POSTGRES_PART: u32 = 8;
/// Connections to PostgreSQL, as many orders as a batch of ours has.
const CONNECTIONS: u32 = 64;

const LIMIT_TRAIN: &str = "What a call costs falls upon the orders of its batch. Of an order's \
    part most is its record, its line in the log and the reading of the planes of its journey \
    (docs/evidence/PERFORMANCE.md).";
const LIMIT_LEGS: &str = "A counter a leg sells a passenger a new seat at each stop. Nobody \
    can sell as much who gives each passenger one seat for the whole journey, unless all journeys \
    are known before.";
const LIMIT_PG: &str = "PostgreSQL has no batches: each order is a transaction with its own log \
    record and its own sync.";

/// Orders of one seat, by their number: the same for all that take turns.
#[derive(Debug)]
struct SeatOrders {
    plan: Arc<Plan>,
    book: SeatBook,
    lines: Vec<SeatLine>,
}

/// What a ledger did with them.
struct Sold {
    cpu_us: f64,
    granted: u64,
    seat_legs: u64,
    left: u32,
}

impl SeatOrders {
    /// Random journeys in the classes of the plan that have seats, each as often as it has seats.
    fn of(example: &str, requests: u32, seed: u64) -> Result<Self> {
        let text = fs::read_to_string(repository().join("docs/examples").join(example))?;
        let plan = Arc::new(toml::from_str::<PlanDocument>(&text)?.compile()?);
        let book = plan.seat_book()?;
        let mut rng = Rng::with_seed(seed);
        let mut orders = Self { lines: Vec::with_capacity(requests as usize), plan, book };
        for _ in 0..requests {
            let from = rng.usize(0..orders.plan.legs());
            let to = rng.usize(from + 1..=orders.plan.legs());
            let journey = Journey::new(from, to).context("a journey")?;
            let seat = rng.u32(0..orders.plan.seats());
            orders.lines.push(orders.line(seat, journey)?);
        }
        Ok(orders)
    }

    /// A line for one seat in the class that the seat number `seat` of the plan is in.
    fn line(&self, seat: u32, journey: Journey) -> Result<SeatLine> {
        let mut below = seat;
        for (class, of) in self.plan.classes().iter().enumerate() {
            if let (true, Some(layout)) = (below < of.seats(), self.book.layout(class)) {
                return Ok(SeatLine::new(class, layout, journey, 1, Together::Any)?);
            }
            below -= of.seats();
        }
        anyhow::bail!("the plan has no seat {seat}")
    }

    fn reserve(&self, number: usize) -> Result<Reserve> {
        let mut chance = [0; 10];
        chance[..8]
            .copy_from_slice(&(number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
        let line = self.lines.get(number).context("an order")?.clone();
        Ok(Reserve {
            id: OrderId::new_v7(UnixMillis(1_795_575_600_000), chance),
            buyer: BuyerId::parse(&format!("buyer-{number:06}"))?,
            quantity: Quantity::ONE,
            lines: Some(OrderLines::new(vec![line]).context("a line")?),
        })
    }

    /// Seat-legs that counters would sell, one a class and leg.
    fn counters(&self) -> u64 {
        let seats = self.plan.classes().iter().map(|class| class.seats());
        let mut free: Vec<Vec<u32>> = seats.map(|seats| vec![seats; self.plan.legs()]).collect();
        let mut sold = 0;
        for line in &self.lines {
            let legs = &mut free[line.class()][line.journey().legs()];
            if legs.iter().all(|free| *free > 0) {
                legs.iter_mut().for_each(|free| *free -= 1);
                sold += legs.len() as u64;
            }
        }
        sold
    }

    /// Sells them on a Redis of their own in batches of `batch`; the audit is clean.
    async fn sell(&self, batch: u32) -> Result<Sold> {
        let store = Store::start()?;
        let url = LedgerUrl::parse(&store.url()).map_err(anyhow::Error::msg)?;
        let (ledger, sale) = (Ledger::connect(&url).await?, SaleId::parse("seats")?);
        let wanted = Creation {
            capacity: Capacity::new(self.plan.places())?,
            terms: Terms::default(),
            open: true,
            page: PageTerms::default(),
            plan: Some(Arc::clone(&self.plan)),
        };
        let (_, created) = ledger.create_sale_as(&sale, &wanted).await?;
        ensure!(created == Created::New, "the sale is there already");
        let cpu = || cpu_by_name(&[store.pid()]).values().sum::<Duration>();
        let (before, mut sold) = (cpu(), Sold { cpu_us: 0.0, granted: 0, seat_legs: 0, left: 0 });
        for first in (0..self.lines.len()).step_by(batch as usize) {
            let until = self.lines.len().min(first + batch as usize);
            let orders =
                (first..until).map(|number| self.reserve(number)).collect::<Result<Vec<_>>>()?;
            let (_, verdicts) =
                ledger.reserve(&sale, &orders).await?.context("the sale is gone")?;
            for verdict in verdicts {
                match verdict {
                    Verdict::Granted { order, .. } => {
                        sold.granted += 1;
                        sold.seat_legs += u64::from(order.places());
                    }
                    Verdict::NoSeats { refused, .. } => {
                        let full = matches!(refused.refusal, SeatRefusal::SoldOut { free: 0 });
                        ensure!(full, "a single seat was refused: {refused:?}");
                    }
                    Verdict::Refused(refusal) => anyhow::bail!("an order was refused: {refusal:?}"),
                }
            }
        }
        sold.cpu_us = (cpu() - before).as_secs_f64() * 1e6 / self.lines.len() as f64;
        let audit = ledger.audit(&sale).await?.context("the sale is gone")?;
        let clean = audit.confirmed == sold.seat_legs && audit.differences.is_empty();
        ensure!(clean, "{} seat-legs were granted, the ledger says {audit:?}", sold.seat_legs);
        sold.left = u32::try_from(self.plan.places() - sold.seat_legs)?;
        Ok(sold)
    }
}

/// M14 and M17's first half: a train.
pub(super) async fn trains(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let requests = if bench.options.quick { QUICK_REQUESTS } else { REQUESTS };
    let (mut costs, mut lost, mut pairs) = ([Vec::new(), Vec::new()], Vec::new(), Vec::new());
    let rounds = bench.options.rounds(Measure::M14);
    for round in 1..=rounds {
        let orders = SeatOrders::of("train.toml", requests, u64::from(round))?;
        for (batch, costs) in BATCHES.into_iter().zip(&mut costs) {
            bench.step(Measure::M14, &format!("round {round}, batches of {batch}"));
            let sold = orders.sell(batch).await?;
            costs.push(sold.cpu_us);
            let counters = orders.counters() as f64;
            if batch == BATCHES[0] {
                lost.push(1.0 - sold.seat_legs as f64 / counters);
            }
        }
        bench.step(Measure::M14, &format!("round {round}, PostgreSQL"));
        let few = requests / POSTGRES_PART;
        let peer = postgres(orders.plan.seats(), orders.plan.legs(), few)?;
        pairs.push(BenchRound { ours: costs[0].last().copied(), peer: Some(peer) });
    }
    let audit = format!("{} runs audited", rounds * 3);
    let alone = |ours: &f64| BenchRound { ours: Some(*ours), peer: None };
    let mut rows = Vec::new();
    for ((batch, costs), goal) in BATCHES.into_iter().zip(&costs).zip(GOALS) {
        let name = format!(
            "processor time of Redis for a request for a seat of a train, batches of {batch}"
        );
        let row = BenchRow::new(Measure::M14, &format!("train-{batch}"), &name, "us")
            .goal(goal, LIMIT_TRAIN);
        let row = row.note(format!(
            "{requests} requests for random journeys of docs/examples/train.toml, the refused \
             ones as well, \
             append-only file synced before the reply."
        ));
        rows.push(row.audited(audit.as_str(), 0).rounds(costs.iter().map(alone).collect()));
    }
    let name = "part of the seat-legs that a counter a leg would have sold and seats did not";
    let row = BenchRow::new(Measure::M14, "train-legs", name, "of all").goal(0.01, LIMIT_LEGS);
    let row = row.note("The same requests in the same order.").audited(audit.as_str(), 0);
    rows.push(row.rounds(lost.iter().map(alone).collect()));
    rows.push(against_postgres("train", pairs, &audit));
    Ok(rows)
}

/// M15 and M17's second half: a hall, sold to the last seat.
pub(super) async fn halls(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let (mut costs, mut left, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    let rounds = bench.options.rounds(Measure::M15);
    for round in 1..=rounds {
        bench.step(Measure::M15, &format!("round {round}"));
        let mut orders = SeatOrders::of("stadium.toml", 0, 0)?;
        let seats = orders.plan.seats();
        let mut numbers: Vec<u32> = (0..seats).collect();
        Rng::with_seed(u64::from(round)).shuffle(&mut numbers);
        for number in numbers {
            orders.lines.push(orders.line(number, Journey::HALL)?);
        }
        let sold = orders.sell(BATCHES[0]).await?;
        let standing = u32::try_from(orders.plan.standing())?;
        costs.push(BenchRound { ours: Some(sold.cpu_us), peer: None });
        left.push(BenchRound { ours: Some(f64::from(sold.left - standing)), peer: None });
        bench.step(Measure::M15, &format!("round {round}, PostgreSQL"));
        let peer = postgres(seats, 1, if bench.options.quick { QUICK_REQUESTS } else { seats })?;
        pairs.push(BenchRound { ours: Some(sold.cpu_us), peer: Some(peer) });
    }
    let audit = format!("{} runs audited", rounds * 2);
    let draft =
        |row, name, unit| BenchRow::new(Measure::M15, row, name, unit).audited(audit.as_str(), 0);
    let name = "processor time of Redis for a seat of a stadium of 60,000, sold to the last seat, \
                batches of 64";
    let cost = draft("hall-64", name, "us").goal(20.0, LIMIT_TRAIN);
    let rest = draft("hall-left", "seats of the stadium that were left", "seats").goal(0.0, "");
    Ok(vec![cost.rounds(costs), rest.rounds(left), against_postgres("hall", pairs, &audit)])
}

fn against_postgres(what: &str, pairs: Vec<BenchRound>, audit: &str) -> BenchRow {
    let name = format!(
        "processor time of the store for a request for a seat of a {what}, against PostgreSQL"
    );
    BenchRow::new(Measure::M17, what, &name, "us")
        .goal(5.0, LIMIT_PG)
        .note(format!(
            "A row a seat and leg, FOR UPDATE SKIP LOCKED, {CONNECTIONS} connections of pgbench, \
             against batches of {}; both commit to the disk before they answer. For a train it \
             gets an eighth of the requests, when seats are quick to find.",
            BATCHES[0]
        ))
        .audited(audit, 0)
        .rounds(pairs)
}

/// Processor time of PostgreSQL for each of `requests` random journeys, audited.
fn postgres(seats: u32, legs: usize, requests: u32) -> Result<f64> {
    let server = PrivatePostgres::start(seats, legs)?;
    let load = server.load(requests, CONNECTIONS, legs)?;
    let audit = server.audit()?;
    ensure!(audit.wrong == 0 && audit.orders > 0, "PostgreSQL oversold: {audit:?}");
    ensure!(audit.seat_legs <= u64::from(seats) * legs as u64, "more than there are: {audit:?}");
    Ok(load.cpu.as_secs_f64() * 1e6 / load.orders as f64)
}
