//! Exact tests of the sale hint, to the number and the millisecond (`docs/evidence/MUTANTS.md`).

use super::*;
use crate::domain::sale::{SaleState, Terms};

fn snapshot(capacity: u32, held: u32, confirmed: u32) -> Snapshot {
    Snapshot {
        capacity,
        held,
        confirmed,
        version: 1,
        commit_seq: 5,
        state: SaleState::Open,
        terms: Terms::default(),
        at: UnixMillis(10_000),
    }
}

fn refused(hint: &mut SaleHint, key: KeySource, granted: bool, now: u64) -> Option<Refusal> {
    hint.receive(key, granted, UnixMillis(now), 0.5).refusal
}

#[test]
fn a_word_is_older_if_its_place_in_the_log_is_earlier_and_its_time_no_later() {
    let word = |commit_seq, at| Snapshot { commit_seq, at: UnixMillis(at), ..snapshot(9, 1, 0) };
    for (commit_seq, at, newest) in [
        (4, 9_999, false),
        (4, 10_000, false),
        (4, 10_001, true),
        (5, 9_999, true),
        (5, 10_000, true),
        (6, 1, true),
    ] {
        let mut hint = SaleHint::new(snapshot(9, 0, 0));
        assert_eq!(hint.observe(&word(commit_seq, at)), newest, "{commit_seq} {at}");
        assert_eq!(hint.snapshot().held, u32::from(newest));
    }
}

#[test]
fn a_sale_is_swept_while_something_is_held() {
    assert!(!SaleHint::new(snapshot(9, 0, 9)).is_to_be_swept());
    assert!(SaleHint::new(snapshot(9, 1, 0)).is_to_be_swept());
}

#[test]
fn a_no_from_memory_has_itself_checked_ten_times_a_second() {
    let mut hint = SaleHint::new(snapshot(9, 0, 9));
    let mut polls = |now| hint.receive(KeySource::Made, false, UnixMillis(now), 0.5).poll;
    assert!(polls(10_000));
    assert!(!polls(10_099));
    assert!(polls(10_100));
    assert!(!polls(10_101));
    let mut free = SaleHint::new(snapshot(9, 0, 8));
    let received = free.receive(KeySource::Made, false, UnixMillis(10_000), 0.5);
    let none = Received { refusal: None, poll: false };
    assert_eq!(received, none);
}

#[test]
fn each_no_has_its_reason_until_the_clock_may_have_opened_the_sale() {
    let no =
        |snapshot: Snapshot| refused(&mut SaleHint::new(snapshot), KeySource::Made, false, 20_000);
    let in_state = |state, opens_at| {
        let mut snapshot = snapshot(9, 0, 0);
        snapshot.state = state;
        snapshot.terms.opens_at = UnixMillis(opens_at);
        snapshot
    };
    assert_eq!(no(snapshot(9, 0, 9)), Some(Refusal::SoldOut));
    assert_eq!(no(snapshot(9, 1, 8)), Some(Refusal::AllHeld));
    assert_eq!(no(in_state(SaleState::Paused, 0)), Some(Refusal::Paused));
    assert_eq!(no(in_state(SaleState::Closed, 0)), Some(Refusal::Closed));
    let scheduled = |opens_at| in_state(SaleState::Scheduled, opens_at);
    assert_eq!(no(scheduled(0)), Some(Refusal::NotOpen(None)));
    let later = Some(UnixMillis(20_001));
    assert_eq!(no(scheduled(20_001)), Some(Refusal::NotOpen(later)));
    assert_eq!(no(scheduled(20_000)), None);
}

#[test]
fn who_may_have_an_order_is_asked_for_at_the_ledger_a_bounded_number_of_times() {
    let mut hint = SaleHint::new(snapshot(9, 0, 9));
    assert_eq!(refused(&mut hint, KeySource::Made, true, 10_000), Some(Refusal::SoldOut));
    for _ in 0..ORIGIN_RECHECKS_PER_SECOND {
        assert_eq!(refused(&mut hint, KeySource::Sent, false, 10_999), None);
    }
    assert_eq!(refused(&mut hint, KeySource::Sent, false, 10_999), Some(Refusal::SoldOut));
    let busy = Some(Refusal::Busy(375));
    assert_eq!(refused(&mut hint, KeySource::Repeated, false, 10_999), busy);
    assert_eq!(refused(&mut hint, KeySource::Known, false, 10_999), busy);
    assert_eq!(refused(&mut hint, KeySource::Sent, true, 10_999), None, "seen granted");
    assert_eq!(refused(&mut hint, KeySource::Repeated, false, 11_000), None);
}

#[test]
fn an_order_is_sent_while_stock_lasts_or_as_the_first_of_its_batch() {
    let hint = SaleHint::new(snapshot(9, 0, 8));
    let admit = |budget: &mut NodeBudget, first| {
        hint.admit(budget, KeySource::Made, 1, first, UnixMillis(10_000))
    };
    let mut budget = NodeBudget::of(1, 1, 2);
    assert_eq!(admit(&mut budget, false), Admission::Send);
    assert_eq!(admit(&mut budget, false), Admission::Later);
    assert_eq!(admit(&mut budget, true), Admission::Send);
    let none = SaleHint::new(snapshot(9, 0, 9));
    let mut admit = |key| none.admit(&mut budget, key, 1, true, UnixMillis(10_000));
    assert_eq!(admit(KeySource::Made), Admission::Refuse(Refusal::SoldOut));
    for key in [KeySource::Sent, KeySource::Repeated, KeySource::Known] {
        assert_eq!(admit(key), Admission::Send);
    }
}

#[test]
fn edges_that_ask_are_counted_and_hear_their_part_of_what_is_free() {
    let mut hint = SaleHint::new(snapshot(1_000, 0, 0));
    let load = |weight, live_weight| NodeLoad { waiting: 0, room: 100_000, weight, live_weight };
    let edge = |n: u32| EdgeId::parse(&format!("{n:016x}")).unwrap();
    let now = UnixMillis(10_000);
    assert_eq!(hint.live_edges(now), 0);
    let alone = hint.grant(&edge(1), load(1, 1), now, 0.5);
    assert_eq!(hint.live_edges(now), 1);
    assert_eq!((alone.version, alone.supply), (1, Supply::Free));
    // An edge that asks again in its window also gets what others leave ([`EdgeCensus`]).
    let mut half = SaleHint::new(snapshot(1_000, 0, 0));
    let first = half.grant(&edge(1), load(2, 4), now, 0.5);
    let second = half.grant(&edge(2), load(2, 4), now, 0.5);
    let again = half.grant(&edge(1), load(2, 4), now, 0.5);
    let budgets = [alone, first, second, again].map(|grant| grant.budget);
    assert_eq!(budgets, [275, 275, 275, 642]);
    // What waits here comes first, and a queue with little room bounds what is granted.
    let full = |waiting, room| {
        let load = NodeLoad { waiting, room, ..load(1, 1) };
        let mut hint = SaleHint::new(snapshot(1_000, 0, 0));
        hint.grant(&edge(1), load, now, 0.5).budget
    };
    assert_eq!([full(0, 10), full(990, 10_000), full(0, 0)], [10, 64, 0]);
    // Nothing is promised of a sale that has nothing.
    let mut none = SaleHint::new(snapshot(9, 0, 9));
    assert_eq!(none.grant(&edge(1), load(1, 1), now, 0.5).supply, Supply::SoldOut);
}

#[test]
fn queues_are_told_for_the_cluster_by_weight() {
    let load = |weight, live_weight| NodeLoad { waiting: 30, room: 0, weight, live_weight };
    assert_eq!(load(1, 10).in_cluster(30), 300);
    assert_eq!(load(3, 10).in_cluster(30), 100);
    assert_eq!(load(3, 2).in_cluster(30), 30);
    assert_eq!(load(0, 0).in_cluster(30), 0);
    assert_eq!(load(1, u32::MAX).in_cluster(u64::MAX), u32::MAX);
}

#[test]
fn who_is_told_busy_comes_back_within_the_next_window() {
    assert_eq!(retry_after_ms(0.0), 250);
    assert_eq!(retry_after_ms(0.5), 375);
}
