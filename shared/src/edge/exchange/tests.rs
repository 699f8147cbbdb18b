//! Tests of the exchange: in which order a request is checked, and what it leaves behind.

use super::*;
use crate::admission::grant::{Grant, Supply};
use crate::domain::order::KeySource;
use crate::edge::client_request::{SentKey, SentMarks};
use crate::edge::config::EdgeConfig;
use crate::edge::state::EdgeLimits;
use crate::upstream::forwarding::UpstreamResponse;
use std::borrow::Cow;
use std::net::IpAddr;

const NOW: UnixMillis = UnixMillis(1_795_575_600_000);
const ORDERS: &str = "/v1/sales/spring/orders";
const KEY: &str = "0123456789abcdef";

/// A request with the headers that a test names.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    path: String,
    query: Option<&'static str>,
    has: Option<&'static str>,
    key: Option<(&'static str, bool)>,
    origin: Option<&'static str>,
    length: Option<&'static str>,
    preflight: bool,
}

impl Asked {
    fn order() -> Self {
        Self {
            method: "POST",
            path: ORDERS.to_owned(),
            query: None,
            has: None,
            key: None,
            origin: None,
            length: Some("17"),
            preflight: false,
        }
    }

    fn keyed(repeated: bool) -> Self {
        Self { key: Some((KEY, repeated)), ..Self::order() }
    }
}

impl ClientRequest for Asked {
    fn method(&self) -> &str {
        self.method
    }
    fn path(&self) -> &str {
        &self.path
    }
    fn query(&self) -> Option<&str> {
        self.query
    }
    fn host(&self) -> Cow<'_, str> {
        "tickets.example".into()
    }
    fn client_ip(&self) -> Option<IpAddr> {
        "203.0.113.9".parse().ok()
    }
    fn sent_key(&self) -> SentKey<'_> {
        self.key.map_or(SentKey::Absent, |(key, again)| SentKey::Here(key.into(), again))
    }
    fn authorization(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn buyer_token(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn content_length(&self) -> Option<Cow<'_, str>> {
        self.length.map(Cow::Borrowed)
    }
    fn content_type(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("application/json"))
    }
    fn traceparent(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn if_none_match(&self) -> Option<Cow<'_, str>> {
        self.has.map(Cow::Borrowed)
    }
    fn page_marks(&self) -> Option<SentMarks> {
        self.origin.map(|origin| SentMarks { origin: Some(origin.to_owned()), site: None })
    }
    fn has_body(&self) -> bool {
        self.length.is_some()
    }
    fn asks_permission(&self) -> bool {
        self.preflight
    }
    fn wants_page(&self) -> bool {
        false
    }
}

struct Body(usize);

impl RequestBody for Body {
    fn len(&self) -> usize {
        self.0
    }
    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(b"{\"buyer\":\"ada\"}")
    }
}

#[derive(Clone, Copy, Debug)]
struct Response {
    status: u16,
    grant: Option<Grant>,
    gone: Option<&'static str>,
    etag: Option<&'static str>,
}

impl UpstreamResponse for Response {
    fn status(&self) -> u16 {
        self.status
    }
    fn is_ours(&self) -> bool {
        true
    }
    fn limits_the_client(&self) -> bool {
        false
    }
    fn rejects_the_edge(&self) -> bool {
        false
    }
}

impl OriginResponse for Response {
    fn grant(&self) -> Option<Grant> {
        self.grant
    }
    fn sales(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn gone(&self) -> Option<Cow<'_, str>> {
        self.gone.map(Cow::Borrowed)
    }
    fn etag(&self) -> Option<Cow<'_, str>> {
        self.etag.map(Cow::Borrowed)
    }
    fn rejection(&self) -> Option<Cow<'_, str>> {
        None
    }
    fn answered_by(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed("ledger"))
    }
    fn node(&self) -> Option<Cow<'_, str>> {
        None
    }
}

fn edge(more: &[(&str, &str)]) -> EdgeState {
    let table = r#"[{"url":"http://a"},{"url":"http://b"},{"url":"http://c"}]"#;
    let var = |name: &str| match name {
        "ORIGINS" => Some(table.to_owned()),
        "LASTSEAT_EDGE_KEY" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        name => more.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()),
    };
    let mut next = 0u8;
    let fill = Box::new(move |bytes: &mut [u8]| {
        for byte in bytes {
            next = next.wrapping_mul(5).wrapping_add(7);
            *byte = next;
        }
        true
    });
    EdgeState::new(EdgeConfig::read(var, "Set it").unwrap(), EdgeLimits::ISOLATE, fill).unwrap()
}

fn grant(version: u64, supply: Supply) -> Option<Grant> {
    let (window_ms, opens_at) = (250, UnixMillis(0));
    Some(Grant { version, at: NOW, window_ms, budget: 8, supply, opens_at })
}

fn answer(status: u16, supply: Supply) -> Option<Response> {
    Some(Response { status, grant: grant(3, supply), gone: None, etag: None })
}

fn begin(edge: &mut EdgeState, asked: &Asked) -> (Exchange<Response>, ExchangeStep<Response>) {
    Exchange::begin(edge, asked, EdgeTime { steady: NOW, wall: NOW })
}

/// The origin that an order with this request comes to.
fn asks(edge: &mut EdgeState, asked: &Asked) -> (Exchange<Response>, AskOrigin) {
    let (mut exchange, step) = begin(edge, asked);
    assert!(matches!(step, ExchangeStep::ReadBody(_)), "{step:?}");
    match exchange.body_read(edge, asked, Some(&Body(17)), NOW) {
        ExchangeStep::Ask(ask) => (exchange, ask),
        other => panic!("{other:?}"),
    }
}

fn code(step: &ExchangeStep<Response>) -> Code {
    match step {
        ExchangeStep::Answer(Answer::Problem(answer)) => answer.problem.code,
        other => panic!("{other:?}"),
    }
}

fn key_of(ask: &AskOrigin) -> KeySource {
    ask.request.order.as_ref().unwrap().key
}

#[test]
fn an_order_is_read_forwarded_and_recognised_when_it_comes_again() {
    let mut edge = edge(&[]);
    let (mut exchange, ask) = asks(&mut edge, &Asked::keyed(false));
    assert_eq!(ask.request.path, ORDERS);
    assert!(ask.url.ends_with(ORDERS) && ask.url.starts_with("http://"), "{}", ask.url);
    assert_eq!(key_of(&ask), KeySource::Sent);
    assert_eq!(edge.orders_under_way(), 1);
    let step = exchange.replied(&mut edge, answer(201, Supply::SoldOut), Wait::Over, NOW);
    assert!(matches!(step, ExchangeStep::Answer(Answer::OfOrigin(_))));
    drop(exchange);
    assert_eq!(edge.orders_under_way(), 0);
    // The gate is latched now; a key that was seen granted passes it all the same.
    let (_, step) = begin(&mut edge, &Asked::order());
    assert_eq!(code(&step), Code::SoldOut);
    let (_, ask) = asks(&mut edge, &Asked::keyed(false));
    assert_eq!(key_of(&ask), KeySource::Known);
}

#[test]
fn a_refusal_names_the_order_and_asks_neither_for_a_body_nor_for_its_length() {
    let mut edge = edge(&[]);
    let (mut exchange, _) = asks(&mut edge, &Asked::keyed(false));
    exchange.replied(&mut edge, answer(409, Supply::SoldOut), Wait::Over, NOW);
    let (_, step) = begin(&mut edge, &Asked { length: None, ..Asked::order() });
    assert_eq!(code(&step), Code::SoldOut);
    let ExchangeStep::Answer(Answer::Problem(answer)) = step else { unreachable!() };
    assert!(answer.problem.order_id.is_some());
}

#[test]
fn an_origin_that_cannot_be_reached_did_nothing_and_one_that_went_silent_may_have() {
    let mut edge = edge(&[]);
    let (mut exchange, first) = asks(&mut edge, &Asked::order());
    assert_eq!(key_of(&first), KeySource::Made);
    let step = exchange.replied(&mut edge, None, Wait::NotSent, NOW);
    let ExchangeStep::Ask(second) = step else { panic!("{step:?}") };
    assert_eq!(key_of(&second), KeySource::Made, "nothing was sent to the first");
    assert_ne!(first.index, second.index);
    let step = exchange.replied(&mut edge, None, Wait::Over, NOW);
    let ExchangeStep::Ask(third) = step else { panic!("{step:?}") };
    assert_eq!(key_of(&third), KeySource::Repeated, "the second may have sold it");
    let step = exchange.replied(&mut edge, None, Wait::NotSent, NOW);
    assert_eq!(code(&step), Code::OutcomeUnknown);
}

#[test]
fn where_no_origin_could_be_reached_nothing_happened() {
    for wait in [Wait::NotSent, Wait::Full] {
        let mut edge = edge(&[]);
        let (mut exchange, _) = asks(&mut edge, &Asked::order());
        for _ in 0..2 {
            let step = exchange.replied(&mut edge, None, wait, NOW);
            assert!(matches!(step, ExchangeStep::Ask(_)));
        }
        let step = exchange.replied(&mut edge, None, wait, NOW);
        assert_eq!(code(&step), Code::Unavailable);
    }
}

#[test]
fn counts_are_reported_to_one_origin_and_kept_where_none_received_them() {
    let mut edge = edge(&[]);
    let (mut exchange, ask) = asks(&mut edge, &Asked::order());
    assert!(ask.request.counts.is_some(), "the order itself was counted");
    let step = exchange.replied(&mut edge, answer(503, Supply::Free), Wait::Over, NOW);
    let ExchangeStep::Ask(ask) = step else { panic!("{step:?}") };
    assert!(ask.request.counts.is_none(), "the first origin has them");
    exchange.replied(&mut edge, answer(201, Supply::Free), Wait::Over, NOW);
    let (mut exchange, ask) = asks(&mut edge, &Asked::order());
    let counted = ask.request.counts.unwrap();
    assert_eq!((counted.asked, counted.forwarded), (1, 1), "since the last report");
    for _ in 0..3 {
        exchange.replied(&mut edge, None, Wait::NotSent, NOW);
    }
    let (_, ask) = asks(&mut edge, &Asked::order());
    let counted = ask.request.counts.unwrap();
    assert_eq!((counted.asked, counted.forwarded, counted.failed), (2, 2, 3));
}

#[test]
fn a_body_that_is_too_long_or_late_sells_nothing_and_gives_its_place_back() {
    for (body, expected) in [(Some(Body(4_097)), Code::TooLarge), (None, Code::Invalid)] {
        let (mut edge, asked) = (edge(&[]), Asked::order());
        let (mut exchange, step) = begin(&mut edge, &asked);
        assert!(matches!(step, ExchangeStep::ReadBody(_)));
        let step = exchange.body_read(&mut edge, &asked, body.as_ref(), NOW);
        assert_eq!(code(&step), expected);
        drop(exchange);
        assert_eq!(edge.orders_under_way(), 0);
    }
    for (length, expected) in [(Some("4097"), Code::TooLarge), (None, Code::LengthRequired)] {
        let (_, step) = begin(&mut edge(&[]), &Asked { length, ..Asked::order() });
        assert_eq!(code(&step), expected);
    }
}

#[test]
fn a_page_is_asked_for_before_the_rate_and_the_rate_before_the_gate() {
    let mut edge = edge(&[("CLIENT_RATE", "1/m burst 1")]);
    let foreign = Asked { origin: Some("https://evil.example"), ..Asked::order() };
    for _ in 0..3 {
        assert_eq!(code(&begin(&mut edge, &foreign).1), Code::ForeignOrigin);
    }
    let (_, step) = begin(&mut edge, &Asked::order());
    assert!(matches!(step, ExchangeStep::ReadBody(_)), "the foreign page cost nothing: {step:?}");
    let (_, step) = begin(&mut edge, &Asked::order());
    let ExchangeStep::Answer(Answer::Problem(answer)) = &step else { panic!("{step:?}") };
    assert_eq!((answer.problem.code, answer.limited), (Code::Busy, true));
}

#[test]
fn an_allowed_page_gets_permission_and_every_answer_says_that_it_depends_on_the_page() {
    let shop = "https://shop.example";
    let mut edge = edge(&[("ALLOWED_ORIGINS", shop)]);
    let asked = Asked {
        method: "OPTIONS",
        origin: Some(shop),
        length: None,
        preflight: true,
        ..Asked::order()
    };
    let (exchange, step) = begin(&mut edge, &asked);
    assert!(matches!(step, ExchangeStep::Answer(Answer::Preflight)));
    assert_eq!(*exchange.cors(), CorsAnswer::On(Some(shop.to_owned())));
    let (exchange, _) = begin(&mut edge, &Asked { path: "/".to_owned(), ..asked });
    assert_eq!(*exchange.cors(), CorsAnswer::On(Some(shop.to_owned())));
    let get = Asked { method: "GET", path: "/".to_owned(), length: None, ..Asked::order() };
    let (exchange, step) = begin(&mut edge, &get);
    assert!(matches!(step, ExchangeStep::Answer(Answer::Home)));
    assert_eq!(*exchange.cors(), CorsAnswer::On(None));
}

#[test]
fn a_view_is_asked_for_once_and_shown_from_memory_after_that() {
    let mut edge = edge(&[]);
    let look = Asked {
        method: "HEAD",
        path: "/v1/sales/spring".to_owned(),
        length: None,
        ..Asked::order()
    };
    let (mut exchange, step) = begin(&mut edge, &look);
    let ExchangeStep::Ask(ask) = step else { panic!("{step:?}") };
    assert_eq!((ask.request.method.as_str(), ask.request.order.is_none()), ("GET", true));
    let step = exchange.replied(&mut edge, answer(200, Supply::Free), Wait::Over, NOW);
    assert!(matches!(step, ExchangeStep::ReadResponse(..)));
    let step = exchange.response_read(&mut edge, &look, Some("{}"), NOW);
    let ExchangeStep::Answer(Answer::View(view)) = step else { panic!("{step:?}") };
    assert_eq!((&*view.body, &*view.by), ("{}", "ledger"));
    let (_, step) = begin(&mut edge, &look);
    let ExchangeStep::Answer(Answer::View(view)) = step else { panic!("{step:?}") };
    assert_eq!((&*view.body, &*view.by), ("{}", answer::ANSWERED_BY_EDGE));
}

mod pages;
mod plans;

#[test]
fn a_call_that_reads_never_ends_in_an_unknown_outcome() {
    for (method, verb, lost) in
        [("GET", "", Code::Unavailable), ("POST", "/cancel", Code::OutcomeUnknown)]
    {
        let mut edge = edge(&[]);
        let path = format!("{ORDERS}/{KEY}{verb}");
        let asked = Asked { method, path, length: None, ..Asked::order() };
        let (mut exchange, mut step) = begin(&mut edge, &asked);
        while let ExchangeStep::Ask(_) = step {
            step = exchange.replied(&mut edge, None, Wait::Over, NOW);
        }
        assert_eq!(code(&step), lost, "{method}");
    }
}
