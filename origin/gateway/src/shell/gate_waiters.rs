//! Orders that wait at the gate of a sale, and are woken when a grant for it comes.

use shared::SaleId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Those of all threads. Each is a request that is being answered, so the number of requests bounds
/// how many there are.
#[derive(Debug, Default)]
pub(super) struct GateWaiters {
    /// Looked at for each answer of a node, mostly in vain: without the lock.
    all: AtomicUsize,
    sales: Mutex<HashMap<SaleId, SaleWaiters>>,
}

#[derive(Debug, Default)]
struct SaleWaiters {
    waiting: usize,
    turn: Arc<Notify>,
}

impl GateWaiters {
    /// Waits until it is the turn of this order, for at most `ms` milliseconds.
    pub(super) async fn wait(&self, sale: &SaleId, ms: u64) {
        let place = self.take_place(sale);
        // When the time ends first, the order asks the gate all the same.
        let _ = timeout(Duration::from_millis(ms), place.turn.notified()).await;
    }

    /// Wakes as many as there is room for at the gate, those that wait longest first.
    pub(super) fn wake(&self, sale: &SaleId, room: u32) {
        let sales = self.sales.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_sale) = sales.get(sale) {
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            (0..of_sale.waiting.min(room)).for_each(|_| of_sale.turn.notify_one());
        }
    }

    /// Whether anybody waits.
    pub(super) fn any(&self) -> bool {
        self.all.load(Ordering::Relaxed) > 0
    }

    fn take_place<'a>(&'a self, sale: &'a SaleId) -> WaitingPlace<'a> {
        self.all.fetch_add(1, Ordering::Relaxed);
        let mut sales = self.sales.lock().unwrap_or_else(PoisonError::into_inner);
        let of_sale = sales.entry(sale.clone()).or_default();
        of_sale.waiting += 1;
        WaitingPlace { waiters: self, sale, turn: Arc::clone(&of_sale.turn) }
    }
}

/// Given back also where the client leaves before.
struct WaitingPlace<'a> {
    waiters: &'a GateWaiters,
    sale: &'a SaleId,
    turn: Arc<Notify>,
}

impl Drop for WaitingPlace<'_> {
    fn drop(&mut self) {
        self.waiters.all.fetch_sub(1, Ordering::Relaxed);
        let mut sales = self.waiters.sales.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_sale) = sales.get_mut(self.sale) {
            of_sale.waiting = of_sale.waiting.saturating_sub(1);
            if of_sale.waiting == 0 {
                sales.remove(self.sale);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;
    use tokio::task::{LocalSet, spawn_local, yield_now};

    fn spring() -> SaleId {
        SaleId::parse("spring").expect("a sale id")
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_are_woken_as_there_is_room_for_and_the_others_wait_for_their_time() {
        LocalSet::new().run_until(wake_two_of_three()).await;
    }

    async fn wake_two_of_three() {
        let waiters = Rc::new(GateWaiters::default());
        let wait = |_| {
            let waiters = Rc::clone(&waiters);
            spawn_local(async move { waiters.wait(&spring(), 25).await })
        };
        let tasks: Vec<_> = (0..3).map(wait).collect();
        yield_now().await;
        waiters.wake(&SaleId::parse("autumn").expect("a sale id"), 3);
        waiters.wake(&spring(), 2);
        yield_now().await;
        yield_now().await;
        let done = tasks.iter().filter(|task| task.is_finished()).count();
        assert_eq!((done, waiters.any()), (2, true));
        for task in tasks {
            task.await.expect("it ends by itself");
        }
        assert!(!waiters.any());
        assert!(waiters.sales.lock().expect("no thread panicked").is_empty());
    }
}
