//! Keys that are replaced, differ, or are missing.

use crate::trust::{A, ADA, B, SALE, cluster, edge_before};
use hyper::StatusCode;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Edge, HttpClient, Program};
use shared::Code;
use std::process::Command;
use std::time::Duration;

const SAMPLE: &str = "replace-me: openssl rand -hex 32";
const WRONG: &str = "c:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";

#[tokio::test]
async fn while_a_key_is_replaced_edges_with_either_are_served_and_one_with_neither_blames_nobody() {
    let ring = format!("{A},{B}");
    let cluster = cluster(Edge::None, &[("LASTSEAT_EDGE_KEY", &ring)]).await;
    let nodes: Vec<String> = cluster.nodes.iter().map(|node| node.url.clone()).collect();
    for key in [A, B, &format!("{B},{A}")] {
        let edge = edge_before(Edge::under_test(), &nodes, key).await;
        let mut client = HttpClient::new(&edge.url).unwrap();
        for _ in 0..8 {
            buy(&mut client).await;
        }
    }
    let edge = edge_before(Edge::under_test(), &nodes, WRONG).await;
    let mut client = HttpClient::new(&edge.url).unwrap();
    for _ in 0..8 {
        // The buyer can do nothing about keys: it is trouble, and nothing happened.
        let answer = client.order(SALE, None, ADA).await.unwrap();
        let problem = answer.problem().unwrap();
        assert_eq!(problem.code, Code::Unavailable, "{}", answer.text());
        assert_eq!(answer.header("www-authenticate"), "");
    }
    until("the edge tells its operator", || {
        edge.program.notes().contains("unknown_key").then_some(())
    });
    let notes = edge.program.notes();
    let told = notes.matches("LASTSEAT_EDGE_KEY").count();
    assert!((1..=nodes.len()).contains(&told), "once a node: {notes}");
    assert_eq!(cluster.audit(SALE).await.unwrap().free, 100 - 24);
}

/// Buys a ticket as a buyer does: who is quicker than the edge's share of the stock hears "busy"
/// and asks again.
async fn buy(client: &mut HttpClient) {
    let mut answer = client.order(SALE, None, ADA).await.unwrap();
    for _ in 0..10 {
        if answer.status != StatusCode::TOO_MANY_REQUESTS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer = client.order(SALE, None, ADA).await.unwrap();
    }
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

#[tokio::test]
async fn an_edge_without_a_key_or_with_the_sample_says_what_to_do() {
    for (kind, key, words) in [
        (Edge::Workerd, "", "wrangler secret put LASTSEAT_EDGE_KEY"),
        (Edge::Workerd, SAMPLE, "sample"),
        (Edge::Wrangler, SAMPLE, "sample"),
    ] {
        let nobody = "http://127.0.0.1:9".to_owned();
        let edge = edge_before(kind, &[nobody], key).await;
        let mut client = HttpClient::new(&edge.url).unwrap();
        let answer = client.order(SALE, None, ADA).await.unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert!(answer.text().contains(words), "{}", answer.text());
    }
}

#[test]
fn nothing_starts_with_the_sample_secret_and_no_node_without_a_key() {
    let redis = ["--redis-url", "redis://127.0.0.1:9/"];
    for (command, key, words) in [
        ("serve", "", "--insecure-direct"),
        ("serve", SAMPLE, "sample"),
        ("serve", "too-short", "at least 32"),
        ("cluster", SAMPLE, "sample"),
        ("cluster", "a:b:c", "LASTSEAT_EDGE_KEY"),
    ] {
        let directory = scratch().unwrap();
        let output = Command::new(lastseat().unwrap())
            .current_dir(repository())
            .env("LASTSEAT_EDGE_KEY", key)
            .arg(command)
            .args(redis)
            .arg("--data-dir")
            .arg(directory.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command} {key}: {said}");
        assert!(said.contains(words), "{command} {key}: {said}");
        assert!(key.is_empty() || !said.contains(key), "{said}");
    }
}

/// As in a fresh checkout: many ask for the key at once, and all get the same.
#[test]
fn a_checkout_gets_one_key_whoever_asks_first_and_keeps_what_is_there() {
    use std::os::unix::fs::PermissionsExt;
    let root = scratch().unwrap();
    let scripts = root.path().join("scripts");
    std::fs::create_dir(&scripts).unwrap();
    let script = scripts.join("dev-vars");
    std::fs::copy(repository().join("scripts/dev-vars"), &script).unwrap();
    let file = root.path().join(".dev.vars");
    let read = || std::fs::read_to_string(&file).unwrap();
    let asking: Vec<_> = (0..8).map(|_| Command::new(&script).spawn().unwrap()).collect();
    for mut child in asking {
        assert!(child.wait().unwrap().success());
    }
    let made = read();
    let key = made.split('"').nth(1).unwrap();
    assert!(key.len() == 64 && shared::KeyRing::parse(key).is_ok(), "{made}");
    assert!(Command::new(&script).status().unwrap().success());
    assert_eq!(read(), made);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = std::fs::read_dir(root.path()).unwrap().count();
    assert_eq!(files, 2, "nothing else is left behind");

    std::fs::write(&file, "MINE=1\n").unwrap();
    assert!(Command::new(&script).status().unwrap().success());
    assert!(read().starts_with("MINE=1\n") && read().contains("LASTSEAT_EDGE_KEY="));
}

/// The installed program has no `.dev.vars` to share; its cluster makes a key of its own and keeps
/// it.
#[test]
fn outside_of_a_checkout_a_cluster_keeps_a_key_of_its_own() {
    let place = scratch().unwrap();
    let program = place.path().join("lastseat");
    std::fs::copy(lastseat().unwrap(), &program).unwrap();
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut command = Command::new(&program);
        command
            .current_dir(place.path())
            .env_remove("REDIS_URL")
            .env_remove("LASTSEAT_EDGE_KEY")
            .args(["cluster", "--json", "--ports", "0", "--weights", "1"]);
        let mut cluster = Program::start("lastseat cluster", command).unwrap();
        cluster.line(Duration::from_secs(60)).unwrap();
        kept.push(std::fs::read_to_string(place.path().join(".lastseat/edge.key")).unwrap());
        cluster.stop().unwrap();
    }
    assert_eq!(kept[0], kept[1]);
    assert_eq!(kept[0].trim().len(), 64);
}
