//! Small answers: texts and problems.

use super::handler::Body;
use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use shared::Problem;
use shared::wire::problem::PROBLEM_JSON;

/// 200 with `text` of this media type; not to be cached.
#[must_use]
pub fn text(media_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    whole(StatusCode::OK, media_type, text.into())
}

/// A refusal or fault as its code demands.
#[must_use]
pub fn problem(problem: &Problem) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // Numbers and texts always become JSON.
    let mut body = serde_json::to_vec(problem).unwrap_or_default();
    body.push(b'\n');
    let mut response = whole(status, PROBLEM_JSON, body.into());
    if let Some(seconds) = problem.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

fn whole(status: StatusCode, media_type: &'static str, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
