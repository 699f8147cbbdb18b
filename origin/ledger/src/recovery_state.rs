//! State of the running recovery, shared by all handles of a ledger.
//!
//! It has the nodes that sales wait for, the sales that are to be recovered, and those whose
//! recovery ended and that are to be audited.

use shared::SaleId;
use shared::limits::SALES_MAX;
use shared::recovery::View;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Empty in a process that has no healer.
#[derive(Debug, Default)]
pub struct Recovering {
    /// By history of Redis: one, or in a Cluster one for each master.
    views: Mutex<BTreeMap<String, View>>,
    requested: Mutex<Wanted>,
    wanted_wake: Notify,
    ended: Mutex<Ended>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct Ended {
    sales: VecDeque<SaleId>,
    listed: HashSet<SaleId>,
}

/// Sales that are to be healed, or looked at.
#[derive(Debug, Default)]
pub struct Wanted {
    /// All of them.
    pub all: bool,
    /// These.
    pub sales: HashSet<SaleId>,
}

impl Recovering {
    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.requested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `sale` may lack orders.
    pub fn want(&self, sale: &SaleId) {
        let mut wanted = self.wanted();
        if !wanted.all && wanted.sales.len() < SALES_MAX && !wanted.sales.contains(sale) {
            wanted.sales.insert(sale.clone());
        }
        drop(wanted);
        self.wanted_wake.notify_one();
    }

    /// Any sale may lack orders.
    pub fn want_all(&self) {
        self.wanted().all = true;
        self.wanted_wake.notify_one();
    }

    /// What is wanted now, if anything is.
    pub fn wanted_now(&self) -> Option<Wanted> {
        let wanted = std::mem::take(&mut *self.wanted());
        (wanted.all || !wanted.sales.is_empty()).then_some(wanted)
    }

    /// Waits until something is wanted.
    pub async fn next(&self) -> Wanted {
        loop {
            if let Some(wanted) = self.wanted_now() {
                return wanted;
            }
            self.wanted_wake.notified().await;
        }
    }

    fn views(&self) -> MutexGuard<'_, BTreeMap<String, View>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on these are the histories, and whom their sales wait for.
    pub fn publish(&self, views: impl Iterator<Item = View>) {
        let views = views.map(|view| (view.history.clone(), view)).collect();
        *self.views() = views;
    }

    /// The view where there is one history: `Some(None)` = nothing is known yet.
    #[allow(clippy::option_option, reason = "unknown, none, one")]
    pub(super) fn only_view(&self) -> Option<Option<View>> {
        let views = self.views();
        match views.len() {
            0 => Some(None),
            1 => Some(views.values().next().cloned()),
            _ => None,
        }
    }

    /// Whom the sales of `history` wait for.
    pub(super) fn view(&self, history: &str) -> Option<View> {
        self.views().get(history).cloned()
    }

    /// The recovery of `sale` was ended here: it is to be audited, before others if entries of it
    /// were lost.
    pub fn has_ended(&self, sale: &SaleId, lost: bool) {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.sales.len() < SALES_MAX && ended.listed.insert(sale.clone()) {
            if lost {
                ended.sales.push_front(sale.clone());
            } else {
                ended.sales.push_back(sale.clone());
            }
        }
        drop(ended);
        self.wake.notify_one();
    }

    /// Waits for a sale that is to be audited.
    pub async fn next_ended(&self) -> SaleId {
        loop {
            if let Some(sale) = self.take_ended() {
                return sale;
            }
            self.wake.notified().await;
        }
    }

    fn take_ended(&self) -> Option<SaleId> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let sale = ended.sales.pop_front()?;
        ended.listed.remove(&sale);
        Some(sale)
    }
}
