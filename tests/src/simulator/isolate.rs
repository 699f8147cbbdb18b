//! One edge isolate: gates, router and the way of a request over the origins are the real ones;
//! `fetch` and the timers are the simulator's.

use super::message::{Back, By, Forwarded, Op, Request, RequestOutcome, SimulatedReply};
use super::network::{Link, LinkDirection};
use super::planted::Planted;
use super::world::{Arriving, Outside, SimulatedWorld, WorldEvent};
use fastrand::Rng;
use shared::admission::gate::{Arrival, GateDecision, Gates, Observation};
use shared::admission::grant::Supply;
use shared::admission::recent_orders::RecentOrders;
use shared::domain::order::KeySource;
use shared::domain::time::Steady;
use shared::limits::{
    COLD_WAIT_MS, COLD_WAITS_MAX, EDGE_ATTEMPTS_MAX, EDGE_DEADLINE_MS, SILENCE_POLL_MS,
};
use shared::upstream::balancer::{RouteKey, Router};
use shared::upstream::forwarding::{Attempt, AttemptVerdict, Forwarding, Wait};
use shared::wire::messages::key_source;
use shared::{EdgeId, OrderId, Refusal, Reserve, UnixMillis};
use std::collections::BTreeMap;
use std::rc::Rc;

/// An edge answers within its deadline, the beats before it and one look more, in microseconds.
const ANSWERS_WITHIN: u64 =
    (EDGE_DEADLINE_MS + COLD_WAIT_MS * COLD_WAITS_MAX as u64 + 2 * SILENCE_POLL_MS) * 1_000;

#[derive(Debug)]
pub struct SimulatedIsolate {
    pub edge: usize,
    pub id: EdgeId,
    /// Whether its memory is gone: it does nothing more.
    pub dead: bool,
    clock: Steady,
    pub(super) gates: Gates,
    router: Router,
    granted: RecentOrders,
    passing: BTreeMap<u64, Passing>,
}

/// A request that an isolate has not answered yet.
#[derive(Debug)]
struct Passing {
    request: Request,
    id: OrderId,
    key: KeySource,
    since: UnixMillis,
    ask: Arrival,
    forwarding: Option<Forwarding<SimulatedReply>>,
    attempt: Option<Attempt>,
    attempts: u32,
    node: usize,
    rng: Rng,
}

impl SimulatedIsolate {
    pub fn new(edge: usize, id: EdgeId, router: Router) -> Self {
        Self {
            edge,
            id,
            dead: false,
            clock: Steady::new(),
            gates: Gates::default(),
            router,
            granted: RecentOrders::default(),
            passing: BTreeMap::new(),
        }
    }

    /// The Wasm instance is gone. What it was doing never ends.
    pub fn reset(&mut self) {
        self.dead = true;
        self.passing.clear();
    }
}

impl SimulatedWorld {
    /// The isolate's clock, as the shell reads it.
    pub(super) fn edge_now(&mut self, iso: usize) -> UnixMillis {
        let wall = self.wall(self.edge_clocks[self.isolates[iso].edge]);
        if self.has(Planted::ClockGoesBack) {
            return wall;
        }
        self.isolates[iso].clock.at(wall)
    }

    pub(super) fn at_edge(&mut self, edge: usize, request: Request) {
        let iso = self.edges[edge];
        let (pass, passing) = self.take_in(iso, request);
        if passing.request.op == Op::Order {
            self.at_gate(iso, pass, passing);
        } else {
            self.forward(iso, pass, passing);
        }
    }

    /// An order that has passed the gate ([`Self::gate`]) already.
    pub(super) fn forward_order(&mut self, iso: usize, request: Request) {
        let (pass, passing) = self.take_in(iso, request);
        self.forward(iso, pass, passing);
    }

    fn take_in(&mut self, iso: usize, request: Request) -> (u64, Passing) {
        let since = self.edge_now(iso);
        let pass = self.number();
        let mut rng = self.stream(&[3, request.number, u64::from(request.call)]);
        let (id, key) = match &request.id {
            Some(id) if self.isolates[iso].granted.has(id) => (id.clone(), KeySource::Known),
            Some(id) => (id.clone(), request.key),
            None => {
                let mut random = [0; 10];
                rng.fill(&mut random);
                let id = OrderId::new_v7(since, random);
                self.judge.issue(&id, &request);
                (id, KeySource::Made)
            }
        };
        let passing = Passing {
            id,
            key,
            since,
            ask: Arrival::new(key),
            forwarding: None,
            attempt: None,
            attempts: 0,
            node: 0,
            rng,
            request,
        };
        self.push(ANSWERS_WITHIN, WorldEvent::Due { iso, pass });
        (pass, passing)
    }

    /// What the gate of an isolate says of an order.
    pub(super) fn gate(&mut self, iso: usize, ask: Arrival, chance: f64) -> GateDecision {
        let now = self.edge_now(iso);
        let gate = self.isolates[iso].gates.of(&self.sale);
        let latched = gate.is_latched();
        let decision = gate.decide(ask, now, chance);
        let looks = decision == GateDecision::Forward && ask.key != KeySource::Known;
        if latched && looks && self.has(Planted::LatchNeverProbes) {
            return GateDecision::Refuse(Refusal::SoldOut);
        }
        decision
    }

    fn at_gate(&mut self, iso: usize, pass: u64, mut passing: Passing) {
        let chance = passing.rng.f64();
        match self.gate(iso, passing.ask, chance) {
            GateDecision::Forward => self.forward(iso, pass, passing),
            GateDecision::Refuse(refusal) => {
                self.edge_answers(iso, &passing, RequestOutcome::Refused(refusal));
            }
            GateDecision::Wait => {
                let done = passing.ask.waits >= COLD_WAITS_MAX;
                self.require(!done, "a request waits for too many beats");
                passing.ask = passing.ask.after_a_retry_interval();
                self.isolates[iso].passing.insert(pass, passing);
                if !self.has(Planted::BeatForgotten) {
                    self.push(COLD_WAIT_MS * 1_000, WorldEvent::Heartbeat { iso, pass });
                }
            }
        }
    }

    pub(super) fn heartbeat(&mut self, iso: usize, pass: u64) {
        if let Some(passing) = self.isolates[iso].passing.remove(&pass) {
            self.at_gate(iso, pass, passing);
        }
    }

    fn forward(&mut self, iso: usize, pass: u64, mut passing: Passing) {
        passing.forwarding = Some(Forwarding::new(passing.since));
        self.ask_next(iso, pass, passing);
    }

    fn ask_next(&mut self, iso: usize, pass: u64, mut passing: Passing) {
        let now = self.edge_now(iso);
        let Some(forwarding) = &mut passing.forwarding else {
            return;
        };
        let sender = RouteKey {
            ip: None,
            buyer: Some(&passing.request.buyer),
            chance: [passing.rng.f64(), passing.rng.f64()],
        };
        let Some(attempt) = forwarding.next(&mut self.isolates[iso].router, &sender, now) else {
            return self.forwarding_ends(iso, passing);
        };
        self.forwarded += 1;
        passing.attempts += 1;
        passing.node = attempt.index;
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
        let key = self.key_of(&passing, &attempt);
        let Request { op, ref buyer, quantity, .. } = passing.request;
        let order = Reserve { id, buyer: buyer.clone(), quantity };
        let request = Rc::new(Forwarded { op, order, key });
        let edge = self.isolates[iso].edge;
        let back = Back { isolate: iso, pass, attempt: passing.attempts };
        self.note(|| {
            let who = attempt.index;
            format!("edge {edge} -> node {who}: {}", super::trace::forwarded(&request))
        });
        self.send_to_node(attempt.index, back, &request, &mut passing.rng);
        let look = attempt.poll_ms(&self.isolates[iso].router, now);
        passing.attempt = Some(attempt);
        self.push(look * 1_000, WorldEvent::Look { back });
        self.isolates[iso].passing.insert(pass, passing);
    }

    /// What an origin is told of where the order's id comes from.
    fn key_of(&self, passing: &Passing, attempt: &Attempt) -> KeySource {
        let told = attempt.repeats && !self.has(Planted::RepeatNotTold);
        let key = if told { passing.key.repeated() } else { passing.key };
        key_source::parse(key_source::word(key))
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
        let Some(attempt) = passing.attempt else {
            return;
        };
        match attempt.ends(&mut isolate.router, now) {
            Some(wait) => {
                let (edge, node, rng) = (isolate.edge, passing.node, passing.rng.clone());
                self.hang_up(edge, node, back, rng);
                self.attempt_ends(iso, pass, None, wait);
            }
            None => {
                let look = attempt.poll_ms(&isolate.router, now);
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

    fn attempt_ends(&mut self, iso: usize, pass: u64, answer: Option<SimulatedReply>, wait: Wait) {
        let now = self.edge_now(iso);
        let believes = self.has(Planted::OlderHintBelieved);
        let isolate = &mut self.isolates[iso];
        let Some(mut passing) = isolate.passing.remove(&pass) else {
            return;
        };
        let (Some(attempt), Some(forwarding)) = (passing.attempt.take(), &mut passing.forwarding)
        else {
            return;
        };
        if answer.is_none() {
            self.judge.abandon(&passing.id);
        }
        let verdict = AttemptVerdict::of(answer.as_ref());
        if let Some(mut grant) = answer.as_ref().and_then(|answer| answer.grant) {
            let when = Observation { asked: attempt.asked, now, chance: passing.rng.f64() };
            let newest = &mut self.newest_grants[iso];
            if believes && grant.supply != Supply::Unknown {
                grant.version = grant.version.max(*newest);
            }
            *newest = grant.version.max(*newest);
            isolate.gates.observe(&self.sale, &grant, when);
        }
        forwarding.observed(&attempt, verdict, wait, answer, &mut isolate.router, now);
        self.ask_next(iso, pass, passing);
    }

    fn forwarding_ends(&mut self, iso: usize, mut passing: Passing) {
        let Some(forwarding) = passing.forwarding.take() else {
            return;
        };
        match forwarding.end().0 {
            Ok(answer) => {
                if matches!(answer.outcome, RequestOutcome::Granted(..))
                    && passing.request.op == Op::Order
                {
                    self.isolates[iso].granted.add(&passing.id);
                }
                self.answer_client(iso, &passing, answer);
            }
            Err(lost) => {
                self.edge_answers(iso, &passing, RequestOutcome::Trouble(lost.code()));
            }
        }
    }

    /// The edge answers by itself.
    fn edge_answers(&mut self, iso: usize, passing: &Passing, outcome: RequestOutcome) {
        let answer = SimulatedReply {
            id: passing.id.clone(),
            outcome,
            by: By::Edge,
            ledger_had_it: self.redis.audit().order(&passing.id).is_some(),
            grant: None,
        };
        self.decided_at_edge(iso, passing.request.op, passing.key, &answer);
        self.answer_client(iso, passing, answer);
    }

    fn answer_client(&mut self, iso: usize, passing: &Passing, answer: SimulatedReply) {
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
