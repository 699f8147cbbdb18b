//! Exact tests of the gate, to the number and the millisecond.
//!
//! Mutation testing asks for these (`docs/evidence/MUTANTS.md`).

use super::*;
use crate::domain::ids::SaleId;
use crate::limits::EDGE_SALES_MAX;

const MADE: Arrival = Arrival::new(KeySource::Made);
const SENT: Arrival = Arrival::new(KeySource::Sent);
const REPEATED: Arrival = Arrival::new(KeySource::Repeated);

fn grant(version: u64, budget: u32, supply: Supply) -> Grant {
    Grant {
        version,
        at: UnixMillis(10_000),
        window_ms: 250,
        budget,
        supply,
        opens_at: UnixMillis(0),
    }
}

fn received(asked: u64, now: u64, chance: f64) -> Observation {
    Observation { asked: UnixMillis(asked), now: UnixMillis(now), chance }
}

fn at(now: u64) -> Observation {
    received(now, now, 0.0)
}

fn forwarded(gate: &mut Gate, ask: Arrival, now: u64) -> usize {
    let decide = |_: &u32| gate.decide(ask, UnixMillis(now), 0.0) == GateDecision::Forward;
    (0..100).filter(decide).count()
}

/// How long a client that is refused with `busy` is to wait.
fn busy_ms(gate: &mut Gate, ask: Arrival, now: u64, chance: f64) -> u32 {
    match gate.decide(ask, UnixMillis(now), chance) {
        GateDecision::Refuse(Refusal::Busy(ms)) => ms,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cold_round_of_a_warm_gate_has_the_last_budget_from_one_to_the_cold_budget() {
    for (budget, expected) in [(0, 1), (1, 1), (3, 3), (4, 4), (50, 4)] {
        let mut gate = Gate::default();
        gate.observe(&grant(1, budget, Supply::Free), at(1_000));
        assert_eq!(forwarded(&mut gate, MADE, 1_250), expected, "{budget}");
    }
    assert_eq!(forwarded(&mut Gate::default(), MADE, 1_250), 1);
}

#[test]
fn an_arrival_waits_twelve_beats_and_no_more() {
    let mut gate = Gate::default();
    let mut ask = MADE;
    assert_eq!(gate.decide(ask, UnixMillis(1_000), 0.0), GateDecision::Forward);
    for _ in 0..COLD_WAITS_MAX {
        assert_eq!(gate.decide(ask, UnixMillis(1_000), 0.0), GateDecision::Wait);
        ask = ask.after_a_retry_interval();
    }
    assert_eq!(busy_ms(&mut gate, ask, 1_000, 0.0), 250);
}

/// Takes the places of those that wait in a window with a grant.
fn fill_the_places(gate: &mut Gate, now: u64) {
    for _ in 0..GRANTED_WAITS_MAX {
        assert_eq!(gate.decide(MADE, UnixMillis(now), 0.0), GateDecision::Wait);
    }
}

#[test]
fn sixteen_begin_to_wait_in_a_beat_of_a_window_with_a_grant_and_the_next_one_is_told_busy() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::Free), at(1_000));
    fill_the_places(&mut gate, 1_000);
    assert_eq!(busy_ms(&mut gate, MADE, 1_000, 0.0), 250);
    assert_eq!(busy_ms(&mut gate, MADE, 1_024, 0.0), 226);
    let waits = MADE.after_a_retry_interval();
    assert_eq!(gate.decide(waits, UnixMillis(1_024), 0.0), GateDecision::Wait, "it has a place");
    let patient = Arrival { waits: COLD_WAITS_MAX, ..MADE };
    assert_eq!(busy_ms(&mut gate, patient, 1_024, 0.0), 226, "and not for ever");
    fill_the_places(&mut gate, 1_025);
    assert_eq!(busy_ms(&mut gate, MADE, 1_025, 0.0), 225);
}

#[test]
fn as_many_begin_to_wait_as_the_edge_has_places_for() {
    let sale = SaleId::parse("spring").unwrap();
    let mut gates = Gates::with_places(3);
    gates.observe(&sale, &grant(1, 0, Supply::Free), at(1_000));
    let waits = (0..10)
        .filter(|_| gates.of(&sale).decide(MADE, UnixMillis(1_001), 0.0) == GateDecision::Wait);
    assert_eq!(waits.count(), 3);
    gates.list("summer");
    let summer = SaleId::parse("summer").unwrap();
    gates.observe(&summer, &grant(1, 0, Supply::Free), at(1_000));
    let waits = (0..10)
        .filter(|_| gates.of(&summer).decide(MADE, UnixMillis(1_001), 0.0) == GateDecision::Wait);
    assert_eq!(waits.count(), 3);
}

#[test]
fn there_is_room_for_what_the_budget_has_left_and_for_all_when_they_are_refused() {
    let mut gate = Gate::default();
    assert_eq!(gate.room(), 0);
    gate.observe(&grant(1, 5, Supply::Free), at(1_000));
    gate.decide(MADE, UnixMillis(1_001), 0.0);
    assert_eq!(gate.room(), 4);
    gate.observe(&grant(1, 0, Supply::SoldOut), at(1_002));
    assert_eq!(gate.room(), u32::MAX);
}

/// A grant for one of few edges.
fn of_few(budget: u32) -> Grant {
    Grant { window_ms: 25, ..grant(1, budget, Supply::Free) }
}

#[test]
fn one_of_few_edges_has_a_window_as_long_as_its_way_and_renews_it_by_what_it_asks_in_it() {
    let ends = |asked, now| {
        let mut gate = Gate::default();
        gate.observe(&of_few(5), received(asked, now, 0.0));
        gate.round_ends.0 - now
    };
    assert_eq!([ends(1_000, 1_004), ends(1_000, 1_080), ends(1_000, 1_300)], [25, 80, 250]);
    let mut gate = Gate::default();
    gate.observe(&of_few(5), at(1_000));
    assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Forward);
    assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Forward);
    // Sent when the window began, or before: it says nothing new.
    gate.observe(&of_few(9), received(1_000, 1_002, 0.0));
    assert_eq!((gate.spent, gate.budget), (2, 5));
    // Two were sent since, and the answer to one of them may not know of the other.
    gate.observe(&of_few(4), received(1_001, 1_010, 0.0));
    assert_eq!((gate.spent, gate.budget, gate.round_ends.0), (1, 4, 1_035));
    assert_eq!(gate.decide(MADE, UnixMillis(1_011), 0.0), GateDecision::Forward);
    gate.observe(&of_few(1), received(1_011, 1_020, 0.0));
    assert_eq!((gate.spent, gate.budget), (0, 1), "the last ticket is not kept back");
    // The answer to the first order knows of it.
    let mut gate = Gate::default();
    assert_eq!(gate.decide(MADE, UnixMillis(1_000), 0.0), GateDecision::Forward);
    gate.observe(&of_few(1), received(1_000, 1_004, 0.0));
    assert_eq!(gate.decide(MADE, UnixMillis(1_005), 0.0), GateDecision::Forward);
    // Where there are many edges, a window ends.
    let mut gate = Gate::default();
    gate.observe(&grant(1, 5, Supply::Free), at(1_000));
    gate.observe(&grant(1, 9, Supply::Free), received(1_100, 1_110, 0.0));
    assert_eq!(gate.budget, 5);
}

/// All answers of one frame of a link have the same grant. The edge reads them one after the other,
/// perhaps in more than one millisecond, and sends what it may in between.
#[test]
fn answers_that_come_together_with_one_grant_are_all_known_to_it() {
    let mut gate = Gate::default();
    gate.observe(&of_few(9), at(1_000));
    for _ in 0..5 {
        assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Forward);
    }
    for unknown in [4, 3, 2] {
        gate.observe(&of_few(6), received(1_001, 1_010, 0.0));
        assert_eq!((gate.spent, gate.budget, gate.carried), (unknown, 6, unknown));
    }
    // Asked after the round began, so it is of another frame, and renews.
    gate.decide(MADE, UnixMillis(1_011), 0.0);
    gate.observe(&of_few(6), received(1_011, 1_020, 0.0));
    assert_eq!((gate.spent, gate.carried), (0, 0));
    // Of the round before, which counted it as known or will not know of it.
    gate.decide(MADE, UnixMillis(1_021), 0.0);
    gate.observe(&of_few(6), received(1_001, 1_022, 0.0));
    assert_eq!((gate.spent, gate.carried), (1, 0));
    // Another grant that comes late says nothing of this round.
    gate.observe(&of_few(7), received(1_011, 1_023, 0.0));
    assert_eq!((gate.spent, gate.budget), (1, 6));
    // A cold round, whose first order is asked at the moment that it begins.
    let mut gate = Gate::default();
    gate.observe(&of_few(3), at(1_000));
    let cold = (0..3).map(|_| gate.decide(MADE, UnixMillis(1_500), 0.0));
    assert_eq!(cold.filter(|decision| *decision == GateDecision::Forward).count(), 3);
    for unknown in [2, 1, 0] {
        gate.observe(&of_few(3), received(1_500, 1_504, 0.0));
        assert_eq!(gate.spent, unknown);
    }
}

#[test]
fn a_grant_that_comes_with_many_answers_is_one_share() {
    for (budget, arrivals) in [(0, 10), (6, 10), (40, 10), (40, 64)] {
        let mut gate = Gate::default();
        gate.observe(&of_few(arrivals), at(1_000));
        assert_eq!(forwarded(&mut gate, MADE, 1_001), arrivals as usize);
        let mut sent = 0;
        for answer in 0..u64::from(arrivals) {
            let now = 1_004 + answer / 4;
            gate.observe(&of_few(budget), received(1_001, now, 0.0));
            sent += forwarded(&mut gate, MADE, now);
        }
        assert_eq!(sent, budget as usize, "a share of {budget} after {arrivals} orders");
    }
}

#[test]
fn who_is_told_busy_waits_for_the_rest_of_the_round_and_up_to_a_quarter_of_a_second_more() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::Free), at(1_000));
    fill_the_places(&mut gate, 1_200);
    assert_eq!(busy_ms(&mut gate, MADE, 1_200, 0.0), 50);
    assert_eq!(busy_ms(&mut gate, MADE, 1_200, 0.5), 175);
    assert_eq!(spread(0, 0.0), 1);
    assert_eq!(spread(5_000, 1.0), 950);
}

#[test]
fn a_window_counts_from_the_answer_and_shrinks_by_chance_and_by_the_trip() {
    let ends = |when: Observation, window_ms| {
        let mut gate = Gate::default();
        let grant = Grant { window_ms, ..grant(1, 0, Supply::Free) };
        gate.observe(&grant, when);
        gate.round_ends.0
    };
    assert_eq!(ends(received(1_000, 1_100, 0.0), 250), 1_350);
    assert_eq!(ends(received(1_000, 1_100, 1.0), 250), 1_319);
    assert_eq!(ends(received(1_000, 1_100, 0.5), 400), 1_475);
    assert_eq!(ends(received(1_000, 1_600, 0.0), 250), 1_700);
    assert_eq!(ends(received(1_000, 1_700, 0.0), 250), 1_701);
    assert_eq!(ends(received(1_000, 9_000, 0.0), 250), 9_001);
}

#[test]
fn an_answer_to_what_was_asked_within_the_window_is_no_new_share() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 5, Supply::Free), at(1_000));
    gate.observe(&grant(1, 9, Supply::Free), received(1_249, 1_249, 0.0));
    assert_eq!(forwarded(&mut gate, MADE, 1_249), 5);
    gate.observe(&grant(1, 9, Supply::Free), received(1_250, 1_260, 0.0));
    assert_eq!(forwarded(&mut gate, MADE, 1_260), 9);
}

#[test]
fn a_newer_version_is_a_new_share_only_where_the_old_one_is_spent() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 2, Supply::Free), at(1_000));
    assert_eq!(gate.decide(MADE, UnixMillis(1_001), 0.0), GateDecision::Forward);
    gate.observe(&grant(2, 9, Supply::Free), at(1_002));
    assert_eq!(forwarded(&mut gate, MADE, 1_003), 1);
    gate.observe(&grant(2, 9, Supply::Free), at(1_004));
    assert_eq!(forwarded(&mut gate, MADE, 1_005), 0, "not newer");
    gate.observe(&grant(3, 9, Supply::Free), at(1_006));
    assert_eq!(forwarded(&mut gate, MADE, 1_007), 9);
}

#[test]
fn what_a_window_sent_is_no_part_of_the_next_and_a_cold_round_may_send_all_of_it() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 4, Supply::Free), at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 1_000), 4);
    gate.observe(&grant(1, 4, Supply::Free), at(1_250));
    assert_eq!(forwarded(&mut gate, MADE, 1_250), 4);
    // A cold round sends four, and the share that is granted is two.
    assert_eq!(forwarded(&mut gate, MADE, 1_500), 4);
    gate.observe(&grant(1, 2, Supply::Free), at(1_500));
    assert_eq!((gate.spent, gate.budget), (4, 2));
}

#[test]
fn a_latch_is_probed_a_period_after_the_question_but_not_before_the_answer() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::SoldOut), received(1_000, 1_100, 0.0));
    assert_eq!(forwarded(&mut gate, MADE, 1_249), 0);
    assert_eq!(forwarded(&mut gate, MADE, 1_250), 1);
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::SoldOut), received(1_000, 1_400, 0.0));
    assert_eq!(forwarded(&mut gate, MADE, 1_399), 0);
    assert_eq!(forwarded(&mut gate, MADE, 1_400), 1);
}

#[test]
fn keys_may_pass_a_latch_anew_after_a_second() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::SoldOut), at(1_000));
    assert_eq!(forwarded(&mut gate, SENT, 1_001), 4);
    assert_eq!(forwarded(&mut gate, REPEATED, 1_001), 4);
    // Made keys pass as probes, and leave nothing else.
    for now in [1_250, 1_500, 1_750] {
        assert_eq!(forwarded(&mut gate, MADE, now), 1);
    }
    assert_eq!(forwarded(&mut gate, SENT, 1_999), 0);
    assert_eq!(forwarded(&mut gate, MADE, 2_000), 1);
    assert_eq!(forwarded(&mut gate, SENT, 2_000), 4);
    assert_eq!(forwarded(&mut gate, REPEATED, 2_000), 4);
    assert_eq!(forwarded(&mut gate, SENT, 2_001), 0);
}

#[test]
fn where_edges_are_many_no_key_that_is_sent_for_the_first_time_passes_a_latch() {
    for (window_ms, expected) in [(250, 4), (251, 0)] {
        let mut gate = Gate::default();
        let grant = Grant { window_ms, ..grant(1, 0, Supply::SoldOut) };
        gate.observe(&grant, at(1_000));
        assert_eq!(forwarded(&mut gate, SENT, 1_001), expected);
        assert_eq!(forwarded(&mut gate, REPEATED, 1_001), 4);
    }
}

#[test]
fn a_repeated_key_is_told_to_come_back_when_the_next_probe_is_due() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::SoldOut), at(1_000));
    assert_eq!(forwarded(&mut gate, REPEATED, 1_001), 4);
    assert_eq!(busy_ms(&mut gate, REPEATED, 1_100, 0.0), 150);
}

#[test]
fn a_sale_opens_at_its_moment_and_is_probed_every_three_seconds_before() {
    let opening = Grant { opens_at: UnixMillis(20_000), ..grant(1, 7, Supply::NotOpen) };
    let mut gate = Gate::default();
    gate.observe(&opening, at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 3_999), 0);
    assert_eq!(forwarded(&mut gate, MADE, 4_000), 1);
    assert_eq!(forwarded(&mut gate, MADE, 6_999), 0);
    assert_eq!(forwarded(&mut gate, MADE, 7_000), 1);
    assert!(forwarded(&mut gate, MADE, 10_999) <= 1);
    assert_eq!(forwarded(&mut gate, MADE, 11_000), 7);
    assert!(!gate.is_latched());
}

#[test]
fn a_sale_without_a_moment_of_its_own_is_probed_like_any_other_and_names_none() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 7, Supply::NotOpen), at(1_000));
    assert_eq!(
        gate.decide(MADE, UnixMillis(1_001), 0.0),
        GateDecision::Refuse(Refusal::NotOpen(None))
    );
    assert_eq!(forwarded(&mut gate, MADE, 1_250), 1);
    assert!(gate.is_latched());
    // Nor does one that is sold out and did open once.
    let mut gate = Gate::default();
    let sold = Grant { opens_at: UnixMillis(10_500), ..grant(1, 7, Supply::SoldOut) };
    gate.observe(&sold, at(1_000));
    assert_eq!(forwarded(&mut gate, MADE, 1_600), 1);
    assert!(gate.is_latched());
}

#[test]
fn a_latch_takes_over_the_period_and_the_opening_that_it_hears_last() {
    let mut gate = Gate::default();
    gate.observe(&grant(1, 0, Supply::NotOpen), at(1_000));
    let opening = Grant { opens_at: UnixMillis(10_500), ..grant(1, 3, Supply::NotOpen) };
    gate.observe(&opening, at(1_010));
    assert_eq!(forwarded(&mut gate, MADE, 1_250), 1);
    assert_eq!(forwarded(&mut gate, MADE, 1_509), 0, "the next probe is far");
    assert_eq!(forwarded(&mut gate, MADE, 1_510), 3);
}

#[test]
fn the_first_answer_of_a_sale_counts_its_question_and_evicts_one_gate_at_the_bound() {
    let mut gates = Gates::default();
    let sale = |n: usize| SaleId::parse(&format!("sale-{n}")).unwrap();
    for n in 0..EDGE_SALES_MAX {
        gates.observe(&sale(n), &grant(1, 3, Supply::Free), at(5));
        assert_eq!(gates.known.len(), n + 1);
    }
    assert_eq!(forwarded(gates.of(&sale(0)), MADE, 6), 2);
    gates.observe(&sale(EDGE_SALES_MAX), &grant(1, 3, Supply::Free), at(5));
    assert_eq!(gates.known.len(), EDGE_SALES_MAX);
    assert!(gates.known.contains_key(&sale(EDGE_SALES_MAX)));
}
