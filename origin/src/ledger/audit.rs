//! The audit: recounts a sale from its orders and from its log, and compares both with the counters.
//!
//! It works while the sale sells. A scan of a changing hash sees each order in some state between the
//! log positions before and after it; applying the log entries of that range again brings every order to the end
//! of the range exactly, because events name the new state, not the difference (the redo of a fuzzy
//! checkpoint, as in ARIES). Tallies and holds that changed during a scan are looked at again.

use super::{Fault, Ledger, keys, reply};
use redis::Value;
use serde::Serialize;
use shared::log::Entry;
use shared::orderbook::OrderBook;
use shared::{BuyerId, Order, OrderId, OrderState, SaleId, Snapshot};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Fields that one page of a scan reads. A page takes Redis well below 5 ms.
const PAGE: usize = 500;
/// Log entries that one page reads; each may hold the events of a batch of 1,024 orders.
const LOG_PAGE: usize = 16;
/// Differences that a report names; more are only counted.
const NAMED: usize = 100;
/// Rounds in which tallies and holds that keep changing are looked at again.
const ROUNDS: usize = 20;

/// What a recount found.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// The sale.
    pub sale: String,
    /// Tickets that exist, by the counters.
    pub capacity: u64,
    /// Tickets that nobody has, recounted: capacity - held - confirmed.
    pub free: i64,
    /// Tickets in held orders, recounted.
    pub held: u64,
    /// Tickets in confirmed orders, recounted.
    pub confirmed: u64,
    /// Orders by state, recounted.
    pub orders: BTreeMap<&'static str, u64>,
    /// Position of the log that the recount stands for.
    pub commit_seq: u64,
    /// First position that the log still has; what is before was acknowledged and trimmed.
    pub log_from: u64,
    /// Orders whose whole life is in the log and was compared with their records.
    pub orders_in_log: u64,
    /// Whether everything agrees.
    pub ok: bool,
    /// Each difference by name.
    pub differences: Vec<String>,
    /// Differences beyond those named.
    pub more_differences: u64,
}

impl Ledger {
    /// Reads all orders of a sale, page by page. Orders that change meanwhile may be seen in either
    /// state.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn all_orders(&self, sale: &SaleId) -> Result<HashMap<OrderId, Order>, Fault> {
        let [_, key, ..] = keys::of_sale(sale);
        let mut orders = HashMap::new();
        self.scan("HSCAN", &key, |id, record| {
            let id = order_id(id)?;
            let order = reply::order(&id, record)?;
            orders.insert(id, order);
            Ok(())
        })
        .await?;
        Ok(orders)
    }

    /// Recounts `sale`, also while it sells; `None` when there is no such sale.
    ///
    /// # Errors
    /// See [`Fault`]; also when some tallies or holds changed in each of many rounds.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<AuditReport>, Fault> {
        let Some(before) = self.snapshot(sale).await? else { return Ok(None) };
        let mut recount = Recount { position: before.commit_seq, ..Recount::default() };
        recount.orders = OrderBook::from(self.all_orders(sale).await?);
        recount.read_log(self, sale, before.commit_seq).await?;
        for _ in 0..ROUNDS {
            recount.scan_tallies_and_holds(self, sale).await?;
            let Some(now) = self.snapshot(sale).await? else { return Ok(None) };
            recount.catch_up(self, sale, &now).await?;
            if let Some(report) = recount.compared_with(sale, &now) {
                return Ok(Some(report));
            }
        }
        Err(Fault::NotSent(format!(
            "some buyers or holds changed in each of {ROUNDS} rounds; try again when fewer buy"
        )))
    }

    async fn scan(
        &self,
        verb: &str,
        key: &str,
        mut each: impl FnMut(&Value, &Value) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut cursor = "0".to_owned();
        loop {
            let mut command = redis::cmd(verb);
            command.arg(key).arg(&cursor).arg("COUNT").arg(PAGE);
            let reply = self.link.call(&command).await?;
            let (next, items) = match &reply {
                Value::Array(parts) => match parts.as_slice() {
                    [next, Value::Array(items)] => (reply::text(next)?, items),
                    _ => return Err(reply::strange("a page", &reply)),
                },
                _ => return Err(reply::strange("a page", &reply)),
            };
            for pair in items.chunks_exact(2) {
                each(&pair[0], &pair[1])?;
            }
            if next == "0" {
                return Ok(());
            }
            cursor = next.to_owned();
        }
    }
}

fn order_id(value: &Value) -> Result<OrderId, Fault> {
    OrderId::parse(reply::text(value)?).map_err(|_| reply::strange("an order id", value))
}

/// What was read so far, brought to `position` of the log.
#[derive(Default)]
struct Recount {
    position: u64,
    orders: OrderBook,
    /// The same orders, from nothing but the log.
    logged: OrderBook,
    log_from: u64,
    buyers: HashMap<BuyerId, u64>,
    holds: HashMap<OrderId, u64>,
    /// Who changed since the tallies and holds were scanned.
    touched: HashSet<OrderId>,
    found: Differences,
}

impl Recount {
    /// Reads the log from its first entry to `end`.
    async fn read_log(&mut self, ledger: &Ledger, sale: &SaleId, end: u64) -> Result<(), Fault> {
        let mut next = 0;
        while next <= end {
            let entries = ledger.log(sale, next, LOG_PAGE).await?;
            let Some(last) = entries.last() else { break };
            if next == 0 {
                self.log_from = entries[0].commit_seq;
            }
            next = last.commit_seq + 1;
            for entry in entries.iter().filter(|entry| entry.commit_seq <= end) {
                self.logged.apply(entry);
            }
        }
        Ok(())
    }

    async fn scan_tallies_and_holds(&mut self, ledger: &Ledger, sale: &SaleId) -> Result<(), Fault> {
        let [_, _, buyers, holds, _] = keys::of_sale(sale);
        self.buyers.clear();
        self.holds.clear();
        self.touched.clear();
        ledger
            .scan("HSCAN", &buyers, |buyer, tickets| {
                let id = BuyerId::parse(reply::text(buyer)?)
                    .map_err(|_| reply::strange("a buyer id", buyer))?;
                self.buyers.insert(id, reply::number(tickets)?);
                Ok(())
            })
            .await?;
        ledger
            .scan("ZSCAN", &holds, |id, deadline| {
                self.holds.insert(order_id(id)?, reply::number(deadline)?);
                Ok(())
            })
            .await
    }

    /// Applies what the log has gained since `position`.
    async fn catch_up(
        &mut self,
        ledger: &Ledger,
        sale: &SaleId,
        now: &Snapshot,
    ) -> Result<(), Fault> {
        while self.position < now.commit_seq {
            let entries: Vec<Entry> = ledger.log(sale, self.position + 1, LOG_PAGE).await?;
            if entries.first().is_none_or(|first| first.commit_seq != self.position + 1) {
                return Err(Fault::NotSent(
                    "the log was trimmed while it was read; acknowledge less or audit again".into(),
                ));
            }
            for entry in entries.iter().filter(|entry| entry.commit_seq <= now.commit_seq) {
                self.touched.extend(entry.events.iter().filter_map(|e| e.order().cloned()));
                self.orders.apply(entry);
                self.logged.apply(entry);
                self.position = entry.commit_seq;
            }
        }
        Ok(())
    }

    /// The report, or `None` when a tally or hold differs that changed during its scan.
    fn compared_with(&mut self, sale: &SaleId, counters: &Snapshot) -> Option<AuditReport> {
        self.found = Differences::default();
        let count = self.orders.count();
        let settled = self.compare_holds() & self.compare_tallies(&count.buyers);
        if !settled {
            return None;
        }
        self.compare_with_log();
        self.found.compare("held", Some(count.held), Some(u64::from(counters.held)));
        self.found.compare("confirmed", Some(count.confirmed), Some(u64::from(counters.confirmed)));
        let taken = i64::try_from(count.held + count.confirmed).unwrap_or(i64::MAX);
        let free = i64::from(counters.capacity) - taken;
        if free < 0 {
            self.found.note(format!("OVERSOLD by {}", -free));
        }
        let found = std::mem::take(&mut self.found);
        Some(AuditReport {
            sale: sale.to_string(),
            capacity: u64::from(counters.capacity),
            free,
            held: count.held,
            confirmed: count.confirmed,
            orders: count.states,
            commit_seq: counters.commit_seq,
            log_from: self.log_from,
            orders_in_log: self.logged.whole().count() as u64,
            ok: found.named.is_empty(),
            differences: found.named,
            more_differences: found.more,
        })
    }

    fn compare_holds(&mut self) -> bool {
        let mut settled = true;
        let held: HashMap<&OrderId, u64> = self
            .orders
            .whole()
            .filter(|(_, order)| order.state == OrderState::Held)
            .map(|(id, order)| (id, order.deadline.0))
            .collect();
        for id in held.keys().copied().chain(self.holds.keys()).collect::<HashSet<_>>() {
            let (expected, there) = (held.get(id).copied(), self.holds.get(id).copied());
            if expected != there && self.touched.contains(id) {
                settled = false;
            } else {
                self.found.compare(&format!("hold of order {id}"), expected, there);
            }
        }
        settled
    }

    fn compare_tallies(&mut self, counted: &HashMap<BuyerId, u64>) -> bool {
        let moving: HashSet<&BuyerId> =
            self.touched.iter().filter_map(|id| Some(&self.orders.get(id)?.buyer)).collect();
        let mut settled = true;
        for buyer in counted.keys().chain(self.buyers.keys()).collect::<HashSet<_>>() {
            let (expected, there) = (counted.get(buyer).copied(), self.buyers.get(buyer).copied());
            if expected != there && moving.contains(buyer) {
                settled = false;
            } else {
                self.found.compare(&format!("tally of buyer {buyer}"), expected, there);
            }
        }
        settled
    }

    /// Orders whose whole life the log still has must be there as the log tells it, and no order may be
    /// there that a whole log does not know.
    fn compare_with_log(&mut self) {
        for (id, logged) in self.logged.whole() {
            match self.orders.get(id) {
                None => self.found.note(format!("order {id}: in the log, but has no record")),
                Some(order) if order != logged => self.found.note(format!(
                    "order {id}: its record is {:?}, the log says {:?}",
                    order.pack(),
                    logged.pack()
                )),
                Some(_) => {}
            }
        }
        if self.log_from == 1 {
            for (id, _) in self.orders.whole().filter(|(id, _)| self.logged.get(id).is_none()) {
                self.found.note(format!("order {id}: has a record, but is not in the log"));
            }
        }
    }
}

#[derive(Default)]
struct Differences {
    named: Vec<String>,
    more: u64,
}

impl Differences {
    fn compare(&mut self, what: &str, orders_say: Option<u64>, ledger_says: Option<u64>) {
        if orders_say != ledger_says {
            let word = |n: Option<u64>| n.map_or_else(|| "none".to_owned(), |n| n.to_string());
            self.note(format!(
                "{what}: the orders say {}, the ledger says {}",
                word(orders_say),
                word(ledger_says)
            ));
        }
    }

    fn note(&mut self, difference: String) {
        if self.named.len() < NAMED {
            self.named.push(difference);
        } else {
            self.more += 1;
        }
    }
}
