//! Who relays: one process at a time, and another one within seconds when that one dies or freezes.

use crate::metrics::shown;
use crate::relay::receiver::{Mood, Receiver};
use crate::relay::shop::ENDS_WITHIN;
use crate::relay::stage::{Stage, endpoint, has_all, in_order, stopped};
use lastseat_tests::harness::paths::{lastseat, scratch};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, Program};
use rustix::process::Signal;
use serde_json::Value;
use shared::SaleId;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Deliveries under way at a time to one endpoint: so many may come twice after a kill.
const UNDER_WAY: usize = 8;

/// A node that relays webhooks, as an operator starts it.
struct Node {
    program: Program,
    admin: String,
}

impl Node {
    fn start(stage: &Stage, number: u32, file: &Path, room: &Path) -> Self {
        let mut command = Command::new(lastseat().expect("the program"));
        command
            .env("REDIS_URL", stage.redis.url())
            .args(["serve", "--json", "--insecure-direct", "--node", &number.to_string()])
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .arg("--data-dir")
            .arg(room)
            .arg("--webhooks")
            .arg(file);
        let program = Program::start("lastseat serve", command).expect("a node");
        let line = program.line(ENDS_WITHIN).expect("a ready line");
        let entry: Value = serde_json::from_str(&line).expect("JSON");
        Self { program, admin: entry["admin"].as_str().expect("an address").to_owned() }
    }

    async fn is_active(&self) -> bool {
        let page = HttpClient::new(&self.admin).unwrap().get("/metrics").await.unwrap().text();
        let metrics = shown(&page);
        assert!(metrics.contains_key("lastseat_webhook_relay_active"), "{metrics:?}");
        page.lines().any(|line| line == "lastseat_webhook_relay_active 1")
    }
}

async fn sales(stage: &Stage) -> Vec<SaleId> {
    let mut sales = Vec::new();
    for number in 0..6 {
        let sale = stage.sale(&format!("sale-{number}")).await;
        stage.sell(&sale, number).await;
        sales.push(sale);
    }
    sales
}

async fn sell_in_each(stage: &Stage, sales: &[SaleId], from: u32) {
    for (number, sale) in (from..).zip(sales) {
        stage.sell(sale, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_node_relays_and_when_it_is_killed_another_one_goes_on_without_a_gap() {
    let stage = Stage::start().await;
    let all = sales(&stage).await;
    let room = scratch().unwrap();
    let receiver = Receiver::start(|_| Mood::Takes(Duration::from_millis(20))).await;
    let file = stage.write(&endpoint("shop", &receiver, ""));
    let mut nodes = [1, 2, 3].map(|number| Node::start(&stage, number, &file, room.path()));
    has_all(&stage, &receiver, &all).await;
    for round in 1..=2 {
        let mut active = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            if node.is_active().await {
                active.push(place);
            }
        }
        let [place] = active[..] else { panic!("at work: {active:?}") };
        // In the middle of deliveries.
        let number = 100 * round;
        for more in 0..20 {
            sell_in_each(&stage, &all, number + 1_000 * more).await;
        }
        nodes[place].program.signal(Signal::KILL);
        let killed = Instant::now();
        let mut node = std::mem::replace(
            &mut nodes[place],
            Node::start(&stage, 10 + round, &file, room.path()),
        );
        node.program.wait(ENDS_WITHIN).unwrap();
        sell_in_each(&stage, &all, number + 50).await;
        has_all(&stage, &receiver, &all).await;
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(15), "taken over after {took:?}");
    }
    in_order(&stage, &receiver, &all, 2 * UNDER_WAY).await;
    // The ones that are left end as nodes do, and give the work back at once.
    let [mut first, mut second, mut third] = nodes;
    for node in [&mut first, &mut second, &mut third] {
        let begun = Instant::now();
        node.program.signal(Signal::TERM);
        assert!(node.program.wait(ENDS_WITHIN).unwrap().success(), "{}", node.program.notes());
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert!(stage.asks(&["status"]).0["relay"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_relays_one_is_at_work_and_the_other_follows_at_once_when_it_stops() {
    let stage = Stage::start().await;
    let all = sales(&stage).await;
    let receiver = Receiver::willing().await;
    let text = endpoint("shop", &receiver, "");
    let first = stage.relay(&text, &[]);
    has_all(&stage, &receiver, &all).await;
    let second = stage.relay(&text, &[]);
    until_async("the second one waits", async || {
        second.notes().contains("this one takes over when that one ends").then_some(())
    })
    .await;
    // Longer than a lease lasts without being renewed.
    for round in 0..12 {
        sell_in_each(&stage, &all[..2], 100 + 10 * round).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    has_all(&stage, &receiver, &all).await;
    let said = stopped(first);
    assert_eq!(said["endpoints"]["shop"]["entries"], receiver.positions().len());
    let (before, begun) = (receiver.positions().len(), Instant::now());
    sell_in_each(&stage, &all, 900).await;
    has_all(&stage, &receiver, &all).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let said = stopped(second);
    assert_eq!(said["endpoints"]["shop"]["entries"], receiver.positions().len() - before);
    in_order(&stage, &receiver, &all, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_was_frozen_and_wakes_up_moves_no_position_back() {
    let stage = Stage::start().await;
    let all = sales(&stage).await;
    let receiver = Receiver::start(|_| Mood::Takes(Duration::from_millis(50))).await;
    let text = endpoint("shop", &receiver, "");
    let first = stage.relay(&text, &[]);
    has_all(&stage, &receiver, &all).await;
    sell_in_each(&stage, &all, 100).await;
    until_async("it delivers", async || (receiver.positions().len() > 3 * all.len()).then_some(()))
        .await;
    first.signal(Signal::STOP);
    let second = stage.relay(&text, &[]);
    sell_in_each(&stage, &all, 200).await;
    has_all(&stage, &receiver, &all).await;
    let mut ends = Vec::new();
    for sale in &all {
        ends.push(stage.last(sale).await);
    }
    first.signal(Signal::CONT);
    until_async("it notices that it lost the work", async || {
        first.notes().contains("another process may relay").then_some(())
    })
    .await;
    for (sale, end) in all.iter().zip(&ends) {
        assert_eq!(stage.position(sale, "shop").await, Some(*end), "{sale}");
    }
    // Whoever works, nothing is lost, and what came twice was under way when it froze.
    sell_in_each(&stage, &all, 300).await;
    has_all(&stage, &receiver, &all).await;
    for sale in &all {
        let mut seen: Vec<u64> = receiver.of(sale);
        let sent = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, (1..=stage.last(sale).await).collect::<Vec<u64>>(), "{sale}");
        assert!(sent - seen.len() <= 1, "{sale}: {:?}", receiver.of(sale));
    }
    stopped(second);
    stopped(first);
}
