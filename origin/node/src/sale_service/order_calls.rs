//! Calls about orders: reads and changes of orders that exist, beside the queue of new ones.
//!
//! They run over connections of their own, a bounded number at a time, so that however many come,
//! a batch of new orders waits for some of them only. Which ones may come is decided in
//! [`shared::admission::order_calls`].

use super::{Inner, Sales};
use lastseat_ledger::{Fault, Ledger, Reply, Verdict, clock};
use shared::admission::order_calls::{self as rule, CallClass, CallLimits, CallRefusal, OrderCall};
use shared::limits::{
    CALL_WAIT_MS, NODE_CALLS_AT_LEDGER, NODE_CALLS_WAITING, NODE_SHOP_CALLS_WAITING,
};
use shared::seats::OrderPart;
use shared::{Actor, Cancellation, Order, OrderId, Payment, Refusal, SaleId};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who makes a call about an order.
#[derive(Clone, Copy, Debug)]
pub enum Caller {
    /// An operator or the shop: their token was verified, and they do not share the budget of
    /// strangers.
    Trusted,
    /// Anybody, at this address.
    Client(Option<IpAddr>),
}

/// Why a call about an order was refused, as label values.
pub(crate) const REASONS: [&str; 3] = ["budget", "repeated", "queue"];

/// A call that is not carried out.
#[derive(Debug)]
pub enum CallRefused {
    /// It may be made again in so many milliseconds.
    Busy(u32),
    /// No place became free in time: the ledger is slow.
    Late(Fault),
}

/// A place among the calls at the ledger, until it is dropped.
#[derive(Debug)]
pub struct CallPlace(#[expect(dead_code, reason = "held")] OwnedSemaphorePermit);

/// The calls about orders of one node.
#[derive(Debug)]
pub(crate) struct OrderCalls {
    ledger: Ledger,
    rule: Mutex<rule::OrderCalls>,
    of_clients: Lane,
    of_trusted: Lane,
    /// Calls that were refused, in the order of [`REASONS`].
    refused: [AtomicU64; REASONS.len()],
}

impl OrderCalls {
    /// Over connections of their own to `ledger`.
    pub(super) fn new(ledger: &Ledger) -> Self {
        // With it one could choose addresses and orders that share a bucket.
        let seed = getrandom::u64().unwrap_or_else(|_| fastrand::u64(..));
        Self {
            ledger: ledger.aside(),
            rule: Mutex::new(rule::OrderCalls::new(CallLimits::NODE, seed)),
            of_clients: Lane::new(NODE_CALLS_WAITING),
            of_trusted: Lane::new(NODE_SHOP_CALLS_WAITING),
            refused: Default::default(),
        }
    }

    fn rule(&self) -> MutexGuard<'_, rule::OrderCalls> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls were refused, by reason.
    pub(super) fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        REASONS.into_iter().zip(counts)
    }

    /// Calls that wait for a place.
    pub(super) fn waiting(&self) -> usize {
        self.of_clients.waiting() + self.of_trusted.waiting()
    }

    fn refuse(&self, reason: usize) -> CallRefused {
        if let Some(count) = self.refused.get(reason) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        CallRefused::Busy(rule::come_back_ms(fastrand::f64()))
    }
}

impl Sales {
    /// A place at the ledger for a call about the order `id`, which needs so many `lookups`. Waits
    /// for one; it is held until the ledger has answered.
    ///
    /// # Errors
    /// Too many call.
    pub async fn enter_call(
        &self,
        caller: Caller,
        sale: &SaleId,
        id: &OrderId,
        lookups: u32,
    ) -> Result<CallPlace, CallRefused> {
        let calls = &self.0.calls;
        let lane = match caller {
            Caller::Trusted => &calls.of_trusted,
            Caller::Client(client) => {
                let class = self.0.decide_call(client, sale, id, lookups);
                class.map_err(|refusal| {
                    calls.refuse(match refusal {
                        CallRefusal::Budget => 0,
                        CallRefusal::Repeated => 1,
                    })
                })?;
                &calls.of_clients
            }
        };
        match lane.enter().await {
            Ok(place) => Ok(CallPlace(place)),
            Err(NoPlace::Full) if matches!(caller, Caller::Client(_)) => Err(calls.refuse(2)),
            Err(NoPlace::Full | NoPlace::Late) => {
                let why = "the ledger is slow: no place for the call became free".to_owned();
                Err(CallRefused::Late(Fault::NotSent(why)))
            }
        }
    }

    /// One order, straight from the ledger.
    ///
    /// # Errors
    /// See [`Fault`]; `NotSent` also when the ledger has lost the sale.
    pub async fn order(&self, sale: &SaleId, id: &OrderId) -> Result<Option<Order>, Fault> {
        // That there is no such order may be said of a sale only that is there.
        let found = self.changed(sale, self.0.calls.ledger.find_order(sale, id).await).await?;
        let order = found.and_then(|(_, order)| order);
        self.saw_order(sale, id, order.is_some());
        Ok(order)
    }

    /// Confirms an order, wholly or in part, for `actor`, and keeps what the shop says of the
    /// payment.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn confirm(
        &self,
        sale: &SaleId,
        id: &OrderId,
        (part, payment): (&OrderPart, &Payment),
        actor: Option<&Actor>,
    ) -> Reply<Verdict> {
        self.takes_changes()?;
        let ledger = self.0.calls.ledger.acting_for(actor);
        let reply = ledger.confirm_paid(sale, id, part, payment).await;
        self.order_changed(sale, id, reply).await
    }

    /// Gives an order's tickets back, or a part of them, for an actor: on whose word, and in which
    /// state it must be, says `how`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn cancel(
        &self,
        sale: &SaleId,
        id: &OrderId,
        how: Cancellation,
        (part, actor): (&OrderPart, Option<&Actor>),
    ) -> Reply<Verdict> {
        self.takes_changes()?;
        let ledger = self.0.calls.ledger.acting_for(actor);
        let reply = ledger.cancel_as(sale, id, how, part).await;
        self.order_changed(sale, id, reply).await
    }

    /// As [`Sales::cancel`], for `caller`: a client that has had many orders of the sale cancelled
    /// before they came gets no more of them remembered.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn cancel_for(
        &self,
        caller: Caller,
        sale: &SaleId,
        id: &OrderId,
        how: Cancellation,
        (part, actor): (&OrderPart, Option<&Actor>),
    ) -> Reply<Verdict> {
        let Caller::Client(client) = caller else {
            return self.cancel(sale, id, how, (part, actor)).await;
        };
        // Taken before the call: those that are under way count, too.
        let may = self.0.calls.rule().may_cancel_early(sale, client, clock::now());
        let how = Cancellation { only_existing: !may, ..how };
        let reply = self.cancel(sale, id, how, (part, actor)).await;
        let was_early = match &reply {
            Ok(Some((_, Verdict::Granted { order, replayed }))) => {
                order.is_tombstone() && !replayed
            }
            // It may have been carried out.
            Err(Fault::Unknown(_)) => true,
            _ => false,
        };
        if may && !was_early {
            self.0.calls.rule().was_not_early(sale, client);
        }
        reply
    }

    /// Makes a hold last longer, for `actor`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn extend(
        &self,
        sale: &SaleId,
        id: &OrderId,
        actor: Option<&Actor>,
    ) -> Reply<Verdict> {
        self.takes_changes()?;
        let ledger = self.0.calls.ledger.acting_for(actor);
        self.order_changed(sale, id, ledger.extend(sale, id).await).await
    }

    async fn order_changed(
        &self,
        sale: &SaleId,
        id: &OrderId,
        reply: Reply<Verdict>,
    ) -> Reply<Verdict> {
        let reply = self.changed(sale, reply).await;
        match &reply {
            Ok(None | Some((_, Verdict::Refused(Refusal::UnknownOrder)))) => {
                self.saw_order(sale, id, false);
            }
            Ok(Some(_)) => self.saw_order(sale, id, true),
            Err(_) => {}
        }
        reply
    }

    /// The ledger has the order `id`, or has it not.
    fn saw_order(&self, sale: &SaleId, id: &OrderId, there: bool) {
        if !there {
            self.0.calls.rule().was_absent(id, clock::now());
        } else if let Some(handle) = self.open_sale_handle(sale) {
            handle.saw_order(id);
        }
    }
}

impl Inner {
    fn decide_call(
        &self,
        client: Option<IpAddr>,
        sale: &SaleId,
        order: &OrderId,
        lookups: u32,
    ) -> Result<CallClass, CallRefusal> {
        let handle = self.open_sale_handle(sale);
        let call = OrderCall {
            sale,
            exists: handle.is_some() || self.names.lists(sale),
            order,
            known: handle.is_some_and(|handle| handle.has_seen_order(order)),
            client,
            // The node has verified those of the shop, and no other one means anything.
            token: None,
            lookups,
        };
        self.calls.rule().decide(&call, clock::now())
    }
}

/// Places at the ledger, and calls that wait for one.
#[derive(Debug)]
struct Lane {
    places: Arc<Semaphore>,
    queue: Semaphore,
    most_waiting: usize,
}

enum NoPlace {
    Full,
    Late,
}

impl Lane {
    fn new(most_waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(NODE_CALLS_AT_LEDGER)),
            queue: Semaphore::new(most_waiting),
            most_waiting,
        }
    }

    fn waiting(&self) -> usize {
        self.most_waiting - self.queue.available_permits()
    }

    async fn enter(&self) -> Result<OwnedSemaphorePermit, NoPlace> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _waits = self.queue.try_acquire().map_err(|_| NoPlace::Full)?;
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(Duration::from_millis(CALL_WAIT_MS), place).await;
        // The semaphore is never closed.
        place.ok().and_then(Result::ok).ok_or(NoPlace::Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_the_places_wait_for_a_second_and_beyond_the_queue_are_refused() {
        let lane = Lane::new(2);
        let mut places = Vec::new();
        for _ in 0..NODE_CALLS_AT_LEDGER {
            places.push(lane.enter().await.ok().unwrap());
        }
        let (one, two, three) = tokio::join!(lane.enter(), lane.enter(), lane.enter());
        assert!(matches!((one, two), (Err(NoPlace::Late), Err(NoPlace::Late))));
        assert!(matches!(three, Err(NoPlace::Full)));
        assert_eq!(lane.waiting(), 0);
        let next = lane.enter();
        places.pop();
        assert!(next.await.is_ok());
    }
}
