//! How much one client address may ask.

use crate::trust::signatures::{now, signed};
use crate::trust::{A, ADA, ORDERS, SALE, cluster};
use lastseat_tests::harness::{Edge, HttpClient, HttpReply};
use shared::auth::edge_signature::{Signed, sign};
use shared::wire::messages::header;
use shared::{Code, KeyRing};

/// So slow that nothing comes back during a test.
const RATE: (&str, &str) = ("LASTSEAT_CLIENT_RATE", "1/m burst 3");

/// Expects `busy` for this client, with the time to wait: the rest of a minute for the first
/// request that returns.
#[track_caller]
fn assert_over_the_rate(answer: &HttpReply, by: &str) {
    let problem = answer.problem().unwrap();
    assert_eq!(problem.code, Code::Busy, "{}", answer.text());
    assert_eq!(answer.header(header::ANSWERED_BY), by);
    assert_eq!(answer.header(header::LIMITED), "client");
    let wait = problem.retry_after_ms.unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert_eq!(seconds, wait.div_ceil(1_000));
}

#[tokio::test]
async fn an_address_that_asks_too_much_hears_busy_at_the_edge_and_no_node_is_asked() {
    let cluster = cluster(Edge::under_test(), &[("LASTSEAT_EDGE_KEY", A), RATE]).await;
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    for _ in 0..3 {
        let answer = edge.order(SALE, None, ADA).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    for _ in 0..50 {
        assert_over_the_rate(&edge.order(SALE, None, ADA).await.unwrap(), "edge");
        let path = format!("/v1/sales/{SALE}");
        assert_over_the_rate(&edge.get(&path).await.unwrap(), "edge");
    }
    assert_eq!(edge.get("/").await.unwrap().status, 200);
    let received = "lastseat_orders_received_total";
    assert_eq!(cluster.count(received, &[]).await.unwrap(), 3);
}

#[tokio::test]
async fn a_node_counts_by_the_address_that_the_edge_has_signed() {
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", A), RATE]).await;
    let mut node = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let keys = KeyRing::parse(A).unwrap();
    for (clients, allowed) in [
        (["10.0.0.1", "10.0.0.1"], 3),
        (["10.0.0.2", "10.0.0.2"], 3),
        (["2001:db8:1:2::1", "2001:db8:1:2::ffff"], 3),
        (["2001:db8:1:3::1", "2001:db8:1:4::1"], 6),
    ] {
        let mut granted = 0;
        for n in 0..8 {
            let id = format!("{n}-{}-0123456789", clients[0].replace(':', "-"));
            let asked = Signed {
                method: "POST",
                path: ORDERS,
                order: &id,
                client: clients[n % 2],
                edge: "e1",
                key_source: "made",
                buyer_token: "",
                ..Signed::NOTHING
            };
            let signature = sign(&keys, &asked, now());
            let answer = node.send(signed(&asked, &signature, ADA)).await.unwrap();
            if answer.status == 201 {
                granted += 1;
            } else {
                assert_over_the_rate(&answer, "origin");
            }
        }
        assert_eq!(granted, allowed, "{clients:?}");
    }
}
