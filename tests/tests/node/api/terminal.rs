//! The operator's commands: data on stdout, notes on stderr, exit codes.

use crate::api::shop::{Ran, Shop};
use lastseat_tests::harness::Program;
use rustix::process::Signal;
use serde_json::Value;
use std::time::Duration;

const ADA: &str = r#"{"buyer":"ada","quantity":2}"#;

/// Expects that a command worked and printed one JSON document and nothing else.
#[track_caller]
fn data(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {}", ran.stdout))
}

/// Expects that a command said why not, on stderr alone.
#[track_caller]
fn assert_fails(ran: &Ran, code: i32, word: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains(word), "{word:?} is missing in: {}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_sale_is_run_from_the_terminal_and_stdout_is_pure_json() {
    let shop = Shop::open();
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        shop.run(&words)
    };
    let created = data(&run("sale create spring --capacity 10 --hold 10m --opens-at +1h"));
    assert_eq!((&created["state"], &created["hold_ms"]), (&"scheduled".into(), &600_000.into()));
    let (opens_at, now) = (created["opens_at"].as_u64().unwrap(), created["now"].as_u64().unwrap());
    assert!((3_590_000..=3_600_000).contains(&(opens_at - now)));
    for (line, field, value) in [
        ("sale open spring", "state", Value::from("open")),
        ("sale open spring", "state", "open".into()),
        ("sale pause spring", "state", "paused".into()),
        ("sale open spring", "state", "open".into()),
        ("sale restock spring --capacity 12", "capacity", 12.into()),
        ("sale restock spring --add -2", "capacity", 10.into()),
        ("sale set spring --buyer-limit 4 --hold 90s", "hold_ms", 90_000.into()),
        (
            "sale set spring --closes-at 2099-01-01T00:00:00Z",
            "closes_at",
            4_070_908_800_000_u64.into(),
        ),
        ("sale set spring --closes-at 0", "closes_at", 0.into()),
        ("sale set spring --buyers-cancel true", "capacity", 10.into()),
        ("sale show spring", "buyers_cancel", true.into()),
        ("sale set spring --pay-url https://shop.example/{order_id}", "capacity", 10.into()),
        ("sale show spring", "pay_url", "https://shop.example/{order_id}".into()),
        ("sale set spring --pay-url=", "capacity", 10.into()),
        ("sale show spring", "pay_url", Value::Null),
        ("sale show spring", "free", 10.into()),
        ("sale watch spring --once", "orders", 0.into()),
    ] {
        assert_eq!(data(&run(line))[field], value, "{line}");
    }
    let list = data(&run("sale list"));
    assert_eq!(list["sales"][0]["sale"], "spring");

    let (paid, given_up) = (shop.buy("spring", ADA).await, shop.buy("spring", ADA).await);
    let order = |verb: &str, id: &str| data(&run(&format!("orders {verb} spring {id}")));
    assert_eq!(order("show", &paid.order_id)["state"], "held");
    assert!(order("extend", &paid.order_id)["expires_at"].is_u64());
    assert_eq!(order("confirm --quantity 1", &paid.order_id)["quantity"], 1);
    assert_eq!(order("cancel", &given_up.order_id)["state"], "cancelled");
    let audit = data(&run("audit spring"));
    assert_eq!((&audit["ok"], &audit["confirmed"]), (&true.into(), &1.into()));
    assert_eq!(data(&run("sale close spring"))["state"], "closed");
    let watched = data(&run("sale watch spring"));
    assert_eq!((&watched["state"], &watched["orders"]), (&"closed".into(), &2.into()));
}

#[tokio::test]
async fn each_command_that_fails_ends_with_an_exit_code_that_says_how() {
    let shop = Shop::open();
    shop.create("small", r#"{"capacity":2,"hold_ms":60000}"#).await;
    let held = shop.buy("small", ADA).await;
    let id = held.order_id.as_str();
    for (line, code, word) in [
        ("sale show none", 3, "unknown_sale"),
        ("sale open none", 3, "unknown_sale"),
        ("sale restock small --capacity 1", 1, "capacity_taken"),
        ("sale restock small --add -1", 1, "capacity_taken"),
        ("sale create small --capacity 3", 1, "sale_exists"),
        ("orders confirm small 0123456789abcdef", 3, "unknown_order"),
        ("orders show small 0123456789abcdef", 3, "unknown_order"),
        (&format!("orders confirm small {id} --quantity 3"), 1, "quantity_held"),
        (&format!("orders cancel small {id} --if-state confirmed"), 1, "wrong_state"),
        ("orders ack small --to 99", 1, "ends at 2"),
        ("orders export none", 3, "unknown_sale"),
        ("audit none", 2, "unknown_sale"),
        ("sale restock small", 2, "--capacity"),
        ("sale restock small --capacity 1 --add 1", 2, "--add"),
        ("sale set small", 2, "at least one"),
        ("sale set small --hold 1y", 2, "10m"),
        ("sale set small --opens-at tomorrow", 2, "2026-11-23T10:00:00Z"),
        ("sale set small --order-limit 0", 2, "order_limit"),
        ("sale set small --buyers-cancel perhaps", 2, "true, false"),
        ("sale show a{b", 2, "sale id"),
        ("orders cancel small short", 2, "order id"),
        (&format!("orders confirm small {id} --quantity 0"), 2, "quantity"),
        ("audit small --ledger --redis-url nonsense", 2, "redis://"),
        ("sale list --redis-url redis://127.0.0.1:1/", 2, "--server or --context"),
        ("orders replay small --from x", 2, "--ledger"),
        ("orders export small --ledger --redis-url redis://127.0.0.1:1/", 4, "no Redis answers"),
        ("audit small --ledger --redis-url redis://127.0.0.1:1/", 2, "no Redis answers"),
        ("completions powershell", 2, "fish"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_fails(&shop.run(&words), code, word);
    }
    assert_eq!(shop.lookup(&held).await, held, "nothing of that changed anything");
}

#[tokio::test]
async fn a_watched_sale_prints_a_line_a_second_until_it_is_closed() {
    let shop = Shop::open();
    shop.create("watched", r#"{"capacity":7,"hold_ms":60000}"#).await;
    let watch = shop.command(&["sale", "watch", "watched"]);
    let mut program = Program::start("lastseat sale watch", watch).unwrap();
    let patience = Duration::from_secs(5);
    let first = program.line(patience).unwrap();
    assert!(first.contains("open      7 = 7 free + 0 held + 0 confirmed"), "{first}");
    shop.buy("watched", ADA).await;
    let second = program.line(patience).unwrap();
    assert!(second.contains("7 = 5 free + 2 held"), "{second}");
    assert!(second.ends_with("1 orders/s"), "{second}");
    shop.run(&["sale", "close", "watched"]);
    let last = program.line(patience).unwrap();
    assert!(last.contains("closed"), "{last}");
    assert!(program.wait(patience).unwrap().success());
}

#[tokio::test]
async fn ctrl_c_ends_a_watch_with_0() {
    let shop = Shop::open();
    shop.create("watched", r#"{"capacity":7}"#).await;
    let watch = shop.command(&["sale", "watch", "watched", "--json"]);
    let mut program = Program::start("lastseat sale watch", watch).unwrap();
    let line: Value = serde_json::from_str(&program.line(Duration::from_secs(5)).unwrap()).unwrap();
    assert_eq!(line["capacity"], 7);
    let ended = program.stop_after(|program| program.signal(Signal::INT)).unwrap();
    assert!(ended.success(), "{ended}");
}

#[tokio::test]
async fn top_shows_the_whole_cluster_once_each_second_and_as_json() {
    let shop = Shop::open();
    shop.create("watched", r#"{"capacity":7,"hold_ms":60000}"#).await;
    shop.buy("watched", ADA).await;
    lastseat_tests::harness::wait::until("all nodes have said how they are", || {
        let status = data(&shop.run(&["top", "--json", "--once"]));
        let nodes = status["nodes"].as_array()?.clone();
        let live = nodes.iter().all(|node| node["health"] == "live");
        let sale = status["sales"].as_array()?.first()?.clone();
        let counted = sale["totals"]["granted"] == 1;
        assert_eq!(sale["stock"]["held"], 2);
        (nodes.len() == 4 && live && counted).then_some(())
    });
    let top = shop.command(&["top", "watched"]);
    let mut program = Program::start("lastseat top", top).unwrap();
    let patience = Duration::from_secs(5);
    let first = program.line(patience).unwrap();
    assert!(first.contains("watched  open  7 = 5 free + 2 held + 0 confirmed"), "{first}");
    assert!(first.contains("nodes 4/4 live"), "{first}");
    let second = program.line(patience).unwrap();
    assert!(second.contains("granted 1 (0/s)"), "{second}");
    // Where nobody looks with eyes there is nothing but text.
    assert!(!first.contains('\x1b') && !second.contains('\x1b'));
    let ended = program.stop_after(|program| program.signal(Signal::INT));
    assert!(ended.unwrap().success());
    let none = shop.run(&["top", "--once", "none"]);
    assert!(none.stdout.contains("no sale"), "{}", none.stdout);
}

#[test]
fn manual_pages_are_written_for_each_command() {
    let program = lastseat_tests::harness::paths::lastseat().unwrap();
    let place = lastseat_tests::harness::paths::scratch().unwrap();
    let run = |to: &std::path::Path| {
        let mut command = std::process::Command::new(&program);
        command.args(["man", "--to"]).arg(to).output().unwrap()
    };
    let ran = run(&place.path().join("man1"));
    assert!(ran.status.success() && ran.stdout.is_empty());
    for (page, word) in
        [("lastseat.1", "top"), ("lastseat-top.1", "once"), ("lastseat-sale-create.1", "capacity")]
    {
        let text = std::fs::read_to_string(place.path().join("man1").join(page)).unwrap();
        assert!(text.starts_with(".ie") && text.contains(".TH"), "{page}");
        assert!(text.contains(word), "{page}");
    }
    // A file is no place for pages.
    let ran = run(&place.path().join("man1/lastseat.1"));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert_eq!(ran.status.code(), Some(1));
    assert!(said.contains("--to"), "{said}");
}

#[test]
fn the_manual_page_of_one_command_is_printed_and_the_same_as_the_one_that_is_written() {
    let program = lastseat_tests::harness::paths::lastseat().unwrap();
    let place = lastseat_tests::harness::paths::scratch().unwrap();
    let man = |words: &[&str]| {
        std::process::Command::new(&program).arg("man").args(words).output().unwrap()
    };
    assert!(man(&["--to", place.path().to_str().unwrap()]).status.success());
    for (words, page) in [
        (&[][..], "lastseat.1"),
        (&["top"][..], "lastseat-top.1"),
        (&["sale", "create"][..], "lastseat-sale-create.1"),
    ] {
        let ran = man(words);
        assert!(ran.status.success() && ran.stderr.is_empty(), "{page}");
        assert_eq!(ran.stdout, std::fs::read(place.path().join(page)).unwrap(), "{page}");
    }
    for words in [&["sale", "crate"][..], &["bound"][..], &["top", "--to", "/tmp"][..]] {
        let ran = man(words);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0), "{words:?}");
    }
}

#[test]
fn completions_are_printed_for_each_shell() {
    let program = lastseat_tests::harness::paths::lastseat().unwrap();
    for (shell, word) in
        [("bash", "complete -F"), ("zsh", "#compdef lastseat"), ("fish", "complete -c")]
    {
        let ran =
            std::process::Command::new(&program).args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(ran.stdout).unwrap();
        assert!(ran.status.success() && ran.stderr.is_empty());
        assert!(script.contains(word) && script.contains("restock"), "{shell}");
    }
}
