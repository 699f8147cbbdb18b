//! Responses of the edge. The only file of the edge with HTTP statuses.
//!
//! The one file here that speaks HTTP statuses.

use crate::runtime::bindings;
use shared::admission::browser_origin::cors;
use shared::upstream::forwarding::LostRequest;
use shared::upstream::forwarding::UpstreamResponse;
use shared::wire::problem::{BusyCause, EDGE_CHALLENGE, PROBLEM_JSON};
use shared::{Code, Problem};
use wasm_bindgen::JsValue;
use web_sys::Response;

/// Clients whose request got no answer come back spread over this many milliseconds.
const JITTER_MS: f64 = 1_000.0;

/// A "no" or a fault.
///
/// # Errors
/// As all functions here: the runtime refuses to make a response.
pub(crate) fn problem(problem: &Problem) -> Result<Response, JsValue> {
    no(problem, None, false)
}

/// The client asked more than its address may.
pub(crate) fn client_busy(wait_ms: u32) -> Result<Response, JsValue> {
    no(&Problem::busy(BusyCause::ClientAddress, wait_ms), None, true)
}

/// The address exists, but not for this method.
pub(crate) fn method_not_allowed(allow: &str) -> Result<Response, JsValue> {
    no(&Problem::new(Code::MethodNotAllowed), Some(allow), false)
}

/// The edge cannot work; `fault` says why, for the operator.
pub(crate) fn misconfigured(fault: &str) -> Result<Response, JsValue> {
    problem(&Problem {
        detail: format!("This edge is not set up: {fault}"),
        ..Problem::new(Code::Unavailable)
    })
}

/// What a page of an allowed origin may send.
pub(crate) fn preflight() -> Result<Response, JsValue> {
    bindings::preflight(cors::METHODS, cors::HEADERS, cors::MAX_AGE_S)
}

/// Lets the page of an allowed `origin` read `answer`, and says to caches that it depends on that.
pub(crate) fn with_cors(answer: Response, origin: Option<&str>) -> Response {
    // An answer whose headers cannot be changed goes without: its page then reads nothing.
    let _ = bindings::add_cors(&answer, origin, cors::EXPOSED);
    answer
}

/// The page is at `location`, an address of this host.
pub(crate) fn moved(location: &str) -> Result<Response, JsValue> {
    bindings::moved(308, location)
}

/// What this is, for a person who opens the address in a browser.
pub(crate) fn home() -> Result<Response, JsValue> {
    const TEXT: &str = "lastseat: the last seat goes to exactly one buyer.\n\n\
        POST /v1/sales/{sale}/orders   {\"buyer\":\"...\",\"quantity\":1}\n\
        GET  /v1/sales/{sale}\n\
        GET  /s/{sale}                 the page to buy on\n";
    bindings::respond(200, TEXT, "text/plain; charset=utf-8", None, None, None, false)
}

/// State of a sale, received `age_ms` ago; `by` is the tier that answers.
pub(crate) fn view(
    body: &str,
    age_ms: u64,
    by: &str,
    node: Option<&str>,
) -> Result<Response, JsValue> {
    let age_ms = u32::try_from(age_ms).unwrap_or(u32::MAX);
    bindings::view(body, age_ms, by, node)
}

/// An origin's response for the client: unchanged, without the headers for the edge.
pub(crate) fn of_origin(answer: Response) -> Response {
    bindings::strip(&answer).unwrap_or(answer)
}

/// Why the origin of `answer` rejected this edge's signature, if it did.
pub(crate) fn doubt(answer: &Response) -> Option<String> {
    bindings::challenge(answer).filter(|challenge| challenge.starts_with(EDGE_CHALLENGE))
}

/// An origin's answer as an forwarded request reads it.
pub(crate) struct OfOrigin<'a>(pub(crate) &'a Response);

impl UpstreamResponse for OfOrigin<'_> {
    fn status(&self) -> u16 {
        self.0.status()
    }

    fn is_ours(&self) -> bool {
        bindings::answered_by(self.0).is_some()
    }

    fn limits_the_client(&self) -> bool {
        bindings::limited(self.0).is_some()
    }

    fn rejects_the_edge(&self) -> bool {
        doubt(self.0).is_some()
    }
}

fn no(problem: &Problem, allow: Option<&str>, limited: bool) -> Result<Response, JsValue> {
    let body = serde_json::to_string(problem).map_err(|error| error.to_string())?;
    let retry_after = problem.retry_after_seconds();
    let challenge = problem.code.challenge();
    if allow.is_none() && challenge.is_none() && !limited {
        return bindings::refuse(problem.status, &body, retry_after);
    }
    bindings::respond(problem.status, &body, PROBLEM_JSON, retry_after, allow, challenge, limited)
}

/// The problem for a client whose order no origin answered.
pub(crate) fn unanswered(lost: LostRequest, chance: f64) -> Problem {
    Problem::new(lost.code()).retry_after((chance * JITTER_MS) as u32)
}
