//! Retirement of sales: moves those that have ended to a list of their own.
//!
//! Nodes that start and recoveries go through the list of sales; what has ended costs them nothing
//! there. Every node moves what it finds, so none has to be told. A sale that has ended stays so,
//! with one exception: the recovery of a ledger that lost its last moments may bring holds back. So
//! a node lists a sale again before it restores anything of it, and when it finds one that sells
//! or holds tickets and is not listed.

use super::Sales;
use lastseat_ledger::{Concern, Fault, Ledger};
use shared::{SaleId, Snapshot};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Pause between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Listed sales that nobody asks this node for, of one look: each costs a read of two fields.
const LOOKS_MAX: usize = 128;
/// Sales that are moved in one look.
const MOVES_MAX: usize = 256;

impl Sales {
    /// Begins to look for sales that have ended; ends when they are served no more.
    pub(super) fn watch_ended(&self) {
        let ledger = self.0.ledger.aside();
        let serving = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut last = None;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(inner) = serving.upgrade() else {
                    return;
                };
                if let Err(fault) = Self(inner).retire_ended(&ledger, &mut last).await {
                    tracing::debug!("sales that have ended could not be moved: {fault}");
                }
            }
        });
    }

    /// Moves sales that have ended: of those that this node serves, and of the listed ones that
    /// come after `last`, which it sets to the last one that it looked at. Not while a sale
    /// recovers: then it may still get its holds back.
    async fn retire_ended(&self, ledger: &Ledger, last: &mut Option<SaleId>) -> Result<(), Fault> {
        let recovers = self.0.counters.sales_healing.load(Ordering::Relaxed) > 0;
        if recovers || self.0.redis.has_concern(Concern::NoMove) {
            return Ok(());
        }
        let served = self.views().into_iter();
        let ended = served.filter(|view| view.snapshot.has_ended()).map(|view| view.sale);
        for sale in ended.filter(|sale| self.0.names.is_listed(sale)).take(MOVES_MAX) {
            self.retire(ledger, &sale).await?;
        }
        let others = self.0.names.listed_after(last.as_ref(), LOOKS_MAX);
        *last = others.last().cloned();
        for sale in others.iter().filter(|sale| self.open_sale_handle(sale).is_none()) {
            if ledger.has_ended(sale).await? {
                self.retire(ledger, sale).await?;
            }
        }
        Ok(())
    }

    /// Moves `sale`, which has ended.
    pub(super) async fn retire(&self, ledger: &Ledger, sale: &SaleId) -> Result<(), Fault> {
        ledger.retire_sale(sale).await?;
        self.0.names.is_retired(sale);
        Ok(())
    }

    /// Lists `sale` again if it stands as `snapshot` says and is not listed: one that has not ended
    /// belongs on the list, whatever became of it.
    pub(super) async fn list_unless_ended(&self, sale: &SaleId, snapshot: &Snapshot) {
        if snapshot.has_ended() || self.0.names.is_listed(sale) {
            return;
        }
        if let Err(fault) = self.0.ledger.list_sale(sale).await {
            tracing::debug!("sale {sale} could not be listed: {fault}");
        }
    }
}
