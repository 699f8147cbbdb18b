//! Last audit of each sale that was made through this node.

use super::NodeStatus;
use lastseat_ledger::AuditReport;
use serde::{Deserialize, Serialize};
use shared::limits::STATUS_SALES_MAX;
use shared::{SaleId, UnixMillis};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
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

/// The newest mark of each sale over the statuses of all nodes.
#[derive(Debug, Default)]
pub(crate) struct ClusterAudits(BTreeMap<String, AuditMark>);

impl ClusterAudits {
    /// Of these statuses.
    pub(crate) fn of(statuses: &[NodeStatus]) -> Self {
        let mut newest = BTreeMap::new();
        for totals in statuses.iter().flat_map(|status| &status.sales) {
            let Some(mark) = totals.audit else { continue };
            let known = newest.entry(totals.sale.clone()).or_insert(mark);
            if known.at < mark.at {
                *known = mark;
            }
        }
        Self(newest)
    }

    /// The sales of which the newest audit found differences.
    pub(crate) fn differing(&self) -> impl Iterator<Item = (&str, &AuditMark)> {
        let all = self.0.iter().map(|(sale, mark)| (sale.as_str(), mark));
        all.filter(|(_, mark)| !mark.ok)
    }

    /// The mark of `sale`.
    pub(crate) fn of_sale(&self, sale: &SaleId) -> Option<AuditMark> {
        self.0.get(sale.as_str()).copied()
    }
}

/// The marks of the sales that were audited last, bounded.
#[derive(Debug, Default)]
pub struct Audits {
    marks: Mutex<VecDeque<(SaleId, AuditMark)>>,
    made: AtomicU64,
}

impl Audits {
    /// Keeps the mark of `sale`.
    pub fn note(&self, sale: &SaleId, mark: AuditMark) {
        self.made.fetch_add(1, Ordering::Relaxed);
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.retain(|(other, _)| other != sale);
        if marks.len() == STATUS_SALES_MAX {
            marks.pop_front();
        }
        marks.push_back((sale.clone(), mark));
    }

    /// The mark of `sale`, if it was audited.
    #[must_use]
    pub fn of(&self, sale: &str) -> Option<AuditMark> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let found = marks.iter().find(|(other, _)| other.as_str() == sale);
        found.map(|(_, mark)| *mark)
    }

    /// How many audits were made.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// The sales that were audited last, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<(SaleId, AuditMark)> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.iter().rev().cloned().collect()
    }
}
