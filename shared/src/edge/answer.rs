//! Answer of an edge: what a shell turns into an HTTP response.

use super::page_view::ShownPage;
use crate::admission::browser_origin::cors;
use crate::domain::refusal::Refusal;
use crate::upstream::forwarding::LostRequest;
use crate::wire::problem::{BusyCause, Code, Problem};
use std::borrow::Cow;
use std::sync::Arc;

/// Clients whose request got no answer come back spread over this many milliseconds.
const JITTER_MS: f64 = 1_000.0;

/// The value of `Lastseat-Answered-By` in answers that an edge gives by itself.
pub const ANSWERED_BY_EDGE: &str = "edge";

/// How long caches may keep a view: for the second for which it is true
/// ([`crate::limits::VIEW_FRESH_MS`]).
pub const VIEW_KEPT: &str = "public, max-age=1";
/// How long caches may keep the document of the API.
pub const DOCUMENT_KEPT: &str = "public, max-age=3600";
/// How long caches may keep a plan, or what a sale sells in words: for as long as an edge does
/// ([`crate::limits::PLAN_FRESH_MS`]).
pub const PLAN_KEPT: &str = "public, max-age=10";
const _: () = assert!(crate::limits::VIEW_FRESH_MS == 1_000, "as VIEW_KEPT says");
const _: () = assert!(crate::limits::PLAN_FRESH_MS == 10_000, "as PLAN_KEPT says");

/// What this is, for a person who opens the address in a browser.
pub const HOME: &str = "lastseat: the last seat goes to exactly one buyer.\n\n\
    POST /v1/sales/{sale}/orders   {\"buyer\":\"...\",\"quantity\":1}\n\
    GET  /v1/sales/{sale}\n\
    GET  /s/{sale}                 the page to buy on\n";

/// What a client is answered. `R` is an origin's response.
#[derive(Debug)]
pub enum Answer<R> {
    /// A "no" or a fault.
    Problem(ProblemAnswer),
    /// [`HOME`], as plain text.
    Home,
    /// The document of the API.
    Document,
    /// The page to buy on.
    Page(ShownPage),
    /// A page for people where there is no sale (`of_a_sale`), or nothing at all.
    NoPage {
        /// The status.
        status: u16,
        /// Whether the address is one of a sale's page.
        of_a_sale: bool,
    },
    /// The page is at this address of the same host: status 308.
    Moved(String),
    /// What a page of an allowed origin may send: status 204 and [`preflight_headers`].
    Preflight,
    /// How a sale stands.
    View(ShownView),
    /// An origin's response: unchanged, without the headers for the edge.
    OfOrigin(R),
}

/// A problem, and the headers that are not made from it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemAnswer {
    /// The body.
    pub problem: Problem,
    /// The header `Allow`.
    pub allow: Option<&'static str>,
    /// Whether it is the client's address that asked too much (`Lastseat-Limited: client`).
    pub limited: bool,
}

impl ProblemAnswer {
    /// Whether caches must be told to keep nothing: these statuses they may keep as long as they
    /// like where nothing is said (RFC 9110, section 15.1).
    #[must_use]
    pub const fn needs_no_store(&self) -> bool {
        matches!(self.problem.status, 404 | 405 | 410)
    }
}

/// How a sale stands, what it sells or what is left: a copy that caches may keep for the time for
/// which it is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownView {
    /// The body, JSON.
    pub body: Arc<str>,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// The tier that answers.
    pub by: Cow<'static, str>,
    /// The node that answered just now, if one did.
    pub node: Option<String>,
    /// How long caches may keep it, as the header `Cache-Control` says it.
    pub kept: &'static str,
    /// The header `ETag`, where the node gave one.
    pub etag: Option<Arc<str>>,
    /// Whether the client has it already: status 304, without the body.
    pub unchanged: bool,
}

impl<R> Answer<R> {
    /// A "no" or a fault.
    pub(super) const fn problem(problem: Problem) -> Self {
        Self::Problem(ProblemAnswer { problem, allow: None, limited: false })
    }

    /// The client asked more than its address may.
    pub(super) fn client_busy(wait_ms: u32) -> Self {
        let problem = Problem::busy(BusyCause::ClientAddress, wait_ms);
        Self::Problem(ProblemAnswer { problem, allow: None, limited: true })
    }

    /// The address exists, but not for this method.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let problem = Problem::new(Code::MethodNotAllowed);
        Self::Problem(ProblemAnswer { problem, allow: Some(allow), limited: false })
    }
}

/// The problem for a client whose request no origin answered.
pub(super) fn unanswered(lost: LostRequest, chance: f64) -> Problem {
    Problem::new(lost.code()).retry_after((chance * JITTER_MS) as u32)
}

/// The refusal of a request that found too many under way.
pub(super) fn busy(wait_ms: u32) -> Problem {
    Problem::refusal(Refusal::Busy(wait_ms))
}

/// The answer of an edge that is not set up; `fault` says why, for the operator.
#[must_use]
pub fn misconfigured(fault: &str) -> ProblemAnswer {
    let problem = Problem {
        detail: format!("This edge is not set up: {fault}"),
        ..Problem::new(Code::Unavailable)
    };
    ProblemAnswer { problem, allow: None, limited: false }
}

/// Whether pages of other hosts may read an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CorsAnswer {
    /// No page of another host is allowed anything.
    #[default]
    Off,
    /// Some are. The answer says to caches that it depends on that (`Vary: Origin`), and lets the
    /// page of this origin read it, if there is one.
    On(Option<String>),
}

/// The headers of the answer to a preflight.
#[must_use]
pub const fn preflight_headers() -> [(&'static str, &'static str); 3] {
    [
        ("access-control-allow-methods", cors::METHODS),
        ("access-control-allow-headers", cors::HEADERS),
        ("access-control-max-age", cors::MAX_AGE_S),
    ]
}
