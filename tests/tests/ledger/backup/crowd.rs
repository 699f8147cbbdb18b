//! Buyers who hold, pay and give back while the ledger is copied, and what each was told.

use lastseat_ledger::{Fault, Ledger, LedgerUrl, Reply, Reserve, Verdict};
use lastseat_tests::harness::PrivateRedis;
use lastseat_tests::harness::wait::until_async;
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, OrderState, Quantity, SaleId, Terms};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

pub(crate) const SALE: &str = "drop";
/// More than they can buy while a test runs.
const CAPACITY: u32 = 10_000_000;
/// Orders in one batch.
const BATCH: u32 = 16;

pub(crate) fn sale() -> SaleId {
    SaleId::parse(SALE).expect("a sale id")
}

pub(crate) async fn ledger(redis: &PrivateRedis) -> Ledger {
    let url = LedgerUrl::parse(&redis.url()).expect("an address");
    Ledger::connect(&url).await.expect("a ledger")
}

/// What buyers were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    pub(crate) orders: HashMap<OrderId, OrderState>,
}

impl Told {
    /// Tickets that they have.
    pub(crate) fn tickets(&self) -> u32 {
        let taken = self.orders.values().filter(|state| state.takes());
        u32::try_from(taken.count()).expect("few")
    }
}

/// Buyers who buy until they are told to stop.
pub(crate) struct Crowd {
    told: Arc<Mutex<Told>>,
    over: Arc<AtomicBool>,
    buys: JoinHandle<()>,
}

impl Crowd {
    pub(crate) async fn start(redis: &PrivateRedis) -> Self {
        let ledger = ledger(redis).await;
        let terms = Terms { hold_ms: 600_000, ..Terms::default() };
        let capacity = Capacity::new(CAPACITY.into()).expect("a capacity");
        // No node runs that would, where Redis was started again.
        ledger.recover_without_nodes(&sale()).await.expect("a whole sale");
        let made = ledger.create_sale(&sale(), capacity, &terms, true).await;
        made.expect("a sale");
        let told = Arc::<Mutex<Told>>::default();
        let over = Arc::<AtomicBool>::default();
        let (heard, end) = (Arc::clone(&told), Arc::clone(&over));
        let buys = tokio::spawn(async move {
            for batch in 0.. {
                if end.load(Ordering::Relaxed) {
                    break;
                }
                buy(&ledger, batch, &heard).await;
            }
        });
        Self { told, over, buys }
    }

    pub(crate) fn told(&self) -> Told {
        self.told.lock().expect("no panic").clone()
    }

    /// Waits until they have so many tickets more.
    pub(crate) async fn buy(&self, tickets: u32) {
        let end = self.told().tickets() + tickets;
        until_async("the crowd buys", async || (self.told().tickets() >= end).then_some(())).await;
    }

    /// Ends it; what all of them were told.
    pub(crate) async fn stop(self) -> Told {
        self.over.store(true, Ordering::Relaxed);
        self.buys.await.expect("the crowd ends well");
        let told = self.told.lock().expect("no panic");
        told.clone()
    }
}

/// Makes a call once more where the sale stands still: a backup reads Redis as a replica does, with
/// the first one a new history begins, and here no node runs that recovers the sale in it.
async fn ask<T, F: Future<Output = Reply<T>>>(ledger: &Ledger, call: impl Fn() -> F) -> Reply<T> {
    match call().await {
        Err(Fault::NotSent(_)) => {
            ledger.recover_without_nodes(&sale()).await?;
            call().await
        }
        answer => answer,
    }
}

/// One batch: all hold, half of them pay, an eighth gives back.
async fn buy(ledger: &Ledger, batch: u32, told: &Mutex<Told>) {
    let tell = |id: &OrderId, state| {
        let mut told = told.lock().expect("no panic");
        told.orders.insert(id.clone(), state);
    };
    let wishes = (0..BATCH).map(|place| {
        let number = batch * BATCH + place;
        Reserve {
            id: OrderId::parse(&format!("order-{number:012}")).expect("an order id"),
            buyer: BuyerId::parse(&format!("buyer {number} é")).expect("a buyer"),
            quantity: Quantity::new(1).expect("a quantity"),
            lines: None,
        }
    });
    let wishes: Vec<Reserve> = wishes.collect();
    let drop = sale();
    let reply = ask(ledger, || ledger.reserve(&drop, &wishes));
    let reply = reply.await.expect("an answer");
    let (_, verdicts) = reply.expect("the sale");
    for (place, (wish, verdict)) in wishes.iter().zip(verdicts).enumerate() {
        if !matches!(verdict, Verdict::Granted { .. }) {
            continue;
        }
        tell(&wish.id, OrderState::Held);
        if place % 2 == 0 {
            let paid = ask(ledger, || ledger.confirm(&drop, &wish.id, &OrderPart::Whole));
            paid.await.expect("an answer");
            tell(&wish.id, OrderState::Confirmed);
        }
        if place % 8 == 0 {
            let back = ask(ledger, || ledger.cancel(&drop, &wish.id));
            back.await.expect("an answer");
            tell(&wish.id, OrderState::Cancelled);
        }
    }
}
