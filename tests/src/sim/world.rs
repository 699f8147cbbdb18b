//! The world of one run: a queue of events in virtual time, and who does what at each of them. One
//! thread, no clock of the machine, no map whose order depends on anything but the run.

use super::chance;
use super::client::SimulatedClient;
use super::isolate::SimulatedIsolate;
use super::judge::{Judge, Stats, Violation};
use super::message::{Back, Forwarded, Request, SimulatedReply};
use super::network::Network;
use super::node::SimulatedNode;
use super::planted::Planted;
use super::redis::{Redis, RedisAsk, RedisReply};
use super::scenario::{FaultScenario, Item, What};
use fastrand::Rng;
use shared::Fault as LedgerFault;
use shared::ledger_model::Sale;
use shared::upstream::balancer::{Balance, OriginRow, Router};
use shared::{BuyerId, Capacity, EdgeId, Order, OrderId, OrderState, SaleId, UnixMillis};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::rc::Rc;

/// When all runs begin: 2026-01-01T00:00:00Z.
const EPOCH: UnixMillis = UnixMillis(1_767_225_600_000);
/// A run that has not ended by then, in microseconds after it has settled, has somebody who waits
/// for ever.
const LONGEST: u64 = 120_000_000;
/// How often the run looks whether it is over, in microseconds.
const LOOK: u64 = 250_000;
/// Most events of one run.
const STEPS_MAX: u64 = 400_000;

/// What happens at a moment.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the names say it")]
pub enum WorldEvent {
    Begins(usize),
    Ends(usize),
    Looks,
    Comes { client: usize },
    TimesOut { client: usize, call: u32 },
    Leaves { client: usize },
    AtClient { client: usize, call: u32, answer: Option<Box<SimulatedReply>> },
    AtEdge { edge: usize, request: Box<Request> },
    Beat { iso: usize, pass: u64 },
    Look { back: Back },
    Due { iso: usize, pass: u64 },
    Heard { back: Back, answer: Option<Box<SimulatedReply>> },
    AtNode { node: usize, life: u64, back: Back, request: Rc<Forwarded> },
    HungUp { node: usize, back: Back },
    Waited { node: usize, token: u64 },
    Sweep { node: usize, life: u64 },
    Pulse { node: usize, life: u64 },
    Recovers { node: usize, life: u64 },
    CallEnds { node: usize, call: u64, sent: u32, reply: Result<RedisReply, LedgerFault> },
    AtRedis { node: usize, call: u64, sent: u32, life: u64, heard: u64, ask: RedisAsk },
    Written { node: usize, call: u64, sent: u32, life: u64, reply: Box<RedisReply> },
}

impl WorldEvent {
    /// The node that it happens at.
    const fn node(&self) -> Option<usize> {
        match self {
            Self::AtNode { node, .. }
            | Self::HungUp { node, .. }
            | Self::Waited { node, .. }
            | Self::Sweep { node, .. }
            | Self::Pulse { node, .. }
            | Self::Recovers { node, .. }
            | Self::CallEnds { node, .. } => Some(*node),
            _ => None,
        }
    }
}

/// An event in the queue: earliest first, and of two at one moment the one that was put there
/// first.
#[derive(Debug)]
struct Due {
    at: u64,
    number: u64,
    event: WorldEvent,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// The first broken rule.
    pub violation: Option<Violation>,
    /// What was counted.
    pub stats: Stats,
    /// Acknowledged orders that could not be restored, by name.
    pub lost: Vec<OrderId>,
    /// The events, where they were asked for.
    pub trace: Vec<String>,
}

/// Everything there is.
pub struct SimulatedWorld<'a> {
    pub(super) scenario: &'a FaultScenario,
    pub(super) planted: Option<Planted>,
    /// Microseconds since the start.
    pub(super) now: u64,
    numbers: u64,
    queue: BinaryHeap<Reverse<Due>>,
    pub(super) sale: SaleId,
    pub(super) network: Network,
    pub(super) redis: Redis,
    pub(super) nodes: Vec<SimulatedNode>,
    /// The present isolate of each edge.
    pub(super) edges: Vec<usize>,
    /// Jumps of each edge's clock, in milliseconds.
    pub(super) edge_clocks: Vec<i64>,
    pub(super) isolates: Vec<SimulatedIsolate>,
    /// The newest version that each isolate heard; for a planted fault.
    pub(super) newest_grants: Vec<u64>,
    pub(super) clients: Vec<SimulatedClient>,
    pub(super) judge: Judge,
    trace: Option<Vec<String>>,
    /// Items that have not begun yet.
    to_come: usize,
}

impl std::fmt::Debug for SimulatedWorld<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("now", &self.now).finish_non_exhaustive()
    }
}

/// Runs a scenario to its end or to the first broken rule.
///
/// # Panics
/// The scenario is not one that [`super::generate::scenario`] makes.
#[must_use]
pub fn run(scenario: &FaultScenario, planted: Option<Planted>, traced: bool) -> RunOutcome {
    let mut world = SimulatedWorld::new(scenario, planted, traced);
    world.go();
    let lost: Vec<_> = world.redis.unrestored().iter().cloned().collect();
    let mut stats = world.judge.stats;
    stats.lost = lost.len() as u64;
    stats.cut = world.judge.lost.len() as u64;
    RunOutcome {
        violation: world.judge.violation,
        stats,
        lost,
        trace: world.trace.unwrap_or_default(),
    }
}

impl<'a> SimulatedWorld<'a> {
    fn new(scenario: &'a FaultScenario, planted: Option<Planted>, traced: bool) -> Self {
        let mut terms = scenario.terms;
        if terms.opens_at.0 > 0 {
            terms.opens_at = EPOCH.plus(terms.opens_at.0);
        }
        let capacity = Capacity::new(u64::from(scenario.capacity)).expect("a capacity");
        let (sale, first) = Sale::create(capacity, terms, scenario.open, EPOCH);
        let redis = Redis::new(sale, first).expect("a new sale keeps all rules");
        let nodes = scenario.weights.iter().enumerate();
        let nodes = nodes.map(|(n, weight)| {
            SimulatedNode::new(n, *weight, chance::stream(scenario.seed, &[1, n as u64]))
        });
        let mut world = Self {
            scenario,
            planted,
            now: 0,
            numbers: 0,
            queue: BinaryHeap::new(),
            sale: SaleId::parse("sim").expect("a sale id"),
            network: Network::new(scenario.far_ms, scenario.redis_us),
            redis,
            nodes: nodes.collect(),
            edges: Vec::new(),
            edge_clocks: vec![0; scenario.edges],
            isolates: Vec::new(),
            newest_grants: Vec::new(),
            clients: Vec::new(),
            judge: Judge::default(),
            trace: traced.then(Vec::new),
            to_come: scenario.items.len(),
        };
        for edge in 0..scenario.edges {
            world.edges.push(0);
            world.new_isolate(edge);
        }
        world
    }

    fn go(&mut self) {
        self.watch_supply();
        for n in 0..self.nodes.len() {
            self.start_node(n);
        }
        for (index, item) in self.scenario.items.iter().enumerate() {
            self.push(item.at_ms * 1_000, WorldEvent::Begins(index));
        }
        self.push(LOOK, WorldEvent::Looks);
        while self.judge.violation.is_none()
            && let Some(Reverse(due)) = self.queue.pop()
        {
            self.now = due.at;
            self.judge.stats.steps += 1;
            if self.judge.stats.steps > STEPS_MAX {
                return self.broken("a run does not end", String::new());
            }
            if matches!(due.event, WorldEvent::Looks) {
                if self.is_over() {
                    return self.conclude();
                }
                self.push(LOOK, WorldEvent::Looks);
                continue;
            }
            self.step(due.event);
        }
    }

    fn is_over(&mut self) -> bool {
        let settled = self.scenario.settled_ms() * 1_000;
        if self.now > settled + LONGEST {
            let waits = self.clients.iter().find(|client| client.end.is_none());
            let seen = waits.map(|client| format!("client {}", client.number));
            self.broken("somebody waits for ever", seen.unwrap_or_default());
            return false;
        }
        self.to_come == 0
            && self.now > settled
            && self.clients.iter().all(|client| client.end.is_some())
            && self.redis.sale().held == 0
    }

    /// Puts an event into the queue, `after` microseconds from now.
    pub(super) fn push(&mut self, after: u64, event: WorldEvent) {
        let due = Due { at: self.now + after, number: self.number(), event };
        self.queue.push(Reverse(due));
    }

    /// A number that was not used yet in this run.
    pub(super) const fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Whether this fault is planted.
    pub(super) fn has(&self, fault: Planted) -> bool {
        self.planted == Some(fault)
    }

    /// A wall clock that has jumped by so many milliseconds.
    pub(super) fn wall(&self, jumped_ms: i64) -> UnixMillis {
        let now = EPOCH.plus(self.now / 1_000);
        UnixMillis(now.0.saturating_add_signed(jumped_ms))
    }

    /// A stream of chance that belongs to `parts`.
    pub(super) fn stream(&self, parts: &[u64]) -> Rng {
        chance::stream(self.scenario.seed, parts)
    }

    /// Tells what happens, where somebody listens.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        if self.trace.is_some() {
            let line = format!("{:>9.3} ms  {}", self.now as f64 / 1_000.0, what());
            if let Some(trace) = &mut self.trace {
                trace.push(line);
            }
        }
    }

    fn step(&mut self, event: WorldEvent) {
        let at = event.node();
        if let Some(n) = at
            && let Some(later) = &mut self.nodes[n].frozen
        {
            later.push(event);
            return;
        }
        match event {
            WorldEvent::Begins(index) => self.begin(index),
            WorldEvent::Ends(index) => self.end(index),
            WorldEvent::Looks => {}
            WorldEvent::Comes { client } => self.come(client),
            WorldEvent::TimesOut { client, call } => self.no_answer(client, call),
            WorldEvent::Leaves { client } => self.leaves(client),
            WorldEvent::AtClient { client, call, answer } => {
                self.at_client(client, call, answer.map(|answer| *answer));
            }
            WorldEvent::AtEdge { edge, request } => self.at_edge(edge, *request),
            WorldEvent::Beat { iso, pass } => self.heartbeat(iso, pass),
            WorldEvent::Look { back } => self.lookup(back),
            WorldEvent::Due { iso, pass } => self.due(iso, pass),
            WorldEvent::Heard { back, answer } => self.observed(back, answer.map(|answer| *answer)),
            WorldEvent::AtNode { node, life, back, request } => {
                if self.nodes[node].life == life && self.nodes[node].up {
                    self.at_node(node, back, &request);
                }
            }
            WorldEvent::HungUp { node, back } => self.hung_up(node, back),
            WorldEvent::Waited { node, token } => self.waited(node, token),
            WorldEvent::Sweep { node, life } => self.sweep(node, life),
            WorldEvent::Pulse { node, life } => self.pulse(node, life),
            WorldEvent::Recovers { node, life } => self.recovers(node, life),
            WorldEvent::CallEnds { node, call, sent, reply } => {
                self.call_ends(node, call, sent, reply)
            }
            WorldEvent::AtRedis { node, call, sent, life, heard, ask } => {
                self.at_redis((node, call, sent), life, (ask, heard));
            }
            WorldEvent::Written { node, call, sent, life, reply } => {
                self.written(node, call, sent, life, *reply);
            }
        }
        if let Some(n) = at {
            self.check_node(n);
        }
    }

    fn begin(&mut self, index: usize) {
        self.to_come -= 1;
        let Item { at_ms, number, what } = &self.scenario.items[index];
        match what {
            What::Buyer(plan) => {
                let buyer = BuyerId::parse(&format!("buyer-{}", plan.name)).expect("a buyer id");
                let rng = self.stream(&[2, *number]);
                let quiet = *at_ms >= self.scenario.settled_ms();
                let client =
                    SimulatedClient::new(*number, plan.clone(), quiet, buyer, self.now, rng);
                self.clients.push(client);
                self.come(self.clients.len() - 1);
            }
            What::Operator(act) => self.operate(act),
            What::Fault(fault) => {
                self.note(|| format!("fault #{number}: {fault:?}"));
                self.strike(*number, *fault);
                if fault.lasts_ms() > 0 {
                    self.push(fault.lasts_ms() * 1_000, WorldEvent::Ends(index));
                }
            }
        }
    }

    /// A new isolate for an edge, which knows nothing.
    pub(super) fn new_isolate(&mut self, edge: usize) {
        let iso = self.isolates.len();
        let id = EdgeId::parse(&format!("edge{edge}iso{iso}")).expect("an edge id");
        let rows = self.scenario.weights.iter().enumerate();
        let rows = rows.map(|(n, weight)| OriginRow::new(format!("http://node{n}"), *weight));
        let router = Router::new(rows.collect(), Balance::RoundRobin, None).expect("a table");
        let start = self.stream(&[5, iso as u64]).f64();
        self.isolates.push(SimulatedIsolate::new(edge, id, router.starting_at(start)));
        self.newest_grants.push(0);
        self.edges[edge] = iso;
    }
}

/// An order as it would look, for a node that does not wait for the ledger.
pub(super) fn order_of(request: &Forwarded, now: UnixMillis) -> Order {
    Order {
        buyer: request.buyer.clone(),
        state: OrderState::Confirmed,
        asked: request.quantity.get(),
        taken: request.quantity.get(),
        created_at: now,
        deadline: UnixMillis(0),
        refused_late: false,
    }
}
