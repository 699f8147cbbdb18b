//! One edge isolate: its state and the exchange of each request are the real ones; `fetch` and the
//! timers are the simulator's.

use super::message::{Back, By, Forwarded, Op, Request, RequestOutcome, SimulatedReply};
use super::network::{Link, LinkDirection};
use super::planted::Planted;
use super::simulated_request::{SimulatedBody, SimulatedRequest};
use super::world::{Arriving, Outside, SimulatedWorld, WorldEvent};
use fastrand::Rng;
use shared::admission::grant::Supply;
use shared::domain::order::KeySource;
use shared::domain::time::Steady;
use shared::edge::answer::{Answer, ProblemAnswer};
use shared::edge::exchange::{Exchange, ExchangeStep};
use shared::edge::state::{EdgeState, EdgeTime};
use shared::edge::upstream_request::AskOrigin;
use shared::limits::{
    COLD_WAIT_MS, COLD_WAITS_MAX, EDGE_ATTEMPTS_MAX, EDGE_DEADLINE_MS, SILENCE_POLL_MS,
};
use shared::upstream::forwarding::Wait;
use shared::wire::messages::key_source;
use shared::{OrderId, Problem, Refusal, Reserve, UnixMillis};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An edge answers within its deadline, the beats before it and one look more, in microseconds.
const ANSWERS_WITHIN: u64 =
    (EDGE_DEADLINE_MS + COLD_WAIT_MS * COLD_WAITS_MAX as u64 + 2 * SILENCE_POLL_MS) * 1_000;

/// What a request comes to next.
pub type SimulatedStep = ExchangeStep<SimulatedReply>;

#[derive(Debug)]
pub struct SimulatedIsolate {
    pub edge: usize,
    /// Whether its memory is gone: it does nothing more.
    pub dead: bool,
    clock: Steady,
    pub(super) state: EdgeState,
    passing: BTreeMap<u64, Passing>,
}

/// A request that an isolate has not answered yet.
#[derive(Debug)]
pub struct Passing {
    pub iso: usize,
    /// Its number, once it waits for something.
    pass: Option<u64>,
    pub request: Request,
    exchange: Exchange<SimulatedReply>,
    id: OrderId,
    key: KeySource,
    beats: u32,
    attempts: u32,
    node: usize,
    rng: Rng,
}

impl SimulatedIsolate {
    pub fn new(edge: usize, state: EdgeState) -> Self {
        let passing = BTreeMap::new();
        Self { edge, dead: false, clock: Steady::new(), state, passing }
    }

    /// The Wasm instance is gone. What it was doing never ends.
    pub fn reset(&mut self) {
        self.dead = true;
        self.passing.clear();
    }
}

impl SimulatedWorld {
    /// The isolate's clocks, as the shell reads them.
    fn edge_time(&mut self, iso: usize) -> EdgeTime {
        let wall = self.wall(self.edge_clocks[self.isolates[iso].edge]);
        if self.has(Planted::ClockGoesBack) {
            return EdgeTime { steady: wall, wall };
        }
        EdgeTime { steady: self.isolates[iso].clock.at(wall), wall }
    }

    pub(super) fn edge_now(&mut self, iso: usize) -> UnixMillis {
        self.edge_time(iso).steady
    }

    pub(super) fn at_edge(&mut self, edge: usize, request: Request) {
        let (passing, step) = self.takes_in(self.edges[edge], request);
        self.goes_on(passing, step);
    }

    /// A request arrives at an isolate, whose exchange says what comes next.
    pub(super) fn takes_in(&mut self, iso: usize, request: Request) -> (Passing, SimulatedStep) {
        let time = self.edge_time(iso);
        let rng = self.stream(&[3, request.number, u64::from(request.call)]);
        let latched = self.isolates[iso].state.gate(&self.sale).is_latched();
        let client = SimulatedRequest::new(&self.sale, &request);
        let state = &mut self.isolates[iso].state;
        let known = request.id.as_ref().is_some_and(|id| state.has_seen(id));
        let (exchange, step) = Exchange::begin(state, &client, time);
        let id = exchange.order().expect("each simulated request is about an order").clone();
        let key = if known { KeySource::Known } else { request.key };
        let (pass, beats, attempts, node) = (None, 0, 0, 0);
        let passing = Passing { iso, pass, request, exchange, id, key, beats, attempts, node, rng };
        let step = self.unless_latch_never_probes(&passing, latched, step);
        (passing, step)
    }

    /// The wait of a request at the gate is over.
    pub(super) fn waited_at_gate(&mut self, passing: &mut Passing) -> SimulatedStep {
        let iso = passing.iso;
        let now = self.edge_now(iso);
        passing.beats += 1;
        self.require(passing.beats <= COLD_WAITS_MAX, "a request waits for too many beats");
        let latched = self.isolates[iso].state.gate(&self.sale).is_latched();
        let client = SimulatedRequest::new(&self.sale, &passing.request);
        let step = passing.exchange.waited(&mut self.isolates[iso].state, &client, now);
        self.unless_latch_never_probes(passing, latched, step)
    }

    fn unless_latch_never_probes(
        &self,
        passing: &Passing,
        latched: bool,
        step: SimulatedStep,
    ) -> SimulatedStep {
        let looks = passing.request.op == Op::Order
            && passing.key != KeySource::Known
            && matches!(step, ExchangeStep::ReadBody(_));
        if latched && looks && self.has(Planted::LatchNeverProbes) {
            let problem = Problem::refusal(Refusal::SoldOut);
            let answer = ProblemAnswer { problem, allow: None, limited: false };
            return ExchangeStep::Answer(Answer::Problem(answer));
        }
        step
    }

    /// Carries out what an exchange says.
    pub(super) fn goes_on(&mut self, mut passing: Passing, step: SimulatedStep) {
        let iso = passing.iso;
        match step {
            ExchangeStep::Answer(answer) => self.edge_answered(&passing, answer),
            ExchangeStep::Wait(ms) => {
                let pass = self.keep(passing);
                if !self.has(Planted::BeatForgotten) {
                    self.push(ms * 1_000, WorldEvent::Heartbeat { iso, pass });
                }
            }
            ExchangeStep::ReadBody(_) => {
                let now = self.edge_now(iso);
                let client = SimulatedRequest::new(&self.sale, &passing.request);
                let state = &mut self.isolates[iso].state;
                let step = passing.exchange.body_read(state, &client, Some(&SimulatedBody), now);
                self.goes_on(passing, step);
            }
            ExchangeStep::Ask(ask) => self.asks(passing, &ask),
            ExchangeStep::ReadResponse(..) => {
                self.broken("the body of an order's answer is read", String::new());
            }
        }
    }

    /// Keeps a request that waits for something; it must be answered in time.
    fn keep(&mut self, mut passing: Passing) -> u64 {
        let iso = passing.iso;
        let pass = passing.pass.unwrap_or_else(|| {
            let pass = self.number();
            self.push(ANSWERS_WITHIN, WorldEvent::Due { iso, pass });
            pass
        });
        passing.pass = Some(pass);
        self.isolates[iso].passing.insert(pass, passing);
        pass
    }

    pub(super) fn heartbeat(&mut self, iso: usize, pass: u64) {
        if let Some(mut passing) = self.isolates[iso].passing.remove(&pass) {
            let step = self.waited_at_gate(&mut passing);
            self.goes_on(passing, step);
        }
    }

    /// A request is sent to an origin.
    fn asks(&mut self, mut passing: Passing, ask: &AskOrigin) {
        let (iso, now) = (passing.iso, self.edge_now(passing.iso));
        if passing.request.id.is_none() && passing.attempts == 0 {
            self.judge.issue(&passing.id, &passing.request);
        }
        self.forwarded += 1;
        passing.attempts += 1;
        passing.node = ask.index;
        self.require(passing.attempts <= EDGE_ATTEMPTS_MAX as u32, "too many origins are asked");
        let again = passing.attempts > 1;
        let fresh = again && passing.request.op == Op::Order && self.has(Planted::NewIdOnRetry);
        let id = if fresh {
            let id = OrderId::new_v7(now, [passing.attempts as u8; 10]);
            self.judge.issue(&id, &passing.request);
            id
        } else {
            passing.id.clone()
        };
        let key = match &ask.request.order {
            Some(order) if !self.has(Planted::RepeatNotTold) => order.key,
            _ => passing.key,
        };
        let Request { op, ref buyer, quantity, ref lines, ref part, .. } = passing.request;
        let (lines, part) = (lines.clone(), part.clone());
        let order = Reserve { id, buyer: buyer.clone(), quantity, lines };
        let key = key_source::parse(key_source::word(key));
        let request = Rc::new(Forwarded { op, order, key, part });
        let edge = self.isolates[iso].edge;
        let (attempt, mut rng) = (passing.attempts, passing.rng.clone());
        let look = passing.exchange.poll_ms(&self.isolates[iso].state, now);
        let pass = self.keep(passing);
        let back = Back { isolate: iso, pass, attempt };
        self.note(|| {
            let who = ask.index;
            format!("edge {edge} -> node {who}: {}", super::trace::forwarded(&request))
        });
        self.send_to_node(ask.index, back, &request, &mut rng);
        if let Some(passing) = self.isolates[iso].passing.get_mut(&pass) {
            passing.rng = rng;
        }
        self.push(look * 1_000, WorldEvent::Look { back });
    }

    fn send_to_node(&mut self, n: usize, back: Back, request: &Rc<Forwarded>, rng: &mut Rng) {
        let link = Link::EdgeNode(self.isolates[back.isolate].edge, n);
        let copies = self.network.send(link, LinkDirection::In, true, rng);
        if !self.nodes[n].up {
            // Refused, if that can be received.
            let after = copies.first().map(|after| after * 2);
            if let Some(after) = after.filter(|_| self.network.passes(link, LinkDirection::Out)) {
                self.push(after, WorldEvent::Received { back, answer: None });
            }
            return;
        }
        let life = self.nodes[n].life;
        if copies.len() > 1 {
            self.judge.doubled(&request.order.id);
        }
        for after in copies {
            let request = Rc::clone(request);
            let arriving = Box::new(Arriving { node: n, life, back, request, read: false });
            self.push(after + self.nodes[n].slow_us, WorldEvent::AtNode(arriving));
        }
    }

    /// The timer of an attempt rings.
    pub(super) fn lookup(&mut self, back: Back) {
        let Back { isolate: iso, pass, attempt: number } = back;
        let now = self.edge_now(iso);
        let isolate = &mut self.isolates[iso];
        let Some(passing) = isolate.passing.get(&pass).filter(|p| p.attempts == number) else {
            return;
        };
        match passing.exchange.ends(&mut isolate.state, now) {
            Some(wait) => {
                let (edge, node, rng) = (isolate.edge, passing.node, passing.rng.clone());
                self.hang_up(edge, node, back, rng);
                self.attempt_ends(iso, pass, None, wait);
            }
            None => {
                let look = passing.exchange.poll_ms(&isolate.state, now);
                self.push(look * 1_000, WorldEvent::Look { back });
            }
        }
    }

    fn hang_up(&mut self, edge: usize, node: usize, back: Back, mut rng: Rng) {
        let link = Link::EdgeNode(edge, node);
        if self.network.passes(link, LinkDirection::In) {
            let after = self.network.delay(link, &mut rng);
            self.push(after, WorldEvent::HungUp { node, back });
        }
    }

    /// An origin's answer arrives, or the news that its connection broke.
    pub(super) fn observed(&mut self, back: Back, answer: Option<SimulatedReply>) {
        let passing = self.isolates[back.isolate].passing.get(&back.pass);
        if passing.is_some_and(|passing| passing.attempts == back.attempt) {
            self.attempt_ends(back.isolate, back.pass, answer, Wait::Over);
        }
    }

    fn attempt_ends(
        &mut self,
        iso: usize,
        pass: u64,
        mut answer: Option<SimulatedReply>,
        wait: Wait,
    ) {
        let now = self.edge_now(iso);
        let believes = self.has(Planted::OlderHintBelieved);
        let Some(mut passing) = self.isolates[iso].passing.remove(&pass) else {
            return;
        };
        if let Some(grant) = answer.as_mut().and_then(|answer| answer.grant.as_mut()) {
            let newest = &mut self.newest_grants[iso];
            if believes && grant.supply != Supply::Unknown {
                grant.version = grant.version.max(*newest);
            }
            *newest = grant.version.max(*newest);
        }
        if answer.is_none() {
            self.judge.abandon(&passing.id);
        }
        let state = &mut self.isolates[iso].state;
        let step = passing.exchange.replied(state, answer, wait, now);
        self.goes_on(passing, step);
    }

    fn edge_answered(&mut self, passing: &Passing, answer: Answer<SimulatedReply>) {
        match answer {
            Answer::OfOrigin(answer) => self.answer_client(passing, answer),
            Answer::Problem(answer) => {
                let outcome = RequestOutcome::of(&answer.problem);
                self.edge_answers(passing, outcome);
            }
            other => self.broken("an order is answered with something else", format!("{other:?}")),
        }
    }

    /// The edge answers by itself.
    fn edge_answers(&mut self, passing: &Passing, outcome: RequestOutcome) {
        let answer = SimulatedReply {
            id: passing.id.clone(),
            outcome,
            by: By::Edge,
            ledger_had_it: self.redis.audit().order(&passing.id).is_some(),
            grant: None,
        };
        self.decided_at_edge(passing.iso, passing.request.op, passing.key, &answer);
        self.answer_client(passing, answer);
    }

    fn answer_client(&mut self, passing: &Passing, answer: SimulatedReply) {
        let iso = passing.iso;
        let edge = self.isolates[iso].edge;
        let Request { client, number, call, .. } = passing.request;
        self.note(|| {
            let what = super::trace::answer(&answer);
            format!("edge {edge} -> client {number}: {what}")
        });
        let mut rng = passing.rng.clone();
        let link = Link::Clients(edge);
        for after in self.network.send(link, LinkDirection::Out, false, &mut rng) {
            let answer = Some(Box::new(answer.clone()));
            self.push(after, WorldEvent::Outside(Outside::AtClient { client, call, iso, answer }));
        }
    }

    /// By now an answer must have been given.
    pub(super) fn due(&mut self, iso: usize, pass: u64) {
        let isolate = &self.isolates[iso];
        let waits = !isolate.dead && isolate.passing.contains_key(&pass);
        self.require(!waits, "an edge has not answered within its deadline");
    }
}
