//! Which sales have a plan: their scripts have other texts and a key more.
//!
//! A script that meets a sale of the other format does nothing and says so; then the other text is
//! called, and noted.

use super::scripts::ScriptPair;
use super::{Fault, Ledger, Reply, is_fenced, letter, part, recovery, redis_keys, reply};
use redis::{Cmd, Value};
use shared::SaleId;
use shared::limits::SALES_MAX;
use shared::plan::Plan;
use shared::seats::SeatBook;
use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};

/// What a script answers instead of doing anything to a sale of the other format.
const OTHER_FORMAT: &str = "O";

/// The sales that have a plan, as far as they were asked for; at most [`SALES_MAX`].
#[derive(Debug, Default)]
pub(super) struct SaleFormats(RwLock<HashSet<SaleId>>);

impl SaleFormats {
    /// Whether `sale` has a plan; `false` also where nobody has asked yet.
    pub(super) fn has_plan(&self, sale: &SaleId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(sale)
    }

    /// Notes in which format the sale was found.
    pub(super) fn note(&self, sale: &SaleId, by_plan: bool) {
        if self.has_plan(sale) == by_plan {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !by_plan {
            known.remove(sale);
            return;
        }
        // What is dropped is asked for once more.
        if known.len() >= SALES_MAX {
            known.clear();
        }
        known.insert(sale.clone());
    }

    /// Whether a script for sales with a plan, or without one, says that the sale is of the other
    /// format. That is noted.
    fn is_other(&self, sale: &SaleId, by_plan: bool, parts: Option<&[Value]>) -> bool {
        let is_other = parts.is_some_and(is_other_format);
        if is_other {
            self.note(sale, !by_plan);
        }
        is_other
    }
}

/// The fault of a call that found a sale in neither format.
fn changed(sale: &SaleId) -> Fault {
    Fault::NotSent(format!("sale {sale} was created again while it was asked"))
}

/// The seats of a sale at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatsRead {
    /// What is taken, held or sold; due holds that were not swept yet count.
    pub book: SeatBook,
    /// Places that are held, for each class and leg.
    pub held: Vec<Vec<u32>>,
}

/// A reply of the text for the sale's format.
pub(super) struct Formatted<T> {
    /// Whether the sale has a plan.
    pub(super) by_plan: bool,
    pub(super) parts: Option<Vec<Value>>,
    pub(super) more: T,
}

pub(super) fn is_other_format(parts: &[Value]) -> bool {
    parts.get(1).is_some_and(|word| reply::text(word) == Ok(OTHER_FORMAT))
}

/// The keys of a script for a sale of this format, and perhaps one more behind them.
pub(super) fn keys(sale: &SaleId, by_plan: bool, more: Option<String>) -> Vec<String> {
    let mut keys = if by_plan {
        redis_keys::of_sale_by_plan(sale).to_vec()
    } else {
        redis_keys::of_sale(sale).to_vec()
    };
    keys.extend(more);
    keys
}

impl Ledger {
    /// As [`Ledger::change`], with the text for the sale's format; `arguments` adds its own words
    /// for a sale that has a plan, or has none.
    pub(super) async fn change_either(
        &self,
        sale: &SaleId,
        pair: &ScriptPair,
        arguments: impl Fn(&mut Cmd, bool),
    ) -> Result<Formatted<Result<(), Fault>>, Fault> {
        let known = self.formats.has_plan(sale);
        for by_plan in [known, !known] {
            let (script, keys) = (pair.of(by_plan), keys(sale, by_plan, None));
            let command = |last_seen| {
                let mut command = script.on_keys(&keys, last_seen);
                arguments(&mut command, by_plan);
                command
            };
            let (parts, more) = self.change(sale, script, command).await?;
            if !self.formats.is_other(sale, by_plan, parts.as_deref()) {
                return Ok(Formatted { by_plan, parts, more });
            }
        }
        Err(changed(sale))
    }

    /// As [`Ledger::run`], with the text for the sale's format and, behind its other keys, perhaps
    /// one more.
    pub(super) async fn run_either(
        &self,
        sale: &SaleId,
        pair: &ScriptPair,
        (last_seen, more_key): (u64, Option<String>),
        arguments: impl Fn(&mut Cmd, bool),
    ) -> Result<Option<Vec<Value>>, Fault> {
        let known = self.formats.has_plan(sale);
        for by_plan in [known, !known] {
            let (script, keys) = (pair.of(by_plan), keys(sale, by_plan, more_key.clone()));
            let mut command = script.on_keys(&keys, last_seen);
            arguments(&mut command, by_plan);
            let parts = self.run(script, &command).await?;
            if !self.formats.is_other(sale, by_plan, parts.as_deref()) {
                return Ok(parts);
            }
        }
        Err(changed(sale))
    }

    /// The plan of a sale; `None` where it has none, or there is no such sale.
    ///
    /// # Errors
    /// See [`Fault`]; `Corrupt` where what is stored is no plan.
    pub async fn plan(&self, sale: &SaleId) -> Result<Option<Arc<Plan>>, Fault> {
        Ok(self.find_plan(sale).await?.flatten())
    }

    /// As [`Ledger::plan`]; the outer `None` says that there is no such sale.
    ///
    /// # Errors
    /// See [`Ledger::plan`].
    pub async fn find_plan(&self, sale: &SaleId) -> Result<Option<Option<Arc<Plan>>>, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        let found = self.call(redis::cmd("HMGET").arg(key).arg("format").arg("plan")).await?;
        let found = reply::items(found)?;
        let found = match found.as_slice() {
            [Value::Nil, Value::Nil] => return Ok(None),
            [_, Value::Nil] => return Ok(Some(None)),
            [_, plan] => reply::text(plan)?,
            _ => return Err(reply::strange("two fields", &Value::Array(found))),
        };
        let plan = Plan::from_json(found)
            .map_err(|errors| Fault::Corrupt(format!("the plan of sale {sale}: {errors}")))?;
        self.formats.note(sale, true);
        Ok(Some(Some(Arc::new(plan))))
    }

    /// The seats of a sale with this plan as they stand, and how the sale stands at the same
    /// moment. `None` where there is no such sale or it has no plan.
    ///
    /// # Errors
    /// See [`Fault`]; `Corrupt` where the seats are not those of the plan.
    pub async fn seats(&self, sale: &SaleId, plan: &Plan) -> Reply<SeatsRead> {
        let script = &self.scripts().read_seats;
        let read = async || {
            let last_seen = self.acknowledged.commit_seq(sale);
            self.run(script, &script.on_keys(&keys(sale, true, None), last_seen)).await
        };
        let mut parts = read().await?;
        if parts.as_deref().is_some_and(is_fenced) && self.adopt(sale).await? {
            parts = read().await?;
        }
        let Some(parts) = parts.filter(|parts| !is_other_format(parts)) else {
            return Ok(None);
        };
        if is_fenced(&parts) {
            self.recovering.want(sale);
            return Err(recovery::healing(sale));
        }
        let snapshot = self.observed(sale, &parts)?;
        let seats = match (letter(&parts)?, part(&parts, 2)?) {
            (b'd', Value::BulkString(bytes)) => plan.read_seats(bytes),
            (_, other) => return Err(reply::strange("the seats of a sale", other)),
        };
        let (book, held) = seats.ok_or_else(|| {
            Fault::Corrupt(format!("the seats of sale {sale} are not those of its plan"))
        })?;
        Ok(Some((snapshot, SeatsRead { book, held })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::OrderId;
    use shared::seats::OrderPart;

    /// A node answers each request on whichever thread is free.
    #[test]
    fn calls_in_either_format_can_go_from_thread_to_thread() {
        fn can<T: Send>(_: impl Fn(Ledger, SaleId, OrderId) -> T) {}
        can(async |ledger: Ledger, sale: SaleId, id: OrderId| {
            let _ = ledger.confirm(&sale, &id, &OrderPart::Whole).await;
        });
    }

    #[test]
    fn formats_are_kept_and_dropped_before_they_are_more_than_a_node_has_sales() {
        let formats = SaleFormats::default();
        let sale = |n: usize| SaleId::parse(&format!("sale-{n}")).unwrap();
        assert!(!formats.has_plan(&sale(0)));
        for n in 0..=SALES_MAX {
            formats.note(&sale(n), true);
        }
        assert!(formats.has_plan(&sale(SALES_MAX)) && !formats.has_plan(&sale(0)));
        formats.note(&sale(SALES_MAX), false);
        assert!(!formats.has_plan(&sale(SALES_MAX)));
    }
}
