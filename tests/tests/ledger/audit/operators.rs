//! The same, from the terminal.

use crate::audit::stage::Stage;
use lastseat_ledger::audit::FindingKind;
use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::{Cluster, Edge, Setup};
use serde_json::Value;
use std::process::{Command, Output};

fn run(stage: &Stage, words: &[&str]) -> Output {
    let mut command = Command::new(lastseat().unwrap());
    command.args(["audit", "--ledger"]).args(words);
    command.args(["--redis-url", &stage.redis.url()]);
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn from_the_terminal_damage_ends_with_1_is_named_with_its_remedy_and_is_planned_for() {
    let stage = Stage::new().await;
    let sale = stage.sale().await;
    let id = sale.id.to_string();
    let clean = run(&stage, &[&id]);
    assert_eq!(clean.status.code(), Some(0), "{}", text(&clean.stderr));
    assert!(
        text(&clean.stdout).contains("1 cancelled, 2 confirmed, 5 held"),
        "{}",
        text(&clean.stdout)
    );
    let nothing = run(&stage, &[&id, "--repair-plan"]);
    assert_eq!(nothing.status.code(), Some(0));

    sale.says(&["DEL", ":log"]).await;
    let damaged = run(&stage, &[&id]);
    let shown = text(&damaged.stdout);
    assert_eq!(damaged.status.code(), Some(1), "{shown}");
    assert!(
        shown.contains("DIFFERS  the log is missing") && shown.contains("  do     find out who"),
        "{shown}"
    );
    let json = run(&stage, &[&id, "--json"]);
    let report: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(report["findings"][0]["kind"], "log_missing");
    assert_eq!(report["kinds"]["log_missing"], 1);
    assert_eq!(report["differences"][0], "the log is missing");

    let plan = run(&stage, &[&id, "--repair-plan"]);
    assert_eq!(plan.status.code(), Some(1), "there is something to repair");
    assert!(text(&plan.stdout).starts_with("#!/bin/sh"), "{}", text(&plan.stdout));
    let json = run(&stage, &[&id, "--repair-plan", "--json"]);
    let planned: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert!(planned["repair_plan"]["commands"][0].as_str().unwrap().contains("state paused"));
    assert_eq!(planned["findings"][0]["kind"], "log_missing");
}

#[tokio::test]
async fn a_wrong_choice_is_refused_with_what_it_may_be() {
    let stage = Stage::new().await;
    for (words, named) in [
        (["--trust", "me"], "log or records"),
        (["--ahead", "of-time"], "finish or undo"),
        (["--except", "x"], "order id"),
        (["--capacity", "many"], "whole number"),
    ] {
        let all = ["s", "--repair-plan", words[0], words[1]];
        let refused = run(&stage, &all);
        assert_eq!(refused.status.code(), Some(2), "{words:?}");
        assert!(text(&refused.stderr).contains(named), "{}", text(&refused.stderr));
    }
}

#[tokio::test]
async fn operators_hear_200_with_what_is_damaged_whatever_is_damaged() {
    let setup = Setup { weights: vec![1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    let url = cluster.redis.clone().unwrap().url;
    let url = match url.strip_prefix("unix:") {
        Some(path) => format!("redis+unix://{}", path.trim_start_matches("//")),
        None => url,
    };
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let damages: [&[&str]; 6] = [
        &["HSET", "lastseat:{SALE}:orders", "short", "x"],
        &["HSET", "lastseat:{SALE}:sale", "held", "x"],
        &["HDEL", "lastseat:{SALE}:sale", "state"],
        &["DEL", "lastseat:{SALE}:log"],
        &["DEL", "lastseat:{SALE}:sale"],
        &["SET", "lastseat:{SALE}:buyers", "x"],
    ];
    for (number, damage) in damages.iter().enumerate() {
        let sale = format!("s{number}");
        cluster.create_sale(&sale, 5).await.unwrap();
        assert!(cluster.audit(&sale).await.unwrap().ok);
        let mut command = redis::Cmd::new();
        for word in *damage {
            command.arg(word.replace("SALE", &sale));
        }
        let _: redis::Value = command.query_async(&mut connection).await.unwrap();
        let report = cluster.audit(&sale).await;
        let report = report.unwrap_or_else(|error| panic!("{damage:?}: {error:#}"));
        assert!(!report.ok && !report.differences.is_empty(), "{damage:?}");
    }
}

#[test]
fn the_documents_say_of_each_kind_what_it_means() {
    let document = std::fs::read_to_string(repository().join("docs/AUDIT.md")).unwrap();
    for kind in FindingKind::ALL {
        let name = serde_json::to_value(kind).unwrap();
        let name = format!("`{}`", name.as_str().unwrap());
        assert!(document.contains(&name), "docs/AUDIT.md says nothing of {name}");
    }
}
