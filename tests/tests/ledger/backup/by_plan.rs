//! A sale with a plan, exported and brought back into a Redis that has nothing.

use super::{crowd, ended_well, run};
use lastseat_ledger::{Ledger, TermsChange, Verdict};
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Durability, PrivateRedis};
use shared::domain::sale::{Creation, LateSeats, PageTerms};
use shared::plan::Plan;
use shared::seats::{OrderLines, OrderPart};
use shared::{
    BuyerId, Cancellation, Capacity, OrderId, OrderMetadata, OrderState, Payment, PaymentReference,
    Quantity, Reserve, SaleState, Snapshot, Terms,
};
use std::fs;
use std::sync::Arc;

const PLAN: &str = r#"{"format":1,"stops":["A","B","C"],"classes":[{"id":"second","coaches":[
    {"ids":"1-2","rows":"1-2","letters":"AB C"}]},{"id":"standing","standing":3}],
    "quotas":[{"id":"load","classes":["second","standing"],"size":13}]}"#;

fn id(name: &str) -> OrderId {
    OrderId::parse(&format!("order-{name:0>14}")).unwrap()
}

fn wish(name: &str, lines: &str) -> Reserve {
    let lines = OrderLines::parse(lines).unwrap();
    Reserve {
        id: id(name),
        buyer: BuyerId::parse(&format!("{name} von é")).unwrap(),
        quantity: Quantity::new(lines.tickets().into()).unwrap(),
        lines: Some(lines),
    }
}

/// Orders in each state that one can be in.
async fn sell(ledger: &Ledger) -> Arc<Plan> {
    let (sale, plan) = (crowd::sale(), Arc::new(Plan::from_json(PLAN).unwrap()));
    let wanted = Creation {
        capacity: Capacity::new(plan.places()).unwrap(),
        terms: Terms { hold_ms: 1, ..Terms::default() },
        open: true,
        page: PageTerms::default(),
        plan: Some(Arc::clone(&plan)),
    };
    ledger.create_sale_as(&sale, &wanted).await.unwrap();
    ledger
        .reserve(
            &sale,
            &[
                wish("gone", "0.0-2.2r=1+2"),
                wish("late", "0.0-1.1a=0"),
                wish("moved", "0.0-2.1a=11"),
            ],
        )
        .await
        .unwrap();
    until_async("the holds end", async || {
        ledger.sweep(&sale).await.unwrap();
        let ended = ledger.order(&sale, &id("late")).await.unwrap().unwrap();
        (ended.state == OrderState::Expired).then_some(())
    })
    .await;
    let longer = TermsChange { hold_ms: Some(3_600_000), ..TermsChange::default() };
    ledger.set_terms(&sale, &longer).await.unwrap();
    let batch = [
        wish("a", "0.0-2.3a=0+1+2"),
        wish("b", "0.0-1.2r,1.0-1.2a"),
        wish("c", "0.1-2.2r"),
        wish("d", "0.0-2.1a=11"),
    ];
    let (_, verdicts) = ledger.reserve(&sale, &batch).await.unwrap().unwrap();
    assert!(verdicts.iter().all(|one| matches!(one, Verdict::Granted { .. })), "{verdicts:?}");
    let reference = PaymentReference::parse("pi 3").ok();
    let metadata = OrderMetadata::new(&serde_json::json!({"a": 1})).ok();
    let paid = Payment { reference, metadata };
    ledger.confirm_paid(&sale, &id("b"), &OrderPart::Lines(vec![0]), &paid).await.unwrap();
    let part = OrderPart::Seats(vec![(0, 2)]);
    let how = Cancellation::default();
    let (_, said) = ledger.cancel_as(&sale, &id("a"), how, &part).await.unwrap().unwrap();
    assert!(matches!(said, Verdict::Granted { .. }), "{said:?}");
    ledger.cancel(&sale, &id("c")).await.unwrap();
    ledger.cancel(&sale, &id("early")).await.unwrap();
    // Its seat is somebody else's.
    let late = ledger.confirm_paid(&sale, &id("late"), &OrderPart::Whole, &paid).await;
    let (_, late) = late.unwrap().unwrap();
    assert!(matches!(late, Verdict::Refused(_)), "{late:?}");
    let others = TermsChange { late_seats: Some(LateSeats::Other), ..TermsChange::default() };
    ledger.set_terms(&sale, &others).await.unwrap();
    let (_, moved) = ledger.confirm(&sale, &id("moved"), &OrderPart::Whole).await.unwrap().unwrap();
    let Verdict::Granted { order, .. } = moved else { panic!("{moved:?}") };
    let has = &order.seats.as_ref().unwrap().claims[0].seats;
    assert!(has.len() == 1 && has[0] != 11, "order d has that seat: {has:?}");
    ledger.set_state(&sale, SaleState::Paused).await.unwrap();
    plan
}

/// What must be the same, but for how far the log is.
async fn stands(ledger: &Ledger) -> Snapshot {
    let snapshot = ledger.snapshot(&crowd::sale()).await.unwrap().unwrap();
    Snapshot { version: 0, commit_seq: 0, at: shared::UnixMillis(0), ..snapshot }
}

#[tokio::test]
async fn an_exported_sale_with_a_plan_is_the_same_after_a_replay_into_an_empty_redis() {
    let room = scratch().unwrap();
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = crowd::ledger(&redis).await;
    let plan = sell(&ledger).await;
    let journal = room.path().join("events.ndjson");
    let events = ended_well("export", &run(&redis, &["orders", "export", crowd::SALE, "--ledger"]));
    assert!(events.contains(r#""type":"sale_planned""#), "{events}");
    fs::write(&journal, events).unwrap();

    let empty = PrivateRedis::start(Durability::Off);
    let path = journal.to_str().unwrap();
    let replay = ["--json", "orders", "replay", crowd::SALE, "--ledger", "--from", path];
    let said = ended_well("replay", &run(&empty, &replay));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["restored"], &said["failed"]), (&8.into(), &0.into()), "{said}");
    let again = crowd::ledger(&empty).await;
    let sale = crowd::sale();
    let (before, after) = (ledger.all_orders(&sale), again.all_orders(&sale));
    assert_eq!(after.await.unwrap(), before.await.unwrap());
    assert_eq!(stands(&again).await, stands(&ledger).await);
    let (_, before) = ledger.seats(&sale, &plan).await.unwrap().unwrap();
    let (_, after) = again.seats(&sale, &plan).await.unwrap().unwrap();
    assert_eq!(after, before);
    ended_well("audit", &run(&empty, &["audit", crowd::SALE, "--ledger"]));

    let said = ended_well("second replay", &run(&empty, &replay));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    for done in ["restored", "confirmed", "cancelled", "failed"] {
        assert_eq!(said[done], 0, "{said}");
    }
}
