//! Tests of the gate of calls about orders.

use super::*;
use proptest::prelude::*;

const LIMITS: CallLimits =
    CallLimits { per_sale: 100, overall: 150, sales: 4, orders: 64, clients: 64, early: 64 };
const NOW: u64 = 1_000_000;

fn calls() -> OrderCalls {
    OrderCalls::new(LIMITS, 7)
}

fn sale(name: &str) -> SaleId {
    SaleId::parse(name).unwrap()
}

fn order(n: u64) -> OrderId {
    OrderId::parse(&format!("order-{n:016}")).unwrap()
}

fn ip(n: u8) -> Option<IpAddr> {
    Some(IpAddr::from([10, 0, 0, n]))
}

/// A call about order `n` of a sale that exists, from one address.
struct Asked<'a> {
    sale: &'a str,
    exists: bool,
    known: bool,
    client: Option<IpAddr>,
    token: Option<&'a str>,
}

const ASKED: Asked<'static> =
    Asked { sale: "spring", exists: true, known: false, client: None, token: None };

fn ask(
    calls: &mut OrderCalls,
    asked: &Asked<'_>,
    n: u64,
    now: u64,
) -> Result<CallClass, CallRefusal> {
    let (sale, order) = (sale(asked.sale), order(n));
    let call = OrderCall {
        sale: &sale,
        exists: asked.exists,
        order: &order,
        known: asked.known,
        client: asked.client,
        token: asked.token,
        lookups: 1,
    };
    calls.decide(&call, UnixMillis(now))
}

/// How many of `count` calls about orders that nobody has seen go on at this moment.
fn passed(calls: &mut OrderCalls, asked: &Asked<'_>, count: u64, now: u64) -> u64 {
    (0..count).map(|n| u64::from(ask(calls, asked, now * 10_000 + n, now).is_ok())).sum()
}

#[test]
fn a_flood_of_invented_orders_gets_its_burst_and_then_the_rate() {
    let mut calls = calls();
    // Heavy: one address leaves half of the burst, of 200, to others.
    assert_eq!(passed(&mut calls, &ASKED, 10_000, NOW), 100);
    assert_eq!(passed(&mut calls, &ASKED, 10_000, NOW + 5), 0);
    let later: u64 = (1..=100).map(|t| passed(&mut calls, &ASKED, 100, NOW + t * 10)).sum();
    assert_eq!(later, 100, "the rate of a second");
}

#[test]
fn a_buyer_at_another_address_is_served_in_the_middle_of_a_flood() {
    let mut calls = calls();
    for t in 0..200 {
        let now = NOW + t * 10;
        passed(&mut calls, &ASKED, 50, now);
        let buyer = Asked { client: ip((t % 100) as u8), ..ASKED };
        assert_eq!(ask(&mut calls, &buyer, t, now), Ok(CallClass::Stranger), "at {t}");
    }
}

#[test]
fn a_flood_from_everywhere_is_bounded_by_the_whole_budget() {
    let mut calls = calls();
    let mut all = 0;
    for t in 0..100 {
        for n in 0..100 {
            let asked = Asked { client: ip((t + n) as u8), ..ASKED };
            all += u64::from(ask(&mut calls, &asked, t * 100 + n, NOW + t * 10).is_ok());
        }
    }
    assert!((200..=300).contains(&all), "a burst of 200 and 100 of the second: {all}");
}

#[test]
fn a_known_order_goes_on_during_a_flood_and_is_itself_no_way_around_the_budget() {
    let mut calls = calls();
    passed(&mut calls, &ASKED, 10_000, NOW);
    let mine = Asked { known: true, ..ASKED };
    for n in 0..500 {
        assert_eq!(ask(&mut calls, &mine, n, NOW), Ok(CallClass::Known), "order {n}");
    }
    let mut calls = calls_after_flood();
    let again = (0..1_000).filter(|_| ask(&mut calls, &mine, 1, NOW).is_ok()).count();
    assert_eq!(again, ORDER_CALLS_BURST as usize, "more share the budget, which is empty");
}

fn calls_after_flood() -> OrderCalls {
    let mut calls = calls();
    passed(&mut calls, &ASKED, 10_000, NOW);
    calls
}

#[test]
fn sales_do_not_share_a_budget_and_invented_ones_share_one() {
    let mut calls = calls();
    assert_eq!(passed(&mut calls, &ASKED, 1_000, NOW), 100);
    let other = Asked { sale: "autumn", ..ASKED };
    assert_eq!(passed(&mut calls, &other, 1_000, NOW), 50, "what is left of half of all");
    let mut calls = super::tests::calls();
    let mut invented = 0;
    for n in 0..1_000 {
        let name = format!("invented-{n}");
        invented += passed(&mut calls, &Asked { sale: &name, exists: false, ..ASKED }, 10, NOW);
    }
    assert_eq!(invented, 100);
    assert!(calls.sales.is_empty());
}

#[test]
fn an_order_that_was_absent_is_asked_for_again_after_others_and_never_said_to_be_unknown() {
    let absent = |n: u64| {
        let mut calls = calls();
        calls.was_absent(&order(n), UnixMillis(NOW));
        calls
    };
    // Who is alone is not told to wait.
    let mut calls = absent(1);
    assert_eq!(ask(&mut calls, &ASKED, 1, NOW), Ok(CallClass::Stranger));
    // In a flood the question comes after those about orders of which nothing is known.
    let asks = |calls: &mut OrderCalls, n, now| {
        passed(calls, &ASKED, 1_000, now);
        ask(calls, &Asked { client: ip(1), ..ASKED }, n, now)
    };
    assert_eq!(asks(&mut absent(1), 1, NOW), Err(CallRefusal::Repeated));
    assert_eq!(asks(&mut absent(1), 2, NOW), Ok(CallClass::Stranger));
    assert_eq!(asks(&mut absent(1), 1, NOW + ABSENT_MS - 1), Err(CallRefusal::Repeated));
    assert_eq!(asks(&mut absent(1), 1, NOW + ABSENT_MS), Ok(CallClass::Stranger));
    // Nor does a clock that is set back keep it.
    assert_eq!(asks(&mut absent(1), 1, NOW - ABSENT_MS), Ok(CallClass::Stranger));
    // It is ordered now, or was granted.
    let mut calls = absent(1);
    calls.ordered(&order(1));
    assert_eq!(asks(&mut calls, 1, NOW), Ok(CallClass::Stranger));
    let mut calls = absent(1);
    passed(&mut calls, &ASKED, 1_000, NOW);
    let mine = Asked { known: true, ..ASKED };
    assert_eq!(ask(&mut calls, &mine, 1, NOW), Ok(CallClass::Known));
}

#[test]
fn a_token_that_was_accepted_passes_a_flood_and_one_that_is_invented_does_not() {
    let mut calls = calls();
    let shop = Asked { token: Some("Bearer of-the-shop"), ..ASKED };
    assert_eq!(ask(&mut calls, &shop, 1, NOW), Ok(CallClass::Stranger));
    calls.saw_token("Bearer of-the-shop", true, UnixMillis(NOW));
    let mut invented = 0;
    for n in 0..10_000 {
        let token = format!("Bearer {n}");
        let asked = Asked { token: Some(&token), ..ASKED };
        invented += u64::from(ask(&mut calls, &asked, n, NOW).is_ok());
    }
    let new_tokens = u64::from(TOKEN_CALLS_PER_SECOND) * BURST_SECONDS;
    assert!(invented < new_tokens + 100, "{invented}");
    for n in 0..1_000 {
        assert_eq!(ask(&mut calls, &shop, n, NOW + 1), Ok(CallClass::Shop));
    }
    assert!(ask(&mut calls, &shop, 1, NOW + TOKEN_SEEN_MS).is_ok_and(|c| c != CallClass::Shop));
    calls.saw_token("Bearer of-the-shop", true, UnixMillis(NOW));
    calls.saw_token("Bearer of-the-shop", false, UnixMillis(NOW));
    assert_ne!(ask(&mut calls, &shop, 1, NOW), Ok(CallClass::Shop), "it was retired");
}

#[test]
fn the_memory_is_bounded() {
    let mut calls = calls();
    for n in 0..10_000 {
        calls.was_absent(&order(n), UnixMillis(NOW));
        calls.saw_token(&n.to_string(), true, UnixMillis(NOW));
        let name = format!("sale-{n}");
        let _ = ask(&mut calls, &Asked { sale: &name, ..ASKED }, n, NOW + n);
    }
    assert!(calls.absent.since.len() <= ABSENT_MAX && calls.absent.by_age.len() <= ABSENT_MAX);
    assert_eq!(calls.tokens.len(), TOKENS_MAX);
    assert!(calls.sales.len() <= LIMITS.sales);
}

#[test]
fn those_who_are_sent_away_together_come_back_over_some_seconds() {
    assert_eq!(come_back_ms(0.0), CALL_RETRY_MS);
    assert_eq!(come_back_ms(0.5), 2_500);
    assert!(come_back_ms(0.999_999) < 4_000);
}

proptest! {
    /// However calls come, no more go on than the burst and the rate of the time that passed.
    #[test]
    fn no_sequence_of_calls_gets_more_than_the_budget(
        arrivals in proptest::collection::vec((0u64..40, 0u8..8), 1..800),
    ) {
        let mut calls = calls();
        let (mut now, mut went_on) = (NOW, 0);
        for (n, (pause, host)) in (0..).zip(arrivals) {
            now += pause;
            let asked = Asked { client: ip(host), ..ASKED };
            went_on += u64::from(ask(&mut calls, &asked, n, now).is_ok());
            prop_assert!(went_on <= 200 + (now - NOW) / 10 + 1, "{went_on} until {}", now - NOW);
        }
    }
}

#[test]
fn one_address_has_a_small_part_of_the_orders_that_a_sale_remembers_as_cancelled_early() {
    let mut calls = calls();
    let mut taken = |name: &str, client: u8, tries: u32, now: u64| {
        let sale = sale(name);
        let take = |_| u32::from(calls.may_cancel_early(&sale, ip(client), UnixMillis(now)));
        (0..tries).map(take).sum::<u32>()
    };
    assert_eq!(taken("spring", 1, 5_000, NOW), CLIENT_EARLY_BURST);
    assert_eq!(taken("spring", 2, 1, NOW), 1, "another address");
    assert_eq!(taken("autumn", 1, 1, NOW), 1, "another sale");
    let hours = 5;
    let more = CLIENT_EARLY_PER_HOUR * hours;
    assert_eq!(taken("spring", 1, 5_000, NOW + u64::from(hours) * 3_600_000), more);
    // Whoever cancels what is there uses nothing up.
    for _ in 0..5_000 {
        assert!(calls.may_cancel_early(&sale("winter"), ip(1), UnixMillis(NOW)));
        calls.was_not_early(&sale("winter"), ip(1));
    }
}
