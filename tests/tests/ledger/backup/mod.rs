//! A copy of the ledger, taken while it sells, and what is made of it when the ledger is lost.

mod by_plan;
mod crowd;

use crowd::Crowd;
use lastseat_ledger::Ledger;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Durability, PrivateRedis, RedisSetup};
use shared::{BuyerId, Capacity, OrderId, OrderState, Quantity, Reserve, SaleId, SaleState, Terms};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Tickets that are sold before, between and after the steps of a test.
const FEW: u32 = 200;

/// What a program printed; it must have ended well.
fn ended_well(what: &str, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{said}\n{notes}", output.status);
    said
}

/// `lastseat` on the ledger of `redis`.
fn run(redis: &PrivateRedis, arguments: &[&str]) -> Output {
    let mut command = Command::new(lastseat().expect("the program"));
    command.env("REDIS_URL", redis.url()).args(arguments);
    command.output().expect("lastseat runs")
}

fn backup(redis: &PrivateRedis, to: &Path) {
    let mut command = Command::new(repository().join("deploy/redis/backup"));
    command.arg(to).arg("-s").arg(redis.socket());
    ended_well("backup", &command.output().expect("backup runs"));
}

/// As docs/DEPLOY.md says of a copy of the append-only file.
fn make_whole(directory: &Path) {
    let mut command = Command::new(repository().join("deploy/redis/make-whole"));
    let output = command.arg(directory).output();
    ended_well("make-whole", &output.expect("make-whole runs"));
}

/// A fresh Redis on what `restore` makes of a backup.
fn restore(from: &Path) -> PrivateRedis {
    let directory = scratch().expect("room");
    let mut command = Command::new(repository().join("deploy/redis/restore"));
    command.arg(from).arg(directory.path());
    let said = ended_well("restore", &command.output().expect("restore runs"));
    assert!(said.contains("holds 2 sales"), "{said}");
    RedisSetup::default().on(directory).start()
}

async fn sold(ledger: &Ledger) -> u32 {
    let snapshot = ledger.snapshot(&crowd::sale()).await.expect("an answer");
    let snapshot = snapshot.expect("the sale");
    snapshot.held + snapshot.confirmed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_it_sells_restores_and_the_journal_brings_back_what_it_lacks() {
    let room = scratch().unwrap();
    let copy = room.path().join("ledger.rdb");
    let redis = PrivateRedis::start(Durability::Always);
    let crowd = Crowd::start(&redis).await;
    // A sale that has ended is on a list of its own.
    let (ledger, past) = (crowd::ledger(&redis).await, SaleId::parse("past").unwrap());
    ledger.create_sale(&past, Capacity::new(1).unwrap(), &Terms::default(), true).await.unwrap();
    ledger.set_state(&past, SaleState::Closed).await.unwrap();
    assert!(ledger.has_ended(&past).await.unwrap() && ledger.retire_sale(&past).await.unwrap());
    crowd.buy(FEW).await;
    backup(&redis, &copy);
    crowd.buy(FEW).await;
    let told = crowd.stop().await;
    let journal = room.path().join("events.ndjson");
    let events = ended_well("export", &run(&redis, &["orders", "export", crowd::SALE, "--ledger"]));
    fs::write(&journal, events).unwrap();
    drop(redis); // With its disk.

    let redis = restore(&copy);
    let audit = ["audit", crowd::SALE, "--ledger"];
    ended_well("audit of the backup", &run(&redis, &audit));
    let ledger = crowd::ledger(&redis).await;
    let had = sold(&ledger).await;
    assert!(had >= FEW && had < told.tickets(), "{had} of {}", told.tickets());

    let path = journal.to_str().unwrap();
    let replay = ["--json", "orders", "replay", crowd::SALE, "--ledger", "--from", path];
    let said = ended_well("replay", &run(&redis, &replay));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["restored"].as_u64().unwrap() > 0 && said["failed"] == 0, "{said}");
    ended_well("audit after the replay", &run(&redis, &audit));
    assert_eq!(sold(&ledger).await, told.tickets());
    for (id, state) in &told.orders {
        let order = ledger.order(&crowd::sale(), id).await.unwrap();
        match order {
            Some(order) => assert_eq!(order.state, *state, "{id}"),
            // Given back after the copy: the buyer has no ticket either way.
            None => assert_eq!(*state, OrderState::Cancelled, "{id}"),
        }
    }

    // Nothing is left to do: the command can be repeated.
    let said = ended_well("second replay", &run(&redis, &replay));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    for done in ["restored", "confirmed", "cancelled", "failed"] {
        assert_eq!(said[done], 0, "{said}");
    }
}

/// The journal has it held, expired and cancelled, the backup only expired.
#[tokio::test]
async fn what_the_journal_says_was_given_back_late_is_not_left_for_a_late_payment() {
    let room = scratch().unwrap();
    let redis = PrivateRedis::start(Durability::Always);
    let (ledger, sale) = (crowd::ledger(&redis).await, crowd::sale());
    let terms = Terms { hold_ms: 1, ..Terms::default() };
    ledger.create_sale(&sale, Capacity::new(1).unwrap(), &terms, true).await.unwrap();
    let id = OrderId::parse("0123456789abcdef").unwrap();
    let buyer = BuyerId::parse("ada").unwrap();
    let wish = Reserve { id: id.clone(), buyer, quantity: Quantity::ONE, lines: None };
    ledger.reserve(&sale, &[wish]).await.unwrap();
    let state = async || ledger.order(&sale, &id).await.unwrap().unwrap().state;
    until_async("the hold ends", async || {
        ledger.sweep(&sale).await.unwrap();
        (state().await == OrderState::Expired).then_some(())
    })
    .await;

    let line = |seq: u32, kind: &str, more: &str| {
        let sale = crowd::SALE;
        format!(
            "{{\"sale\":\"{sale}\",\"commit_seq\":{seq},\"index\":0,\"at\":1,\"version\":1,\
             \"type\":\"{kind}\",\"order_id\":\"{id}\"{more}}}\n"
        )
    };
    let events = line(2, "held", r#","buyer":"ada","quantity":1"#)
        + &line(3, "expired", "")
        + &line(4, "cancelled", "");
    let journal = room.path().join("events.ndjson");
    fs::write(&journal, events).unwrap();
    let path = journal.to_str().unwrap();
    let replay = ["--json", "orders", "replay", crowd::SALE, "--ledger", "--from", path];
    let said = ended_well("replay", &run(&redis, &replay));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["cancelled"], &said["failed"]), (&1.into(), &0.into()), "{said}");
    assert_eq!(state().await, OrderState::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_append_only_file_has_every_order_that_was_told_before_it() {
    let redis = PrivateRedis::start(Durability::Always);
    let crowd = Crowd::start(&redis).await;
    crowd.buy(FEW).await;
    let before = crowd.told();
    // As docs/DEPLOY.md says: no rewrite while the files are copied.
    let _: () = redis.ask(&["CONFIG", "SET", "auto-aof-rewrite-percentage", "0"]).await;
    let copy = redis.files().copy();
    crowd.buy(FEW).await;
    crowd.stop().await;
    drop(redis);

    // A copy of a file that is written to may end inside a script, and what is sold on it stands
    // behind that.
    let mut copy = copy;
    for start in ["first", "second", "third"] {
        make_whole(copy.path());
        let whole = ["--aof-load-truncated", "no"];
        let redis = RedisSetup::default().on(copy).options(&whole).start();
        let ledger = crowd::ledger(&redis).await;
        ended_well(start, &run(&redis, &["audit", crowd::SALE, "--ledger"]));
        ledger.recover_without_nodes(&crowd::sale()).await.expect("a whole sale");
        for id in before.orders.keys() {
            let known = ledger.order(&crowd::sale(), id).await.unwrap();
            assert!(known.is_some(), "{id} was told and is gone");
        }
        let crowd = Crowd::start(&redis).await;
        crowd.buy(FEW).await;
        crowd.stop().await;
        copy = redis.into_directory();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_says_what_it_cannot_do_and_changes_nothing_else() {
    let room = scratch().unwrap();
    let redis = PrivateRedis::start(Durability::Off);
    let crowd = Crowd::start(&redis).await;
    crowd.buy(10).await;
    let told = crowd.stop().await;
    let journal = room.path().join("events.ndjson");
    let path = journal.to_str().unwrap();
    let replay = ["orders", "replay", crowd::SALE, "--ledger", "--from", path];
    let refused = |word: &str| {
        let output = run(&redis, &replay);
        let notes = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{notes}");
        assert!(notes.contains(word), "{notes}");
    };
    refused("cannot be read");
    fs::write(&journal, "not a line\n").unwrap();
    refused("line 1");
    let stranger = r#"{"sale":"drop","commit_seq":9000,"index":0,"type":"confirmed","order_id":"#;
    fs::write(&journal, format!("{stranger}\"0123456789abcdef\",\"quantity\":1}}\n")).unwrap();
    refused("0123456789abcdef: unknown_order");
    let ledger = crowd::ledger(&redis).await;
    ledger.set_state(&crowd::sale(), SaleState::Paused).await.expect("it is paused");
    refused("lastseat sale open");
    until_async("the pause is known", async || {
        (sold(&ledger).await == told.tickets()).then_some(())
    })
    .await;
}
