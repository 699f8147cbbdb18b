//! Sales that have ended: a recovery does not go through them, and what was acknowledged of them
//! comes back all the same.

use crate::recovery::buyers::{Buyer, SALE, Told, all_is_well};
use crate::recovery::stage::{Node, Stage};
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::redis_keys::{ENDED_SALES, SALES};
use lastseat_ledger::{Fault, Ledger, LedgerUrl};
use lastseat_tests::harness::wait::{until, until_async};
use rustix::process::Signal;
use shared::domain::sale::Terms;
use shared::{Capacity, SaleId, SaleState};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PAST: usize = 10_000;
/// Calls of scripts between the start of Redis and the first order: those of the sale, of two
/// nodes' heartbeats and of their recovery.
const SCRIPTS_MAX: u64 = 200;

/// Sales as a lastseat leaves them that knows one list only: closed, and listed.
async fn past_sales(url: &str) {
    let ledger = &Ledger::connect(&LedgerUrl::parse(url).expect("an address")).await.unwrap();
    let made = stream::iter(0..PAST).map(|n| async move {
        let sale = SaleId::parse(&format!("past-{n}")).expect("a sale id");
        let capacity = Capacity::new(1).expect("a capacity");
        ledger.create_sale(&sale, capacity, &Terms::default(), true).await?;
        ledger.set_state(&sale, SaleState::Closed).await?;
        Ok::<_, Fault>(())
    });
    let made: Vec<()> = made.buffer_unordered(32).try_collect().await.expect("they are made");
    assert_eq!(made.len(), PAST);
}

fn number(stage: &Stage, words: &[&str]) -> u64 {
    stage.primary.says(words).trim().parse().expect("a number")
}

fn is_listed(stage: &Stage) -> bool {
    number(stage, &["SISMEMBER", SALES, SALE]) == 1
}

/// How often Redis was asked for `command` since it started.
fn calls(stage: &Stage, command: &str) -> u64 {
    let stats = stage.primary.says(&["INFO", "commandstats"]);
    let begin = format!("cmdstat_{command}:calls=");
    let line = stats.lines().find_map(|line| line.strip_prefix(&begin));
    let count = line.and_then(|line| line.split(',').next()?.parse().ok());
    count.unwrap_or(0)
}

async fn looks(nodes: &[Node]) -> u64 {
    let mut looks = 0;
    for node in nodes {
        let label = r#"script="look""#;
        looks += node.metrics().await.count("lastseat_ledger_calls_total", &[label]);
    }
    looks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_past_sales_cost_neither_a_recovery_nor_a_node_that_starts() {
    let mut stage = Stage::new(0, false);
    past_sales(&stage.redis_url()).await;
    stage.add_nodes(1);
    stage.says(&["sale", "create", SALE, "--capacity", "100"]);
    let begun = Instant::now();
    while number(&stage, &["SCARD", SALES]) > 1 {
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", stage.nodes[0].notes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("{PAST} sales of an older lastseat were moved within {:?}", begun.elapsed());
    assert_eq!(number(&stage, &["SCARD", ENDED_SALES]), PAST as u64);
    let listed = stage.says(&["--json", "sale", "show", "past-77"]);
    assert!(listed.contains("closed"), "{listed}");

    // A node that starts reads none of them.
    assert_eq!(stage.primary.says(&["CONFIG", "RESETSTAT"]).trim(), "OK");
    stage.add_nodes(1);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[1].client(), &told);
    assert!(buyer.buys("first-order-000001", 1).await);
    let scripts = calls(&stage, "evalsha");
    assert!(scripts < SCRIPTS_MAX, "{scripts} scripts while a node started");

    // Nor does a recovery.
    let before = looks(&stage.nodes).await;
    stage.primary.kill();
    stage.primary.start_again(&[]);
    let begun = Instant::now();
    assert!(buyer.buys("second-order-00001", 1).await);
    let took = begun.elapsed();
    let (scripts, looked) = (calls(&stage, "evalsha"), looks(&stage.nodes).await - before);
    println!("sold again after {took:?}, {scripts} scripts, {looked} looks");
    assert!(looked <= 20, "{looked} sales were looked at");
    assert!(scripts < SCRIPTS_MAX, "{scripts} scripts until the sale went on");
    let told = told.lock().unwrap().clone();
    all_is_well(&stage, &told).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_of_an_ended_sale_is_paid_late_read_and_restored_and_never_said_to_be_none() {
    let mut stage = Stage::new(2, false);
    stage.says(&["sale", "create", SALE, "--capacity", "5", "--hold", "1s"]);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[0].client(), &told);
    assert!(buyer.buys("kept-order-000001", 1).await);
    assert!(buyer.does("confirm", "kept-order-000001", "").await);
    assert!(buyer.buys("late-order-000001", 1).await);
    stage.says(&["sale", "close", SALE]);
    assert!(is_listed(&stage), "it has a hold that can be paid");
    until("it has ended", || (!is_listed(&stage)).then_some(()));
    assert_eq!(number(&stage, &["SISMEMBER", ENDED_SALES, SALE]), 1);

    // The hold has expired, its ticket is free, and the payment comes.
    let length = stage.primary.files().length();
    assert!(buyer.does("confirm", "late-order-000001", "").await);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let path = format!("/v1/sales/{SALE}/orders/late-order-000001");
    let mut reader = stage.nodes[1].client();
    let mut statuses = BTreeSet::new();
    let begun = Instant::now();
    loop {
        if let Ok(answer) = reader.get(&path).await {
            statuses.insert(answer.status.as_u16());
            if answer.text().contains(r#""confirmed""#) {
                break;
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{statuses:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!("read again after {:?}: {statuses:?}", begun.elapsed());
    assert!(statuses.is_subset(&BTreeSet::from([200, 503])), "{statuses:?}");
    stage.is_whole().await;
    let told = told.lock().unwrap().clone();
    all_is_well(&stage, &told).await;
    assert_eq!(stage.sum("lastseat_orders_restored_total").await, 1);
    until_async("it is moved once more", async || (!is_listed(&stage)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_acknowledged_of_an_ended_sale_is_waited_for_by_another_that_is_asked() {
    let mut stage = Stage::new(2, false);
    stage.says(&["sale", "create", SALE, "--capacity", "5", "--hold", "1s"]);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[0].client(), &told);
    assert!(buyer.buys("late-order-000001", 1).await);
    stage.says(&["sale", "close", SALE]);
    until("it has ended", || (!is_listed(&stage)).then_some(()));
    let length = stage.primary.files().length();
    assert!(buyer.does("confirm", "late-order-000001", "").await);
    // The other node starts, has seen nothing of the sale, and waits for the first one.
    stage.nodes[1].kill();
    stage.start_again(1);
    stage.nodes[0].signal(Signal::STOP);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let path = format!("/v1/sales/{SALE}/orders/late-order-000001");
    let mut reader = stage.nodes[1].client();
    for _ in 0..50 {
        if let Ok(answer) = reader.get(&path).await {
            assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    stage.nodes[0].signal(Signal::CONT);
    until_async("it is read", async || {
        let answer = reader.get(&path).await.ok()?;
        answer.text().contains(r#""confirmed""#).then_some(())
    })
    .await;
    let told = told.lock().unwrap().clone();
    all_is_well(&stage, &told).await;
}
