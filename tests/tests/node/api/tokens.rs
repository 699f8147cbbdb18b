//! Who may do what.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no, path_of};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{HttpClient, Program};
use serde_json::Value;
use shared::Code;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

const ADA: &str = r#"{"buyer":"ada"}"#;
const HOLD: &str = r#"{"capacity":5,"hold_ms":60000}"#;

#[tokio::test]
async fn only_the_shop_confirms_and_only_operators_change_a_sale() {
    let shop = Shop::open();
    shop.create("guarded", HOLD).await;
    let held = shop.buy("guarded", ADA).await;
    let path = format!("{}/confirm", path_of(&held));
    for token in [None, Some(""), Some("guess"), Some(&*shop.admin_token)] {
        let answer = shop.send(0, (Method::POST, &path), token, "").await;
        assert_no(&answer, Code::Unauthorized);
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        assert!(answer.text().contains("shop token"), "{}", answer.text());
    }
    assert_eq!(shop.lookup(&held).await, held);
    let answer = shop.send(0, (Method::POST, &path), Some(SHOP_TOKEN), "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());

    let mut operators = HttpClient::new(&shop.nodes[0].admin).unwrap();
    for path in ["", "/guarded", "/guarded/log", "/guarded/audit"] {
        let answer = operators.get(&format!("/v1/admin/sales{path}")).await.unwrap();
        assert_no(&answer, Code::Unauthorized);
    }
    for verb in ["open", "pause", "close", "restock"] {
        // Not on the public listener at all.
        let path = format!("/v1/admin/sales/guarded/{verb}");
        let token = Some(&*shop.admin_token);
        let answer = shop.send(0, (Method::POST, &path), token, "").await;
        assert_no(&answer, Code::NotFound);
    }
    assert_eq!(shop.report("guarded").await["state"], "open");
}

#[tokio::test]
async fn a_demonstration_lets_anybody_confirm() {
    let shop = Shop::open_with(&["--demo"]);
    shop.create("shown", HOLD).await;
    let held = shop.buy("shown", ADA).await;
    let path = format!("{}/confirm", path_of(&held));
    let answer = shop.send(0, (Method::POST, &path), None, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[test]
fn a_cluster_makes_its_tokens_once_and_its_nodes_name_themselves_in_the_log() {
    let directory = scratch().unwrap();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let mut command = Command::new(lastseat().unwrap());
        command
            .current_dir(repository())
            .env_remove("REDIS_URL")
            .env("LASTSEAT_LOG", "info")
            .args(["cluster", "--json", "--ports", "0,0", "--weights", "1,2"])
            .arg("--data-dir")
            .arg(directory.path());
        let mut program = Program::start("lastseat cluster", command).unwrap();
        let line = program.line(Duration::from_secs(30)).unwrap();
        let roster: Value = serde_json::from_str(&line).unwrap();
        tokens.push(roster["shop_token"].as_str().unwrap().to_owned());
        assert_ne!(roster["shop_token"], roster["admin_token"]);
        until("both nodes have said something", || {
            let notes = program.notes();
            let named = |node| notes.lines().any(|line| line.contains(&format!("Z node {node} ")));
            (named(1) && named(2)).then_some(())
        });
        program.stop().unwrap();
    }
    let file = directory.path().join("shop.token");
    let kept = std::fs::read_to_string(&file).unwrap();
    assert_eq!(tokens, [kept.trim(), kept.trim()]);
    let mode = std::fs::metadata(file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
