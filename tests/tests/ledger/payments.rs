//! What a shop says of a payment: in the record, the log, the audit and the restoration of its
//! order.

use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::{Ledger, LedgerUrl, OrderFilter, OrderSearch, Verdict};
use lastseat_tests::harness::{Durability, PrivateRedis};
use serde_json::json;
use shared::domain::sale::{Creation, PageTerms};
use shared::plan::Plan;
use shared::seats::{OrderLines, OrderPart};
use shared::{
    BuyerId, Capacity, Order, OrderId, OrderMetadata, OrderState, Pass, Payment, PaymentReference,
    Quantity, Refusal, Reserve, Restored, SaleId, Terms,
};
use std::sync::Arc;

const PLAN: &str = r#"{"format":1,"classes":[{"id":"a","name":"A","standing":9}]}"#;

struct Shop {
    redis: PrivateRedis,
    ledger: Ledger,
    sale: SaleId,
    by_plan: bool,
}

impl Shop {
    /// A sale of nine tickets, with a plan or without, whose holds last so long.
    async fn open(by_plan: bool, hold_ms: u64) -> Self {
        let redis = PrivateRedis::start(Durability::Off);
        let ledger = Ledger::connect(&LedgerUrl::parse(&redis.url()).unwrap()).await.unwrap();
        let wanted = Creation {
            capacity: Capacity::new(9).unwrap(),
            terms: Terms { hold_ms, ..Terms::default() },
            open: true,
            page: PageTerms::default(),
            plan: by_plan.then(|| Arc::new(Plan::from_json(PLAN).unwrap())),
        };
        let sale = SaleId::parse("fair").unwrap();
        ledger.create_sale_as(&sale, &wanted).await.unwrap();
        Self { redis, ledger, sale, by_plan }
    }

    async fn hold(&self, number: u32, tickets: u64) -> OrderId {
        let lines = format!("0.0-1.{tickets}a");
        let order = Reserve {
            id: OrderId::parse(&format!("order-{number:014}")).unwrap(),
            buyer: BuyerId::parse(&format!("buyer {number}")).unwrap(),
            quantity: Quantity::new(tickets).unwrap(),
            lines: self.by_plan.then(|| OrderLines::parse(&lines).unwrap()),
        };
        let id = order.id.clone();
        let (_, verdicts) = self.ledger.reserve(&self.sale, &[order]).await.unwrap().unwrap();
        assert!(matches!(verdicts[0], Verdict::Granted { .. }), "{verdicts:?}");
        id
    }

    async fn confirm(&self, id: &OrderId, payment: &Payment) -> Verdict {
        let reply = self.ledger.confirm_paid(&self.sale, id, &OrderPart::Whole, payment).await;
        reply.unwrap().unwrap().1
    }

    async fn order(&self, id: &OrderId) -> Order {
        self.ledger.order(&self.sale, id).await.unwrap().unwrap()
    }

    async fn record(&self, id: &OrderId) -> String {
        self.redis.ask(&["HGET", "lastseat:{fair}:orders", id.as_str()]).await
    }

    /// The last entry of the log.
    async fn logged(&self) -> String {
        let snapshot = self.ledger.snapshot(&self.sale).await.unwrap().unwrap();
        let entries = self.ledger.log(&self.sale, snapshot.commit_seq, 1).await.unwrap();
        entries[0].to_text()
    }

    async fn is_clean(&self) -> bool {
        self.ledger.audit(&self.sale).await.unwrap().unwrap().ok
    }
}

fn paid(reference: &str) -> Payment {
    Payment {
        reference: PaymentReference::parse(reference).ok(),
        metadata: OrderMetadata::new(&json!({"table": "A 1:2"})).ok(),
    }
}

fn granted(verdict: Verdict) -> (Order, bool) {
    match verdict {
        Verdict::Granted { order, replayed } => (order, replayed),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_order_of_whose_payment_nothing_is_said_is_stored_as_the_version_before_stores_it() {
    for by_plan in [false, true] {
        let shop = Shop::open(by_plan, 60_000).await;
        let id = shop.hold(1, 2).await;
        let held = shop.record(&id).await;
        granted(shop.confirm(&id, &Payment::default()).await);
        assert_eq!(shop.record(&id).await, held.replacen('h', "c", 1));
        assert!(!shop.logged().await.contains(" ="), "{}", shop.logged().await);
        assert!(shop.is_clean().await);
    }
}

#[tokio::test]
async fn what_is_said_of_a_payment_stays_through_repeats_and_cancels_and_the_audit_notices_another()
{
    for by_plan in [false, true] {
        let shop = Shop::open(by_plan, 60_000).await;
        let id = shop.hold(1, 2).await;
        let (order, replayed) = granted(shop.confirm(&id, &paid("pi 3:4")).await);
        let note = order.payment.clone().unwrap();
        assert!(!replayed && note.payment == paid("pi 3:4") && note.at >= order.created_at);
        assert!(shop.logged().await.ends_with(&format!(" ={note}")), "{}", shop.logged().await);
        // The first word stays: who repeats the call is told it, and sees that this is another one.
        let (again, replayed) = granted(shop.confirm(&id, &paid("pi_5")).await);
        assert!(replayed && again == order);
        assert_eq!(shop.order(&id).await, order);
        assert!(shop.is_clean().await);

        let found = OrderFilter {
            reference: PaymentReference::parse("pi 3:4").ok(),
            ..OrderFilter::default()
        };
        shop.hold(2, 1).await;
        let page = shop.ledger.find_orders(&shop.sale, &found, None, 9).await.unwrap().unwrap();
        let OrderSearch::Found(page) = page else { panic!("the server is the same") };
        assert_eq!(page.orders, [(id.clone(), order.clone())]);

        let record = shop.record(&id).await;
        let changed = record.replacen("pi%203%3A4", "pi_6", 1);
        assert_ne!(changed, record);
        let set = async |record: &str| {
            let key = "lastseat:{fair}:orders";
            let _: i64 = shop.redis.ask(&["HSET", key, id.as_str(), record]).await;
        };
        set(&changed).await;
        assert!(!shop.is_clean().await, "another payment than in the log");
        set(&record).await;
        assert!(shop.is_clean().await);

        shop.ledger.cancel(&shop.sale, &id).await.unwrap();
        let cancelled = shop.order(&id).await;
        assert_eq!((cancelled.state, &cancelled.payment), (OrderState::Cancelled, &order.payment));
        assert!(shop.is_clean().await);
    }
}

#[tokio::test]
async fn a_payment_that_came_too_late_is_kept_for_the_refund() {
    for by_plan in [false, true] {
        let shop = Shop::open(by_plan, 1).await;
        let late = shop.hold(1, 9).await;
        while shop.order(&late).await.state == OrderState::Held {
            shop.ledger.time().await.unwrap();
        }
        shop.ledger.sweep(&shop.sale).await.unwrap();
        let taker = shop.hold(2, 9).await;
        // A hold ends after a millisecond here, a payment keeps its tickets.
        granted(shop.confirm(&taker, &paid("pi_taker")).await);
        let verdict = shop.confirm(&late, &paid("pi_late")).await;
        assert_eq!(verdict, Verdict::Refused(Refusal::HoldExpired));
        let order = shop.order(&late).await;
        assert!(order.refused_late);
        assert_eq!(order.payment.clone().unwrap().payment, paid("pi_late"));
        let said = shop.logged().await;
        assert!(said.contains(&format!("l {late} =")), "{said}");
        assert_ne!(taker, late);
        assert!(shop.is_clean().await);
    }
}

#[tokio::test]
async fn an_acknowledged_payment_that_was_lost_is_restored_as_it_was_said() {
    for by_plan in [false, true] {
        let shop = Shop::open(by_plan, 60_000).await;
        let mut acked = Vec::new();
        for number in 1..=3 {
            let id = shop.hold(number, 1).await;
            granted(shop.confirm(&id, &paid(&format!("pi_{number}"))).await);
            if number == 3 {
                shop.ledger.cancel(&shop.sale, &id).await.unwrap();
            }
            acked.push((id.clone(), AckedOrder { commit_seq: 0, order: shop.order(&id).await }));
        }
        // The first is gone, of the others only the payments and what came after them.
        let other = Shop::open(by_plan, 60_000).await;
        for number in 2..=3 {
            other.hold(number, 1).await;
            let held = other.order(&acked[number as usize - 1].0).await;
            assert_eq!(held.payment, None);
        }
        for pass in [Pass::First, Pass::Second, Pass::Last] {
            let reply = other.ledger.restore(&other.sale, 1, &acked, pass).await;
            let letters = reply.unwrap().unwrap().1;
            assert!(letters.iter().all(|letter: &Restored| letter.is_settled()), "{letters:?}");
        }
        for (id, AckedOrder { order, .. }) in &acked {
            let restored = other.order(id).await;
            assert_eq!((restored.state, &restored.payment), (order.state, &order.payment));
        }
        assert!(other.is_clean().await);
    }
}
