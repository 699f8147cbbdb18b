//! Sales with a plan at an edge: orders that say what they are for, and what is shown of the plan.

use super::*;

/// Of class `second` with the stops A to E everything from B to C or beyond is sold out, for one
/// person.
const GONE: &str = "1 3 A,B,C,D,E second.1sEnA";

fn wanting(query: &'static str) -> Asked {
    Asked { query: Some(query), ..Asked::order() }
}

/// What a node answers that has refused such an order.
fn refusal(gone: &'static str) -> Option<Response> {
    Some(Response { gone: Some(gone), ..answer(409, Supply::Free).unwrap() })
}

/// An edge that has been told what is gone.
fn with_gone_journeys() -> EdgeState {
    let mut edge = edge(&[]);
    let (mut exchange, _) = asks(&mut edge, &wanting("for=second.2-3.1"));
    exchange.replied(&mut edge, refusal(GONE), Wait::Over, NOW);
    edge
}

#[test]
fn the_header_of_these_tests_is_one() {
    use crate::admission::gone_journeys::GoneJourneys;
    let mut gone = GoneJourneys::default();
    gone.take_in(GONE, NOW);
    assert_eq!(gone.to_header(NOW).as_deref(), Some(GONE));
}

#[test]
fn an_order_for_what_is_gone_is_refused_without_its_body_and_without_an_origin() {
    let mut edge = with_gone_journeys();
    for query in ["for=second.2-3.1", "for=second.A-E.3", "x=1&for=second.4-5.1%2Csecond.1-C.1"] {
        let (exchange, step) = begin(&mut edge, &Asked { length: None, ..wanting(query) });
        assert_eq!(code(&step), Code::SoldOut, "{query}");
        let ExchangeStep::Answer(Answer::Problem(answer)) = step else { unreachable!() };
        assert_eq!(answer.problem.order_id.as_deref(), exchange.order().map(OrderId::as_str));
        let line = answer.problem.refused_line.unwrap();
        assert_eq!((line.line, line.free), (u32::from(query.starts_with('x')), Some(0)));
    }
    let (_, ask) = asks(&mut edge, &wanting("for=second.1-2.1"));
    let counted = ask.request.counts.unwrap();
    assert_eq!((counted.asked, counted.forwarded, counted.refused.iter().sum::<u32>()), (4, 1, 3));
}

#[test]
fn orders_for_something_else_and_orders_that_do_not_say_go_on_as_before() {
    let mut edge = with_gone_journeys();
    for query in ["for=second.1-2.1", "for=second.C-E.2", "for=first.2-3.1", "x=2", ""] {
        assert!(
            matches!(begin(&mut edge, &wanting(query)).1, ExchangeStep::ReadBody(_)),
            "{query}"
        );
    }
    let (_, ask) = asks(&mut edge, &Asked::order());
    assert_eq!((ask.request.path.as_str(), &ask.request.wanted), (ORDERS, &None));
}

#[test]
fn what_an_order_is_for_goes_on_in_its_address_as_it_was_read() {
    let mut edge = with_gone_journeys();
    let (_, ask) = asks(&mut edge, &wanting("y=%zz&for=second.1-B.2%2cfirst.A-E.1"));
    assert_eq!(ask.request.path, format!("{ORDERS}?for=second.1-B.2,first.A-E.1"));
    assert!(ask.url.ends_with(&ask.request.path));
    assert_eq!(ask.request.wanted.as_deref(), Some("second.1-B.2,first.A-E.1"));
    for query in ["for", "for=", "for=second", "for=second.1-2.0", "for=a.1&for=b.1"] {
        let (_, step) = begin(&mut edge, &wanting(query));
        assert_eq!(code(&step), Code::Invalid, "{query}");
    }
}

#[test]
fn a_key_that_was_seen_granted_and_one_that_is_repeated_pass_what_is_gone() {
    let mut edge = with_gone_journeys();
    let query = Some("for=second.2-3.1");
    let (_, ask) = asks(&mut edge, &Asked { query, ..Asked::keyed(true) });
    assert_eq!(key_of(&ask), KeySource::Repeated);
    let (mut exchange, _) = asks(&mut edge, &Asked { query, ..Asked::keyed(false) });
    exchange.replied(&mut edge, answer(201, Supply::Free), Wait::Over, NOW);
    for _ in 0..20 {
        let (_, ask) = asks(&mut edge, &Asked { query, ..Asked::keyed(false) });
        assert_eq!(key_of(&ask), KeySource::Known);
    }
}

#[test]
fn a_newer_version_in_any_answer_opens_what_was_gone() {
    let mut edge = with_gone_journeys();
    let (mut exchange, _) = asks(&mut edge, &Asked::order());
    let newer = Response { grant: grant(4, Supply::Free), ..answer(201, Supply::Free).unwrap() };
    exchange.replied(&mut edge, Some(newer), Wait::Over, NOW);
    let asked = wanting("for=second.2-3.1");
    assert!(matches!(begin(&mut edge, &asked).1, ExchangeStep::ReadBody(_)));
}

#[test]
fn one_order_a_window_asks_whether_it_is_still_gone_and_keeps_its_turn_while_it_waits() {
    let mut edge = with_gone_journeys();
    let asked = wanting("for=second.2-3.1");
    let later = NOW.plus(250);
    let time = EdgeTime { steady: later, wall: later };
    // The first of the new round at the gate takes it, the next ones wait.
    let round = |edge: &mut EdgeState| {
        let (_, step) = Exchange::<Response>::begin(edge, &Asked::order(), time);
        matches!(step, ExchangeStep::ReadBody(_))
    };
    while round(&mut edge) {}
    let (mut probe, step) = Exchange::<Response>::begin(&mut edge, &asked, time);
    assert!(matches!(step, ExchangeStep::Wait(_)), "{step:?}");
    let (_, step) = Exchange::<Response>::begin(&mut edge, &asked, time);
    assert_eq!(code(&step), Code::SoldOut);
    let step = probe.waited(&mut edge, &asked, later.plus(250));
    assert!(matches!(step, ExchangeStep::ReadBody(_)), "{step:?}");
}

/// Looks at `path`, which an origin answers with `body`; the view that is shown.
fn looked(edge: &mut EdgeState, look: &Asked, body: &str, etag: &'static str) -> answer::ShownView {
    let (mut exchange, step) = begin(edge, look);
    let ExchangeStep::Ask(ask) = step else { panic!("{step:?}") };
    assert_eq!(ask.request.method, "GET");
    let found = Response { etag: Some(etag), ..answer(200, Supply::Free).unwrap() };
    let step = exchange.replied(edge, Some(found), Wait::Over, NOW);
    assert!(matches!(step, ExchangeStep::ReadResponse(..)));
    match exchange.response_read(edge, look, Some(body), NOW) {
        ExchangeStep::Answer(Answer::View(view)) => view,
        other => panic!("{other:?}"),
    }
}

/// The view that is shown from memory so many milliseconds later.
fn shown(edge: &mut EdgeState, look: &Asked, after: u64) -> Option<answer::ShownView> {
    let now = NOW.plus(after);
    match Exchange::<Response>::begin(edge, look, EdgeTime { steady: now, wall: now }).1 {
        ExchangeStep::Answer(Answer::View(view)) => Some(view),
        ExchangeStep::Ask(_) => None,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_plan_is_shown_from_memory_for_ten_seconds_and_what_is_left_of_it_for_one() {
    let mut edge = edge(&[]);
    let look = |path: &str, query| Asked {
        method: "GET",
        path: format!("/v1/sales/spring/{path}"),
        length: None,
        query,
        ..Asked::order()
    };
    let (plan, second) = (look("plan", None), look("seats", Some("class=second")));
    let first = look("seats", Some("class=first"));
    assert_eq!(&*looked(&mut edge, &plan, "{\"a\":1}", "\"p\"").body, "{\"a\":1}");
    assert_eq!(looked(&mut edge, &second, "{}", "\"3\"").kept, answer::VIEW_KEPT);
    looked(&mut edge, &first, "[]", "\"3\"");
    let view = shown(&mut edge, &plan, 9_999).unwrap();
    assert_eq!((&*view.body, &*view.by, view.age_ms), ("{\"a\":1}", "edge", 9_999));
    assert_eq!((view.kept, view.etag.as_deref()), (answer::PLAN_KEPT, Some("\"p\"")));
    assert_eq!(&*shown(&mut edge, &second, 999).unwrap().body, "{}");
    assert_eq!(&*shown(&mut edge, &first, 999).unwrap().body, "[]");
    let has = |has| Asked { has: Some(has), ..plan.clone() };
    assert!(shown(&mut edge, &has("\"p\""), 5_000).unwrap().unchanged);
    assert!(!shown(&mut edge, &has("\"q\""), 5_000).unwrap().unchanged);
    assert!(shown(&mut edge, &second, 1_000).is_none(), "asked anew");
    assert!(shown(&mut edge, &plan, 10_000).is_none());
}

#[test]
fn what_a_node_says_no_to_is_passed_on_and_an_odd_query_goes_nowhere() {
    let mut edge = edge(&[]);
    let path = "/v1/sales/spring/seats".to_owned();
    let look = Asked { method: "GET", path, length: None, ..Asked::order() };
    let (mut exchange, step) = begin(&mut edge, &look);
    assert!(matches!(step, ExchangeStep::Ask(_)));
    let step = exchange.replied(&mut edge, answer(422, Supply::Free), Wait::Over, NOW);
    assert!(matches!(step, ExchangeStep::Answer(Answer::OfOrigin(_))), "{step:?}");
    let (_, step) = begin(&mut edge, &Asked { query: Some("a=\"b\""), ..look.clone() });
    assert_eq!(code(&step), Code::Invalid);
    let (_, step) = begin(&mut edge, &Asked { method: "POST", ..look });
    assert_eq!(code(&step), Code::MethodNotAllowed);
}
