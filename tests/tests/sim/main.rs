//! The simulation of faults ([`lastseat_tests::sim`]): no rule breaks, and broken rules are seen.

use lastseat_tests::sim::{Classes, Planted, run, scenario, search, shortest};

const SEEDS: std::ops::Range<u64> = 1..2_001;

#[test]
fn two_thousand_runs_under_faults_break_no_rule() {
    let soak = search(SEEDS, Classes::default(), None, true);
    if let Some(seed) = soak.failed {
        let failure = shortest(&scenario(seed, Classes::default()), None);
        panic!("{:?}\n{failure}", soak.broken);
    }
    assert_eq!(soak.runs, 2_000);
    // Of all that is to be survived, enough has happened.
    assert!(soak.stats.orders > 40_000 && soak.stats.unknown > 1_000);
    assert_eq!(soak.stats.lost, 0);
}

#[test]
fn every_planted_fault_is_found_within_two_thousand_seeds() {
    for fault in Planted::ALL {
        let soak = search(SEEDS, Classes::default(), Some(fault), true);
        assert!(soak.failed.is_some(), "{fault:?} is not found");
    }
}

#[test]
fn a_file_that_lost_its_end_loses_orders_by_name_and_nothing_is_oversold() {
    let classes = Classes { tail_cut: true };
    let soak = search(1..501, classes, None, true);
    assert_eq!(soak.failed, None, "{:?}", soak.broken);
    assert!(soak.stats.lost > 0, "no tail was cut where it hurts");
    let seed = (1..501).find(|seed| !run(&scenario(*seed, classes), None, false).lost.is_empty());
    let seed = seed.expect("a seed that loses orders");
    let outcome = run(&scenario(seed, classes), None, false);
    assert_eq!(outcome.lost.len() as u64, outcome.stats.lost);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [7, 61, 1_402] {
        let trace = || run(&scenario(seed, Classes::default()), None, true).trace;
        assert!(trace() == trace(), "seed {seed} gave two histories");
    }
}

#[test]
fn a_failing_run_is_shortened_to_the_events_that_break_the_rule() {
    let whole = scenario(1, Classes::default());
    let fault = Some(Planted::OneTooMany);
    let long = run(&whole, fault, true);
    let short = shortest(&whole, fault);
    let rule = |outcome: &lastseat_tests::sim::Outcome| outcome.violation.clone().map(|v| v.rule);
    assert_eq!(rule(&short.outcome), rule(&long));
    assert!(short.scenario.items.len() <= 5, "{short}");
    assert!(short.outcome.trace.len() <= 40 && short.outcome.trace.len() < long.trace.len());
}
