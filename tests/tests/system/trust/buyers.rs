//! Buyer tokens: made by the shop, asked for at the edge and at the nodes.

use crate::trust::signatures::{now, signed};
use crate::trust::{A, ADA, B, ORDERS, SALE, assert_no, cluster};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::{Edge, HttpClient, HttpReply};
use shared::auth::buyer_token;
use shared::auth::edge_signature::{Signed, sign};
use shared::wire::messages::header;
use shared::{BuyerId, Code, KeyRing, SaleId, UnixMillis};
use std::process::Command;

const KEY: &str = "0123456789abcdef";

fn token(key: &str, sale: &str, expires: UnixMillis) -> String {
    let (sale, ada) = (SaleId::parse(sale).unwrap(), BuyerId::parse("ada").unwrap());
    buyer_token::make(&KeyRing::parse(key).unwrap(), &sale, &ada, expires)
}

/// As a shop's operator makes one to try it.
fn token_of_the_command() -> String {
    let made = Command::new(lastseat().unwrap())
        .args(["token", "--json", SALE, "--buyer", "ada", "--for", "15m"])
        .env("LASTSEAT_BUYER_KEY", B)
        .output()
        .unwrap();
    let said: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    assert_eq!(said["buyer"], "ada");
    said["token"].as_str().unwrap().to_owned()
}

async fn order(client: &mut HttpClient, token: Option<&str>, body: &str) -> HttpReply {
    let headers: Vec<_> = token.map(|t| (header::BUYER_TOKEN, t)).into_iter().collect();
    let asked = request(Method::POST, ORDERS, &headers, body).unwrap();
    client.send(asked).await.unwrap()
}

fn wrong_tokens() -> [(Option<String>, &'static str); 5] {
    let soon = now().plus(60_000);
    [
        (None, "needs a buyer token"),
        (Some("let me in".to_owned()), "not a token"),
        (Some(token(A, SALE, soon)), "not one of the shop"),
        (Some(token(B, "autumn", soon)), "not one of the shop for this sale"),
        (Some(token(B, SALE, UnixMillis(now().0 - 1))), "expired"),
    ]
}

#[tokio::test]
async fn the_edge_asks_for_the_shops_word_on_a_buyer_without_asking_a_node() {
    let keys = [("LASTSEAT_EDGE_KEY", A), ("LASTSEAT_BUYER_KEY", B)];
    let cluster = cluster(Edge::under_test(), &keys).await;
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    for (token, words) in wrong_tokens() {
        let answer = order(&mut edge, token.as_deref(), ADA).await;
        assert_no(&answer, Code::BuyerToken, words);
        assert_eq!(answer.header(header::ANSWERED_BY), "edge");
    }
    let good = token_of_the_command();
    let bob = r#"{"buyer":"bob"}"#;
    let answer = order(&mut edge, Some(&good), bob).await;
    assert_no(&answer, Code::BuyerToken, "another buyer");
    let received = "lastseat_orders_received_total";
    assert_eq!(cluster.count(received, &[]).await.unwrap(), 0);

    let answer = order(&mut edge, Some(&good), ADA).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    // Whoever knows the id of an order needs no token to see it or give it back.
    let id = answer.json::<shared::wire::messages::OrderView>().unwrap().order_id;
    let shown = edge.get(&format!("{ORDERS}/{id}")).await.unwrap();
    assert_eq!(shown.status, StatusCode::OK);
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 99);
}

#[tokio::test]
async fn a_node_asks_again_for_the_shops_word_on_a_buyer() {
    let keys = [("LASTSEAT_EDGE_KEY", A), ("LASTSEAT_BUYER_KEY", B)];
    let cluster = cluster(Edge::None, &keys).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let good = token(B, SALE, now().plus(60_000));
    let wrong = wrong_tokens();
    let wrong = wrong.iter().map(|(t, words)| (t.as_deref(), ADA, *words));
    let other = (Some(&*good), r#"{"buyer":"bob"}"#, "another buyer");
    for (token, body, words) in wrong.chain([other]) {
        let asked = Signed {
            method: "POST",
            path: ORDERS,
            order: KEY,
            edge: "e1",
            key_source: "sent",
            buyer_token: token.unwrap_or_default(),
            ..Signed::default()
        };
        let signature = sign(&KeyRing::parse(A).unwrap(), &asked, now());
        let answer = node.send(signed(&asked, &signature, body)).await.unwrap();
        assert_no(&answer, Code::BuyerToken, words);
        assert_eq!(answer.header(header::ANSWERED_BY), "origin");
    }
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 100);
}
