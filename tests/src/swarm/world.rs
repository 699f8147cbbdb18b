//! The run of events: one queue ordered by time, one thread, no clock.

use super::crowd::Crowd;
use super::ledger::ScaleLedger;
use super::location::{Location, ScaleIsolate};
use super::measures::Measures;
use super::node::{QueuedBuyer, ScaleNode, ScaleRound};
use super::report::ScaleReport;
use super::scenario::ScaleScenario;
use fastrand::Rng;
use shared::admission::gate::{Arrival, GateDecision, Observation, come_back_ms};
use shared::admission::grant::Supply;
use shared::limits::COLD_WAIT_MS;
use shared::upstream::balancer::{AttemptOutcome, RouteKey, Tried};
use shared::{Grant, Refusal, SaleId, Snapshot, UnixMillis};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The ledger's clock at the start of every rush.
const EPOCH_MS: u64 = 1_700_000_000_000;
/// One way between a node and Redis, in microseconds.
const TO_LEDGER_US: u64 = 150;
/// Time between two rounds of evictions, in microseconds.
const EVICT_EVERY_US: u64 = 100_000;
/// A buyer asks this often before giving up.
const ATTEMPTS_MAX: u16 = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A buyer asks, at an isolate that is chosen then.
    Come { buyer: u32 },
    /// A buyer waited a beat at an isolate.
    Beat { buyer: u32, isolate: u32, waits: u32 },
    /// A request reaches its node.
    Arrive { request: u32 },
    /// The node has read it.
    Read { request: u32 },
    /// A node's round is carried out at the ledger.
    Carry { node: u32 },
    /// The node hears the ledger.
    Hear { node: u32 },
    /// The answer reaches the isolate.
    Answer { request: u32 },
    /// The next return or restock.
    Change { index: u32 },
    /// Some isolates are reset.
    Evict,
}

/// One forwarded order.
#[derive(Debug)]
struct Request {
    buyer: u32,
    isolate: u32,
    /// The isolate's life in which it was sent.
    lives: u32,
    node: usize,
    /// When it was sent, by the isolate's clock.
    sent: UnixMillis,
    answer: Option<Answer>,
}

#[derive(Debug)]
struct Answer {
    /// `None` = granted.
    refusal: Option<Refusal>,
    by_ledger: bool,
    grant: Grant,
}

/// A round at the ledger and, once carried out, its answer.
#[derive(Debug, Default)]
struct AtLedger {
    round: ScaleRound,
    answer: Option<(Snapshot, Vec<Option<Refusal>>)>,
}

/// One simulated rush.
struct World<'a> {
    scenario: &'a ScaleScenario,
    rng: Rng,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    now: u64,
    sale: SaleId,
    crowd: Crowd,
    locations: Vec<Location>,
    isolates: Vec<ScaleIsolate>,
    nodes: Vec<ScaleNode>,
    at_ledger: Vec<AtLedger>,
    ledger: ScaleLedger,
    requests: Vec<Request>,
    /// For each buyer, the location and the attempts.
    buyers: Vec<(u32, u16)>,
    /// Returns (`false`) and restocks (`true`), in order.
    changes: Vec<(u64, u32, bool)>,
    measures: Measures,
    far_buyers: u64,
    far_sold: u64,
}

/// Simulates one rush.
#[must_use]
pub fn run(scenario: &ScaleScenario) -> ScaleReport {
    let mut world = World::new(scenario);
    world.play();
    world.report()
}

impl<'a> World<'a> {
    fn new(scenario: &'a ScaleScenario) -> Self {
        let mut rng = Rng::with_seed(scenario.seed);
        let crowd = Crowd::new(scenario, &mut rng);
        let locations: Vec<Location> =
            (0..scenario.locations).map(|_| Location::new(scenario, &mut rng)).collect();
        let isolates: Vec<ScaleIsolate> = (0..scenario.locations * scenario.isolates)
            .map(|number| ScaleIsolate::new(&scenario.weights, number, &mut rng))
            .collect();
        let opens_at = match scenario.opens_ms {
            0 => UnixMillis(0),
            ms => UnixMillis(EPOCH_MS + ms),
        };
        let mut ledger = ScaleLedger::new(scenario.tickets, opens_at, UnixMillis(EPOCH_MS));
        let snapshot = ledger.poll(UnixMillis(EPOCH_MS));
        let live: u32 = scenario.weights.iter().sum();
        let nodes: Vec<ScaleNode> =
            scenario.weights.iter().map(|weight| ScaleNode::new(*weight, live, snapshot)).collect();
        let returns = scenario.returns.iter().map(|(ms, n)| (*ms, *n, false));
        let restocks = scenario.restocks.iter().map(|(ms, n)| (*ms, *n, true));
        let mut changes: Vec<_> = returns.chain(restocks).collect();
        changes.sort_unstable();
        let mut world = Self {
            scenario,
            rng,
            events: BinaryHeap::new(),
            sequence: 0,
            now: 0,
            sale: SaleId::parse("swarm").expect("a sale id"),
            crowd,
            at_ledger: nodes.iter().map(|_| AtLedger::default()).collect(),
            measures: Measures::new(isolates.len()),
            locations,
            isolates,
            nodes,
            ledger,
            requests: Vec::new(),
            buyers: Vec::new(),
            changes,
            far_buyers: 0,
            far_sold: 0,
        };
        for index in 0..world.changes.len() {
            let at = world.changes[index].0 * 1_000;
            world.at(at, Event::Change { index: index as u32 });
        }
        if scenario.evictions > 0.0 {
            world.at(EVICT_EVERY_US, Event::Evict);
        }
        world
    }

    fn at(&mut self, time: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((time, self.sequence, event)));
    }

    fn after(&mut self, us: u64, event: Event) {
        self.at(self.now + us, event);
    }

    fn play(&mut self) {
        loop {
            let next = self.events.peek().map(|Reverse((time, ..))| *time);
            let coming = self.crowd.time(self.buyers.len() as u32);
            match (next, coming) {
                (next, Some(time)) if next.is_none_or(|next| time <= next) => {
                    self.now = time;
                    let buyer = self.buyers.len() as u32;
                    let location = self.crowd.location(&mut self.rng);
                    self.far_buyers += u64::from(self.locations[location as usize].is_far());
                    self.buyers.push((location, 0));
                    self.come(buyer);
                }
                (Some(_), _) => {
                    let Some(Reverse((time, _, event))) = self.events.pop() else {
                        return;
                    };
                    self.now = time;
                    self.happen(event);
                }
                _ => return,
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Come { buyer } => self.come(buyer),
            Event::Beat { buyer, isolate, waits } => {
                self.isolates[isolate as usize].busy -= 1;
                self.ask(buyer, isolate, waits);
            }
            Event::Arrive { request } => {
                let node = self.requests[request as usize].node;
                let at = self.nodes[node].read_at(self.now, self.scenario.service_us);
                self.at(at, Event::Read { request });
            }
            Event::Read { request } => self.read(request),
            Event::Carry { node } => self.carry(node as usize),
            Event::Hear { node } => self.observe(node as usize),
            Event::Answer { request } => self.answer(request),
            Event::Change { index } => self.change(index as usize),
            Event::Evict => self.evict(),
        }
    }

    /// By the ledger's clock.
    const fn ledger_time(&self) -> UnixMillis {
        UnixMillis(EPOCH_MS + self.now / 1_000)
    }

    fn edge_time(&self, isolate: u32) -> UnixMillis {
        let skew = self.isolates[isolate as usize].skew_ms;
        self.ledger_time().plus(skew)
    }

    /// A buyer comes: the location gives it to the idler of two isolates.
    fn come(&mut self, buyer: u32) {
        let (location, _) = self.buyers[buyer as usize];
        let first = location * self.scenario.isolates;
        let [one, two] = [(); 2].map(|()| first + self.rng.u32(..self.scenario.isolates));
        let idler = self.isolates[two as usize].busy < self.isolates[one as usize].busy;
        self.ask(buyer, if idler { two } else { one }, 0);
    }

    fn ask(&mut self, buyer: u32, isolate: u32, waits: u32) {
        let index = isolate as usize;
        let free = self.ledger.free();
        if waits == 0 {
            let latched = self.isolates[index].gates.of(&self.sale).is_latched();
            let version = self.ledger.version();
            self.measures.ask(index, latched, free, version, self.now);
        }
        let now = self.edge_time(isolate);
        let ask = Arrival { key: self.scenario.key, waits };
        let chance = self.rng.f64();
        let mut decision = self.isolates[index].gates.of(&self.sale).decide(ask, now, chance);
        if decision == GateDecision::Forward && self.take_word(isolate) {
            decision = GateDecision::Refuse(Refusal::SoldOut);
        }
        match decision {
            GateDecision::Forward => self.forward(buyer, isolate),
            GateDecision::Wait => {
                self.isolates[index].busy += 1;
                let waits = waits + 1;
                self.after(COLD_WAIT_MS * 1_000, Event::Beat { buyer, isolate, waits });
            }
            GateDecision::Refuse(refusal) => self.refused(buyer, refusal, now, true),
        }
    }

    /// With a word shared in the location: takes a fresh enough "nothing is free" instead of
    /// asking.
    fn take_word(&mut self, isolate: u32) -> bool {
        let Some(fresh_ms) = self.scenario.shared_word_ms else {
            return false;
        };
        let location = (isolate / self.scenario.isolates) as usize;
        let Some((grant, heard)) = self.locations[location].word else {
            return false;
        };
        if self.now - heard > fresh_ms * 1_000 {
            return false;
        }
        let now = self.edge_time(isolate);
        let gates = &mut self.isolates[isolate as usize].gates;
        let when = Observation {
            asked: UnixMillis(now.0 - (self.now - heard) / 1_000),
            now,
            chance: self.rng.f64(),
        };
        gates.observe(&self.sale, &grant, when);
        let latched = gates.of(&self.sale).is_latched();
        self.measures.observed(isolate as usize, latched, grant.version, self.now);
        latched
    }

    fn forward(&mut self, buyer: u32, isolate: u32) {
        let now = self.edge_time(isolate);
        let sender = RouteKey { ip: None, buyer: None, chance: [self.rng.f64(), self.rng.f64()] };
        let edge = &mut self.isolates[isolate as usize];
        edge.busy += 1;
        let lives = edge.lives;
        let picked = edge.router.pick(&sender, Tried::default(), now);
        let node = picked.expect("an origin can be picked");
        let request = self.requests.len() as u32;
        self.requests.push(Request { buyer, isolate, lives, node, sent: now, answer: None });
        self.measures.forwarded += 1;
        self.measures.forwarded_after += u64::from(self.measures.sold_out.is_some());
        let travel = self.travel(isolate);
        self.after(travel, Event::Arrive { request });
    }

    fn travel(&mut self, isolate: u32) -> u64 {
        let location = (isolate / self.scenario.isolates) as usize;
        self.locations[location].travel(self.scenario, &mut self.rng)
    }

    fn read(&mut self, request: u32) {
        self.measures.slot(self.now).reached += 1;
        let node = self.requests[request as usize].node;
        let order = QueuedBuyer { request, key: self.scenario.key };
        let now = self.ledger_time();
        if let Some(refusal) = self.nodes[node].receive(order, now, &mut self.rng) {
            self.reply(request, Some(refusal), false);
        }
        self.start_round(node);
    }

    fn start_round(&mut self, node: usize) {
        let now = self.ledger_time();
        let Some(round) = self.nodes[node].next_round(now) else {
            return;
        };
        for (request, refusal) in &round.refused {
            self.reply(*request, Some(*refusal), false);
        }
        if self.nodes[node].is_at_ledger() {
            let orders = round.batch.len();
            self.at_ledger[node] = AtLedger { round, answer: None };
            let done = self.ledger.done_at(self.now + TO_LEDGER_US, orders);
            self.at(done, Event::Carry { node: node as u32 });
        }
    }

    fn carry(&mut self, node: usize) {
        let now = self.ledger_time();
        let buyers: Vec<u32> = self.at_ledger[node]
            .round
            .batch
            .iter()
            .map(|order| self.requests[order.request as usize].buyer)
            .collect();
        let answer = if buyers.is_empty() {
            (self.ledger.poll(now), Vec::new())
        } else {
            self.ledger.reserve(&buyers, now)
        };
        let sold = answer.1.iter().filter(|refusal| refusal.is_none()).count();
        let free = self.ledger.free();
        self.measures.sell(sold as u32, free, self.now);
        self.at_ledger[node].answer = Some(answer);
        self.after(TO_LEDGER_US, Event::Hear { node: node as u32 });
    }

    fn observe(&mut self, node: usize) {
        let heard = std::mem::take(&mut self.at_ledger[node]);
        let Some((snapshot, refusals)) = heard.answer else {
            return;
        };
        self.nodes[node].observe(&snapshot);
        for (order, refusal) in heard.round.batch.iter().zip(refusals) {
            self.reply(order.request, refusal, true);
        }
        self.start_round(node);
    }

    /// A node answers, with a grant.
    fn reply(&mut self, request: u32, refusal: Option<Refusal>, by_ledger: bool) {
        let now = self.ledger_time();
        let Request { isolate, node, .. } = self.requests[request as usize];
        let edge = &self.isolates[isolate as usize].id;
        let grant = self.nodes[node].grant(edge, now, &mut self.rng);
        self.requests[request as usize].answer = Some(Answer { refusal, by_ledger, grant });
        let travel = self.travel(isolate);
        self.after(travel, Event::Answer { request });
    }

    fn answer(&mut self, request: u32) {
        let Request { buyer, isolate, lives, node, sent, ref mut answer } =
            self.requests[request as usize];
        let Some(answer) = answer.take() else { return };
        let now = self.edge_time(isolate);
        let edge = &mut self.isolates[isolate as usize];
        edge.busy -= 1;
        if edge.lives == lives {
            edge.router.report(node, AttemptOutcome::Answered, now);
            let when = Observation { asked: sent, now, chance: self.rng.f64() };
            edge.gates.observe(&self.sale, &answer.grant, when);
            let latched = edge.gates.of(&self.sale).is_latched();
            let version = answer.grant.version;
            self.measures.observed(isolate as usize, latched, version, self.now);
        }
        let location = (isolate / self.scenario.isolates) as usize;
        if answer.grant.supply != Supply::Free {
            self.locations[location].word = Some((answer.grant, self.now));
        }
        match answer.refusal {
            None => self.far_sold += u64::from(self.locations[location].is_far()),
            Some(refusal) => self.refused(buyer, refusal, now, !answer.by_ledger),
        }
    }

    /// A buyer hears "no" and comes back if that makes sense.
    fn refused(&mut self, buyer: u32, refusal: Refusal, edge_time: UnixMillis, hint: bool) {
        let free = self.ledger.free();
        if matches!(refusal, Refusal::Busy(_)) && free > 0 {
            self.measures.early_busy += 1;
        }
        match come_back_ms(refusal, edge_time, self.rng.f64()) {
            Some(ms) => {
                let (_, attempts) = &mut self.buyers[buyer as usize];
                *attempts += 1;
                if *attempts < ATTEMPTS_MAX {
                    self.after(u64::from(ms) * 1_000, Event::Come { buyer });
                } else {
                    self.measures.gave_up += 1;
                }
            }
            None if hint => self.measures.refuse(free, self.now),
            None => {}
        }
    }

    fn change(&mut self, index: usize) {
        let (_, tickets, restock) = self.changes[index];
        let now = self.ledger_time();
        let snapshot = if restock {
            self.ledger.restock(tickets, now)
        } else {
            self.ledger.give_back(tickets, now)
        };
        self.measures.give_back(tickets, self.now);
        self.nodes[index % self.scenario.weights.len()].hear_change(&snapshot);
    }

    fn evict(&mut self) {
        let all = self.isolates.len() as u32;
        let every = EVICT_EVERY_US as f64 / 1e6;
        let gone = (f64::from(all) * self.scenario.evictions * every).round() as u32;
        for _ in 0..gone {
            let number = self.rng.u32(..all);
            self.isolates[number as usize].reset(&self.scenario.weights, number, &mut self.rng);
            self.measures.reset(number as usize);
        }
        if self.crowd.time(self.buyers.len() as u32).is_some() {
            self.after(EVICT_EVERY_US, Event::Evict);
        }
    }

    fn report(self) -> ScaleReport {
        let unsold = self.ledger.free();
        let served = self.nodes.iter().map(|node| node.served).collect();
        let mut report = ScaleReport::new(self.scenario, self.measures, served, unsold);
        report.ledger_round_trips = self.ledger.round_trips;
        report.seconds = self.now as f64 / 1e6;
        report.far_share_of_sales = self.far_sold as f64 / report.sold.max(1) as f64;
        report.far_share_of_buyers =
            self.far_buyers as f64 / f64::from(self.scenario.buyers.max(1));
        report
    }
}
