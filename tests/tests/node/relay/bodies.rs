//! What stands in a delivery: buyer, payment, seats, and the moments that were set.

use crate::relay::receiver::Receiver;
use crate::relay::stage::{Stage, endpoint, has_all, stopped};
use lastseat_ledger::{Creation, Reserve, Verdict};
use lastseat_tests::harness::wait::until_async;
use serde_json::{Value, json};
use shared::domain::sale::PageTerms;
use shared::plan::Plan;
use shared::seats::OrderPart;
use shared::seats::order_lines::OrderLines;
use shared::{
    BuyerId, Capacity, OrderId, Payment, PaymentReference, Quantity, SaleId, Terms, UnixMillis,
};

/// Two seats of a hall.
const PLAN: &str = r#"{"format":1,"classes":[{"id":"stalls","coaches":[{"ids":"A","rows":"1",
    "letters":"AB"}]}]}"#;

/// The events that a receiver has taken, in order.
fn events(receiver: &Receiver) -> Vec<Value> {
    let bodies = receiver.taken().into_iter().map(|delivery| delivery.body);
    bodies.flat_map(|body| body["events"].as_array().unwrap().clone()).collect()
}

fn of_kind(receiver: &Receiver, kind: &str) -> Value {
    let found = events(receiver).into_iter().find(|event| event["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}: {:?}", events(receiver)))
}

/// A sale by [`PLAN`] in which one order is held, paid under a reference and cancelled.
async fn hall(stage: &Stage) -> SaleId {
    let sale = SaleId::parse("hall").unwrap();
    let plan = Plan::from_json(PLAN).unwrap();
    let wanted = Creation {
        capacity: Capacity::new(2).unwrap(),
        terms: Terms { hold_ms: 600_000, ..Terms::default() },
        open: true,
        page: PageTerms::default(),
        plan: Some(std::sync::Arc::new(plan)),
    };
    stage.ledger.create_sale_as(&sale, &wanted).await.unwrap();
    let id = OrderId::parse("order-0000000001").unwrap();
    let order = Reserve {
        id: id.clone(),
        buyer: BuyerId::parse("ada").unwrap(),
        quantity: Quantity::new(2).unwrap(),
        lines: OrderLines::parse("0.0-1.2r"),
    };
    let (_, verdicts) = stage.ledger.reserve(&sale, &[order]).await.unwrap().unwrap();
    assert!(matches!(verdicts[..], [Verdict::Granted { .. }]), "{verdicts:?}");
    // Within the same millisecond it would end when it does already.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    stage.ledger.extend(&sale, &id).await.unwrap().unwrap();
    let reference = Some(PaymentReference::parse("pi_3").unwrap());
    let payment = Payment { reference, ..Payment::default() };
    stage.ledger.confirm_paid(&sale, &id, &OrderPart::Whole, &payment).await.unwrap().unwrap();
    stage.ledger.cancel(&sale, &id).await.unwrap().unwrap();
    sale
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_of_an_order_names_its_buyer_its_seats_and_its_payment() {
    let stage = Stage::start().await;
    let sale = hall(&stage).await;
    let receiver = Receiver::willing().await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    has_all(&stage, &receiver, &[sale]).await;
    for kind in ["held", "extended", "confirmed", "cancelled"] {
        let event = of_kind(&receiver, kind);
        assert_eq!(event["buyer"], "ada", "{event}");
        assert_eq!(event["order_id"], "order-0000000001", "{event}");
        assert_eq!(event["lines"][0]["seats"], json!(["A-1A", "A-1B"]), "{event}");
    }
    for kind in ["confirmed", "cancelled"] {
        assert_eq!(of_kind(&receiver, kind)["reference"], "pi_3");
    }
    for kind in ["held", "extended"] {
        assert!(of_kind(&receiver, kind)["deadline"].as_u64() > Some(0));
    }
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_may_receive_a_hash_of_each_buyer_or_none_and_never_the_buyer() {
    let stage = Stage::start().await;
    let sale = stage.sale("spring").await;
    stage.sell(&sale, 1).await;
    stage.hold(&sale, 2).await;
    let (hashed, none) = (Receiver::willing().await, Receiver::willing().await);
    let text = endpoint("hashed", &hashed, "buyer = \"hash\"\nbuyer_secret_file = \"new.secret\"")
        + &endpoint("none", &none, "buyer = \"none\"");
    let relay = stage.relay(&text, &[]);
    for receiver in [&hashed, &none] {
        has_all(&stage, receiver, &[sale.clone()]).await;
        let said: Vec<String> = events(receiver).iter().map(ToString::to_string).collect();
        assert!(said.iter().all(|event| !event.contains("buyer-")), "{said:?}");
    }
    let hash = |kind: &str| {
        let event = of_kind(&hashed, kind);
        event["buyer_hash"].as_str().unwrap_or_else(|| panic!("{event}")).to_owned()
    };
    let held: Vec<Value> = events(&hashed);
    let held: Vec<&Value> = held.iter().filter(|event| event["type"] == "held").collect();
    assert_eq!(hash("held"), hash("confirmed"), "the same buyer");
    assert_ne!(held[0]["buyer_hash"], held[1]["buyer_hash"], "another buyer");
    assert!(events(&none).iter().all(|event| event.get("buyer_hash").is_none()));
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_that_opens_and_closes_by_itself_names_the_moments_that_were_set() {
    let stage = Stage::start().await;
    let now = stage.ledger.time().await.unwrap();
    let (opens_at, closes_at) = (now.plus(300), now.plus(900));
    let terms = Terms { opens_at, closes_at, ..Terms::default() };
    let sale = SaleId::parse("spring").unwrap();
    let capacity = Capacity::new(9).unwrap();
    stage.ledger.create_sale(&sale, capacity, &terms, false).await.unwrap();
    // A node looks in time; here the test does.
    for moment in [opens_at, closes_at] {
        until_async("the moment has come", async || {
            let now: UnixMillis = stage.ledger.time().await.ok()?;
            (now > moment).then_some(())
        })
        .await;
        stage.ledger.snapshot(&sale).await.unwrap().unwrap();
    }
    let receiver = Receiver::willing().await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    has_all(&stage, &receiver, &[sale]).await;
    let (opened, closed) = (of_kind(&receiver, "sale_opened"), of_kind(&receiver, "sale_closed"));
    assert_eq!(opened["opens_at"], opens_at.0);
    assert_eq!(closed["closes_at"], closes_at.0);
    assert!(opened["at"].as_u64().unwrap() >= opens_at.0);
    stopped(relay);
}
