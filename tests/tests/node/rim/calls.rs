//! Calls about orders at nodes: invented ones spend a budget, and what was absent is never said to
//! be unknown once it is there.

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use shared::limits::NODE_CALLS_PER_SECOND;
use shared::{Code, wire::messages::header};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SALE: &str = "spring";
const TOKEN: &str = "shop-0123456789abcdef0123456789abcdef";
const ADA: &str = r#"{"buyer":"ada"}"#;
const CLIENTS: usize = 64;

fn order(key: &str) -> String {
    format!("/v1/sales/{SALE}/orders/{key}")
}

#[tokio::test]
async fn an_order_that_one_node_did_not_have_and_another_one_grants_is_never_said_to_be_unknown() {
    let setup = Setup { weights: vec![1, 1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 100).await.unwrap();
    let mut one = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let mut other = HttpClient::new(&cluster.nodes[1].url).unwrap();
    for n in 0..5 {
        let key = format!("asked-before-it-came-{n}");
        let absent = other.get(&order(&key)).await.unwrap();
        assert_eq!(absent.problem().unwrap().code, Code::UnknownOrder);
        let buyer = format!(r#"{{"buyer":"ada-{n}"}}"#);
        let granted = one.order(SALE, Some(&key), &buyer).await.unwrap();
        assert_eq!(granted.status, 201, "{}", granted.text());
        let begun = Instant::now();
        loop {
            let read = other.get(&order(&key)).await.unwrap();
            if read.status == 200 {
                break;
            }
            assert_eq!(read.problem().unwrap().code, Code::Busy, "{}", read.text());
            assert_eq!(read.header(header::LIMITED), "calls");
            assert!(read.problem().unwrap().retry_after_ms.is_some());
            assert!(begun.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // Through the node that granted it, at once.
        assert_eq!(one.get(&order(&key)).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn a_node_spends_its_budget_on_invented_orders_and_serves_shop_and_known_orders_beside_it() {
    let setup = Setup {
        weights: vec![1],
        arguments: vec!["--shop-token".to_owned(), TOKEN.to_owned()],
        ..Setup::with_edge(Edge::None)
    };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 100).await.unwrap();
    let node = cluster.nodes[0].url.clone();
    let mut buyer = HttpClient::new(&node).unwrap();
    let granted = buyer.order(SALE, Some("the-order-of-ada"), ADA).await.unwrap();
    assert_eq!(granted.status, 201, "{}", granted.text());

    let reads = ["script=\"order\""];
    let before = cluster.count("lastseat_ledger_calls_total", &reads).await.unwrap();
    let (over, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
    let mut flood = JoinSet::new();
    for client in 0..CLIENTS {
        let (over, mut http) = (Arc::clone(&over), HttpClient::new(&node).unwrap());
        flood.spawn(async move {
            for n in 0.. {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let answer = http.get(&order(&format!("invented-{client}-{n:016}"))).await;
                let code = answer.unwrap().problem().unwrap().code;
                assert!([Code::UnknownOrder, Code::Busy].contains(&code), "{code:?}");
            }
        });
    }
    let refused = ["reason=\"budget\""];
    while cluster.count("lastseat_order_calls_refused_total", &refused).await.unwrap() < 1_000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "no flood");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut own = 0;
    let bearer = format!("Bearer {TOKEN}");
    for n in 0..10 {
        let read = buyer.get(&order("the-order-of-ada")).await.unwrap();
        assert_eq!(read.status, 200, "read {n}: {}", read.text());
        // An order that this node has not seen: with the shop's token it is looked up.
        let path = order(&format!("of-another-node-{n:016}"));
        let headers = [("authorization", bearer.as_str())];
        let read = request(Method::GET, &path, &headers, "").unwrap();
        let read = buyer.send(read).await.unwrap();
        assert_eq!(read.problem().unwrap().code, Code::UnknownOrder, "{}", read.text());
        own += 2;
    }
    over.store(true, Ordering::Relaxed);
    while let Some(client) = flood.join_next().await {
        client.unwrap();
    }
    let seconds = begun.elapsed().as_secs_f64() + 2.0;
    let after = cluster.count("lastseat_ledger_calls_total", &reads).await.unwrap();
    let most = own + (f64::from(NODE_CALLS_PER_SECOND) * seconds) as u64;
    assert!(after - before <= most, "{} lookups, at most {most}", after - before);
}
