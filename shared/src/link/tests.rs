//! Tests of the format of a link: what is written is read back, and nothing else is read.

use super::frame::{self, PREFIX};
use super::*;
use crate::admission::grant::{Grant, Supply};
use crate::auth::key_ring::KeyRing;
use crate::domain::ids::EdgeId;
use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::limits::{BODY_MAX, LINK_FRAME_MAX, LINK_ORDERS_MAX, LINK_TOKEN_MAX};
use crate::wire::edge_counters::EdgeCounts;
use crate::wire::trace_context::TraceParent;
use proptest::prelude::*;
use std::net::IpAddr;

const A: &str = "a:0123456789abcdef0123456789abcdef";
const B: &str = "b:fedcba9876543210fedcba9876543210";

fn ring(text: &str) -> KeyRing {
    KeyRing::parse(text).unwrap()
}

fn session(nonce: u8, edge: &str) -> LinkSession {
    LinkSession::new(LinkNonce([nonce; 16]), &EdgeId::parse(edge).unwrap())
}

fn written(keys: &KeyRing, number: u64, frame: FromGateway<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    session(7, "e1").write(keys, number, frame, &mut bytes);
    bytes
}

const PLAIN: LinkOrder<'_> = LinkOrder {
    sale: "demo",
    id: "0123456789abcdef",
    key: KeySource::Made,
    client: None,
    token: None,
    wanted: None,
    trace: None,
    counts: None,
    body: br#"{"buyer":"ada"}"#,
};

fn payload(orders: &[LinkOrder<'_>]) -> Vec<u8> {
    let mut writer = OrdersWriter::default();
    for (number, order) in orders.iter().enumerate() {
        writer.add(number as u32, &order.to_bytes().unwrap());
    }
    writer.take()
}

/// Against Python's `hmac` over the same bytes.
#[test]
fn a_frame_is_the_one_that_another_implementation_makes() {
    let bytes = written(&ring(A), 3, FromGateway::Ping);
    let code = &bytes[bytes.len() - 32..];
    assert_eq!(
        base16ct::lower::encode_string(code),
        "7cf29f58768c80b24be2cf5433c24d591d901fe44a5600b9639eaa81530df291"
    );
    assert_eq!(bytes[..PREFIX], [0, 0, 0, 1 + 8 + 2 + 32]);
}

#[test]
fn a_frame_counts_once_on_its_own_link_and_under_its_own_number() {
    let keys = ring(A);
    let orders = payload(&[PLAIN]);
    let bytes = written(&keys, 5, FromGateway::Orders(&orders));
    let here = session(7, "e1");
    assert_eq!(here.read(&keys, 5, &bytes), Ok(FromGateway::Orders(&orders)));
    assert_eq!(here.read(&keys, 6, &bytes), Err(LinkRejection::Sequence), "repeated");
    assert_eq!(here.read(&keys, 4, &bytes), Err(LinkRejection::Sequence), "one is missing");
    for other in [session(8, "e1"), session(7, "e2")] {
        assert_eq!(other.read(&keys, 5, &bytes), Err(LinkRejection::WrongCode));
    }
    assert_eq!(here.read(&ring(B), 5, &bytes), Err(LinkRejection::UnknownKey));
    let same_id = ring("a:fedcba9876543210fedcba9876543210");
    assert_eq!(here.read(&same_id, 5, &bytes), Err(LinkRejection::WrongCode));
}

#[test]
fn a_change_of_any_byte_of_a_frame_is_seen() {
    let keys = ring(A);
    let orders = payload(&[PLAIN]);
    let bytes = written(&keys, 0, FromGateway::Orders(&orders));
    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(session(7, "e1").read(&keys, 0, &changed).is_err(), "byte {place}");
    }
}

#[test]
fn keys_are_replaced_while_a_link_is_open() {
    let steps = [A.to_owned(), format!("{A},{B}"), format!("{B},{A}"), B.to_owned()];
    let steps = steps.map(|text| ring(&text));
    for (number, pair) in steps.windows(2).enumerate() {
        for (gateway, node) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
            let bytes = written(gateway, number as u64, FromGateway::Ping);
            let read = session(7, "e1").read(node, number as u64, &bytes);
            assert_eq!(read, Ok(FromGateway::Ping));
        }
    }
}

#[test]
fn a_frame_is_whole_or_waited_for_or_too_long() {
    assert_eq!(frame::length(&[0, 0, 0]), Ok(None));
    assert_eq!(frame::length(&[0, 0, 0, 9, 1]), Ok(Some(13)));
    let longest = (LINK_FRAME_MAX as u32).to_be_bytes();
    assert_eq!(frame::length(&longest), Ok(Some(PREFIX + LINK_FRAME_MAX)));
    let longer = (LINK_FRAME_MAX as u32 + 1).to_be_bytes();
    assert_eq!(frame::length(&longer), Err(LinkRejection::TooLong));
    let keys = ring(A);
    let bytes = written(&keys, 0, FromGateway::Ping);
    for cut in 0..bytes.len() {
        assert!(session(7, "e1").read(&keys, 0, &bytes[..cut]).is_err(), "{cut}");
    }
}

#[test]
fn a_frame_has_at_most_64_orders_and_no_order_is_longer_than_it_may_be() {
    let order = PLAIN.to_bytes().unwrap();
    let mut writer = OrdersWriter::default();
    let mut added = 0;
    while writer.has_room(&order) {
        writer.add(added, &order);
        added += 1;
    }
    assert_eq!(added as usize, LINK_ORDERS_MAX);
    let mut one_more = writer.take();
    assert_eq!(OrdersReader::new(&one_more).unwrap().all().unwrap().len(), LINK_ORDERS_MAX);
    one_more[0] += 1;
    assert!(OrdersReader::new(&one_more).is_err());
    let long = |length: usize| "x".repeat(length);
    assert!(LinkOrder { sale: &long(256), ..PLAIN }.to_bytes().is_none());
    assert!(LinkOrder { id: &long(256), ..PLAIN }.to_bytes().is_none());
    assert!(LinkOrder { token: Some(&long(LINK_TOKEN_MAX + 1)), ..PLAIN }.to_bytes().is_none());
    assert!(LinkOrder { body: &[b' '; BODY_MAX + 1], ..PLAIN }.to_bytes().is_none());
    // The longest orders fill a frame before there are 64.
    let (token, body) = (long(LINK_TOKEN_MAX), [b' '; BODY_MAX]);
    let longest = LinkOrder { token: Some(&token), body: &body, ..PLAIN }.to_bytes().unwrap();
    let mut writer = OrdersWriter::default();
    while writer.has_room(&longest) {
        writer.add(0, &longest);
    }
    let bytes = written(&ring(A), 0, FromGateway::Orders(&writer.take()));
    assert!(bytes.len() <= PREFIX + LINK_FRAME_MAX);
}

#[test]
fn an_order_that_was_seen_arrives_as_one_that_is_repeated() {
    let order = LinkOrder { key: KeySource::Known, ..PLAIN };
    let bytes = payload(&[order]);
    let read = OrdersReader::new(&bytes).unwrap().all().unwrap();
    assert_eq!(read[0].1.key, KeySource::Repeated);
}

#[test]
fn what_a_node_says_is_read_back() {
    let rejections = [1, 2, 3, 4, 5].map(|byte| vec![0, 0, 0, 2, 4, byte]);
    for bytes in rejections {
        assert!(matches!(FromNode::read(&bytes), Ok(FromNode::Rejected(_))));
    }
    for frame in [FromNode::Pong, FromNode::Goodbye, FromNode::Answers(&[1, 2])] {
        let mut bytes = Vec::new();
        frame.write(&mut bytes);
        assert_eq!(FromNode::read(&bytes), Ok(frame));
        bytes.push(0);
        assert_eq!(FromNode::read(&bytes), Err(Malformed));
    }
    assert_eq!(FromNode::read(&[0, 0, 0, 2, 4, 6]), Err(Malformed));
    assert_eq!(FromNode::read(&[0, 0, 0, 1, 9]), Err(Malformed));
}

/// An order that says nothing of what it is for has the bytes that it always had: a node of an
/// earlier version reads them.
#[test]
fn what_an_order_is_for_adds_a_field_and_nothing_else_changes() {
    let (plain, wanted) = (PLAIN.to_bytes().unwrap(), Some("second.3-9.2"));
    assert_eq!(plain[0], 0, "no flag");
    let more = LinkOrder { wanted, ..PLAIN }.to_bytes().unwrap();
    assert_eq!(more.len(), plain.len() + 2 + 12);
    let bytes = payload(&[LinkOrder { wanted, ..PLAIN }]);
    let read = OrdersReader::new(&bytes).unwrap().all().unwrap();
    assert_eq!(read[0].1.wanted, wanted);
    let long = "x".repeat(crate::limits::WANTED_MAX + 1);
    assert!(LinkOrder { wanted: Some(&long), ..PLAIN }.to_bytes().is_none());
}

#[test]
fn what_is_gone_stands_where_older_gateways_read_nothing_and_older_nodes_write_nothing() {
    let known = |supply| Grant { supply, version: 7, ..Grant::of_unknown_sale(UnixMillis(1)) };
    let read_back = |grant: LinkGrant<'_>| {
        let mut writer = AnswerWriter::default();
        let place = writer.grant(&grant);
        assert!(writer.answer(1, place, 200, [].into_iter(), b"{}"));
        let payload = writer.payload().concat();
        let read = LinkAnswers::parse(&payload).unwrap().grants[0];
        (read.sales.to_owned(), read.gone.to_owned())
    };
    let gone = "1 7 - stalls.1sBA";
    let served = LinkGrant { grant: known(Supply::Free), sales: "", gone };
    assert_eq!(read_back(served), (String::new(), gone.to_owned()));
    // A gateway of an earlier version takes this text for names, and looks at those only where
    // the sale is unknown.
    let unknown = LinkGrant { grant: known(Supply::Unknown), sales: "a b", gone: "" };
    assert_eq!(read_back(unknown), ("a b".to_owned(), String::new()));
    // A node of an earlier version.
    let older = LinkGrant { grant: known(Supply::SoldOut), sales: "", gone: "" };
    assert_eq!(read_back(older), (String::new(), String::new()));
    let long = "x".repeat(crate::limits::GONE_HEADER_MAX + 1);
    let mut writer = AnswerWriter::default();
    assert_eq!(writer.grant(&LinkGrant { gone: &long, ..served }), None);
}

#[test]
fn an_answer_that_does_not_fit_leaves_nothing_in_its_frame() {
    let none: [(&str, &[u8]); 0] = [];
    let mut writer = AnswerWriter::default();
    assert!(writer.answer(1, None, 200, none.into_iter(), b"{}"));
    let before = writer.payload().concat();
    let long = vec![b'x'; LINK_FRAME_MAX];
    assert!(!writer.answer(2, None, 200, none.into_iter(), &long));
    assert!(!writer.answer(2, None, 200, [("a", &long[..5_000])].into_iter(), b""));
    assert_eq!(writer.payload().concat(), before);
}

#[test]
fn a_name_that_has_a_number_is_not_read_as_text() {
    let mut writer = AnswerWriter::default();
    assert!(writer.answer(1, None, 200, [("x-other", &b"1"[..])].into_iter(), b""));
    let payload = writer.payload().concat();
    assert!(LinkAnswers::parse(&payload).is_ok());
    let place = payload.windows(7).position(|part| part == b"x-other").unwrap();
    let mut known = payload[..place - 1].to_vec();
    known.push(8);
    known.extend_from_slice(b"location");
    known.extend_from_slice(&payload[place + 7..]);
    assert_eq!(LinkAnswers::parse(&known), Err(Malformed));
}

prop_compose! {
    fn order()(
        texts in ("[ -~]{0,20}", "[ -~]{0,40}", proptest::option::of("[ -~]{0,60}")),
        key in prop_oneof![
            Just(KeySource::Made), Just(KeySource::Sent), Just(KeySource::Repeated)
        ],
        client in proptest::option::of(any::<IpAddr>()),
        wanted in proptest::option::of("[ -~]{0,60}"),
        trace in proptest::option::of(any::<[u8; 24]>()),
        counts in proptest::option::of(any::<[u32; EdgeCounts::NUMBERS]>()),
        body in proptest::collection::vec(any::<u8>(), 0..80),
    ) -> OwnedOrder {
        OwnedOrder { texts, key, client, wanted, trace, counts, body }
    }
}

#[derive(Clone, Debug)]
struct OwnedOrder {
    texts: (String, String, Option<String>),
    key: KeySource,
    client: Option<IpAddr>,
    wanted: Option<String>,
    trace: Option<[u8; 24]>,
    counts: Option<[u32; EdgeCounts::NUMBERS]>,
    body: Vec<u8>,
}

impl OwnedOrder {
    fn lend(&self) -> LinkOrder<'_> {
        let (sale, id, token) = &self.texts;
        LinkOrder {
            sale,
            id,
            key: self.key,
            client: self.client,
            token: token.as_deref(),
            wanted: self.wanted.as_deref(),
            trace: self.trace.map(TraceParent::start),
            counts: self.counts.map(EdgeCounts::of_numbers),
            body: &self.body,
        }
    }
}

fn supply() -> impl Strategy<Value = Supply> {
    prop_oneof![
        Just(Supply::Free),
        Just(Supply::SoldOut),
        Just(Supply::AllHeld),
        Just(Supply::NotOpen),
        Just(Supply::Unknown)
    ]
}

type OwnedAnswer = (u32, u16, Vec<(String, Vec<u8>)>, Vec<u8>, bool);

fn answer() -> impl Strategy<Value = OwnedAnswer> {
    let name = prop_oneof![Just("location".to_owned()), "[a-z-]{1,12}"];
    let header = (name, proptest::collection::vec(any::<u8>(), 0..20));
    let headers = proptest::collection::vec(header, 0..5);
    (
        any::<u32>(),
        any::<u16>(),
        headers,
        proptest::collection::vec(any::<u8>(), 0..60),
        any::<bool>(),
    )
}

proptest! {
    #[test]
    fn orders_are_read_as_they_were_written(
        orders in proptest::collection::vec(order(), 1..=LINK_ORDERS_MAX),
    ) {
        let lent: Vec<LinkOrder<'_>> = orders.iter().map(OwnedOrder::lend).collect();
        let bytes = payload(&lent);
        let read = OrdersReader::new(&bytes).unwrap().all().unwrap();
        let expected: Vec<_> = (0u32..).zip(lent).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn what_is_read_as_orders_is_what_would_be_written(
        orders in proptest::collection::vec(order(), 1..4),
        place: proptest::sample::Index,
        byte: u8,
    ) {
        let lent: Vec<LinkOrder<'_>> = orders.iter().map(OwnedOrder::lend).collect();
        let mut bytes = payload(&lent);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok(read) = OrdersReader::new(&bytes).and_then(OrdersReader::all) {
            let mut writer = OrdersWriter::default();
            for (number, order) in read {
                writer.add(number, &order.to_bytes().unwrap());
            }
            prop_assert_eq!(writer.take(), bytes);
        }
    }

    #[test]
    fn answers_are_read_as_they_were_written(
        supply in supply(),
        numbers: [u32; 4],
        answers in proptest::collection::vec(answer(), 1..20),
        place: proptest::sample::Index,
        byte: u8,
    ) {
        let [version, at, budget, opens_at] = numbers;
        let grant = Grant {
            version: version.into(),
            at: UnixMillis(at.into()),
            window_ms: 250,
            budget,
            supply,
            opens_at: UnixMillis(opens_at.into()),
        };
        let unknown = supply == Supply::Unknown;
        let (sales, gone) = if unknown { ("autumn spring", "") } else { ("", "1 7 - a.1sBA") };
        let grant = LinkGrant { grant, sales, gone };
        let bytes = write(&[grant], answers.iter());
        let read = LinkAnswers::parse(&bytes).unwrap();
        prop_assert_eq!(&read.grants, &[grant]);
        prop_assert_eq!(read.answers.len(), answers.len());
        for (read, (number, status, headers, body, granted)) in read.answers.iter().zip(&answers) {
            prop_assert_eq!((read.number, read.status, read.body), (*number, *status, &body[..]));
            prop_assert_eq!(read.grant.is_some(), *granted);
            let headers: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (name.as_str(), &value[..])).collect();
            prop_assert_eq!(&read.headers, &headers);
        }
        // What is read after a change is what would be written, too.
        let mut changed = bytes.clone();
        let place = place.index(changed.len());
        changed[place] = byte;
        if let Ok(read) = LinkAnswers::parse(&changed) {
            prop_assert_eq!(rewritten(&read), changed);
        }
    }

    #[test]
    fn no_bytes_bring_a_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = OrdersReader::new(&bytes).and_then(OrdersReader::all);
        let _ = LinkAnswers::parse(&bytes);
        let _ = FromNode::read(&bytes);
        prop_assert!(session(7, "e1").read(&ring(A), 0, &bytes).is_err());
    }
}

fn write<'a>(grants: &[LinkGrant<'_>], answers: impl Iterator<Item = &'a OwnedAnswer>) -> Vec<u8> {
    let mut writer = AnswerWriter::default();
    for grant in grants {
        assert!(writer.grant(grant).is_some());
    }
    for (number, status, headers, body, granted) in answers {
        let headers = headers.iter().map(|(name, value)| (name.as_str(), &value[..]));
        assert!(writer.answer(*number, granted.then_some(0), *status, headers, body));
    }
    writer.payload().concat()
}

fn rewritten(read: &LinkAnswers<'_>) -> Vec<u8> {
    let mut writer = AnswerWriter::default();
    for grant in &read.grants {
        assert!(writer.grant(grant).is_some());
    }
    for answer in &read.answers {
        let grant = answer.grant.map(|place| place as u8);
        let headers = answer.headers.iter().copied();
        let headers = headers.collect::<Vec<_>>().into_iter();
        assert!(writer.answer(answer.number, grant, answer.status, headers, answer.body));
    }
    writer.payload().concat()
}
