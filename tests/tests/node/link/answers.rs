//! An order over a link is answered as one in a request of its own.

use crate::link::{A, B, GATEWAY, SALE, link, nodes, now, ring};
use hyper::header::HeaderMap;
use hyper::{Method, StatusCode};
use lastseat_link::{LinkCount, LinkError, NodeLink};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::{Cluster, HttpClient, HttpReply};
use serde_json::Value;
use shared::auth::buyer_token;
use shared::auth::edge_signature::{Signed, sign};
use shared::domain::order::KeySource;
use shared::link::LinkOrder;
use shared::wire::messages::{header, key_source};
use shared::{BuyerId, EdgeCounts, Grant, SaleId, TraceParent};

/// An order as an edge forwards it.
#[derive(Clone, Copy)]
struct Case<'a> {
    what: &'a str,
    sale: &'a str,
    /// The end of the order's id; one of 12 characters makes it long enough.
    id: &'a str,
    key: KeySource,
    client: &'a str,
    token: Option<&'a str>,
    body: &'a str,
    status: u16,
}

const ADA: &str = r#"{"buyer":"ada"}"#;
const GOOD: Case<'_> = Case {
    what: "granted",
    sale: SALE,
    id: "000000000001",
    key: KeySource::Sent,
    client: "10.1.2.3",
    token: None,
    body: ADA,
    status: 201,
};

/// The same order over HTTP and over the link, under ids of its own; what they say is the same but
/// for what differs between any two orders.
async fn compare(node: &mut HttpClient, link: &NodeLink, case: &Case<'_>) {
    let by_http = http(node, case, &format!("http-{}", case.id)).await;
    let id = format!("link-{}", case.id);
    let by_link = link.ask(&lent(case, &id)).await.unwrap();
    let what = case.what;
    assert_eq!(by_http.status.as_u16(), case.status, "{what}: {}", by_http.text());
    assert_eq!(by_link.status, case.status, "{what}");
    assert_eq!(shown(&by_link.body), shown(&by_http.body), "{what}");
    assert_eq!(headers(&by_link.headers), headers(&by_http.headers), "{what}");
    let granted = Grant::parse(by_http.header(header::GRANT));
    let same = |grant: Grant| (grant.supply, grant.version, grant.opens_at);
    assert_eq!(by_link.grant.map(same), granted.map(same), "{what}");
    assert_eq!(by_link.sales.unwrap_or_default(), by_http.header(header::SALES), "{what}");
}

fn lent<'a>(case: &'a Case<'_>, id: &'a str) -> LinkOrder<'a> {
    LinkOrder {
        sale: case.sale,
        id,
        key: case.key,
        client: case.client.parse().ok(),
        token: case.token,
        wanted: None,
        trace: None,
        counts: None,
        body: case.body.as_bytes(),
    }
}

async fn http(node: &mut HttpClient, case: &Case<'_>, id: &str) -> HttpReply {
    let path = format!("/v1/sales/{}/orders", case.sale);
    let signed = Signed {
        method: "POST",
        path: &path,
        order: id,
        client: case.client,
        edge: GATEWAY,
        key_source: key_source::word(case.key),
        buyer_token: case.token.unwrap_or_default(),
        ..Signed::NOTHING
    };
    let signature = sign(&ring(A), &signed, now());
    let mut headers = vec![
        (header::SIGNATURE, signature.as_str()),
        (header::IDEMPOTENCY_KEY, id),
        (header::CLIENT_IP, case.client),
        (header::EDGE, GATEWAY),
        (header::KEY, signed.key_source),
    ];
    headers.extend(case.token.map(|token| (header::BUYER_TOKEN, token)));
    node.send(request(Method::POST, &path, &headers, case.body).unwrap()).await.unwrap()
}

/// A body without what differs between two orders.
fn shown(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for field in ["order_id", "number", "created_at", "expires_at", "retry_after_ms"] {
        if let Some(value) = body.get_mut(field) {
            *value = Value::Null;
        }
    }
    body
}

/// The headers without those of the transport, of the grant, and what differs between two orders.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let transport = ["content-length", "date", "connection", header::GRANT, header::SALES];
    let mut shown: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !transport.contains(&name.as_str()))
        .map(|(name, value)| {
            let value = value.to_str().unwrap().replace("link-", "").replace("http-", "");
            let spread = name == "retry-after";
            (name.to_string(), if spread { String::new() } else { value })
        })
        .collect();
    shown.sort();
    shown
}

async fn set_state(cluster: &Cluster, sale: &str, verb: &str) {
    let url = &cluster.nodes[0].admin;
    let bearer = format!("Bearer {}", cluster.admin_token);
    let path = format!("/v1/admin/sales/{sale}/{verb}");
    let asked = request(Method::POST, &path, &[("authorization", &bearer)], "").unwrap();
    let answer = HttpClient::new(url).unwrap().send(asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn an_order_over_a_link_is_answered_as_one_in_a_request_of_its_own() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    for (sale, tickets) in [("full", 0), ("paused", 5)] {
        cluster.create_sale(sale, tickets).await.unwrap();
    }
    set_state(&cluster, "paused", "pause").await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let (link, counters) = link(&cluster.nodes[0].url, A);
    let long = "x".repeat(200);
    let long = format!(r#"{{"buyer":"{long}"}}"#);
    let bad = |what, body| Case { what, body, status: 400, id: "000000000002", ..GOOD };
    for case in [
        GOOD,
        Case { what: "repeated", key: KeySource::Repeated, status: 200, ..GOOD },
        Case { what: "key reused", body: r#"{"buyer":"eve"}"#, status: 422, ..GOOD },
        Case {
            what: "two tickets",
            id: "000000000003",
            body: r#"{"buyer":"b","quantity":2}"#,
            ..GOOD
        },
        bad("no JSON", "{"),
        bad("a list", "[]"),
        bad("an empty body", ""),
        bad("an unknown field", r#"{"buyer":"ada","qty":1}"#),
        bad("none", r#"{"buyer":"ada","quantity":0}"#),
        bad("too many", r#"{"buyer":"ada","quantity":1001}"#),
        bad("a long buyer", &long),
        Case { what: "a short id", id: "x", status: 400, ..GOOD },
        Case { what: "an unknown sale", sale: "autumn", status: 404, ..GOOD },
        Case { what: "sold out", sale: "full", key: KeySource::Made, status: 409, ..GOOD },
        Case {
            what: "sold out, repeated",
            sale: "full",
            key: KeySource::Repeated,
            status: 409,
            ..GOOD
        },
        Case { what: "paused", sale: "paused", status: 409, ..GOOD },
        Case { what: "the next one", id: "000000000004", body: r#"{"buyer":"bob"}"#, ..GOOD },
    ] {
        compare(&mut node, &link, &case).await;
    }
    let trace = TraceParent::parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let traced = LinkOrder { trace, ..lent(&GOOD, "link-000000000005") };
    assert_eq!(link.ask(&traced).await.unwrap().status, 201);
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 2 + 4 + 2 + 1, "{audit:?}");
    let count = |name| cluster.count(name, &[]);
    assert_eq!(count("lastseat_link_orders_total").await.unwrap(), 18);
    assert_eq!(counters.get(LinkCount::Answers), 18);
    assert_eq!(count("lastseat_links_opened_total").await.unwrap(), 1);
    // Each of them is in the log of decisions, with its edge, however it came.
    let _ = cluster.decisions_when(SALE, 11);
    let log = std::fs::read_to_string(cluster.nodes[0].stat_log.as_ref().unwrap()).unwrap();
    let lines = |id: &str| log.lines().filter(|line| line.contains(id)).count();
    assert_eq!(lines("link-000000000001"), lines("http-000000000001"));
    let line = log.lines().find(|line| line.contains("order=link-000000000005")).unwrap();
    assert!(line.contains("trace=0af7651916cd43dd8448eb211c80319c"), "{line}");
    assert!(log.contains("order=link-000000000004 quantity=1 result=granted by=ledger edge=g1"));
}

#[tokio::test]
async fn tokens_and_rates_count_over_a_link_as_in_requests() {
    let more = [("LASTSEAT_BUYER_KEY", B), ("LASTSEAT_CLIENT_RATE", "1/m burst 2")];
    let cluster = nodes(&[1], A, 100, &more).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let (link, _) = link(&cluster.nodes[0].url, A);
    let token = |keys: &str, sale: &str| {
        let sale = SaleId::parse(sale).unwrap();
        buyer_token::make(&ring(keys), &sale, &BuyerId::parse("ada").unwrap(), now().plus(60_000))
    };
    let (good, other_key, other_sale) =
        (token(B, SALE), token(&A.replacen('a', "b", 1), SALE), token(B, "x"));
    let eve = r#"{"buyer":"eve"}"#;
    let no = |what, client, token, body| Case { what, client, token, body, status: 401, ..GOOD };
    for case in [
        no("no token", "10.0.0.1", None, ADA),
        no("no token at all", "10.0.0.2", Some("x"), ADA),
        no("of another key", "10.0.0.3", Some(&other_key), ADA),
        no("of another sale", "10.0.0.4", Some(&other_sale), ADA),
        no("of another buyer", "10.0.0.5", Some(&good), eve),
        Case { client: "10.0.0.6", token: Some(&good), ..GOOD },
    ] {
        compare(&mut node, &link, &case).await;
    }
    // Two at a time, whichever way they come.
    let case = Case { client: "10.0.0.7", token: Some(&good), id: "000000000005", ..GOOD };
    compare(&mut node, &link, &case).await;
    let busy = Case { what: "too often", status: 429, id: "000000000006", ..case };
    compare(&mut node, &link, &busy).await;
}

#[tokio::test]
async fn what_fits_into_no_frame_is_to_be_sent_plainly() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let (link, _) = link(&cluster.nodes[0].url, A);
    let large = "x".repeat(5_000);
    let case = Case { body: &large, status: 413, ..GOOD };
    assert_eq!(link.ask(&lent(&case, "link-000000000001")).await, Err(LinkError::Plain));
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    assert_eq!(http(&mut node, &case, "http-000000000001").await.status.as_u16(), 413);
}

#[tokio::test]
async fn what_an_edge_has_counted_comes_over_a_link_once() {
    let cluster = nodes(&[1], A, 100, &[]).await;
    let (link, _) = link(&cluster.nodes[0].url, A);
    // The first answer on a sale is of a node that has just begun to serve it.
    assert_eq!(link.ask(&lent(&GOOD, "link-000000000001")).await.unwrap().status, 201);
    let counts = EdgeCounts { asked: 7, forwarded: 3, calls_refused: 2, ..EdgeCounts::default() };
    let reports = LinkOrder { counts: Some(counts), ..lent(&GOOD, "link-000000000002") };
    let (one, two) = tokio::join!(link.ask(&reports), async {
        link.ask(&lent(&GOOD, "link-000000000003")).await
    });
    assert!(one.unwrap().grant.is_some_and(|grant| grant.version > 0) && two.is_ok());
    for (name, count) in [
        ("lastseat_edge_orders_asked_total", 7),
        ("lastseat_edge_orders_forwarded_total", 3),
        ("lastseat_edge_order_calls_refused_total", 2),
    ] {
        assert_eq!(cluster.count(name, &[]).await.unwrap(), count, "{name}");
    }
}
