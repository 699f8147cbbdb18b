//! The log as downstream systems read it: exported, followed, acknowledged.

use crate::api::shop::{Shop, lines};
use hyper::Method;
use lastseat_tests::harness::Program;
use lastseat_tests::harness::paths::lastseat;
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

const ADA: &str = r#"{"buyer":"ada","quantity":2}"#;
const PATIENCE: Duration = Duration::from_secs(5);

/// A sale with a confirmed and a cancelled order: five entries.
async fn with_history() -> Shop {
    let shop = Shop::open();
    shop.create("told", r#"{"capacity":10,"hold_ms":60000}"#).await;
    let (paid, given_up) = (shop.buy("told", ADA).await, shop.buy("told", ADA).await);
    shop.change(0, &paid, "confirm", r#"{"quantity":1}"#).await;
    shop.change(0, &given_up, "cancel", "").await;
    shop
}

fn seqs(lines: &[Value]) -> Vec<u64> {
    lines.iter().map(|line| line["commit_seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn an_export_tells_each_change_once_and_in_order() {
    let shop = with_history().await;
    let ran = shop.run(&["orders", "export", "told"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let told = lines(&ran.stdout);
    assert_eq!(seqs(&told), [1, 2, 3, 4, 5]);
    let kinds: Vec<&str> = told.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["sale_created", "held", "held", "confirmed", "cancelled"]);
    let held = &told[1];
    assert_eq!((&held["buyer"], &held["quantity"]), (&"ada".into(), &2.into()));
    let (at, deadline) = (held["at"].as_u64().unwrap(), held["deadline"].as_u64().unwrap());
    assert_eq!(deadline - at, 60_000);
    assert_eq!((&told[3]["quantity"], &told[3]["order_id"]), (&1.into(), &held["order_id"]));
    // The same lines as the API gives.
    let page = shop.admin(Method::GET, "/told/log", "").await;
    assert_eq!(page.text(), ran.stdout);
    let rest = shop.run(&["orders", "export", "told", "--from", "4"]);
    assert_eq!(seqs(&lines(&rest.stdout)), [4, 5]);
}

#[tokio::test]
async fn what_was_acknowledged_is_forgotten_and_nothing_else() {
    let shop = with_history().await;
    let ack = |to: &str| shop.run(&["orders", "ack", "told", "--to", to, "--json"]);
    let export = |words: &[&str]| shop.run(&[&["orders", "export", "told"], words].concat());
    let acked: Value = serde_json::from_str(&ack("3").stdout).unwrap();
    assert_eq!((&acked["to"], &acked["commit_seq"]), (&3.into(), &5.into()));
    assert_eq!(seqs(&lines(&export(&[]).stdout)), [4, 5]);
    let again = ack("2");
    assert_eq!((again.code, seqs(&lines(&export(&[]).stdout))), (0, vec![4, 5]));
    let gap = export(&["--from", "2"]);
    assert_eq!((gap.code, seqs(&lines(&gap.stdout))), (0, vec![4, 5]));
    assert!(gap.stderr.contains("entries 2 to 3"), "{}", gap.stderr);
    assert_eq!(ack("6").code, 1);
    assert!(shop.audit("told").await.unwrap().ok, "the audit needs no trimmed entry");
}

#[tokio::test]
async fn a_follower_hears_of_new_changes_and_ends_with_0_on_ctrl_c() {
    let shop = with_history().await;
    let words = ["orders", "export", "told", "--follow", "--from", "5"];
    let mut program = Program::start("lastseat orders export", shop.command(&words)).unwrap();
    let next = |program: &Program| -> Value {
        serde_json::from_str(&program.line(PATIENCE).unwrap()).unwrap()
    };
    assert_eq!(next(&program)["type"], "cancelled");
    let order = shop.buy("told", ADA).await;
    let heard = next(&program);
    assert_eq!((&heard["type"], &heard["order_id"]), (&"held".into(), &order.order_id.into()));
    let ended = program.stop_after(|program| program.signal(Signal::INT)).unwrap();
    assert!(ended.success(), "{ended}");
}

/// The reader goes away while the sale is quiet: the exporter must notice although it has nothing
/// to write.
#[tokio::test]
async fn an_export_whose_reader_has_left_ends_quietly_with_0() {
    let shop = with_history().await;
    let program = lastseat().unwrap();
    for follow in ["", "--follow"] {
        let line = format!(
            "'{}' orders export told {follow} | head -n 1; exit ${{PIPESTATUS[0]}}",
            program.display()
        );
        let mut command = shop.command(&[]);
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &line]);
        for (name, value) in command.get_envs() {
            bash.env(name, value.unwrap_or_default());
        }
        command = bash;
        let mut piped = Program::start("lastseat orders export | head", command).unwrap();
        assert!(piped.line(PATIENCE).unwrap().contains("sale_created"));
        let ended = piped.wait(PATIENCE).unwrap();
        assert!(ended.success(), "{follow}: {ended}");
        assert_eq!(piped.notes(), "", "{follow}");
    }
}
