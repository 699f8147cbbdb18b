//! All nodes live: nothing is missing afterwards, whatever was lost.

use crate::recovery::buyers::{Buyer, Crowd, SALE, Told, all_is_well, missing};
use crate::recovery::stage::Stage;
use lastseat_tests::harness::wait::{until, until_async};
use rustix::process::Signal;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Orders in a test before its ledger loses something, and those that it loses.
const SOME: usize = 150;

fn open_sale(stage: &Stage, tickets: u32) {
    let tickets = tickets.to_string();
    stage.says(&["sale", "create", SALE, "--capacity", &tickets, "--hold", "10m"]);
    if stage.replica.is_some() {
        // Until its first acknowledgement, up to a second after it has synchronised, a replica is
        // sent nothing more.
        until_replica_has(stage, 1);
    }
}

/// Asks each node for an order until it is granted; the longest that took.
async fn sells_again(stage: &Stage) -> Duration {
    let begun = Instant::now();
    let told = Arc::<Mutex<Told>>::default();
    for (n, node) in stage.nodes.iter().enumerate() {
        let mut buyer = Buyer::new(node.client(), &told);
        let key = format!("afterwards-{n}-{}", fastrand::u64(..));
        assert!(buyer.buys(&key, 1).await, "{}", node.notes());
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_whose_end_of_the_append_only_file_was_lost_are_there_again() {
    let mut stage = Stage::new(4, false);
    open_sale(&stage, 1_000_000);
    let crowd = Crowd::start(&stage, 2, true, "crowd");
    crowd.buy(SOME).await;
    let length = stage.primary.files().length();
    crowd.buy(SOME).await;
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let took = sells_again(&stage).await;
    // Buyers whose answers were lost find their orders under the same keys.
    crowd.buy(SOME).await;
    let told = crowd.stop().await;
    stage.is_whole().await;
    let restored = stage.sum("lastseat_orders_restored_total").await;
    println!(
        "{restored} of {} orders were lost and restored; all nodes sold again after {took:?}",
        told.len()
    );
    assert!(restored > 0, "something was lost");
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
    all_is_well(&stage, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_lacks_the_end_of_a_sold_out_sale_is_promoted_and_nobody_else_gets_a_seat() {
    let mut stage = Stage::new(4, true);
    let tickets = 600;
    open_sale(&stage, tickets);
    let crowd = Crowd::start(&stage, 2, false, "first");
    crowd.buy(SOME).await;
    stage.cut_off_replica();
    let sum = |told: &Told| told.values().map(|(_, tickets)| tickets).sum::<u32>();
    let end = Instant::now() + Duration::from_secs(20);
    while sum(&crowd.told.lock().unwrap()) < tickets {
        assert!(Instant::now() < end, "it sells out");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = crowd.stop().await;
    // From here on nobody may be granted anything, whatever Redis says of free tickets.
    let others = Crowd::start(&stage, 2, false, "other");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let before = missing(&stage.replica.as_ref().unwrap().url(), &told).await.len();
    stage.primary.kill();
    stage.fail_over();
    tokio::time::sleep(Duration::from_secs(2)).await;
    stage.is_whole().await;
    let granted = others.stop().await;
    println!("{before} of {} orders were lost with the primary", told.len());
    assert!(before > 0, "something was lost");
    assert!(granted.is_empty(), "lost seats were sold again: {granted:?}");
    all_is_well(&stage, &told).await;
    assert_eq!(sum(&told), tickets);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_is_promoted_under_load_lacks_nothing_that_was_acknowledged() {
    let mut stage = Stage::new(3, true);
    open_sale(&stage, 1_000_000);
    let crowd = Crowd::start(&stage, 3, true, "crowd");
    crowd.buy(SOME).await;
    stage.cut_off_replica();
    crowd.buy(SOME).await;
    stage.primary.kill();
    stage.fail_over();
    let took = sells_again(&stage).await;
    crowd.buy(SOME).await;
    let told = crowd.stop().await;
    stage.is_whole().await;
    println!("all nodes sold again {took:?} after the failover");
    assert!(stage.sum("lastseat_orders_restored_total").await > 0);
    all_is_well(&stage, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_a_return_and_an_extension_that_were_lost_are_so_again() {
    let mut stage = Stage::new(2, true);
    open_sale(&stage, 100);
    let told = Arc::<Mutex<Told>>::default();
    let mut here = Buyer::new(stage.nodes[0].client(), &told);
    let mut there = Buyer::new(stage.nodes[1].client(), &told);
    for key in ["the-paid-order-1", "the-returned-one", "the-extended-one", "the-part-order-1"] {
        assert!(here.buys(key, 3).await);
    }
    until_replica_has(&stage, 5);
    stage.cut_off_replica();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert!(there.does("confirm", "the-paid-order-1", "").await);
    assert!(here.does("cancel", "the-returned-one", "").await);
    assert!(there.does("extend", "the-extended-one", "").await);
    assert!(there.does("confirm", "the-part-order-1", r#"{"quantity":1}"#).await);
    let before = deadline(&stage, "the-extended-one");
    let told = told.lock().unwrap().clone();
    let behind = stage.replica.as_ref().unwrap().url();
    let lost = missing(&behind, &told).await;
    assert_eq!(lost.len(), 3, "the replica lacks them: {lost:?}");
    stage.primary.kill();
    stage.fail_over();
    sells_again(&stage).await;
    all_is_well(&stage, &told).await;
    assert_eq!(deadline(&stage, "the-extended-one"), before);
}

fn until_replica_has(stage: &Stage, entries: u64) {
    let replica = stage.replica.as_ref().unwrap();
    let key = format!("lastseat:{{{SALE}}}:log");
    until("the replica has the orders", || {
        (replica.says(&["XLEN", &key]).trim() == entries.to_string()).then_some(())
    });
}

fn deadline(stage: &Stage, key: &str) -> String {
    let shown = stage.says(&["--json", "orders", "show", SALE, key]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    shown["expires_at"].to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_changed_in_the_lost_moments_is_so_again() {
    let mut stage = Stage::new(2, true);
    open_sale(&stage, 4);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[0].client(), &told);
    assert!(buyer.buys("before-the-restock", 4).await);
    until_replica_has(&stage, 2);
    stage.cut_off_replica();
    stage.says(&["sale", "restock", SALE, "--capacity", "9"]);
    for key in ["after-the-restock", "then-the-last-one-"] {
        assert!(buyer.buys(key, 2).await);
    }
    stage.says(&["sale", "pause", SALE]);
    // The nodes hear of the pause as buyers do.
    assert!(!buyer.buys("nobody-buys-now-1", 1).await);
    stage.primary.kill();
    stage.fail_over();
    let told = told.lock().unwrap().clone();
    until_async("the two orders are restored", async || {
        let restored = stage.sum("lastseat_orders_restored_total").await;
        (restored == 2).then_some(())
    })
    .await;
    stage.is_whole().await;
    let shown = stage.says(&["--json", "sale", "show", SALE]);
    assert!(shown.contains(r#""state":"paused""#), "{shown}");
    all_is_well(&stage, &told).await;
    assert!(!buyer.buys("nor-now-nobody--1", 1).await);
    stage.says(&["sale", "open", SALE]);
    assert!(buyer.buys("the-ninth-ticket-1", 1).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plain_restart_of_redis_under_load_is_a_short_pause_in_which_nothing_is_lost() {
    let mut stage = Stage::new(4, false);
    open_sale(&stage, 1_000_000);
    let crowd = Crowd::start(&stage, 2, true, "crowd");
    crowd.buy(SOME).await;
    let mut pauses = Vec::new();
    for _ in 0..3 {
        stage.primary.kill();
        stage.primary.start_again(&[]);
        pauses.push(sells_again(&stage).await);
        crowd.buy(SOME).await;
    }
    let told = crowd.stop().await;
    println!("all nodes sold again {pauses:?} after Redis answered");
    assert!(pauses.iter().all(|pause| *pause < Duration::from_secs(3)), "{pauses:?}");
    assert_eq!(stage.sum("lastseat_orders_restored_total").await, 0);
    all_is_well(&stage, &told).await;
    let events = stage.says(&["orders", "export", SALE]);
    assert!(!events.contains("sale_healed"), "nothing was lost, so no number is");
}

/// Its buyer has the ticket, though Redis does not know that yet: "no such order" would be the
/// opposite of the truth.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_sale_recovers_no_buyer_is_told_that_there_is_no_such_order() {
    let mut stage = Stage::new(2, false);
    open_sale(&stage, 1_000_000);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[0].client(), &told);
    assert!(buyer.buys("kept-order-00000001", 1).await);
    let length = stage.primary.files().length();
    let lost = "lost-order-00000001";
    assert!(buyer.buys(lost, 1).await);
    // The other node is waited for, so that the sale stands still for as long as it is frozen.
    stage.nodes[1].signal(Signal::STOP);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let path = format!("/v1/sales/{SALE}/orders/{lost}");
    let mut client = stage.nodes[0].client();
    let mut stood_still = 0;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(2) {
        if let Ok(answer) = client.get(&path).await {
            assert_eq!(answer.status, 503, "{}", answer.text());
            assert!(!answer.header("retry-after").is_empty());
            stood_still += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(stood_still > 5, "it was asked while the sale stood still");
    stage.nodes[1].signal(Signal::CONT);
    until_async("the order is there again", async || {
        let answer = client.get(&path).await.ok()?;
        assert_ne!(answer.status, 404, "{}", answer.text());
        (answer.status == 200).then_some(())
    })
    .await;
    let told = told.lock().expect("no panic").clone();
    all_is_well(&stage, &told).await;
}
