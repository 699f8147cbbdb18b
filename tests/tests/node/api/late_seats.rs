//! Late payments in sales with plans: the same seats or none, or other seats where the sale gives
//! them.

use crate::api::shop::{Shop, assert_no, lines};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::wait::until_async;
use serde_json::{Value, json};
use shared::wire::messages::{OrderView, header};
use shared::{Code, OrderState};

/// Two rows of three seats on two legs, and places to stand.
fn plan() -> Value {
    json!({
        "stops": ["A", "B", "C"],
        "classes": [
            {"id": "second", "coaches": [{"ids": "1", "rows": "1-2", "letters": "ABC"}]},
            {"id": "standing", "standing": 3},
        ],
    })
}

async fn create(shop: &Shop, sale: &str, late_seats: Option<&str>) {
    let mut body = json!({"plan": plan(), "hold_ms": 300});
    if let Some(word) = late_seats {
        body["late_seats"] = word.into();
    }
    shop.create(sale, &body.to_string()).await;
}

/// Two seats in a row all the way and a place to stand, whose hold has ended; of the seats the
/// first is somebody else's by now.
async fn ended(shop: &Shop, sale: &str) -> OrderView {
    let wanted = json!({"buyer": "ada", "lines": [
        {"class": "second", "from": "A", "to": "C", "quantity": 2, "together": "row"},
        {"class": "standing", "from": "A", "to": "B"},
    ]});
    let held = shop.buy(sale, &wanted.to_string()).await;
    shop.expired(&held).await;
    let seat = &held.lines[0].seats[0];
    let chosen = json!([{"class": "second", "from": "A", "to": "B", "seats": [seat]}]);
    let body = json!({"buyer": "bob", "lines": chosen}).to_string();
    let bob: OrderView = until_async("the seat is sold again", async || {
        shop.order(0, sale, &body).await.json().ok()
    })
    .await;
    let paid = shop.change(0, &bob, "confirm", "").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
    held
}

#[tokio::test]
async fn a_late_payment_gets_other_seats_where_the_sale_gives_them_and_the_answer_names_them() {
    let shop = Shop::open();
    create(&shop, "G1", Some("other")).await;
    assert_eq!(shop.report("G1").await["late_seats"], "other");
    let held = ended(&shop, "G1").await;
    let paid = shop.change(1, &held, "confirm", "").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
    let order: OrderView = paid.json().unwrap();
    assert_eq!((order.state, order.quantity), (OrderState::Confirmed, 3));
    let (had, has) = (&held.lines[0].seats, &order.lines[0].seats);
    assert_eq!(has.len(), 2);
    assert!(!has.contains(&had[0]), "{has:?} after {had:?}");
    // In one row, as it was ordered.
    let row = |seat: &str| seat[..seat.len() - 1].to_owned();
    assert_eq!(row(&has[0]), row(&has[1]));
    assert_eq!((order.lines[1].quantity, &order.lines[1].seats), (1, &Vec::new()));

    for node in 0..4 {
        for body in ["", r#"{"lines":[0,1]}"#] {
            let again = shop.change(node, &held, "confirm", body).await;
            assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true", "{}", again.text());
            assert_eq!(again.json::<OrderView>().unwrap(), order);
        }
    }
    assert_eq!(shop.lookup(&held).await, order);
    let log = lines(&shop.admin(Method::GET, "/G1/log", "").await.text());
    let retaken = log.iter().find(|line| line["type"] == "retaken").unwrap();
    assert_eq!(retaken["lines"][0]["seats"], json!(has));
    // They are seats like any others: they can be given back one by one.
    let part = json!({"seats": [has[0]]}).to_string();
    let less: OrderView = shop.change(2, &order, "cancel", &part).await.json().unwrap();
    assert_eq!(less.lines[0].seats, has[1..]);
    assert!(shop.audit("G1").await.unwrap().ok);
}

#[tokio::test]
async fn a_late_payment_that_names_seats_gets_these_or_is_refused_whatever_the_sale_gives() {
    let shop = Shop::open();
    create(&shop, "G1", Some("other")).await;
    let held = ended(&shop, "G1").await;
    let part = json!({"seats": held.lines[0].seats}).to_string();
    assert_no(&shop.change(1, &held, "confirm", &part).await, Code::HoldExpired);
    // The shop refunds on it.
    assert_no(&shop.change(2, &held, "confirm", "").await, Code::HoldExpired);
    assert!(shop.audit("G1").await.unwrap().ok);
}

#[tokio::test]
async fn operators_say_what_a_late_payment_gets_and_a_sale_without_a_plan_has_no_such_term() {
    let shop = Shop::open();
    create(&shop, "G1", None).await;
    assert_eq!(shop.report("G1").await["late_seats"], "same");
    let refused = ended(&shop, "G1").await;
    assert_no(&shop.change(0, &refused, "confirm", "").await, Code::HoldExpired);
    let set = shop.run(&["sale", "set", "G1", "--late-seats", "other"]);
    assert_eq!(set.code, 0, "{}", set.stderr);
    assert_eq!(shop.report("G1").await["late_seats"], "other");
    // What was refused stays refused.
    assert_no(&shop.change(1, &refused, "confirm", "").await, Code::HoldExpired);
    let back = shop.admin(Method::PATCH, "/G1", r#"{"late_seats":"same"}"#).await;
    assert_eq!(back.status, StatusCode::OK, "{}", back.text());
    assert_eq!(shop.report("G1").await["late_seats"], "same");

    shop.create("plain", r#"{"capacity":5,"hold_ms":60000}"#).await;
    assert_eq!(shop.report("plain").await.get("late_seats"), None);
    let no = shop.admin(Method::PATCH, "/plain", r#"{"late_seats":"other"}"#).await;
    assert_no(&no, Code::NoPlan);
    let no = shop.run(&["sale", "set", "plain", "--late-seats", "other"]);
    assert_eq!(no.code, 1, "{}", no.stderr);
    assert!(no.stderr.contains("no_plan"), "{}", no.stderr);
    for body in [r#"{"capacity":5,"late_seats":"other"}"#, r#"{"capacity":5,"late_seats":"best"}"#]
    {
        assert_no(&shop.admin(Method::PUT, "/other", body).await, Code::Invalid);
    }
}
