//! What a node does for its sales without being asked: opens those that are listed, looks for lost
//! ones, and lets sales open and close at their moments.

use super::Sales;
use crate::moments::{self, ComingMoments, POLLS_MAX};
use futures_util::{StreamExt as _, stream};
use shared::limits::SALES_LOOKED_AT_MAX;
use shared::{SaleId, Snapshot, UnixMillis};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Time between two looks for sales that the ledger has lost, and how many are asked for in one.
const LOST_RECHECK: Duration = Duration::from_secs(2);
const LOST_RECHECKS_MAX: usize = 64;

impl Sales {
    /// Starts all of it; each task ends with the last of these sales.
    pub(super) fn start_tasks(&self) {
        let opener = self.clone();
        tokio::spawn(async move { opener.open_known_sales().await });
        let serving = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOST_RECHECK).await;
                match serving.upgrade() {
                    Some(inner) => Self(inner).find_lost().await,
                    None => return,
                }
            }
        });
        self.watch_ended();
        let looking = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            while let Some(inner) = looking.upgrade() {
                let pause = Self(inner).poll_due().await;
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Opens handles for the listed sales that have not ended, so that their holds expire on time
    /// although nobody asks for them. One that has ended is opened when somebody does.
    async fn open_known_sales(&self) {
        let known = match self.0.ledger.sales().await {
            Ok(known) => known,
            Err(fault) => return tracing::warn!("the list of sales could not be read: {fault}"),
        };
        // Those of a lastseat that knew one list only, too.
        let mut moves = true;
        for sale in known.iter().take(SALES_LOOKED_AT_MAX) {
            // It is not observed: the sales of past years would fill the tables of this process.
            if self.0.ledger.has_ended(sale).await.unwrap_or(false) {
                moves = moves && self.retire(&self.0.ledger, sale).await.is_ok();
                continue;
            }
            let found = self.0.ledger.snapshot(sale).await;
            let opened = match found.and_then(|found| self.there(sale, found)) {
                Ok(Some(snapshot)) if snapshot.has_ended() => continue,
                Ok(Some(snapshot)) => {
                    self.note_moment(sale, &snapshot).await;
                    self.open(sale, &snapshot).map(drop)
                }
                // Listed before it was created.
                Ok(None) => continue,
                Err(fault) => Err(fault),
            };
            if let Err(fault) = opened {
                tracing::warn!("sale {sale} could not be read: {fault}");
            }
        }
    }

    /// Looks whether the ledger still has the sales that this node serves and that it does not list
    /// any more.
    async fn find_lost(&self) {
        // A lost one that was created again is to be healed by every node that serves it, also one
        // that nobody asks.
        let mut sales = self.0.names.lost_sales();
        sales.truncate(LOST_RECHECKS_MAX);
        let unlisted: Vec<SaleId> = {
            let handles = self.0.handles.read().unwrap_or_else(PoisonError::into_inner);
            let unlisted = handles.keys().filter(|sale| !self.0.names.lists(sale));
            unlisted.take(LOST_RECHECKS_MAX).cloned().collect()
        };
        sales.extend(unlisted);
        for sale in sales {
            // Whatever it answers is noted on the way.
            let _ = self.snapshot_now(&sale).await;
        }
    }

    /// Notes when a sale opens or closes by itself: a node of an earlier version, which may have
    /// created it, does not.
    pub(super) async fn note_moment(&self, sale: &SaleId, snapshot: &Snapshot) {
        if snapshot.next_moment().is_some()
            && let Err(fault) = self.0.ledger.note_moment(sale, snapshot, UnixMillis(0)).await
        {
            tracing::debug!("the next moment of sale {sale} could not be noted: {fault}");
        }
    }

    /// Lets sales open or close whose moment has come; says for how long none has.
    async fn poll_due(&self) -> Duration {
        let ledger = &self.0.ledger;
        let mut coming = ComingMoments::read(ledger).await;
        let due = std::mem::take(&mut coming.due);
        let polls = due.into_iter().map(|sale| async move {
            let found = self.snapshot_now(&sale).await;
            if let (Ok(Some(snapshot)), Some(handle)) = (&found, self.open_sale_handle(&sale)) {
                handle.observe(snapshot);
            }
            moments::note(ledger, &sale, found).await;
        });
        stream::iter(polls).buffer_unordered(POLLS_MAX).collect::<()>().await;
        coming.pause(ledger.now())
    }
}
