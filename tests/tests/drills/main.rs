//! Each drill of `make drill` once, in its short form, at fixed moments.

use lastseat_tests::drill::{Name, Options, run};

async fn kept(name: Name) {
    let outcome = run(name, &Options::short(), 1).await.unwrap();
    assert!(outcome.violations.is_empty(), "\n{outcome}");
}

#[tokio::test]
async fn three_edges_that_know_nothing_of_each_other_each_send_exactly_1_2_3_4() {
    kept(Name::Spread).await;
}

#[tokio::test]
async fn a_node_killed_under_load_costs_no_ticket_and_no_buyer_sees_a_fault() {
    kept(Name::NodeKilled).await;
}

#[tokio::test]
async fn a_frozen_node_is_left_alone_within_a_second_and_serves_again_within_ten() {
    kept(Name::NodeFrozen).await;
}

#[tokio::test]
async fn a_node_restarted_under_load_drops_no_buyer() {
    kept(Name::NodeRestarted).await;
}

#[tokio::test]
async fn the_buyers_of_an_edge_that_is_killed_go_on_at_the_others() {
    kept(Name::EdgeKilled).await;
}

#[tokio::test]
async fn a_frozen_edge_delays_its_own_buyers_and_loses_none() {
    kept(Name::EdgeFrozen).await;
}

#[tokio::test]
async fn the_buyers_of_an_edge_that_is_restarted_go_on_at_the_others() {
    kept(Name::EdgeRestarted).await;
}

#[tokio::test]
async fn workers_share_a_port_and_it_keeps_answering_when_one_of_them_is_killed() {
    kept(Name::WorkerKilled).await;
}

#[tokio::test]
async fn a_hundred_tickets_more_after_the_sell_out_are_sold_within_a_second_through_all_edges() {
    kept(Name::Restock).await;
}

#[tokio::test]
async fn a_frozen_zone_costs_no_fault_and_comes_back_slowly() {
    kept(Name::ZoneFrozen).await;
}

#[tokio::test]
async fn a_zone_that_stays_dead_costs_no_fault_and_comes_back_slowly() {
    kept(Name::ZoneKilled).await;
}

#[tokio::test]
async fn a_node_without_free_connections_sheds_its_load_and_has_not_failed() {
    kept(Name::Overload).await;
}

#[tokio::test]
async fn while_the_ledger_is_frozen_nobody_hears_sold_out_and_nodes_recover_by_themselves() {
    kept(Name::LedgerFrozen).await;
}

#[tokio::test]
async fn redis_killed_under_load_loses_nothing_that_was_acknowledged() {
    kept(Name::LedgerKilled).await;
}

#[tokio::test]
async fn a_node_cuts_slow_heads_refuses_large_bodies_and_keeps_idle_connections() {
    kept(Name::Intake).await;
}
