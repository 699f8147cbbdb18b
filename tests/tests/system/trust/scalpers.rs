//! Those who want more than their share: many keys, many addresses, holds that are never paid.

use crate::trust::SALE;
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

const ADDRESSES: u32 = 1_000;
const KEYS_EACH: u32 = 10;
/// Connections at a time.
const AT_ONCE: u32 = 50;
const LIMIT: u64 = 4;

async fn sale(cluster: &Cluster, terms: &str) {
    let bearer = format!("Bearer {}", cluster.admin_token);
    let path = format!("/v1/admin/sales/{SALE}");
    let headers = [("authorization", bearer.as_str())];
    let asked = request(Method::PUT, &path, &headers, terms).unwrap();
    let mut operator = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    let answer = operator.send(asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

/// Orders under keys of its own from the address `127.0.0.0 + n`, all in one go; what was answered.
async fn scalp(edge: SocketAddr, n: u32) -> Vec<u16> {
    let socket = TcpSocket::new_v4().unwrap();
    let own = Ipv4Addr::from(u32::from(Ipv4Addr::new(127, 1, 0, 1)) + n);
    socket.bind((own, 0).into()).unwrap();
    let mut stream = socket.connect(edge).await.unwrap();
    let body = r#"{"buyer":"scalper"}"#;
    for key in 0..KEYS_EACH {
        // What it says of its address changes each time, too.
        let said = Ipv4Addr::from(n * KEYS_EACH + key);
        let close = if key + 1 == KEYS_EACH { "close" } else { "keep-alive" };
        let order = format!(
            "POST /v1/sales/{SALE}/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Idempotency-Key: scalper-{n:08}-{key:08}\r\nX-Forwarded-For: \
             {said}\r\nCF-Connecting-IP: {said}\r\n\
             Connection: {close}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(order.as_bytes()).await.unwrap();
    }
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    let statuses = answers.split("HTTP/1.1 ").skip(1);
    statuses.map(|answer| answer[..3].parse().unwrap()).collect()
}

#[tokio::test]
async fn a_buyer_with_10000_keys_and_1000_addresses_gets_the_buyer_limit() {
    let cluster = Cluster::with_edge(Edge::under_test());
    let terms = format!(r#"{{"capacity":1000,"buyer_limit":{LIMIT}}}"#);
    sale(&cluster, &terms).await;
    let edge: SocketAddr = cluster.edges[0].trim_start_matches("http://").parse().unwrap();
    let mut answers = Vec::new();
    for first in (0..ADDRESSES).step_by(AT_ONCE as usize) {
        let scalpers: Vec<_> =
            (first..first + AT_ONCE).map(|n| tokio::spawn(scalp(edge, n))).collect();
        for scalper in scalpers {
            answers.extend(scalper.await.unwrap());
        }
    }
    assert_eq!(answers.len(), (ADDRESSES * KEYS_EACH) as usize);
    let of = |status| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!(of(201) as u64, LIMIT);
    // `buyer_limit`, or `busy` where the edge had forwarded its share.
    assert_eq!(of(201) + of(409) + of(429), answers.len());
    assert!(of(409) > 100, "the ledger was asked: {}", of(409));
    let orders = cluster.orders(SALE).await.unwrap();
    assert_eq!(orders.len() as u64, LIMIT);
    let audit = cluster.audit(SALE).await.unwrap();
    assert_eq!((audit.confirmed, audit.ok), (LIMIT, true));
    // Nobody else is shut out.
    until_async("an honest buyer is served", async || {
        let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
        let answer = client.order(SALE, None, r#"{"buyer":"ada"}"#).await.unwrap();
        (answer.status == StatusCode::CREATED).then_some(())
    })
    .await;
}

#[tokio::test]
async fn holds_that_are_never_paid_are_capped_for_each_buyer_and_sold_to_others_in_time() {
    const HOLD_MS: u64 = 4_000;
    let cluster = Cluster::with_edge(Edge::under_test());
    let terms = format!(r#"{{"capacity":20,"hold_ms":{HOLD_MS},"buyer_limit":2}}"#);
    sale(&cluster, &terms).await;
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let mut order = async |buyer: &str| {
        let body = format!(r#"{{"buyer":"{buyer}"}}"#);
        client.order(SALE, None, &body).await.unwrap()
    };
    // Five of them take what each may have, and no more of it, whatever they ask for.
    for n in 0..5 {
        let hoarder = format!("hoarder-{n}");
        let mut held = 0;
        for _ in 0..6 {
            held += u32::from(order(&hoarder).await.status == StatusCode::CREATED);
        }
        assert!(held <= 2, "{hoarder} holds {held}");
    }
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.held <= 10 && audit.free >= 10, "{audit:?}");
    let hoarded = audit.held;
    assert!(hoarded > 0);
    // Others want all of it: they get what hoarders hold when its time is over.
    let mut sold = 0;
    until_async("all tickets are others'", async || {
        let answer = order(&format!("honest-{sold}")).await;
        if answer.status != StatusCode::CREATED {
            return None;
        }
        let id = answer.json::<serde_json::Value>().unwrap();
        let path = format!("/v1/sales/{SALE}/orders/{}/confirm", id["order_id"].as_str().unwrap());
        let token = std::fs::read_to_string(cluster.data_dir().join("shop.token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        let headers = [("authorization", bearer.as_str())];
        let paid = request(Method::POST, &path, &headers, "").unwrap();
        let mut shop = HttpClient::new(&cluster.edges[0]).unwrap();
        let answer = shop.send(paid).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        sold += 1;
        (sold == 20).then_some(())
    })
    .await;
    let orders = cluster.orders(SALE).await.unwrap();
    for (id, order) in orders.iter().filter(|(_, o)| o.buyer.as_str().starts_with("hoarder")) {
        assert_eq!(order.taking(), 0, "{id} has a ticket still");
    }
    let audit = cluster.audit(SALE).await.unwrap();
    assert_eq!((audit.confirmed, audit.held, audit.ok), (20, 0, true));
}
