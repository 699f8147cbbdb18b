//! An append-only file that every script has written to, and what the ledger had after each of
//! them.

use crate::torn::stage::{self, Way};
use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::{Ledger, Reserve, TermsChange, Verdict};
use lastseat_tests::harness::PrivateRedis;
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::redis::Deployed;
use lastseat_tests::harness::redis::append_only::{AppendOnlyFiles, DIRECTORY};
use shared::UnixMillis;
use shared::domain::order::Pass;
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, Order, OrderId, OrderState, Quantity, SaleId, SaleState, Terms};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// Holds of the sale `holds` last so long at first; a sweep ends two of them later.
const SHORT_MS: u64 = 400;
/// Longer than a test.
const LONG_MS: u64 = 3_600_000;
const APPENDED: &str = "appendonly.aof.1.incr.aof";

/// A sale as somebody outside counts it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) capacity: u32,
    pub(crate) orders: BTreeMap<OrderId, Order>,
}

impl Counted {
    /// Tickets in orders that have theirs at `now`.
    pub(crate) fn taken(&self, now: UnixMillis) -> u32 {
        let orders = self.orders.values();
        let takes = orders.filter(|order| state(order, now).takes());
        takes.map(|order| order.taken).sum()
    }

    /// State and tickets of each order at `now`.
    pub(crate) fn at(&self, now: UnixMillis) -> BTreeMap<&OrderId, (OrderState, u32)> {
        let orders = self.orders.iter();
        orders.map(|(id, order)| (id, (state(order, now), order.taken))).collect()
    }
}

/// A hold whose time is over is an expired order, swept or not.
fn state(order: &Order, now: UnixMillis) -> OrderState {
    match order.state {
        OrderState::Held if order.deadline <= now => OrderState::Expired,
        state => state,
    }
}

/// All sales at one moment.
pub(crate) type Sales = BTreeMap<SaleId, Counted>;

/// The file and its history.
pub(crate) struct Story {
    directory: TempDir,
    pub(crate) bytes: Vec<u8>,
    /// Where each call ended in the file, and what there was then.
    after: Vec<(usize, Sales)>,
    /// What each order asked for.
    pub(crate) wishes: BTreeMap<OrderId, (SaleId, Reserve)>,
}

impl Story {
    /// The first byte from which on the file is cut: before it the sales are made.
    pub(crate) fn begin(&self) -> usize {
        self.after[0].0
    }

    /// What there was when the file had `length` bytes: all of it is in whole scripts.
    pub(crate) fn had(&self, length: usize) -> &Sales {
        let index = self.after.partition_point(|(end, _)| *end <= length);
        &self.after[index - 1].1
    }

    /// Orders that the script is about of which `length` bytes of the file have a part only.
    pub(crate) fn torn(&self, length: usize) -> Vec<&(SaleId, Reserve)> {
        let index = self.after.partition_point(|(end, _)| *end <= length);
        let Some((_, next)) = self.after.get(index) else {
            return Vec::new();
        };
        let before = &self.after[index - 1].1;
        let ids = next.iter().flat_map(|(sale, counted)| {
            let known = &before[sale].orders;
            counted.orders.keys().filter(|id| !known.contains_key(id))
        });
        ids.filter_map(|id| self.wishes.get(id)).collect()
    }

    /// A directory with the first `length` bytes of the file.
    pub(crate) fn cut(&self, length: usize) -> TempDir {
        let copy = AppendOnlyFiles::of(self.directory.path()).copy();
        AppendOnlyFiles::of(copy.path()).cut(length as u64);
        copy
    }

    /// Each place between two scripts, or single commands, in the file.
    pub(crate) fn ends(&self) -> Vec<usize> {
        let (mut ends, mut at, mut inside) = (Vec::new(), 0, false);
        while at < self.bytes.len() {
            let number = |at: &mut usize| {
                let line = self.bytes[*at..].split(|byte| *byte == b'\r').next();
                let line = std::str::from_utf8(line.unwrap_or_default()).expect("a number");
                *at += line.len() + 2;
                line[1..].parse::<usize>().expect("a number")
            };
            let mut name = Vec::new();
            for word in 0..number(&mut at) {
                let length = number(&mut at);
                if word == 0 {
                    name = self.bytes[at..at + length].to_vec();
                }
                at += length + 2;
            }
            inside = (inside || name == b"MULTI") && name != b"EXEC";
            if !inside {
                ends.push(at);
            }
        }
        ends
    }

    /// Has every script write something.
    pub(crate) async fn tell() -> Self {
        let conf = Way::By(Deployed::Conf);
        let mut server = stage::start(scratch().expect("room"), conf).expect("a Redis");
        let mut teller = Teller::new(stage::ledger(&server).await.expect("a ledger"));
        teller.make_sales().await;
        server = stage::start(server.into_directory(), conf).expect("a Redis");
        teller.ledger = stage::ledger(&server).await.expect("a ledger");
        for sale in teller.sales() {
            // This is heal.lua.
            teller.ledger.recover_without_nodes(&sale).await.expect("it is whole");
        }
        teller.note(&server).await;
        teller.sell(&server).await;
        teller.change_terms(&server).await;
        teller.sell_the_last(&server).await;
        let Teller { after, wishes, .. } = teller;
        let directory = server.into_directory();
        let bytes = left(directory.path());
        Self { directory, bytes, after, wishes }
    }
}

/// Writes the story.
struct Teller {
    ledger: Ledger,
    holds: SaleId,
    finals: SaleId,
    after: Vec<(usize, Sales)>,
    wishes: BTreeMap<OrderId, (SaleId, Reserve)>,
}

impl Teller {
    fn new(ledger: Ledger) -> Self {
        let sale = |name| SaleId::parse(name).expect("a sale id");
        Self {
            ledger,
            holds: sale("holds"),
            finals: sale("finals"),
            after: Vec::new(),
            wishes: BTreeMap::new(),
        }
    }

    fn sales(&self) -> [SaleId; 2] {
        [self.holds.clone(), self.finals.clone()]
    }

    async fn note(&mut self, server: &PrivateRedis) {
        let length = left(server.directory()).len();
        let sales = count(&self.ledger, &self.sales()).await.expect("the sales");
        self.after.push((length, sales));
    }

    async fn make_sales(&mut self) {
        let holds = Terms { hold_ms: SHORT_MS, ..Terms::default() };
        let capacity = Capacity::new(14).expect("a capacity");
        for (sale, terms) in [(self.holds.clone(), holds), (self.finals.clone(), Terms::default())]
        {
            let made = self.ledger.create_sale(&sale, capacity, &terms, true).await;
            made.expect("a sale");
        }
        self.reserve("short", &self.holds.clone(), &[1, 1]).await;
        let long = TermsChange { hold_ms: Some(LONG_MS), ..TermsChange::default() };
        self.ledger.set_terms(&self.holds, &long).await.expect("longer holds");
        tokio::time::sleep(Duration::from_millis(SHORT_MS)).await;
    }

    /// One batch; the ids of the orders, all granted.
    async fn reserve(&mut self, name: &str, sale: &SaleId, quantities: &[u32]) -> Vec<OrderId> {
        let wishes: Vec<Reserve> = (0..).zip(quantities).map(|(n, q)| wish(name, n, *q)).collect();
        let reply = self.ledger.reserve(sale, &wishes).await.expect("an answer");
        for verdict in reply.expect("the sale").1 {
            assert!(matches!(verdict, Verdict::Granted { .. }), "{name}: {verdict:?}");
        }
        for wish in &wishes {
            self.wishes.insert(wish.id.clone(), (sale.clone(), wish.clone()));
        }
        wishes.into_iter().map(|wish| wish.id).collect()
    }

    async fn sell(&mut self, server: &PrivateRedis) {
        let (holds, finals) = (self.holds.clone(), self.finals.clone());
        let [a, b, c, d] =
            self.reserve("batch", &holds, &[1, 3, 1, 1]).await.try_into().expect("four");
        self.note(server).await;
        self.ledger.confirm(&holds, &a, &OrderPart::Whole).await.expect("a payment");
        self.note(server).await;
        let two = Quantity::new(2).expect("two");
        self.ledger
            .confirm(&holds, &b, &OrderPart::Tickets(two.get()))
            .await
            .expect("a payment of a part");
        self.note(server).await;
        self.ledger.cancel(&holds, &c).await.expect("a cancellation");
        self.note(server).await;
        self.ledger.extend(&holds, &d).await.expect("a longer hold");
        self.note(server).await;
        self.reserve("final", &finals, &[1, 2, 1]).await;
        self.note(server).await;
        let told = self.told("lost", &finals, 1);
        self.ledger.restore(&finals, 1, &told, Pass::Last).await.expect("it is restored");
        self.note(server).await;
        self.ledger.sweep(&holds).await.expect("an answer");
        self.note(server).await;
    }

    /// An order that a node acknowledged and the ledger lacks.
    fn told(&mut self, name: &str, sale: &SaleId, quantity: u32) -> Vec<(OrderId, AckedOrder)> {
        let wish = wish(name, 0, quantity);
        self.wishes.insert(wish.id.clone(), (sale.clone(), wish.clone()));
        let order = Order {
            buyer: wish.buyer,
            state: OrderState::Confirmed,
            asked: quantity,
            taken: quantity,
            created_at: self.ledger.now(),
            deadline: UnixMillis(0),
            refused_late: false,
            payment: None,
            seats: None,
        };
        vec![(wish.id, AckedOrder { commit_seq: 0, order })]
    }

    async fn change_terms(&mut self, server: &PrivateRedis) {
        let (holds, finals) = (self.holds.clone(), self.finals.clone());
        let terms = TermsChange { buyer_limit: Some(5), ..TermsChange::default() };
        self.ledger.set_terms(&holds, &terms).await.expect("other terms");
        self.note(server).await;
        for state in [SaleState::Paused, SaleState::Open] {
            self.ledger.set_state(&finals, state).await.expect("another state");
            self.note(server).await;
        }
        let more = Capacity::new(15).expect("a capacity");
        self.ledger.restock(&finals, more, None).await.expect("more tickets");
        self.note(server).await;
        let seen = self.ledger.snapshot(&finals).await.expect("an answer").expect("the sale");
        self.ledger.ack(&finals, seen.commit_seq).await.expect("a shorter log");
        self.note(server).await;
    }

    /// The last scripts are those that give tickets: one order and several, held and sold at once.
    async fn sell_the_last(&mut self, server: &PrivateRedis) {
        let (holds, finals) = (self.holds.clone(), self.finals.clone());
        let held = self.reserve("held", &holds, &[1]).await;
        self.note(server).await;
        self.reserve("sold", &finals, &[1]).await;
        self.note(server).await;
        self.ledger.confirm(&holds, &held[0], &OrderPart::Whole).await.expect("a payment");
        self.note(server).await;
        self.reserve("three", &holds, &[1, 2, 1]).await;
        self.note(server).await;
        self.reserve("last", &finals, &[1]).await;
        self.note(server).await;
    }
}

/// One order of a buyer of its own.
pub(crate) fn wish(name: &str, number: u32, quantity: u32) -> Reserve {
    Reserve {
        id: OrderId::parse(&format!("order-{name}-{number:010}")).expect("an id"),
        buyer: BuyerId::parse(&format!("{name} {number}")).expect("a buyer"),
        quantity: Quantity::new(quantity.into()).expect("a quantity"),
        lines: None,
    }
}

/// What the ledger's records say.
pub(crate) async fn count(ledger: &Ledger, sales: &[SaleId]) -> Result<Sales, String> {
    let mut all = Sales::new();
    for sale in sales {
        let snapshot = ledger.snapshot(sale).await.map_err(|e| e.to_string())?;
        let snapshot = snapshot.ok_or_else(|| format!("there is no sale {sale}"))?;
        let orders = ledger.all_orders(sale).await.map_err(|e| e.to_string())?;
        let counted = Counted { capacity: snapshot.capacity, orders: orders.into_iter().collect() };
        all.insert(sale.clone(), counted);
    }
    Ok(all)
}

/// What is left of the file in `directory`.
pub(crate) fn left(directory: &std::path::Path) -> Vec<u8> {
    fs::read(directory.join(DIRECTORY).join(APPENDED)).expect("the file")
}
