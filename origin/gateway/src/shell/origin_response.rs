//! An origin's response at a gateway, over a link or as an answer to a plain request.

use bytes::Bytes;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, DATE, ETAG, HeaderMap, HeaderName, TRANSFER_ENCODING,
    WWW_AUTHENTICATE,
};
use lastseat_link::LinkAnswer;
use shared::Grant;
use shared::edge::upstream_request::OriginResponse;
use shared::upstream::forwarding::UpstreamResponse;
use shared::wire::messages::header;
use shared::wire::problem::EDGE_CHALLENGE;
use std::borrow::Cow;
use std::sync::Arc;

static ANSWERED_BY: HeaderName = HeaderName::from_static(header::ANSWERED_BY);
static GONE: HeaderName = HeaderName::from_static(header::GONE);
static GRANT: HeaderName = HeaderName::from_static(header::GRANT);
static LIMITED: HeaderName = HeaderName::from_static(header::LIMITED);
static NODE: HeaderName = HeaderName::from_static(header::NODE);
static SALES: HeaderName = HeaderName::from_static(header::SALES);

/// A response that was read whole: each is small.
#[derive(Clone, Debug)]
pub(super) struct GatewayResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    grant: Option<Grant>,
    sales: Option<String>,
    gone: Option<Arc<str>>,
}

impl GatewayResponse {
    /// The answer to a plain request.
    pub(super) fn plain(status: u16, mut headers: HeaderMap, body: Bytes) -> Self {
        let text = |value: hyper::header::HeaderValue| value.to_str().map(str::to_owned).ok();
        let grant = headers.remove(&GRANT).and_then(text);
        let gone = headers.remove(&GONE).and_then(text).map(Arc::from);
        let sales = headers.get(&SALES).cloned().and_then(text);
        // Those of the connection between the two, and what the answer to the client has anew.
        for name in [CONNECTION, TRANSFER_ENCODING, CONTENT_LENGTH, DATE] {
            headers.remove(name);
        }
        if !matches!(status, 200..=299) {
            headers.remove(&SALES);
        }
        let grant = grant.and_then(|grant| Grant::parse(&grant));
        Self { status, headers, body, grant, sales, gone }
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        self.headers.get(name).and_then(|value| value.to_str().ok()).map(Cow::Borrowed)
    }
}

impl From<LinkAnswer> for GatewayResponse {
    fn from(answer: LinkAnswer) -> Self {
        let LinkAnswer { status, headers, body, grant, sales, gone } = answer;
        Self { status, headers, body, grant, sales, gone }
    }
}

impl UpstreamResponse for GatewayResponse {
    fn status(&self) -> u16 {
        self.status
    }

    fn is_ours(&self) -> bool {
        self.headers.contains_key(&ANSWERED_BY)
    }

    fn limits_the_client(&self) -> bool {
        self.headers.contains_key(&LIMITED)
    }

    fn rejects_the_edge(&self) -> bool {
        self.rejection().is_some()
    }
}

impl OriginResponse for GatewayResponse {
    fn grant(&self) -> Option<Grant> {
        self.grant
    }

    fn sales(&self) -> Option<Cow<'_, str>> {
        self.sales.as_deref().map(Cow::Borrowed)
    }

    fn gone(&self) -> Option<Cow<'_, str>> {
        self.gone.as_deref().map(Cow::Borrowed)
    }

    fn etag(&self) -> Option<Cow<'_, str>> {
        self.header(&ETAG)
    }

    fn rejection(&self) -> Option<Cow<'_, str>> {
        self.header(&WWW_AUTHENTICATE).filter(|challenge| challenge.starts_with(EDGE_CHALLENGE))
    }

    fn answered_by(&self) -> Option<Cow<'_, str>> {
        self.header(&ANSWERED_BY)
    }

    fn node(&self) -> Option<Cow<'_, str>> {
        self.header(&NODE)
    }
}
