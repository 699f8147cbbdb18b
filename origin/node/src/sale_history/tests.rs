//! Readings of what nodes publish, and the histories that are made of them.

use super::*;

const BEGIN: u64 = 1_800_000_000_000;

fn totals(sale: &str, received: u64, granted: u64) -> SaleTotals {
    let tickets = TicketCounts {
        at: UnixMillis(BEGIN + received),
        capacity: 1_000,
        held: 1,
        confirmed: granted as u32,
    };
    let sale = sale.to_owned();
    SaleTotals { sale, received, granted, tickets: Some(tickets), ..SaleTotals::default() }
}

fn status(node: u16, sales: Vec<SaleTotals>) -> NodeStatus {
    NodeStatus { sales, ..NodeStatus::quiet(node, UnixMillis(BEGIN)) }
}

/// So many sales that a node may have left some out, unless nothing came of the last.
fn full(node: u16, first: SaleTotals, others: u64) -> NodeStatus {
    let others = (1..STATUS_SALES_MAX).map(|n| totals(&format!("other-{n}"), others, 0));
    status(node, std::iter::once(first).chain(others).collect())
}

fn at(second: u64) -> UnixMillis {
    UnixMillis(BEGIN + second * 1_000)
}

fn sale(name: &str) -> SaleId {
    SaleId::parse(name).unwrap()
}

fn asked(histories: &SaleHistories, name: &str, now: UnixMillis) -> Vec<Option<f64>> {
    let mut steps = histories.of(&sale(name), now).steps;
    if steps.is_empty() { Vec::new() } else { steps.remove(0).asked }
}

#[test]
fn what_all_nodes_publish_is_one_history_second_by_second_and_in_steps() {
    let histories = SaleHistories::default();
    for second in 0..=30 {
        let nodes = vec![
            status(1, vec![totals("a", second * 10, second)]),
            status(2, vec![totals("a", second * 30, second)]),
        ];
        histories.record(at(second), nodes);
    }
    let history = histories.of(&sale("a"), at(30));
    let [seconds, steps] = history.steps.as_slice() else { panic!("{history:?}") };
    assert_eq!((seconds.every_ms, steps.every_ms), (1_000, 10_000));
    assert_eq!(seconds.asked.len(), 31);
    assert!(seconds.asked[1..].iter().all(|rate| *rate == Some(40.0)), "{seconds:?}");
    assert_eq!(seconds.granted[30], Some(2.0));
    assert_eq!(steps.asked[1], Some(40.0));
    // The newest word of the ledger to any node.
    assert_eq!((seconds.confirmed[30], seconds.held[30]), (Some(30), Some(1)));
    assert_eq!(histories.rates(&sale("a"), at(31)).asked, Some(40.0));
    assert_eq!(histories.rates(&sale("b"), at(31)).asked, Some(0.0), "nothing came of it");
}

#[test]
fn where_a_node_may_have_left_a_sale_out_no_number_is_made_of_the_rest() {
    let histories = SaleHistories::default();
    let other = |received| status(2, vec![totals("a", received, 0)]);
    let record = |second, first: (&str, u64)| {
        let first = full(1, totals(first.0, first.1, 0), second);
        histories.record(at(second), vec![first, other(second * 10)]);
    };
    for (second, first) in [("a", 5), ("a", 6), ("b", 1), ("a", 90), ("a", 91)].iter().enumerate() {
        record(second as u64, *first);
    }
    let known = asked(&histories, "a", at(4));
    assert_eq!(known[1..], [Some(11.0), None, None, Some(11.0)], "{known:?}");
    assert_eq!(histories.rates(&sale("c"), at(4)), SaleRates::default());
}

#[test]
fn of_what_a_full_node_leaves_out_nothing_came_where_nothing_came_of_its_last() {
    let histories = SaleHistories::default();
    for second in 0..4 {
        // Only the first of 32 sells; another node sells one that this one leaves out.
        let first = full(1, totals("first", second * 5, 0), 7);
        histories.record(at(second), vec![first, status(2, vec![totals("a", second * 10, 0)])]);
    }
    assert_eq!(asked(&histories, "a", at(3))[1..], [Some(10.0); 3]);
    assert_eq!(asked(&histories, "first", at(3))[1..], [Some(5.0); 3]);
    assert_eq!(histories.rates(&sale("c"), at(4)).asked, Some(0.0));
}

#[test]
fn a_node_that_joins_or_begins_anew_makes_no_jump() {
    let histories = SaleHistories::default();
    histories.record(at(0), vec![status(1, vec![totals("a", 100, 0)])]);
    histories.record(at(1), vec![status(1, vec![totals("a", 110, 0)])]);
    let joined = |first, second| {
        vec![status(1, vec![totals("a", first, 0)]), status(2, vec![totals("a", second, 0)])]
    };
    histories.record(at(2), joined(120, 5_000));
    histories.record(at(3), joined(130, 5_001));
    // Killed, and back with what it last published.
    histories.record(at(4), joined(125, 5_002));
    histories.record(at(5), joined(135, 5_003));
    let known = asked(&histories, "a", at(5));
    assert_eq!(known[1..], [Some(10.0), None, Some(11.0), None, Some(11.0)], "{known:?}");
}

#[test]
fn what_is_idle_needs_no_history_and_their_number_is_bounded() {
    let histories = SaleHistories::default();
    histories.record(at(0), vec![status(1, vec![totals("idle", 7, 0)])]);
    // The first reading says nothing of what came: of any sale that is listed it may be much.
    for second in 1..=2 * FLAT_MS / 1_000 {
        histories.record(at(second), vec![status(1, vec![totals("idle", 7, 0)])]);
    }
    assert!(histories.recorded().sales.is_empty());
    for n in 0..2 * HISTORY_SALES_MAX as u64 {
        let name = format!("sale-{n}");
        let second = 2 * FLAT_MS / 1_000 + 1 + n;
        histories.record(at(second), vec![status(1, vec![totals(&name, 1, 0)])]);
    }
    let recorded = histories.recorded();
    assert_eq!(recorded.sales.len(), HISTORY_SALES_MAX);
    assert!(recorded.sales.contains_key(&format!("sale-{}", 2 * HISTORY_SALES_MAX - 1)));
}

#[test]
fn two_readings_within_a_moment_are_one() {
    let histories = SaleHistories::default();
    histories.record(at(0), vec![status(1, vec![totals("a", 0, 0)])]);
    histories.record(at(1), vec![status(1, vec![totals("a", 10, 0)])]);
    histories.record(at(1).plus(100), vec![status(1, vec![totals("a", 12, 0)])]);
    histories.record(at(2), vec![status(1, vec![totals("a", 20, 0)])]);
    assert_eq!(asked(&histories, "a", at(2))[1..], [Some(10.0), Some(10.0)]);
}
