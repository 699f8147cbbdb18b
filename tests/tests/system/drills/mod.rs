//! Each drill of `make drill` once, in its short form, at fixed moments.

use lastseat_tests::drill::{Drill, FaultTestOptions, run};

async fn kept(name: &str) {
    let drill = Drill::named(name).unwrap();
    let outcome = run(drill, &FaultTestOptions::short(), 1).await.unwrap();
    assert!(outcome.violations.is_empty(), "\n{outcome}");
}

#[tokio::test]
async fn three_edges_that_know_nothing_of_each_other_each_send_exactly_1_2_3_4() {
    kept("spread").await;
}

#[tokio::test]
async fn a_node_killed_under_load_costs_no_ticket_and_no_buyer_sees_a_fault() {
    kept("node-killed").await;
}

#[tokio::test]
async fn a_frozen_node_is_left_alone_within_a_second_and_serves_again_within_ten() {
    kept("node-frozen").await;
}

#[tokio::test]
async fn a_node_restarted_under_load_drops_no_buyer() {
    kept("node-restarted").await;
}

#[tokio::test]
async fn the_buyers_of_an_edge_that_is_killed_go_on_at_the_others() {
    kept("edge-killed").await;
}

#[tokio::test]
async fn a_frozen_edge_delays_its_own_buyers_and_loses_none() {
    kept("edge-frozen").await;
}

#[tokio::test]
async fn the_buyers_of_an_edge_that_is_restarted_go_on_at_the_others() {
    kept("edge-restarted").await;
}

#[tokio::test]
async fn workers_share_a_port_and_it_keeps_answering_when_one_of_them_is_killed() {
    kept("worker-killed").await;
}

#[tokio::test]
async fn a_hundred_tickets_more_after_the_sell_out_are_sold_within_a_second_through_all_edges() {
    kept("restock").await;
}

#[tokio::test]
async fn a_frozen_zone_costs_no_fault_and_comes_back_slowly() {
    kept("zone-frozen").await;
}

#[tokio::test]
async fn a_zone_that_stays_dead_costs_no_fault_and_comes_back_slowly() {
    kept("zone-killed").await;
}

#[tokio::test]
async fn a_node_without_free_connections_sheds_its_load_and_has_not_failed() {
    kept("overload").await;
}

#[tokio::test]
async fn while_the_ledger_is_frozen_nobody_hears_sold_out_and_nodes_recover_by_themselves() {
    kept("ledger-frozen").await;
}

#[tokio::test]
async fn redis_killed_under_load_loses_nothing_that_was_acknowledged() {
    kept("ledger-killed").await;
}

#[tokio::test]
async fn a_node_cuts_slow_heads_refuses_large_bodies_and_keeps_idle_connections() {
    kept("intake").await;
}

#[tokio::test]
async fn a_reply_that_is_lost_after_redis_has_sold_costs_no_fault_and_sells_nothing_twice() {
    kept("reply-lost").await;
}

#[tokio::test]
async fn a_ledger_that_is_far_away_makes_orders_wait_and_nothing_else() {
    kept("ledger-slow").await;
}

#[tokio::test]
async fn replies_that_all_come_too_late_are_honest_faults_and_each_order_is_sold_once() {
    kept("ledger-late").await;
}

#[tokio::test]
async fn a_link_to_redis_that_is_cut_again_and_again_sells_in_between() {
    kept("ledger-cut").await;
}

#[tokio::test]
async fn a_half_open_link_to_redis_is_as_if_redis_were_frozen() {
    kept("ledger-half-open").await;
}

#[tokio::test]
async fn while_redis_is_paused_nobody_hears_sold_out() {
    kept("ledger-paused").await;
}

#[tokio::test]
async fn killed_connections_and_flushed_scripts_cost_no_order() {
    kept("ledger-kicks").await;
}

#[tokio::test]
async fn a_redis_that_reads_a_slow_file_is_waited_for_without_a_restart() {
    kept("ledger-loading").await;
}

#[tokio::test]
async fn a_redis_without_memory_sells_nothing_loses_nothing_and_goes_on() {
    kept("ledger-full").await;
}

#[tokio::test]
async fn a_redis_that_was_made_a_replica_sells_nothing_and_goes_on_as_a_primary() {
    kept("ledger-read-only").await;
}

#[tokio::test]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    kept("disk-full").await;
}

#[tokio::test]
async fn a_lost_tail_of_the_append_only_file_is_brought_back_by_the_nodes_and_nothing_is_oversold()
{
    kept("tail-cut").await;
}

#[tokio::test]
async fn an_answer_that_is_lost_after_a_node_has_sold_costs_no_fault_and_sells_nothing_twice() {
    kept("answer-lost").await;
}

#[tokio::test]
async fn a_long_way_to_a_node_costs_no_fault() {
    kept("node-slow").await;
}

#[tokio::test]
async fn a_way_to_a_node_that_is_cut_again_and_again_costs_no_fault() {
    kept("node-cut").await;
}

#[tokio::test]
async fn a_half_open_way_to_a_node_costs_no_fault() {
    kept("node-half-open").await;
}

#[tokio::test]
async fn a_node_without_file_descriptors_costs_no_fault_does_not_spin_and_serves_again() {
    kept("descriptors").await;
}

#[tokio::test]
async fn clients_that_send_half_of_an_order_hold_nobody_up_and_buy_nothing() {
    kept("slow-clients").await;
}

#[tokio::test]
async fn three_times_what_can_be_sold_is_told_busy_in_bounded_memory_and_time() {
    kept("flood").await;
}

#[tokio::test]
async fn a_flood_of_reads_of_invented_orders_keeps_no_buyer_from_ordering_reading_and_paying() {
    kept("flood-read").await;
}

#[tokio::test]
async fn a_flood_of_confirmations_without_a_token_keeps_no_shop_from_confirming() {
    kept("flood-confirm").await;
}

#[tokio::test]
async fn a_flood_of_cancellations_of_invented_orders_costs_the_ledger_its_budget_and_no_more() {
    kept("flood-cancel").await;
}

#[tokio::test]
async fn a_flood_of_extensions_of_invented_orders_costs_the_ledger_its_budget_and_no_more() {
    kept("flood-extend").await;
}

#[tokio::test]
async fn a_flood_of_looks_at_invented_sales_keeps_nobody_from_a_real_one() {
    kept("flood-view").await;
}

#[tokio::test]
async fn thousands_of_idle_connections_are_not_noticed_by_buyers() {
    kept("idle").await;
}

#[tokio::test]
async fn five_hundred_connections_that_come_and_go_leak_no_descriptor() {
    kept("come-and-go").await;
}

#[tokio::test]
async fn a_node_killed_while_a_train_is_sold_costs_no_seat_and_no_buyer_sees_a_fault() {
    kept("train-node-killed").await;
}

#[tokio::test]
async fn a_node_frozen_while_a_train_is_sold_leaves_no_seat_and_sells_none_twice() {
    kept("train-node-frozen").await;
}

#[tokio::test]
async fn travellers_whose_edge_is_killed_get_their_seats_at_the_others() {
    kept("train-edge-killed").await;
}

#[tokio::test]
async fn while_redis_is_killed_no_traveller_is_refused_whose_seats_are_free() {
    kept("train-ledger-killed").await;
}

#[tokio::test]
async fn a_reply_that_is_lost_after_redis_has_sold_seats_sells_none_of_them_twice() {
    kept("train-reply-lost").await;
}

#[tokio::test]
async fn orders_of_a_train_in_a_lost_tail_are_brought_back_with_the_seats_that_they_had() {
    kept("train-tail-cut").await;
}
