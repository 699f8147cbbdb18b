//! What is committed, served and routed is the same.

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::process::Command;

/// Some order id.
const ID: &str = "0123456789abcdef";

/// What `lastseat openapi` prints.
fn printed(flags: &[&str]) -> String {
    let mut command = Command::new(lastseat().unwrap());
    let ran = command.arg("openapi").args(flags).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    String::from_utf8(ran.stdout).unwrap()
}

#[test]
fn the_committed_documents_are_those_that_the_code_makes() {
    for (file, flags) in [
        ("docs/openapi.json", vec![]),
        ("docs/openapi-operators.json", vec!["--operators"]),
        ("docs/API.md", vec!["--reference"]),
    ] {
        let committed = std::fs::read_to_string(repository().join(file)).unwrap();
        assert!(
            committed == printed(&flags),
            "{file} is out of date: run `make api` and look at the difference"
        );
    }
}

/// The calls of a document by path, without those of the tag `without`.
fn calls<'a>(document: &'a Value, without: &str) -> Vec<(&'a String, &'a Map<String, Value>)> {
    let paths = document["paths"].as_object().unwrap();
    let calls = paths.iter().map(|(path, item)| (path, item.as_object().unwrap()));
    calls.filter(|(_, item)| !item.values().any(|call| call["tags"][0] == without)).collect()
}

/// Each address takes the methods of its document and no others.
async fn takes_what_it_names(url: &str, document: &Value, without: &str) {
    let mut client = HttpClient::new(url).unwrap();
    for (path, item) in calls(document, without) {
        let mut named: BTreeSet<String> = item.keys().map(|m| m.to_uppercase()).collect();
        if named.contains("GET") {
            named.insert("HEAD".to_owned());
        }
        let address = path.replace("{sale}", "demo").replace("{order}", ID);
        // No address takes it, so each names those that it takes.
        let asked = request(Method::OPTIONS, &address, &[], "").unwrap();
        let answer = client.send(asked).await.unwrap();
        assert_eq!(answer.status, 405, "{address}");
        let allowed = answer.header("allow").split(',').map(|m| m.trim().to_owned());
        assert_eq!(allowed.collect::<BTreeSet<_>>(), named, "{url}{path}");
    }
}

#[tokio::test]
async fn each_listener_serves_its_document_and_takes_the_methods_that_it_names() {
    let setup = Setup { direct: true, ..Setup::with_edge(Edge::under_test()) };
    let cluster = Cluster::start(&setup).unwrap();
    let node = &cluster.nodes[0];
    for (url, flags) in [(&node.url, vec![]), (&node.admin, vec!["--operators"])] {
        let answer = HttpClient::new(url).unwrap().get("/openapi.json").await.unwrap();
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.text(), printed(&flags));
        takes_what_it_names(url, &answer.json().unwrap(), "").await;
    }
    let edge = HttpClient::new(&cluster.edges[0]).unwrap().get("/openapi.json").await;
    assert_eq!(edge.unwrap().text(), printed(&[]));
    let public = serde_json::from_str(&printed(&[])).unwrap();
    takes_what_it_names(&cluster.edges[0], &public, "node").await;
}
