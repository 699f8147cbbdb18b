//! What the edge says by itself. The one file here that speaks HTTP statuses.

use js_sys::{Object, Reflect};
use shared::problem::PROBLEM_JSON;
use shared::wire::header;
use shared::{Code, Problem};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Response, ResponseInit};

/// A "no" or a fault.
///
/// # Errors
/// As all functions here: the runtime refuses to make a response.
pub(crate) fn problem(problem: &Problem) -> Result<Response, JsValue> {
    with_headers(problem, &[])
}

/// The address exists, but not for this method.
pub(crate) fn method_not_allowed(allow: &str) -> Result<Response, JsValue> {
    with_headers(&Problem::new(Code::MethodNotAllowed), &[("allow", allow)])
}

/// The edge cannot work; `fault` tells the operator why.
pub(crate) fn misconfigured(fault: &str) -> Result<Response, JsValue> {
    problem(&Problem {
        detail: format!("This edge is not set up: {fault}"),
        ..Problem::new(Code::Unavailable)
    })
}

/// What this is, for a person who opens the address in a browser.
pub(crate) fn home() -> Result<Response, JsValue> {
    const TEXT: &str = "lastseat: the last seat goes to exactly one buyer.\n\n\
        POST /v1/sales/{sale}/orders   {\"buyer\":\"...\",\"quantity\":1}\n\
        GET  /v1/sales/{sale}\n";
    respond(200, TEXT, &[("content-type", "text/plain; charset=utf-8")])
}

/// An origin's answer for the client: as it is, without what it told the edge.
pub(crate) fn of_origin(answer: Response) -> Response {
    let told = answer.headers().has(header::GRANT);
    if !matches!(told, Ok(true)) {
        return answer;
    }
    // The Fetch standard's way to get headers that can be changed; the body stays a stream.
    let body = answer.body();
    let changeable =
        Response::new_with_opt_readable_stream_and_init(body.as_ref(), answer.unchecked_ref());
    let Ok(answer) = changeable else {
        return answer;
    };
    let _ = answer.headers().delete(header::GRANT);
    answer
}

/// Whether a lastseat origin made `answer`, and not something that stands in its place.
fn is_ours(answer: &Response) -> bool {
    matches!(answer.headers().has(header::ANSWERED_BY), Ok(true))
}

/// How far an origin got with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It decided.
    Decided,
    /// It decided that it cannot take more now.
    Busy,
    /// It could not, and nothing happened: another one may.
    NothingHappened,
    /// It did not answer, or something else did in its place.
    Failed,
}

/// Reads the status of what came back, if anything did.
pub(crate) fn verdict(answer: Option<&Response>) -> Verdict {
    match answer.map(|answer| (answer.status(), answer)) {
        None => Verdict::Failed,
        Some((500.., answer)) if !is_ours(answer) => Verdict::Failed,
        Some((503, _)) => Verdict::NothingHappened,
        Some((429, answer)) if is_ours(answer) => Verdict::Busy,
        Some(_) => Verdict::Decided,
    }
}

fn with_headers(problem: &Problem, more: &[(&str, &str)]) -> Result<Response, JsValue> {
    let body = serde_json::to_string(problem).map_err(|error| error.to_string())?;
    let seconds = problem.retry_after_seconds().map(|s| s.to_string());
    let mut headers = vec![("content-type", PROBLEM_JSON)];
    headers.extend(seconds.as_deref().map(|s| ("retry-after", s)));
    headers.extend(more);
    respond(problem.status, &body, &headers)
}

fn respond(status: u16, body: &str, headers: &[(&str, &str)]) -> Result<Response, JsValue> {
    let fields = Object::new();
    let answered_by = (header::ANSWERED_BY, "edge");
    for (name, value) in headers.iter().chain([&answered_by]) {
        Reflect::set(&fields, &(*name).into(), &(*value).into())?;
    }
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(&fields);
    Response::new_with_opt_str_and_init(Some(body), &init)
}
