//! Exchange: one client's request at an edge, as a state machine.
//!
//! It says in which order a request is checked, what is counted and what is answered. The shells
//! carry out each [`ExchangeStep`] and give back what came of it: the Worker and the gateway with
//! sockets and timers, the simulator in its own time.

use super::answer::{self, Answer, CorsAnswer};
use super::client_request::{self, ClientRequest, NoBody, RequestBody};
use super::order_call::CallOrder;
use super::page_view::{AtViews, ShowPage};
use super::place_order::{AtGate, PlaceOrder};
use super::route::{Route, view_query, without_slash};
use super::sale_view::{AtCache, ShowSale};
use super::state::{EdgeState, EdgeTime};
use super::upstream_request::{AskOrigin, OriginResponse, UpstreamRequest};
use crate::domain::ids::{OrderId, SaleId};
use crate::domain::time::UnixMillis;
use crate::limits::{EDGE_ATTEMPT_MS, PAGE_WAIT_MS};
use crate::upstream::forwarding::{LostRequest, Wait};
use crate::wire::problem::{Code, Problem};

/// What a shell does next. `R` is an origin's response.
#[derive(Debug)]
pub enum ExchangeStep<R> {
    /// Answer the client so. The exchange has ended.
    Answer(Answer<R>),
    /// Wait so many milliseconds, or less if a grant for [`Exchange::gate`] comes, then call
    /// [`Exchange::waited`].
    Wait(u64),
    /// Read the whole body of the request, until this moment of the steady clock at the latest and
    /// no further than [`crate::limits::BODY_MAX`] and a byte, then call [`Exchange::body_read`].
    ReadBody(UnixMillis),
    /// Ask this origin, looking at [`Exchange::poll_ms`] and [`Exchange::ends`] meanwhile, then
    /// call [`Exchange::replied`].
    Ask(AskOrigin),
    /// Read the whole body of this response, until this moment of the steady clock at the latest,
    /// then call [`Exchange::response_read`].
    ReadResponse(R, UnixMillis),
}

/// One client's request.
#[derive(Debug)]
pub struct Exchange<R> {
    route: Route,
    task: Task,
    since: UnixMillis,
    cors: CorsAnswer,
    upstream: Option<UpstreamRequest<R>>,
}

#[derive(Debug)]
enum Task {
    /// What is answered at once.
    Fixed,
    Place(PlaceOrder),
    Call(CallOrder),
    Show(ShowSale),
    /// In a box: what few requests are must not make those of orders large.
    Page(Box<ShowPage>),
}

impl<R: OriginResponse> Exchange<R> {
    /// Takes in a request that arrives at `time`.
    pub fn begin(
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        time: EdgeTime,
    ) -> (Self, ExchangeStep<R>) {
        let mut exchange = Self {
            route: Route::Home,
            task: Task::Fixed,
            since: time.steady,
            cors: CorsAnswer::Off,
            upstream: None,
        };
        let step = exchange.start(edge, request, time);
        (exchange, step)
    }

    /// Whether pages of other hosts may read the answer.
    #[must_use]
    pub const fn cors(&self) -> &CorsAnswer {
        &self.cors
    }

    /// The order that it is about, if it is about one.
    #[must_use]
    pub const fn order(&self) -> Option<&OrderId> {
        match &self.task {
            Task::Place(place) => Some(place.id()),
            Task::Call(call) => Some(call.id()),
            Task::Fixed | Task::Show(_) | Task::Page(_) => None,
        }
    }

    /// The sale at whose gate it waits, if it is an order.
    #[must_use]
    pub const fn gate(&self) -> Option<&SaleId> {
        match &self.task {
            Task::Place(place) => Some(place.sale()),
            Task::Fixed | Task::Show(_) | Task::Page(_) | Task::Call(_) => None,
        }
    }

    fn start(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        time: EdgeTime,
    ) -> ExchangeStep<R> {
        let method = request.method();
        if !edge.allowed_origins.is_empty() {
            let page = client_request::allowed_page(request, &edge.allowed_origins);
            let asks = method == "OPTIONS" && page.is_some() && request.asks_permission();
            self.cors = CorsAnswer::On(page);
            if asks {
                return ExchangeStep::Answer(Answer::Preflight);
            }
        }
        self.route = match Route::of(request.path()) {
            Ok(Some(route)) => route,
            Ok(None) => return no_route(request, Problem::new(Code::NotFound)),
            Err(error) => return no_route(request, Problem::invalid(error)),
        };
        if !self.route.takes(method) {
            return ExchangeStep::Answer(Answer::method_not_allowed(self.route.allow()));
        }
        if let Err(code) = client_request::check_page(request, &edge.allowed_origins) {
            return ExchangeStep::Answer(Answer::problem(Problem::new(code)));
        }
        if self.route.is_of_a_sale()
            && let Err(wait_ms) = edge.take_of(|| request.client_ip(), time.steady)
        {
            return ExchangeStep::Answer(Answer::client_busy(wait_ms));
        }
        match &self.route {
            Route::Home => ExchangeStep::Answer(Answer::Home),
            Route::Document => ExchangeStep::Answer(Answer::Document),
            Route::Page(sale) => {
                self.task = Task::Page(Box::new(ShowPage::new(sale)));
                self.at_gate(edge, request, time.steady)
            }
            Route::Orders(sale) => match PlaceOrder::begin(edge, request, sale, time) {
                Ok(place) => {
                    self.task = Task::Place(place);
                    self.at_gate(edge, request, time.steady)
                }
                Err(problem) => ExchangeStep::Answer(Answer::problem(problem)),
            },
            Route::Sale(_) | Route::Event(_) | Route::Plan(_) | Route::Seats(..) => {
                self.show(edge, request, time)
            }
            Route::Order(sale, id) | Route::Change(sale, id, _) => {
                self.task = Task::Call(CallOrder::new(sale, id, &self.route));
                self.at_gate(edge, request, time.steady)
            }
        }
    }

    fn show(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        time: EdgeTime,
    ) -> ExchangeStep<R> {
        if let Route::Seats(_, asked) = &mut self.route {
            match view_query(request.query().unwrap_or_default()) {
                Some(query) => query.clone_into(asked),
                None => return self.refuse(Problem::invalid("the query is too long or no query")),
            }
        }
        if let Some(show) = ShowSale::of(&self.route) {
            self.task = Task::Show(show);
        }
        self.at_gate(edge, request, time.steady)
    }

    /// The wait is over.
    pub fn waited(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        self.at_gate(edge, request, now)
    }

    /// The body of the request was read; `None` where it did not arrive whole and in time.
    pub fn body_read(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        body: Option<&impl RequestBody>,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        let (route, since) = (&self.route, self.since);
        let upstream = match &self.task {
            Task::Place(place) => place.forward(edge, request, route, body, since),
            Task::Call(call) => client_request::check_body(body)
                .map(|body| call.forward(edge, request, route, Some(body), since)),
            Task::Fixed | Task::Show(_) | Task::Page(_) => return self.nothing_to_do(),
        };
        match upstream {
            Ok(upstream) => self.forward(edge, upstream, now),
            Err(problem) => self.refuse(problem),
        }
    }

    /// How long to wait for the origin that is being asked before [`Self::ends`] is asked, in
    /// milliseconds.
    #[must_use]
    pub fn poll_ms(&self, edge: &EdgeState, now: UnixMillis) -> u64 {
        self.upstream.as_ref().map_or(0, |upstream| upstream.poll_ms(edge, now))
    }

    /// Whether the wait for that origin is over although nothing came, and how.
    pub fn ends(&self, edge: &mut EdgeState, now: UnixMillis) -> Option<Wait> {
        self.upstream.as_ref().map_or(Some(Wait::Over), |upstream| upstream.ends(edge, now))
    }

    /// The origin's response is there, or the wait for it is over: `wait` says how.
    pub fn replied(
        &mut self,
        edge: &mut EdgeState,
        response: Option<R>,
        wait: Wait,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        match self.upstream.take() {
            Some(mut upstream) => {
                upstream.replied(edge, response, wait, now);
                self.forward(edge, upstream, now)
            }
            None => self.nothing_to_do(),
        }
    }

    /// The body of an origin's response was read; `None` where it did not arrive whole and in time.
    pub fn response_read(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        body: Option<&str>,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        match (&mut self.task, body) {
            (Task::Show(show), Some(body)) => {
                ExchangeStep::Answer(Answer::View(show.read(edge, request, body, now)))
            }
            (Task::Page(page), Some(body)) => {
                ExchangeStep::Answer(Answer::Page(page.read(edge, body, now)))
            }
            _ => self.lost(edge, LostRequest::NotSent),
        }
    }

    fn at_gate(
        &mut self,
        edge: &mut EdgeState,
        request: &impl ClientRequest,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        let read_body = ExchangeStep::ReadBody(now.plus(EDGE_ATTEMPT_MS));
        let step = match &mut self.task {
            Task::Place(place) => match place.at_gate(edge, request, now) {
                Ok(AtGate::Wait(ms)) => Ok(ExchangeStep::Wait(ms)),
                Ok(AtGate::Admitted) => Ok(read_body),
                Err(problem) => Err(problem),
            },
            Task::Call(call) => match call.at_gate(edge, request, now) {
                Ok(true) => Ok(read_body),
                Ok(false) => {
                    let body = None::<&NoBody>;
                    let upstream = call.forward(edge, request, &self.route, body, self.since);
                    return self.forward(edge, upstream, now);
                }
                Err(problem) => Err(problem),
            },
            Task::Show(show) => match show.at_cache(edge, request, now) {
                Ok(AtCache::Show(view)) => Ok(ExchangeStep::Answer(Answer::View(view))),
                Ok(AtCache::Wait(ms)) => Ok(ExchangeStep::Wait(ms)),
                Ok(AtCache::Ask) => {
                    let upstream = show.forward(edge, request, &self.route);
                    return self.forward(edge, upstream, now);
                }
                Err(problem) => Err(problem),
            },
            Task::Page(page) => match page.at_views(edge, now) {
                AtViews::Show(page) => Ok(ExchangeStep::Answer(Answer::Page(page))),
                AtViews::Wait(ms) => Ok(ExchangeStep::Wait(ms)),
                AtViews::Ask => {
                    let upstream = page.forward(edge, request);
                    return self.forward(edge, upstream, now);
                }
            },
            Task::Fixed => return self.nothing_to_do(),
        };
        step.unwrap_or_else(|problem| self.refuse(problem))
    }

    /// Asks the next origin, or answers if there is none to ask.
    fn forward(
        &mut self,
        edge: &mut EdgeState,
        mut upstream: UpstreamRequest<R>,
        now: UnixMillis,
    ) -> ExchangeStep<R> {
        if let Some(ask) = upstream.next(edge, now) {
            self.upstream = Some(upstream);
            return ExchangeStep::Ask(ask);
        }
        let response = match upstream.end(edge) {
            Ok(response) => response,
            Err(lost) => return self.lost(edge, lost),
        };
        match &mut self.task {
            Task::Place(place) => place.answered(edge, response.status()),
            Task::Call(call) => call.answered(edge, response.status(), now),
            Task::Show(show) => {
                if show.answered(&response) {
                    return ExchangeStep::ReadResponse(response, now.plus(EDGE_ATTEMPT_MS));
                }
            }
            Task::Page(page) => {
                if page.answered(&response) {
                    return ExchangeStep::ReadResponse(response, now.plus(PAGE_WAIT_MS));
                }
                // A "no" to an edge's question is none to a person who opens a page.
                return ExchangeStep::Answer(Answer::Page(page.without(edge)));
            }
            Task::Fixed => {}
        }
        ExchangeStep::Answer(Answer::OfOrigin(response))
    }

    /// No origin answered.
    fn lost(&self, edge: &mut EdgeState, lost: LostRequest) -> ExchangeStep<R> {
        if let Task::Page(page) = &self.task {
            return ExchangeStep::Answer(Answer::Page(page.without(edge)));
        }
        let changes = match &self.task {
            Task::Place(_) => true,
            Task::Call(call) => call.writes(),
            Task::Fixed | Task::Show(_) | Task::Page(_) => false,
        };
        let lost = if changes { lost } else { LostRequest::NotSent };
        self.refuse(answer::unanswered(lost, edge.chance()))
    }

    fn refuse(&self, problem: Problem) -> ExchangeStep<R> {
        let problem = match self.order() {
            Some(id) => problem.for_order(id),
            None => problem,
        };
        ExchangeStep::Answer(Answer::problem(problem))
    }

    /// The shell reports what was not asked of it. Nothing was sent anywhere by that.
    fn nothing_to_do(&self) -> ExchangeStep<R> {
        self.refuse(Problem::new(Code::Unavailable))
    }
}

/// Answers where no route is: a page for people, who may have mistyped the address of a sale, and
/// `problem` for programs.
fn no_route<R>(request: &impl ClientRequest, problem: Problem) -> ExchangeStep<R> {
    let answer = if !matches!(request.method(), "GET" | "HEAD") {
        Answer::problem(problem)
    } else if let Some(location) = without_slash(request.path(), request.query()) {
        Answer::Moved(location)
    } else if request.wants_page() {
        let of_a_sale = request.path().starts_with("/s/");
        Answer::NoPage { status: problem.status, of_a_sale }
    } else {
        Answer::problem(problem)
    };
    ExchangeStep::Answer(answer)
}

#[cfg(test)]
mod tests;
