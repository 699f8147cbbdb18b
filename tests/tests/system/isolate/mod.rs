//! Memory of an edge isolate in a flood of distinct clients, against the 128 MB that Cloudflare
//! gives one: asked of the inspector of a bare workerd.

use futures_util::future::try_join_all;
use hyper::Method;
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, LoneEdge, Program, Setup};
use serde::Deserialize;
use shared::domain::sale::Terms;
use shared::limits::EDGE_SALES_MAX;
use shared::upstream::balancer::OriginRow;
use shared::wire::messages::header;
use shared::{Capacity, SaleId};
use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

const KEY: &str = "flood:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";
/// More sales than an isolate remembers.
const SALES: usize = EDGE_SALES_MAX + 64;
/// Connections, and what each of them asks in one flood; each request is of another client.
const CONNECTIONS: u32 = 32;
const REQUESTS: u32 = 200;
/// An eighth of what Cloudflare gives. Bare workerd sets V8 no limit, so what it has not collected
/// yet is not counted.
const ISOLATE_MAX: u64 = 16_000_000;
/// The edge's own tables, all full.
const WASM_MAX: u64 = 8 << 20;
/// What a second flood may add to them, and to what JavaScript holds: 40 and 80 bytes a request.
const WASM_GROWTH: u64 = 256 << 10;
const LIVE_GROWTH: u64 = 512 << 10;

/// One line of `tests/load/isolate.mjs`, in bytes.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Held {
    all: u64,
    live: u64,
    wasm: u64,
}

/// The most that was held since the last look.
fn most(inspector: &Program) -> Held {
    let mut most = Held::default();
    // At least one look after the flood.
    let mut within = Duration::from_secs(10);
    while let Ok(line) = inspector.line(within) {
        let held: Held = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        most.all = most.all.max(held.all);
        most.live = most.live.max(held.live);
        most.wasm = most.wasm.max(held.wasm);
        within = Duration::from_millis(50);
    }
    assert!(most.wasm > 0, "{}", inspector.notes());
    most
}

/// Orders, reads of orders and of sales, each from another address; how many were answered.
async fn flood(url: &str, first: u32) -> u32 {
    let lanes = (0..CONNECTIONS).map(|lane| async move {
        let mut client = HttpClient::new(url)?;
        let mut answered = 0;
        for n in 0..REQUESTS {
            let number = first + lane * REQUESTS + n;
            let sale = format!("sale-{}", number as usize % SALES);
            let address = Ipv4Addr::from_bits(0x0a00_0000 + number).to_string();
            let key = format!("flood-{number:016}");
            let (method, path) = match n % 4 {
                0 | 1 => (Method::POST, format!("/v1/sales/{sale}/orders")),
                2 => (Method::GET, format!("/v1/sales/{sale}/orders/{key}")),
                _ => (Method::GET, format!("/v1/sales/{sale}")),
            };
            let body = if method == Method::POST { r#"{"buyer":"eve"}"# } else { "" };
            let mut headers = vec![("cf-connecting-ip", address.as_str())];
            if method == Method::POST {
                headers.push((header::IDEMPOTENCY_KEY, &key));
            }
            let answer = client.send(request(method, &path, &headers, body)?).await;
            answered += u32::from(answer.is_ok());
        }
        anyhow::Ok(answered)
    });
    try_join_all(lanes).await.unwrap().iter().sum()
}

#[tokio::test]
async fn an_isolate_that_is_flooded_by_distinct_clients_of_distinct_sales_stays_within_its_bound() {
    let setup = Setup {
        direct: false,
        weights: vec![1],
        environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())],
        ..Setup::with_edge(Edge::None)
    };
    let cluster = Cluster::start(&setup).unwrap();
    let redis = LedgerUrl::parse(&cluster.redis.as_ref().unwrap().url).unwrap();
    let ledger = Ledger::connect(&redis).await.unwrap();
    for n in 0..SALES {
        let sale = SaleId::parse(&format!("sale-{n}")).unwrap();
        let capacity = Capacity::new(4).unwrap();
        ledger.create_sale(&sale, capacity, &Terms::default(), true).await.unwrap();
    }
    let table = [OriginRow::new(cluster.nodes[0].url.clone(), 1)];
    let (edge, port) = LoneEdge::inspected(&table, KEY).await.unwrap();
    let mut node = Command::new(repository().join("node_modules/.bin/node"));
    node.arg(repository().join("tests/load/isolate.mjs")).arg(port.to_string());
    let inspector = Program::start("the inspector", node).unwrap();
    let idle = most(&inspector);

    let all = CONNECTIONS * REQUESTS;
    assert!(flood(&edge.url, 0).await > all / 10 * 9);
    let first = most(&inspector);
    assert!(flood(&edge.url, all).await > all / 10 * 9);
    let second = most(&inspector);
    println!("an isolate of a bare workerd: idle {idle:?}, flooded {first:?}, again {second:?}");
    for held in [first, second] {
        assert!(held.live + held.wasm <= ISOLATE_MAX, "{held:?}");
        assert!(held.wasm <= WASM_MAX, "{held:?}");
    }
    assert!(first.wasm > idle.wasm, "its tables were filled: {idle:?}, {first:?}");
    assert!(second.wasm <= first.wasm + WASM_GROWTH, "{first:?}, {second:?}");
    assert!(second.live <= first.live + LIVE_GROWTH, "{first:?}, {second:?}");
}
