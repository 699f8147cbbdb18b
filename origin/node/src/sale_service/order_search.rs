//! Searches among the orders of a sale: a few at a time, over a connection of their own that leaves
//! most of Redis' time to others.

use super::Sales;
use lastseat_ledger::{Fault, Ledger, OrderFilter, OrderSearch, SearchPosition};
use shared::SaleId;
use shared::limits::{CALL_WAIT_MS, SEARCHES_MAX};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// What the searches of one node share.
#[derive(Debug)]
pub(super) struct OrderSearches {
    ledger: Ledger,
    places: SearchPlaces,
}

#[derive(Debug)]
struct SearchPlaces(Semaphore);

/// Other searches have all places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchesBusy;

impl OrderSearches {
    pub(super) fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.gently(), places: SearchPlaces::new() }
    }
}

impl SearchPlaces {
    fn new() -> Self {
        Self(Semaphore::new(SEARCHES_MAX))
    }

    async fn enter(&self) -> Result<SemaphorePermit<'_>, SearchesBusy> {
        let place = tokio::time::timeout(Duration::from_millis(CALL_WAIT_MS), self.0.acquire());
        // The semaphore is never closed.
        place.await.ok().and_then(Result::ok).ok_or(SearchesBusy)
    }
}

impl Sales {
    /// A page of the orders of `sale` that `filter` takes, as [`Ledger::find_orders`].
    ///
    /// # Errors
    /// See [`Fault`]; the inner one says that no place became free within [`CALL_WAIT_MS`].
    pub async fn find_orders(
        &self,
        sale: &SaleId,
        filter: &OrderFilter,
        from: Option<&SearchPosition>,
        limit: usize,
    ) -> Result<Result<Option<OrderSearch>, SearchesBusy>, Fault> {
        let OrderSearches { ledger, places } = &self.0.searches;
        let _place = match places.enter().await {
            Ok(place) => place,
            Err(busy) => return Ok(Err(busy)),
        };
        let found = ledger.find_orders(sale, filter, from, limit).await?;
        Ok(Ok(self.there(sale, found)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn searches_beyond_the_places_wait_for_a_second_and_are_then_refused() {
        let places = SearchPlaces::new();
        let mut held = Vec::new();
        for _ in 0..SEARCHES_MAX {
            held.push(places.enter().await.unwrap());
        }
        assert_eq!(places.enter().await.err(), Some(SearchesBusy));
        let next = places.enter();
        held.pop();
        assert!(next.await.is_ok());
    }
}
