//! The buyer page at an edge: with the words of its sale, and without them where nobody has them.

use super::*;
use crate::edge::page_view::ShownPage;
use crate::limits::{PAGE_WAIT_MS, PLAN_FRESH_MS};

const WORDS: &str = r#"{"sale":"spring","event":{"title":"Spring concert"}}"#;

fn visit() -> Asked {
    Asked { method: "GET", path: "/s/spring".to_owned(), length: None, ..Asked::order() }
}

fn at(after: u64) -> EdgeTime {
    EdgeTime { steady: NOW.plus(after), wall: NOW.plus(after) }
}

fn page(step: ExchangeStep<Response>) -> ShownPage {
    match step {
        ExchangeStep::Answer(Answer::Page(page)) => page,
        other => panic!("{other:?}"),
    }
}

/// A visit that asks an origin so many milliseconds later.
fn asking(edge: &mut EdgeState, after: u64) -> Exchange<Response> {
    let (exchange, step) = Exchange::begin(edge, &visit(), at(after));
    let ExchangeStep::Ask(ask) = step else { panic!("{step:?}") };
    assert_eq!(ask.request.path, "/v1/sales/spring/event");
    exchange
}

/// An edge that was told what the sale sells.
fn told() -> EdgeState {
    let mut edge = edge(&[]);
    let mut exchange = asking(&mut edge, 0);
    let step = exchange.replied(&mut edge, answer(200, Supply::Free), Wait::Over, NOW);
    assert!(matches!(step, ExchangeStep::ReadResponse(..)), "{step:?}");
    let shown = page(exchange.response_read(&mut edge, &visit(), Some(WORDS), NOW));
    assert!(shown.head.unwrap().starts_with("<title>Spring concert</title>"));
    edge
}

#[test]
fn a_page_has_the_words_of_its_sale_from_memory_and_asks_anew_every_ten_seconds() {
    let mut edge = told();
    let later =
        |edge: &mut EdgeState, after| Exchange::<Response>::begin(edge, &visit(), at(after)).1;
    let shown = page(later(&mut edge, PLAN_FRESH_MS - 1));
    assert!(shown.head.unwrap().contains("Spring concert"));
    // While one asks, all others get what it was.
    let mut one = asking(&mut edge, PLAN_FRESH_MS);
    for _ in 0..100 {
        assert!(page(later(&mut edge, PLAN_FRESH_MS)).head.is_some());
    }
    // Where that one gets no answer in time, so does it, and no visitor waits longer than this.
    assert!(one.ends(&mut edge, NOW.plus(PLAN_FRESH_MS + PAGE_WAIT_MS - 1)).is_none());
    let late = NOW.plus(PLAN_FRESH_MS + PAGE_WAIT_MS);
    let wait = one.ends(&mut edge, late).expect("the time is up");
    assert!(page(one.replied(&mut edge, None, wait, late)).head.is_some());
}

#[test]
fn where_no_origin_knows_the_sale_or_answers_the_page_goes_without() {
    for status in [404, 503] {
        let mut edge = edge(&[]);
        let mut exchange = asking(&mut edge, 0);
        let mut step = exchange.replied(&mut edge, answer(status, Supply::Free), Wait::Over, NOW);
        while matches!(step, ExchangeStep::Ask(_)) {
            step = exchange.replied(&mut edge, answer(status, Supply::Free), Wait::Over, NOW);
        }
        assert_eq!(page(step), ShownPage::default(), "{status}");
    }
    let mut edge = edge(&[]);
    let mut exchange = asking(&mut edge, 0);
    exchange.replied(&mut edge, answer(200, Supply::Free), Wait::Over, NOW);
    let cut = exchange.response_read(&mut edge, &visit(), None, NOW);
    assert_eq!(page(cut), ShownPage::default(), "an answer that did not arrive whole");
}

#[test]
fn who_finds_that_somebody_asks_for_the_first_time_waits_a_moment_and_no_longer() {
    let mut edge = edge(&[]);
    // The sale exists, as an order has shown.
    let (mut order, _) = asks(&mut edge, &Asked::order());
    order.replied(&mut edge, answer(201, Supply::Free), Wait::Over, NOW);
    let _one = asking(&mut edge, 0);
    let (mut other, mut step) = Exchange::<Response>::begin(&mut edge, &visit(), at(0));
    let mut waited = 0;
    while let ExchangeStep::Wait(ms) = step {
        waited += ms;
        step = other.waited(&mut edge, &visit(), NOW.plus(waited));
    }
    assert_eq!(page(step), ShownPage::default());
    assert!((1..PAGE_WAIT_MS).contains(&waited), "{waited} ms");
}
