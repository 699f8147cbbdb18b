//! One rush: a crowd comes to the simulated system, which nothing disturbs but distance.
//!
//! Most of it happens here and not in the queue of the system: of a million buyers all but some
//! thousand are refused by a gate at once, and only orders that a gate lets pass become requests.

use super::super::isolate::{Passing, SimulatedStep};
use super::super::judge::Asker;
use super::super::message::{By, Op, Request, RequestOutcome, SimulatedReply};
use super::super::world::{Outside, SimulatedWorld, WorldEvent};
use super::crowd::Crowd;
use super::gate_queue::GateQueue;
use super::measures::Measures;
use super::report::ScaleReport;
use super::scenario::ScaleScenario;
use super::setup::{FAR_MS, WARM_UP, one_way_ms, setup};
use fastrand::Rng;
use shared::admission::gate::{Observation, come_back_ms};
use shared::admission::grant::Supply;
use shared::domain::order::KeySource;
use shared::edge::answer::Answer;
use shared::edge::exchange::ExchangeStep;
use shared::ledger_model::ModelCommand;
use shared::seats::OrderPart;
use shared::{
    BuyerId, Cancellation, Capacity, Code, Grant, OrderId, Quantity, Refusal, SaleState, UnixMillis,
};
use std::collections::BTreeMap;

/// Edges' clocks differ by up to this, in milliseconds. Nothing may depend on it.
const SKEW_MS: i64 = 3_000;
/// Time between two rounds of evictions, in microseconds.
const EVICT_EVERY_US: u64 = 100_000;
/// A buyer who received of trouble asks again after this time.
const TROUBLED_MS: u32 = 500;
/// A buyer asks this often before giving up.
const ATTEMPTS_MAX: u32 = 1_000;

/// What buyers and edges of one location share.
#[derive(Debug)]
struct Location {
    is_far: bool,
    /// The last "nothing is free" that an isolate received here, and when (microseconds).
    word: Option<(Grant, u64)>,
}

/// Who waits for a ticket.
#[derive(Debug)]
struct Buyer {
    location: u32,
    attempts: u32,
}

/// One simulated rush.
struct Rush<'a> {
    scenario: &'a ScaleScenario,
    world: SimulatedWorld,
    rng: Rng,
    crowd: Crowd,
    locations: Vec<Location>,
    /// For each edge, requests that it has at hand: forwarded or waiting a retry interval.
    at_hand: Vec<u32>,
    buyers: Vec<Buyer>,
    /// Requests that wait at the gate of their isolate.
    waiting: GateQueue,
    /// Buyers who have no final answer yet, and returns, restocks that have not happened.
    open: u64,
    /// Returns (`false`) and restocks (`true`), in order.
    changes: Vec<(u64, u32, bool)>,
    /// Orders whose buyers received "yes".
    granted: Vec<OrderId>,
    /// Orders of buyers who received that nobody knows what became of them: they repeat these.
    unsure: BTreeMap<u32, OrderId>,
    /// Tickets that were taken, and requests that were served, when this was counted last.
    counted: (u32, u64),
    measures: Measures,
    far_buyers: u64,
    far_sold: u64,
}

/// Simulates one rush.
pub fn run(scenario: &ScaleScenario) -> ScaleReport {
    let scenario = scenario.resolved();
    let mut rush = Rush::new(&scenario);
    rush.play();
    rush.report()
}

impl<'a> Rush<'a> {
    fn new(scenario: &'a ScaleScenario) -> Self {
        let mut rng = Rng::with_seed(scenario.seed);
        let crowd = Crowd::new(scenario, &mut rng);
        let one_way_ms = one_way_ms(scenario, &mut rng);
        let mut world = SimulatedWorld::new(setup(scenario, &one_way_ms), None, false);
        for clock in &mut world.edge_clocks {
            *clock = rng.i64(0..=SKEW_MS);
        }
        let returns = scenario.returns.iter().map(|(ms, n)| (*ms, *n, false));
        let restocks = scenario.restocks.iter().map(|(ms, n)| (*ms, *n, true));
        let mut changes: Vec<_> = returns.chain(restocks).collect();
        changes.sort_unstable();
        let location = |ms: &u64| Location { is_far: *ms >= FAR_MS, word: None };
        let edges = world.edges.len();
        let mut rush = Self {
            scenario,
            world,
            rng,
            crowd,
            locations: one_way_ms.iter().map(location).collect(),
            at_hand: vec![0; edges],
            buyers: Vec::new(),
            waiting: GateQueue::new(edges),
            open: changes.len() as u64,
            changes,
            granted: Vec::new(),
            unsure: BTreeMap::new(),
            counted: (0, 0),
            measures: Measures::new(edges),
            far_buyers: 0,
            far_sold: 0,
        };
        for index in 0..rush.changes.len() {
            rush.push(WARM_UP + rush.changes[index].0 * 1_000, Outside::Begins(index));
        }
        if scenario.evictions > 0.0 {
            rush.push(WARM_UP + EVICT_EVERY_US, Outside::Looks);
        }
        rush
    }

    fn push(&mut self, after: u64, event: Outside) {
        self.world.push(after, WorldEvent::Outside(event));
    }

    /// Microseconds since the first buyer could come.
    const fn time(&self) -> u64 {
        self.world.now.saturating_sub(WARM_UP)
    }

    fn play(&mut self) {
        loop {
            let coming = self.crowd.time(self.buyers.len() as u32).map(|time| WARM_UP + time);
            let next = self.world.next_at();
            if let Some(time) = coming
                && next.is_none_or(|next| time <= next)
            {
                self.world.now = time;
                self.arrive();
            } else if coming.is_none() && self.open == 0 || self.world.judge.violation.is_some() {
                return self.world.conclude();
            } else if let Some(event) = self.world.next() {
                match event {
                    WorldEvent::Outside(event) => self.happen(event),
                    event => {
                        self.world.step(event);
                        self.count();
                    }
                }
            }
        }
    }

    fn happen(&mut self, event: Outside) {
        match event {
            Outside::Begins(index) => self.change(index),
            Outside::Looks => self.evict(),
            Outside::Comes { client } => self.come(client as u32),
            Outside::Retries { client, edge, wait } => self.wait_ends(client, edge, wait),
            Outside::AtClient { client, iso, answer: Some(answer), .. } => {
                self.answered(client as u32, iso, &answer);
            }
            Outside::AtClient { answer: None, .. }
            | Outside::Ends(_)
            | Outside::TimesOut { .. }
            | Outside::Leaves { .. } => {}
        }
    }

    /// Tickets free; 0 while the sale is not open.
    fn free(&self) -> u32 {
        let sale = self.world.redis.sale();
        if sale.state == SaleState::Open { sale.capacity - sale.held - sale.confirmed } else { 0 }
    }

    /// Counts what the system did in one step.
    fn count(&mut self) {
        let sale = self.world.redis.sale();
        let taken = sale.held + sale.confirmed;
        let served = self.world.nodes.iter().map(|node| node.served).sum();
        if (taken, served) != self.counted {
            let (free, now) = (self.free(), self.time());
            self.measures.slot(now).reached += (served - self.counted.1) as u32;
            self.measures.sell(taken - self.counted.0, free, self.world.forwarded, now);
            self.counted = (taken, served);
        }
    }

    /// The next buyer of the crowd.
    fn arrive(&mut self) {
        let buyer = self.buyers.len() as u32;
        let location = self.crowd.location(&mut self.rng);
        self.far_buyers += u64::from(self.locations[location as usize].is_far);
        self.buyers.push(Buyer { location, attempts: 0 });
        self.open += 1;
        self.come(buyer);
    }

    /// A buyer comes: the location gives it to the idler of two isolates.
    fn come(&mut self, buyer: u32) {
        let first = self.buyers[buyer as usize].location * self.scenario.isolates;
        let [one, two] = [(); 2].map(|()| first + self.rng.u32(..self.scenario.isolates));
        let idler = self.at_hand[two as usize] < self.at_hand[one as usize];
        let edge = if idler { two } else { one };
        let (free, version) = (self.free(), self.world.redis.sale().version);
        let latched = self.is_latched(self.world.edges[edge as usize]);
        self.measures.ask(edge as usize, latched, free, version, self.time());
        self.ask(buyer, edge);
    }

    fn is_latched(&mut self, iso: usize) -> bool {
        self.world.isolates[iso].state.gate(&self.world.sale).is_latched()
    }

    fn ask(&mut self, buyer: u32, edge: u32) {
        let iso = self.world.edges[edge as usize];
        let request = self.request_of(buyer);
        let (passing, step) = self.world.takes_in(iso, request);
        self.goes_on(buyer, edge, passing, step);
    }

    fn goes_on(&mut self, buyer: u32, edge: u32, passing: Passing, step: SimulatedStep) {
        let iso = passing.iso;
        match step {
            ExchangeStep::ReadBody(_) if self.take_word(edge, iso) => {
                self.refused(buyer, Refusal::SoldOut, iso, true);
            }
            ExchangeStep::ReadBody(_) => {
                self.at_hand[edge as usize] += 1;
                if let Some(id) = &passing.request.id {
                    self.world.judge.issue(id, &passing.request);
                }
                self.world.goes_on(passing, step);
            }
            ExchangeStep::Wait(ms) => {
                self.at_hand[edge as usize] += 1;
                let wait = self.waiting.wait(edge, buyer, passing);
                self.push(ms * 1_000, Outside::Retries { client: buyer, edge, wait });
            }
            ExchangeStep::Answer(Answer::Problem(answer)) => {
                let RequestOutcome::Refused(refusal) = RequestOutcome::of(&answer.problem) else {
                    panic!("an edge refuses with {}", answer.problem.detail);
                };
                self.refused(buyer, refusal, iso, true);
            }
            other => panic!("an order at the gate comes to {other:?}"),
        }
    }

    /// A buyer's wait at the gate is over.
    fn wait_ends(&mut self, buyer: u32, edge: u32, wait: u64) {
        if let Some(passing) = self.waiting.ends(edge, buyer, wait) {
            self.asks_again(buyer, edge, passing);
        }
    }

    fn asks_again(&mut self, buyer: u32, edge: u32, mut passing: Passing) {
        self.at_hand[edge as usize] -= 1;
        let step = self.world.waited_at_gate(&mut passing);
        self.goes_on(buyer, edge, passing, step);
    }

    /// A gateway wakes as many as it has room for when a grant comes.
    fn wake(&mut self, edge: u32, iso: usize) {
        let room = self.world.isolates[iso].state.gate_room(&self.world.sale);
        for (buyer, passing) in self.waiting.wake(edge, room) {
            self.asks_again(buyer, edge, passing);
        }
    }

    /// Where the id of a buyer's order comes from.
    fn key_of(&self, buyer: u32) -> KeySource {
        let repeats = self.unsure.contains_key(&buyer);
        if repeats { KeySource::Repeated } else { self.scenario.key }
    }

    /// With a word shared in the location: takes a fresh enough "nothing is free" instead of
    /// asking an origin. Says whether the gate now refuses.
    fn take_word(&mut self, edge: u32, iso: usize) -> bool {
        let Some(fresh_ms) = self.scenario.shared_word_ms else {
            return false;
        };
        let word = self.locations[(edge / self.scenario.isolates) as usize].word;
        let fresh = |received: u64| self.world.now - received <= fresh_ms * 1_000;
        let Some((grant, received)) = word.filter(|(_, received)| fresh(*received)) else {
            return false;
        };
        let now = self.world.edge_now(iso);
        let asked = UnixMillis(now.0 - (self.world.now - received) / 1_000);
        let when = Observation { asked, now, chance: self.rng.f64() };
        self.world.isolates[iso].state.observe(&self.world.sale, &grant, when);
        self.observed(edge as usize, iso, grant.version)
    }

    /// An isolate took in a grant; says whether it is latched.
    fn observed(&mut self, edge: usize, iso: usize, version: u64) -> bool {
        let (latched, now) = (self.is_latched(iso), self.time());
        self.measures.observed(edge, latched, version, now);
        latched
    }

    /// What a buyer asks for.
    fn request_of(&self, buyer: u32) -> Request {
        let key = self.key_of(buyer);
        let id = match key {
            KeySource::Made => None,
            KeySource::Repeated => self.unsure.get(&buyer).cloned(),
            _ => OrderId::parse(&format!("order-of-buyer-{buyer:08}")).ok(),
        };
        Request {
            client: buyer as usize,
            number: u64::from(buyer),
            call: self.buyers[buyer as usize].attempts,
            op: Op::Order,
            id,
            key,
            buyer: BuyerId::parse(&format!("buyer-{buyer}")).expect("a buyer id"),
            quantity: Quantity::ONE,
            lines: None,
            part: OrderPart::Whole,
        }
    }

    /// A buyer whose order was forwarded sees the answer.
    fn answered(&mut self, buyer: u32, iso: usize, answer: &SimulatedReply) {
        let edge = self.world.isolates[iso].edge;
        self.at_hand[edge] -= 1;
        let asker = Asker {
            client: buyer as usize,
            number: u64::from(buyer),
            quiet: self.scenario.late == 0.0,
            sure: !self.unsure.contains_key(&buyer),
            granted: None,
            change: (Op::Order, &OrderPart::Whole),
            had: None,
        };
        self.world.answered(&asker, answer);
        let location = self.buyers[buyer as usize].location as usize;
        if let Some(grant) = answer.grant {
            // Nobody comes to an isolate that was evicted.
            if self.world.edges[edge] == iso {
                self.observed(edge, iso, grant.version);
                if self.scenario.gateways.is_some() {
                    self.wake(edge as u32, iso);
                }
            }
            if grant.supply != Supply::Free {
                self.locations[location].word = Some((grant, self.world.now));
            }
        }
        match answer.outcome {
            RequestOutcome::Granted(..) => {
                self.far_sold += u64::from(self.locations[location].is_far);
                self.granted.push(answer.id.clone());
                self.unsure.remove(&buyer);
                self.open -= 1;
            }
            RequestOutcome::Refused(refusal) => {
                self.refused(buyer, refusal, iso, answer.by != By::Ledger);
            }
            RequestOutcome::Trouble(code) => {
                if code == Code::OutcomeUnknown {
                    self.unsure.insert(buyer, answer.id.clone());
                }
                self.refused(buyer, Refusal::Busy(TROUBLED_MS), iso, true);
            }
            RequestOutcome::NoSeats(..) => unreachable!("the sale of a rush has no plan"),
        }
    }

    /// A buyer sees "no" and comes back if that makes sense.
    fn refused(&mut self, buyer: u32, refusal: Refusal, iso: usize, hint: bool) {
        let (free, now) = (self.free(), self.time());
        if matches!(refusal, Refusal::Busy(_)) && free > 0 {
            self.measures.report.early_busy += 1;
        }
        let edge_time = self.world.edge_now(iso);
        let Some(ms) = come_back_ms(refusal, edge_time, self.rng.f64()) else {
            if hint {
                self.measures.refuse(free, now);
            }
            self.open -= 1;
            return;
        };
        let attempts = &mut self.buyers[buyer as usize].attempts;
        *attempts += 1;
        if *attempts < ATTEMPTS_MAX {
            self.push(u64::from(ms) * 1_000, Outside::Comes { client: buyer as usize });
        } else {
            self.measures.report.gave_up += 1;
            self.open -= 1;
        }
    }

    /// Tickets are given back or added, through one of the nodes.
    fn change(&mut self, index: usize) {
        self.open -= 1;
        let (_, mut tickets, restock) = self.changes[index];
        if restock {
            let capacity = self.world.redis.sale().capacity + tickets;
            let capacity = Capacity::new(u64::from(capacity)).expect("a capacity");
            self.world.operate(ModelCommand::Restock(capacity, None));
        } else {
            tickets = tickets.min(self.granted.len() as u32);
            for id in self.granted.split_off(self.granted.len() - tickets as usize) {
                let how = Cancellation::default();
                self.world.operate(ModelCommand::Cancel(id, how, OrderPart::Whole));
            }
        }
        let sale = self.world.redis.sale();
        self.counted.0 = sale.held + sale.confirmed;
        let snapshot = sale.snapshot(self.world.wall(0));
        self.measures.give_back(tickets, self.time());
        self.world.observe_change(index % self.scenario.weights.len(), &snapshot);
    }

    fn evict(&mut self) {
        let all = self.at_hand.len();
        let every = EVICT_EVERY_US as f64 / 1e6;
        let gone = (all as f64 * self.scenario.evictions * every).round() as u32;
        for _ in 0..gone {
            let edge = self.rng.usize(..all);
            self.world.new_isolate(edge);
            self.measures.reset(edge);
        }
        if self.crowd.time(self.buyers.len() as u32).is_some() {
            self.push(EVICT_EVERY_US, Outside::Looks);
        }
    }

    fn report(self) -> ScaleReport {
        let ScaleScenario { gateways, locations, isolates, buyers, tickets, seed, .. } =
            *self.scenario;
        let SimulatedWorld { redis, judge, nodes, forwarded, now, .. } = self.world;
        let broken = judge.violation.map(|broken| format!("{}: {}", broken.rule, broken.seen));
        let unsold_returns = self.measures.unsold_returns();
        let counted = self.measures.report;
        ScaleReport {
            gateways,
            locations,
            isolates,
            buyers,
            tickets,
            seed,
            unsold: redis.sale().snapshot(UnixMillis(0)).free(),
            origin_requests: forwarded,
            by_node: nodes.iter().map(|node| node.served).collect(),
            ledger_round_trips: redis.batches,
            unsold_returns,
            far_share_of_buyers: self.far_buyers as f64 / f64::from(buyers.max(1)),
            far_share_of_sales: self.far_sold as f64 / counted.sold.max(1) as f64,
            seconds: now.saturating_sub(WARM_UP) as f64 / 1e6,
            broken,
            ..counted
        }
    }
}
