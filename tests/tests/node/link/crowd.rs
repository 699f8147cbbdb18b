//! Crowds over links: sound sales, whatever becomes of the link.

use crate::link::{A, SALE, body, buy, id, link, nodes, order, ring};
use lastseat_link::{LinkCount, NodeLink};
use lastseat_tests::harness::Proxy;
use shared::domain::order::KeySource;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// Orders from 0 to `orders`, so many at a time, each asked until it is answered; returns how many
/// were granted, and how often an outcome was unknown.
async fn crowd(link: &NodeLink, orders: u64, at_once: u64) -> (u64, u64) {
    let next = Arc::new(AtomicU64::new(0));
    let mut buyers = JoinSet::new();
    for _ in 0..at_once {
        let (link, next) = (link.clone(), Arc::clone(&next));
        buyers.spawn(async move {
            let (mut granted, mut unknown) = (0, 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= orders {
                    return (granted, unknown);
                }
                let (answer, lost) = buy(&link, number).await;
                unknown += lost;
                match answer.status {
                    200 | 201 => granted += 1,
                    409 => {}
                    status => panic!("{status} {:?}", answer.body),
                }
            }
        });
    }
    let mut sums = (0, 0);
    while let Some(done) = buyers.join_next().await {
        let (granted, unknown) = done.unwrap();
        sums = (sums.0 + granted, sums.1 + unknown);
    }
    sums
}

#[tokio::test]
async fn of_ten_thousand_orders_over_a_link_exactly_the_tickets_are_granted() {
    let cluster = nodes(&[1], A, 1_000, &[]).await;
    let (link, counters) = link(&cluster.nodes[0].url, A);
    let (granted, unknown) = crowd(&link, 10_000, 256).await;
    assert_eq!((granted, unknown), (1_000, 0));
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 1_000, "{audit:?}");
    let sent = counters.get(LinkCount::Orders);
    assert!(sent >= 10_000 && counters.get(LinkCount::Answers) == sent);
    // Orders that are asked together go together.
    let frames = counters.get(LinkCount::Frames);
    assert!(frames * 4 < sent, "{sent} orders in {frames} frames");
    assert_eq!((counters.get(LinkCount::Opened), link.under_way()), (1, 0));
}

#[tokio::test]
async fn a_link_that_is_cut_again_and_again_sells_no_ticket_twice() {
    let cluster = nodes(&[1], A, 2_000, &[]).await;
    let server = cluster.nodes[0].url.strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = Proxy::start(server).unwrap();
    let (link, counters) = link(&proxy.url(), A);
    let (cutting, mut over) = tokio::sync::oneshot::channel::<()>();
    let counted = Arc::clone(&counters);
    let cuts = tokio::spawn(async move {
        // However slow the machine is, some orders are answered between two cuts.
        let mut next_at = 100;
        while over.try_recv().is_err() {
            if counted.get(LinkCount::Answers) >= next_at {
                proxy.cut();
                next_at += 100;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let (granted, unknown) = crowd(&link, 3_000, 64).await;
    cutting.send(()).unwrap();
    cuts.await.unwrap();
    let broken = counters.get(LinkCount::Broken);
    assert!(unknown > 0 && broken > 1, "{unknown} unknown after {broken} cuts");
    assert_eq!(granted, 2_000, "each ticket has one buyer who was told so");
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 2_000, "{audit:?}");
    let orders = cluster.orders(SALE).await.unwrap();
    let buyers: HashSet<_> = orders.values().map(|order| order.buyer.clone()).collect();
    assert_eq!((orders.len(), buyers.len()), (2_000, 2_000));
}

#[tokio::test]
async fn keys_are_replaced_in_the_middle_of_a_link() {
    let (a, b) = (A, crate::link::B);
    let cluster = nodes(&[1], &format!("{a},{b}"), 1_000, &[]).await;
    let (link, counters) = link(&cluster.nodes[0].url, a);
    let buyers = tokio::spawn({
        let link = link.clone();
        async move { crowd(&link, 1_000, 32).await }
    });
    for keys in [format!("{a},{b}"), format!("{b},{a}"), b.to_owned()] {
        tokio::time::sleep(Duration::from_millis(20)).await;
        link.replace_keys(ring(&keys));
    }
    assert_eq!(buyers.await.unwrap(), (1_000, 0));
    assert_eq!(counters.get(LinkCount::Opened), 1);
    assert_eq!(
        link.ask(&order(&id(1_001), KeySource::Made, &body("late"))).await.unwrap().status,
        409
    );
    // One that the node does not have ends the link, and no order is lost in doubt for long.
    link.replace_keys(ring(&b.replacen('b', "c", 1)));
    let lost = link.ask(&order(&id(1_002), KeySource::Made, &body("lost"))).await;
    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(cluster.count("lastseat_links_rejected_total", &[]).await.unwrap(), 1);
}
