//! The audit: recounts a sale from its orders and from its log, and compares both with the
//! counters.
//!
//! It works while the sale sells. A scan of a changing hash sees each order in some state between
//! the log positions before and after it; applying the log entries of that range again brings every
//! order to the end of the range exactly, because events name the new state, not the difference
//! (the redo of a fuzzy checkpoint, as in ARIES). Tallies and holds that moved during their scan
//! are read once more, together with the position of the log that they stand for.
//!
//! It works on damaged data, too: it reads keys and fields as they are, by no script that expects
//! something of them, names what lastseat does not write, and goes on. It writes nothing.

mod fields;
mod found;
mod legs;
mod log;
pub mod plan;
mod plan_fields;
mod recount;
mod sale_read;
mod scan;
mod seats;

pub use found::{Finding, FindingKind, NotChecked};
pub use legs::AuditedLeg;

use super::{Fault, Ledger, redis_keys, reply};
use plan::{Choices, RepairPlan};
use recount::Recount;
use serde::{Deserialize, Serialize};
use shared::{Order, OrderId, SaleId};
use std::collections::{BTreeMap, HashMap};

/// Times that an audit begins anew because the log was trimmed faster than it was read.
const ATTEMPTS: u32 = 3;

/// Receives how far an audit is: of what, how many, of how many.
pub type AuditProgress<'a> = dyn Fn(&'static str, u64, u64) + Send + Sync + 'a;

/// What a recount found.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditReport {
    /// The sale.
    pub sale: String,
    /// Tickets that exist, by the counters; by the log where they do not say it. In a sale with a
    /// plan this, and what follows, are places on legs.
    pub capacity: u64,
    /// Tickets that nobody has, recounted: capacity - held - confirmed.
    pub free: i64,
    /// Tickets in held orders, recounted.
    pub held: u64,
    /// Tickets in confirmed orders, recounted.
    pub confirmed: u64,
    /// Orders by state, recounted.
    pub orders: BTreeMap<String, u64>,
    /// Position of the log that the recount stands for.
    pub commit_seq: u64,
    /// First position that the log still has, 0 where it has none; what is before was acknowledged
    /// and trimmed.
    pub log_from: u64,
    /// Orders whose whole life is in the log and was compared with their records.
    pub orders_in_log: u64,
    /// Whether nothing differs and nothing was left unchecked that matters.
    pub ok: bool,
    /// Each difference by name, as a sentence; at most 50 of each kind.
    pub differences: Vec<String>,
    /// Differences beyond those named.
    pub more_differences: u64,
    /// The same differences, in parts, in the same order.
    pub findings: Vec<Finding>,
    /// How many there are of each kind, named or not.
    pub kinds: BTreeMap<FindingKind, u64>,
    /// What could not be checked.
    pub not_checked: Vec<NotChecked>,
    /// In a sale with a plan, each leg of each class: first those on which something differs, then
    /// those with the fewest free places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legs: Vec<AuditedLeg>,
}

impl Ledger {
    /// Reads all orders of a sale, page by page. Orders that change meanwhile may be seen in either
    /// state.
    ///
    /// # Errors
    /// See [`Fault`]; `Corrupt` also where one is none.
    pub async fn all_orders(&self, sale: &SaleId) -> Result<HashMap<OrderId, Order>, Fault> {
        let [_, key, ..] = redis_keys::of_sale(sale);
        let mut orders = HashMap::new();
        self.scan("HSCAN", &key, |id, record| {
            let id =
                OrderId::parse(reply::text(id)?).map_err(|_| reply::strange("an order id", id))?;
            let order = reply::order(&id, record)?;
            orders.insert(id, order);
            Ok(())
        })
        .await?;
        Ok(orders)
    }

    /// Recounts `sale`, also while it sells and whatever its data is; `None` when there is no such
    /// sale.
    ///
    /// # Errors
    /// See [`Fault`]: Redis does not answer. Never because of what lies there.
    pub async fn audit(&self, sale: &SaleId) -> Result<Option<AuditReport>, Fault> {
        self.audit_with_progress(sale, &|_, _, _| {}).await
    }

    /// As [`Ledger::audit`], reporting to `progress` how far it is: of what, how many, of how many.
    ///
    /// # Errors
    /// As [`Ledger::audit`].
    pub async fn audit_with_progress(
        &self,
        sale: &SaleId,
        progress: &AuditProgress<'_>,
    ) -> Result<Option<AuditReport>, Fault> {
        let recount = self.recount(sale, progress).await?;
        Ok(recount.map(|recount| recount.report()))
    }

    /// Audits `sale` and plans how to bring it in line with its orders and its log. Nothing is
    /// changed. The plan is for a sale that does not sell meanwhile.
    ///
    /// # Errors
    /// As [`Ledger::audit`].
    pub async fn plan_repair(
        &self,
        sale: &SaleId,
        choices: &Choices,
        progress: &AuditProgress<'_>,
    ) -> Result<Option<(AuditReport, RepairPlan)>, Fault> {
        let recount = self.recount(sale, progress).await?;
        Ok(recount.map(|recount| (recount.report(), RepairPlan::new(&recount, choices))))
    }

    async fn recount(
        &self,
        sale: &SaleId,
        progress: &AuditProgress<'_>,
    ) -> Result<Option<Recount>, Fault> {
        for _ in 0..ATTEMPTS {
            if let Ok(recount) = Recount::make(self, sale, progress).await? {
                return Ok(recount);
            }
        }
        Err(Fault::NotSent(
            "the log was trimmed while it was read; acknowledge less or audit again".into(),
        ))
    }
}
