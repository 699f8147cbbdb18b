//! A client's request in a Worker: what of it crosses from JavaScript, each when it is asked for.

use crate::config::ClientIp;
use crate::runtime::bindings;
use crate::url;
use js_sys::{ArrayBuffer, Uint8Array};
use shared::edge::client_request::{ClientRequest, RequestBody, SentKey, SentMarks};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Request;

/// A request that the runtime hands over.
pub(crate) struct WorkerRequest<'a> {
    pub(crate) request: &'a Request,
    /// The same as in `request`, which gives a new copy each time.
    pub(crate) url: &'a str,
    pub(crate) method: &'a str,
    pub(crate) client_ip: ClientIp,
}

impl ClientRequest for WorkerRequest<'_> {
    fn method(&self) -> &str {
        self.method
    }

    fn path(&self) -> &str {
        url::path_of(self.url)
    }

    fn query(&self) -> Option<&str> {
        url::query_of(self.url)
    }

    fn host(&self) -> Cow<'_, str> {
        url::host_of(self.url).into()
    }

    fn client_ip(&self) -> Option<IpAddr> {
        match self.client_ip {
            ClientIp::Header => bindings::connecting_ip(self.request)?.parse().ok(),
            ClientIp::Connection => address(&bindings::peer(self.request)?),
        }
    }

    fn sent_key(&self) -> SentKey<'_> {
        sent_key(bindings::sent_key(self.request))
    }

    fn authorization(&self) -> Option<Cow<'_, str>> {
        bindings::authorization(self.request).map(Cow::Owned)
    }

    fn buyer_token(&self) -> Option<Cow<'_, str>> {
        bindings::buyer_token(self.request).map(Cow::Owned)
    }

    fn content_length(&self) -> Option<Cow<'_, str>> {
        bindings::content_length(self.request).map(Cow::Owned)
    }

    fn content_type(&self) -> Option<Cow<'_, str>> {
        bindings::content_type(self.request).map(Cow::Owned)
    }

    fn traceparent(&self) -> Option<Cow<'_, str>> {
        bindings::traceparent(self.request).map(Cow::Owned)
    }

    fn if_none_match(&self) -> Option<Cow<'_, str>> {
        bindings::if_none_match(self.request).map(Cow::Owned)
    }

    fn page_marks(&self) -> Option<SentMarks> {
        bindings::page_marks(self.request).map(|marks| sent_marks(&marks))
    }

    fn has_body(&self) -> bool {
        self.request.body().is_some()
    }

    fn asks_permission(&self) -> bool {
        bindings::asks_permission(self.request)
    }

    fn wants_page(&self) -> bool {
        bindings::wants_page(self.request)
    }
}

/// A body that was read whole. It stays on the JavaScript side: an order's goes on as it came.
pub(crate) struct WorkerBody(pub(crate) JsValue);

impl RequestBody for WorkerBody {
    fn len(&self) -> usize {
        let length = self.0.dyn_ref::<ArrayBuffer>().map(ArrayBuffer::byte_length);
        length.map_or(0, |length| length as usize)
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        Uint8Array::new(&self.0).to_vec().into()
    }
}

/// What `sentKey` says: see there.
fn sent_key(text: Option<String>) -> SentKey<'static> {
    let Some(mut text) = text else {
        return SentKey::Absent;
    };
    match text.as_bytes().first() {
        Some(b'2') => SentKey::RetryTwice,
        Some(b'3') => SentKey::Misnamed,
        Some(mark) => {
            let repeated = *mark == b'1';
            SentKey::Here(text.split_off(1).into(), repeated)
        }
        None => SentKey::Absent,
    }
}

/// The two lines of `pageMarks`; an empty one is a header that was not sent.
fn sent_marks(marks: &str) -> SentMarks {
    let (origin, site) = marks.split_once('\n').unwrap_or((marks, ""));
    let sent = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    SentMarks { origin: sent(origin), site: sent(site) }
}

/// An address with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = text.parse::<SocketAddr>().map(|peer| peer.ip());
    with_port.or_else(|_| text.parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::edge::answer::DOCUMENT_KEPT;
    use shared::wire::idempotency_key;
    use shared::wire::messages::header;

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
    fn a_line_that_is_empty_is_a_header_that_was_not_sent() {
        for (marks, origin, site) in [
            ("https://a.example\ncross-site", Some("https://a.example"), Some("cross-site")),
            ("\nsame-origin", None, Some("same-origin")),
            ("null\n", Some("null"), None),
        ] {
            let page = sent_marks(marks);
            assert_eq!((page.origin.as_deref(), page.site.as_deref()), (origin, site));
        }
    }

    #[test]
    fn a_mark_before_the_key_says_whether_it_is_sent_again() {
        let key = |text: &str| sent_key(Some(text.to_owned()));
        assert_eq!(key("0abc"), SentKey::Here("abc".into(), false));
        assert_eq!(key("1abc"), SentKey::Here("abc".into(), true));
        assert_eq!(key("2abc"), SentKey::RetryTwice);
        assert_eq!(key("3"), SentKey::Misnamed);
        assert_eq!(sent_key(None), SentKey::Absent);
    }

    #[test]
    fn what_the_javascript_says_to_caches_is_what_every_edge_says() {
        let document = include_str!("handlers/openapi_document.js");
        let line = format!("\"cache-control\": \"{DOCUMENT_KEPT}\"");
        assert_eq!(document.matches(&line).count(), 1, "{line}");
    }

    #[test]
    fn the_headers_that_the_bindings_name_are_those_of_the_wire() {
        let bindings = include_str!("runtime/bindings.js");
        for name in [
            header::AGE_MS,
            header::ANSWERED_BY,
            header::BUYER_TOKEN,
            header::GONE,
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
