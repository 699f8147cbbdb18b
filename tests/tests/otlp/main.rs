//! The spans of an order at a collector, from the edge to the batch. Needs the feature `otlp`:
//! `cargo test -p lastseat-tests --features otlp --test otlp`.

mod collector;

use collector::{Collected, Collector};
use futures_util::future::join_all;
use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use shared::wire::messages::header;
use std::path::PathBuf;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// A cluster whose nodes send their spans to `collector`.
fn cluster(collector: &Collector) -> Cluster {
    let setting = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let setup = Setup {
        program: Some(PathBuf::from(env!("CARGO_BIN_EXE_lastseat_otlp"))),
        arguments: vec!["--demo".to_owned()],
        environment: vec![
            setting("CLIENT_TRACES", "taken"),
            setting("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
            setting("OTEL_BSP_SCHEDULE_DELAY", "100"),
            // Only what clients ask to have recorded.
            setting("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
        ],
        ..Setup::with_edge(Edge::Workerd)
    };
    Cluster::start(&setup).unwrap()
}

async fn order(cluster: &Cluster, key: &str, headers: &[(&str, &str)]) {
    let headers = [headers, &[(header::IDEMPOTENCY_KEY, key)]].concat();
    let asked = request(Method::POST, "/v1/sales/demo/orders", &headers, r#"{"buyer":"ada"}"#);
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let answer = client.send(asked.unwrap()).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
}

fn find(collector: &Collector, what: &str, wanted: impl Fn(&Collected) -> bool) -> Collected {
    until(what, || collector.spans().into_iter().find(|span| wanted(span)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_spans_of_an_order_reach_a_collector_from_the_request_to_the_batch_and_its_ledger_call()
{
    let collector = Collector::start().await;
    let cluster = cluster(&collector);
    let sent = format!("00-{TRACE}-{PARENT}-01");
    order(&cluster, "exported-0123456789", &[(header::TRACEPARENT, &sent)]).await;

    let name = "POST /v1/sales/demo/orders";
    let request = find(&collector, "the request's span", |span| span.name == name);
    assert_eq!((&*request.trace, &*request.parent), (TRACE, PARENT));
    assert_eq!(request.attribute("http.response.status_code"), "201");
    assert!(request.service.starts_with("lastseat node-"), "{}", request.service);
    let number = request.attribute("batch");
    let batch = find(&collector, "the batch's span", |span| {
        span.name == "batch" && span.parent == request.id
    });
    assert_eq!(batch.trace, TRACE);
    assert_eq!(batch.attribute("batch"), number);
    assert_eq!(batch.attribute("orders"), "1");
    let call = find(&collector, "the ledger's span", |span| {
        span.name == "ledger" && span.parent == batch.id
    });
    assert_eq!(call.attribute("script"), "reserve");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_reaches_a_node_starts_no_span() {
    const FORGED: &str = "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0";
    let collector = Collector::start().await;
    let cluster = cluster(&collector);
    let sent = format!("00-{FORGED}-{PARENT}-01");
    let traced = (header::TRACEPARENT, sent.as_str());
    for node in &cluster.nodes {
        let mut client = HttpClient::new(&node.url).unwrap();
        for more in [&[][..], &[(header::SIGNATURE, "2.1.1.forged")]] {
            let headers = [&[traced], more].concat();
            for (method, path) in [
                (Method::POST, "/v1/sales/demo/orders"),
                (Method::GET, "/v1/sales/demo"),
                (Method::GET, "/livez"),
                (Method::GET, "/nowhere"),
            ] {
                let asked = request(method.clone(), path, &headers, r#"{"buyer":"eve"}"#);
                let answer = client.send(asked.unwrap()).await.unwrap();
                let admitted = answer.status.is_success() && path != "/livez";
                assert!(!admitted, "{method} {path}: {}", answer.status);
            }
        }
    }
    let honest = format!("00-{TRACE}-{PARENT}-01");
    order(&cluster, "honest-0123456789", &[(header::TRACEPARENT, &honest)]).await;
    find(&collector, "the span of a request that an edge signed", |span| span.trace == TRACE);
    // Every node sends what it has ten times a second.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    let forged = collector.spans().into_iter().filter(|span| span.trace == FORGED);
    assert_eq!(forged.map(|span| span.name).collect::<Vec<_>>(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_in_the_trace_of_one_of_its_orders_and_linked_to_the_others() {
    let collector = Collector::start().await;
    let cluster = cluster(&collector);
    // A crowd that waits for one another: some of them share a batch.
    let crowd = (0..64_u64).map(|number| {
        let (key, cluster) = (format!("crowd-0123456789-{number}"), &cluster);
        async move {
            let sent = format!("00-{:032x}-{PARENT}-01", number + 1);
            order(cluster, &key, &[(header::TRACEPARENT, &sent)]).await;
        }
    });
    join_all(crowd).await;
    let shared = find(&collector, "a batch with links", |span| !span.links.is_empty());
    assert_eq!(shared.name, "batch");
    let orders: usize = shared.attribute("orders").parse().unwrap();
    assert_eq!(shared.links.len(), orders - 1);
    let (trace, id) = shared.links[0].clone();
    let other = find(&collector, "a linked request", |span| span.id == id);
    assert_eq!(other.trace, trace);
    assert_eq!(other.attribute("batch"), shared.attribute("batch"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_keeps_no_order_waiting_and_no_node_from_stopping() {
    let cluster = cluster(&Collector::nowhere());
    let sent = format!("00-{TRACE}-{PARENT}-01");
    for number in 0..50 {
        let key = format!("unexported-0123456789-{number}");
        order(&cluster, &key, &[(header::TRACEPARENT, &sent)]).await;
    }
    cluster.stop().unwrap();
}
