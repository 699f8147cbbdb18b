//! When a relay cannot go on, and what it leaves behind.

use crate::relay::receiver::{Mood, Receiver};
use crate::relay::shop::{ENDS_WITHIN, Shop, summary};
use lastseat_tests::harness::Program;
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::wait::until;
use std::process::Command;

/// Waits for the end; expects exit code `code` and each of `words` in the notes.
fn assert_ends(mut relay: Program, code: i32, words: &[&str]) {
    let status = relay.wait(ENDS_WITHIN).unwrap();
    until(&format!("a message with {words:?}"), || {
        let notes = relay.notes();
        words.iter().all(|word| notes.contains(word)).then_some(())
    });
    assert_eq!(status.code(), Some(code), "{}", relay.notes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_was_trimmed_too_far_is_said_with_the_way_out() {
    let shop = Shop::open().await;
    let end = shop.day(4).await;
    shop.ledger.ack(&shop.sale, 5).await.unwrap();
    let receiver = Receiver::willing().await;
    let relay = shop.relay(&receiver, &[]);
    assert_ends(relay, 1, &["no longer has entry 1", "before entry 6", "--from 6"]);
    assert!(receiver.positions().is_empty());

    let said = summary(&mut shop.relay(&receiver, &["--from", "6", "--once"]));
    assert_eq!(said["entries"], end - 5);
    // All of it.
    shop.ledger.ack(&shop.sale, end).await.unwrap();
    summary(&mut shop.relay(&receiver, &["--once"]));
    let relay = shop.relay(&receiver, &["--from", "7"]);
    let from = format!("--from {}", end + 1);
    assert_ends(relay, 1, &["no longer has entry 7", &from]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_position_beyond_the_log_is_said() {
    let shop = Shop::open().await;
    let relay = shop.relay(&Receiver::willing().await, &["--from", "40"]);
    assert_ends(relay, 1, &["its log ends at 1", "--from 2"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_runs_once_ends_while_the_receiver_is_away() {
    let shop = Shop::open().await;
    let receiver = Receiver::start(|_| Mood::Breaks).await;
    let relay = shop.relay(&receiver, &["--once"]);
    assert_ends(relay, 1, &["entry 1 was not taken by", "in 8 attempts", "run the same command"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_delivered_is_acknowledged_only_when_wanted() {
    let shop = Shop::open().await;
    let end = shop.day(2).await;
    let receiver = Receiver::willing().await;
    let left = async || shop.ledger.log(&shop.sale, 1, 1_000).await.unwrap().len() as u64;
    summary(&mut shop.relay(&receiver, &["--once"]));
    assert_eq!(left().await, end);
    shop.sell(100).await;
    summary(&mut shop.relay(&receiver, &["--once", "--ack"]));
    assert_eq!(left().await, 0);
}

#[test]
fn a_relay_without_secret_or_with_a_wrong_address_says_all_that_is_wrong() {
    let mut command = Command::new(lastseat().unwrap());
    command.env_remove("LASTSEAT_WEBHOOK_SECRET").args([
        "relay",
        "s",
        "--to",
        "http://127.0.0.1:1/",
        "--name",
        "a b",
    ]);
    let relay = Program::start("lastseat relay", command).unwrap();
    assert_ends(relay, 2, &["a secret is missing", "openssl", "--name"]);
    let mut command = Command::new(lastseat().unwrap());
    let secret = "0123456789abcdef0123456789abcdef";
    command.env("LASTSEAT_WEBHOOK_SECRET", secret).args(["relay", "s", "--to", "127.0.0.1:9000"]);
    let relay = Program::start("lastseat relay", command).unwrap();
    assert_ends(relay, 2, &["--to", "http://"]);
    for weak in [&secret[1..], "FROM-OPENSSL"] {
        let mut command = Command::new(lastseat().unwrap());
        let to = ["relay", "s", "--to", "http://127.0.0.1:1/"];
        command.env("LASTSEAT_WEBHOOK_SECRET", weak).args(to);
        let relay = Program::start("lastseat relay", command).unwrap();
        assert_ends(relay, 2, &["LASTSEAT_WEBHOOK_SECRET", "openssl rand -hex 32"]);
    }
}
