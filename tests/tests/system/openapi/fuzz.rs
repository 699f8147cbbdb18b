//! schemathesis reads the documents and tries what they allow and what they do not, against real
//! nodes, a real edge and a real ledger.
//!
//! A run is short and the same each time. `LASTSEAT_FUZZ_SECONDS` makes each of its parts longer,
//! and `LASTSEAT_FUZZ_SEED` another one.

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{api_tool, repository, scratch};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use std::env;
use std::process::Command;

/// Seconds that new requests are made in one part, on top of those that every part makes.
const SECONDS: &str = "12";
const SEED: &str = "1";

/// Tries all calls of a document at `url`.
fn try_all(document: &str, url: &str, more: &[&str]) {
    let directory = scratch().unwrap();
    let root = repository().canonicalize().unwrap();
    let setting = |name: &str, standard: &str| env::var(name).unwrap_or(standard.to_owned());
    let ran = Command::new(api_tool("schemathesis"))
        .current_dir(directory.path())
        .arg("--config-file")
        .arg(root.join("tests/schemathesis.toml"))
        .arg("run")
        .arg(root.join(document))
        .args(["--url", url, "--checks", "all", "--no-color"])
        .args(["--max-time", &setting("LASTSEAT_FUZZ_SECONDS", SECONDS)])
        .args(["--seed", &setting("LASTSEAT_FUZZ_SEED", SEED)])
        .args(more)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    let wrong = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{document} at {url}\n{said}\n{wrong}");
    println!("{document} at {url}:\n{said}");
}

#[tokio::test]
async fn whatever_is_asked_the_edge_the_nodes_and_the_operators_listener_answer_as_documented() {
    let setup = Setup {
        // A node answers clients, too.
        direct: true,
        arguments: vec!["--demo".to_owned()],
        ..Setup::with_edge(Edge::under_test())
    };
    let cluster = Cluster::start(&setup).unwrap();
    let bearer = format!("Authorization: Bearer {}", cluster.admin_token);
    // With holds there is more that can become of an order.
    let token = &bearer["Authorization: ".len()..];
    let holds = r#"{"hold_ms":600000,"order_limit":1000}"#;
    let headers = [("authorization", token)];
    let change = request(Method::PATCH, "/v1/admin/sales/demo", &headers, holds).unwrap();
    let mut operators = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    let answer = operators.send(change).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());

    let public = "docs/openapi.json";
    try_all(public, &cluster.edges[0], &["--exclude-tag", "node"]);
    try_all(public, &cluster.nodes[0].url, &[]);
    let node = &cluster.nodes[1].admin;
    // An answer that never ends is read by the tests of the dashboard.
    let more = ["--header", &bearer, "--exclude-operation-id", "streamStatus"];
    try_all("docs/openapi-operators.json", node, &more);
    assert!(cluster.audit("demo").await.unwrap().ok);
}
