//! Crowds: exact to the ticket, cheap for the nodes, and no worse off when a node dies.

use lastseat_tests::harness::{Cluster, Edge};
use lastseat_tests::load::LoadProtocol;
use lastseat_tests::rush::{LoadOptions, LoadReport, Progress, against, run};

/// Order requests that may reach the nodes for each ticket.
const ORIGIN_REQUESTS_PER_TICKET_MAX: f64 = 1.5;

async fn rush(options: &LoadOptions) -> LoadReport {
    let report = run(options, Progress::Silent).await.unwrap();
    assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
    assert!(report.more.compared_with_ledger);
    assert_eq!(report.granted, u64::from(options.tickets), "{report}");
    assert_eq!(report.granted + report.refused_final, report.buyers);
    report
}

fn assert_cheap(report: &LoadReport) {
    let each = report.more.origin_requests_per_ticket;
    assert!(each <= ORIGIN_REQUESTS_PER_TICKET_MAX, "{each} origin requests a ticket\n{report}");
    assert!(report.ledger_round_trips <= report.origin_requests, "{report}");
}

#[tokio::test]
async fn a_rush_of_20000_is_exact() {
    let report = rush(&LoadOptions::of(20_000, 2_000, Edge::under_test())).await;
    assert_cheap(&report);
}

#[tokio::test]
async fn a_rush_of_5000_through_wrangler_is_exact() {
    let report = rush(&LoadOptions::of(5_000, 1_000, Edge::Wrangler)).await;
    assert_cheap(&report);
}

#[tokio::test]
async fn a_rush_at_a_node_that_faces_buyers_itself_is_exact() {
    let report = rush(&LoadOptions::of(20_000, 2_000, Edge::Public)).await;
    assert_cheap(&report);
}

/// Nobody but one gateway asks, so its share is all that is left, and it lets those wait who come
/// while a share is under way. On a starved machine a node can be silent for longer than they wait.
#[tokio::test]
async fn one_gateway_tells_next_to_nobody_busy_while_tickets_are_free() {
    let report = rush(&LoadOptions::of(20_000, 1_000, Edge::Gateway)).await;
    assert_cheap(&report);
    assert!(report.busy_retries <= 50, "{} answers busy\n{report}", report.busy_retries);
}

/// As a proxy in front of a gateway sends it: few connections, many requests under way on each.
#[tokio::test]
async fn a_rush_over_http_2_through_the_gateway_is_exact() {
    let mut options = LoadOptions::of(20_000, 2_000, Edge::Gateway);
    options.protocol = LoadProtocol::H2;
    let report = rush(&options).await;
    assert_cheap(&report);
    assert_eq!((report.more.connections, report.more.connections_opened), (256, 8), "{report}");
}

/// Several processes share the port: each knows a part of the crowd only.
#[tokio::test]
async fn a_rush_through_two_edges_is_exact() {
    let mut options = LoadOptions::of(20_000, 2_000, Edge::under_test());
    options.edges = 2;
    let report = rush(&options).await;
    assert_cheap(&report);
}

#[tokio::test]
async fn a_node_killed_in_the_middle_of_a_rush_costs_no_ticket_and_no_answer() {
    let mut options = LoadOptions::of(20_000, 4_000, Edge::under_test());
    options.kill_node_at = Some(0.5);
    let report = rush(&options).await;
    let killed: Vec<u32> =
        report.more.nodes.iter().filter(|node| node.killed).map(|node| node.id).collect();
    assert_eq!(killed, [4], "{report}");
}

/// Buyers are answered 503 and 504 meanwhile, and ask again under their keys.
#[tokio::test]
async fn a_crowd_whose_redis_loses_the_end_of_its_file_gets_every_ticket_once() {
    let mut options = LoadOptions::of(6_000, 3_000, Edge::under_test());
    options.cut_redis_at = Some(0.3);
    options.seed = Some(1);
    let report = rush(&options).await;
    let cut = report.more.redis_cut.as_ref().unwrap();
    // On a slow machine nobody has been told of what the end of the file has.
    assert!(cut.orders_lost > 0, "{report}");
    assert!(cut.sells_again_ms.is_some(), "{report}");
}

#[tokio::test]
async fn the_last_ticket_goes_to_exactly_one_of_two_hundred_buyers() {
    let cluster = Cluster::with_edge(Edge::under_test());
    for round in 0..5 {
        let mut options = LoadOptions::of(200, 1, Edge::under_test());
        options.sale = Some(format!("last-{round}"));
        let report = against(&cluster, &options, &mut Progress::Silent).await.unwrap();
        assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
        assert_eq!((report.granted, report.refused_final), (1, 199), "{report}");
    }
}
