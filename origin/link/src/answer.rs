//! An answer that came over a link: what the node's HTTP response would have been.

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    WWW_AUTHENTICATE,
};
use shared::Grant;
use shared::link::{LinkGrant, ReadAnswer};
use shared::wire::messages::header;
use std::sync::Arc;

static ANSWERED_BY: HeaderName = HeaderName::from_static(header::ANSWERED_BY);
static LIMITED: HeaderName = HeaderName::from_static(header::LIMITED);
static REPLAYED: HeaderName = HeaderName::from_static(header::IDEMPOTENCY_REPLAYED);
static NODE: HeaderName = HeaderName::from_static(header::NODE);

/// The answer to one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The headers for the client.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What the edge may forward next; all answers of a frame to orders of one sale have the same.
    pub grant: Option<Grant>,
    /// Names of sales that exist, where the node does not serve the sale that was asked for.
    pub sales: Option<String>,
    /// What is gone of a sale with a plan, `Lastseat-Gone`.
    pub gone: Option<Arc<str>>,
}

impl LinkAnswer {
    /// Of `answer`, which is in `frame`; `None` where one of its headers is none.
    pub(crate) fn new(
        answer: &ReadAnswer<'_>,
        grants: &[LinkGrant<'_>],
        node: Option<&HeaderValue>,
        frame: &Bytes,
    ) -> Option<Self> {
        let mut headers = HeaderMap::with_capacity(answer.headers.len() + 1);
        for (name, value) in &answer.headers {
            let value = HeaderValue::from_maybe_shared(frame.slice_ref(value)).ok()?;
            headers.append(name_of(name)?, value);
        }
        if let Some(node) = node {
            headers.insert(&NODE, node.clone());
        }
        let grant = answer.grant.and_then(|place| grants.get(place));
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Some(Self {
            status: answer.status,
            headers,
            body: frame.slice_ref(answer.body),
            grant: grant.map(|grant| grant.grant),
            sales: grant.and_then(|grant| text(grant.sales)),
            gone: grant.and_then(|grant| text(grant.gone)).map(Arc::from),
        })
    }
}

/// The name; those of nearly all answers are not read anew.
fn name_of(text: &str) -> Option<HeaderName> {
    Some(match text {
        "content-type" => CONTENT_TYPE,
        "location" => LOCATION,
        "retry-after" => RETRY_AFTER,
        "www-authenticate" => WWW_AUTHENTICATE,
        "cache-control" => CACHE_CONTROL,
        header::ANSWERED_BY => ANSWERED_BY.clone(),
        header::LIMITED => LIMITED.clone(),
        header::IDEMPOTENCY_REPLAYED => REPLAYED.clone(),
        other => HeaderName::from_bytes(other.as_bytes()).ok()?,
    })
}
