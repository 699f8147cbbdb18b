//! One key, many requests.

use crate::api::shop::Shop;
use futures_util::future::join_all;
use hyper::StatusCode;
use lastseat_tests::harness::HttpClient;
use shared::Code;
use shared::wire::messages::{OrderView, header};

const ADA: &str = r#"{"buyer":"ada","quantity":2}"#;
const BOB: &str = r#"{"buyer":"bob","quantity":2}"#;

#[tokio::test]
async fn duplicates_of_one_key_at_four_nodes_at_once_are_one_order() {
    let shop = Shop::open();
    shop.create("twins", r#"{"capacity":1000,"buyer_limit":2,"hold_ms":60000}"#).await;
    for round in 0..20 {
        let key = format!("twins-0123456789-{round:04}");
        let body = format!(r#"{{"buyer":"ada-{round}","quantity":2}}"#);
        let ask = async |number: usize| {
            let mut client = HttpClient::new(&shop.nodes[number % 4].url).unwrap();
            client.order("twins", Some(&key), &body).await.unwrap()
        };
        let answers = join_all((0..16).map(ask)).await;
        let count = |status| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(StatusCode::CREATED), count(StatusCode::OK)), (1, 15));
        let first: OrderView = answers[0].json().unwrap();
        for answer in &answers {
            assert_eq!(answer.json::<OrderView>().unwrap(), first);
            let replayed = answer.header(header::IDEMPOTENCY_REPLAYED) == "true";
            assert_eq!(replayed, answer.status == StatusCode::OK);
        }
    }
    assert_eq!(shop.orders("twins").await.unwrap().len(), 20);
    let audit = shop.audit("twins").await.unwrap();
    assert!(audit.ok && audit.held == 40, "{audit:?}");
}

#[tokio::test]
async fn a_key_used_for_two_orders_at_once_stands_for_one_of_them() {
    let shop = Shop::open();
    shop.create("clash", r#"{"capacity":1000}"#).await;
    for round in 0..20 {
        let key = format!("clash-0123456789-{round:04}");
        let ask = async |number: usize| {
            let mut client = HttpClient::new(&shop.nodes[number % 4].url).unwrap();
            let body = if number.is_multiple_of(3) { ADA } else { BOB };
            client.order("clash", Some(&key), body).await.unwrap()
        };
        let answers = join_all((0..12).map(ask)).await;
        let created = answers.iter().filter(|a| a.status == StatusCode::CREATED).count();
        assert_eq!(created, 1);
        let mut buyers: Vec<String> = Vec::new();
        for answer in &answers {
            match answer.json::<OrderView>() {
                Ok(order) => buyers.push(order.buyer),
                Err(_) => assert_eq!(answer.problem().unwrap().code, Code::KeyReused),
            }
        }
        buyers.dedup();
        assert_eq!(buyers.len(), 1, "one order: {buyers:?}");
    }
    assert_eq!(shop.orders("clash").await.unwrap().len(), 20);
}

#[tokio::test]
async fn confirmed_and_cancelled_at_four_nodes_at_once_an_order_has_one_end() {
    let shop = Shop::open();
    shop.create("race", r#"{"capacity":20,"hold_ms":60000}"#).await;
    for _ in 0..20 {
        let held = shop.buy("race", r#"{"buyer":"ada"}"#).await;
        let change = async |number: usize| {
            let verb = if number.is_multiple_of(2) { "confirm" } else { "cancel" };
            shop.change(number % 4, &held, verb, "").await
        };
        join_all((0..8).map(change)).await;
        // A confirmed order can be cancelled, a cancelled one not confirmed.
        assert_eq!(shop.lookup(&held).await.state, shared::OrderState::Cancelled);
    }
    let audit = shop.audit("race").await.unwrap();
    assert!(audit.ok && audit.free == 20, "{audit:?}");
}
