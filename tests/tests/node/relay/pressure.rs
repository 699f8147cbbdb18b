//! Slow and failing receivers: whom they hold up, and what is said of them.

use crate::relay::receiver::{Mood, Receiver};
use crate::relay::stage::{Stage, endpoint, has_all, in_order, stopped};
use lastseat_tests::harness::wait::until_async;
use shared::SaleId;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const AT_ONCE: Mood = Mood::Takes(Duration::ZERO);

/// So many sales with three changes each.
async fn sales(stage: &Stage, count: u32) -> Vec<SaleId> {
    let mut sales = Vec::new();
    for number in 0..count {
        let sale = stage.sale(&format!("sale-{number}")).await;
        stage.sell(&sale, number).await;
        sales.push(sale);
    }
    sales
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_endpoint_and_a_dead_one_and_a_sale_that_always_fails_hold_up_no_other() {
    let stage = Stage::start().await;
    let all = sales(&stage, 24).await;
    // All of them one after the other would take it three minutes.
    let slow = Receiver::start(|_| Mood::Takes(Duration::from_millis(2_500))).await;
    let dead = Receiver::start(|_| Mood::Breaks).await;
    let picky = Receiver::start_for(|_, delivery| match delivery.sale.as_str() {
        "sale-3" | "sale-7" => Mood::Says(500),
        _ => AT_ONCE,
    })
    .await;
    let good = Receiver::willing().await;
    let text = [("slow", &slow), ("dead", &dead), ("picky", &picky), ("good", &good)];
    let text: String = text.iter().map(|(name, at)| endpoint(name, at, "")).collect();
    let relay = stage.relay(&text, &[]);
    has_all(&stage, &good, &all).await;
    in_order(&stage, &good, &all, 0).await;
    let others: Vec<SaleId> =
        all.iter().filter(|s| !["sale-3", "sale-7"].contains(&s.as_str())).cloned().collect();
    has_all(&stage, &picky, &others).await;
    // Also what comes while the others are behind.
    stage.sell(&all[0], 500).await;
    has_all(&stage, &good, &all[..1]).await;
    has_all(&stage, &picky, &all[..1]).await;
    assert!(slow.taken().len() < 48 && dead.taken().is_empty());
    drop(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_is_sent_eight_sales_at_a_time_and_of_each_one_delivery() {
    let stage = Stage::start().await;
    let all = sales(&stage, 20).await;
    let (under_way, most) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let (now, peak) = (Arc::clone(&under_way), Arc::clone(&most));
    let receiver = Receiver::start(move |_| {
        peak.fetch_max(now.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        let now = Arc::clone(&now);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, Ordering::Relaxed);
        });
        Mood::Takes(Duration::from_millis(120))
    })
    .await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    has_all(&stage, &receiver, &all).await;
    in_order(&stage, &receiver, &all, 0).await;
    let most = most.load(Ordering::Relaxed);
    assert!((2..=8).contains(&most), "{most} at a time");
    stopped(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_down_is_said_is_asked_by_one_sale_at_a_time_and_comes_back() {
    let stage = Stage::start().await;
    let all = sales(&stage, 40).await;
    let up = Arc::<AtomicBool>::default();
    let is_up = Arc::clone(&up);
    let receiver =
        Receiver::start(
            move |_| {
                if is_up.load(Ordering::Relaxed) { AT_ONCE } else { Mood::Says(502) }
            },
        )
        .await;
    let relay = stage.relay(&endpoint("shop", &receiver, ""), &[]);
    let status = || stage.asks(&["status"]);
    until_async("the endpoint is down", async || {
        let (said, code) = status();
        let shop = &said["endpoints"][0];
        (shop["down"] == true && code == Some(1)).then_some(())
    })
    .await;
    let (said, _) = status();
    let shop = &said["endpoints"][0];
    assert_eq!((&shop["endpoint"], &shop["late_sales"]), (&"shop".into(), &40.into()));
    assert_eq!(shop["lag_entries"], 120);
    assert!(shop["lag_seconds"].as_f64().unwrap() > 0.0, "{said}");
    let failing = &shop["streams"][0];
    assert!(failing["last_answer"].as_str().unwrap().contains("502"), "{failing}");
    assert!(failing["next_try_at"].as_u64() > failing["last_at"].as_u64(), "{failing}");
    // One at a time, with a pause: not one for each of the sales.
    let before = receiver.all().len();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let tried = receiver.all().len() - before;
    assert!(tried < 20, "{tried} deliveries in three seconds");
    up.store(true, Ordering::Relaxed);
    has_all(&stage, &receiver, &all).await;
    in_order(&stage, &receiver, &all, 0).await;
    until_async("the status says so", async || {
        let (said, code) = status();
        let shop = &said["endpoints"][0];
        (shop["down"] == false && shop["lag_entries"] == 0 && code == Some(0)).then_some(())
    })
    .await;
    stopped(relay);
}
