//! Tests of the gate of an edge.

use super::*;
use crate::limits::RECHECK_BUDGET;
use proptest::prelude::*;

pub(super) const MADE: Arrival = Arrival { key: KeySource::Made, waits: 0 };
const SENT: Arrival = Arrival { key: KeySource::Sent, waits: 0 };

pub(super) fn grant(version: u64, at: u64, budget: u32, supply: Supply) -> Grant {
    Grant { version, at: UnixMillis(at), window_ms: 250, budget, supply, opens_at: UnixMillis(0) }
}

/// Received at once.
pub(super) fn at(now: u64) -> Observation {
    Observation { asked: UnixMillis(now), now: UnixMillis(now), chance: 0.0 }
}

fn forwarded(gate: &mut Gate, ask: Arrival, now: u64, arrivals: u32) -> u32 {
    (0..arrivals)
        .map(|_| u32::from(gate.decide(ask, UnixMillis(now), 0.0) == GateDecision::Forward))
        .sum()
}

#[test]
fn a_cold_gate_sends_one_and_lets_the_rest_wait_a_beat() {
    let mut gate = Gate::default();
    assert_eq!(forwarded(&mut gate, MADE, 1_000, 1), 1);
    assert_eq!(gate.decide(MADE, UnixMillis(1_000), 0.0), GateDecision::Wait);
    let patient = Arrival { waits: COLD_WAITS_MAX, ..MADE };
    assert!(matches!(
        gate.decide(patient, UnixMillis(1_000), 0.0),
        GateDecision::Refuse(Refusal::Busy(1..=250))
    ));
}

#[test]
fn what_the_cold_round_sent_is_part_of_the_first_budget() {
    let mut gate = Gate::default();
    forwarded(&mut gate, MADE, 1_000, 4);
    gate.observe(&grant(1, 10_000, 10, Supply::Free), at(1_005));
    assert_eq!(forwarded(&mut gate, MADE, 1_006, 100), 9);
}

#[test]
fn a_budget_is_not_refilled_within_its_window_and_replaced_in_the_next() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 10, Supply::Free), at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 1_001, 100), 10);
    gate.observe(&grant(1, 10_100, 10, Supply::Free), at(1_100));
    assert_eq!(forwarded(&mut gate, MADE, 1_101, 100), 0);
    gate.observe(&grant(1, 10_250, 7, Supply::Free), at(1_250));
    assert_eq!(forwarded(&mut gate, MADE, 1_251, 100), 7);
}

#[test]
fn a_warm_gate_whose_share_was_zero_asks_once_a_round() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 0, Supply::Free), at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 1_001, 10), 0);
    assert_eq!(forwarded(&mut gate, MADE, 1_300, 10), 1);
}

#[test]
fn sold_out_is_refused_here_and_probed_once_a_period() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
    assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Refuse(Refusal::SoldOut));
    assert_eq!(forwarded(&mut gate, MADE, 1_250, 1_000), 1);
    assert_eq!(forwarded(&mut gate, MADE, 1_499, 1_000), 0);
    assert_eq!(forwarded(&mut gate, MADE, 1_500, 1_000), 1);
}

#[test]
fn a_delayed_older_grant_neither_reopens_nor_recloses() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
    gate.observe(&grant(1, 10_300, 5, Supply::Free), at(1_001));
    assert!(gate.is_latched());
    gate.observe(&grant(2, 10_350, 5, Supply::Free), at(1_050));
    assert_eq!(forwarded(&mut gate, MADE, 1_051, 100), 5);
    gate.observe(&grant(1, 10_360, 0, Supply::SoldOut), at(1_060));
    assert!(!gate.is_latched(), "an older version closes nothing");
}

#[test]
fn tickets_that_came_back_within_a_spent_window_are_a_new_share() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 3, Supply::Free), at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 1_001, 100), 3);
    gate.observe(&grant(2, 10_100, 2, Supply::Free), at(1_100));
    assert_eq!(forwarded(&mut gate, MADE, 1_101, 100), 2);
}

#[test]
fn held_can_become_sold_within_a_version_but_not_the_reverse() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 0, Supply::AllHeld), at(1_000));
    assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Refuse(Refusal::AllHeld));
    gate.observe(&grant(1, 10_010, 0, Supply::SoldOut), at(1_010));
    gate.observe(&grant(1, 10_005, 0, Supply::AllHeld), at(1_011));
    assert_eq!(gate.decide(MADE, UnixMillis(1_012), 0.0), GateDecision::Refuse(Refusal::SoldOut));
}

#[test]
fn a_gate_warmed_before_the_opening_starts_with_its_share() {
    let mut gate = Gate::default();
    let opening = Grant { opens_at: UnixMillis(12_000), ..grant(1, 10_000, 40, Supply::NotOpen) };
    gate.observe(&opening, at(1_000));
    assert_eq!(
        gate.decide(MADE, UnixMillis(1_001), 0.0),
        GateDecision::Refuse(Refusal::NotOpen(Some(UnixMillis(12_000))))
    );
    assert_eq!(forwarded(&mut gate, MADE, 3_000, 1_000), 40);
}

#[test]
fn who_comes_before_the_opening_is_told_when_to_come_back_and_not_all_at_once() {
    let refusal = Refusal::NotOpen(Some(UnixMillis(15_000)));
    let wait = |now, chance| come_back_ms(refusal, UnixMillis(now), chance);
    assert_eq!(wait(10_000, 0.0), Some(5_000));
    assert_eq!(wait(10_000, 0.5), Some(5_500));
    assert_eq!(wait(15_001, 0.5), Some(500));
}

#[test]
fn a_far_opening_is_looked_at_again_within_a_minute() {
    let far = Refusal::NotOpen(Some(UnixMillis(u64::MAX)));
    assert_eq!(come_back_ms(far, UnixMillis(0), 0.0), Some(60_000));
    assert_eq!(come_back_ms(Refusal::NotOpen(None), UnixMillis(0), 0.0), None);
}

#[test]
fn a_sent_key_can_pass_a_latch_a_few_times_and_a_repeated_one_never_hears_sold_out() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 10_000, 0, Supply::SoldOut), at(1_000));
    assert_eq!(forwarded(&mut gate, SENT, 1_001, 100), RECHECK_BUDGET);
    assert_eq!(gate.decide(SENT, UnixMillis(1_002), 0.0), GateDecision::Refuse(Refusal::SoldOut));
    let repeated = Arrival { key: KeySource::Repeated, waits: 0 };
    assert_eq!(forwarded(&mut gate, repeated, 1_002, 100), RECHECK_BUDGET);
    assert!(matches!(
        gate.decide(repeated, UnixMillis(1_002), 0.0),
        GateDecision::Refuse(Refusal::Busy(_))
    ));
    let known = Arrival { key: KeySource::Known, waits: 0 };
    assert_eq!(forwarded(&mut gate, known, 1_003, 100), 100);
}

proptest! {
    #[test]
    fn a_latched_gate_sends_at_most_one_probe_a_period_whatever_it_hears_of_that_version(
        steps in proptest::collection::vec((0u64..400, 0u32..100, any::<bool>()), 1..200),
    ) {
        let mut gate = Gate::default();
        gate.observe(&grant(5, 10_000, 0, Supply::SoldOut), at(1_000));
        let (mut now, mut sent) = (1_000, 0);
        for (pause, budget, late) in steps {
            now += pause;
            let version = if late { 4 } else { 5 };
            gate.observe(&grant(version, 9_000 + now, budget, Supply::Free), at(now));
            sent += u64::from(forwarded(&mut gate, MADE, now, 5));
        }
        prop_assert!(sent <= (now - 1_000) / 250 + 1);
    }

    #[test]
    fn a_gate_never_forwards_more_than_its_budget_in_a_window(
        budget in 0u32..500, arrivals in 0u32..1_000,
    ) {
        let mut gate = Gate::default();
        gate.observe(&grant(1, 10_000, budget, Supply::Free), at(1_000));
        prop_assert_eq!(forwarded(&mut gate, MADE, 1_001, arrivals), arrivals.min(budget));
    }
}
