//! What happens after the last ticket went: repeated keys, and refusals that cost the nodes
//! nothing.

use hyper::StatusCode;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply};
use shared::Code;
use shared::limits::{RECHECK_BUDGET, RECHECK_EVERY_MS, WINDOW_MIN_MS};
use shared::wire::messages::{OrderView, header};
use std::time::Instant;

const ADA: &str = r#"{"buyer":"ada","quantity":1}"#;
const BOB: &str = r#"{"buyer":"bob","quantity":1}"#;
const ADAS_KEY: &str = "ada-0123456789abcdef";

/// A cluster whose sale `last` has sold its only ticket to Ada, and an edge that knows it.
async fn sold_out() -> (Cluster, HttpClient, HttpReply) {
    let cluster = Cluster::with_edge(Edge::under_test());
    cluster.create_sale("last", 1).await.unwrap();
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    let bought = edge.order("last", Some(ADAS_KEY), ADA).await.unwrap();
    assert_eq!(bought.status, StatusCode::CREATED, "{}", bought.text());
    until_async("the edge refuses by itself", async || {
        let answer = edge.order("last", None, BOB).await.unwrap();
        let code = answer.problem().unwrap().code;
        (code == Code::SoldOut && answer.header(header::ANSWERED_BY) == "edge").then_some(())
    })
    .await;
    (cluster, edge, bought)
}

#[tokio::test]
async fn a_repeated_key_gets_the_same_order_even_after_the_last_ticket_went() {
    let (cluster, mut edge, bought) = sold_out().await;
    assert_eq!(bought.header(header::IDEMPOTENCY_REPLAYED), "");
    let first: OrderView = bought.json().unwrap();
    assert_eq!(first.order_id, ADAS_KEY);
    for _ in 0..3 {
        let again = edge.order("last", Some(ADAS_KEY), ADA).await.unwrap();
        assert_eq!(again.status, StatusCode::OK, "{}", again.text());
        assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
        assert_eq!(again.json::<OrderView>().unwrap(), first);
    }
    let path = format!("/v1/sales/last/orders/{ADAS_KEY}");
    let shown = edge.get(&path).await.unwrap();
    assert_eq!(shown.json::<OrderView>().unwrap(), first);

    let other = edge.order("last", Some(ADAS_KEY), BOB).await.unwrap();
    assert_eq!(other.problem().unwrap().code, Code::KeyReused);
    let orders = cluster.orders("last").await.unwrap();
    assert_eq!(orders.len(), 1);
    assert!(cluster.audit("last").await.unwrap().ok);
}

/// A latched edge lets one probe a window pass, and a few clients' keys each second.
#[tokio::test]
async fn a_refusal_at_the_edge_makes_no_subrequest() {
    let (cluster, mut edge, _) = sold_out().await;
    for rechecks in [0, RECHECK_BUDGET] {
        let received = "lastseat_orders_received_total";
        let before = cluster.count(received, &[]).await.unwrap();
        let (started, mut by_edge) = (Instant::now(), 0);
        for number in 0..1_000 {
            let key = (rechecks > 0).then(|| format!("bob-0123456789-{number:04}"));
            let answer = edge.order("last", key.as_deref(), BOB).await.unwrap();
            let problem = answer.problem().unwrap();
            assert_eq!(problem.code, Code::SoldOut, "{}", answer.text());
            by_edge += u64::from(answer.header(header::ANSWERED_BY) == "edge");
        }
        let took = started.elapsed().as_millis() as u64;
        // A period that is under way at the beginning and one at the end count as whole.
        let allowed =
            took / WINDOW_MIN_MS + 2 + (took / RECHECK_EVERY_MS + 2) * u64::from(rechecks);
        let reached = cluster.count(received, &[]).await.unwrap() - before;
        assert!(
            reached <= allowed,
            "{reached} of 1,000 reached a node in {took} ms, {allowed} may"
        );
        assert_eq!(by_edge, 1_000 - reached);
    }
}
