//! A ledger that was emptied while nodes know what was sold.

use crate::rim::{SALE, until};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::redis;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use shared::Code;

const ADA: &str = r#"{"buyer":"ada"}"#;

async fn operator(cluster: &Cluster, node: usize, path: &str) -> HttpReply {
    let bearer = format!("Bearer {}", cluster.admin_token);
    let asked = request(Method::GET, path, &[("authorization", &bearer)], "").unwrap();
    let mut client = HttpClient::new(&cluster.nodes[node].admin).unwrap();
    client.send(asked).await.unwrap()
}

#[tokio::test]
async fn a_sale_that_the_ledger_has_lost_is_a_fault_until_it_is_created_again_and_restored() {
    let setup = Setup { weights: vec![1, 1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 100).await.unwrap();
    let keys: Vec<String> = (0..2).map(|n| format!("paid-{n:016}")).collect();
    for (node, key) in cluster.nodes.iter().zip(&keys) {
        let mut client = HttpClient::new(&node.url).unwrap();
        assert_eq!(client.order(SALE, Some(key), ADA).await.unwrap().status, 201);
    }
    let redis = &cluster.redis.as_ref().unwrap().url;
    redis::command(redis, &["FLUSHALL"]).await.unwrap();

    let fault = |what: String, answer: &HttpReply| {
        let code = answer.problem().map(|problem| problem.code);
        let is = answer.status == StatusCode::SERVICE_UNAVAILABLE
            && matches!(code, Ok(Code::Unavailable));
        assert!(is, "{what}: {} {}", answer.status, answer.text());
    };
    // What a node said within the last moment may still be shown.
    tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    for (n, node) in cluster.nodes.iter().enumerate() {
        let mut client = HttpClient::new(&node.url).unwrap();
        let answer = client.order(SALE, Some("after-0123456789"), ADA).await;
        fault(format!("an order at node {n}"), &answer.unwrap());
        for key in &keys {
            let path = format!("/v1/sales/{SALE}/orders/{key}");
            let answer = client.get(&path).await.unwrap();
            fault(format!("{path} at node {n}"), &answer);
            let cancel = request(Method::POST, &format!("{path}/cancel"), &[], "").unwrap();
            let answer = client.send(cancel).await.unwrap();
            fault(format!("cancelling {path} at node {n}"), &answer);
        }
        let answer = client.get(&format!("/v1/sales/{SALE}")).await.unwrap();
        fault(format!("the sale at node {n}"), &answer);
        let sale = format!("/v1/admin/sales/{SALE}");
        let order = format!("{sale}/orders/{}", keys[0]);
        for path in [&sale, &order, &format!("{sale}/audit"), &format!("{sale}/log")] {
            let answer = operator(&cluster, n, path).await;
            fault(format!("{path} at node {n}"), &answer);
        }
        let page = operator(&cluster, n, "/metrics").await.text();
        assert_eq!(Metrics(page).count("lastseat_sales_gone", &[]), 1);
        // A name that nobody made is one still.
        let answer = client.get("/v1/sales/nobody").await.unwrap();
        assert_eq!(answer.problem().unwrap().code, Code::UnknownSale);
    }

    cluster.create_sale(SALE, 100).await.unwrap();
    for node in &cluster.nodes {
        for key in &keys {
            let path = format!("/v1/sales/{SALE}/orders/{key}");
            until(&format!("restored: {key}"), || async {
                let mut client = HttpClient::new(&node.url).unwrap();
                client.get(&path).await.unwrap().status == StatusCode::OK
            })
            .await;
        }
    }
    until("nobody misses it", || async {
        let mut gone = 0;
        for n in 0..cluster.nodes.len() {
            let page = operator(&cluster, n, "/metrics").await.text();
            gone += Metrics(page).count("lastseat_sales_gone", &[]);
        }
        gone == 0
    })
    .await;
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 2, "{audit:?}");
}
