//! "Yes" only when replicas have it.

use crate::topology::ledger::{audit, buy, connect, nodes, open, sale};
use hyper::StatusCode;
use lastseat_ledger::{Fault, Ledger, Replicas, Verdict};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, PrivateRedis, RedisSetup};
use rustix::process::Signal;

const SALE: &str = "spring";
/// A replica that has just begun to follow rewrites its file and may be late by 100 ms.
const WAIT_MS: u64 = 500;

/// A primary, and a replica that follows it.
fn pair() -> [PrivateRedis; 2] {
    let server = || RedisSetup::default().with_port().with_users();
    let primary = server().options(&["--repl-diskless-sync-delay", "0"]).start();
    let replica = server().replica_of(&primary).start();
    replica.has_caught_up();
    [primary, replica]
}

async fn waiting(url: &str) -> Ledger {
    connect(url).await.waiting_for(Some(Replicas { count: 1, within_ms: WAIT_MS }))
}

#[tokio::test]
async fn an_order_that_replicas_lack_is_unknown_however_often_and_wherever_it_is_repeated() {
    let [primary, replica] = pair();
    let ledger = waiting(&primary.url()).await;
    open(&ledger, SALE, 2, 0).await;
    let granted = |verdict: &Result<Verdict, Fault>, again| match verdict {
        Ok(Verdict::Granted { replayed, .. }) => *replayed == again,
        _ => false,
    };
    assert!(granted(&buy(&ledger, SALE, "first").await, false));
    replica.signal(Signal::STOP);
    let unknown = |verdict| matches!(verdict, Err(Fault::Unknown(_)));
    assert!(unknown(buy(&ledger, SALE, "second").await));
    assert!(unknown(buy(&ledger, SALE, "second").await));
    // WAIT stands for what its own connection wrote, and a new one has written nothing.
    let elsewhere = waiting(&primary.url()).await;
    assert!(unknown(buy(&elsewhere, SALE, "second").await));
    // A "no" has nothing to wait for.
    let refused = buy(&ledger, SALE, "third").await;
    assert!(matches!(refused, Ok(Verdict::Refused(_))), "{refused:?}");
    replica.signal(Signal::CONT);
    until_async("the replica has it", async || {
        granted(&buy(&elsewhere, SALE, "second").await, true).then_some(())
    })
    .await;
    audit(&ledger, SALE).await;
    // The server itself takes nothing that too few replicas could have.
    let _: () = primary.ask(&["CONFIG", "SET", "min-replicas-to-write", "2"]).await;
    let name = sale(SALE);
    let changed = ledger.set_state(&name, shared::SaleState::Paused);
    let refused = changed.await.expect_err("two replicas are not there");
    assert!(matches!(refused, Fault::NotSent(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_whose_order_replicas_lack_is_told_to_ask_again_and_it_is_counted() {
    let [primary, replica] = pair();
    let ledger = connect(&primary.url()).await;
    open(&ledger, SALE, 10, 0).await;
    let arguments = ["--wait-replicas", "1", "--wait-ms", &WAIT_MS.to_string()];
    let system = nodes(&primary.url(), &arguments);
    let mut client = HttpClient::new(&system.nodes[0].url).expect("a node");
    let body = r#"{"buyer":"b","quantity":1}"#;
    let mut ask = async |key: &str| client.order(SALE, Some(key), body).await.expect("an answer");
    let answer = ask("order-of-the-first-0001").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    replica.signal(Signal::STOP);
    let key = "order-of-the-second-0002";
    let answer = ask(key).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert!(answer.text().contains("outcome_unknown"), "{}", answer.text());
    let counted = system.count("lastseat_unreplicated_total", &[]).await;
    assert!(counted.expect("metrics") >= 1);
    replica.signal(Signal::CONT);
    until_async("the replica has it", async || {
        (ask(key).await.status == StatusCode::OK).then_some(())
    })
    .await;
    let report = audit(&ledger, SALE).await;
    assert_eq!(report.confirmed, 2);
    system.stop().expect("it stops");
}
