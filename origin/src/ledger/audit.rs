//! The audit: recounts a sale from its orders and compares the result with the counters.

use super::{Fault, Ledger, keys, reply};
use redis::Value;
use serde::Serialize;
use shared::{BuyerId, Order, OrderId, OrderState, SaleId};
use std::collections::{BTreeMap, HashMap};

/// Orders that one page reads. A page takes Redis well below 5 ms.
const PAGE: usize = 1_000;
/// Differences that a report names; more are only counted.
const NAMED: usize = 100;

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
            let id = OrderId::parse(reply::text(id)?)
                .map_err(|_| reply::strange("an order id", id))?;
            let order = reply::order(&id, record)?;
            orders.insert(id, order);
            Ok(())
        })
        .await?;
        Ok(orders)
    }

    /// Recounts `sale`. A sale that sells meanwhile is counted again until a quiet pass, at most 20 times.
    ///
    /// # Errors
    /// See [`Fault`]; also when the sale never held still.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<AuditReport>, Fault> {
        for _ in 0..20 {
            let Some(before) = self.snapshot(sale).await? else { return Ok(None) };
            let report = self.recount(sale).await?;
            let after = self.snapshot(sale).await?;
            if after.is_some_and(|after| after.commit_seq == before.commit_seq) {
                return Ok(Some(report.compared_with(&before, sale)));
            }
        }
        Err(Fault::NotSent("the sale changed during each of 20 recounts; try again".into()))
    }

    async fn recount(&self, sale: &SaleId) -> Result<Recount, Fault> {
        let [_, _, buyers, holds, _] = keys::of_sale(sale);
        let mut recount = Recount { orders: self.all_orders(sale).await?, ..Recount::default() };
        self.scan("HSCAN", &buyers, |buyer, tickets| {
            let id = BuyerId::parse(reply::text(buyer)?)
                .map_err(|_| reply::strange("a buyer id", buyer))?;
            recount.buyers.insert(id, reply::number(tickets)?);
            Ok(())
        })
        .await?;
        self.scan("ZSCAN", &holds, |id, deadline| {
            recount.holds.insert(reply::text(id)?.to_owned(), reply::number(deadline)?);
            Ok(())
        })
        .await?;
        Ok(recount)
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

#[derive(Default)]
struct Recount {
    orders: HashMap<OrderId, Order>,
    buyers: HashMap<BuyerId, u64>,
    holds: HashMap<String, u64>,
}

impl Recount {
    fn compared_with(self, counters: &shared::Snapshot, sale: &SaleId) -> AuditReport {
        let mut found = Differences::default();
        let (mut held, mut confirmed) = (0, 0);
        let mut states = BTreeMap::new();
        let mut buyers: HashMap<&BuyerId, u64> = HashMap::new();
        for (id, order) in &self.orders {
            *states.entry(order.state.as_str()).or_default() += 1;
            match order.state {
                OrderState::Held => held += u64::from(order.taken),
                OrderState::Confirmed => confirmed += u64::from(order.taken),
                OrderState::Cancelled | OrderState::Expired => {}
            }
            if order.state.takes() {
                *buyers.entry(&order.buyer).or_default() += u64::from(order.taken);
            }
            let expected = (order.state == OrderState::Held).then_some(order.deadline.0);
            found.compare(&format!("hold of order {id}"), expected, self.holds.get(id.as_str()).copied());
        }
        for id in self.holds.keys() {
            if OrderId::parse(id).map_or(true, |id| !self.orders.contains_key(&id)) {
                found.note(format!("hold of order {id}: there is no such order"));
            }
        }
        for buyer in self.buyers.keys().filter(|b| !buyers.contains_key(b)) {
            found.note(format!("tally of buyer {buyer}: they have no tickets"));
        }
        for (buyer, tickets) in buyers {
            found.compare(&format!("tally of buyer {buyer}"), Some(tickets), self.buyers.get(buyer).copied());
        }
        found.compare("held", Some(held), Some(u64::from(counters.held)));
        found.compare("confirmed", Some(confirmed), Some(u64::from(counters.confirmed)));
        let free = i64::from(counters.capacity) - i64::try_from(held + confirmed).unwrap_or(i64::MAX);
        if free < 0 {
            found.note(format!("OVERSOLD by {}", -free));
        }
        AuditReport {
            sale: sale.to_string(),
            capacity: u64::from(counters.capacity),
            free,
            held,
            confirmed,
            orders: states,
            commit_seq: counters.commit_seq,
            ok: found.named.is_empty(),
            differences: found.named,
            more_differences: found.more,
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
