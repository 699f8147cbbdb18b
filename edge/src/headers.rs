//! What the edge reads from a client's headers and which of them an origin gets to see: only those
//! named here, written anew.

use crate::config::ClientIp;
use crate::state::Isolate;
use js_sys::Reflect;
use shared::gate::Key;
use shared::limits::BODY_MAX;
use shared::wire::{header, key_source};
use shared::{Code, OrderId, Problem};
use std::net::{IpAddr, SocketAddr};
use wasm_bindgen::JsValue;
use web_sys::{Headers, Request};

/// Longest value that is passed on, in bytes; the longest useful one is a bearer token.
const VALUE_MAX: usize = 1_024;

/// What a client may say to an origin about a body, a trace, or itself.
const PASSED: [&str; 3] = ["content-type", "traceparent", "authorization"];

/// The order id that a client sent, and whether it repeats it.
///
/// # Errors
/// The header is there but is no order id.
pub(crate) fn sent_key(headers: &Headers) -> Result<Option<(OrderId, Key)>, Problem> {
    let Some(text) = get(headers, header::IDEMPOTENCY_KEY) else {
        return Ok(None);
    };
    let id = OrderId::parse(&text).map_err(Problem::invalid)?;
    let key = match get(headers, header::RETRY).as_deref() {
        Some("1") => Key::Repeated,
        _ => Key::Sent,
    };
    Ok(Some((id, key)))
}

/// Checks the announced length of a body.
///
/// # Errors
/// None is announced, or one above [`BODY_MAX`].
pub(crate) fn check_length(headers: &Headers) -> Result<(), Problem> {
    match get(headers, "content-length").map(|text| text.parse::<u64>()) {
        Some(Ok(length)) if length <= BODY_MAX as u64 => Ok(()),
        Some(Ok(_)) => Err(Problem::new(Code::TooLarge)),
        Some(Err(_)) | None => Err(Problem::new(Code::LengthRequired)),
    }
}

/// The client's address, from the place that it cannot write to.
pub(crate) fn client_ip(isolate: &Isolate, request: &Request) -> Option<IpAddr> {
    match isolate.client_ip {
        ClientIp::Header => get(&request.headers(), "cf-connecting-ip")?.parse().ok(),
        ClientIp::Connection => {
            let cf = Reflect::get(request, &"cf".into()).ok()?;
            let peer = Reflect::get(&cf, &"clientIp".into()).ok()?.as_string()?;
            address(&peer)
        }
    }
}

/// The headers of a fresh request to an origin.
///
/// # Errors
/// The runtime refuses a header.
pub(crate) fn fresh(
    isolate: &Isolate,
    client: &Headers,
    client_ip: Option<IpAddr>,
    order: Option<(&OrderId, Key)>,
) -> Result<Headers, JsValue> {
    let fresh = Headers::new()?;
    for name in PASSED {
        if let Some(value) = get(client, name).filter(|value| is_sane(name, value)) {
            fresh.set(name, &value)?;
        }
    }
    fresh.set(header::EDGE, isolate.id.as_str())?;
    if let Some(ip) = client_ip {
        fresh.set(header::CLIENT_IP, &ip.to_string())?;
    }
    if let Some((id, key)) = order {
        fresh.set(header::IDEMPOTENCY_KEY, id.as_str())?;
        fresh.set(header::KEY, key_source::word(key))?;
    }
    Ok(fresh)
}

fn get(headers: &Headers, name: &str) -> Option<String> {
    headers.get(name).ok().flatten()
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = text.parse::<SocketAddr>().map(|peer| peer.ip());
    with_port.or_else(|_| text.parse()).ok()
}

fn is_sane(name: &str, value: &str) -> bool {
    match name {
        "traceparent" => is_traceparent(value),
        _ => value.len() <= VALUE_MAX && value.bytes().all(|b| b.is_ascii_graphic() || b == b' '),
    }
}

/// `00-<trace id>-<parent id>-<flags>` in lower-case hexadecimal (W3C Trace Context).
fn is_traceparent(value: &str) -> bool {
    let mut parts = value.split('-');
    let shape = [2, 32, 16, 2].into_iter().all(|length| {
        parts.next().is_some_and(|part| {
            part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        })
    });
    shape && parts.next().is_none() && !value.starts_with("ff")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_trace_of_the_standard_is_passed_on() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert!(is_sane("traceparent", good));
        for bad in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(!is_sane("traceparent", bad), "{bad}");
        }
    }

    #[test]
    fn no_value_is_passed_on_that_is_long_or_not_visible() {
        assert!(is_sane("content-type", "application/json; charset=utf-8"));
        assert!(!is_sane("authorization", &"x".repeat(VALUE_MAX + 1)));
        assert!(!is_sane("authorization", "Bearer \u{e9}"));
        assert!(!is_sane("content-type", "a\tb"));
    }

    #[test]
    fn a_client_cannot_name_a_header_of_the_tiers() {
        for name in PASSED {
            assert!(!name.starts_with("lastseat-") && !name.starts_with("cf-"));
            assert!(!name.starts_with("x-forwarded"));
        }
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
}
