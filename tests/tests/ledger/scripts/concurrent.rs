//! Many hands on one sale at the same time, audited while they work.

use crate::scripts::world::{ledger, scripts_with_the_real_clock};
use fastrand::Rng;
use lastseat_ledger::{Ledger, Verdict};
use lastseat_tests::harness::{Durability, PrivateRedis};
use shared::ledger_model::order_book::OrderBook;
use shared::seats::OrderPart;
use shared::{BuyerId, Capacity, OrderId, Quantity, Reserve, SaleId, Terms};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HANDS: u64 = 6;
const STEPS: u32 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_audit_is_clean_at_every_moment_of_a_busy_sale_and_its_log_replays_to_the_same_orders()
{
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = ledger(&redis, scripts_with_the_real_clock()).await;
    let sale = SaleId::parse("busy").unwrap();
    let terms = Terms { hold_ms: 25, buyer_limit: 9, order_limit: 4, ..Terms::default() };
    ledger.create_sale(&sale, Capacity::new(300).unwrap(), &terms, true).await.unwrap();

    let busy = Arc::new(AtomicBool::new(true));
    let auditor = tokio::spawn(audit_until_idle(ledger.aside(), sale.clone(), Arc::clone(&busy)));
    let hands = (0..HANDS).map(|hand| tokio::spawn(work(ledger.aside(), sale.clone(), hand)));
    for hand in hands {
        hand.await.unwrap();
    }
    busy.store(false, Ordering::Relaxed);
    let audits = auditor.await.unwrap();
    assert!(audits > 3, "the audit ran {audits} times while the sale was busy");

    let report = ledger.audit(&sale).await.unwrap().unwrap();
    assert!(report.ok, "{report:?}");
    let mut replayed = OrderBook::default();
    for entry in ledger.log(&sale, 1, 1_000_000).await.unwrap() {
        replayed.apply(&entry);
    }
    assert_eq!(replayed, OrderBook::from(ledger.all_orders(&sale).await.unwrap()));
}

async fn audit_until_idle(ledger: Ledger, sale: SaleId, busy: Arc<AtomicBool>) -> u32 {
    let mut audits = 0;
    while busy.load(Ordering::Relaxed) {
        let report = ledger.audit(&sale).await.unwrap().unwrap();
        assert!(report.ok, "while the sale was busy: {report:?}");
        audits += 1;
    }
    audits
}

async fn work(ledger: Ledger, sale: SaleId, hand: u64) {
    let mut rng = Rng::with_seed(hand);
    let mut mine: Vec<OrderId> = Vec::new();
    for step in 0..STEPS {
        match rng.u32(0..10) {
            0..=4 => {
                let batch: Vec<Reserve> =
                    (0..rng.u32(1..6)).map(|n| wish(&mut rng, hand, step, n)).collect();
                let (_, verdicts) = ledger.reserve(&sale, &batch).await.unwrap().unwrap();
                for (order, verdict) in batch.into_iter().zip(verdicts) {
                    if matches!(verdict, Verdict::Granted { .. }) {
                        mine.push(order.id);
                    }
                }
            }
            choice if !mine.is_empty() => {
                let id = mine[rng.usize(..mine.len())].clone();
                match choice {
                    5 | 6 => ledger.confirm(&sale, &id, &OrderPart::Whole).await.unwrap(),
                    7 | 8 => ledger.cancel(&sale, &id).await.unwrap(),
                    _ => ledger.extend(&sale, &id).await.unwrap(),
                };
            }
            _ => {}
        }
    }
}

fn wish(rng: &mut Rng, hand: u64, step: u32, n: u32) -> Reserve {
    Reserve {
        id: OrderId::parse(&format!("hand-{hand}-step-{step:06}-{n}")).unwrap(),
        buyer: BuyerId::parse(&format!("buyer-{}", rng.u32(0..50))).unwrap(),
        quantity: Quantity::new(rng.u64(1..4)).unwrap(),
        lines: None,
    }
}
