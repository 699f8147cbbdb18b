//! Tests of the rules of recovery.

use super::*;

const H: &str = "history";

fn lookup() -> RecoveryLookup {
    RecoveryLookup {
        history: H.into(),
        whole: false,
        found: 10,
        state: SaleState::Open,
        lost: vec![(3, 6)],
        mark: None,
        marks_only: false,
    }
}

fn known(weight: u32, beat: u64, declared: &[&str]) -> Known {
    Known {
        weight,
        beat: UnixMillis(beat),
        declared: declared.iter().map(|h| (*h).to_owned()).collect(),
    }
}

fn nodes(at: u64, known: &[(u16, Known)]) -> Nodes {
    Nodes { at: UnixMillis(at), known: known.iter().cloned().collect(), ..Nodes::default() }
}

#[test]
fn a_sale_that_has_all_that_a_node_knows_asks_nothing_of_it() {
    let mine = Mine { received: 10, noted: 10, in_lost: false };
    assert_eq!(duty(&lookup(), mine), Duty::Adopt);
    let whole = RecoveryLookup { whole: true, ..lookup() };
    let newer = Mine { received: 12, ..mine };
    // One that was created again under its name after it was lost.
    assert_eq!(duty(&whole, newer), Duty::Restore);
    assert_eq!(duty(&lookup(), newer), Duty::Restore);
    let noted = Mine { noted: 11, ..mine };
    assert_eq!(duty(&lookup(), noted), Duty::Restore);
    let lost = Mine { in_lost: true, ..mine };
    assert_eq!(duty(&lookup(), lost), Duty::Restore);
    assert_eq!(duty(&whole, lost), Duty::Late);
}

#[test]
fn a_node_that_registered_before_it_died_makes_its_passes_when_it_is_back() {
    let marked = |mark| RecoveryLookup { mark: Some(mark), ..lookup() };
    assert_eq!(duty(&marked(0), Mine::default()), Duty::Restore);
    assert_eq!(duty(&marked(2), Mine::default()), Duty::Restore);
    assert_eq!(duty(&marked(3), Mine::default()), Duty::Adopt);
}

#[test]
fn a_node_is_waited_for_while_it_beats_and_no_longer_than_the_patience_after_its_silence() {
    let mut nodes_awaited = AwaitedNodes::new(Some(1));
    assert!(nodes_awaited.begin(H, &BTreeSet::from([1, 2, 3]), 1_000));
    assert!(!nodes_awaited.begin(H, &BTreeSet::new(), 2_000));
    let mut now = 1_000;
    // Node 2 has a heartbeat each second and does not declare; node 3 has none.
    while now < 1_000 + HEAL_LONGEST_MS {
        let list = [(1, known(1, now, &[H])), (2, known(1, now, &[])), (3, known(1, 500, &[]))];
        nodes_awaited.receive(nodes(now, &list), now);
        let view = nodes_awaited.view(H, now);
        let three = view.awaited.contains(&(3, false));
        assert_eq!(three, now < 1_000 + HEAL_SILENCE_MS, "at {now}");
        assert!(view.awaited.contains(&(2, false)), "at {now}");
        assert!(!view.is_declared());
        assert!(nodes_awaited.overdue(H, now).is_empty());
        now += 1_000;
    }
    let view = nodes_awaited.view(H, now);
    assert_eq!(view.awaited, [(1, true)]);
    assert_eq!(view.missing, [(2, false), (3, false)]);
    assert_eq!(nodes_awaited.overdue(H, now), [2], "it has a heartbeat and is named");
    assert!(view.is_declared());
}

#[test]
fn silence_is_counted_from_the_last_beat_and_not_from_the_beginning() {
    let mut nodes_awaited = AwaitedNodes::new(Some(1));
    nodes_awaited.begin(H, &BTreeSet::from([1, 2]), 0);
    nodes_awaited.receive(nodes(9_000, &[(2, known(1, 9_000, &[]))]), 9_000);
    let waits = |nodes_awaited: &AwaitedNodes, now| {
        nodes_awaited.view(H, now).awaited.contains(&(2, false))
    };
    assert!(waits(&nodes_awaited, 9_000 + HEAL_SILENCE_MS - 1));
    assert!(!waits(&nodes_awaited, 9_000 + HEAL_SILENCE_MS));
    // The ledger's clock leaps: nobody has fallen silent by that.
    let mut nodes_awaited = AwaitedNodes::new(Some(1));
    nodes_awaited.begin(H, &BTreeSet::from([1, 2]), 0);
    nodes_awaited.receive(nodes(100, &[(2, known(1, 90, &[]))]), 100);
    nodes_awaited.receive(nodes(900_000, &[(2, known(1, 90, &[]))]), 200);
    assert!(waits(&nodes_awaited, 300));
}

#[test]
fn a_node_that_fell_silent_long_ago_is_missing_at_once_and_one_that_left_is_not() {
    let mut nodes_awaited = AwaitedNodes::new(Some(1));
    nodes_awaited.begin(H, &BTreeSet::from([1]), 0);
    let list =
        [(1, known(1, 99_000, &[H])), (2, known(0, 1_000, &[])), (3, known(1, 99_000, &[H]))];
    nodes_awaited.receive(nodes(100_000, &list), 0);
    assert_eq!(nodes_awaited.view(H, 0).missing, [(2, false)]);
    // Node 3 stops and leaves.
    nodes_awaited.receive(nodes(100_500, &list[..2]), 500);
    let view = nodes_awaited.view(H, 500);
    assert_eq!(view.awaited, [(1, true)]);
    assert_eq!(view.missing, [(2, false)]);
    assert!(view.is_declared());
}

#[test]
fn one_that_another_node_found_silent_a_moment_ago_is_waited_for_by_a_node_that_has_just_started() {
    let mut nodes_awaited = AwaitedNodes::new(Some(1));
    nodes_awaited.begin(H, &BTreeSet::from([1]), 0);
    nodes_awaited.receive(nodes(10_000, &[(2, known(0, 6_500, &[]))]), 0);
    assert!(nodes_awaited.view(H, 0).awaited.contains(&(2, false)));
}

#[test]
fn a_pass_begins_when_all_have_made_the_one_before_it() {
    let stage = |made| RecoveryStage::Heals { found: 1, made };
    let mut turn = Turn::default();
    assert_eq!(turn.next(stage(None)), Next::Make(Pass::First));
    turn.has_made(Pass::First, true);
    assert_eq!(turn.next(stage(None)), Next::Wait);
    assert_eq!(turn.next(stage(Some(Pass::First))), Next::Make(Pass::Second));
    turn.has_made(Pass::Second, true);
    assert_eq!(turn.next(stage(Some(Pass::First))), Next::Wait);
    assert_eq!(turn.next(stage(Some(Pass::Second))), Next::Make(Pass::Last));
    turn.has_made(Pass::Last, true);
    assert_eq!(turn.next(stage(Some(Pass::Last))), Next::Wait);
    assert_eq!(turn.next(RecoveryStage::Whole { by_us: true }), Next::End);
    let mut quick = Turn::default();
    quick.has_made(Pass::First, false);
    assert_eq!(quick.made(), Some(Pass::Last));
}

#[test]
fn numbers_go_on_beyond_all_that_may_have_been_given_and_never_back() {
    let now = UnixMillis(1_795_951_445_049);
    let first = beyond(12, now);
    assert_eq!(first, 17_959_514_450_490);
    // A second later, after the recovery before was lost with all that was given since.
    assert!(beyond(12, UnixMillis(now.0 + 1_000)) > first + 9_999);
    // A clock that was set back.
    assert_eq!(beyond(first, UnixMillis(5)), first + 1_000_000);
    // Lua writes numbers below 10^14 in full, and a clock may be wrong by centuries.
    assert!(beyond(0, UnixMillis::LAST) < 100_000_000_000_000);
}

#[test]
fn each_sale_is_in_the_share_of_one_node() {
    let view = View { awaited: vec![(1, true), (4, true), (9, true)], ..View::default() };
    assert_eq!([1, 4, 9].map(|me| view.share(me)), [(0, 3), (1, 3), (2, 3)]);
}
