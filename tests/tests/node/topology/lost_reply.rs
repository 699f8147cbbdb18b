//! A reply that is lost after the script ran: the node asks again, over another connection.

use crate::topology::ledger::{audit, connect, open, order, sale};
use lastseat_ledger::{Ledger, Verdict};
use lastseat_node::sale_service::{NodeIdentity, Sales};
use lastseat_node::telemetry::metrics::Counters;
use lastseat_tests::harness::proxy::{AfterFault, LostLink, Proxy};
use lastseat_tests::harness::{PrivateRedis, RedisSetup};
use shared::Placed;
use shared::domain::order::KeySource;
use shared::limits::LEDGER_DEADLINE_MS;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One after the other without a pause, so that connections are lost that were just made. A link
/// that is cut more often within a second counts as away, and who asks for it is told so at once.
const TIMES: u32 = 3;
/// Orders of which the reply is lost, in one batch or in several that follow each other.
const CROWD: u32 = 20;
/// What a reset, a new connection and the second try take on a busy machine; most of it is what the
/// proxy takes to let the script run.
const AGAIN: Duration = Duration::from_millis(800);

/// A node in this process whose way to Redis can be broken.
struct Node {
    sales: Sales,
    /// The same Redis, not through the proxy.
    beside: Ledger,
    link: Proxy,
    _redis: PrivateRedis,
}

impl Node {
    async fn start(tickets: u32) -> Self {
        let redis = RedisSetup::default().with_port().start();
        let link = Proxy::start(redis.address()).expect("a proxy");
        let beside = connect(&redis.url()).await;
        open(&beside, "spring", tickets, 0).await;
        let ledger = connect(&format!("redis://{}", link.address())).await;
        let identity = NodeIdentity { id: 1, weight: 1 };
        let sales = Sales::start(ledger, identity, Arc::new(Counters::default()));
        let node = Self { sales, beside, link, _redis: redis };
        // From now on Redis knows the script: the reply that is lost is that of an order.
        node.buys("first").await;
        node
    }

    /// The reply to the next batch will be lost.
    fn lose(&self, then: AfterFault) {
        self.link.lose(LostLink {
            to: lastseat_ledger::scripts::SCRIPTS.reserve.plain.hash.clone().into_bytes(),
            times: 1,
            then,
        });
    }

    /// Whether the order was granted when the node asked again, and how long that took.
    async fn buys(&self, buyer: &str) -> (bool, Duration) {
        let order = order(buyer);
        let begun = Instant::now();
        let placed = self.sales.place(&sale("spring"), order, KeySource::Sent).await;
        match placed {
            Ok(Placed { verdict: Verdict::Granted { replayed, .. }, .. }) => {
                (replayed, begun.elapsed())
            }
            other => panic!("{buyer} heard {other:?} after {:?}", begun.elapsed()),
        }
    }
}

async fn each_is_heard_at_the_second_try(then: AfterFault, within: Duration) {
    let node = Node::start(100).await;
    for round in 0..TIMES {
        node.lose(then);
        let (again, took) = node.buys(&format!("lost-{round}")).await;
        assert!(again, "no reply was lost in round {round}");
        assert!(took < within, "round {round}: {took:?}");
        let (again, took) = node.buys(&format!("next-{round}")).await;
        assert!(!again && took < AGAIN, "after round {round}: {took:?}");
    }
    let report = audit(&node.beside, "spring").await;
    assert_eq!(report.confirmed, u64::from(1 + 2 * TIMES));
}

#[tokio::test]
async fn an_order_whose_link_is_cut_before_the_reply_is_heard_at_the_second_try() {
    each_is_heard_at_the_second_try(AfterFault::Cut, AGAIN).await;
}

#[tokio::test]
async fn an_order_whose_link_falls_silent_is_heard_at_the_second_try() {
    let within = Duration::from_millis(LEDGER_DEADLINE_MS) + AGAIN;
    each_is_heard_at_the_second_try(AfterFault::Keep, within).await;
}

#[tokio::test]
async fn all_who_wait_behind_a_lost_reply_are_served_after_it() {
    let node = Node::start(100).await;
    node.lose(AfterFault::Cut);
    let buyers: Vec<String> = (0..CROWD).map(|i| format!("buyer-{i}")).collect();
    let all = buyers.iter().map(|buyer| node.buys(buyer));
    let heard = futures_util::future::join_all(all).await;
    assert!(heard.iter().any(|(again, _)| *again), "no reply was lost");
    let report = audit(&node.beside, "spring").await;
    assert_eq!(report.confirmed, u64::from(1 + CROWD));
}
