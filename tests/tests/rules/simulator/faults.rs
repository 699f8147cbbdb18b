//! Scenario of faults: no rule breaks, and broken rules are seen.

use lastseat_tests::simulator::faults::{
    Classes, Planted, RunOutcome, run, scenario, search, shortest,
};

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
    assert!(soak.stats.plans > 500 && soak.stats.parts > 300, "{:?}", soak.stats);
    assert_eq!(soak.stats.lost, 0);
}

/// Two of the runs in which a part of an order did not stay where it had gone.
#[test]
fn a_part_that_was_given_back_is_neither_given_back_twice_nor_paid_late() {
    for (seed, tail_cut) in [(7_929, false), (11_554, true)] {
        let outcome = run(&scenario(seed, Classes { tail_cut }), None, false);
        assert_eq!((outcome.violation, outcome.stats.plans), (None, 1), "seed {seed}");
        assert!(outcome.stats.parts > 0, "seed {seed}");
    }
}

#[test]
fn every_planted_fault_is_found_within_two_thousand_seeds() {
    for fault in Planted::to_be_found(false) {
        let soak = search(SEEDS, Classes::default(), Some(fault), true);
        assert!(soak.failed.is_some(), "{fault:?} is not found");
    }
}

#[test]
fn where_the_end_of_the_file_is_lost_nodes_restore_it_and_what_is_lost_for_good_is_listed() {
    let classes = Classes { tail_cut: true };
    let soak = search(1..501, classes, None, true);
    assert_eq!(soak.failed, None, "{:?}", soak.broken);
    // Enough was cut off, and nearly all of it was there again.
    assert!(soak.stats.cut > 300, "{:?}", soak.stats);
    assert!(soak.stats.lost * 10 < soak.stats.cut, "{:?}", soak.stats);
    // Orders were read while the sale lacked them, too.
    assert!(soak.stats.fenced_reads > 1_000, "{:?}", soak.stats);
    assert!(soak.stats.reads > 10 * soak.stats.fenced_reads, "{:?}", soak.stats);
}

#[test]
fn an_order_that_was_listed_as_unrestored_is_listed_again_where_that_was_lost_too() {
    let classes = Classes { tail_cut: true };
    let outcome = run(&scenario(2_675, classes), None, false);
    assert_eq!(outcome.violation, None);
}

#[test]
fn every_planted_fault_of_recovery_is_found_where_files_lose_their_end() {
    let classes = Classes { tail_cut: true };
    for fault in Planted::to_be_found(true) {
        let soak = search(1..2_001, classes, Some(fault), true);
        let found = soak.failed;
        let seed = found.unwrap_or_else(|| panic!("{fault:?} is not found"));
        // It is the fault that breaks the rule, and not the seed.
        let without = run(&scenario(seed, classes), None, false);
        assert_eq!(without.violation, None, "{fault:?}");
        println!("{fault:?}: seed {seed}, {:?}", soak.broken);
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in [7, 9, 61, 1_402] {
        let trace = || run(&scenario(seed, Classes::default()), None, true).trace;
        assert!(trace() == trace(), "seed {seed} gave two histories");
        let cut = Classes { tail_cut: true };
        let trace = || run(&scenario(seed, cut), None, true).trace;
        assert!(trace() == trace(), "seed {seed} gave two histories with cut tails");
    }
}

#[test]
fn a_failing_run_is_shortened_to_the_events_that_break_the_rule() {
    let whole = scenario(1, Classes::default());
    let fault = Some(Planted::OneTooMany);
    let long = run(&whole, fault, true);
    let short = shortest(&whole, fault);
    let rule = |outcome: &RunOutcome| outcome.violation.clone().map(|v| v.rule);
    assert_eq!(rule(&short.outcome), rule(&long));
    assert!(short.scenario.items.len() <= 5, "{short}");
    assert!(short.outcome.trace.len() <= 40 && short.outcome.trace.len() < long.trace.len());
}
