//! Who is believed: edges by their signature, buyers by the shop's token, clients by their address.
//! Real nodes, real edges, and a server in the place of an origin where it matters what exactly
//! arrives.

mod buyers;
mod capture;
mod keys;
mod pages;
mod passes;
mod rates;
mod rotation;
mod scalpers;
mod scoped;
mod secrets;
mod signatures;

use lastseat_tests::harness::{Cluster, Edge, HttpReply, LoneEdge, Setup};
use shared::Code;
use shared::upstream::balancer::OriginRow;

/// Keys of these tests.
const A: &str = "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "b:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const SALE: &str = "spring";
const ORDERS: &str = "/v1/sales/spring/orders";
const ADA: &str = r#"{"buyer":"ada"}"#;

/// A cluster with a sale of 100 tickets, these edges, and these variables.
async fn cluster(edge: Edge, environment: &[(&str, &str)]) -> Cluster {
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let setup =
        Setup { direct: false, environment: environment.collect(), ..Setup::with_edge(edge) };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, 100).await.expect("a sale");
    cluster
}

/// An edge of this kind with this key, before these origins.
async fn edge_before(kind: Edge, origins: &[String], key: &str) -> LoneEdge {
    let rows: Vec<_> = origins.iter().map(|url| OriginRow::new(url, 1)).collect();
    let edge = LoneEdge::start(kind, &rows, key).await;
    edge.expect("the edge comes up")
}

/// Expects a "no" with this code, in a sentence with these words.
#[track_caller]
fn assert_no(answer: &HttpReply, code: Code, words: &str) {
    let problem = answer.problem().unwrap();
    assert_eq!(problem.code, code, "{}", answer.text());
    assert_eq!(answer.status.as_u16(), code.status());
    assert!(problem.detail.contains(words), "{}", answer.text());
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with(code.challenge().unwrap_or_default()));
}
