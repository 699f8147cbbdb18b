//! The open sale handles of a node: a bounded table, filled by look-ups at the ledger.

use super::{Inner, Sales};
use crate::sale_handle::SaleHandle;
use lastseat_ledger::Fault;
use shared::limits::SALES_MAX;
use shared::{SaleId, Snapshot};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Look-ups of sales that no sale handle is open for and that are on no list, at the same time.
/// Invented names cost one each.
pub(super) const LOOKUPS_MAX: usize = 32;
/// The same of sales that are listed: what is invented takes no place from them, and they wait
/// instead of being refused.
pub(super) const LISTED_LOOKUPS_MAX: usize = 32;

/// A full table closes handles of closed sales, and of others that nobody asked for so long, in
/// milliseconds; at most [`CLOSED_AT_ONCE`] at a time, so that it is not searched for each new one.
const IDLE_MS: u64 = 10_000;
const CLOSED_AT_ONCE: usize = SALES_MAX / 16;

impl Sales {
    pub(super) fn open_sale_handle(&self, sale: &SaleId) -> Option<Arc<SaleHandle>> {
        self.0.open_sale_handle(sale)
    }

    /// The sale handle of a sale; opened when the ledger has the sale, `None` when it has not.
    pub(super) async fn sale_handle(
        &self,
        sale: &SaleId,
    ) -> Result<Option<Arc<SaleHandle>>, Fault> {
        match self.open_sale_handle(sale) {
            Some(handle) => Ok(Some(handle)),
            // In a box: the first order of a sale must not make the future of every order large.
            None => Box::pin(self.lookup_sale(sale)).await,
        }
    }

    /// Asks the ledger for a sale that has no handle, and opens one.
    async fn lookup_sale(&self, sale: &SaleId) -> Result<Option<Arc<SaleHandle>>, Fault> {
        let mut turn = self.0.lookup_turns.take(sale).await;
        // Whoever had the turn before may have opened it.
        if let Some(handle) = self.open_sale_handle(sale) {
            return Ok(Some(handle));
        }
        if turn.has_failed() {
            return Err(Fault::NotSent("the sale could not be looked up".into()));
        }
        let looked_up = self.lookup_in_turn(sale).await;
        if looked_up.is_err() {
            turn.fail();
        }
        looked_up
    }

    async fn lookup_in_turn(&self, sale: &SaleId) -> Result<Option<Arc<SaleHandle>>, Fault> {
        let names = &self.0.names;
        let _permit = if names.lists(sale) || self.0.ledger.ack_journal().last(sale).is_some() {
            let permit = self.0.listed_lookups.acquire().await;
            permit.map_err(|_| Fault::NotSent("this node is stopping".into()))?
        } else if let Ok(permit) = self.0.lookups.try_acquire()
            && names.may_lookup()
        {
            permit
        } else if names.was_unknown(sale) {
            return Ok(None);
        } else {
            let many = "too many unknown sales are asked for";
            return Err(Fault::NotSent(many.into()));
        };
        let found = self.0.ledger.snapshot(sale).await?;
        let Some(snapshot) = self.there(sale, found)? else {
            names.is_unknown(sale);
            return Ok(None);
        };
        self.list_unless_ended(sale, &snapshot).await;
        names.add(sale);
        self.note_moment(sale, &snapshot).await;
        self.open(sale, &snapshot).map(Some)
    }

    /// Opens the handle of a sale that stands as `snapshot` says, unless it is open already.
    pub(super) fn open(
        &self,
        sale: &SaleId,
        snapshot: &Snapshot,
    ) -> Result<Arc<SaleHandle>, Fault> {
        let mut handles = self.0.handles.write().unwrap_or_else(PoisonError::into_inner);
        if handles.len() >= SALES_MAX && !handles.contains_key(sale) {
            self.close_idle(&mut handles);
        }
        if handles.len() >= SALES_MAX && !handles.contains_key(sale) {
            return Err(Fault::NotSent(format!("this node serves {SALES_MAX} sales already")));
        }
        let handle = handles.entry(sale.clone()).or_insert_with(|| {
            SaleHandle::open(
                sale.clone(),
                self.0.ledger.clone(),
                Arc::clone(&self.0.nodes),
                Arc::clone(&self.0.counters),
                Arc::clone(&self.0.timeline),
                Arc::clone(&self.0.turns),
                *snapshot,
            )
        });
        Ok(Arc::clone(handle))
    }

    /// Closes handles that nobody uses, those of closed sales first, then those that were asked for
    /// longest ago. Whoever asks again opens them again.
    fn close_idle(&self, handles: &mut HashMap<SaleId, Arc<SaleHandle>>) {
        let idle_ms = |handle: &SaleHandle| if handle.is_closed() { 0 } else { IDLE_MS };
        let idle = handles.iter().filter(|(_, handle)| handle.is_idle(idle_ms(handle)));
        let mut idle: Vec<(bool, u64, SaleId)> = idle
            .map(|(sale, handle)| (!handle.is_closed(), handle.counts().asked_at(), sale.clone()))
            .collect();
        idle.sort_unstable();
        for (sells, _, sale) in idle.into_iter().take(CLOSED_AT_ONCE) {
            handles.remove(&sale);
            if !sells {
                self.0.counters.forget_sale(&sale);
            }
        }
    }
}

impl Inner {
    pub(super) fn open_sale_handle(&self, sale: &SaleId) -> Option<Arc<SaleHandle>> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner).get(sale).cloned()
    }
}
