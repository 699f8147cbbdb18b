//! What a receiver hears: everything, in order, at least once.

use crate::relay::receiver::{Mood, Receiver, SECRET};
use crate::relay::shop::{ENDS_WITHIN, Shop, summary};
use lastseat_node::api::event_line::export;
use lastseat_tests::harness::wait::until_async;
use rustix::process::Signal;
use std::time::Duration;

const AT_ONCE: Mood = Mood::Takes(Duration::ZERO);

/// Fails one time in three, in three ways.
fn moody(attempt: usize) -> Mood {
    match attempt % 9 {
        2 => Mood::Says(500),
        5 => Mood::Breaks,
        8 => Mood::Says(302),
        _ => AT_ONCE,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_arrives_in_order_and_signed_at_a_receiver_that_fails_now_and_then() {
    let shop = Shop::open().await;
    let end = shop.day(10).await;
    let receiver = Receiver::start(moody).await;
    let mut relay = shop.relay(&receiver, &["--once"]);
    let said = summary(&mut relay);

    let expected: Vec<u64> = (1..=end).collect();
    assert_eq!(receiver.positions(), expected);
    let entries = shop.ledger.log(&shop.sale, 1, 1_000).await.unwrap();
    for (entry, delivery) in entries.iter().zip(receiver.taken()) {
        let exported = serde_json::to_value(export(&shop.sale, entry, None)).unwrap();
        let events = delivery.body["events"].as_array().unwrap();
        assert_eq!(events.len(), exported.as_array().unwrap().len());
        for (event, exported) in events.iter().zip(exported.as_array().unwrap()) {
            for (name, value) in exported.as_object().unwrap() {
                assert_eq!(&event[name], value, "{name} of {event}");
            }
            assert_eq!(event["order_id"].is_string(), event["buyer"].is_string(), "{event}");
        }
        assert_eq!(delivery.body["sale"], "spring");
        assert_eq!(delivery.signed_with, [SECRET]);
    }
    let failed = receiver.all().len() - receiver.taken().len();
    assert!(failed >= 10, "it failed {failed} times");
    assert_eq!(said["entries"], end);
    assert_eq!(said["position"], end);
    assert_eq!(said["failed_attempts"], failed);
    assert!(!relay.notes().contains("key=1"), "a query may be a secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_taken_when_its_status_says_so_though_the_answer_never_ends() {
    let shop = Shop::open().await;
    let end = shop.end().await;
    let receiver = Receiver::start(|_| Mood::Stalls).await;
    let said = summary(&mut shop.relay(&receiver, &["--once"]));
    assert_eq!((&said["position"], &said["failed_attempts"]), (&end.into(), &0.into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_is_asked_again_when_its_retry_after_says_so() {
    let shop = Shop::open().await;
    let later = |attempt| if attempt == 0 { Mood::Later(2) } else { AT_ONCE };
    let receiver = Receiver::start(later).await;
    let mut relay = shop.relay(&receiver, &["--once"]);
    let said = summary(&mut relay);
    assert_eq!(said["failed_attempts"], 1);
    assert!(relay.notes().contains("attempt 1, next in 2s"), "{}", relay.notes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_is_killed_and_started_again_leaves_no_gap() {
    let shop = Shop::open().await;
    let end = shop.day(20).await;
    let receiver = Receiver::start(|_| Mood::Takes(Duration::from_millis(5))).await;
    let mut kills = 0;
    for part in 1..=2 {
        let mut relay = shop.relay(&receiver, &[]);
        until_async("some changes are delivered", async || {
            (receiver.positions().len() as u64 >= end * part / 3).then_some(())
        })
        .await;
        relay.signal(Signal::KILL);
        relay.wait(ENDS_WITHIN).unwrap();
        kills += 1;
    }
    let mut relay = shop.relay(&receiver, &[]);
    // What happens while it runs is delivered, too.
    shop.sell(999).await;
    let end = shop.end().await;
    until_async("everything is delivered", async || {
        (receiver.positions().last() == Some(&end)).then_some(())
    })
    .await;
    relay.signal(Signal::TERM);
    assert_eq!(summary(&mut relay)["position"], end);

    let positions = receiver.positions();
    let mut distinct = positions.clone();
    distinct.dedup();
    assert_eq!(distinct, (1..=end).collect::<Vec<u64>>(), "in order, without a gap");
    assert!(
        positions.len() - distinct.len() <= kills,
        "each kill repeats at most the change that was under way"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_relay_of_a_name_waits_until_the_first_one_ends() {
    let shop = Shop::open().await;
    let receiver = Receiver::start(|_| AT_ONCE).await;
    let mut first = shop.relay(&receiver, &[]);
    until_async("the first relay delivers", async || (receiver.positions() == [1]).then_some(()))
        .await;
    let mut second = shop.relay(&receiver, &[]);
    until_async("the second relay waits", async || {
        second.notes().contains("another relay").then_some(())
    })
    .await;
    // Longer than the lease lasts without being renewed.
    for number in 0..12 {
        shop.sell(number).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    first.signal(Signal::INT);
    assert_eq!(summary(&mut first)["entries"], 13);
    shop.sell(100).await;
    until_async("the second relay goes on", async || {
        (receiver.positions().last() == Some(&14)).then_some(())
    })
    .await;
    second.signal(Signal::TERM);
    assert_eq!(summary(&mut second)["entries"], 1);
    assert_eq!(receiver.positions(), (1..=14).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_of_different_names_each_hear_everything() {
    let shop = Shop::open().await;
    let end = shop.day(2).await;
    let receiver = Receiver::start(|_| AT_ONCE).await;
    for name in ["crm", "bookkeeping"] {
        let said = summary(&mut shop.relay(&receiver, &["--once", "--name", name]));
        assert_eq!((&said["name"], &said["entries"]), (&name.into(), &end.into()));
    }
    assert_eq!(receiver.positions().len() as u64, 2 * end);
}
