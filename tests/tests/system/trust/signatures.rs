//! A node and the signatures of edges.

use crate::trust::{A, ADA, B, ORDERS, SALE, assert_no, cluster};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::{SentRequest, request};
use lastseat_tests::harness::{Edge, HttpClient};
use shared::auth::edge_signature::{Signed, Version, body_hash, sign, sign_as};
use shared::wire::messages::header;
use shared::{Code, KeyRing, UnixMillis};
use std::time::{SystemTime, UNIX_EPOCH};

const KEY: &str = "0123456789abcdef";
const ORDER: Signed<'_> = Signed {
    method: "POST",
    path: ORDERS,
    order: KEY,
    client: "10.1.2.3",
    edge: "e1",
    key_source: "sent",
    buyer_token: "",
    ..Signed::NOTHING
};

pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

/// The request that `order` describes, with a signature that speaks for `signed`.
pub(crate) fn signed(order: &Signed<'_>, signature: &str, body: &str) -> SentRequest {
    let headers = [
        (header::SIGNATURE, signature),
        (header::IDEMPOTENCY_KEY, order.order),
        (header::CLIENT_IP, order.client),
        (header::EDGE, order.edge),
        (header::KEY, order.key_source),
        (header::BUYER_TOKEN, order.buyer_token),
        ("authorization", order.authorization),
        (header::TRACEPARENT, order.traceparent),
        (header::BODY_HASH, order.body_hash),
    ];
    let there: Vec<_> = headers.into_iter().filter(|(_, v)| !v.is_empty()).collect();
    let method = Method::from_bytes(order.method.as_bytes()).unwrap();
    request(method, order.path, &there, body).unwrap()
}

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).unwrap()
}

#[tokio::test]
async fn a_node_takes_only_what_an_edge_has_signed_and_says_so() {
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", A)]).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let order = format!("{ORDERS}/{KEY}");
    let change = |verb| format!("{order}/{verb}");
    for (method, path, body) in [
        (Method::POST, ORDERS, ADA),
        (Method::GET, "/v1/sales/spring", ""),
        (Method::GET, &order, ""),
        (Method::POST, &change("confirm"), ""),
        (Method::POST, &change("cancel"), ""),
        (Method::POST, &change("extend"), ""),
        (Method::GET, "/nothing", ""),
        (Method::DELETE, ORDERS, ""),
    ] {
        // What edges say of themselves is worth nothing without their signature.
        let claims = [(header::EDGE, "e1"), (header::KEY, "made")];
        let asked = request(method.clone(), path, &claims, body).unwrap();
        let answer = node.send(asked).await.unwrap();
        assert_no(&answer, Code::Untrusted, "send it to the edge");
        assert_eq!(answer.header(header::GRANT), "", "{method} {path}");
    }
    for path in ["/livez", "/readyz"] {
        assert_eq!(node.get(path).await.unwrap().status, StatusCode::OK);
    }
}

#[tokio::test]
async fn only_a_fresh_signature_of_this_very_request_is_believed() {
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", A)]).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let keys = ring(A);
    let good = sign(&keys, &ORDER, now());
    let old = UnixMillis(now().0 - 31_000);
    let early = UnixMillis(now().0 + 40_000);
    let same_id = ring(&B.replacen('b', "a", 1));
    let other_path = Signed { path: "/v1/sales/other/orders", ..ORDER };
    for (what, order, signature, word) in [
        ("forged", ORDER, sign(&same_id, &ORDER, now()), "wrong"),
        ("of another key", ORDER, sign(&ring(B), &ORDER, now()), "unknown_key"),
        ("old", ORDER, sign(&keys, &ORDER, old), "clock"),
        ("of the future", ORDER, sign(&keys, &ORDER, early), "clock"),
        ("no signature", ORDER, "let me in".to_owned(), "malformed"),
        ("for another path", other_path, good.clone(), "wrong"),
        ("for another order", Signed { order: "fedcba9876543210", ..ORDER }, good.clone(), "wrong"),
        ("for another client", Signed { client: "10.9.9.9", ..ORDER }, good.clone(), "wrong"),
        ("for another edge", Signed { edge: "e2", ..ORDER }, good.clone(), "wrong"),
        ("for another source", Signed { key_source: "made", ..ORDER }, good.clone(), "wrong"),
        ("for another token", Signed { buyer_token: "x", ..ORDER }, good.clone(), "wrong"),
        ("for another shop", Signed { authorization: "x", ..ORDER }, good.clone(), "wrong"),
        ("for another trace", Signed { traceparent: "x", ..ORDER }, good.clone(), "wrong"),
    ] {
        let answer = node.send(signed(&order, &signature, ADA)).await.unwrap();
        let challenge = format!("Lastseat-Edge error=\"{word}\"");
        assert_eq!(answer.header("www-authenticate"), challenge, "{what}");
        assert_no(&answer, Code::Untrusted, "");
    }
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 100);
    let answer = node.send(signed(&ORDER, &good, ADA)).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_ne!(answer.header(header::GRANT), "", "it is an edge");
    // Overheard and repeated within its window, it is the same order.
    let answer = node.send(signed(&ORDER, &good, ADA)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 99);
}

#[tokio::test]
async fn with_insecure_direct_a_client_is_served_as_a_client_and_a_wrong_edge_is_not() {
    let setup = lastseat_tests::harness::Setup {
        environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), A.to_owned())],
        ..lastseat_tests::harness::Setup::with_edge(Edge::None)
    };
    let cluster = lastseat_tests::harness::Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 100).await.unwrap();
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let claims = [(header::EDGE, "e1"), (header::KEY, "made")];
    let asked = request(Method::POST, ORDERS, &claims, ADA).unwrap();
    let answer = node.send(asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.header(header::GRANT), "", "it is no edge");

    let good = sign(&ring(A), &ORDER, now());
    let answer = node.send(signed(&ORDER, &good, ADA)).await.unwrap();
    assert_ne!(answer.header(header::GRANT), "", "{}", answer.text());
    let forged = sign(&ring(B), &ORDER, now());
    let answer = node.send(signed(&ORDER, &forged, ADA)).await.unwrap();
    assert_no(&answer, Code::Untrusted, "LASTSEAT_EDGE_KEY");
}

#[tokio::test]
async fn a_node_takes_what_an_edge_of_the_version_before_has_signed() {
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", A)]).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let old = sign_as(Version::One, &ring(A), &ORDER, now());
    let answer = node.send(signed(&ORDER, &old, ADA)).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    // A change, too, whose body it does not cover.
    let path = format!("{ORDERS}/{KEY}/cancel");
    let change = Signed { path: &path, order: "", key_source: "", ..ORDER };
    let old = sign_as(Version::One, &ring(A), &change, now());
    let answer = node.send(signed(&change, &old, "{}")).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn the_body_of_a_change_is_the_one_that_the_edge_has_signed() {
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", A)]).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let good = sign(&ring(A), &ORDER, now());
    let answer = node.send(signed(&ORDER, &good, ADA)).await.unwrap();
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let path = format!("{ORDERS}/{KEY}/cancel");
    let body = r#"{"if_state":"confirmed"}"#;
    let hash = body_hash(body.as_bytes());
    let change = Signed { path: &path, order: "", key_source: "", body_hash: &hash, ..ORDER };
    let signature = sign(&ring(A), &change, now());
    for other in ["", "{}", r#"{"if_state":"held"}"#] {
        let answer = node.send(signed(&change, &signature, other)).await.unwrap();
        assert_no(&answer, Code::Untrusted, "something between them changed the request");
    }
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 99);
    let answer = node.send(signed(&change, &signature, body)).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}
