//! Requests that are too large, that say one thing twice, or whose sender has closed its side
//! already.

use crate::rim::wire::{Heard, send};
use crate::rim::{SALE, start};
use lastseat_tests::harness::{Cluster, Edge, HttpClient};
use shared::limits::HEADERS_MAX;
use shared::wire::repeated_headers::ONCE;
use shared::{Code, Problem};
use std::time::Duration;

/// A refusal that needs neither the body nor the ledger.
const AT_ONCE: Duration = Duration::from_secs(1);
const GIBIBYTE: u64 = 1_024 * 1_024 * 1_024;
const ADA: &str = r#"{"buyer":"ada"}"#;

/// The head of an order with these headers.
fn order(headers: &str) -> String {
    post(&format!("/v1/sales/{SALE}/orders"), headers)
}

fn post(path: &str, headers: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         {headers}\r\n"
    )
}

fn problem(heard: &Heard) -> Problem {
    let (_, body) = heard.text.split_once("\r\n\r\n").unwrap_or_default();
    serde_json::from_str(body).unwrap_or_else(|e| panic!("{e}: {:?}", heard.text))
}

/// Makes the head of a request with these headers.
type Head = Box<dyn Fn(&str) -> String>;

/// Each place that reads bodies, with the head of a request that is let in there but for its body.
fn places(cluster: &Cluster) -> Vec<(String, Head)> {
    let node = &cluster.nodes[0];
    let token = format!("Authorization: Bearer {}\r\n", cluster.admin_token);
    let mut places: Vec<(String, Head)> = vec![
        (node.url.clone(), Box::new(order)),
        (
            node.url.clone(),
            Box::new(|headers| {
                let path = format!("/v1/sales/{SALE}/orders/0123456789abcdef/cancel");
                post(&path, headers)
            }),
        ),
        (
            node.admin.clone(),
            Box::new(move |headers| {
                let path = format!("/v1/admin/sales/{SALE}/restock");
                post(&path, &format!("{token}{headers}"))
            }),
        ),
    ];
    let edges = cluster.edges.iter().cloned();
    places.extend(edges.map(|url| (url, Box::new(order) as Head)));
    places
}

fn assert_too_large(place: &str, heard: &Heard) {
    assert_eq!(heard.status(), 413, "{place}: {:?}", heard.text);
    assert_eq!(problem(heard).code, Code::TooLarge, "{place}");
    assert!(heard.first_after < AT_ONCE, "{place}: {:?}", heard.first_after);
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_at_once_and_the_connection_closed() {
    let cluster = start(Edge::under_test(), &[]).await;
    for length in [4_097, GIBIBYTE, 1 << 62] {
        for (place, head) in places(&cluster) {
            // Not a byte of it comes: whoever waits for the body waits in vain.
            let headers = format!("Content-Length: {length}\r\n");
            if length > GIBIBYTE && cluster.edges.contains(&place) {
                continue; // To the runtime that is no length: it answers by itself.
            }
            let head = head(&headers);
            let heard = send(&place, &head, b"", 0, cluster.edges.contains(&place)).await;
            assert_too_large(&place, &heard);
        }
    }
}

#[tokio::test]
async fn whoever_sends_a_large_body_before_reading_still_finds_the_answer() {
    let cluster = start(Edge::None, &[]).await;
    let megabyte = vec![b'x'; 1_000_000];
    for (place, head) in places(&cluster) {
        let announced = head("Content-Length: 2000000\r\n");
        assert_too_large(&place, &send(&place, &announced, &megabyte, 2, false).await);
        let mut chunk = format!("{:x}\r\n", megabyte.len()).into_bytes();
        chunk.extend_from_slice(&megabyte);
        chunk.extend_from_slice(b"\r\n");
        // It never says that it has ended.
        let chunked = head("Transfer-Encoding: chunked\r\n");
        assert_too_large(&place, &send(&place, &chunked, &chunk, 2, false).await);
    }
}

#[tokio::test]
async fn an_order_with_a_hundred_headers_is_carried_out_and_one_with_more_is_refused() {
    let cluster = start(Edge::None, &[]).await;
    let node = &cluster.nodes[0];
    // Beside these it has `Host`, `Content-Type` and its length.
    for (headers, status) in [(HEADERS_MAX, 201), (HEADERS_MAX + 1, 431)] {
        let fill = "X-Note: 1\r\n".repeat(headers - 3);
        let head = order(&format!("{fill}Content-Length: {}\r\n", ADA.len()));
        let heard = send(&node.url, &head, ADA.as_bytes(), 1, true).await;
        assert_eq!(heard.status(), status, "{headers}: {:?}", heard.text);
    }
    assert_eq!(cluster.audit(SALE).await.unwrap().confirmed, 1);
}

#[tokio::test]
async fn a_client_that_has_closed_its_side_is_answered_and_the_connection_ends() {
    let cluster = start(Edge::None, &[]).await;
    let node = &cluster.nodes[0];
    for n in 0..20 {
        let key = format!("half-closed-{n:016}");
        let headers = format!("Idempotency-Key: {key}\r\nContent-Length: {}\r\n", ADA.len());
        let heard = send(&node.url, &order(&headers), ADA.as_bytes(), 1, true).await;
        assert_eq!(heard.status(), 201, "{:?}", heard.text);
        assert!(heard.text.contains(&key), "{:?}", heard.text);
    }
    let path = format!("GET /v1/admin/sales/{SALE} HTTP/1.1\r\nHost: localhost\r\n");
    let head = format!("{path}Authorization: Bearer {}\r\n\r\n", cluster.admin_token);
    let heard = send(&node.admin, &head, b"", 0, true).await;
    assert_eq!(heard.status(), 200, "{:?}", heard.text);
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 20, "{audit:?}");
}

/// An order that sends the header `name` with these two values.
async fn twice(url: &str, key: &str, name: &str, values: [&str; 2]) -> Heard {
    let own = if name == "idempotency-key" {
        String::new()
    } else {
        format!("Idempotency-Key: {key}\r\n")
    };
    let [first, second] = values;
    let headers = format!(
        "{own}{name}: {first}\r\nConnection: close\r\n{name}: {second}\r\nContent-Length: {}\r\n",
        ADA.len()
    );
    send(url, &order(&headers), ADA.as_bytes(), 1, false).await
}

#[tokio::test]
async fn a_header_that_says_one_thing_and_is_sent_twice_is_refused_at_a_node() {
    let cluster = start(Edge::None, &[]).await;
    let node = &cluster.nodes[0].url;
    for name in ONCE {
        for values in [["0123456789abcdeF", "0123456789abcdef"], ["1", "1"]] {
            let heard = twice(node, "twice-0123456789", name, values).await;
            assert_eq!(heard.status(), 400, "{name}: {:?}", heard.text);
            let problem = problem(&heard);
            assert_eq!(problem.code, Code::Invalid, "{name}");
            assert!(problem.detail.contains(name), "{name}: {}", problem.detail);
        }
    }
    // What may be repeated may be.
    let heard = twice(node, "accept-0123456789", "accept", ["a/b", "c/d"]).await;
    assert_eq!(heard.status(), 201, "{:?}", heard.text);
    let admin = &cluster.nodes[0].admin;
    let head = format!(
        "GET /v1/admin/sales HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nAuthorization: Bearer other\r\n\r\n",
        cluster.admin_token
    );
    let heard = send(admin, &head, b"", 0, false).await;
    assert_eq!(heard.status(), 400, "{:?}", heard.text);
    assert_eq!(cluster.audit(SALE).await.unwrap().confirmed, 1);
}

#[tokio::test]
async fn an_edge_refuses_two_keys_two_retries_and_two_tokens_as_a_node_does() {
    let environment = [(
        "LASTSEAT_BUYER_KEY",
        "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    )];
    let cluster = start(Edge::under_test(), &[]).await;
    let with_tokens = start(Edge::under_test(), &environment).await;
    for (cluster, name) in [
        (&cluster, "idempotency-key"),
        (&cluster, "lastseat-retry"),
        (&with_tokens, "lastseat-buyer-token"),
    ] {
        for url in [&cluster.edges[0], &cluster.nodes[0].url] {
            for values in [["0123456789abcdeF", "0123456789abcdef"], ["1", "1"]] {
                let heard = twice(url, "twice-0123456789", name, values).await;
                assert_eq!(heard.status(), 400, "{name} at {url}: {:?}", heard.text);
                assert!(heard.text.contains(name), "{name} at {url}: {:?}", heard.text);
            }
        }
    }
    let confirm = format!("/v1/sales/{SALE}/orders/0123456789abcdef/confirm");
    let two = "Authorization: Bearer one\r\nConnection: close\r\nAuthorization: Bearer two\r\n";
    for url in [&cluster.edges[0], &cluster.nodes[0].url] {
        let head = post(&confirm, &format!("{two}Content-Length: 0\r\n"));
        let heard = send(url, &head, b"", 0, false).await;
        assert_eq!(heard.status(), 400, "{url}: {:?}", heard.text);
    }
    assert_eq!(cluster.audit(SALE).await.unwrap().confirmed, 0);
}

#[tokio::test]
async fn no_answer_but_the_view_of_a_sale_may_be_kept_by_a_cache() {
    let cluster = start(Edge::under_test(), &[]).await;
    for url in [&cluster.edges[0], &cluster.nodes[0].url] {
        let mut client = HttpClient::new(url).unwrap();
        let key = format!("cached-{}", url.len());
        let sold = client.order(SALE, Some(&format!("{key:0>32}")), ADA).await.unwrap();
        let order = sold.header("location").to_owned();
        let unknown = format!("/v1/sales/{SALE}/orders/0123456789abcdef");
        for (path, status) in
            [(&*order, 200), (&*unknown, 404), ("/v1/sales/nobody", 404), ("/v1/nowhere", 404)]
        {
            let answer = client.get(path).await.unwrap();
            let kept = answer.header("cache-control");
            assert_eq!((answer.status.as_u16(), kept), (status, "no-store"), "{url}{path}");
        }
    }
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let view = client.get(&format!("/v1/sales/{SALE}")).await.unwrap();
    assert_eq!(view.header("cache-control"), "public, max-age=1");
}
