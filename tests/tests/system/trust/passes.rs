//! What of a client's request reaches an origin.

use crate::trust::capture::Capture;
use crate::trust::signatures::now;
use crate::trust::{A, ADA, ORDERS, edge_before};
use hyper::Method;
use hyper::http::request::Parts;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::{Edge, HttpClient};
use shared::KeyRing;
use shared::auth::edge_signature::{Signed, Version, verify};
use shared::wire::messages::header;

const KEY: &str = "0123456789abcdef";
/// Headers that the edge writes, and those that its runtime adds to every request.
const KNOWN: [&str; 17] = [
    "accept-encoding",
    "authorization",
    "cf-worker",
    "content-length",
    "content-type",
    "host",
    "user-agent",
    header::BUYER_TOKEN,
    header::CLIENT_IP,
    header::EDGE,
    header::BODY_HASH,
    header::EDGE_CALLS,
    header::EDGE_COUNTS,
    header::IDEMPOTENCY_KEY,
    header::KEY,
    header::SIGNATURE,
    "connection",
];
/// What a client has no business to say.
const CLAIMS: [(&str, &str); 20] = [
    (header::EDGE, "mallory"),
    (header::EDGE_COUNTS, "6.6.6.6"),
    (header::EDGE_CALLS, "6.6.6.6"),
    (header::BODY_HASH, "6.6.6.6"),
    // A client does not choose what is recorded.
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    (header::KEY, "made"),
    (header::CLIENT_IP, "6.6.6.6"),
    (header::SIGNATURE, "1.a.0.00"),
    (header::GRANT, "x"),
    (header::LIMITED, "client"),
    ("lastseat-anything", "x"),
    ("x-forwarded-for", "6.6.6.6"),
    ("x-real-ip", "6.6.6.6"),
    ("forwarded", "for=6.6.6.6"),
    ("true-client-ip", "6.6.6.6"),
    ("connection", "x-hop"),
    ("x-hop", "1"),
    ("te", "trailers"),
    ("proxy-authorization", "Basic eDp5"),
    ("cookie", "a=b"),
];

fn text<'a>(head: &'a Parts, name: &str) -> &'a str {
    let value = head.headers.get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// Expects a request of the edge's own making, signed for what it says.
#[track_caller]
fn assert_of_the_edge(head: &Parts) {
    for (name, value) in &head.headers {
        assert!(KNOWN.contains(&name.as_str()), "{name}: {value:?}");
        let value = value.to_str().unwrap();
        for claim in ["mallory", "6.6.6.6", "x-hop", "Basic"] {
            assert!(!value.contains(claim), "{name}: {value}");
        }
    }
    let signed = Signed {
        method: head.method.as_str(),
        path: head.uri.path_and_query().unwrap().as_str(),
        order: text(head, header::IDEMPOTENCY_KEY),
        client: text(head, header::CLIENT_IP),
        edge: text(head, header::EDGE),
        key_source: text(head, header::KEY),
        buyer_token: text(head, header::BUYER_TOKEN),
        authorization: text(head, "authorization"),
        traceparent: text(head, header::TRACEPARENT),
        body_hash: text(head, header::BODY_HASH),
    };
    assert_eq!(signed.client, "127.0.0.1");
    let keys = KeyRing::parse(A).unwrap();
    let signature = text(head, header::SIGNATURE);
    assert_eq!(verify(&keys, Some(signature), &signed, now()), Ok(Version::Two));
}

async fn what_clients_claim_stays_outside(kind: Edge) {
    let capture = Capture::start().await;
    let edge = edge_before(kind, std::slice::from_ref(&capture.url), A).await;
    let mut client = HttpClient::new(&edge.url).unwrap();
    let mut claims = CLAIMS.to_vec();
    claims.push((header::IDEMPOTENCY_KEY, KEY));
    if kind != Edge::Wrangler {
        // `wrangler dev` takes it from the client; on Cloudflare nobody can send it.
        claims.push(("cf-connecting-ip", "6.6.6.6"));
    }
    let asked = request(Method::POST, ORDERS, &claims, ADA).unwrap();
    assert_eq!(client.send(asked).await.unwrap().status, 201);
    let heads = capture.take();
    assert_eq!(heads.len(), 1);
    assert_of_the_edge(&heads[0]);
    assert_eq!(text(&heads[0], header::KEY), "sent");
    assert_eq!(text(&heads[0], header::IDEMPOTENCY_KEY), KEY);

    // An id of all kinds of characters, and a query: what is signed is what arrives.
    let path = format!("{ORDERS}/~%2F%3F%23%25%5C..%5C'%22%7B%7D%7C%5E%60!*();:@&=+$,?admin=1");
    for (method, path) in [
        (Method::GET, path.replace('?', "?x=")),
        (Method::GET, "/v1/sales/spring?a=b".to_owned()),
        (Method::POST, path.replace('?', "/cancel?")),
    ] {
        let asked = request(method, &path, &CLAIMS, "").unwrap();
        assert_eq!(client.send(asked).await.unwrap().status, 201, "{path}");
        let heads = capture.take();
        assert_eq!(heads.len(), 1);
        assert_of_the_edge(&heads[0]);
        assert_eq!(heads[0].uri.query(), None);
    }
}

#[tokio::test]
async fn what_clients_claim_does_not_pass_workerd() {
    what_clients_claim_stays_outside(Edge::Workerd).await;
}

#[tokio::test]
async fn what_clients_claim_does_not_pass_a_gateway() {
    what_clients_claim_stays_outside(Edge::Gateway).await;
}

#[tokio::test]
async fn what_clients_claim_does_not_pass_wrangler() {
    what_clients_claim_stays_outside(Edge::Wrangler).await;
}
