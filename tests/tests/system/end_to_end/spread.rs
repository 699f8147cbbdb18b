//! Requests spread over the nodes by their weights, and unequal shares sell everything.

use lastseat_tests::harness::{Cluster, Edge};
use lastseat_tests::rush::{LoadOptions, Progress, against};

#[tokio::test]
async fn a_thousand_orders_at_concurrency_100_through_wrangler_reach_the_nodes_1_2_3_4() {
    let cluster = Cluster::with_edge(Edge::Wrangler);
    let mut options = LoadOptions::of(1_000, 100_000, Edge::Wrangler);
    options.connections = Some(100);
    // There are more tickets than buyers: everybody gets one.
    let report = against(&cluster, &options, &mut Progress::Silent).await.unwrap();
    assert_eq!((report.granted, report.errors), (1_000, 0), "{report}");
    assert_eq!((report.audit.ok, report.audit.confirmed), (true, 1_000));

    let decisions = cluster.decisions_when("rush", 1_000);
    let lines: Vec<u64> = decisions.iter().map(|node| node.total).collect();
    assert_eq!(lines, [100, 200, 300, 400]);
    let granted: Vec<u64> = decisions.iter().map(|node| node.granted).collect();
    assert_eq!(granted, [100, 200, 300, 400]);
}

/// A gateway sends up to 64 orders in a row to one node, so that they gather there; each is
/// charged.
#[tokio::test]
async fn ten_thousand_orders_through_the_gateway_reach_the_nodes_1_2_3_4_but_for_a_turn() {
    let cluster = Cluster::with_edge(Edge::Gateway);
    let mut options = LoadOptions::of(10_000, 100_000, Edge::Gateway);
    options.connections = Some(100);
    let report = against(&cluster, &options, &mut Progress::Silent).await.unwrap();
    assert_eq!((report.granted, report.errors), (10_000, 0), "{report}");
    for node in &report.more.nodes {
        let off = node.requests.abs_diff(1_000 * u64::from(node.weight));
        assert!(off <= 64, "node {} is {off} off its share\n{report}", node.id);
    }
}

/// Static equal shares of 150 tickets a node would sell 100 + 150 + 150 + 150 = 550.
#[tokio::test]
async fn six_hundred_tickets_for_a_thousand_buyers_are_all_sold() {
    let cluster = Cluster::with_edge(Edge::Wrangler);
    let mut options = LoadOptions::of(1_000, 600, Edge::Wrangler);
    options.connections = Some(100);
    let report = against(&cluster, &options, &mut Progress::Silent).await.unwrap();
    assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
    assert_eq!((report.granted, report.refused_final), (600, 400));
    assert_eq!((report.audit.confirmed, report.audit.free), (600, 0));
    assert_eq!(cluster.orders("rush").await.unwrap().len(), 600);
}
