//! Many sales at once: their batches take turns at the ledger, and are fuller for it.

use crate::topology::ledger::{connect, open, order, sale};
use lastseat_ledger::Verdict;
use lastseat_node::sale_service::{NodeIdentity, Sales};
use lastseat_node::telemetry::metrics::Counters;
use lastseat_tests::harness::{Durability, PrivateRedis};
use shared::domain::order::KeySource;
use shared::limits::{BATCH_TURN_MS, BATCHES_AT_LEDGER_MAX};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const SALES: usize = 2 * BATCHES_AT_LEDGER_MAX + 8;
/// How long Redis answers nobody: no batch is decided before all orders are there, and none waits
/// so long for its turn that it goes without.
const PAUSE_MS: u64 = BATCH_TURN_MS * 2 / 5;

fn name(number: usize) -> String {
    format!("sale-{number}")
}

/// Places an order in each sale.
fn buy(sales: &Sales, buyer: &'static str, orders: &mut JoinSet<()>) {
    for number in 0..SALES {
        let sales = sales.clone();
        orders.spawn(async move {
            let order = order(&format!("{buyer}-{number}"));
            let placed = sales.place(&sale(&name(number)), order, KeySource::Sent).await;
            let placed = placed.expect("a decision");
            assert!(matches!(placed.verdict, Verdict::Granted { replayed: false, .. }));
        });
    }
}

async fn done(mut orders: JoinSet<()>) {
    while let Some(order) = orders.join_next().await {
        order.expect("it is granted");
    }
}

/// So many batches of one order as may be are at the ledger; each of the other sales sends its two
/// orders together when its turn comes.
#[tokio::test]
async fn what_waits_while_other_sales_have_their_turn_goes_in_one_batch() {
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = connect(&redis.url()).await;
    for number in 0..SALES {
        open(&ledger, &name(number), 10, 0).await;
    }
    let identity = NodeIdentity { id: 1, weight: 1 };
    let sales = Sales::start(ledger, identity, Arc::new(Counters::default()));
    // Opens the handles.
    let mut orders = JoinSet::new();
    buy(&sales, "ada", &mut orders);
    done(orders).await;

    let mut beside = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let mut say = |words: &[&str]| -> redis::Value {
        redis::cmd(words[0]).arg(&words[1..]).query(&mut beside).unwrap()
    };
    say(&["CONFIG", "RESETSTAT"]);
    say(&["CLIENT", "PAUSE", &PAUSE_MS.to_string()]);
    let mut orders = JoinSet::new();
    buy(&sales, "bob", &mut orders);
    // Their committers have taken them.
    tokio::time::sleep(Duration::from_millis(PAUSE_MS / 5)).await;
    buy(&sales, "cay", &mut orders);
    done(orders).await;

    let redis::Value::BulkString(stats) = say(&["INFO", "commandstats"]) else {
        panic!("no statistics");
    };
    let stats = String::from_utf8(stats).unwrap();
    let calls = stats.split("cmdstat_xadd:calls=").nth(1).and_then(|s| s.split(',').next());
    assert_eq!(calls, Some((SALES + BATCHES_AT_LEDGER_MAX).to_string().as_str()));
}
