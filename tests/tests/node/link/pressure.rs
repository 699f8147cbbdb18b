//! A node that takes nothing: what a gateway keeps for it is bounded.

use crate::link::endings::signal;
use crate::link::{A, SALE, body, id, link, nodes, order};
use lastseat_link::LinkError;
use rustix::process::Signal;
use shared::domain::order::KeySource;
use shared::limits::LINK_UNDER_WAY_MAX;
use std::time::Duration;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_frozen_node_gets_a_bounded_number_of_orders_and_the_next_one_is_refused() {
    let cluster = nodes(&[1], A, 10_000, &[]).await;
    let (link, counters) = link(&cluster.nodes[0].url, A);
    assert!(link.ask(&order(&id(0), KeySource::Made, &body("first"))).await.is_ok());
    signal(&cluster, Signal::STOP);
    let mut asked = JoinSet::new();
    for number in 1..=3_000_u64 {
        let link = link.clone();
        asked.spawn(async move {
            let body = body(&format!("buyer-{number}"));
            link.ask(&order(&id(number), KeySource::Made, &body)).await
        });
    }
    let mut full = 0;
    while full < 3_000 - LINK_UNDER_WAY_MAX {
        assert_eq!(asked.join_next().await.unwrap().unwrap(), Err(LinkError::Full));
        full += 1;
    }
    assert_eq!(link.under_way(), LINK_UNDER_WAY_MAX);
    assert_eq!(counters.get(lastseat_link::LinkCount::Full), full as u64);
    signal(&cluster, Signal::CONT);
    let mut granted = 0;
    while let Some(answer) = asked.join_next().await {
        assert_eq!(answer.unwrap().unwrap().status, 201);
        granted += 1;
    }
    assert_eq!(granted, LINK_UNDER_WAY_MAX);
    assert_eq!(link.under_way(), 0);
    assert_eq!(cluster.audit(SALE).await.unwrap().confirmed, 1 + granted as u64);
}

#[tokio::test]
async fn whoever_leaves_frees_its_place_and_a_late_answer_is_dropped() {
    let cluster = nodes(&[1], A, 10_000, &[]).await;
    let (link, _) = link(&cluster.nodes[0].url, A);
    assert!(link.ask(&order(&id(0), KeySource::Made, &body("first"))).await.is_ok());
    signal(&cluster, Signal::STOP);
    let mut asked = JoinSet::new();
    for number in 1..=500_u64 {
        let link = link.clone();
        asked.spawn(async move {
            let (id, body) = (id(number), body(&format!("buyer-{number}")));
            let asks = order(&id, KeySource::Made, &body);
            tokio::time::timeout(Duration::from_millis(50), link.ask(&asks)).await.is_err()
        });
    }
    while let Some(left) = asked.join_next().await {
        assert!(left.unwrap(), "a frozen node answers nothing");
    }
    signal(&cluster, Signal::CONT);
    // The link goes on, and the numbers of those who left are given to others.
    for number in 501..=1_000 {
        let body = body(&format!("buyer-{number}"));
        let answer = link.ask(&order(&id(number), KeySource::Made, &body)).await.unwrap();
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status == 201 && text.contains(&id(number)), "{text}");
    }
    assert_eq!(link.under_way(), 0);
}
