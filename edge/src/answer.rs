//! What the edge says by itself. The one file here that speaks HTTP statuses.

use crate::glue;
use shared::problem::{EDGE_CHALLENGE, PROBLEM_JSON};
use shared::{Code, Problem, Refusal};
use wasm_bindgen::JsValue;
use web_sys::Response;

/// A "no" or a fault.
///
/// # Errors
/// As all functions here: the runtime refuses to make a response.
pub(crate) fn problem(problem: &Problem) -> Result<Response, JsValue> {
    no(problem, None, false)
}

/// The client asked more than its address may.
pub(crate) fn client_busy(wait_ms: u32) -> Result<Response, JsValue> {
    no(&Problem::refusal(Refusal::Busy(wait_ms)), None, true)
}

/// The address exists, but not for this method.
pub(crate) fn method_not_allowed(allow: &str) -> Result<Response, JsValue> {
    no(&Problem::new(Code::MethodNotAllowed), Some(allow), false)
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
        GET  /v1/sales/{sale}\n\
        GET  /s/{sale}                 the page to buy on\n";
    glue::respond(
        200,
        TEXT,
        "text/plain; charset=utf-8",
        None,
        None,
        None,
        false,
    )
}

/// How a sale stands, as heard `age_ms` ago; `by` is the tier that says so.
pub(crate) fn view(
    body: &str,
    age_ms: u64,
    by: &str,
    node: Option<&str>,
) -> Result<Response, JsValue> {
    let age_ms = u32::try_from(age_ms).unwrap_or(u32::MAX);
    glue::view(body, age_ms, by, node)
}

/// An origin's answer for the client: as it is, without what it told the edge.
pub(crate) fn of_origin(answer: Response) -> Response {
    glue::strip(&answer).unwrap_or(answer)
}

/// Whether a lastseat origin made `answer`, and not something that stands in its place.
fn is_ours(answer: &Response) -> bool {
    glue::answered_by(answer).is_some()
}

/// Why `answer` says that its origin does not believe this edge, if it says so.
fn doubt(answer: &Response) -> Option<String> {
    glue::challenge(answer).filter(|challenge| challenge.starts_with(EDGE_CHALLENGE))
}

/// How far an origin got with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It decided.
    Decided,
    /// It decided that it cannot take more now.
    Busy,
    /// It could not, and nothing happened: another one may.
    NothingHappened,
    /// It does not believe this edge, for this reason, and nothing happened: another one may.
    Doubted(String),
    /// It does not know what became of the order: another one may be able to tell, under the same id.
    Unknown,
    /// It did not answer, or something else did in its place.
    Failed,
}

/// Reads the status of what came back, if anything did.
pub(crate) fn verdict(answer: Option<&Response>) -> Verdict {
    match answer.map(|answer| (answer.status(), answer)) {
        None => Verdict::Failed,
        Some((500.., answer)) if !is_ours(answer) => Verdict::Failed,
        Some((503, _)) => Verdict::NothingHappened,
        Some((504, _)) => Verdict::Unknown,
        // The origin has room, but not for this client.
        Some((429, answer)) if glue::limited(answer).is_some() => Verdict::Decided,
        Some((429, answer)) if is_ours(answer) => Verdict::Busy,
        Some((401, answer)) => doubt(answer).map_or(Verdict::Decided, Verdict::Doubted),
        Some(_) => Verdict::Decided,
    }
}

fn no(problem: &Problem, allow: Option<&str>, limited: bool) -> Result<Response, JsValue> {
    let body = serde_json::to_string(problem).map_err(|error| error.to_string())?;
    let retry_after = problem.retry_after_seconds();
    let challenge = problem.code.challenge();
    if allow.is_none() && challenge.is_none() && !limited {
        return glue::refuse(problem.status, &body, retry_after);
    }
    glue::respond(
        problem.status,
        &body,
        PROBLEM_JSON,
        retry_after,
        allow,
        challenge,
        limited,
    )
}
