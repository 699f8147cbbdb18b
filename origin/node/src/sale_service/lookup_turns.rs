//! Turns of look-ups: of one sale, one look-up at the ledger is under way at a time.
//!
//! The first orders of a new sale reach a node in the same millisecond. They need one look-up, not
//! one each, of which there would be too many. If it fails, it has failed for all of them:
//! otherwise each would wait until its own one fails, too.

use shared::SaleId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OwnedMutexGuard;

/// Whether a look-up has failed while others waited for their turn.
type Turn = Arc<tokio::sync::Mutex<bool>>;

/// The sales that are being looked up. Each is asked for by a request that is being answered, so
/// the number of requests bounds how many there are.
#[derive(Debug, Default)]
pub(super) struct LookupTurns(Mutex<HashMap<SaleId, Turn>>);

/// The turn of one request, or its place in front of it. It ends when this is dropped.
pub(super) struct LookupTurn<'a> {
    turns: &'a LookupTurns,
    sale: &'a SaleId,
    turn: Option<Turn>,
    guard: Option<OwnedMutexGuard<bool>>,
}

impl LookupTurns {
    /// Waits until nobody else looks `sale` up.
    pub(super) async fn take<'a>(&'a self, sale: &'a SaleId) -> LookupTurn<'a> {
        let turn = {
            let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(sale.clone()).or_default())
        };
        // Made before the wait: who leaves while waiting leaves no entry behind.
        let mut place =
            LookupTurn { turns: self, sale, turn: Some(Arc::clone(&turn)), guard: None };
        place.guard = Some(turn.lock_owned().await);
        place
    }
}

impl LookupTurn<'_> {
    /// Whether the look-up that this one waited for has failed.
    pub(super) fn has_failed(&self) -> bool {
        self.guard.as_deref().is_some_and(|failed| *failed)
    }

    /// The look-up of this turn has failed: those who wait now need not try it again.
    pub(super) fn fail(&mut self) {
        if let Some(failed) = self.guard.as_deref_mut() {
            *failed = true;
        }
    }
}

impl Drop for LookupTurn<'_> {
    fn drop(&mut self) {
        drop(self.guard.take());
        drop(self.turn.take());
        let mut turns = self.turns.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.get(self.sale).is_some_and(|turn| Arc::strong_count(turn) == 1) {
            turns.remove(self.sale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn one_looks_a_sale_up_at_a_time_and_who_leaves_leaves_nothing_behind() {
        let (turns, spring) = (LookupTurns::default(), SaleId::parse("spring").unwrap());
        let autumn = SaleId::parse("autumn").unwrap();
        let first = turns.take(&spring).await;
        let other = turns.take(&autumn).now_or_never();
        assert!(other.is_some(), "another sale");
        let mut second = Box::pin(turns.take(&spring));
        let mut third = Box::pin(turns.take(&spring));
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut third).now_or_never().is_none());
        drop(second);
        drop(first);
        let third = third.now_or_never();
        assert!(third.is_some());
        drop((third, other));
        assert!(turns.0.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_look_up_that_fails_has_failed_for_those_who_wait_for_it_and_for_nobody_later() {
        let (turns, spring) = (LookupTurns::default(), SaleId::parse("spring").unwrap());
        let mut first = turns.take(&spring).await;
        let mut second = Box::pin(turns.take(&spring));
        assert!((&mut second).now_or_never().is_none());
        assert!(!first.has_failed());
        first.fail();
        drop(first);
        let second = second.now_or_never().unwrap();
        assert!(second.has_failed());
        drop(second);
        assert!(!turns.take(&spring).await.has_failed());
    }
}
