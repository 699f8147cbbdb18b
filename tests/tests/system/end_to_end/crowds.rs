//! Crowds: exact to the ticket, cheap for the nodes, and no worse off when a node dies.

use lastseat_tests::harness::{Cluster, Edge};
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
async fn a_rush_of_20000_through_workerd_is_exact() {
    let report = rush(&LoadOptions::of(20_000, 2_000, Edge::Workerd)).await;
    assert_cheap(&report);
}

#[tokio::test]
async fn a_rush_of_5000_through_wrangler_is_exact() {
    let report = rush(&LoadOptions::of(5_000, 1_000, Edge::Wrangler)).await;
    assert_cheap(&report);
}

/// Several processes share the port: each knows a part of the crowd only.
#[tokio::test]
async fn a_rush_through_two_edges_is_exact() {
    let mut options = LoadOptions::of(20_000, 2_000, Edge::Workerd);
    options.edges = 2;
    let report = rush(&options).await;
    assert_cheap(&report);
}

#[tokio::test]
async fn a_node_killed_in_the_middle_of_a_rush_costs_no_ticket_and_no_answer() {
    let mut options = LoadOptions::of(20_000, 4_000, Edge::Workerd);
    options.kill_node_at = Some(0.5);
    let report = rush(&options).await;
    let killed: Vec<u32> =
        report.more.nodes.iter().filter(|node| node.killed).map(|node| node.id).collect();
    assert_eq!(killed, [4], "{report}");
}

#[tokio::test]
async fn the_last_ticket_goes_to_exactly_one_of_two_hundred_buyers() {
    let cluster = Cluster::with_edge(Edge::Workerd);
    for round in 0..5 {
        let mut options = LoadOptions::of(200, 1, Edge::Workerd);
        options.sale = Some(format!("last-{round}"));
        let report = against(&cluster, &options, &mut Progress::Silent).await.unwrap();
        assert_eq!(report.more.violations, Vec::<String>::new(), "{report}");
        assert_eq!((report.granted, report.refused_final), (1, 199), "{report}");
    }
}
