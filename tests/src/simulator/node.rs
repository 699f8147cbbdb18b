//! One origin node: its outlook and its committer are the real ones; the queue, the timers and the
//! connection to Redis are the simulator's.

use super::journal::SimulatedJournal;
use super::message::{Back, By, Forwarded, Op, RequestOutcome, SimulatedReply};
use super::network::{Link, LinkDirection};
use super::planted::Planted;
use super::recovering::Healer;
use super::redis::RedisAsk;
use super::world::{Arriving, SimulatedWorld, WorldEvent};
use fastrand::Rng;
use shared::admission::batcher::{Committer, QueuedOrder, Sending, Waiter, Work};
use shared::admission::recent_orders::RecentOrders;
use shared::admission::sale_hint::{NodeLoad, SaleHint, retry_after_ms};
use shared::domain::order::KeySource;
use shared::ledger_model::{self, ModelCommand};
use shared::limits::{BATCH_MAX, ORIGIN_DEADLINE_MS, QUEUE_MAX, REPOLL_MS};
use shared::seats::OrderPart;
use shared::{
    Cancellation, EdgeId, Fault, Grant, NodeBudget, Order, OrderState, Payment, Refusal, Reserve,
    Snapshot, UnixMillis, Verdict,
};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Time between two beats of a node, in microseconds.
const PULSE: u64 = 1_000_000;

pub(super) type Received = Result<Option<(Snapshot, ledger_model::ModelReply)>, Fault>;

/// Who waits for an order at a node.
#[derive(Clone, Debug)]
pub struct Waits {
    pub(super) token: u64,
    pub(super) left: Rc<Cell<bool>>,
}

impl Waiter for Waits {
    fn has_left(&self) -> bool {
        self.left.get()
    }
}

#[derive(Debug)]
pub struct SimulatedNode {
    pub(super) weight: u32,
    pub(super) live_weight: u32,
    /// Whether it had a heartbeat; before that it changes nothing.
    pub(super) joined: bool,
    pub up: bool,
    /// Rises when it is started anew.
    pub life: u64,
    /// What happens to it once it moves again; `None` = it moves.
    pub frozen: Option<Vec<WorldEvent>>,
    /// How long everything takes longer, in microseconds.
    pub slow_us: u64,
    /// Until when it reads requests that have arrived, in microseconds.
    busy_until: u64,
    /// Requests that it has read or reads.
    pub served: u64,
    /// Things that keep its queue full.
    pub full: u32,
    /// Jumps of its clock so far, in milliseconds.
    pub clock_ms: i64,
    pub(super) ahead_ms: i64,
    /// The life of Redis that it is connected to.
    pub(super) connected: u64,
    /// The life of the Redis that it was connected to last.
    pub(super) server: u64,
    pub(super) handle: Option<NodeSale>,
    /// What it acknowledged; survives a kill.
    pub(super) journal: SimulatedJournal,
    pub(super) healer: Healer,
    number: usize,
    pub(super) waiting: BTreeMap<u64, Pending>,
    pub(super) calls: BTreeMap<u64, Call>,
    pub(super) rng: Rng,
}

/// A request that waits for the ledger, and whether it has left.
type Pending = (Back, Rc<Forwarded>, Rc<Cell<bool>>);

/// What a node has for the sale.
#[derive(Debug)]
pub(super) struct NodeSale {
    pub(super) hint: SaleHint,
    pub(super) granted: RecentOrders,
    pub(super) rounds: Committer<Waits>,
    pub(super) queue: VecDeque<Work<Waits, (), ()>>,
    pub(super) busy: Option<Busy>,
}

/// What the committer waits for.
#[derive(Debug)]
pub(super) enum Busy {
    Batch { batch: Vec<QueuedOrder<Waits>>, orders: Vec<Reserve>, sending: Sending, poll: bool },
    Poll,
}

#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) purpose: Purpose,
    pub(super) ask: RedisAsk,
    pub(super) step: Step,
    /// Sendings so far, by which a late answer to an earlier one is known.
    pub(super) sent: u32,
    /// How often the journal had been read when it began.
    pub(super) reading: u64,
}

#[derive(Clone, Debug)]
pub(super) enum Purpose {
    Batch,
    Poll,
    /// The sale is not known yet.
    Lookup(Back, Rc<Forwarded>),
    Open,
    Change(Back, Rc<Forwarded>),
    Heartbeat,
    Recovery,
}

/// How far a call is: a script that is not known is loaded and called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    First,
    Load,
    Again,
}

impl SimulatedNode {
    pub fn new(number: usize, weight: u32, rng: Rng) -> Self {
        Self {
            number,
            journal: SimulatedJournal::default(),
            healer: Healer::new(number),
            weight,
            live_weight: weight,
            joined: true,
            up: true,
            life: 1,
            frozen: None,
            slow_us: 0,
            busy_until: 0,
            served: 0,
            full: 0,
            clock_ms: 0,
            ahead_ms: 0,
            connected: 0,
            server: 0,
            handle: None,
            waiting: BTreeMap::new(),
            calls: BTreeMap::new(),
            rng,
        }
    }

    /// Killed: all that it knew is gone but its journal. Answers with those who waited.
    pub fn kill(&mut self) -> Vec<Back> {
        self.up = false;
        self.life += 1;
        self.frozen = None;
        self.ahead_ms = 0;
        self.connected = 0;
        self.live_weight = self.weight;
        self.joined = false;
        self.handle = None;
        self.journal.kill();
        self.healer = Healer::new(self.number);
        let mut backs: Vec<_> = self.waiting.values().map(|(back, ..)| *back).collect();
        self.waiting.clear();
        for call in self.calls.values() {
            if let Purpose::Lookup(back, _) | Purpose::Change(back, _) = &call.purpose {
                backs.push(*back);
            }
        }
        self.calls.clear();
        backs
    }

    /// Calls of the ledger that have no answer yet.
    pub fn calls(&self) -> impl Iterator<Item = (u64, u32)> {
        self.calls.iter().map(|(number, call)| (*number, call.sent))
    }

    fn node_budget(&self, snapshot: &Snapshot) -> NodeBudget {
        NodeBudget::of(snapshot.free(), self.weight, self.live_weight)
    }

    /// Takes in what the ledger said.
    pub(super) fn observe(&mut self, snapshot: &Snapshot) {
        let budget = self.node_budget(snapshot);
        if let Some(handle) = &mut self.handle {
            handle.hint.observe(snapshot);
            handle.rounds.restock(budget);
        }
    }
}

impl SimulatedWorld {
    /// A node starts: it looks up the sale in the ledger, and beats.
    pub(super) fn start_node(&mut self, n: usize) {
        self.nodes[n].up = true;
        let life = self.nodes[n].life;
        self.call(n, Purpose::Open, RedisAsk::Script(Rc::new(ModelCommand::Sweep)));
        self.push(0, WorldEvent::Pulse { node: n, life });
        self.want(n);
        self.push(REPOLL_MS * 1_000, WorldEvent::Sweep { node: n, life });
    }

    pub(super) fn node_wall(&self, n: usize) -> UnixMillis {
        self.wall(self.nodes[n].clock_ms)
    }

    /// The ledger's clock as the node knows it.
    pub(super) fn ledger_now(&self, n: usize) -> UnixMillis {
        let ahead = self.nodes[n].ahead_ms;
        UnixMillis(self.node_wall(n).0.saturating_add_signed(ahead))
    }

    pub(super) fn pulse(&mut self, n: usize, life: u64) {
        if self.nodes[n].life == life {
            let weight = self.nodes[n].weight;
            self.call(n, Purpose::Heartbeat, RedisAsk::Heartbeat(n, weight));
            self.push(PULSE, WorldEvent::Pulse { node: n, life });
        }
    }

    /// The committer's own tick, which it hears only while it has nothing to do.
    pub(super) fn sweep(&mut self, n: usize, life: u64) {
        if self.nodes[n].life != life {
            return;
        }
        self.push(REPOLL_MS * 1_000, WorldEvent::Sweep { node: n, life });
        if let Some(handle) = &mut self.nodes[n].handle
            && handle.busy.is_none()
            && handle.queue.is_empty()
            && handle.hint.is_to_be_swept()
        {
            handle.queue.push_back(Work::Poll(None));
            self.pump(n);
        }
    }

    /// A request arrives: it waits until the node has read those before it.
    pub(super) fn arrives(&mut self, mut arriving: Box<Arriving>) {
        let Arriving { node: n, life, back, .. } = *arriving;
        let node = &mut self.nodes[n];
        if node.life != life || !node.up {
            return;
        }
        if arriving.read || self.setup.service_us == 0 {
            return self.at_node(n, back, &arriving.request);
        }
        arriving.read = true;
        node.served += 1;
        node.busy_until = node.busy_until.max(self.now) + self.setup.service_us;
        let after = node.busy_until - self.now;
        self.push(after, WorldEvent::AtNode(arriving));
    }

    fn at_node(&mut self, n: usize, back: Back, request: &Rc<Forwarded>) {
        if request.op == Op::Order {
            if self.nodes[n].handle.is_some() {
                self.place(n, back, request);
            } else {
                let lookup = Purpose::Lookup(back, Rc::clone(request));
                self.call(n, lookup, RedisAsk::Script(Rc::new(ModelCommand::Sweep)));
            }
            return;
        }
        let (id, part) = (request.order.id.clone(), request.part.clone());
        let command = match request.op {
            Op::Confirm | Op::Order => ModelCommand::Confirm(id, part, Payment::default()),
            Op::Cancel if self.has(Planted::PartTakenForWhole) => {
                ModelCommand::Cancel(id, Cancellation::default(), OrderPart::Whole)
            }
            Op::Cancel => ModelCommand::Cancel(id, Cancellation::default(), part),
            Op::Extend => ModelCommand::Extend(id),
        };
        let change = Purpose::Change(back, Rc::clone(request));
        self.call(n, change, RedisAsk::Script(Rc::new(command)));
    }

    pub(super) fn place(&mut self, n: usize, back: Back, request: &Rc<Forwarded>) {
        let now = self.ledger_now(n);
        let no_share = self.has(Planted::ShareRoundsToZero);
        let silent = self.has(Planted::NoIsNeverChecked);
        let early = self.has(Planted::YesBeforeTheLedger);
        let token = self.number();
        let node = &mut self.nodes[n];
        let chance = node.rng.f64();
        let (weight, live) = (node.weight, node.live_weight.max(node.weight));
        let Some(handle) = &mut node.handle else {
            return;
        };
        let known = handle.granted.has(&request.order.id);
        let received = handle.hint.receive(request.key, known, now, chance);
        if received.poll && !silent && handle.queue.len() < QUEUE_MAX {
            handle.queue.push_back(Work::Poll(None));
        }
        let full = node.full > 0 || handle.queue.len() >= QUEUE_MAX;
        let mut refusal = received.refusal;
        if full {
            refusal = refusal.or(Some(Refusal::Busy(retry_after_ms(chance))));
        }
        if no_share && handle.hint.snapshot().free() * weight / live == 0 {
            refusal = refusal.or(Some(Refusal::SoldOut));
        }
        if let Some(refusal) = refusal {
            self.reply(n, back, request, RequestOutcome::Refused(refusal), By::Node(n));
            return self.pump(n);
        }
        let left = Rc::new(Cell::new(false));
        let waiter = Waits { token, left: Rc::clone(&left) };
        handle.queue.push_back(Work::Order(QueuedOrder {
            order: request.order.clone(),
            key: request.key,
            waiter,
        }));
        let request = Rc::clone(request);
        if early {
            let order = order_of(&request, now);
            self.reply(n, back, &request, RequestOutcome::Granted(order, false), By::Ledger);
        } else {
            node.waiting.insert(token, (back, request, left));
        }
        self.push(ORIGIN_DEADLINE_MS * 1_000, WorldEvent::Waited { node: n, token });
        self.pump(n);
    }

    /// The node has waited long enough for the ledger.
    pub(super) fn waited(&mut self, n: usize, token: u64) {
        let slow = || Fault::Unknown("the ledger is slow".into());
        self.report_progress(n, token, Err(slow()));
    }

    /// The edge has closed the connection.
    pub(super) fn hung_up(&mut self, n: usize, back: Back) {
        let waiting = &mut self.nodes[n].waiting;
        let found = waiting.iter().find(|(_, (waits, ..))| *waits == back);
        if let Some(token) = found.map(|(token, _)| *token)
            && let Some((.., left)) = waiting.remove(&token)
        {
            left.set(true);
        }
    }

    pub(super) fn report_progress(
        &mut self,
        n: usize,
        token: u64,
        received: Result<Verdict, Fault>,
    ) {
        let Some((back, request, left)) = self.nodes[n].waiting.remove(&token) else {
            return;
        };
        left.set(true);
        let outcome = self.outcome(received);
        self.reply(n, back, &request, outcome, By::Ledger);
    }

    pub(super) fn outcome(&self, received: Result<Verdict, Fault>) -> RequestOutcome {
        match received {
            Ok(Verdict::Granted { order, replayed }) => RequestOutcome::Granted(order, replayed),
            Ok(Verdict::Refused(refusal)) => RequestOutcome::Refused(refusal),
            Ok(Verdict::NoSeats { refused, some_held }) => {
                RequestOutcome::NoSeats(refused, some_held)
            }
            Err(_) if self.has(Planted::FaultIsSoldOut) => {
                RequestOutcome::Refused(Refusal::SoldOut)
            }
            Err(fault) => RequestOutcome::Trouble(fault.code()),
        }
    }

    /// Answers an edge, with a grant.
    pub(super) fn reply(
        &mut self,
        n: usize,
        back: Back,
        request: &Forwarded,
        outcome: RequestOutcome,
        by: By,
    ) {
        let edge = self.isolates[back.isolate].edge;
        let id = self.isolates[back.isolate].state.id.clone();
        let grant = self.grant(n, &id);
        let answer = SimulatedReply {
            id: request.order.id.clone(),
            outcome,
            by,
            ledger_had_it: self.redis.audit().order(&request.order.id).is_some(),
            grant: Some(grant),
        };
        self.decided(request.op, request.key, &answer);
        self.note(|| format!("node {n} -> edge {edge}: {}", super::trace::answer(&answer)));
        let node = &mut self.nodes[n];
        let link = Link::EdgeNode(edge, n);
        for after in self.network.send(link, LinkDirection::Out, false, &mut node.rng) {
            let answer = Some(Box::new(answer.clone()));
            self.push(after + self.nodes[n].slow_us, WorldEvent::Received { back, answer });
        }
    }

    pub(super) fn grant(&mut self, n: usize, edge: &EdgeId) -> Grant {
        let now = self.ledger_now(n);
        let node = &mut self.nodes[n];
        let Some(handle) = &mut node.handle else {
            return Grant::of_unknown_sale(now);
        };
        let load = NodeLoad {
            waiting: handle.queue.len(),
            room: QUEUE_MAX - handle.queue.len(),
            weight: node.weight,
            live_weight: node.live_weight,
        };
        handle.hint.grant(edge, load, now, node.rng.f64())
    }

    pub(super) fn open_sale_handle(&mut self, n: usize, snapshot: &Snapshot) {
        let node = &mut self.nodes[n];
        let budget = node.node_budget(snapshot);
        node.handle.get_or_insert_with(|| NodeSale {
            hint: SaleHint::new(*snapshot),
            granted: RecentOrders::default(),
            rounds: Committer::new(budget),
            queue: VecDeque::new(),
            busy: None,
        });
    }

    /// A change of an order or of the sale tells how the sale stands.
    pub(super) fn observe_change(&mut self, n: usize, snapshot: &Snapshot) {
        self.open_sale_handle(n, snapshot);
        if let Some(handle) = &mut self.nodes[n].handle {
            handle.hint.observe(snapshot);
        }
    }

    /// What every step leaves true of a node.
    pub(super) fn check_node(&mut self, n: usize) {
        let queued = self.nodes[n].handle.as_ref().map_or(0, |handle| handle.queue.len());
        self.require(queued <= QUEUE_MAX, "a queue is too long");
        let waiting = self.nodes[n].waiting.len();
        self.require(waiting <= QUEUE_MAX + 2 * BATCH_MAX, "too many wait at a node");
    }
}

/// An order as it would look, for a node that does not wait for the ledger.
fn order_of(request: &Forwarded, now: UnixMillis) -> Order {
    Order {
        buyer: request.order.buyer.clone(),
        state: OrderState::Confirmed,
        asked: request.order.quantity.get(),
        taken: request.order.quantity.get(),
        created_at: now,
        deadline: UnixMillis(0),
        refused_late: false,
        payment: None,
        seats: None,
    }
}

/// Whether a hint may answer an order with this key for good.
pub(super) const fn may_receive_hints(key: KeySource) -> bool {
    matches!(key, KeySource::Made | KeySource::Sent)
}
