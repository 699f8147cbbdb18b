//! The simulated system: edges, network, nodes and Redis around one queue of events in virtual
//! time. One thread, no clock of the machine, no map whose order depends on anything but the run.
//!
//! A scenario drives it: it takes event by event from the queue, hands those of the system back to
//! `SimulatedWorld::step`, and acts on its own ([`Outside`]).

use super::chance;
use super::isolate::SimulatedIsolate;
use super::judge::Judge;
use super::late_seats;
use super::message::{Back, Forwarded, Request, SimulatedReply};
use super::network::{Delays, Network};
use super::node::SimulatedNode;
use super::planted::Planted;
use super::queue::EventQueue;
use super::redis::{CallId, Redis, RedisCall, RedisReply};
use fastrand::Rng;
use shared::Fault as LedgerFault;
use shared::admission::browser_origin::AllowedOrigins;
use shared::admission::order_calls::CallLimits;
use shared::edge::config::EdgeConfig;
use shared::edge::state::{EdgeLimits, EdgeState};
use shared::ledger_model::Sale;
use shared::plan::Plan;
use shared::upstream::balancer::{Balance, OriginRow, Router};
use shared::{Capacity, KeyRing, SaleId, Terms, UnixMillis};
use std::rc::Rc;
use std::sync::Arc;

/// When all runs begin: 2026-01-01T00:00:00Z.
const EPOCH: UnixMillis = UnixMillis(1_767_225_600_000);

/// What is simulated.
#[derive(Clone, Debug)]
pub struct SimulatedSetup {
    /// Where all chance comes from.
    pub seed: u64,
    pub capacity: u32,
    /// What is sold, if not so many equal tickets.
    pub plan: Option<Arc<Plan>>,
    /// The terms; moments are milliseconds after the start.
    pub terms: Terms,
    /// Whether the sale is open from the start.
    pub open: bool,
    /// The nodes' weights.
    pub weights: Vec<u32>,
    /// There are as many edges as delays to edges; each has one isolate at a time.
    pub delays: Delays,
    /// How many requests of each kind may be under way at one edge.
    pub limits: EdgeLimits,
    /// What a node needs to read one request, in microseconds.
    pub service_us: u64,
    /// What a call takes in Redis and each order of it, in microseconds; `None` = it is drawn.
    pub redis_call_us: Option<(u64, u64)>,
    /// From when on nothing is disturbed, in microseconds, and whether nothing is before that.
    pub settled: u64,
    pub calm: bool,
    /// Whether Redis may lose the end of its file.
    pub cuts_the_tail: bool,
    /// The longest way between an edge and a node, in milliseconds.
    pub far_ms: u64,
}

/// What happens to the scenario.
#[derive(Clone, Debug)]
pub enum Outside {
    /// Something that was planned under this number begins, or ends.
    Begins(usize),
    Ends(usize),
    /// It is time to see how far the run is.
    Looks,
    Comes {
        client: usize,
    },
    /// A client has waited at the gate of its edge.
    Retries {
        client: u32,
        edge: u32,
        wait: u64,
    },
    TimesOut {
        client: usize,
        call: u32,
    },
    Leaves {
        client: usize,
    },
    /// An isolate's answer arrives; `None` = the connection broke.
    AtClient {
        client: usize,
        call: u32,
        iso: usize,
        answer: Option<Box<SimulatedReply>>,
    },
}

/// What happens at a moment. Small, because a million of them may be in the queue.
#[derive(Clone, Debug)]
pub enum WorldEvent {
    Outside(Outside),
    AtEdge { edge: usize, request: Box<Request> },
    Heartbeat { iso: usize, pass: u64 },
    Look { back: Back },
    Due { iso: usize, pass: u64 },
    Received { back: Back, answer: Option<Box<SimulatedReply>> },
    AtNode(Box<Arriving>),
    HungUp { node: usize, back: Back },
    Waited { node: usize, token: u64 },
    Sweep { node: usize, life: u64 },
    Pulse { node: usize, life: u64 },
    Recovers { node: usize, life: u64 },
    CallEnds { call: CallId, reply: Box<Result<RedisReply, LedgerFault>> },
    AtRedis(Box<RedisCall>),
    RedisLoads,
    Written { call: CallId, life: u64, reply: Box<RedisReply> },
}

/// A request on its way to a node.
#[derive(Clone, Debug)]
pub struct Arriving {
    pub node: usize,
    /// The life of the node in which it was sent.
    pub life: u64,
    pub back: Back,
    pub request: Rc<Forwarded>,
    /// Whether the node has read it.
    pub read: bool,
}

impl WorldEvent {
    /// The node that it happens at.
    const fn node(&self) -> Option<usize> {
        match self {
            Self::AtNode(arriving) => Some(arriving.node),
            Self::HungUp { node, .. }
            | Self::Waited { node, .. }
            | Self::Sweep { node, .. }
            | Self::Pulse { node, .. }
            | Self::Recovers { node, .. }
            | Self::CallEnds { call: CallId { node, .. }, .. } => Some(*node),
            _ => None,
        }
    }
}

/// Those of an isolate, but with little memory for calls about orders: there are thousands of
/// isolates, and each sees few.
pub(super) const LIMITS: EdgeLimits = EdgeLimits {
    calls: CallLimits { orders: 256, clients: 16, ..CallLimits::EDGE },
    ..EdgeLimits::ISOLATE
};

/// Everything there is.
#[derive(Debug)]
pub struct SimulatedWorld {
    pub(super) setup: SimulatedSetup,
    pub(super) planted: Option<Planted>,
    /// Microseconds since the start.
    pub(super) now: u64,
    numbers: u64,
    queue: EventQueue<WorldEvent>,
    pub(super) sale: SaleId,
    pub(super) network: Network,
    pub(super) redis: Redis,
    pub(super) nodes: Vec<SimulatedNode>,
    /// The present isolate of each edge.
    pub(super) edges: Vec<usize>,
    /// How far each edge's clock is ahead, in milliseconds.
    pub(super) edge_clocks: Vec<i64>,
    pub(super) isolates: Vec<SimulatedIsolate>,
    /// Requests that isolates have sent to nodes.
    pub(super) forwarded: u64,
    /// The newest version that each isolate received; for a planted fault.
    pub(super) newest_grants: Vec<u64>,
    pub(super) judge: Judge,
    pub(super) trace: Option<Vec<String>>,
}

impl SimulatedWorld {
    /// A system whose nodes start now.
    pub fn new(setup: SimulatedSetup, planted: Option<Planted>, traced: bool) -> Self {
        let mut terms = setup.terms;
        if terms.opens_at.0 > 0 {
            terms.opens_at = EPOCH.plus(terms.opens_at.0);
        }
        let (sale, first) = match &setup.plan {
            Some(plan) => {
                let (mut sale, first) =
                    Sale::create_by_plan(Arc::clone(plan), terms, setup.open, EPOCH);
                sale.page.late_seats = late_seats::of_plan(plan);
                (sale, first)
            }
            None => {
                let capacity = Capacity::new(u64::from(setup.capacity)).expect("a capacity");
                Sale::create(capacity, terms, setup.open, EPOCH)
            }
        };
        let nodes = setup.weights.iter().enumerate().map(|(n, weight)| {
            SimulatedNode::new(n, *weight, chance::stream(setup.seed, &[1, n as u64]))
        });
        let edges = setup.delays.edges.len();
        let mut world = Self {
            planted,
            now: 0,
            numbers: 0,
            queue: EventQueue::default(),
            sale: SaleId::parse("sim").expect("a sale id"),
            network: Network::new(setup.delays.clone()),
            redis: Redis::new(sale, first, &setup.weights).expect("a new sale keeps all rules"),
            nodes: nodes.collect(),
            edges: vec![0; edges],
            edge_clocks: vec![0; edges],
            isolates: Vec::new(),
            forwarded: 0,
            newest_grants: Vec::new(),
            judge: Judge::default(),
            trace: traced.then(Vec::new),
            setup,
        };
        for edge in 0..edges {
            world.new_isolate(edge);
        }
        world.watch_supply();
        for n in 0..world.nodes.len() {
            world.start_node(n);
        }
        world
    }

    /// Puts an event into the queue, `after` microseconds from now.
    pub(super) fn push(&mut self, after: u64, event: WorldEvent) {
        let number = self.number();
        self.queue.push(self.now + after, number, event);
    }

    /// When the next event happens.
    pub(super) fn next_at(&mut self) -> Option<u64> {
        self.queue.next_at()
    }

    /// Takes the next event from the queue: its moment is now.
    pub(super) fn next(&mut self) -> Option<WorldEvent> {
        let (at, event) = self.queue.pop()?;
        self.now = at;
        self.judge.stats.steps += 1;
        Some(event)
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

    /// A wall clock that is so many milliseconds ahead.
    pub(super) fn wall(&self, ahead_ms: i64) -> UnixMillis {
        let now = EPOCH.plus(self.now / 1_000);
        UnixMillis(now.0.saturating_add_signed(ahead_ms))
    }

    /// A stream of chance that belongs to `parts`.
    pub(super) fn stream(&self, parts: &[u64]) -> Rng {
        chance::stream(self.setup.seed, parts)
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

    /// Lets an event of the system happen.
    pub(super) fn step(&mut self, event: WorldEvent) {
        let at = event.node();
        if let Some(n) = at
            && let Some(later) = &mut self.nodes[n].frozen
        {
            later.push(event);
            return;
        }
        match event {
            WorldEvent::Outside(_) => {}
            WorldEvent::AtEdge { edge, request } => self.at_edge(edge, *request),
            WorldEvent::Heartbeat { iso, pass } => self.heartbeat(iso, pass),
            WorldEvent::Look { back } => self.lookup(back),
            WorldEvent::Due { iso, pass } => self.due(iso, pass),
            WorldEvent::Received { back, answer } => {
                self.observed(back, answer.map(|answer| *answer))
            }
            WorldEvent::AtNode(arriving) => self.arrives(arriving),
            WorldEvent::HungUp { node, back } => self.hung_up(node, back),
            WorldEvent::Waited { node, token } => self.waited(node, token),
            WorldEvent::Sweep { node, life } => self.sweep(node, life),
            WorldEvent::Pulse { node, life } => self.pulse(node, life),
            WorldEvent::Recovers { node, life } => self.recovers(node, life),
            WorldEvent::CallEnds { call, reply } => self.call_ends(call, *reply),
            WorldEvent::RedisLoads => self.redis.load(),
            WorldEvent::AtRedis(call) => self.at_redis(call),
            WorldEvent::Written { call, life, reply } => self.written(call, life, &reply),
        }
        if let Some(n) = at {
            self.check_node(n);
        }
    }

    /// A new isolate for an edge, which knows nothing.
    pub(super) fn new_isolate(&mut self, edge: usize) {
        let iso = self.isolates.len();
        let rows = self.setup.weights.iter().enumerate();
        let rows: Vec<OriginRow> =
            rows.map(|(n, weight)| OriginRow::new(format!("http://node{n}"), *weight)).collect();
        let config = EdgeConfig {
            router: Router::new(rows, Balance::RoundRobin, None).expect("a table"),
            zone: None,
            keys: KeyRing::parse("0123456789abcdef0123456789abcdef").expect("a key"),
            buyer_keys: None,
            allowed_origins: AllowedOrigins::default(),
            client_rate: None,
            trace_share: 0.0,
            takes_client_traces: false,
        };
        let mut rng = self.stream(&[5, iso as u64]);
        let fill = Box::new(move |bytes: &mut [u8]| {
            rng.fill(bytes);
            true
        });
        let state = EdgeState::new(config, self.setup.limits, fill).expect("chance");
        self.isolates.push(SimulatedIsolate::new(edge, state));
        self.newest_grants.push(0);
        self.edges[edge] = iso;
    }
}
