//! A payment that came late and got other seats is lost with the end of the file: the order is
//! there again with these seats and no others.

use crate::recovery::buyers::SALE;
use crate::recovery::stage::{SHOP, Stage};
use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::wait::until_async;
use serde_json::{Value, json};
use shared::OrderState;
use shared::wire::messages::OrderView;
use std::fs;

const PLAN: &str = r#"{"stops":["A","B"],"classes":[
    {"id":"a","coaches":[{"ids":"1","rows":"1","letters":"ABCD"}]}]}"#;
const ADA: &str = "order-of-ada-000001";

/// An order as the node at `index` shows it, once it does.
async fn shown(stage: &Stage, index: usize, state: OrderState) -> OrderView {
    let path = format!("/v1/sales/{SALE}/orders/{ADA}");
    until_async("the order is shown", async || {
        let mut client = stage.nodes[index].client();
        let order: OrderView = client.get(&path).await.ok()?.json().ok()?;
        (order.state == state).then_some(order)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_seats_of_a_late_payment_are_there_again_after_redis_lost_that_payment() {
    let mut stage = Stage::new(2, false);
    let room = scratch().unwrap();
    let plan = room.path().join("plan.json");
    fs::write(&plan, PLAN).unwrap();
    let plan = plan.to_str().unwrap();
    let terms = ["--hold", "300ms", "--late-seats", "other"];
    stage.says(&[&["sale", "create", SALE, "--plan", plan][..], &terms].concat());
    let mut first = stage.nodes[0].client();
    let body = json!({"buyer": "ada", "lines": [{"class": "a", "from": "A", "to": "B"}]});
    let held = first.order(SALE, Some(ADA), &body.to_string()).await.unwrap();
    let held: OrderView = held.json().unwrap();
    shown(&stage, 1, OrderState::Expired).await;
    // Somebody else buys the seat and pays in time.
    let chosen = json!([{"class": "a", "from": "A", "to": "B", "seats": held.lines[0].seats}]);
    let body = json!({"buyer": "bob", "lines": chosen}).to_string();
    let bob: OrderView = until_async("the seat is sold again", async || {
        let mut client = stage.nodes[1].client();
        client.order(SALE, None, &body).await.ok()?.json().ok()
    })
    .await;
    let shop = format!("Bearer {SHOP}");
    let pay = |key: &str| {
        let path = format!("/v1/sales/{SALE}/orders/{key}/confirm");
        request(Method::POST, &path, &[("authorization", &shop)], "").unwrap()
    };
    let paid: OrderView = first.send(pay(&bob.order_id)).await.unwrap().json().unwrap();
    assert_eq!(paid.state, OrderState::Confirmed);

    let length = stage.primary.files().length();
    let moved: OrderView = first.send(pay(ADA)).await.unwrap().json().unwrap();
    assert_eq!(moved.state, OrderState::Confirmed);
    assert_ne!(moved.lines[0].seats, held.lines[0].seats);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    for node in [1, 0] {
        assert_eq!(shown(&stage, node, OrderState::Confirmed).await.lines, moved.lines);
    }
    stage.is_whole().await;
    assert_eq!(stage.sum("lastseat_orders_restored_total").await, 1);
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
    let report = stage.says(&["--json", "audit", SALE, "--ledger"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["ok"], true, "{report}");
}
