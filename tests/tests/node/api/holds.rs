//! The life of an order: held, then confirmed, cancelled, extended or expired.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::wait::until_async;
use shared::limits::CLIENT_EARLY_BURST;
use shared::wire::messages::{OrderView, header};
use shared::{Code, OrderState};
use std::process::Command;
use std::time::Duration;

const ADA: &str = r#"{"buyer":"ada"}"#;
const BOB: &str = r#"{"buyer":"bob"}"#;
const LONG: &str = r#"{"capacity":1,"hold_ms":60000}"#;
const SHORT: &str = r#"{"capacity":1,"hold_ms":300}"#;

#[tokio::test]
async fn a_paid_hold_is_confirmed_once_and_keeps_its_ticket() {
    let shop = Shop::open();
    shop.create("paid", LONG).await;
    let held = shop.buy("paid", ADA).await;
    assert_eq!(held.state, OrderState::Held);
    assert!(held.expires_at.is_some_and(|at| at.since(held.created_at) == 60_000));

    let confirmed = shop.change(1, &held, "confirm", "").await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    assert_eq!(confirmed.header(header::IDEMPOTENCY_REPLAYED), "");
    assert_eq!(confirmed.header(header::ANSWERED_BY), "ledger");
    let order: OrderView = confirmed.json().unwrap();
    assert_eq!((order.state, order.expires_at), (OrderState::Confirmed, None));

    for node in 0..4 {
        let again = shop.change(node, &held, "confirm", "{}").await;
        assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
        assert_eq!(again.json::<OrderView>().unwrap(), order);
    }
    assert_no(&shop.change(2, &held, "extend", "").await, Code::WrongState);
    assert_eq!(shop.lookup(&held).await, order);
    assert_eq!(shop.events("paid").await, ["sale_created", "held", "confirmed"]);
    assert!(shop.audit("paid").await.unwrap().ok);
}

#[tokio::test]
async fn a_cancelled_ticket_is_sold_again_to_somebody_else() {
    let shop = Shop::open();
    shop.create("back", LONG).await;
    let held = shop.buy("back", ADA).await;
    let no = shop.order(0, "back", BOB).await;
    assert_no(&no, Code::AllHeld);

    // Whoever knows the id may give it back: no token.
    let cancelled = shop.give_back(0, &held, None).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    assert_eq!(cancelled.json::<OrderView>().unwrap().state, OrderState::Cancelled);
    let again = shop.give_back(3, &held, None).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    assert_no(&shop.change(3, &held, "confirm", "").await, Code::WrongState);

    let sold = shop.buy("back", BOB).await;
    let confirmed = shop.change(2, &sold, "confirm", "").await;
    assert_eq!(confirmed.status, StatusCode::OK);
    // A confirmed one can be given back, too, by the shop.
    let refunded = shop.change(1, &sold, "cancel", "").await;
    assert_eq!(refunded.json::<OrderView>().unwrap().state, OrderState::Cancelled);
    let report = shop.report("back").await;
    assert_eq!((&report["free"], &report["held"]), (&1.into(), &0.into()));
    assert!(shop.audit("back").await.unwrap().ok);
}

#[tokio::test]
async fn a_late_payment_takes_the_ticket_again_while_it_is_free() {
    let shop = Shop::open();
    shop.create("late", SHORT).await;
    let held = shop.buy("late", ADA).await;
    shop.expired(&held).await;
    assert_no(&shop.change(0, &held, "extend", "").await, Code::HoldExpired);
    let confirmed = shop.change(0, &held, "confirm", "").await;
    assert_eq!(confirmed.status, StatusCode::OK, "{}", confirmed.text());
    assert_eq!(confirmed.json::<OrderView>().unwrap().state, OrderState::Confirmed);
    let events = shop.events("late").await;
    assert_eq!(events, ["sale_created", "held", "expired", "retaken"]);
    assert!(shop.audit("late").await.unwrap().ok);
}

#[tokio::test]
async fn a_late_payment_without_a_ticket_is_refused_for_good() {
    let shop = Shop::open();
    shop.create("gone", SHORT).await;
    let held = shop.buy("gone", ADA).await;
    shop.expired(&held).await;
    // Each node hears of the returned ticket with its next look at the ledger.
    let bob: OrderView = until_async("the ticket is sold again", async || {
        shop.order(0, "gone", BOB).await.json().ok()
    })
    .await;
    assert_no(&shop.change(1, &held, "confirm", "").await, Code::HoldExpired);
    // By now the shop may be refunding: a ticket that comes back changes nothing.
    shop.change(0, &bob, "cancel", "").await;
    assert_no(&shop.change(2, &held, "confirm", "").await, Code::HoldExpired);
    assert_eq!(shop.lookup(&held).await.state, OrderState::Expired);
    assert!(shop.events("gone").await.contains(&"refused_late".to_owned()));
    assert!(shop.audit("gone").await.unwrap().ok);
}

/// Who gave back, even late, has given back.
#[tokio::test]
async fn an_order_given_back_after_its_hold_has_ended_takes_no_ticket_again() {
    let shop = Shop::open();
    shop.create("regret", SHORT).await;
    let held = shop.buy("regret", ADA).await;
    shop.expired(&held).await;
    let cancelled = shop.give_back(0, &held, None).await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    assert_eq!(cancelled.header(header::IDEMPOTENCY_REPLAYED), "");
    assert_eq!(cancelled.json::<OrderView>().unwrap().state, OrderState::Cancelled);
    assert_no(&shop.change(1, &held, "confirm", "").await, Code::WrongState);
    let again = shop.change(2, &held, "cancel", "").await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    let mut client = HttpClient::new(&shop.nodes[3].url).unwrap();
    let repeat = client.order("regret", Some(&held.order_id), ADA).await.unwrap();
    assert_eq!(repeat.json::<OrderView>().unwrap().state, OrderState::Cancelled);
    let report = shop.report("regret").await;
    assert_eq!((&report["free"], &report["confirmed"]), (&1.into(), &0.into()));
    let events = shop.events("regret").await;
    assert_eq!(events, ["sale_created", "held", "expired", "cancelled"]);
    assert!(shop.audit("regret").await.unwrap().ok);
}

#[tokio::test]
async fn a_hold_is_extended_until_it_is_three_hold_times_old() {
    let shop = Shop::open();
    // Long enough for a machine that stands still for a second between two calls.
    shop.create("longer", r#"{"capacity":1,"hold_ms":2500}"#).await;
    let held = shop.buy("longer", ADA).await;
    let last = held.created_at.plus(7_500);
    let mut deadline = held.expires_at.unwrap();
    while deadline < last {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let extended = shop.change(0, &held, "extend", "").await;
        assert_eq!(extended.status, StatusCode::OK, "{}", extended.text());
        let order: OrderView = extended.json().unwrap();
        assert!(order.expires_at.is_some_and(|at| at > deadline && at <= last));
        deadline = order.expires_at.unwrap();
    }
    assert_no(&shop.change(1, &held, "extend", "").await, Code::HoldLimit);
}

#[tokio::test]
async fn a_part_of_an_order_is_confirmed_and_the_rest_returns() {
    let shop = Shop::open();
    shop.create("part", r#"{"capacity":3,"hold_ms":60000}"#).await;
    let held = shop.buy("part", r#"{"buyer":"ada","quantity":3}"#).await;
    assert_no(&shop.change(0, &held, "confirm", r#"{"quantity":4}"#).await, Code::QuantityHeld);
    let confirmed = shop.change(0, &held, "confirm", r#"{"quantity":1}"#).await;
    assert_eq!(confirmed.json::<OrderView>().unwrap().quantity, 1);
    let report = shop.report("part").await;
    let numbers = ["free", "held", "confirmed"].map(|name| report[name].as_u64().unwrap());
    assert_eq!(numbers, [2, 0, 1]);
    shop.buy("part", r#"{"buyer":"bob","quantity":2}"#).await;
    assert!(shop.audit("part").await.unwrap().ok);
}

/// A shop refunds on `wrong_state`: what is no reason to refund has another code.
#[tokio::test]
async fn a_refused_change_of_an_order_names_its_state_or_both_numbers() {
    let shop = Shop::open();
    shop.create("why", r#"{"capacity":9,"hold_ms":60000}"#).await;
    let held = shop.buy("why", r#"{"buyer":"ada","quantity":4}"#).await;
    let says = async |verb: &str, body: &str, code: Code, words: [&str; 2]| {
        let answer = shop.change(0, &held, verb, body).await;
        assert_no(&answer, code);
        let detail = answer.problem().unwrap().detail;
        assert!(words.iter().all(|word| detail.contains(word)), "{verb} {body}: {detail}");
    };
    let numbers = |asked| ["for 4 tickets", asked];
    says("confirm", r#"{"quantity":5}"#, Code::QuantityHeld, numbers("confirms 5")).await;
    assert_eq!(shop.lookup(&held).await, held);
    shop.change(0, &held, "confirm", "").await;
    says("confirm", r#"{"quantity":3}"#, Code::QuantityHeld, numbers("confirms 3")).await;
    says("confirm", r#"{"quantity":5}"#, Code::QuantityHeld, numbers("confirms 5")).await;
    says("extend", "", Code::WrongState, ["confirmed", "Nothing"]).await;
    shop.change(0, &held, "cancel", "").await;
    let cancelled = ["cancelled", "Nothing"];
    says("confirm", r#"{"quantity":5}"#, Code::WrongState, cancelled).await;
    says("extend", "", Code::WrongState, cancelled).await;
    assert!(shop.audit("why").await.unwrap().ok);
}

#[tokio::test]
async fn a_hold_that_has_ended_is_not_extended_and_not_yet_to_be_refunded() {
    let shop = Shop::open();
    shop.create("soon", SHORT).await;
    let held = shop.buy("soon", ADA).await;
    shop.expired(&held).await;
    let extended = shop.change(0, &held, "extend", "").await;
    assert_no(&extended, Code::HoldExpired);
    let detail = extended.problem().unwrap().detail;
    assert!(detail.contains("confirm the order") && !detail.contains("Refund"), "{detail}");
    let more = shop.change(0, &held, "confirm", r#"{"quantity":2}"#).await;
    assert_no(&more, Code::QuantityHeld);
    let paid = shop.change(0, &held, "confirm", "").await;
    assert_eq!(paid.status, StatusCode::OK, "{}", paid.text());
}

#[tokio::test]
async fn what_is_unknown_or_senseless_is_told_so_and_changes_nothing() {
    let shop = Shop::open();
    shop.create("known", LONG).await;
    let held = shop.buy("known", ADA).await;
    let stranger = OrderView { order_id: "0123456789abcdef".to_owned(), ..held.clone() };
    let elsewhere = OrderView { sale: "nowhere".to_owned(), ..held.clone() };
    for verb in ["confirm", "extend", "cancel"] {
        let unknown = shop.change(0, &stranger, verb, "").await;
        // Cancelling what is not there yet is how a client makes sure that it never will be.
        if verb == "cancel" {
            assert_eq!(unknown.status, StatusCode::OK, "{}", unknown.text());
        } else {
            assert_no(&unknown, Code::UnknownOrder);
        }
        assert_no(&shop.change(0, &elsewhere, verb, "").await, Code::UnknownSale);
        // A partial cancel does not exist; whoever asks for it must not lose the whole order.
        for body in [r#"{"quantity":0}"#, r#"{"qty":1}"#, "[]", "{", r#"{"quantity":"1"}"#] {
            let answer = shop.change(0, &held, verb, body).await;
            assert_no(&answer, Code::Invalid);
            assert_eq!(answer.problem().unwrap().order_id, Some(held.order_id.clone()));
        }
    }
    let cancel = shop.change(0, &held, "cancel", r#"{"quantity":1}"#).await;
    assert_no(&cancel, Code::Invalid);
    let path = format!("/v1/sales/known/orders/{}/cancel", held.order_id);
    let get = shop.send(0, (Method::GET, &path), None, "").await;
    assert_no(&get, Code::MethodNotAllowed);
    assert_eq!(get.header("allow"), "POST");
    assert_eq!(shop.lookup(&held).await, held);
}

/// A request that is stuck in the socket of a frozen node comes after its client was told that
/// there is no such order.
#[tokio::test]
async fn an_order_that_is_cancelled_before_it_comes_never_sells() {
    let shop = Shop::open();
    shop.create("early", LONG).await;
    let key = "0123456789abcdef-late";
    let path = format!("/v1/sales/early/orders/{key}");
    let unknown = shop.send(0, (Method::GET, &path), None, "").await;
    assert_no(&unknown, Code::UnknownOrder);
    let cancel = format!("{path}/cancel");
    let cancelled = shop.send(1, (Method::POST, &cancel), None, "").await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    let order: OrderView = cancelled.json().unwrap();
    assert_eq!((order.state, order.quantity), (OrderState::Cancelled, 0));
    let again = shop.send(2, (Method::POST, &cancel), None, "").await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");

    // It comes, at another node, and so does its repeat.
    for node in [3, 0] {
        let mut client = HttpClient::new(&shop.nodes[node].url).unwrap();
        let late = client.order("early", Some(key), ADA).await.unwrap();
        assert_eq!(late.status, StatusCode::OK, "{}", late.text());
        let late: OrderView = late.json().unwrap();
        assert_eq!(late.state, OrderState::Cancelled);
    }
    let there = shop.send(1, (Method::GET, &path), None, "").await;
    let there: OrderView = there.json().unwrap();
    assert_eq!((there.state, there.quantity), (OrderState::Cancelled, 0));
    // Its ticket is everybody's.
    shop.buy("early", BOB).await;
    assert!(shop.audit("early").await.unwrap().ok);
}

/// The status of a cancel that comes from the address 127.0.0.`host`.
fn cancels_from(host: u8, url: &str, sale: &str, order: &str) -> u16 {
    let url = format!("{url}/v1/sales/{sale}/orders/{order}/cancel");
    let mut curl = Command::new("curl");
    curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "POST"]);
    curl.args(["-H", "content-type: application/json", "-d", "{}"]);
    let output = curl.args(["--interface", &format!("127.0.0.{host}"), &url]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).parse().unwrap()
}

#[tokio::test]
async fn a_stranger_cannot_use_up_what_a_sale_remembers_of_orders_cancelled_before_they_came() {
    let shop = Shop::open();
    shop.create("early", LONG).await;
    let held = shop.buy("early", ADA).await;
    let url = &shop.nodes[0].url;
    let invented = |n: u32| format!("invented-{n:016}");
    let most = CLIENT_EARLY_BURST;
    let statuses: Vec<u16> =
        (0..most + 8).map(|n| cancels_from(2, url, "early", &invented(n))).collect();
    assert_eq!(statuses[..most as usize], vec![200; most as usize]);
    assert_eq!(statuses[most as usize..], [404; 8], "remembered for one address");
    // What is there it cancels all the same, and its own repeats are answered.
    assert_eq!(cancels_from(2, url, "early", &held.order_id), 200);
    assert_eq!(cancels_from(2, url, "early", &invented(0)), 200);
    // Others have theirs, in the sale and at the shop.
    assert_eq!(cancels_from(3, url, "early", "another-0123456789"), 200);
    let path = "/v1/sales/early/orders/of-the-shop-0123456789/cancel";
    let by_shop = shop.send(0, (Method::POST, path), Some(SHOP_TOKEN), "").await;
    assert_eq!(by_shop.status, StatusCode::OK, "{}", by_shop.text());
    assert!(shop.audit("early").await.unwrap().ok);
}

#[tokio::test]
async fn a_buyer_who_orders_and_cancels_in_a_loop_is_stopped_and_others_are_not() {
    let shop = Shop::open();
    shop.create("loop", LONG).await;
    for _ in 0..shared::limits::ENDED_ORDERS_MAX {
        let held = shop.buy("loop", ADA).await;
        let cancelled = shop.change(0, &held, "cancel", "").await;
        assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text());
    }
    assert_no(&shop.order(1, "loop", ADA).await, Code::EndedLimit);
    assert_no(&shop.order(2, "loop", ADA).await, Code::EndedLimit);
    shop.buy("loop", BOB).await;
    assert!(shop.audit("loop").await.unwrap().ok);
}

#[tokio::test]
async fn a_hold_is_made_longer_by_the_hold_time_that_its_buyer_was_given() {
    let shop = Shop::open();
    shop.create("terms", r#"{"capacity":2,"hold_ms":60000}"#).await;
    let held = shop.buy("terms", ADA).await;
    let terms = shop.admin(Method::PATCH, "/terms", r#"{"hold_ms":600000}"#);
    let terms = terms.await;
    assert_eq!(terms.status, StatusCode::OK, "{}", terms.text());
    let longer = shop.change(0, &held, "extend", "").await;
    assert_eq!(longer.status, StatusCode::OK, "{}", longer.text());
    let longer: OrderView = longer.json().unwrap();
    let ends = longer.expires_at.expect("it is held");
    let most = 3 * 60_000;
    assert!(ends.since(held.created_at) <= most, "{longer:?}");
    assert!(shop.audit("terms").await.unwrap().ok);
}
