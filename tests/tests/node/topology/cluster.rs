//! Many sales on three masters, and slots that move from one to another while their sales sell.

use crate::topology::crowd::Crowd;
use crate::topology::ledger::{audit, buy, connect, nodes, open, sale};
use lastseat_ledger::Verdict;
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::{Cluster, RedisCluster};
use std::collections::HashSet;
use std::process::Command;
use std::time::Duration;

const SALES: usize = 12;
const TICKETS: u32 = 200;
/// The orders of this one are held, so that all its keys exist while it moves.
const HELD: &str = "sale-00";
const HOLD_MS: u64 = 600_000;

/// `lastseat` beside the nodes of `system`.
fn run(system: &Cluster, arguments: &[&str]) -> String {
    let mut command = Command::new(lastseat().expect("the program"));
    command.env_remove("REDIS_URL").env("LASTSEAT_DATA_DIR", system.data_dir());
    let output = command.args(arguments).output();
    let output = output.expect("lastseat runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code().is_some_and(|code| code < 2), "{said}{notes}");
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_sales_on_three_masters_sell_exactly_while_slots_move_between_them() {
    let redis = RedisCluster::start(3).await;
    let url = redis.url();
    let ledger = connect(&url).await;
    let sales: Vec<String> = (0..SALES).map(|i| format!("sale-{i:02}")).collect();
    let mut masters = HashSet::new();
    for name in &sales {
        open(&ledger, name, TICKETS, if name == HELD { HOLD_MS } else { 0 }).await;
        masters.insert(redis.owner(redis.slot(name).await).await);
    }
    assert_eq!(masters.len(), 3, "the sales are spread over all masters");
    let system = nodes(&url, &[]);
    let crowd = Crowd::start(&system, &sales, 8);
    crowd.until("it sells", |told| told.sold(HELD) >= 10).await;

    // The keys go one by one: while some are here and some there, nobody serves the sale, and that
    // is said.
    let slot = redis.slot(HELD).await;
    let to = (redis.owner(slot).await + 1) % 3;
    let from = redis.begin_move(slot, to).await;
    let before = crowd.told().sold(HELD);
    crowd
        .until("it sells where it is until its first key is gone", |told| {
            told.sold(HELD) > before + 3
        })
        .await;
    while redis.move_keys(slot, from, to, 1).await > 0 {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    // All keys are there, but the old master still has the slot: it sends everybody on with ASK.
    let before = crowd.told().sold(HELD);
    crowd
        .until("it sells at the new master before that one has the slot", |told| {
            told.sold(HELD) > before + 3
        })
        .await;
    redis.end_move(slot, to).await;
    let before = crowd.told().sold(HELD);
    crowd
        .until("it sells when nodes have the wrong map", |told| told.sold(HELD) > before + 3)
        .await;

    // The slot of a sale without holds, as quickly as operators' tools do it.
    let slot = redis.slot("sale-01").await;
    let to = (redis.owner(slot).await + 1) % 3;
    let from = redis.begin_move(slot, to).await;
    redis.move_keys(slot, from, to, 100).await;
    redis.end_move(slot, to).await;

    crowd
        .until("everything is sold or held", |told| {
            sales.iter().all(|name| told.sold_out.contains(name))
        })
        .await;
    let told = crowd.stop().await;
    println!("unavailable {} times, unknown {} times", told.unavailable, told.unknown);
    assert_eq!(told.strange, Vec::<String>::new());
    assert_eq!(told.unknown, 0, "a slot that moves leaves nobody in doubt");
    for name in &sales {
        let report = audit(&ledger, name).await;
        assert_eq!(report.free + (report.held + report.confirmed) as i64, i64::from(TICKETS));
        let orders = redis.orders(name).await.expect("orders");
        let granted = &told.granted[name];
        assert_eq!(orders.len(), granted.len(), "{name}");
        assert!(granted.iter().all(|(id, _)| orders.contains_key(id)), "{name}");
    }
    let sold_out = told.sold_out.iter();
    assert!(sold_out.clone().all(|name| told.sold(name) == TICKETS as usize));

    // Commands, too.
    let said = run(&system, &["audit", HELD, "--ledger", "--json"]);
    assert!(said.contains(r#""ok":true"#), "{said}");
    let listed = run(&system, &["sale", "list"]);
    assert!(sales.iter().all(|name| listed.contains(name)), "{listed}");
    let said = run(&system, &["doctor"]);
    assert!(redis.masters.iter().all(|m| said.contains(&m.address().to_string())), "{said}");
    system.stop().expect("it stops");
}

/// A hold that expires leaves an empty key, which is no key, and the next hold makes it again.
/// While the slot moves, Redis lets no script do that: it would end in the middle of its writes.
#[tokio::test]
async fn no_script_ends_between_two_writes_while_its_slot_moves() {
    let redis = RedisCluster::start(2).await;
    let ledger = connect(&redis.url()).await;
    open(&ledger, "spring", 5, 300).await;
    let granted = |verdict| matches!(verdict, Ok(Verdict::Granted { .. }));
    assert!(granted(buy(&ledger, "spring", "first").await));
    let slot = redis.slot("spring").await;
    redis.begin_move(slot, 1 - redis.owner(slot).await).await;
    tokio::time::sleep(Duration::from_millis(350)).await;
    // The first hold ends in the same script that makes the second one.
    assert!(granted(buy(&ledger, "spring", "second").await));
    audit(&ledger, "spring").await;
    let snapshot = ledger.snapshot(&sale("spring")).await.expect("an answer");
    assert_eq!(snapshot.map(|snapshot| snapshot.held), Some(1));
}

#[tokio::test]
async fn a_node_of_a_cluster_that_is_named_as_a_server_alone_is_refused_with_the_remedy() {
    let redis = RedisCluster::start(1).await;
    let url = lastseat_ledger::LedgerUrl::parse(&redis.masters[0].url()).expect("an address");
    let refused = lastseat_ledger::Ledger::connect(&url).await;
    let why = refused.expect_err("it is not one server for all").to_string();
    assert!(why.contains("redis+cluster://"), "{why}");
}
