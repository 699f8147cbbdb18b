//! A client's request at a gateway, as the rules of an edge read it.

use crate::front::Client;
use hyper::HeaderMap;
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST,
    HeaderName, IF_NONE_MATCH, ORIGIN,
};
use hyper::http::request::Parts;
use shared::edge::client_request::{ClientRequest, RequestBody, SentKey, SentMarks};
use shared::wire::idempotency_key;
use shared::wire::messages::header;
use std::borrow::Cow;
use std::net::IpAddr;

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static(header::IDEMPOTENCY_KEY);
static MISNAMED: HeaderName = HeaderName::from_static(idempotency_key::MISNAMED);
static RETRY: HeaderName = HeaderName::from_static(header::RETRY);
static BUYER_TOKEN: HeaderName = HeaderName::from_static(header::BUYER_TOKEN);
static TRACEPARENT: HeaderName = HeaderName::from_static(header::TRACEPARENT);
static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The head of a request.
#[derive(Debug)]
pub(super) struct GatewayRequest {
    pub(super) head: Parts,
    pub(super) client: Client,
    pub(super) has_body: bool,
}

impl GatewayRequest {
    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        joined(&self.head.headers, name)
    }
}

/// The values of a header, with commas between them, as browsers and workerd join them. What is no
/// UTF-8 becomes what no rule takes.
fn joined<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    let mut values = headers.get_all(name).iter();
    let first = String::from_utf8_lossy(values.next()?.as_bytes());
    let Some(second) = values.next() else {
        return Some(first);
    };
    let mut all = first.into_owned();
    for value in std::iter::once(second).chain(values) {
        all.push_str(", ");
        all.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    Some(all.into())
}

impl ClientRequest for GatewayRequest {
    fn method(&self) -> &str {
        self.head.method.as_str()
    }

    fn path(&self) -> &str {
        self.head.uri.path()
    }

    fn query(&self) -> Option<&str> {
        self.head.uri.query()
    }

    fn host(&self) -> Cow<'_, str> {
        self.header(&HOST).unwrap_or_default()
    }

    fn client_ip(&self) -> Option<IpAddr> {
        Some(self.client.address)
    }

    fn sent_key(&self) -> SentKey<'_> {
        let Some(key) = self.header(&IDEMPOTENCY_KEY) else {
            let misnamed = self.head.headers.contains_key(&MISNAMED);
            return if misnamed { SentKey::Misnamed } else { SentKey::Absent };
        };
        match self.header(&RETRY).as_deref() {
            Some("1") => SentKey::Here(key, true),
            Some(retry) if retry.contains(", ") => SentKey::RetryTwice,
            _ => SentKey::Here(key, false),
        }
    }

    fn authorization(&self) -> Option<Cow<'_, str>> {
        self.header(&AUTHORIZATION)
    }

    fn buyer_token(&self) -> Option<Cow<'_, str>> {
        self.header(&BUYER_TOKEN)
    }

    fn content_length(&self) -> Option<Cow<'_, str>> {
        self.header(&CONTENT_LENGTH)
    }

    fn content_type(&self) -> Option<Cow<'_, str>> {
        self.header(&CONTENT_TYPE)
    }

    fn traceparent(&self) -> Option<Cow<'_, str>> {
        self.header(&TRACEPARENT)
    }

    fn if_none_match(&self) -> Option<Cow<'_, str>> {
        self.header(&IF_NONE_MATCH)
    }

    fn page_marks(&self) -> Option<SentMarks> {
        let own = |name| self.header(name).map(Cow::into_owned);
        let marks = SentMarks { origin: own(&ORIGIN), site: own(&SEC_FETCH_SITE) };
        (marks != SentMarks::default()).then_some(marks)
    }

    fn has_body(&self) -> bool {
        self.has_body
    }

    fn asks_permission(&self) -> bool {
        self.head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
    }

    fn wants_page(&self) -> bool {
        self.header(&ACCEPT).is_some_and(|accept| accept.contains("text/html"))
    }
}

/// A body that was read whole.
#[derive(Clone, Debug)]
pub(super) struct GatewayBody(pub(super) bytes::Bytes);

impl RequestBody for GatewayBody {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    fn request(headers: &[(&str, &[u8])]) -> GatewayRequest {
        let mut request = Request::builder().method("POST").uri("/v1/sales/a/orders?x=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (head, ()) = request.body(()).unwrap().into_parts();
        let client = Client { address: "203.0.113.9".parse().unwrap(), tls: false };
        GatewayRequest { head, client, has_body: true }
    }

    #[test]
    fn a_header_that_was_sent_twice_comes_with_a_comma_between() {
        let twice = request(&[("idempotency-key", b"a"), ("idempotency-key", b"b")]);
        assert_eq!(twice.sent_key(), SentKey::Here("a, b".into(), false));
        let retries = [("idempotency-key", &b"a"[..]), ("lastseat-retry", b"1")];
        assert_eq!(request(&retries).sent_key(), SentKey::Here("a".into(), true));
        let retries = [retries[0], retries[1], ("lastseat-retry", b"1")];
        assert_eq!(request(&retries).sent_key(), SentKey::RetryTwice);
    }

    #[test]
    fn a_key_under_another_name_is_seen_only_where_there_is_none_under_its_own() {
        assert_eq!(request(&[("x-idempotency-key", b"a")]).sent_key(), SentKey::Misnamed);
        let both = [("x-idempotency-key", &b"a"[..]), ("idempotency-key", b"b")];
        assert_eq!(request(&both).sent_key(), SentKey::Here("b".into(), false));
        assert_eq!(request(&[]).sent_key(), SentKey::Absent);
    }

    #[test]
    fn the_address_and_the_marks_of_a_page_are_read_as_they_were_sent() {
        let asked = request(&[("host", b"edge:8787"), ("origin", b"https://shop.example")]);
        assert_eq!((asked.path(), asked.query()), ("/v1/sales/a/orders", Some("x=1")));
        assert_eq!(asked.host(), "edge:8787");
        let marks = asked.page_marks().unwrap();
        assert_eq!(marks.origin.as_deref(), Some("https://shop.example"));
        assert_eq!(request(&[]).page_marks(), None);
    }

    #[test]
    fn bytes_that_are_no_utf_8_become_a_sign_that_no_rule_takes() {
        let asked = request(&[("idempotency-key", b"\xff123456789abcdef")]);
        let SentKey::Here(key, _) = asked.sent_key() else { panic!("a key was sent") };
        assert!(shared::OrderId::of_request(&key).is_err());
    }
}
