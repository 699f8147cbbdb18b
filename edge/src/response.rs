//! Responses of the edge: what the exchange answers, as the runtime's objects, and what comes back
//! from origins.

use crate::handlers::{openapi_document, static_files};
use crate::runtime::bindings;
use shared::Grant;
use shared::admission::browser_origin::cors;
use shared::edge::answer::{
    Answer, CorsAnswer, HOME, ProblemAnswer, ShownView, misconfigured as misconfigured_edge,
};
use shared::edge::upstream_request::OriginResponse;
use shared::upstream::forwarding::UpstreamResponse;
use shared::wire::problem::{EDGE_CHALLENGE, PROBLEM_JSON};
use std::borrow::Cow;
use std::cell::Cell;
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};

/// The response to `request` that says `answer`.
///
/// # Errors
/// As all functions here: the runtime refuses to make a response.
pub(crate) fn respond(
    answer: Answer<WorkerResponse>,
    cors: &CorsAnswer,
    request: &Request,
) -> Result<Response, JsValue> {
    let response = match answer {
        Answer::Problem(answer) => problem(&answer),
        Answer::Home => home(),
        Answer::Document => openapi_document::show(),
        Answer::Page(page) => {
            static_files::show(request, page.head.as_deref(), &page.mark, page.picture.as_deref())
        }
        Answer::NoPage { status, of_a_sale } => static_files::show_nothing(status, of_a_sale),
        Answer::Moved(location) => bindings::moved(308, &location),
        Answer::Preflight => bindings::preflight(cors::METHODS, cors::HEADERS, cors::MAX_AGE_S),
        Answer::View(view) => show(&view),
        Answer::OfOrigin(response) => Ok(response.for_client()),
    }?;
    if let CorsAnswer::On(origin) = cors {
        // An answer whose headers cannot be changed goes without: its page then reads nothing.
        let _ = bindings::add_cors(&response, origin.as_deref(), cors::EXPOSED);
    }
    Ok(response)
}

/// The edge cannot work; `fault` says why, for the operator.
pub(crate) fn misconfigured(fault: &str) -> Result<Response, JsValue> {
    problem(&misconfigured_edge(fault))
}

fn home() -> Result<Response, JsValue> {
    let text = "text/plain; charset=utf-8";
    bindings::respond(200, HOME, text, None, None, None, false, false)
}

fn show(view: &ShownView) -> Result<Response, JsValue> {
    let age_ms = u32::try_from(view.age_ms).unwrap_or(u32::MAX);
    let body = (!view.unchanged).then_some(&*view.body);
    let etag = view.etag.as_deref();
    bindings::view(body, age_ms, &view.by, view.node.as_deref(), view.kept, etag)
}

fn problem(answer: &ProblemAnswer) -> Result<Response, JsValue> {
    let problem = &answer.problem;
    let body = serde_json::to_string(problem).map_err(|error| error.to_string())?;
    let retry_after = problem.retry_after_seconds();
    let challenge = problem.code.challenge();
    let no_store = answer.needs_no_store();
    if answer.allow.is_none() && challenge.is_none() && !answer.limited {
        return bindings::refuse(problem.status, &body, retry_after, no_store);
    }
    bindings::respond(
        problem.status,
        &body,
        PROBLEM_JSON,
        retry_after,
        answer.allow,
        challenge,
        answer.limited,
        no_store,
    )
}

/// An origin's response. One that is dropped unread is ended, so that its connection is free again.
#[derive(Debug)]
pub(crate) struct WorkerResponse {
    response: Response,
    unread: Cell<bool>,
}

impl WorkerResponse {
    pub(crate) const fn new(response: Response) -> Self {
        Self { response, unread: Cell::new(true) }
    }

    /// Its body is read by the caller.
    pub(crate) fn read(&self) -> &Response {
        self.unread.set(false);
        &self.response
    }

    /// For the client: unchanged, without the headers for the edge.
    fn for_client(&self) -> Response {
        let response = self.read();
        // One that cannot be copied goes as it is.
        bindings::strip(response).unwrap_or_else(|_| Clone::clone(response))
    }
}

impl Drop for WorkerResponse {
    fn drop(&mut self) {
        if self.unread.get() {
            let _ = bindings::discard(&self.response);
        }
    }
}

impl UpstreamResponse for WorkerResponse {
    fn status(&self) -> u16 {
        self.response.status()
    }

    fn is_ours(&self) -> bool {
        bindings::answered_by(&self.response).is_some()
    }

    fn limits_the_client(&self) -> bool {
        bindings::limited(&self.response).is_some()
    }

    fn rejects_the_edge(&self) -> bool {
        self.rejection().is_some()
    }
}

impl OriginResponse for WorkerResponse {
    fn grant(&self) -> Option<Grant> {
        bindings::grant(&self.response).and_then(|text| Grant::parse(&text))
    }

    fn sales(&self) -> Option<Cow<'_, str>> {
        bindings::sales(&self.response).map(Cow::Owned)
    }

    fn gone(&self) -> Option<Cow<'_, str>> {
        bindings::gone(&self.response).map(Cow::Owned)
    }

    fn etag(&self) -> Option<Cow<'_, str>> {
        bindings::etag(&self.response).map(Cow::Owned)
    }

    fn rejection(&self) -> Option<Cow<'_, str>> {
        let challenge = bindings::challenge(&self.response);
        challenge.filter(|challenge| challenge.starts_with(EDGE_CHALLENGE)).map(Cow::Owned)
    }

    fn answered_by(&self) -> Option<Cow<'_, str>> {
        bindings::answered_by(&self.response).map(Cow::Owned)
    }

    fn node(&self) -> Option<Cow<'_, str>> {
        bindings::node(&self.response).map(Cow::Owned)
    }
}
