//! One origin node: its outlook and its committer are the real ones; the queue, the timers and the connection to Redis
//! are the simulator's.

use super::message::{Answer, Back, By, Forwarded, Op, Outcome};
use super::planted::Planted;
use super::redis::{Ask, Health, Reply};
use super::scenario::{Link, Way};
use super::world::{Event, World};
use fastrand::Rng;
use shared::committer::{self, Committer, Round, Sending, Waiter, Waiting, Work};
use shared::gate::Key;
use shared::limits::{BATCH_MAX, LEDGER_DEADLINE_MS, ORIGIN_DEADLINE_MS, QUEUE_MAX, REPOLL_MS};
use shared::model::{self, Command};
use shared::outlook::{Load, Outlook, retry_after_ms};
use shared::recent::Recent;
use shared::{
    EdgeId, Fault, Grant, NewOrder, OrderId, Refusal, Reserve, Snapshot, Stock, UnixMillis, Verdict,
};
use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Time between two beats of a node, in microseconds.
const PULSE: u64 = 1_000_000;

type Heard = Result<Option<(Snapshot, model::Answer)>, Fault>;

/// Who waits for an order at a node.
#[derive(Clone, Debug)]
pub struct Waits {
    token: u64,
    left: Rc<Cell<bool>>,
}

impl Waiter for Waits {
    fn has_left(&self) -> bool {
        self.left.get()
    }
}

/// A node.
#[derive(Debug)]
pub struct Node {
    weight: u32,
    live_weight: u32,
    /// Whether it runs.
    pub up: bool,
    /// Rises when it is started anew.
    pub life: u64,
    /// What happens to it once it moves again; `None` = it moves.
    pub frozen: Option<Vec<Event>>,
    /// How long everything takes longer, in microseconds.
    pub slow_us: u64,
    /// Things that keep its queue full.
    pub full: u32,
    /// Jumps of its clock so far, in milliseconds.
    pub clock_ms: i64,
    ahead_ms: i64,
    /// The life of Redis that it is connected to.
    connected: u64,
    desk: Option<Desk>,
    waiting: BTreeMap<u64, (Back, Rc<Forwarded>, Rc<Cell<bool>>)>,
    calls: BTreeMap<u64, Call>,
    rng: Rng,
}

#[derive(Debug)]
struct Desk {
    outlook: Outlook,
    granted: Recent,
    rounds: Committer<Waits>,
    queue: VecDeque<Work<Waits, (), ()>>,
    busy: Option<Busy>,
}

/// What the committer waits for.
#[derive(Debug)]
enum Busy {
    Batch {
        batch: Vec<Waiting<Waits>>,
        orders: Vec<Reserve>,
        sending: Sending,
        poll: bool,
    },
    Poll,
}

/// One call of the ledger.
#[derive(Clone, Debug)]
struct Call {
    purpose: Purpose,
    ask: Ask,
    step: Step,
    /// Sendings so far, by which a late answer to an earlier one is known.
    sent: u32,
}

#[derive(Clone, Debug)]
enum Purpose {
    Batch,
    Poll,
    /// The desk is not open yet.
    Lookup(Back, Rc<Forwarded>),
    Open,
    Change(Back, Rc<Forwarded>),
    Beat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    First,
    Load,
    Again,
}

impl Node {
    /// A node that is about to start.
    #[must_use]
    pub fn new(weight: u32, rng: Rng) -> Self {
        Self {
            weight,
            live_weight: weight,
            up: true,
            life: 1,
            frozen: None,
            slow_us: 0,
            full: 0,
            clock_ms: 0,
            ahead_ms: 0,
            connected: 0,
            desk: None,
            waiting: BTreeMap::new(),
            calls: BTreeMap::new(),
            rng,
        }
    }

    /// Killed: all that it knew is gone. Answers with those who waited.
    pub fn kill(&mut self) -> Vec<Back> {
        self.up = false;
        self.life += 1;
        self.frozen = None;
        self.ahead_ms = 0;
        self.connected = 0;
        self.live_weight = self.weight;
        self.desk = None;
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

    fn stock(&self, snapshot: &Snapshot) -> Stock {
        Stock::of(snapshot.free(), self.weight, self.live_weight)
    }

    fn hear(&mut self, snapshot: &Snapshot) {
        let stock = self.stock(snapshot);
        if let Some(desk) = &mut self.desk {
            desk.outlook.hear(snapshot);
            desk.rounds.restock(stock);
        }
    }
}

impl World<'_> {
    /// A node starts: it opens the desks of the sales that it finds in the ledger, and beats.
    pub(super) fn start_node(&mut self, n: usize) {
        self.nodes[n].up = true;
        let life = self.nodes[n].life;
        self.call(n, Purpose::Open, Ask::Script(Rc::new(Command::Sweep)));
        self.push(0, Event::Pulse { node: n, life });
        self.push(REPOLL_MS * 1_000, Event::Sweep { node: n, life });
    }

    /// The node's own clock.
    fn node_wall(&self, n: usize) -> UnixMillis {
        self.wall(self.nodes[n].clock_ms)
    }

    /// The ledger's clock as the node knows it.
    fn ledger_now(&self, n: usize) -> UnixMillis {
        let ahead = self.nodes[n].ahead_ms;
        UnixMillis(self.node_wall(n).0.saturating_add_signed(ahead))
    }

    pub(super) fn pulse(&mut self, n: usize, life: u64) {
        if self.nodes[n].life == life {
            let weight = self.nodes[n].weight;
            self.call(n, Purpose::Beat, Ask::Beat(n, weight));
            self.push(PULSE, Event::Pulse { node: n, life });
        }
    }

    /// The committer's own tick, which it hears only while it has nothing to do.
    pub(super) fn sweep(&mut self, n: usize, life: u64) {
        if self.nodes[n].life != life {
            return;
        }
        self.push(REPOLL_MS * 1_000, Event::Sweep { node: n, life });
        if let Some(desk) = &mut self.nodes[n].desk
            && desk.busy.is_none()
            && desk.queue.is_empty()
            && desk.outlook.is_to_be_swept()
        {
            desk.queue.push_back(Work::Poll(None));
            self.pump(n);
        }
    }

    /// A request arrives.
    pub(super) fn at_node(&mut self, n: usize, back: Back, request: &Rc<Forwarded>) {
        if request.op == Op::Order {
            if self.nodes[n].desk.is_some() {
                self.place(n, back, request);
            } else {
                let lookup = Purpose::Lookup(back, Rc::clone(request));
                self.call(n, lookup, Ask::Script(Rc::new(Command::Sweep)));
            }
            return;
        }
        let id = request.id.clone();
        let command = match request.op {
            Op::Confirm | Op::Order => Command::Confirm(id, None),
            Op::Cancel => Command::Cancel(id),
            Op::Extend => Command::Extend(id),
        };
        let change = Purpose::Change(back, Rc::clone(request));
        self.call(n, change, Ask::Script(Rc::new(command)));
    }

    fn place(&mut self, n: usize, back: Back, request: &Rc<Forwarded>) {
        let now = self.ledger_now(n);
        let no_share = self.has(Planted::ShareRoundsToZero);
        let silent = self.has(Planted::NoIsNeverChecked);
        let early = self.has(Planted::YesBeforeTheLedger);
        let token = self.number();
        let node = &mut self.nodes[n];
        let chance = node.rng.f64();
        let (weight, live) = (node.weight, node.live_weight.max(node.weight));
        let Some(desk) = &mut node.desk else {
            return;
        };
        let known = desk.granted.has(&request.id);
        let received = desk.outlook.receive(request.key, known, now, chance);
        if received.poll && !silent && desk.queue.len() < QUEUE_MAX {
            desk.queue.push_back(Work::Poll(None));
        }
        let full = node.full > 0 || desk.queue.len() >= QUEUE_MAX;
        let mut refusal = received.refusal;
        if full {
            refusal = refusal.or(Some(Refusal::Busy(retry_after_ms(chance))));
        }
        if no_share && desk.outlook.snapshot().free() * weight / live == 0 {
            refusal = refusal.or(Some(Refusal::SoldOut));
        }
        if let Some(refusal) = refusal {
            self.reply(n, back, request, Outcome::Refused(refusal), By::Node(n));
            return self.pump(n);
        }
        let left = Rc::new(Cell::new(false));
        let waiter = Waits {
            token,
            left: Rc::clone(&left),
        };
        desk.queue.push_back(Work::Order(Waiting {
            order: NewOrder {
                id: request.id.clone(),
                buyer: request.buyer.clone(),
                quantity: request.quantity,
                key: request.key,
            },
            waiter,
        }));
        let request = Rc::clone(request);
        if early {
            let order = super::world::order_of(&request, now);
            self.reply(
                n,
                back,
                &request,
                Outcome::Granted(order, false),
                By::Ledger,
            );
        } else {
            node.waiting.insert(token, (back, request, left));
        }
        self.push(ORIGIN_DEADLINE_MS * 1_000, Event::Waited { node: n, token });
        self.pump(n);
    }

    /// The node has waited long enough for the ledger.
    pub(super) fn waited(&mut self, n: usize, token: u64) {
        let slow = || Fault::Unknown("the ledger is slow".into());
        self.tell(n, token, Err(slow()));
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

    fn tell(&mut self, n: usize, token: u64, heard: Result<Verdict, Fault>) {
        let Some((back, request, left)) = self.nodes[n].waiting.remove(&token) else {
            return;
        };
        left.set(true);
        let outcome = self.outcome(heard);
        self.reply(n, back, &request, outcome, By::Ledger);
    }

    fn outcome(&self, heard: Result<Verdict, Fault>) -> Outcome {
        match heard {
            Ok(Verdict::Granted { order, replayed }) => Outcome::Granted(order, replayed),
            Ok(Verdict::Refused(refusal)) => Outcome::Refused(refusal),
            Err(_) if self.has(Planted::FaultIsSoldOut) => Outcome::Refused(Refusal::SoldOut),
            Err(fault) => Outcome::Trouble(fault.code()),
        }
    }

    /// Answers an edge, with a grant.
    fn reply(&mut self, n: usize, back: Back, request: &Forwarded, outcome: Outcome, by: By) {
        let edge = self.isolates[back.isolate].edge;
        let id = self.isolates[back.isolate].id.clone();
        let grant = self.grant(n, &id);
        let answer = Answer {
            id: request.id.clone(),
            outcome,
            by,
            ledger_had_it: self.redis.audit().order(&request.id).is_some(),
            grant: Some(grant),
        };
        self.decided(request.op, request.key, &answer);
        self.note(|| format!("node {n} -> edge {edge}: {}", super::trace::answer(&answer)));
        let node = &mut self.nodes[n];
        let link = Link::EdgeNode(edge, n);
        for after in self.network.send(link, Way::Out, false, &mut node.rng) {
            let answer = Some(Box::new(answer.clone()));
            self.push(after + self.nodes[n].slow_us, Event::Heard { back, answer });
        }
    }

    fn grant(&mut self, n: usize, edge: &EdgeId) -> Grant {
        let now = self.ledger_now(n);
        let node = &mut self.nodes[n];
        let Some(desk) = &mut node.desk else {
            return Grant::of_unknown_sale(now);
        };
        let load = Load {
            waiting: desk.queue.len(),
            room: QUEUE_MAX - desk.queue.len(),
            weight: node.weight,
            live_weight: node.live_weight,
        };
        desk.outlook.grant(edge, load, now, node.rng.f64())
    }

    /// Lets the committer go on until it waits for the ledger or for work.
    fn pump(&mut self, n: usize) {
        let now = self.ledger_now(n);
        let drops = self.has(Planted::LeftOverDropped);
        loop {
            let Some(desk) = &mut self.nodes[n].desk else {
                return;
            };
            if desk.busy.is_some() {
                return;
            }
            let left_over = desk.rounds.take_left_over().map(Work::Order);
            let left_over = left_over.filter(|_| !drops);
            let Some(first) = left_over.or_else(|| desk.queue.pop_front()) else {
                return;
            };
            let mut round = Round::default();
            let mut refused = Vec::new();
            refused.extend(desk.rounds.sort(first, &desk.outlook, now, &mut round));
            while desk.rounds.has_room(&round)
                && let Some(next) = desk.queue.pop_front()
            {
                refused.extend(desk.rounds.sort(next, &desk.outlook, now, &mut round));
            }
            for (waiting, refusal) in refused {
                self.refuse(n, waiting.waiter.token, refusal);
            }
            self.carry_out(n, round);
        }
    }

    fn refuse(&mut self, n: usize, token: u64, refusal: Refusal) {
        if let Some((back, request, left)) = self.nodes[n].waiting.remove(&token) {
            left.set(true);
            self.reply(n, back, &request, Outcome::Refused(refusal), By::Node(n));
        }
    }

    fn carry_out(&mut self, n: usize, round: Round<Waits, (), ()>) {
        self.require(round.batch.len() <= BATCH_MAX, "a batch is too long");
        if !round.batch.is_empty() {
            let orders = round.batch.iter().map(|waiting| waiting.order.reserve());
            let orders: Vec<Reserve> = orders.collect();
            let ask = Ask::Script(Rc::new(Command::Reserve(orders.clone())));
            self.busy(
                n,
                Some(Busy::Batch {
                    batch: round.batch,
                    orders,
                    sending: Sending::default(),
                    poll: round.poll,
                }),
            );
            self.call(n, Purpose::Batch, ask);
        } else if round.poll {
            self.poll(n);
        }
    }

    fn poll(&mut self, n: usize) {
        self.busy(n, Some(Busy::Poll));
        self.call(n, Purpose::Poll, Ask::Script(Rc::new(Command::Sweep)));
    }

    fn busy(&mut self, n: usize, busy: Option<Busy>) {
        if let Some(desk) = &mut self.nodes[n].desk {
            desk.busy = busy;
        }
    }

    /// Begins a call of the ledger.
    fn call(&mut self, n: usize, purpose: Purpose, ask: Ask) {
        let number = self.number();
        let call = Call {
            purpose,
            ask,
            step: Step::First,
            sent: 0,
        };
        self.nodes[n].calls.insert(number, call);
        self.transmit(n, number);
    }

    fn transmit(&mut self, n: usize, number: u64) {
        let link = Link::NodeRedis(n);
        let passes = self.network.passes(link, Way::In) && self.network.passes(link, Way::Out);
        let (health, life) = (self.redis.health, self.redis.life);
        let node = &mut self.nodes[n];
        let Some(call) = node.calls.get_mut(&number) else {
            return;
        };
        call.sent += 1;
        let (sent, deadline) = (call.sent, LEDGER_DEADLINE_MS * 1_000);
        let ask = if call.step == Step::Load {
            Ask::Load
        } else {
            call.ask.clone()
        };
        let ended = |fault| Event::CallEnds {
            node: n,
            call: number,
            sent,
            reply: Err(fault),
        };
        let mut connecting = node.slow_us;
        if node.connected != life {
            connecting += self.network.delay(link, &mut node.rng) * 2;
            if !passes {
                return self.push(deadline, ended(Fault::NotSent("no connection".into())));
            }
            if health == Health::Down {
                return self.push(connecting, ended(Fault::NotSent("refused".into())));
            }
            node.connected = life;
        }
        for after in self.network.send(link, Way::In, false, &mut node.rng) {
            let event = Event::AtRedis {
                node: n,
                call: number,
                sent,
                life,
                ask: ask.clone(),
            };
            self.push(connecting + after, event);
        }
        self.push(
            connecting + deadline,
            ended(Fault::Unknown("no answer".into())),
        );
    }

    /// A call of the ledger has ended: with a reply, or without one.
    pub(super) fn call_ends(
        &mut self,
        n: usize,
        number: u64,
        sent: u32,
        reply: Result<Reply, Fault>,
    ) {
        let node = &mut self.nodes[n];
        let Some(call) = node.calls.get_mut(&number).filter(|call| call.sent == sent) else {
            return;
        };
        if matches!(reply, Err(Fault::Unknown(_))) {
            node.connected = 0;
        }
        let heard: Heard = match (call.step, reply) {
            (Step::First, Ok(Reply::NoScript)) => {
                call.step = Step::Load;
                return self.transmit(n, number);
            }
            (Step::Load, Ok(Reply::Loaded)) => {
                call.step = Step::Again;
                return self.transmit(n, number);
            }
            // Loading changes no ticket, so whatever goes wrong here, nothing happened.
            (Step::Load, _) => Err(Fault::NotSent("not loaded".into())),
            (_, Ok(Reply::Done(snapshot, answer))) => Ok(Some((snapshot, answer))),
            (_, Ok(Reply::Live(weight))) => {
                node.live_weight = weight;
                Ok(None)
            }
            (_, Ok(Reply::NoScript | Reply::Loading | Reply::Loaded)) => {
                Err(Fault::NotSent("turned away".into()))
            }
            (_, Err(fault)) => Err(fault),
        };
        let Some(call) = node.calls.remove(&number) else {
            return;
        };
        if let Ok(Some((snapshot, _))) = &heard {
            let wall = self.node_wall(n);
            self.nodes[n].ahead_ms = snapshot.at.0 as i64 - wall.0 as i64;
        }
        self.returned(n, call.purpose, heard);
    }

    fn returned(&mut self, n: usize, purpose: Purpose, heard: Heard) {
        match purpose {
            Purpose::Beat => {}
            Purpose::Batch => self.batch_returned(n, heard),
            Purpose::Poll => self.poll_returned(n, heard),
            Purpose::Open => {
                if let Ok(Some((snapshot, _))) = heard {
                    self.open_desk(n, &snapshot);
                }
            }
            Purpose::Lookup(back, request) => match heard {
                Ok(Some((snapshot, _))) => {
                    self.open_desk(n, &snapshot);
                    self.place(n, back, &request);
                }
                Ok(None) => {}
                Err(fault) => {
                    let outcome = self.outcome(Err(fault));
                    self.reply(n, back, &request, outcome, By::Ledger);
                }
            },
            Purpose::Change(back, request) => {
                let verdict = match heard {
                    Ok(Some((snapshot, model::Answer::Order(verdict)))) => {
                        self.hear_change(n, &snapshot);
                        Ok(verdict)
                    }
                    Ok(_) => return,
                    Err(fault) => Err(fault),
                };
                let outcome = self.outcome(verdict);
                self.reply(n, back, &request, outcome, By::Ledger);
            }
        }
    }

    fn open_desk(&mut self, n: usize, snapshot: &Snapshot) {
        let node = &mut self.nodes[n];
        let stock = node.stock(snapshot);
        node.desk.get_or_insert_with(|| Desk {
            outlook: Outlook::new(*snapshot),
            granted: Recent::default(),
            rounds: Committer::new(stock),
            queue: VecDeque::new(),
            busy: None,
        });
    }

    /// A change of an order or of the sale tells how the sale stands.
    fn hear_change(&mut self, n: usize, snapshot: &Snapshot) {
        self.open_desk(n, snapshot);
        if let Some(desk) = &mut self.nodes[n].desk {
            desk.outlook.hear(snapshot);
        }
    }

    fn batch_returned(&mut self, n: usize, heard: Heard) {
        let fresh = self.has(Planted::NewIdsOnResend);
        let forgets = self.has(Planted::UnknownBecomesUnavailable);
        let swaps = self.has(Planted::VerdictsSwapped);
        let Some(desk) = &mut self.nodes[n].desk else {
            return;
        };
        let Some(Busy::Batch {
            batch,
            mut orders,
            mut sending,
            poll,
        }) = desk.busy.take()
        else {
            return;
        };
        let Some(outcome) = sending.heard(heard, &self.sale) else {
            if fresh {
                for order in &mut orders {
                    let id = format!("{}-again", order.id);
                    order.id = OrderId::parse(&id).unwrap_or_else(|_| order.id.clone());
                }
            }
            let ask = Ask::Script(Rc::new(Command::Reserve(orders.clone())));
            self.busy(
                n,
                Some(Busy::Batch {
                    batch,
                    orders,
                    sending,
                    poll,
                }),
            );
            return self.call(n, Purpose::Batch, ask);
        };
        let outcome = match outcome {
            Err(Fault::Unknown(reason)) if forgets => Err(Fault::NotSent(reason)),
            other => other,
        };
        let verdicts = outcome.map(|(snapshot, answer)| {
            self.nodes[n].hear(&snapshot);
            let model::Answer::Orders(mut verdicts) = answer else {
                return Vec::new();
            };
            if swaps {
                verdicts.rotate_left(1);
            }
            verdicts
        });
        if let (Ok(verdicts), Some(desk)) = (&verdicts, &mut self.nodes[n].desk) {
            for (waiting, verdict) in batch.iter().zip(verdicts) {
                if matches!(verdict, Verdict::Granted { .. }) {
                    desk.granted.add(&waiting.order.id);
                }
            }
        }
        for (waiting, heard) in committer::answers(batch, verdicts) {
            self.tell(n, waiting.waiter.token, heard);
        }
        if poll {
            self.poll(n);
        } else {
            self.pump(n);
        }
    }

    fn poll_returned(&mut self, n: usize, heard: Heard) {
        let reply = heard.map(|reply| {
            reply.map(|(snapshot, answer)| match answer {
                model::Answer::Swept(expired) => (snapshot, expired),
                _ => (snapshot, 0),
            })
        });
        self.busy(n, None);
        if let Ok((snapshot, more)) = committer::swept(reply, &self.sale) {
            self.nodes[n].hear(&snapshot);
            if more {
                return self.poll(n);
            }
        }
        self.pump(n);
    }

    /// What every step leaves true of a node.
    pub(super) fn check_node(&mut self, n: usize) {
        let queued = self.nodes[n]
            .desk
            .as_ref()
            .map_or(0, |desk| desk.queue.len());
        self.require(queued <= QUEUE_MAX, "a queue is too long");
        let waiting = self.nodes[n].waiting.len();
        self.require(
            waiting <= QUEUE_MAX + 2 * BATCH_MAX,
            "too many wait at a node",
        );
    }
}

/// Whether a hint may answer an order with this key for good.
pub(super) const fn may_hear_hints(key: Key) -> bool {
    matches!(key, Key::Made | Key::Sent)
}
