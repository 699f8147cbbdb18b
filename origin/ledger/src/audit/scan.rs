//! Scans of a sale's keys. What is not as lastseat writes it is kept aside, never an error.

use super::super::scan::SCAN_PAGE as PAGE;
use super::super::{Fault, Ledger, redis_keys};
use super::AuditProgress;
use super::sale_read::{bytes, number};
use redis::Value;
use shared::{BuyerId, Order, OrderId, SaleId};
use std::collections::{BTreeSet, HashMap};

/// Foreign names that are kept of each key; more are only counted, and then no repair is planned.
pub(super) const FOREIGN_MAX: usize = 10_000;
/// What the field of a buyer's ended orders begins with; no buyer's id is stored with a space.
pub(super) const ENDED: &str = "ended ";

/// Names that lastseat does not write, as they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Foreign {
    pub names: BTreeSet<Vec<u8>>,
    /// Names beyond the first 10,000.
    pub more: u64,
}

impl Foreign {
    fn push(&mut self, name: &Value) {
        // A scan may name a field twice.
        let name = bytes(name).unwrap_or_default();
        if self.names.len() < FOREIGN_MAX {
            self.names.insert(name.to_vec());
        } else if !self.names.contains(name) {
            self.more += 1;
        }
    }
}

/// The records of a sale.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    pub orders: HashMap<OrderId, Order>,
    /// Of these ids there is a record that cannot be read, as it is.
    pub invalid: HashMap<OrderId, Vec<u8>>,
    /// Fields that are no order ids.
    pub foreign: Foreign,
}

/// The tallies of a sale; `None` where one is no number.
#[derive(Clone, Debug, Default)]
pub(super) struct Tallies {
    pub taken: HashMap<BuyerId, Option<u64>>,
    pub ended: HashMap<BuyerId, Option<u64>>,
    /// Fields that are no buyers.
    pub foreign: Foreign,
}

/// The holds of a sale; `None` where a deadline is no whole number.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds {
    pub deadlines: HashMap<OrderId, Option<u64>>,
    /// Members that are no order ids.
    pub foreign: Foreign,
}

impl Ledger {
    pub(super) async fn scan_records(
        &self,
        sale: &SaleId,
        progress: &AuditProgress<'_>,
    ) -> Result<Records, Fault> {
        let [_, key, ..] = redis_keys::of_sale(sale);
        let all = self.orders_granted(sale).await?;
        let mut records = Records::default();
        self.scan("HSCAN", &key, |name, record| {
            let Some(id) = parse(name, |text| OrderId::parse(text).ok()) else {
                records.foreign.push(name);
                return Ok(());
            };
            let order = parse(record, |text| Order::unpack(&id, text).ok());
            match order.filter(counts_exactly) {
                Some(order) => {
                    records.orders.insert(id, order);
                }
                None => {
                    let record = bytes(record).unwrap_or_default().to_vec();
                    records.invalid.insert(id, record);
                }
            }
            let done = records.orders.len();
            if done % PAGE == 0 {
                progress("orders", done as u64, all);
            }
            Ok(())
        })
        .await?;
        Ok(records)
    }

    pub(super) async fn scan_tallies(&self, sale: &SaleId) -> Result<Tallies, Fault> {
        let [_, _, key, ..] = redis_keys::of_sale(sale);
        let mut tallies = Tallies::default();
        self.scan("HSCAN", &key, |name, value| {
            let buyer = |text: &str| {
                let ended = text.strip_prefix(ENDED);
                let id = BuyerId::of_stored(ended.unwrap_or(text)).ok()?;
                Some((id, ended.is_some()))
            };
            let tally = bytes(value).and_then(number);
            match parse(name, buyer) {
                Some((id, true)) => {
                    tallies.ended.insert(id, tally);
                }
                Some((id, false)) => {
                    tallies.taken.insert(id, tally);
                }
                None => tallies.foreign.push(name),
            }
            Ok(())
        })
        .await?;
        Ok(tallies)
    }

    pub(super) async fn scan_holds(&self, sale: &SaleId) -> Result<Holds, Fault> {
        let [_, _, _, key, _] = redis_keys::of_sale(sale);
        let mut holds = Holds::default();
        self.scan("ZSCAN", &key, |name, deadline| {
            match parse(name, |text| OrderId::parse(text).ok()) {
                Some(id) => {
                    let deadline = bytes(deadline).and_then(number);
                    holds.deadlines.insert(id, deadline);
                }
                None => holds.foreign.push(name),
            }
            Ok(())
        })
        .await?;
        Ok(holds)
    }

    /// Calls `each` with each pair of the key, at least once.
    pub(super) async fn scan(
        &self,
        verb: &str,
        key: &str,
        mut each: impl FnMut(&Value, &Value) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut cursor = 0;
        loop {
            let page = self.scan_page(verb, key, cursor).await?;
            for (name, value) in page.pairs() {
                each(name, value)?;
            }
            if page.next == 0 {
                return Ok(());
            }
            cursor = page.next;
        }
    }
}

fn parse<T>(value: &Value, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    read(std::str::from_utf8(bytes(value)?).ok()?)
}

/// Numbers that Lua counts exactly and writes in full.
fn counts_exactly(order: &Order) -> bool {
    let bound = shared::UnixMillis::LAST;
    order.created_at <= bound
        && order.deadline <= bound
        && order.asked <= shared::limits::CAPACITY_MAX
}
