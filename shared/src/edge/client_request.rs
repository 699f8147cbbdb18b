//! Client's request, as far as an edge reads it, and the checks that each kind of request shares.

use crate::admission::browser_origin::{self, AllowedOrigins, BrowserRequest, PageMarks};
use crate::auth::buyer_token;
use crate::auth::key_ring::KeyRing;
use crate::domain::ids::{BuyerId, OrderId, SaleId};
use crate::domain::order::KeySource;
use crate::domain::time::UnixMillis;
use crate::limits::BODY_MAX;
use crate::wire::idempotency_key;
use crate::wire::messages::header;
use crate::wire::problem::{Code, Problem};
use crate::wire::repeated_headers;
use std::borrow::Cow;
use std::net::IpAddr;

/// Longest value of a client's header that is passed on, in bytes; the longest useful one is a
/// bearer token.
const VALUE_MAX: usize = 1_024;

/// The name of the header `Authorization`.
pub const AUTHORIZATION: &str = "authorization";
/// The name of the header `Content-Type`.
pub const CONTENT_TYPE: &str = "content-type";

/// A request of a client. A header that was sent more than once comes as one value, with commas
/// between its parts. Each one is read only where it matters: in the Worker that is a call into
/// JavaScript.
pub trait ClientRequest {
    /// The method.
    fn method(&self) -> &str;
    /// The path of the address, without a query.
    fn path(&self) -> &str;
    /// The query of the address, without its question mark.
    fn query(&self) -> Option<&str>;
    /// The host and the port that the request was sent to.
    fn host(&self) -> Cow<'_, str>;
    /// The client's address, from a place that the client cannot write to.
    fn client_ip(&self) -> Option<IpAddr>;
    /// The headers `Idempotency-Key`, `X-Idempotency-Key` and `Lastseat-Retry`.
    fn sent_key(&self) -> SentKey<'_>;
    /// The header `Authorization`.
    fn authorization(&self) -> Option<Cow<'_, str>>;
    /// The header `Lastseat-Buyer-Token`.
    fn buyer_token(&self) -> Option<Cow<'_, str>>;
    /// The header `Content-Length`.
    fn content_length(&self) -> Option<Cow<'_, str>>;
    /// The header `Content-Type`.
    fn content_type(&self) -> Option<Cow<'_, str>>;
    /// The header `traceparent`.
    fn traceparent(&self) -> Option<Cow<'_, str>>;
    /// The header `If-None-Match`.
    fn if_none_match(&self) -> Option<Cow<'_, str>>;
    /// The headers `Origin` and `Sec-Fetch-Site`; `None` where neither was sent.
    fn page_marks(&self) -> Option<SentMarks>;
    /// Whether there is a body, also an empty one.
    fn has_body(&self) -> bool;
    /// Whether it has the header `Access-Control-Request-Method`.
    fn asks_permission(&self) -> bool;
    /// Whether a person asks, in a browser (`Accept` names HTML).
    fn wants_page(&self) -> bool;
}

/// The key that a client sent with an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentKey<'a> {
    /// None.
    Absent,
    /// One under the name `X-Idempotency-Key`, which nobody reads.
    Misnamed,
    /// One, and more than one header that says whether it is sent again.
    RetryTwice,
    /// One, as it was sent; the second value is whether it is sent again.
    Here(Cow<'a, str>, bool),
}

/// What a browser says of the page that makes it ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentMarks {
    /// The header `Origin`.
    pub origin: Option<String>,
    /// The header `Sec-Fetch-Site`.
    pub site: Option<String>,
}

/// The body of a request that was read whole.
pub trait RequestBody {
    /// Its length, in bytes.
    fn len(&self) -> usize;
    /// Its bytes. In the Worker this copies them out of JavaScript.
    fn bytes(&self) -> Cow<'_, [u8]>;
    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The body of a request that has none to read.
#[derive(Debug)]
pub enum NoBody {}

impl RequestBody for NoBody {
    fn len(&self) -> usize {
        match *self {}
    }

    fn bytes(&self) -> Cow<'_, [u8]> {
        match *self {}
    }
}

/// The order id that a client sent, and whether it repeats it.
///
/// # Errors
/// The header is there but is no order id, or one of the two was sent more than once, or the key
/// has another name.
pub(super) fn order_key(
    request: &impl ClientRequest,
) -> Result<Option<(OrderId, KeySource)>, Problem> {
    let (id, repeated) = match request.sent_key() {
        SentKey::Absent => return Ok(None),
        SentKey::Misnamed => return Err(idempotency_key::misnamed()),
        SentKey::RetryTwice => return Err(repeated_headers::repeated(header::RETRY)),
        SentKey::Here(id, repeated) => (id, repeated),
    };
    let key = if repeated { KeySource::Repeated } else { KeySource::Sent };
    match OrderId::of_request(&id) {
        Ok(id) => Ok(Some((id, key))),
        Err(_) if repeated_headers::is_joined(&id) => {
            Err(repeated_headers::repeated(header::IDEMPOTENCY_KEY))
        }
        Err(error) => Err(Problem::invalid(error)),
    }
}

/// Checks that a token is sent once.
///
/// # Errors
/// It was sent more than once.
pub(super) fn check_authorization(request: &impl ClientRequest) -> Result<(), Problem> {
    match request.authorization() {
        Some(value) if repeated_headers::is_joined(&value) => {
            Err(repeated_headers::repeated(AUTHORIZATION))
        }
        _ => Ok(()),
    }
}

/// Checks the announced length of a body.
///
/// # Errors
/// None is announced, or one above [`BODY_MAX`].
pub(super) fn check_length(request: &impl ClientRequest) -> Result<(), Problem> {
    match request.content_length().map(|text| text.parse::<u64>()) {
        Some(Ok(length)) if length <= BODY_MAX as u64 => Ok(()),
        Some(Ok(_)) => Err(Problem::new(Code::TooLarge)),
        Some(Err(_)) | None => Err(Problem::new(Code::LengthRequired)),
    }
}

/// Checks a body that was read, if it arrived whole and in time.
///
/// # Errors
/// It did not, or it is longer than [`BODY_MAX`].
pub(super) fn check_body<B: RequestBody>(body: Option<&B>) -> Result<&B, Problem> {
    let body =
        body.ok_or_else(|| Problem::invalid("The body did not arrive whole and in time."))?;
    if body.len() <= BODY_MAX { Ok(body) } else { Err(Problem::new(Code::TooLarge)) }
}

/// The buyer for whom the shop vouches; `None` where orders need no token.
///
/// # Errors
/// They need one, and this is none, or there are several.
pub(super) fn buyer_by_token(
    keys: Option<&KeyRing>,
    request: &impl ClientRequest,
    sale: &SaleId,
    wall: UnixMillis,
) -> Result<Option<BuyerId>, Problem> {
    let Some(keys) = keys else {
        return Ok(None);
    };
    let token = request.buyer_token();
    buyer_token::check(keys, token.as_deref(), sale, wall).map(Some).map_err(|error| match token {
        Some(token) if repeated_headers::is_joined(&token) => {
            repeated_headers::repeated(header::BUYER_TOKEN)
        }
        _ => Problem::from(error),
    })
}

/// Whether the page that makes a client's browser ask may do so. Of a request that changes nothing
/// no header is read, and of one that no browser has sent two.
///
/// # Errors
/// It may not, or its browser marks no JSON.
pub(super) fn check_page(
    request: &impl ClientRequest,
    allowed: &AllowedOrigins,
) -> Result<(), Code> {
    if request.method() != "POST" {
        return Ok(());
    }
    let Some(marks) = request.page_marks() else {
        return Ok(());
    };
    let (host, content_type) = (request.host(), request.content_type());
    let asked = BrowserRequest {
        method: request.method(),
        host: &host,
        page: PageMarks { origin: marks.origin.as_deref(), site: marks.site.as_deref() },
        content_type: content_type.as_deref(),
        // A runtime may make a body of an announced length of 0, too.
        has_body: request.has_body() && request.content_length().as_deref() != Some("0"),
    };
    browser_origin::check(&asked, allowed)
}

/// The origin of the page that asks, if it is an allowed one of another host.
pub(super) fn allowed_page(
    request: &impl ClientRequest,
    allowed: &AllowedOrigins,
) -> Option<String> {
    request.page_marks()?.origin.filter(|origin| allowed.has(origin))
}

/// A header's value, if it may be passed on: short, and visible characters only.
pub(super) fn passable(value: Option<Cow<'_, str>>) -> Option<String> {
    value.filter(|value| is_passable(value)).map(Cow::into_owned)
}

fn is_passable(value: &str) -> bool {
    value.len() <= VALUE_MAX && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_passed_on_that_is_long_or_not_visible() {
        assert!(is_passable("application/json; charset=utf-8"));
        assert!(!is_passable(&"x".repeat(VALUE_MAX + 1)));
        assert!(!is_passable("Bearer \u{e9}"));
        assert!(!is_passable("a\tb"));
    }
}
