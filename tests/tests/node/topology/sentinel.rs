//! The primary dies under load, and Sentinels make a replica the new one.

use crate::topology::crowd::Crowd;
use crate::topology::ledger::{audit, buy, connect, leave, nodes, open, sale};
use lastseat_ledger::Verdict;
use lastseat_tests::harness::wait::PATIENCE;
use lastseat_tests::harness::{RedisSentinel, ledger};
use rustix::process::Signal;
use std::time::Instant;

const SALE: &str = "spring";
/// More than the crowd can buy meanwhile.
const TICKETS: u32 = 1_000_000;
/// So many are left to sell after the failover.
const REST: u32 = 300;

/// `lose` takes the primary away while a crowd buys through nodes with these arguments. Then the
/// rest is sold out: no ticket too many, none left over, no acknowledged order missing.
async fn failover(what: &str, arguments: &[&str], lose: impl Fn(&mut RedisSentinel)) {
    let mut redis = RedisSentinel::start(2).await;
    let url = redis.url();
    let book = connect(&url).await;
    open(&book, SALE, TICKETS, 0).await;
    let system = nodes(&url, arguments);
    let crowd = Crowd::start(&system, &[SALE.to_owned()], 6);
    crowd.until("it sells", |told| told.sold(SALE) >= 50).await;
    lose(&mut redis);
    let begun = Instant::now();
    let primary = loop {
        match redis.primary().await {
            Some(0) | None => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Some(primary) => break primary,
        }
    };
    let named = begun.elapsed();
    let before = crowd.told().sold(SALE);
    crowd
        .until("it sells at the new primary, without a restart", |told| {
            told.sold(SALE) > before + 20
        })
        .await;
    let sells = begun.elapsed();
    if redis.servers[0].runs() {
        redis.servers[0].signal(Signal::CONT);
        let before = crowd.told().sold(SALE);
        crowd
            .until("it sells when the old primary is back", |told| told.sold(SALE) > before + 20)
            .await;
    }
    assert!(crowd.told().sold_out.is_empty(), "nobody was told sold out");
    let capacity = leave(&book, SALE, REST).await;
    let told = crowd.end().await;
    assert_eq!(told.strange, Vec::<String>::new());
    let report = audit(&book, SALE).await;
    assert_eq!((report.free, report.confirmed), (0, u64::from(capacity)));
    let orders = ledger::orders(&redis.servers[primary].url(), SALE).await;
    let orders = orders.expect("the new primary has orders");
    let granted = &told.granted[SALE];
    let missing = granted.iter().filter(|(id, _)| !orders.contains_key(id));
    let missing = missing.count();
    println!(
        "{what}: a new primary after {named:?}, sells again after {sells:?}; of {} acknowledged \
         orders {missing} \
         are missing; unavailable {} times, unknown {} times",
        granted.len(),
        told.unavailable,
        told.unknown
    );
    assert_eq!(missing, 0, "all nodes live");
    assert_eq!(granted.len(), orders.len(), "no order is in the ledger that nobody was told of");
    system.stop().expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_find_the_primary_that_sentinels_make_by_themselves_and_nothing_is_oversold() {
    failover("killed", &[], |redis| redis.servers[0].kill()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_order_is_lost_with_the_primary_where_a_replica_is_waited_for() {
    let waiting = ["--wait-replicas", "1"];
    failover("killed, one replica has each order", &waiting, |redis| {
        redis.servers[0].kill();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_that_freezes_is_left_for_the_new_one() {
    failover("frozen", &[], |redis| redis.servers[0].signal(Signal::STOP)).await;
}

/// It was cut off, came back, and still takes orders: until a Sentinel tells it, it does not know.
#[tokio::test]
async fn no_order_goes_to_a_primary_that_sentinels_have_given_up() {
    let redis = RedisSentinel::start(2).await;
    let book = connect(&redis.url()).await;
    open(&book, SALE, 10, 0).await;
    let before = book.server(&sale(SALE));
    let mut changes = book.server_changes();
    changes.mark_unchanged();
    redis.servers[0].signal(Signal::STOP);
    // Nobody buys, so nothing breaks: it is noticed all the same.
    let changed = tokio::time::timeout(PATIENCE, changes.changed()).await;
    changed.expect("in time").expect("the ledger is there");
    let named = redis.primary().await.expect("a primary");
    assert_ne!(named, 0);
    assert_ne!(book.server(&sale(SALE)), before);
    redis.servers[0].signal(Signal::CONT);
    let whole = book.recover_without_nodes(&sale(SALE)).await;
    whole.expect("no node has anything to restore");
    let verdict = buy(&book, SALE, "ada").await;
    assert!(matches!(verdict, Ok(Verdict::Granted { .. })), "{verdict:?}");
    let orders = ledger::orders(&redis.servers[named].url(), SALE).await;
    assert_eq!(orders.expect("the new primary has orders").len(), 1);
}
