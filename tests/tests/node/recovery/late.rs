//! A node dies together with the ledger: the others do not wait for ever, and what it acknowledged
//! comes back with it, or is listed by name.

use crate::recovery::buyers::{Buyer, Crowd, SALE, Told, all_is_well};
use crate::recovery::stage::Stage;
use lastseat_tests::harness::wait::until;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const TICKETS: u32 = 40;

/// A sale of which the orders that the first node acknowledged last are lost, and the node with
/// them.
async fn a_node_dies_with_its_ledger(tickets: u32) -> (Stage, Told) {
    let mut stage = Stage::new(3, false);
    let capacity = tickets.to_string();
    stage.says(&["sale", "create", SALE, "--capacity", &capacity, "--hold", "10m"]);
    let told = Arc::<Mutex<Told>>::default();
    let mut second = Buyer::new(stage.nodes[1].client(), &told);
    for n in 0..20 {
        assert!(second.buys(&format!("kept-order-{n:06}"), 1).await);
    }
    // All nodes have heard of each other.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let length = stage.primary.files().length();
    let mut first = Buyer::new(stage.nodes[0].client(), &told);
    for n in 0..20 {
        assert!(first.buys(&format!("lost-order-{n:06}"), 1).await);
    }
    assert!(first.does("confirm", "lost-order-000003", "").await);
    assert!(first.does("confirm", "kept-order-000003", "").await);
    stage.nodes[0].kill();
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let told = told.lock().unwrap().clone();
    (stage, told)
}

/// Waits until the other nodes sell again; how long that took.
async fn others_sell(stage: &Stage, told: &Arc<Mutex<Told>>) -> Duration {
    let begun = Instant::now();
    for (n, node) in stage.nodes.iter().enumerate().skip(1) {
        let mut buyer = Buyer::new(node.client(), told);
        assert!(buyer.buys(&format!("meanwhile-order-{n}"), 1).await, "{}", node.notes());
    }
    begun.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_died_with_the_ledger_restores_from_its_file_when_it_starts_again() {
    let (mut stage, mut told) = a_node_dies_with_its_ledger(1_000).await;
    let meanwhile = Arc::<Mutex<Told>>::default();
    let took = others_sell(&stage, &meanwhile).await;
    println!("the nodes that lived went on after {took:?}");
    assert!(took < Duration::from_secs(10), "a dead node does not block the sale");
    stage.start_again(0);
    until_restored(&stage, 21).await;
    told.extend(meanwhile.lock().unwrap().clone());
    all_is_well(&stage, &told).await;
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
    // A second start has nothing to do.
    stage.nodes[0].kill();
    stage.start_again(0);
    let crowd = Crowd::start(&stage, 1, true, "crowd");
    crowd.buy(50).await;
    told.extend(crowd.stop().await);
    all_is_well(&stage, &told).await;
    assert_eq!(stage.sum("lastseat_orders_restored_total").await, 0);
}

async fn until_restored(stage: &Stage, orders: u64) {
    lastseat_tests::harness::wait::until_async("the orders are restored", async || {
        let restored = stage.sum("lastseat_orders_restored_total").await;
        (restored >= orders).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_node_that_died_with_the_ledger_may_still_come_nobody_gets_its_tickets() {
    let (mut stage, told) = a_node_dies_with_its_ledger(TICKETS).await;
    let others = Crowd::start(&stage, 1, false, "other");
    stage.start_again(0);
    until_restored(&stage, 21).await;
    stage.is_whole().await;
    let granted = others.stop().await;
    assert!(granted.is_empty(), "{granted:?}");
    all_is_well(&stage, &told).await;
}

/// The orders that are listed as unrestored.
fn unrestored(stage: &Stage) -> Vec<serde_json::Value> {
    // A node that is not connected to Redis again refuses.
    let output = stage.run(&["--json", "orders", "unrestored", SALE]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines = said.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(listed: &[serde_json::Value]) -> BTreeSet<String> {
    let names = listed.iter().map(|order| order["order_id"].as_str());
    names.map(|name| name.unwrap().to_owned()).collect()
}

/// Sells what the dead node acknowledged to others, so that it cannot be restored.
async fn others_take_its_tickets(stage: &Stage) -> Arc<Mutex<Told>> {
    let meanwhile = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[2].client(), &meanwhile);
    for n in 0..20 {
        assert!(buyer.buys(&format!("other-order-{n:05}"), 1).await);
    }
    meanwhile
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_listed_is_listed_again_where_redis_lost_the_list_too() {
    let (mut stage, _) = a_node_dies_with_its_ledger(TICKETS).await;
    others_take_its_tickets(&stage).await;
    let before = stage.primary.files().length();
    stage.start_again(0);
    let listed = until("the orders are listed", || {
        Some(unrestored(&stage)).filter(|listed| listed.len() >= 20)
    });
    stage.primary.kill();
    stage.primary.files().cut(before);
    stage.primary.start_again(&[]);
    stage.is_whole().await;
    let again = until("the orders are listed again", || {
        Some(unrestored(&stage)).filter(|listed| listed.len() >= 20)
    });
    assert_eq!(names(&again), names(&listed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_restored_is_listed_by_name_and_can_be_tried_again() {
    let (mut stage, told) = a_node_dies_with_its_ledger(TICKETS).await;
    let meanwhile = others_take_its_tickets(&stage).await;
    stage.start_again(0);
    let list = || unrestored(&stage);
    let listed =
        until("the orders are listed", || Some(list()).filter(|listed| listed.len() >= 20));
    let lost: BTreeSet<String> =
        told.keys().filter(|key| key.starts_with("lost")).cloned().collect();
    assert_eq!(names(&listed), lost, "each by name, and no other");
    assert!(listed.iter().all(|order| order["why"] == "no_room" && order["node"] == 1));
    // The payment of an order that was kept came back all the same.
    let kept: Told = told
        .iter()
        .filter(|(key, _)| key.starts_with("kept"))
        .map(|(k, v)| (k.clone(), *v))
        .collect();
    let mut kept = kept;
    kept.extend(meanwhile.lock().unwrap().clone());
    all_is_well(&stage, &kept).await;

    // The operator finds five seats more, and refunds the rest.
    stage.says(&["sale", "restock", SALE, "--capacity", "45"]);
    stage.run(&["orders", "unrestored", SALE, "--retry"]);
    assert_eq!(list().len(), 15);
    for name in names(&list()) {
        stage.says(&["orders", "unrestored", SALE, "--settled", &name]);
    }
    assert_eq!(list().len(), 0);
    let shown = stage.says(&["--json", "sale", "show", SALE]);
    assert!(shown.contains(r#""free":0"#), "{shown}");
}
