//! Two nodes of one number: the second one does not start, or whoever lost the number sells nothing
//! under it.

use crate::recovery::buyers::{Buyer, SALE, Told, all_is_well};
use crate::recovery::stage::{SHOP, Stage};
use hyper::Method;
use lastseat_tests::harness::Program;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until_async;
use rustix::process::Signal;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const REFUSED_WITHIN: Duration = Duration::from_secs(15);

fn open_sale(stage: &Stage, tickets: &str) {
    let words = ["sale", "create", SALE, "--capacity", tickets];
    stage.says(&[&words[..], &["--hold", "10m"]].concat());
}

/// It ends with an error that has these words.
fn is_refused(program: &mut Program, words: &str) {
    let status = program.wait(REFUSED_WITHIN).expect("it does not start");
    assert_eq!(status.code(), Some(1), "{}", program.notes());
    std::thread::sleep(Duration::from_millis(100));
    let notes = program.notes();
    assert!(notes.contains(words), "{notes}");
    assert!(!notes.contains("panicked"), "{notes}");
}

fn doctor(stage: &Stage) -> String {
    let output = stage.run(&["doctor"]);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_node_of_a_number_in_use_does_not_start_and_the_first_one_goes_on() {
    let mut stage = Stage::new(2, false);
    open_sale(&stage, "100");
    let elsewhere = scratch().unwrap();
    let mut second = stage.another_node(2, elsewhere.path());
    is_refused(&mut second, "node number 2 is in use by another process since 20");
    let mut same = stage.another_node(2, &stage.nodes_directory());
    is_refused(&mut same, "node 2 runs already with this --data-dir");
    assert_eq!(stage.nodes[1].ready().await.0, 200);
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[1].client(), &told);
    assert!(buyer.buys("the-first-one-sells", 1).await);
    let found = doctor(&stage);
    assert!(found.contains("node number 2"), "{found}");
    assert!(found.contains("used twice"), "{found}");

    // Neither a node that was killed nor one that stopped is in the way of its successor.
    let begun = Instant::now();
    stage.nodes[1].kill();
    stage.start_again(1);
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "a node comes back at once: {took:?}");
    stage.nodes[1].signal(Signal::TERM);
    stage.nodes[1].gone();
    let begun = Instant::now();
    let third = stage.another_node(2, elsewhere.path());
    third.line(Duration::from_secs(10)).expect("it starts");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(3), "the number was given back: {took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_cluster_on_the_same_redis_does_not_start() {
    let stage = Stage::new(2, false);
    let directory = scratch().unwrap();
    let mut command = Command::new(lastseat().unwrap());
    command
        .current_dir(repository())
        .args(["cluster", "--json", "--edge", "none", "--ports", "0,0,0,0"])
        .args(["--redis-url", &stage.redis_url(), "--data-dir"])
        .arg(directory.path());
    let mut cluster = Program::start("another cluster", command).unwrap();
    let status = cluster.wait(Duration::from_secs(30)).expect("it ends");
    assert!(!status.success());
    let notes = cluster.notes();
    assert!(notes.contains("is in use by another process since 20"), "{notes}");
    assert!(notes.contains("a Redis of its own"), "{notes}");
    for node in &stage.nodes {
        assert_eq!(node.ready().await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_frozen_until_another_one_had_its_number_sells_nothing_and_says_why() {
    let stage = Stage::new(2, false);
    open_sale(&stage, "100");
    stage.nodes[1].signal(Signal::STOP);
    let elsewhere = scratch().unwrap();
    // Until nobody would wait for the frozen one any more, the number is not given away.
    let begun = Instant::now();
    let mut other = stage.another_node(2, elsewhere.path());
    other.line(Duration::from_secs(20)).expect("it starts");
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(3), "a frozen node is waited for: {took:?}");
    stage.nodes[1].signal(Signal::CONT);
    let why = "node number 2 is in use by another process";
    until_async("the node notices", async || {
        let (status, said) = stage.nodes[1].ready().await;
        (status == 503 && said.contains(why)).then_some(())
    })
    .await;
    let clash = stage.nodes[1].metrics().await;
    assert_eq!(clash.count("lastseat_node_number_clash", &[]), 1);
    let mut client = stage.nodes[1].client();
    let path = format!("/v1/sales/{SALE}/orders");
    let headers = [("idempotency-key", "nobody-sells-this-1")];
    let body = r#"{"buyer":"eve","quantity":1}"#;
    let asked = request(Method::POST, &path, &headers, body).unwrap();
    let answer = client.send(asked).await.unwrap();
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
    let shop = format!("Bearer {SHOP}");
    let path = format!("{path}/nobody-sells-this-1/confirm");
    let asked = request(Method::POST, &path, &[("authorization", &shop)], "").unwrap();
    let answer = client.send(asked).await.unwrap();
    assert_eq!(answer.status.as_u16(), 503, "{}", answer.text());
    let found = doctor(&stage);
    assert!(found.contains("node number 2 is used twice"), "{found}");

    other.stop().expect("it stops");
    until_async("the number is its own again", async || {
        let (status, _) = stage.nodes[1].ready().await;
        (status == 200).then_some(())
    })
    .await;
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[1].client(), &told);
    assert!(buyer.buys("it-sells-once-more-1", 1).await);
    let told = told.lock().unwrap().clone();
    all_is_well(&stage, &told).await;
}

/// With two nodes of one number, the one without the order would end the recovery in the name of
/// the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_ends_a_recovery_under_the_number_of_a_frozen_node() {
    let mut stage = Stage::new(2, false);
    open_sale(&stage, "1");
    // All nodes have heard of each other.
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let length = stage.primary.files().length();
    let told = Arc::<Mutex<Told>>::default();
    let mut buyer = Buyer::new(stage.nodes[1].client(), &told);
    assert!(buyer.buys("the-only-ticket-01", 1).await);
    let elsewhere = scratch().unwrap();
    let mut second = stage.another_node(2, elsewhere.path());
    // Time to start, where that is not refused.
    let _ = second.line(Duration::from_secs(3));
    stage.nodes[1].signal(Signal::STOP);
    stage.primary.kill();
    stage.primary.files().cut(length);
    stage.primary.start_again(&[]);
    let others = Arc::<Mutex<Told>>::default();
    let mut other = Buyer::new(stage.nodes[0].client(), &others);
    let buying = tokio::spawn(async move { other.buys("somebody-elses-01", 1).await });
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    stage.nodes[1].signal(Signal::CONT);
    assert!(!buying.await.unwrap(), "the ticket was resold");
    let told = told.lock().unwrap().clone();
    all_is_well(&stage, &told).await;
    is_refused(&mut second, "node number 2 is in use by another process since 20");
}
