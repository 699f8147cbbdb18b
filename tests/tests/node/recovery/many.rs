//! Many sales on one Redis: how long all of them stand still, that none lacks an order while all
//! nodes live, and that a restart in which nothing was lost says so.

use crate::recovery::stage::{Node, Stage};
use hyper::Method;
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::{until, until_async};
use lastseat_tests::harness::{HttpClient, ledger};
use rustix::process::Signal;
use shared::{Capacity, OrderId, SaleId, Terms};
use std::time::{Duration, Instant};

/// How long a buyer repeats an order that finds no answer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Buyers who ask at the same time.
const AT_ONCE: usize = 8;
/// Orders that are lost, at least.
const ORDERS: usize = 48;

fn name(sale: usize) -> String {
    format!("sale-{sale:04}")
}

fn key(name: &str, order: usize) -> String {
    format!("{name}-order-{order:08}")
}

/// A Redis with so many sales, and four nodes that have found them there.
async fn with_sales(sales: usize) -> Stage {
    let mut stage = Stage::new(0, false);
    let url = LedgerUrl::parse(&stage.redis_url()).expect("an address");
    let ledger = Ledger::connect(&url).await.expect("a ledger");
    let capacity = Capacity::new(1_000_000).expect("a capacity");
    for sale in 0..sales {
        let id = SaleId::parse(&name(sale)).expect("a sale id");
        let terms = Terms::default();
        let created = ledger.create_sale(&id, capacity, &terms, true).await;
        created.expect("it is created");
    }
    stage.add_nodes(4);
    until_read(&stage, sales).await;
    stage
}

/// Buys a ticket, and repeats that until it is answered.
async fn buys(client: &mut HttpClient, sale: &str, key: &str) -> bool {
    let path = format!("/v1/sales/{sale}/orders");
    let body = format!(r#"{{"buyer":"of-{key}","quantity":1}}"#);
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let headers = [("idempotency-key", key)];
        let asked = request(Method::POST, &path, &headers, &body).expect("a request");
        match client.send(asked).await {
            Ok(answer) if answer.status.is_success() => return true,
            _ => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    false
}

/// One order in each of `sales`, spread over `nodes`; how long it took until each was granted.
async fn one_each(nodes: &[Node], sales: usize, orders: usize, name_of: &str) -> Duration {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for lane in 0..AT_ONCE {
        let mut clients: Vec<HttpClient> = nodes.iter().map(Node::client).collect();
        let name_of = name_of.to_owned();
        tasks.push(tokio::spawn(async move {
            for n in (lane..orders).step_by(AT_ONCE) {
                let place = n % clients.len();
                let sale = name(n % sales);
                assert!(buys(&mut clients[place], &sale, &key(&name_of, n)).await, "{sale}");
            }
        }));
    }
    for task in tasks {
        task.await.expect("a buyer ends well");
    }
    begun.elapsed()
}

/// Which of the orders `name_of` Redis does not have, read past the system.
async fn missing(stage: &Stage, sales: usize, orders: usize, name_of: &str) -> Vec<String> {
    let mut missing = Vec::new();
    for sale in 0..sales.min(orders) {
        let has = ledger::orders(&stage.redis_url(), &name(sale)).await;
        let has = has.expect("orders");
        for n in (sale..orders).step_by(sales) {
            let id = OrderId::parse(&key(name_of, n)).expect("an id");
            if !has.contains_key(&id) {
                missing.push(format!("{} {id}", name(sale)));
            }
        }
    }
    missing
}

/// What nodes say at a level above "info".
fn alarms(stage: &Stage) -> Vec<String> {
    let notes: Vec<String> = stage.nodes.iter().map(Node::notes).collect();
    let lines = notes.iter().flat_map(|notes| notes.lines());
    let alarm = |line: &&str| line.contains(r#""level":"WARN""#) || line.contains(" WARN ");
    lines.filter(alarm).map(str::to_owned).collect()
}

/// Waits until so many nodes have said that nothing was lost: those that found sales standing
/// still.
fn until_all_is_well(stage: &Stage, nodes: usize) {
    let says = |node: &&Node| node.notes().contains("all is well");
    until("nodes say that all is well", || {
        (stage.nodes.iter().filter(says).count() >= nodes).then_some(())
    });
}

/// Waits until every node has read every sale.
async fn until_read(stage: &Stage, sales: usize) {
    for node in &stage.nodes {
        until_async("a node has read all sales", async || {
            let metrics = node.metrics().await;
            let read = metrics.count("lastseat_ledger_calls_total", &[r#"script="snapshot""#]);
            (read >= sales as u64).then_some(())
        })
        .await;
    }
}

/// The version and the last entry of a sale.
fn numbers(stage: &Stage, sale: usize) -> String {
    let key = format!("lastseat:{{{}}}:sale", name(sale));
    stage.primary.says(&["HMGET", &key, "version", "commit_seq", "heal:lost"])
}

/// The end of the file is lost with orders of every sale that all four nodes acknowledged.
async fn a_cut_file(sales: usize) {
    let mut stage = with_sales(sales).await;
    one_each(&stage.nodes, sales, sales, "kept").await;
    let length = stage.primary.files().length();
    let orders = ORDERS.max(sales);
    one_each(&stage.nodes, sales, orders, "lost").await;
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let took = one_each(&stage.nodes, sales, sales, "afterwards").await;
    stage.is_whole().await;
    println!("{sales} sales, {orders} orders lost: every sale sold again after {took:?}");
    assert_eq!(missing(&stage, sales, orders, "lost").await, Vec::<String>::new());
    let restored = stage.sum("lastseat_orders_restored_total").await;
    assert_eq!(restored, orders as u64);
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sale_whose_end_was_lost_lacks_nothing_while_all_nodes_live() {
    a_cut_file(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_sales_whose_ends_were_lost_lack_nothing_while_all_nodes_live() {
    a_cut_file(40).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_hundred_sales_whose_ends_were_lost_lack_nothing_while_all_nodes_live() {
    a_cut_file(400).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_plain_kill_of_redis_four_hundred_sales_sell_again_at_once_and_no_number_is_skipped()
 {
    let sales = 400;
    let mut stage = with_sales(sales).await;
    one_each(&stage.nodes, sales, sales, "kept").await;
    let before: Vec<String> = [0, 7, 399].map(|sale| numbers(&stage, sale)).into();
    stage.primary.kill();
    stage.primary.start_again(&[]);
    until_all_is_well(&stage, 4);
    stage.is_whole().await;
    let after: Vec<String> = [0, 7, 399].map(|sale| numbers(&stage, sale)).into();
    assert_eq!(before, after);
    assert_eq!(alarms(&stage), Vec::<String>::new());
    assert_eq!(stage.sum("lastseat_orders_restored_total").await, 0);
    let took = one_each(&stage.nodes, sales, sales, "afterwards").await;
    println!("an order in each of {sales} sales took {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_everything_is_stopped_and_started_again_nothing_is_said_to_be_lost() {
    let sales = 40;
    let mut stage = with_sales(sales).await;
    one_each(&stage.nodes, sales, sales, "kept").await;
    let before: Vec<String> = (0..sales).map(|sale| numbers(&stage, sale)).collect();
    stage.stop_nodes();
    stage.primary.stop();
    stage.primary.start_again(&[]);
    for place in 0..4 {
        stage.start_again(place);
    }
    until_all_is_well(&stage, 1);
    until_read(&stage, sales).await;
    stage.is_whole().await;
    let after: Vec<String> = (0..sales).map(|sale| numbers(&stage, sale)).collect();
    assert_eq!(before, after);
    assert_eq!(alarms(&stage), Vec::<String>::new());
    one_each(&stage.nodes, sales, sales, "afterwards").await;
}

/// Redis loses the orders "lost" of all sales while the last node does not run.
async fn lost_while_one_is_frozen(stage: &mut Stage, sales: usize) {
    one_each(&stage.nodes, sales, sales, "kept").await;
    let length = stage.primary.files().length();
    one_each(&stage.nodes, sales, 2 * sales, "lost").await;
    stage.nodes[3].signal(Signal::STOP);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_slow_is_waited_for_and_nothing_of_it_is_missing() {
    let sales = 40;
    let mut stage = with_sales(sales).await;
    lost_while_one_is_frozen(&mut stage, sales).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    // All of them stand still while it may still come.
    let mut client = stage.nodes[0].client();
    let path = format!("/v1/sales/{}/orders", name(3));
    let headers = [("idempotency-key", "nobody-buys-this-1")];
    let body = r#"{"buyer":"early","quantity":1}"#;
    let asked = request(Method::POST, &path, &headers, body).expect("a request");
    let answer = client.send(asked).await.expect("an answer");
    assert_eq!(answer.status.as_u16(), 503);
    stage.nodes[3].signal(Signal::CONT);
    one_each(&stage.nodes, sales, sales, "afterwards").await;
    stage.is_whole().await;
    assert_eq!(missing(&stage, sales, 2 * sales, "lost").await, Vec::<String>::new());
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stays_frozen_holds_all_sales_up_once_and_not_one_after_the_other() {
    let sales = 40;
    let mut stage = with_sales(sales).await;
    lost_while_one_is_frozen(&mut stage, sales).await;
    let took = one_each(&stage.nodes[..3], sales, sales, "afterwards").await;
    println!("without the frozen node {sales} sales went on after {took:?}");
    assert!(took < Duration::from_secs(12), "{took:?}");
    stage.nodes[3].signal(Signal::CONT);
    // There is room: what it acknowledged comes back, too.
    let end = Instant::now() + Duration::from_secs(20);
    while !missing(&stage, sales, 2 * sales, "lost").await.is_empty() {
        assert!(Instant::now() < end, "{}", stage.nodes[3].notes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_changes_of_redis_within_a_second_and_a_node_started_in_the_middle_lose_nothing() {
    let sales = 40;
    let mut stage = with_sales(sales).await;
    one_each(&stage.nodes, sales, sales, "kept").await;
    let length = stage.primary.files().length();
    one_each(&stage.nodes, sales, 2 * sales, "lost").await;
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(20..300))).await;
    stage.nodes[2].kill();
    stage.primary.kill();
    stage.primary.start_again(&[]);
    stage.start_again(2);
    one_each(&stage.nodes, sales, sales, "afterwards").await;
    stage.is_whole().await;
    assert_eq!(missing(&stage, sales, 2 * sales, "lost").await, Vec::<String>::new());
    assert_eq!(stage.sum("lastseat_orders_unrestored_total").await, 0);
}
