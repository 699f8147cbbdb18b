//! Responses of a gateway: what the exchange answers, as HTTP.

use super::origin_response::GatewayResponse;
use super::page::BuyerPage;
use crate::front::Body;
use bytes::Bytes;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, AGE, ALLOW, CACHE_CONTROL,
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, VARY,
    WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use shared::admission::browser_origin::cors;
use shared::edge::answer::{
    ANSWERED_BY_EDGE, Answer, CorsAnswer, DOCUMENT_KEPT, HOME, ProblemAnswer, ShownView,
    preflight_headers,
};
use shared::wire::messages::header;
use shared::wire::problem::PROBLEM_JSON;
use shared::{Code, Problem};

static ANSWERED_BY: HeaderName = HeaderName::from_static(header::ANSWERED_BY);
static AGE_MS: HeaderName = HeaderName::from_static(header::AGE_MS);
static LIMITED: HeaderName = HeaderName::from_static(header::LIMITED);
static NODE: HeaderName = HeaderName::from_static(header::NODE);

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
/// The document of the API.
const DOCUMENT: &[u8] = include_bytes!("../../../../docs/openapi.json");
/// Room for the headers of any answer of a gateway's own.
const HEADERS: usize = 8;

/// The response to the request with this head that says `answer`.
pub(super) fn answer(
    answer: Answer<GatewayResponse>,
    cors: &CorsAnswer,
    head: &Parts,
    page: &BuyerPage,
) -> Response<Body> {
    let mut response = match answer {
        Answer::Problem(answer) => problem(&answer),
        Answer::Home => own(StatusCode::OK, "text/plain; charset=utf-8", HOME),
        Answer::Document => {
            let mut response = own(StatusCode::OK, "application/json", DOCUMENT);
            let kept = HeaderValue::from_static(DOCUMENT_KEPT);
            response.headers_mut().insert(CACHE_CONTROL, kept);
            response
        }
        Answer::Page(shown) => page.show(&head.headers, &shown),
        Answer::NoPage { status, of_a_sale } => page.show_nothing(status, of_a_sale),
        Answer::Moved(location) => moved(&location),
        Answer::Preflight => preflight(),
        Answer::View(view) => show(view),
        Answer::OfOrigin(response) => of_origin(response),
    };
    if let CorsAnswer::On(origin) = cors {
        allow(response.headers_mut(), origin.as_deref());
    }
    response
}

/// The thread that was to answer has ended.
pub(super) fn ended() -> Response<Body> {
    let problem = Problem::new(Code::OutcomeUnknown).retry_after(1_000);
    self::problem(&ProblemAnswer { problem, allow: None, limited: false })
}

fn own(status: StatusCode, media_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(body.into()));
    *response.status_mut() = status;
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(&ANSWERED_BY, HeaderValue::from_static(ANSWERED_BY_EDGE));
    *response.headers_mut() = headers;
    response
}

fn problem(answer: &ProblemAnswer) -> Response<Body> {
    let problem = &answer.problem;
    let status = StatusCode::from_u16(problem.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Numbers and texts always become JSON.
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut response = own(status, PROBLEM_JSON, body);
    let headers = response.headers_mut();
    if answer.needs_no_store() {
        headers.insert(CACHE_CONTROL, NO_STORE);
    }
    if let Some(seconds) = problem.retry_after_seconds() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if let Some(allow) = answer.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    if let Some(challenge) = problem.code.challenge() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    if answer.limited {
        headers.insert(&LIMITED, HeaderValue::from_static("client"));
    }
    response
}

fn moved(location: &str) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let headers = response.headers_mut();
    headers.insert(&ANSWERED_BY, HeaderValue::from_static(ANSWERED_BY_EDGE));
    if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(LOCATION, location);
    }
    response
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(&ANSWERED_BY, HeaderValue::from_static(ANSWERED_BY_EDGE));
    for (name, value) in preflight_headers() {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

fn show(view: ShownView) -> Response<Body> {
    let mut response = if view.unchanged {
        let mut response = own(StatusCode::NOT_MODIFIED, "application/json", Bytes::new());
        response.headers_mut().remove(CONTENT_TYPE);
        response
    } else {
        own(StatusCode::OK, "application/json", view.body.as_bytes().to_vec())
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(view.kept));
    if let Some(etag) = view.etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(ETAG, etag);
    }
    headers.insert(AGE, (view.age_ms / 1_000).into());
    headers.insert(&AGE_MS, view.age_ms.into());
    if let Ok(by) = HeaderValue::from_str(&view.by) {
        headers.insert(&ANSWERED_BY, by);
    }
    if let Some(node) = view.node.and_then(|node| HeaderValue::try_from(node).ok()) {
        headers.insert(&NODE, node);
    }
    response
}

fn of_origin(answer: GatewayResponse) -> Response<Body> {
    let mut response = Response::new(Body::new(answer.body));
    let status = StatusCode::from_u16(answer.status);
    *response.status_mut() = status.unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = answer.headers;
    response
}

/// Says to caches that the answer depends on who asks, and lets the page of an allowed origin read
/// it. A node may have said so already.
fn allow(headers: &mut HeaderMap, origin: Option<&str>) {
    let said = headers.get_all(VARY).iter();
    if !said.into_iter().any(|value| value.as_bytes().windows(6).any(|word| word == b"Origin")) {
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let exposed = HeaderValue::from_static(cors::EXPOSED);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}
