//! Request headers: what the edge reads of a client's, and which ones it forwards to an origin.

use crate::config::ClientIp;
use crate::isolate::Isolate;
use crate::runtime;
use crate::runtime::bindings;
use js_sys::{Object, Uint8Array};
use shared::auth::buyer_token;
use shared::auth::edge_signature::{self, Signed};
use shared::domain::order::KeySource;
use shared::limits::BODY_MAX;
use shared::wire::idempotency_key;
use shared::wire::messages::{header, key_source};
use shared::wire::repeated_headers;
use shared::{BuyerId, Code, EdgeCounts, OrderId, Problem, SaleId, TraceParent, UnixMillis};
use std::net::{IpAddr, SocketAddr};
use wasm_bindgen::JsValue;
use web_sys::Request;

/// Longest value that is passed on, in bytes; the longest useful one is a bearer token.
const VALUE_MAX: usize = 1_024;

const CONTENT_TYPE: &str = "content-type";
const AUTHORIZATION: &str = "authorization";

/// The order id that a client sent, and whether it repeats it.
///
/// # Errors
/// The header is there but is no order id, or one of the two was sent more than once, or the key
/// has another name.
pub(crate) fn sent_key(request: &Request) -> Result<Option<(OrderId, KeySource)>, Problem> {
    let Some(text) = bindings::sent_key(request) else {
        return Ok(None);
    };
    let (key, id) = match text.split_at_checked(1) {
        Some(("1", id)) => (KeySource::Repeated, id),
        Some(("2", _)) => return Err(repeated_headers::repeated(header::RETRY)),
        Some(("3", _)) => return Err(idempotency_key::misnamed()),
        Some((_, id)) => (KeySource::Sent, id),
        None => return Ok(None),
    };
    match OrderId::of_request(id) {
        Ok(id) => Ok(Some((id, key))),
        Err(_) if repeated_headers::is_joined(id) => {
            Err(repeated_headers::repeated(header::IDEMPOTENCY_KEY))
        }
        Err(error) => Err(Problem::invalid(error)),
    }
}

/// Checks that a token is sent once.
///
/// # Errors
/// It was sent more than once.
pub(crate) fn check_authorization(request: &Request) -> Result<(), Problem> {
    match bindings::authorization(request) {
        Some(value) if repeated_headers::is_joined(&value) => {
            Err(repeated_headers::repeated(AUTHORIZATION))
        }
        _ => Ok(()),
    }
}

/// The token that a call carries, as far as it is passed on.
pub(crate) fn token(request: &Request) -> Option<String> {
    bindings::authorization(request).filter(|value| is_sane(value))
}

/// Checks the announced length of a body.
///
/// # Errors
/// None is announced, or one above [`BODY_MAX`].
pub(crate) fn check_length(request: &Request) -> Result<(), Problem> {
    match bindings::content_length(request).map(|text| text.parse::<u64>()) {
        Some(Ok(length)) if length <= BODY_MAX as u64 => Ok(()),
        Some(Ok(_)) => Err(Problem::new(Code::TooLarge)),
        Some(Err(_)) | None => Err(Problem::new(Code::LengthRequired)),
    }
}

/// The client's address, from the place that it cannot write to.
pub(crate) fn client_ip(isolate: &Isolate, request: &Request) -> Option<IpAddr> {
    match isolate.client_ip {
        ClientIp::Header => bindings::connecting_ip(request)?.parse().ok(),
        ClientIp::Connection => address(&bindings::peer(request)?),
    }
}

/// Counts a request against what its client's address may ask.
///
/// # Errors
/// That was too much; it may ask again after so many milliseconds.
pub(crate) fn within_rate(isolate: &Isolate, request: &Request) -> Result<(), u32> {
    if !isolate.limits_clients() {
        return Ok(());
    }
    let client = client_ip(isolate, request);
    isolate.take(client, runtime::now())
}

/// The buyer for whom the shop vouches; `None` where orders need no token.
///
/// # Errors
/// They need one, and this is none, or there are several.
pub(crate) fn buyer_by_token(
    isolate: &Isolate,
    request: &Request,
    sale: &SaleId,
    now: UnixMillis,
) -> Result<Option<BuyerId>, Problem> {
    let Some(keys) = &isolate.buyer_keys else {
        return Ok(None);
    };
    let token = bindings::buyer_token(request);
    buyer_token::check(keys, token.as_deref(), sale, now).map(Some).map_err(|error| match token {
        Some(token) if repeated_headers::is_joined(&token) => {
            repeated_headers::repeated(header::BUYER_TOKEN)
        }
        _ => Problem::from(error),
    })
}

/// What the headers of a subrequest are made of.
#[derive(Clone, Copy)]
pub(crate) struct Forwarded<'a> {
    pub(crate) isolate: &'a Isolate,
    pub(crate) request: &'a Request,
    pub(crate) method: &'a str,
    /// The address at the origin.
    pub(crate) path: &'a str,
}

/// The part of a subrequest that does not depend on the origin, with fresh headers and the edge's
/// signature. One signature serves all attempts: it is good for far longer than they take.
pub(crate) fn init(
    forwarded: Forwarded<'_>,
    client_ip: Option<IpAddr>,
    order: Option<(&OrderId, KeySource)>,
    body: Option<&JsValue>,
    counts: Option<&EdgeCounts>,
    now: UnixMillis,
) -> Object {
    let Forwarded { isolate, request, method, path } = forwarded;
    let sane = |value: Option<String>| value.filter(|value| is_sane(value));
    let client_ip = client_ip.map(|ip| ip.to_string());
    let id = order.map(|(id, _)| id.as_str());
    let key = order.map(|(_, key)| key_source::word(key));
    // Only an order has one to show.
    let token = order.and_then(|_| sane(bindings::buyer_token(request)));
    let authorization = sane(bindings::authorization(request));
    let trace = trace(isolate, request).map(|trace| trace.to_string());
    // The body of an order stays on the JavaScript side: to copy and hash it would slow each one.
    let hash = body.filter(|_| order.is_none()).map(hash_of).filter(|hash| !hash.is_empty());
    let signed = Signed {
        method,
        path,
        order: id.unwrap_or_default(),
        client: client_ip.as_deref().unwrap_or_default(),
        edge: isolate.id.as_str(),
        key_source: key.unwrap_or_default(),
        buyer_token: token.as_deref().unwrap_or_default(),
        authorization: authorization.as_deref().unwrap_or_default(),
        traceparent: trace.as_deref().unwrap_or_default(),
        body_hash: hash.as_deref().unwrap_or_default(),
    };
    let signature = edge_signature::sign(&isolate.keys, &signed, now);
    let content_type = sane(bindings::content_type(request));
    let calls = counts.and_then(EdgeCounts::to_calls_header);
    let counts = counts.map(EdgeCounts::to_header);
    let headers = [
        (header::EDGE, Some(isolate.id.as_str())),
        (header::SIGNATURE, Some(&signature)),
        (CONTENT_TYPE, content_type.as_deref()),
        (header::TRACEPARENT, trace.as_deref()),
        (AUTHORIZATION, authorization.as_deref()),
        (header::CLIENT_IP, client_ip.as_deref()),
        (header::IDEMPOTENCY_KEY, id),
        (header::KEY, key),
        (header::BUYER_TOKEN, token.as_deref()),
        (header::EDGE_COUNTS, counts.as_deref()),
        (header::EDGE_CALLS, calls.as_deref()),
        (header::BODY_HASH, hash.as_deref()),
    ];
    let none = JsValue::UNDEFINED;
    bindings::init(method, body.unwrap_or(&none), &lines(&headers))
}

/// The hash that is signed of a body that was read.
fn hash_of(body: &JsValue) -> String {
    edge_signature::body_hash(&Uint8Array::new(body).to_vec())
}

/// The headers that are there as lines, a name and its value by turns. No value has a line break:
/// those of clients are sane or parsed.
fn lines(headers: &[(&str, Option<&str>)]) -> String {
    let mut lines = String::with_capacity(512);
    for (name, value) in headers {
        if let Some(value) = value {
            let gap = if lines.is_empty() { "" } else { "\n" };
            for part in [gap, name, "\n", value] {
                lines.push_str(part);
            }
        }
    }
    lines
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = text.parse::<SocketAddr>().map(|peer| peer.ip());
    with_port.or_else(|_| text.parse()).ok()
}

fn is_sane(value: &str) -> bool {
    value.len() <= VALUE_MAX && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// A new trace for the share of requests that the edge is configured to have traced. The one that
/// a client names counts only where clients are trusted with that: it chooses what is recorded.
fn trace(isolate: &Isolate, request: &Request) -> Option<TraceParent> {
    let sent = bindings::traceparent(request).filter(|_| isolate.takes_client_traces);
    match sent {
        Some(sent) => TraceParent::parse(&sent),
        None => isolate.start_trace(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_passed_on_that_is_long_or_not_visible() {
        assert!(is_sane("application/json; charset=utf-8"));
        assert!(!is_sane(&"x".repeat(VALUE_MAX + 1)));
        assert!(!is_sane("Bearer \u{e9}"));
        assert!(!is_sane("a\tb"));
    }

    #[test]
    fn only_headers_that_are_there_make_lines() {
        let some = [("a", Some("1")), ("b", None), ("c", Some("2 3"))];
        assert_eq!(lines(&some), "a\n1\nc\n2 3");
        assert_eq!(lines(&[("b", None)]), "");
    }

    #[test]
    fn a_peer_is_read_with_and_without_its_port() {
        for (text, ip) in [
            ("127.0.0.1:58748", "127.0.0.1"),
            ("10.1.2.3", "10.1.2.3"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(address(text), ip.parse().ok());
        }
        assert_eq!(address("unix:/run/x"), None);
    }

    #[test]
    fn the_headers_that_the_bindings_name_are_those_of_the_wire() {
        let bindings = include_str!("runtime/bindings.js");
        for name in [
            header::AGE_MS,
            header::ANSWERED_BY,
            header::BUYER_TOKEN,
            header::EDGE_CALLS,
            header::EDGE_COUNTS,
            header::GRANT,
            header::IDEMPOTENCY_KEY,
            idempotency_key::MISNAMED,
            header::LIMITED,
            header::NODE,
            header::RETRY,
            header::SALES,
        ] {
            assert!(bindings.contains(&format!("\"{name}\"")), "{name}");
        }
    }
}
