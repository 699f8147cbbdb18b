//! What is fuzzed: every place where bytes of somebody else become values. Each target takes any
//! bytes, must not panic, and holds what it accepts to what the rest of the system relies on.
//! `tests/tests/rules/fuzz` runs them for a moment over the inputs in `fuzz/corpus`; `fuzz/` has
//! them for libFuzzer, to run for hours. Those named `..._with` take the reader that they try, so
//! that a test can plant a wrong one.

use futures_util::FutureExt;
use lastseat::journal::ExportedLog;
use lastseat_gateway::front::proxy_header::read_untimed;
use lastseat_ledger::{LedgerUrl, read_log_entry, reserve_batch};
use redis::{Value, parse_redis_value};
use shared::admission::rate_limit::Rate;
use shared::auth::buyer_token;
use shared::auth::edge_signature::{Signed, verify};
use shared::domain::order::{Reserve, Verdict};
use shared::ledger_model::event_log::Entry;
use shared::limits::{BUYER_ID_MAX, BUYER_TOKEN_LIFE_MAX_MS, ORDER_ID_MAX};
use shared::limits::{SEATS_MAX, SIGNATURE_WINDOW_MS};
use shared::link::{
    AnswerWriter, FromGateway, FromNode, LinkAnswers, LinkNonce, LinkSession, OrdersReader,
    OrdersWriter,
};
use shared::plan::Plan;
use shared::upstream::balancer::{Balance, OriginRow, RouteKey, Router, Tried};
use shared::wire::messages::OrderRequest;
use shared::{BuyerId, EdgeCounts, EdgeId, Grant, KeyRing, Order, OrderId, Quantity, SaleId};
use shared::{Snapshot, TraceParent, UnixMillis};
use std::net::IpAddr;

/// A target: its name, which is that of its folder in `fuzz/corpus`, and what it does with bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("order_body", order_body),
    ("ids", ids),
    ("grant", grant),
    ("counts", counts),
    ("signature", signature),
    ("buyer_token", token),
    ("trace", trace),
    ("link", link),
    ("config", config),
    ("reply", reply),
    ("log_entry", log_entry),
    ("journal", journal),
    ("plan", plan),
    ("proxy_header", proxy_header),
];

/// The moment at which everything is read.
const NOW: UnixMillis = UnixMillis(1_763_862_000_123);
/// The keys of edge and shop; the inputs of the corpus are signed with them.
pub const KEYS: &str = "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn keys() -> KeyRing {
    KeyRing::parse(KEYS).expect("valid keys")
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn sale() -> SaleId {
    SaleId::parse("spring").expect("a valid id")
}

/// No character of a line, a terminal or a key of Redis gets in with an id.
fn assert_visible(id: &str) {
    assert!(!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_graphic()));
}

/// The body of an order.
pub fn order_body(bytes: &[u8]) {
    let read = |request: &OrderRequest| request.parse(BuyerId::of_request);
    order_body_with(bytes, |request| read(request).map_err(|error| error.to_string()));
}

/// The same, read by `parse`.
pub fn order_body_with(
    bytes: &[u8],
    parse: impl Fn(&OrderRequest) -> Result<(BuyerId, Quantity), String>,
) {
    let Ok(request) = serde_json::from_slice::<OrderRequest>(bytes) else {
        return;
    };
    match parse(&request) {
        Ok((buyer, quantity)) => {
            assert!(!buyer.as_str().is_empty() && !buyer.as_str().contains(char::is_control));
            assert!(buyer.as_str().len() <= BUYER_ID_MAX && quantity.get() > 0);
        }
        Err(sentence) => assert!(!sentence.contains('\n'), "one sentence"),
    }
}

/// The ids of paths and headers.
pub fn ids(bytes: &[u8]) {
    ids_with(bytes, |text| OrderId::of_request(text).ok());
}

/// The same, with order ids read by `parse`.
pub fn ids_with(bytes: &[u8], parse: impl Fn(&str) -> Option<OrderId>) {
    let Some(text) = text(bytes) else {
        return;
    };
    if let Some(id) = parse(text) {
        assert_visible(text);
        assert!(text.len() <= ORDER_ID_MAX);
        let path = id.in_path();
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~%".contains(&b);
        assert!(path.bytes().all(plain), "nothing in it parts an address");
    }
    for id in
        [SaleId::parse(text).map(|id| id.to_string()), EdgeId::parse(text).map(|id| id.to_string())]
            .into_iter()
            .flatten()
    {
        assert_visible(&id);
    }
    if let Ok(buyer) = BuyerId::of_request(text) {
        let stored = buyer.stored();
        assert!(stored.len() <= BUYER_ID_MAX && !stored.contains([' ', '\n', '\r']));
        assert!(!buyer.as_str().contains(char::is_control));
        assert_eq!(BuyerId::of_stored(&stored), Ok(buyer.clone()));
        assert_eq!(BuyerId::of_request(buyer.as_str()), Ok(buyer), "composed once, composed");
    }
}

/// What an origin tells an edge.
pub fn grant(bytes: &[u8]) {
    grant_with(bytes, Grant::parse);
}

/// The same, read by `parse`.
pub fn grant_with(bytes: &[u8], parse: impl Fn(&str) -> Option<Grant>) {
    if let Some(grant) = text(bytes).and_then(&parse) {
        assert_eq!(parse(&grant.to_header()), Some(grant));
        assert!(grant.window_ms > 0, "a window ends");
    }
}

/// What an edge tells an origin that it has counted.
pub fn counts(bytes: &[u8]) {
    counts_with(bytes, EdgeCounts::add);
}

/// The same, added up by `add`.
pub fn counts_with(bytes: &[u8], add: impl Fn(&mut EdgeCounts, &EdgeCounts)) {
    if let Some(counts) = text(bytes).and_then(EdgeCounts::parse) {
        let mut sum = counts;
        add(&mut sum, &counts);
        assert_eq!(EdgeCounts::parse(&counts.to_header()), Some(counts));
    }
}

/// The signature of an edge, over a request whose path is the rest of the input. No input has a
/// right one for another path than that of the corpus.
pub fn signature(bytes: &[u8]) {
    signature_with(bytes, |header, signed, now| verify(&keys(), Some(header), signed, now).is_ok());
}

/// The same, checked by `believes`.
pub fn signature_with(bytes: &[u8], believes: impl Fn(&str, &Signed<'_>, UnixMillis) -> bool) {
    let Some((header, path)) = text(bytes).and_then(|text| text.split_once('\n')) else {
        return;
    };
    let signed = Signed {
        method: "POST",
        path,
        order: "0123456789abcdef",
        client: "10.1.2.3",
        edge: "e1",
        key_source: "sent",
        buyer_token: "",
        ..Signed::NOTHING
    };
    if believes(header, &signed, NOW) {
        assert_eq!(path, "/v1/sales/spring/orders", "a forged signature");
        let late = NOW.plus(SIGNATURE_WINDOW_MS * 3);
        assert!(!believes(header, &signed, late));
    }
}

/// The shop's word on a buyer. Nobody but ada has one.
pub fn token(bytes: &[u8]) {
    token_with(bytes, |text, now| buyer_token::check(&keys(), Some(text), &sale(), now).ok());
}

/// The same, checked by `check`.
pub fn token_with(bytes: &[u8], check: impl Fn(&str, UnixMillis) -> Option<BuyerId>) {
    let Some(text) = text(bytes) else {
        return;
    };
    if let Some(buyer) = check(text, NOW) {
        assert_eq!(buyer.as_str(), "ada", "a forged token");
        let late = NOW.plus(BUYER_TOKEN_LIFE_MAX_MS * 2);
        assert!(check(text, late).is_none());
    }
}

/// The trace that a client names.
pub fn trace(bytes: &[u8]) {
    if let Some(trace) = text(bytes).and_then(TraceParent::parse) {
        assert_eq!(TraceParent::parse(&trace.to_string()), Some(trace));
    }
}

/// What travels over a link; the first byte says what it is: orders, answers, a frame of a gateway
/// or one of a node. Nothing is read but what a writer writes.
pub fn link(bytes: &[u8]) {
    link_with(bytes, |payload| {
        let read = OrdersReader::new(payload).and_then(OrdersReader::all).ok()?;
        let mut writer = OrdersWriter::default();
        for (number, order) in read {
            writer.add(number, &order.to_bytes().expect("what was read fits"));
        }
        Some(writer.take())
    });
}

/// The same, with orders that `reread` reads and writes again.
pub fn link_with(bytes: &[u8], reread: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    match bytes.split_first() {
        Some((0, orders)) => {
            if let Some(written) = reread(orders) {
                assert_eq!(written, orders, "orders");
            }
        }
        Some((1, answers)) => {
            if let Ok(read) = LinkAnswers::parse(answers) {
                assert_eq!(answers_again(&read), answers, "answers");
            }
        }
        Some((2, frame)) => {
            // No input has the right code of another frame than that of the corpus.
            if let Ok(read) = link_session().read(&keys(), 0, frame) {
                assert_eq!(read, FromGateway::Ping, "a forged frame");
            }
        }
        Some((_, frame)) => {
            if let Ok(read) = FromNode::read(frame) {
                let mut written = Vec::new();
                read.write(&mut written);
                assert_eq!(written, frame, "a node's frame");
            }
        }
        None => {}
    }
}

/// The link of the corpus.
#[must_use]
pub fn link_session() -> LinkSession {
    LinkSession::new(LinkNonce([7; 16]), &EdgeId::parse("e1").expect("a valid id"))
}

fn answers_again(read: &LinkAnswers<'_>) -> Vec<u8> {
    let mut writer = AnswerWriter::default();
    for grant in &read.grants {
        writer.grant(grant).expect("what was read fits");
    }
    for answer in &read.answers {
        let grant = answer.grant.map(|place| u8::try_from(place).expect("at most 64"));
        let headers = answer.headers.clone().into_iter();
        let fits = writer.answer(answer.number, grant, answer.status, headers, answer.body);
        assert!(fits, "what was read fits");
    }
    writer.payload().concat()
}

/// The PROXY protocol header of a connection to a gateway, and what its client sent behind it.
pub fn proxy_header(bytes: &[u8]) {
    proxy_header_with(bytes, |bytes| {
        let mut rest = bytes;
        let read = read_untimed(&mut rest).now_or_never().expect("what is there is not waited for");
        read.ok().map(|client| (client, rest.len()))
    });
}

/// The same, with a header that `read` reads: the client's address, if it names one, and how many
/// bytes are left to the client.
pub fn proxy_header_with(bytes: &[u8], read: impl Fn(&[u8]) -> Option<(Option<IpAddr>, usize)>) {
    let Some((client, left)) = read(bytes) else {
        return;
    };
    let (header, _) = bytes.split_at(bytes.len() - left);
    let rest =
        header.strip_prefix(b"\r\n\r\n\0\r\nQUIT\n").expect("only what begins as one is one");
    let [command, family, high, low, rest @ ..] = rest else { panic!("a header cut short") };
    assert_eq!(rest.len(), usize::from(*high) << 8 | usize::from(*low), "as long as it says");
    assert!(rest.len() <= 4 * 1_024 && matches!(command, 0x20 | 0x21));
    if let Some(client) = client {
        let source = match family {
            0x11 => rest.first_chunk::<4>().map(|bytes| IpAddr::from(*bytes)),
            0x21 => rest.first_chunk::<16>().map(|bytes| IpAddr::from(*bytes)),
            _ => None,
        };
        let source = source.map(|address| address.to_canonical());
        assert_eq!((*command, Some(client)), (0x21, source), "the address that it names");
    }
}

/// Variables of edge and node, one a line: the table of origins, a balance, a rate, keys, the
/// address of Redis.
pub fn config(bytes: &[u8]) {
    config_with(bytes, |secret| KeyRing::parse(secret).err().map(|error| error.to_string()));
}

/// The same, with keys that `complains` reads.
pub fn config_with(bytes: &[u8], complains: impl Fn(&str) -> Option<String>) {
    let Some(text) = text(bytes) else {
        return;
    };
    let mut lines = text.lines();
    let mut next = || lines.next().unwrap_or_default();
    if let Ok(rows) = serde_json::from_str::<Vec<OriginRow>>(next()) {
        let balance = Balance::parse(next()).unwrap_or_default();
        if let Ok(mut router) = Router::new(rows, balance, None) {
            let tried = Tried::default();
            let picked = router.pick(&RouteKey::default(), tried, NOW);
            assert!(picked.is_some_and(|index| router.url(index).is_some()));
        }
    }
    if let Err(e) = Rate::parse(next()) {
        assert!(!e.to_string().is_empty());
    }
    let secret = next();
    if let Some(sentence) = complains(secret) {
        // A short one may be part of the sentence by chance.
        assert!(secret.len() < 32 || !sentence.contains(secret), "{sentence}");
    }
    let _ = LedgerUrl::parse(next());
}

/// What Redis sends back for a batch of two orders, as it is on the wire.
pub fn reply(bytes: &[u8]) {
    reply_with(bytes, |orders, parts| reserve_batch::read(orders, false, parts).ok());
}

/// The same, read by `read`.
pub fn reply_with(
    bytes: &[u8],
    read: impl Fn(&[Reserve], &[Value]) -> Option<(Snapshot, Vec<Verdict>)>,
) {
    let Ok(Value::Array(parts)) = parse_redis_value(bytes) else {
        return;
    };
    let orders = ["0123456789abcdef", "fedcba9876543210"].map(|id| Reserve {
        id: OrderId::parse(id).expect("a valid id"),
        buyer: BuyerId::parse("ada").expect("a valid id"),
        quantity: Quantity::ONE,
        lines: None,
    });
    if let Some((snapshot, verdicts)) = read(&orders, &parts) {
        let taken = u64::from(snapshot.held) + u64::from(snapshot.confirmed);
        assert!(taken <= snapshot.capacity.into());
        assert_eq!(verdicts.len(), orders.len(), "an answer for each order");
    }
}

/// An entry of the log as Redis sends it, a record of an order, and an entry's text.
pub fn log_entry(bytes: &[u8]) {
    log_entry_with(bytes, |text| Entry::parse(7, text));
}

/// The same, with an entry's text read by `parse`.
pub fn log_entry_with(bytes: &[u8], parse: impl Fn(&str) -> Option<Entry>) {
    if let Ok(value) = parse_redis_value(bytes) {
        let _ = read_log_entry(&value);
    }
    let Some(text) = text(bytes) else {
        return;
    };
    if let Some(entry) = parse(text) {
        assert_eq!(parse(&entry.to_text()), Some(entry));
    }
    let id = OrderId::parse("0123456789abcdef").expect("a valid id");
    if let Ok(order) = Order::unpack(&id, text) {
        assert_eq!(Order::unpack(&id, &order.pack()), Ok(order));
    }
}

/// The shop's copy of the log, which `orders replay` reads.
pub fn journal(bytes: &[u8]) {
    if let Err(sentence) = ExportedLog::read(&sale(), bytes) {
        assert!(sentence.contains("line"), "it says where: {sentence}");
    }
}

/// What a sale sells, as JSON.
pub fn plan(bytes: &[u8]) {
    plan_with(bytes, Plan::to_json);
}

/// The same, stored as `store` writes it.
pub fn plan_with(bytes: &[u8], store: impl Fn(&Plan) -> String) {
    let Some(text) = text(bytes) else {
        return;
    };
    match Plan::from_json(text) {
        Ok(plan) => {
            assert!(plan.seats() as usize <= SEATS_MAX);
            assert_eq!(Plan::from_json(&store(&plan)).as_ref(), Ok(&plan));
            for (class, of) in plan.classes().iter().enumerate() {
                let last = of.seats().checked_sub(1).and_then(|number| of.name_of(number));
                let found = last.as_ref().and_then(|name| plan.seat(&name.to_string()));
                assert_eq!(found.map(|seat| seat.class), last.map(|_| class));
            }
        }
        Err(errors) => {
            let sentences = errors.sentences();
            assert!(!sentences.is_empty());
            let visible = |sentence: &String| !sentence.contains(char::is_control);
            assert!(sentences.iter().all(visible), "{sentences:?}");
        }
    }
}
