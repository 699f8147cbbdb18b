//! The audit: recounts a sale from its orders and from its log, and compares both with the counters.
//!
//! It works while the sale sells. A scan of a changing hash sees each order in some state between the
//! log positions before and after it; applying the log entries of that range again brings every order to the end
//! of the range exactly, because events name the new state, not the difference (the redo of a fuzzy
//! checkpoint, as in ARIES). Tallies and holds that moved during their scan are read once more, together with the
//! position of the log that they stand for.

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
/// Tallies and holds that are read once more in one call.
const PEEK: usize = 500;

/// Hears how far an audit is: of what, how many, of how many.
pub type Tell<'a> = dyn Fn(&'static str, u64, u64) + Send + Sync + 'a;

/// What a recount found.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
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
        self.all_orders_telling(sale, &|_, _, _| {}).await
    }

    async fn all_orders_telling(
        &self,
        sale: &SaleId,
        tell: &Tell<'_>,
    ) -> Result<HashMap<OrderId, Order>, Fault> {
        let [_, key, ..] = keys::of_sale(sale);
        let all = self.orders_granted(sale).await?;
        let mut orders = HashMap::new();
        self.scan("HSCAN", &key, |id, record| {
            let id = order_id(id)?;
            let order = reply::order(&id, record)?;
            orders.insert(id, order);
            if orders.len() % PAGE == 0 {
                tell("orders", orders.len() as u64, all);
            }
            Ok(())
        })
        .await?;
        Ok(orders)
    }

    /// Recounts `sale`, also while it sells; `None` when there is no such sale.
    ///
    /// # Errors
    /// See [`Fault`]; also when the log is trimmed faster than it is read.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<AuditReport>, Fault> {
        self.audit_telling(sale, &|_, _, _| {}).await
    }

    /// As [`Ledger::audit`], telling `tell` how far it is: of what, how many, of how many.
    ///
    /// # Errors
    /// As [`Ledger::audit`].
    pub async fn audit_telling(
        &self,
        sale: &SaleId,
        tell: &Tell<'_>,
    ) -> Result<Option<AuditReport>, Fault> {
        let Some(before) = self.snapshot(sale).await? else {
            return Ok(None);
        };
        let mut recount = Recount {
            position: before.commit_seq,
            ..Recount::default()
        };
        recount.orders = OrderBook::from(self.all_orders_telling(sale, tell).await?);
        recount
            .read_log(self, sale, before.commit_seq, tell)
            .await?;
        recount.scan_tallies_and_holds(self, sale).await?;
        let Some(now) = self.snapshot(sale).await? else {
            return Ok(None);
        };
        recount.catch_up(self, sale, now.commit_seq).await?;
        recount.check_names(self, sale).await?;
        let Some(counters) = self.snapshot(sale).await? else {
            return Ok(None);
        };
        recount.catch_up(self, sale, counters.commit_seq).await?;
        Ok(Some(recount.report(sale, &counters)))
    }

    /// Tallies, holds and the position of the log that they stand for.
    async fn peek(
        &self,
        sale: &SaleId,
        buyers: &[BuyerId],
        orders: &[OrderId],
    ) -> Result<(u64, Vec<Value>, Vec<Value>), Fault> {
        let script = &self.scripts().peek;
        let mut command = script.reads(sale);
        command.arg(buyers.len());
        buyers.iter().for_each(|buyer| {
            command.arg(buyer.as_str());
        });
        orders.iter().for_each(|id| {
            command.arg(id.as_str());
        });
        let parts = self.run(script, &command).await?.unwrap_or_default();
        match parts.as_slice() {
            [seq, Value::Array(tallies), Value::Array(deadlines)] => {
                Ok((reply::number(seq)?, tallies.clone(), deadlines.clone()))
            }
            _ => Err(Fault::Corrupt("peek.lua answered something else".into())),
        }
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
            let reply = self.call(&command).await?;
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

fn perhaps(value: &Value) -> Result<Option<u64>, Fault> {
    if *value == Value::Nil {
        Ok(None)
    } else {
        reply::number(value).map(Some)
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
    found: Differences,
}

impl Recount {
    /// Reads the log from its first entry to `end`.
    async fn read_log(
        &mut self,
        ledger: &Ledger,
        sale: &SaleId,
        end: u64,
        tell: &Tell<'_>,
    ) -> Result<(), Fault> {
        let mut next = 0;
        while next <= end {
            let entries = ledger.log(sale, next, LOG_PAGE).await?;
            let Some(last) = entries.last() else { break };
            if next == 0 {
                self.log_from = entries[0].commit_seq;
            }
            next = last.commit_seq + 1;
            tell("entries of the log", last.commit_seq, end);
            for entry in entries.iter().filter(|entry| entry.commit_seq <= end) {
                self.logged.apply(entry);
            }
        }
        Ok(())
    }

    async fn scan_tallies_and_holds(
        &mut self,
        ledger: &Ledger,
        sale: &SaleId,
    ) -> Result<(), Fault> {
        let [_, _, buyers, holds, _] = keys::of_sale(sale);
        self.buyers.clear();
        self.holds.clear();
        ledger
            .scan("HSCAN", &buyers, |buyer, tickets| {
                // How many orders of a buyer have ended is kept beside the tallies.
                if reply::text(buyer)?.starts_with("ended ") {
                    return Ok(());
                }
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

    /// Applies what the log has gained since `position`, as far as `end`.
    async fn catch_up(&mut self, ledger: &Ledger, sale: &SaleId, end: u64) -> Result<(), Fault> {
        while self.position < end {
            let entries: Vec<Entry> = ledger.log(sale, self.position + 1, LOG_PAGE).await?;
            if entries
                .first()
                .is_none_or(|first| !first.follows(self.position))
            {
                return Err(Fault::NotSent(
                    "the log was trimmed while it was read; acknowledge less or audit again".into(),
                ));
            }
            for entry in entries.iter().filter(|entry| entry.commit_seq <= end) {
                self.orders.apply(entry);
                self.logged.apply(entry);
                self.position = entry.commit_seq;
            }
        }
        Ok(())
    }

    /// Compares each tally and each hold with the orders. What differs after the scan is read once more at one
    /// position of the log, and only what differs there differs.
    async fn check_names(&mut self, ledger: &Ledger, sale: &SaleId) -> Result<(), Fault> {
        let tallies = self.orders.count().buyers;
        let buyers: HashSet<&BuyerId> = tallies.keys().chain(self.buyers.keys()).collect();
        let buyers: Vec<BuyerId> = buyers
            .into_iter()
            .filter(|buyer| tallies.get(*buyer) != self.buyers.get(*buyer))
            .cloned()
            .collect();
        let held: HashSet<&OrderId> = self
            .orders
            .whole()
            .filter(|(_, order)| order.state == OrderState::Held)
            .map(|(id, _)| id)
            .collect();
        let orders: Vec<OrderId> = held
            .into_iter()
            .chain(self.holds.keys())
            .filter(|id| self.deadline(id) != self.holds.get(*id).copied())
            .cloned()
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
        for buyers in buyers.chunks(PEEK) {
            let (position, tallies, _) = ledger.peek(sale, buyers, &[]).await?;
            self.catch_up(ledger, sale, position).await?;
            let counted = self.orders.count().buyers;
            for (buyer, tally) in buyers.iter().zip(&tallies) {
                let what = format!("tally of buyer {buyer}");
                self.found
                    .compare(&what, counted.get(buyer).copied(), perhaps(tally)?);
            }
        }
        for orders in orders.chunks(PEEK) {
            let (position, _, deadlines) = ledger.peek(sale, &[], orders).await?;
            self.catch_up(ledger, sale, position).await?;
            for (id, deadline) in orders.iter().zip(&deadlines) {
                let what = format!("hold of order {id}");
                self.found
                    .compare(&what, self.deadline(id), perhaps(deadline)?);
            }
        }
        Ok(())
    }

    /// When the hold of this order ends, if the orders say that it is held.
    fn deadline(&self, id: &OrderId) -> Option<u64> {
        let order = self.orders.get(id)?;
        (order.state == OrderState::Held).then_some(order.deadline.0)
    }

    fn report(mut self, sale: &SaleId, counters: &Snapshot) -> AuditReport {
        self.compare_with_log();
        let count = self.orders.count();
        self.found
            .compare("held", Some(count.held), Some(u64::from(counters.held)));
        self.found.compare(
            "confirmed",
            Some(count.confirmed),
            Some(u64::from(counters.confirmed)),
        );
        let taken = i64::try_from(count.held + count.confirmed).unwrap_or(i64::MAX);
        let free = i64::from(counters.capacity) - taken;
        if free < 0 {
            self.found.note(format!("OVERSOLD by {}", -free));
        }
        AuditReport {
            sale: sale.to_string(),
            capacity: u64::from(counters.capacity),
            free,
            held: count.held,
            confirmed: count.confirmed,
            orders: count.states,
            commit_seq: counters.commit_seq,
            log_from: self.log_from,
            orders_in_log: self.logged.whole().count() as u64,
            ok: self.found.named.is_empty(),
            differences: self.found.named,
            more_differences: self.found.more,
        }
    }

    /// Orders whose whole life the log still has must be there as the log tells it, and no order may be
    /// there that a whole log does not know.
    fn compare_with_log(&mut self) {
        for (id, logged) in self.logged.whole() {
            match self.orders.get(id) {
                None => self
                    .found
                    .note(format!("order {id}: in the log, but has no record")),
                Some(order) if order != logged => self.found.note(format!(
                    "order {id}: its record is {:?}, the log says {:?}",
                    order.pack(),
                    logged.pack()
                )),
                Some(_) => {}
            }
        }
        if self.log_from == 1 {
            for (id, _) in self
                .orders
                .whole()
                .filter(|(id, _)| self.logged.get(id).is_none())
            {
                self.found
                    .note(format!("order {id}: has a record, but is not in the log"));
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
