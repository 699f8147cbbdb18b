//! A sale with a plan, through edges: what is gone is refused without a subrequest, and a crowd
//! gets every seat on every leg at most once.

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply};
use lastseat_tests::rush::{LoadOptions, Progress, run};
use shared::Code;
use shared::limits::WINDOW_MIN_MS;
use shared::plan::Plan;
use shared::wire::messages::header;
use std::time::Instant;

/// Two seats from A over B to C.
const TRAIN: &str = r#"{"stops":["A","B","C"],"classes":[
    {"id":"second","coaches":[{"ids":"1","rows":"1","letters":"AB"}]}]}"#;

/// Orders so many seats from a stop to another one, and says so in the address.
async fn order(edge: &mut HttpClient, from: &str, to: &str, quantity: u32) -> HttpReply {
    let path = format!("/v1/sales/train/orders?for=second.{from}-{to}.{quantity}");
    let line = format!(r#"{{"class":"second","from":"{from}","to":"{to}","quantity":{quantity}}}"#);
    let body = format!(r#"{{"buyer":"ada","lines":[{line}]}}"#);
    edge.send(request(Method::POST, &path, &[], &body).unwrap()).await.unwrap()
}

async fn refused_without_a_subrequest(kind: Edge) {
    let cluster = Cluster::with_edge(kind);
    cluster.create_sale_by_plan("train", &Plan::from_json(TRAIN).unwrap()).await.unwrap();
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    let bought = order(&mut edge, "A", "B", 2).await;
    assert_eq!(bought.status, 201, "{}", bought.text());
    assert_eq!(bought.header(header::GONE), "", "kept from clients");
    until_async("the edge refuses by itself", async || {
        let answer = order(&mut edge, "A", "C", 1).await;
        assert_eq!(answer.problem().unwrap().code, Code::SoldOut, "{}", answer.text());
        assert_eq!(answer.header(header::GONE), "", "kept from clients");
        (answer.header(header::ANSWERED_BY) == "edge").then_some(())
    })
    .await;
    let received = "lastseat_orders_received_total";
    let before = cluster.count(received, &[]).await.unwrap();
    let (started, mut by_edge) = (Instant::now(), 0);
    for number in 0..1_000 {
        let (from, to) = [("A", "C"), ("1", "2"), ("A", "3")][number % 3];
        let answer = order(&mut edge, from, to, 1 + number as u32 % 2).await;
        assert_eq!(answer.problem().unwrap().code, Code::SoldOut, "{}", answer.text());
        by_edge += u64::from(answer.header(header::ANSWERED_BY) == "edge");
    }
    // A period that is under way at the beginning and one at the end count as whole.
    let allowed = started.elapsed().as_millis() as u64 / WINDOW_MIN_MS + 2;
    let reached = cluster.count(received, &[]).await.unwrap() - before;
    assert!(reached <= allowed, "{reached} of 1,000 reached a node, {allowed} may");
    assert_eq!(by_edge, 1_000 - reached);
    // The rest of the same two seats is sold.
    let bought = order(&mut edge, "B", "C", 2).await;
    assert_eq!(bought.status, 201, "{}", bought.text());
    assert!(cluster.audit("train").await.unwrap().ok);
}

#[tokio::test]
async fn an_order_for_a_journey_that_is_gone_makes_no_subrequest_of_the_worker() {
    refused_without_a_subrequest(Edge::Workerd).await;
}

#[tokio::test]
async fn an_order_for_a_journey_that_is_gone_makes_no_subrequest_of_the_gateway() {
    refused_without_a_subrequest(Edge::Gateway).await;
}

/// The views are a node's answers, from memory while they are fresh.
#[tokio::test]
async fn what_a_train_sells_and_what_is_left_is_shown_from_the_memory_of_the_edge() {
    let cluster = Cluster::with_edge(Edge::under_test());
    cluster.create_sale_by_plan("train", &Plan::from_json(TRAIN).unwrap()).await.unwrap();
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    for path in ["plan", "seats?class=second"] {
        let path = format!("/v1/sales/train/{path}");
        let first = edge.get(&path).await.unwrap();
        assert_eq!(first.status, 200, "{}", first.text());
        let again = edge.get(&path).await.unwrap();
        assert_eq!((again.status.as_u16(), again.text()), (200, first.text()), "{path}");
        assert_eq!(again.header(header::ANSWERED_BY), "edge", "{path}");
    }
    // Also after a node was asked anew: nothing was sold meanwhile.
    let path = "/v1/sales/train/seats?class=second";
    let tag = edge.get(path).await.unwrap().header("etag").to_owned();
    let asked = request(Method::GET, path, &[("if-none-match", tag.as_str())], "").unwrap();
    let anew = until_async("a node is asked anew", async || {
        let unchanged = edge.send(asked.clone()).await.unwrap();
        assert_eq!((unchanged.status.as_u16(), unchanged.text()), (304, String::new()));
        (unchanged.header(header::ANSWERED_BY) != "edge").then_some(unchanged)
    });
    assert_eq!(anew.await.header("etag"), tag);
    assert_eq!(edge.get("/v1/sales/train/seats/second").await.unwrap().status, 404);
}

#[tokio::test]
async fn a_rush_for_a_train_through_two_edges_sells_every_seat_and_leg_at_most_once() {
    let mut options = LoadOptions::of(3_000, 0, Edge::under_test());
    options.plan = Some(repository().join("docs/examples/train.toml"));
    options.edges = 2;
    options.seed = Some(1);
    let report = run(&options, Progress::Silent).await.unwrap();
    assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
    assert!(report.more.compared_with_ledger);
    assert_eq!(report.granted + report.refused_final, report.buyers, "{report}");
    let plan = report.more.plan.as_ref().unwrap();
    assert!(report.refused_final > 0 && plan.seat_legs_sold * 10 > plan.seat_legs * 7, "{report}");
}

#[tokio::test]
async fn a_crowd_for_a_train_whose_redis_loses_the_end_of_its_file_gets_every_seat_once() {
    let mut options = LoadOptions::of(3_000, 0, Edge::under_test());
    options.plan = Some(repository().join("docs/examples/train.toml"));
    options.cut_redis_at = Some(0.3);
    options.seed = Some(1);
    let report = run(&options, Progress::Silent).await.unwrap();
    assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
    assert!(report.more.compared_with_ledger);
    assert_eq!(report.granted + report.refused_final, report.buyers, "{report}");
    let cut = report.more.redis_cut.as_ref().unwrap();
    assert!(cut.orders_lost > 0 && cut.sells_again_ms.is_some(), "{report}");
}
