//! Requests of browsers: which pages may make them at this node, and what CORS says to those.
//!
//! Browsers reach a node only where it serves everybody (`--insecure-direct`): an edge forwards
//! neither `Origin` nor `Sec-Fetch-Site`.

use super::{App, response};
use axum::body::HttpBody;
use axum::http::header::{ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::Response;
use shared::Code;
use shared::admission::browser_origin::{self, BrowserRequest, PageMarks};

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether the page that makes a client's browser ask may do so.
///
/// # Errors
/// It may not, or its browser marks no JSON.
pub(super) fn check(app: &App, parts: &Parts, has_body: bool) -> Result<(), Code> {
    let headers = &parts.headers;
    let page = PageMarks { origin: text(headers, &ORIGIN), site: text(headers, &SEC_FETCH_SITE) };
    if !page.are_there() {
        return Ok(());
    }
    // A request for an absolute address names the host there (RFC 9112, section 3.2.2).
    let host = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let request = BrowserRequest {
        method: parts.method.as_str(),
        host: host.or_else(|| text(headers, &HOST)).unwrap_or_default(),
        page,
        content_type: text(headers, &CONTENT_TYPE),
        has_body,
    };
    browser_origin::check(&request, &app.allowed_origins)
}

/// A header as text. One that is none is there all the same: it is no origin that anybody allows.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// Whether a body follows the head of a request.
pub(super) fn has_body(body: &impl HttpBody) -> bool {
    !body.is_end_stream()
}

/// The answer to a browser that asks what an allowed page may send; `None` for any other request.
pub(super) fn preflight(app: &App, parts: &Parts) -> Option<Response> {
    let asks = parts.method == Method::OPTIONS
        && parts.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    (asks && allowed(app, &parts.headers).is_some()).then(response::preflight)
}

/// The origin of the page that asks, if pages of other hosts may and it is one of them.
pub(super) fn allowed(app: &App, headers: &HeaderMap) -> Option<HeaderValue> {
    if app.allowed_origins.is_empty() {
        return None;
    }
    let origin = headers.get(ORIGIN)?;
    app.allowed_origins.has(origin.to_str().ok()?).then(|| origin.clone())
}
