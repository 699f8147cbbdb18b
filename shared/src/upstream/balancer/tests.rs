//! Tests of the balancer.

use super::*;
use crate::domain::ids::BuyerId;
use crate::limits::{EDGE_ATTEMPT_MS, SHED_MS, STALL_MS, TURN_ORDERS_MAX};
use proptest::prelude::*;

fn rows(weights: &[u32]) -> Vec<OriginRow> {
    let row = |(i, weight): (usize, &u32)| {
        OriginRow::new(format!("http://127.0.0.1:{}", 3001 + i), *weight)
    };
    weights.iter().enumerate().map(row).collect()
}

fn router(weights: &[u32], balance: Balance) -> Router {
    Router::new(rows(weights), balance, None).unwrap()
}

/// Picks and answers at once.
fn served(router: &mut Router, sender: &RouteKey<'_>, now: u64) -> usize {
    let index = router.pick(sender, Tried::default(), UnixMillis(now)).unwrap();
    router.report(index, AttemptOutcome::Answered, UnixMillis(now));
    index
}

fn picks(router: &mut Router, count: usize, now: u64) -> Vec<usize> {
    (0..count).map(|_| served(router, &RouteKey::default(), now) + 1).collect()
}

fn fail(router: &mut Router, index: usize, times: usize, now: u64) {
    for _ in 0..times {
        router.report(index, AttemptOutcome::Failed, UnixMillis(now));
    }
}

fn from_ip(ip: &str) -> RouteKey<'static> {
    RouteKey { ip: Some(ip.parse().unwrap()), ..RouteKey::default() }
}

#[test]
fn isolates_that_start_together_do_not_all_begin_with_the_same_origin() {
    let mut first = [0; 4];
    for start in 0..10 {
        let rows = (1..=4).map(|w| OriginRow::new(format!("http://o{w}"), w));
        let router = Router::new(rows.collect(), Balance::RoundRobin, None).unwrap();
        let mut router = router.starting_at(f64::from(start) / 10.0);
        let mut counts = [0; 4];
        for turn in 0..10 {
            let picked = router.pick(&RouteKey::default(), Tried::default(), UnixMillis(1));
            counts[picked.unwrap()] += 1;
            if turn == 0 {
                first[picked.unwrap()] += 1;
            }
        }
        assert_eq!(counts, [1, 2, 3, 4], "every ten turns are exact");
    }
    assert_eq!(first, [1, 2, 3, 4]);
}

#[test]
fn weights_1_2_3_4_are_served_in_the_order_of_nginx() {
    let mut router = router(&[1, 2, 3, 4], Balance::RoundRobin);
    let period = [4, 3, 2, 4, 1, 3, 4, 2, 3, 4];
    assert_eq!(picks(&mut router, 10, 0), period);
    assert_eq!(picks(&mut router, 10, 0), period);
}

#[test]
fn weights_5_1_1_are_served_smoothly() {
    assert_eq!(picks(&mut router(&[5, 1, 1], Balance::RoundRobin), 7, 0), [1, 1, 2, 1, 3, 1, 1]);
}

#[test]
fn ip_hash_sends_addresses_where_nginx_sends_them() {
    let mut router = router(&[1, 2, 3, 4], Balance::IpHash);
    assert_eq!(served(&mut router, &from_ip("127.0.0.1"), 0) + 1, 1);
    for last in [0, 1, 77, 255] {
        assert_eq!(served(&mut router, &from_ip(&format!("10.20.30.{last}")), 0) + 1, 3);
    }
}

#[test]
fn ip_hash_moves_to_another_origin_when_its_own_rests() {
    let mut router = router(&[1, 2, 3, 4], Balance::IpHash);
    fail(&mut router, 0, 2, 1_000);
    let moved = served(&mut router, &from_ip("127.0.0.1"), 1_001);
    assert_ne!(moved, 0);
    assert_eq!(served(&mut router, &from_ip("127.0.0.1"), 1_002), moved);
}

#[test]
fn a_failing_origin_rests_gets_a_single_trial_and_starts_slowly() {
    let mut router = router(&[1, 1], Balance::RoundRobin);
    fail(&mut router, 0, 2, 1_000);
    assert_eq!(picks(&mut router, 6, 1_002), [2; 6]);
    let picked: Vec<usize> = (0..6)
        .map(|_| router.pick(&RouteKey::default(), Tried::default(), UnixMillis(3_100)).unwrap())
        .collect();
    assert_eq!(picked.iter().filter(|i| **i == 0).count(), 1, "{picked:?}");
    router.report(0, AttemptOutcome::Answered, UnixMillis(3_101));
    (0..5).for_each(|_| router.report(1, AttemptOutcome::Answered, UnixMillis(3_101)));
    let share =
        |router: &mut Router, now| picks(router, 100, now).iter().filter(|i| **i == 1).count();
    let (early, middle, late) =
        (share(&mut router, 3_300), share(&mut router, 4_100), share(&mut router, 5_200));
    assert!(early < 20 && (25..=40).contains(&middle) && late == 50, "{early} {middle} {late}");
}

#[test]
fn when_all_rest_all_are_tried() {
    let mut router = router(&[1, 2], Balance::RoundRobin);
    fail(&mut router, 0, 2, 1_000);
    fail(&mut router, 1, 2, 1_000);
    let mut tried = Tried::default();
    let first = router.pick(&RouteKey::default(), tried, UnixMillis(1_001)).unwrap();
    tried.add(first);
    let second = router.pick(&RouteKey::default(), tried, UnixMillis(1_001)).unwrap();
    tried.add(second);
    assert_ne!(first, second);
    assert_eq!(router.pick(&RouteKey::default(), tried, UnixMillis(1_001)), None);
}

#[test]
fn a_frozen_origin_is_left_alone_within_a_second_and_asked_again_when_it_answers() {
    let mut router = router(&[1, 1], Balance::RoundRobin);
    let frozen = router.pick(&RouteKey::default(), Tried::default(), UnixMillis(1_000)).unwrap();
    let mut now = 1_000;
    let mut asked_last = now;
    while now < 3_000 {
        now += 10;
        let picked = router.pick(&RouteKey::default(), Tried::default(), UnixMillis(now)).unwrap();
        if picked == frozen {
            asked_last = now;
        } else {
            router.report(picked, AttemptOutcome::Answered, UnixMillis(now));
        }
    }
    assert!(asked_last < 1_000 + STALL_MS + 50, "asked until {asked_last}");
    router.report(frozen, AttemptOutcome::Answered, UnixMillis(now));
    assert!(picks(&mut router, 10, now).iter().any(|i| i - 1 == frozen));
}

#[test]
fn a_request_leaves_a_frozen_origin_within_a_second_while_another_one_answers() {
    for busy in [false, true] {
        let mut router = router(&[1, 1], Balance::RoundRobin);
        let mut now = 1_000;
        let mut tried = Tried::default();
        let frozen = router.pick(&RouteKey::default(), tried, UnixMillis(now)).unwrap();
        tried.add(frozen);
        loop {
            now += router.silence_limit_ms(frozen);
            if busy {
                router.report(1 - frozen, AttemptOutcome::Answered, UnixMillis(now));
            }
            if router.should_leave(frozen, tried, UnixMillis(now)) {
                break;
            }
            assert!(now < 2_000, "still waits at {now}");
        }
        assert!(now > 1_000 + STALL_MS, "left at {now}, which is too early");
        router.report(frozen, AttemptOutcome::Silent, UnixMillis(now));
        let next = router.pick(&RouteKey::default(), tried, UnixMillis(now));
        assert_eq!(next, Some(1 - frozen));
        router.report(1 - frozen, AttemptOutcome::Answered, UnixMillis(now));
        let others = picks(&mut router, 4, now + 1);
        assert_eq!(others, [2 - frozen; 4], "it rests at once");
    }
}

#[test]
fn a_request_stays_with_an_origin_that_answers_others_and_when_all_are_silent() {
    let mut two = router(&[1, 1], Balance::RoundRobin);
    let mut pick = |now| two.pick(&RouteKey::default(), Tried::default(), UnixMillis(now)).unwrap();
    let (first, second) = (pick(1_000), pick(1_000));
    let mut tried = Tried::default();
    tried.add(first);
    for now in (1_200..4_000).step_by(200) {
        assert!(!two.should_leave(first, tried, UnixMillis(now)), "nobody else answers either");
    }
    two.report(second, AttemptOutcome::Answered, UnixMillis(4_000));
    assert!(two.should_leave(first, tried, UnixMillis(4_001)));

    let mut slow = router(&[1, 1], Balance::RoundRobin);
    let mut pick =
        |now| slow.pick(&RouteKey::default(), Tried::default(), UnixMillis(now)).unwrap();
    let first = pick(1_000);
    let (_, again) = (pick(1_000), pick(1_000));
    assert_eq!(again, first);
    for now in (1_200..4_000).step_by(200) {
        slow.report(first, AttemptOutcome::Answered, UnixMillis(now));
        slow.pick(&RouteKey::default(), tried, UnixMillis(now));
        assert!(!slow.should_leave(first, tried, UnixMillis(now)), "slow for one, not silent");
    }
}

#[test]
fn a_request_whose_end_was_never_reported_does_not_eject_its_origin_for_ever() {
    let mut router = router(&[1, 1], Balance::RoundRobin);
    let first = router.pick(&RouteKey::default(), Tried::default(), UnixMillis(1_000)).unwrap();
    let mut asked = |until| {
        let mut now = 1_000;
        while now < until {
            now += 100;
            router.report(1 - first, AttemptOutcome::Answered, UnixMillis(now));
        }
        picks(&mut router, 10, now).contains(&(first + 1))
    };
    assert!(!asked(2_500), "silent");
    assert!(asked(9_000), "nobody waits any more");
}

#[test]
fn an_edge_that_slept_itself_blames_no_origin() {
    let mut router = router(&[1, 2, 3, 4], Balance::RoundRobin);
    let mut pick =
        |now| router.pick(&RouteKey::default(), Tried::default(), UnixMillis(now)).unwrap() + 1;
    let before: Vec<usize> = (0..5).map(|_| pick(1_000)).collect();
    let after: Vec<usize> = (0..5).map(|_| pick(9_000)).collect();
    assert_eq!([before, after].concat(), [4, 3, 2, 4, 1, 3, 4, 2, 3, 4]);
}

#[test]
fn an_origin_that_sheds_is_spared_for_a_moment_but_has_not_failed() {
    for balance in [Balance::RoundRobin, Balance::LeastInFlight, Balance::RandomTwo] {
        let mut router = router(&[1, 1], balance);
        router.report(0, AttemptOutcome::Shed, UnixMillis(1_000));
        assert_eq!(picks(&mut router, 10, 1_001), [2; 10]);
        router.report(1, AttemptOutcome::Shed, UnixMillis(1_001));
        assert!(picks(&mut router, 10, 1_002).contains(&1), "both shed: both are asked");
        assert!(picks(&mut router, 10, 1_002 + SHED_MS).contains(&1));
    }
}

#[test]
fn an_origin_counts_as_failing_from_its_last_allowed_failure_to_its_next_answer() {
    let mut router = router(&[1, 1], Balance::RoundRobin);
    let max_fails = rows(&[1])[0].max_fails as usize;
    assert_eq!(router.failing(), 0, "none was asked");
    fail(&mut router, 0, max_fails - 1, 1_000);
    assert_eq!(router.failing(), 0);
    fail(&mut router, 0, 1, 1_000);
    fail(&mut router, 1, max_fails, 1_000);
    assert_eq!(router.failing(), 2);
    // That their rest is over says nothing of them.
    let later = 1_001 + rows(&[1])[0].fail_timeout_ms;
    served(&mut router, &RouteKey::default(), later);
    assert_eq!(router.failing(), 1);
    served(&mut router, &RouteKey::default(), later);
    assert_eq!(router.failing(), 0);
}

#[test]
fn the_local_zone_is_asked_first_and_others_when_it_rests_or_sheds() {
    let mut table = rows(&[1, 1, 1]);
    table[0].zone = Some("east".into());
    table[1].zone = Some("east".into());
    table[2].zone = Some("west".into());
    let mut router = Router::new(table.clone(), Balance::RoundRobin, Some("east")).unwrap();
    assert!(!picks(&mut router, 10, 1_000).contains(&3));
    router.report(0, AttemptOutcome::Shed, UnixMillis(1_000));
    assert_eq!(picks(&mut router, 4, 1_001), [2; 4]);
    router.report(1, AttemptOutcome::Shed, UnixMillis(1_001));
    assert_eq!(picks(&mut router, 4, 1_002), [3; 4], "spills over when all of its own shed");
    fail(&mut router, 0, 2, 5_000);
    fail(&mut router, 1, 2, 5_000);
    assert_eq!(picks(&mut router, 4, 5_001), [3; 4], "and when its zone is lost");
    let nowhere = Router::new(table, Balance::RoundRobin, Some("north")).unwrap_err();
    assert!(nowhere.to_string().contains("east, west"), "{nowhere}");
}

#[test]
fn a_zone_that_comes_back_takes_its_load_back_slowly() {
    let mut table = rows(&[1, 1, 2]);
    table[0].zone = Some("east".into());
    table[1].zone = Some("east".into());
    table[2].zone = Some("west".into());
    let mut router = Router::new(table, Balance::RoundRobin, Some("east")).unwrap();
    fail(&mut router, 0, 2, 1_000);
    fail(&mut router, 1, 2, 1_000);
    assert_eq!(picks(&mut router, 100, 1_001), [3; 100], "the zone is lost");
    // The trials; both are answered.
    assert_eq!(picks(&mut router, 2, 3_100), [1, 2]);
    let mut west = |now| picks(&mut router, 100, now).iter().filter(|i| **i == 3).count();
    let (early, middle, late) = (west(3_300), west(4_100), west(5_200));
    assert!(
        (85..=95).contains(&early) && (45..=55).contains(&middle) && late == 0,
        "{early} {middle} {late}"
    );
}

#[test]
fn one_node_of_a_zone_that_comes_back_does_not_send_its_neighbours_load_away() {
    let mut table = rows(&[1, 1, 2]);
    table[0].zone = Some("east".into());
    table[1].zone = Some("east".into());
    table[2].zone = Some("west".into());
    let mut router = Router::new(table, Balance::RoundRobin, Some("east")).unwrap();
    fail(&mut router, 0, 2, 1_000);
    assert_eq!(picks(&mut router, 4, 1_001), [2; 4]);
    for now in [3_100, 3_300, 4_100, 5_200] {
        assert!(!picks(&mut router, 20, now).contains(&3), "at {now}");
    }
}

#[test]
fn a_backup_is_asked_only_when_the_others_rest() {
    let mut table = rows(&[1, 1, 1]);
    table[2].backup = true;
    let mut router = Router::new(table, Balance::RoundRobin, None).unwrap();
    assert!(!picks(&mut router, 30, 1_000).contains(&3));
    fail(&mut router, 0, 2, 1_000);
    assert_eq!(picks(&mut router, 3, 1_001), [2; 3]);
    fail(&mut router, 1, 2, 1_002);
    assert_eq!(picks(&mut router, 3, 1_003), [3; 3]);
}

#[test]
fn when_one_of_five_origins_leaves_only_its_own_buyers_move() {
    let buyers: Vec<BuyerId> =
        (0..10_000).map(|n| BuyerId::parse(&format!("buyer-{n}")).unwrap()).collect();
    let homes = |router: &mut Router| -> Vec<usize> {
        let home =
            |buyer| served(router, &RouteKey { buyer: Some(buyer), ..RouteKey::default() }, 1_000);
        buyers.iter().map(home).collect()
    };
    let mut router = router(&[1, 1, 1, 1, 4], Balance::BuyerHash);
    let before = homes(&mut router);
    let share = before.iter().filter(|home| **home == 4).count();
    assert!((4_800..5_200).contains(&share), "half of the weight has half of the buyers: {share}");
    fail(&mut router, 2, 2, 1_000);
    let after = homes(&mut router);
    let moved = before.iter().zip(&after).filter(|(a, b)| a != b).count();
    let lost = before.iter().filter(|home| **home == 2).count();
    assert_eq!(moved, lost);
    assert!((1_100..1_400).contains(&moved), "about an eighth: {moved}");
}

#[test]
fn least_in_flight_fills_origins_by_their_weight() {
    let mut router = router(&[1, 2, 3, 4], Balance::LeastInFlight);
    let mut counts = [0; 4];
    for _ in 0..100 {
        counts[router.pick(&RouteKey::default(), Tried::default(), UnixMillis(0)).unwrap()] += 1;
    }
    assert_eq!(counts, [10, 20, 30, 40]);
}

#[test]
fn random_two_prefers_the_less_loaded_and_follows_the_weights() {
    let mut router = router(&[1, 3], Balance::RandomTwo);
    let mut counts = [0; 2];
    for n in 0..400_u32 {
        let chance = [f64::from(n % 20) / 20.0, f64::from(n % 7) / 7.0];
        let sender = RouteKey { chance, ..RouteKey::default() };
        counts[router.pick(&sender, Tried::default(), UnixMillis(0)).unwrap()] += 1;
    }
    assert!((95..=105).contains(&counts[0]), "{counts:?}");
}

#[test]
fn a_wrong_table_is_refused_in_words() {
    let error = |rows| Router::new(rows, Balance::RoundRobin, None).unwrap_err();
    let row = OriginRow::new;
    assert_eq!(error(vec![]), TableError::Empty);
    assert!(matches!(error(vec![row("http://a", 0)]), TableError::Weight(_)));
    assert!(matches!(error(vec![row("http://a/", 1)]), TableError::Url(_)));
    assert!(matches!(error(vec![row("127.0.0.1:3001", 1)]), TableError::Url(_)));
    assert!(matches!(error(vec![row("http://a", 1), row("http://a", 1)]), TableError::Twice(_)));
    let only_backup = OriginRow { backup: true, ..row("http://a", 1) };
    assert_eq!(error(vec![only_backup]), TableError::OnlyBackups);
    let never = OriginRow { fail_timeout_ms: 0, ..row("http://a", 1) };
    assert!(matches!(error(vec![never]), TableError::Health(_)));
    let in_zone = |url: &'static str, zone: &str, backup| OriginRow {
        zone: Some(zone.to_owned()),
        backup,
        ..row(url, 1)
    };
    assert!(matches!(error(vec![in_zone("http://a", "", false)]), TableError::ZoneName(_)));
    let zoned = |rows| {
        let wrong = Router::new(rows, Balance::RoundRobin, Some("north")).unwrap_err();
        wrong.to_string()
    };
    assert!(zoned(vec![row("http://a", 1)]).ends_with("the table names no zones"));
    let rows = vec![
        in_zone("http://a", "west", false),
        in_zone("http://b", "east", false),
        in_zone("http://c", "west", false),
        in_zone("http://d", "north", true),
    ];
    assert!(zoned(rows).ends_with("the zones east, north, west"));
}

proptest! {
    #[test]
    fn a_period_serves_each_origin_exactly_its_weight(
        weights in proptest::collection::vec(1u32..=20, 1..=8),
    ) {
        let mut router = router(&weights, Balance::RoundRobin);
        let period: u32 = weights.iter().sum();
        for _ in 0..3 {
            let mut counts = vec![0u32; weights.len()];
            for pick in picks(&mut router, period as usize, 0) {
                counts[pick - 1] += 1;
            }
            prop_assert_eq!(&counts, &weights);
        }
    }

    #[test]
    fn some_origin_is_always_picked_until_all_were_tried(
        weights in proptest::collection::vec(1u32..=9, 1..=6),
        balance in 0usize..5,
        fates in proptest::collection::vec((0usize..6, 0u8..4, 0u64..900), 0..60),
    ) {
        let balance = [Balance::RoundRobin, Balance::IpHash, Balance::BuyerHash,
            Balance::LeastInFlight, Balance::RandomTwo][balance];
        let mut router = router(&weights, balance);
        let mut now = 1_000;
        for (index, fate, pause) in fates {
            now += pause;
            let outcome = match fate {
                0 => AttemptOutcome::Answered,
                1 => AttemptOutcome::Shed,
                2 => AttemptOutcome::Failed,
                _ => AttemptOutcome::Silent,
            };
            router.report(index % weights.len(), outcome, UnixMillis(now));
        }
        let mut tried = Tried::default();
        for _ in 0..weights.len() {
            let picked = router.pick(&from_ip("10.0.0.1"), tried, UnixMillis(now));
            prop_assert!(picked.is_some_and(|index| !tried.has(index)));
            tried.add(picked.unwrap());
        }
        prop_assert_eq!(router.pick(&RouteKey::default(), tried, UnixMillis(now)), None);
    }
}

#[test]
fn while_all_origins_are_silent_a_request_looks_no_oftener_than_usual() {
    let mut router = router(&[1], Balance::RoundRobin);
    let mut now = 1_000;
    router.pick(&RouteKey::default(), Tried::default(), UnixMillis(now));
    let mut tried = Tried::default();
    tried.add(0);
    let mut looks = 0;
    while now < 1_000 + EDGE_ATTEMPT_MS {
        now += router.silence_limit_ms(0);
        assert!(!router.should_leave(0, tried, UnixMillis(now)));
        looks += 1;
    }
    assert!(looks <= EDGE_ATTEMPT_MS / SILENCE_POLL_MS + 2, "{looks} looks");
}

#[test]
fn orders_that_go_together_leave_no_node_further_from_its_share_than_one_turn_of_them() {
    let weights = [1, 2, 3, 4];
    let mut router = router(&weights, Balance::RoundRobin);
    let (mut sent, mut turn) = ([0_u32; 4], None);
    let mut left = 0;
    for order in 1..=20_000_u32 {
        if left == 0 {
            // Turns of 1 to 64 orders, in no regular order.
            (turn, left) = (None, 1 + order.wrapping_mul(2_654_435_761) % TURN_ORDERS_MAX);
        }
        left -= 1;
        let sender = RouteKey { turn, ..RouteKey::default() };
        let index = router.pick(&sender, Tried::default(), UnixMillis(1_000)).unwrap();
        router.report(index, AttemptOutcome::Answered, UnixMillis(1_000));
        turn = Some(index);
        sent[index] += 1;
        for (sent, weight) in sent.iter().zip(weights) {
            let share = order * weight / 10;
            assert!(sent.abs_diff(share) <= TURN_ORDERS_MAX, "{sent} of {share} after {order}");
        }
    }
}

#[test]
fn an_origin_that_fails_is_not_kept_for_the_rest_of_the_turn() {
    let mut router = router(&[1, 1], Balance::RoundRobin);
    let sender = RouteKey { turn: Some(1), ..RouteKey::default() };
    let mut tried = Tried::default();
    tried.add(1);
    assert_eq!(router.pick(&sender, tried, UnixMillis(1_000)), Some(0), "it was tried");
    router.report(1, AttemptOutcome::Silent, UnixMillis(1_000));
    assert_eq!(router.pick(&sender, Tried::default(), UnixMillis(1_000)), Some(0), "it rests");
}
