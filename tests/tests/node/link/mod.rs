//! Links of gateways to nodes: real nodes, the gateway's end of the link, and frames that no
//! gateway sends.

mod answers;
mod crowd;
mod endings;
mod frames;
mod in_process;
mod pressure;

use hyper::Method;
use lastseat_link::{LinkAnswer, LinkCounters, LinkError, LinkSetup, NodeLink};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, Setup};
use serde_json::Value;
use shared::domain::order::KeySource;
use shared::link::LinkOrder;
use shared::{EdgeId, KeyRing, UnixMillis};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Keys of these tests.
const A: &str = "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "b:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
/// The sale of these tests.
const SALE: &str = "spring";
/// The gateway of these tests.
const GATEWAY: &str = "g1";

/// Nodes of these weights that take what is signed with these keys, with a sale.
async fn nodes(weights: &[u32], keys: &str, tickets: u64, more: &[(&str, &str)]) -> Cluster {
    let variables = [&[("LASTSEAT_EDGE_KEY", keys)], more].concat();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let setup = Setup {
        direct: false,
        weights: weights.to_vec(),
        environment: variables.collect(),
        ..Setup::with_edge(Edge::None)
    };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, tickets).await.expect("a sale");
    cluster
}

fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis(u64::try_from(since.as_millis()).unwrap())
}

fn ring(keys: &str) -> KeyRing {
    KeyRing::parse(keys).unwrap()
}

/// A link to the node at `url`, and what it counts.
fn link(url: &str, keys: &str) -> (NodeLink, Arc<LinkCounters>) {
    let setup = LinkSetup {
        authority: url.strip_prefix("http://").unwrap().to_owned(),
        edge: EdgeId::parse(GATEWAY).unwrap(),
        zone: Some("east".to_owned()),
        keys: ring(keys),
        now,
    };
    let counters = Arc::<LinkCounters>::default();
    (NodeLink::new(setup, Arc::clone(&counters)), counters)
}

/// A ticket for `buyer`.
fn body(buyer: &str) -> String {
    format!(r#"{{"buyer":"{buyer}"}}"#)
}

/// The id of the order with this number.
fn id(number: u64) -> String {
    format!("link-order-{number:012}")
}

/// An order in [`SALE`].
fn order<'a>(id: &'a str, key: KeySource, body: &'a str) -> LinkOrder<'a> {
    LinkOrder {
        sale: SALE,
        id,
        key,
        client: None,
        token: None,
        wanted: None,
        trace: None,
        counts: None,
        body: body.as_bytes(),
    }
}

/// Asks for one ticket until there is an answer about it, always under the same id; returns it with
/// how often the outcome was unknown meanwhile.
async fn buy(link: &NodeLink, number: u64) -> (LinkAnswer, u64) {
    let (id, body) = (id(number), body(&format!("buyer-{number}")));
    let (mut key, mut unknown) = (KeySource::Made, 0);
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < Duration::from_secs(60), "order {number} has no answer");
        let pause = match link.ask(&order(&id, key, &body)).await {
            // Another node would be asked, or the client would come back.
            Ok(answer) if matches!(answer.status, 429 | 503) => 5,
            Ok(answer) if answer.status == 504 => {
                (key, unknown) = (key.repeated(), unknown + 1);
                5
            }
            Ok(answer) => return (answer, unknown),
            Err(LinkError::Broken) => {
                (key, unknown) = (key.repeated(), unknown + 1);
                0
            }
            Err(LinkError::NotSent | LinkError::TurnedAway | LinkError::Full) => 5,
            Err(LinkError::Plain) => panic!("the node takes links"),
        };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

#[tokio::test]
async fn operators_see_a_gateway_with_its_address_its_zone_and_what_it_asked_of_all_nodes() {
    let cluster = nodes(&[1, 1], A, 100, &[]).await;
    let links: Vec<_> = cluster.nodes.iter().map(|node| link(&node.url, A).0).collect();
    for number in 0..6 {
        buy(&links[(number % 2) as usize], number).await;
    }
    let edge: Value = until_async("the gateway is listed", async || {
        let answer = cluster.admin(Method::GET, "/v1/admin/status", "").await.ok()?;
        let status: Value = answer.json().ok()?;
        status["edges"].as_array()?.iter().find(|edge| edge["requests"] == 6).cloned()
    })
    .await;
    for (name, value) in
        [("edge", GATEWAY), ("way", "link"), ("zone", "east"), ("address", "127.0.0.1")]
    {
        assert_eq!(edge[name], value, "{edge}");
    }
    assert!(edge["granted"].as_u64().unwrap() > 0, "{edge}");
}
