//! Last audit of each sale that was made through this node.

use lastseat_ledger::AuditReport;
use serde::{Deserialize, Serialize};
use shared::limits::STATUS_SALES_MAX;
use shared::{SaleId, UnixMillis};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// What an audit found, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditMark {
    /// When it was made.
    pub at: UnixMillis,
    /// Whether everything agreed.
    pub ok: bool,
    /// Tickets that exist.
    pub capacity: u64,
    /// Tickets that nobody has, recounted.
    pub free: i64,
    /// Tickets in held orders, recounted.
    pub held: u64,
    /// Tickets in confirmed orders, recounted.
    pub confirmed: u64,
    /// How many differences it named.
    pub differences: u64,
}

impl AuditMark {
    /// The mark of `report`.
    #[must_use]
    pub fn new(at: UnixMillis, report: &AuditReport) -> Self {
        Self {
            at,
            ok: report.ok,
            capacity: report.capacity,
            free: report.free,
            held: report.held,
            confirmed: report.confirmed,
            differences: report.differences.len() as u64 + report.more_differences,
        }
    }

    /// The later of two.
    pub(super) fn newer(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        [a, b].into_iter().flatten().max_by_key(|mark| mark.at)
    }
}

/// The marks of the sales that were audited last, bounded.
#[derive(Debug, Default)]
pub struct Audits(Mutex<VecDeque<(SaleId, AuditMark)>>);

impl Audits {
    /// Keeps the mark of `sale`.
    pub fn note(&self, sale: &SaleId, mark: AuditMark) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|(other, _)| other != sale);
        if marks.len() == STATUS_SALES_MAX {
            marks.pop_front();
        }
        marks.push_back((sale.clone(), mark));
    }

    /// The mark of `sale`, if it was audited.
    #[must_use]
    pub fn of(&self, sale: &str) -> Option<AuditMark> {
        let marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = marks.iter().find(|(other, _)| other.as_str() == sale);
        found.map(|(_, mark)| *mark)
    }
}
