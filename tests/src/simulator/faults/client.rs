//! A buyer and the client that asks for it: one key for one order, repeated until there is an
//! answer.

use super::super::judge::Asker;
use super::super::message::{Op, Request, RequestOutcome, SimulatedReply};
use super::super::network::{Link, LinkDirection};
use super::super::trace;
use super::super::world::{Outside, SimulatedWorld, WorldEvent};
use super::scenario::{FaultAftermath, FaultPlan, FaultScenario};
use fastrand::Rng;
use shared::admission::gate::come_back_ms;
use shared::domain::order::KeySource;
use shared::seats::{OrderPart, OrderSeats};
use shared::wire::problem::no_seats_code;
use shared::{BuyerId, Code, OrderId, OrderState, Problem, Quantity, Refusal, UnixMillis};
use std::sync::Arc;

/// How it ended for a buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Had tickets, and did with them what was planned.
    Served,
    /// Received a final "no".
    Refused(Code),
    /// Lost patience before an answer that was final.
    GaveUp,
    /// Got no answer and has no key to ask again with.
    Lost,
}

#[derive(Debug)]
pub struct SimulatedClient {
    /// The item of the scenario.
    pub number: u64,
    pub plan: FaultPlan,
    /// Whether it comes when nothing is disturbed.
    pub quiet: bool,
    pub buyer: BuyerId,
    /// Its key, once it has one.
    pub id: Option<OrderId>,
    pub end: Option<End>,
    /// When it ended, in microseconds.
    pub ended_at: u64,
    /// Whether a "yes" was received.
    pub granted: Option<OrderId>,
    /// It was told that its hold had ended, which promises nothing.
    pub expired: bool,
    /// Whether the payment was acknowledged.
    pub confirmed: bool,
    /// What it asks for now.
    pub op: Op,
    /// Of which part of its order.
    pub part: OrderPart,
    /// The seats that its order has, as it was told last.
    pub has: Option<Arc<OrderSeats>>,
    /// Parts that it has given back, or not any more: before its payment, after it.
    pub gave_back: (bool, bool),
    call: u32,
    /// The call that has no answer yet.
    waiting: Option<u32>,
    /// An earlier request may have been carried out.
    pub unsure: bool,
    edge: usize,
    until: u64,
    rng: Rng,
}

/// A run: the system, and its clients.
#[derive(Debug)]
pub(super) struct FaultRun<'a> {
    pub(super) scenario: &'a FaultScenario,
    pub(super) world: SimulatedWorld,
    pub(super) clients: Vec<SimulatedClient>,
    /// Items that have not begun yet.
    pub(super) to_come: usize,
}

impl SimulatedClient {
    pub fn new(
        number: u64,
        plan: FaultPlan,
        quiet: bool,
        buyer: BuyerId,
        now: u64,
        rng: Rng,
    ) -> Self {
        Self {
            number,
            until: now + plan.patience_ms * 1_000,
            plan,
            quiet,
            buyer,
            id: None,
            end: None,
            ended_at: 0,
            granted: None,
            expired: false,
            confirmed: false,
            op: Op::Order,
            part: OrderPart::Whole,
            has: None,
            gave_back: (false, false),
            call: 0,
            waiting: None,
            unsure: false,
            edge: 0,
            rng,
        }
    }

    /// Whether it takes a new key after an answer that says that nothing happened.
    const fn takes_new_keys(&self) -> bool {
        self.number % 2 == 1
    }

    /// Names the part of its order that the next call is about; a part that is to go back before
    /// the payment goes first.
    fn name_part(&mut self) {
        self.part = OrderPart::Whole;
        let (Some(wanted), Some(has)) = (&self.plan.seats, &self.has) else { return };
        let (before, after) = wanted.returns;
        let gives_back = match self.op {
            Op::Confirm if !std::mem::replace(&mut self.gave_back.0, true) => before,
            Op::Cancel if self.confirmed && !std::mem::replace(&mut self.gave_back.1, true) => {
                after
            }
            _ => None,
        };
        if let Some(part) = gives_back.and_then(|naming| naming.less_than(has)) {
            (self.op, self.part) = (Op::Cancel, part);
        } else if self.op == Op::Confirm {
            self.part = wanted.pays.part_of(has);
        }
    }

    fn new_key(&mut self) -> OrderId {
        let text = format!("order-{}-{:016x}", self.number, self.rng.u64(..));
        OrderId::parse(&text).unwrap_or_else(|_| OrderId::new_v7(shared::UnixMillis(0), [0; 10]))
    }
}

impl FaultRun<'_> {
    pub(super) fn push(&mut self, after: u64, event: Outside) {
        self.world.push(after, WorldEvent::Outside(event));
    }

    /// A client asks, for the first time or again.
    pub(super) fn come(&mut self, c: usize) {
        let edges = self.world.edges.len();
        let client = &mut self.clients[c];
        if client.end.is_some() || client.waiting.is_some() {
            return;
        }
        if client.op == Op::Order && !client.unsure && self.world.now > client.until {
            return self.ends(c, End::GaveUp);
        }
        let first = client.call == 0;
        if first || client.unsure || client.op != Op::Order {
            client.edge = client.rng.usize(0..edges);
        }
        if client.plan.own_key && client.id.is_none() {
            client.id = Some(client.new_key());
        }
        client.call += 1;
        client.waiting = Some(client.call);
        let key = match (&client.id, client.unsure) {
            (None, _) => KeySource::Made,
            (Some(_), false) => KeySource::Sent,
            (Some(_), true) => KeySource::Repeated,
        };
        let request = Request {
            client: c,
            number: client.number,
            call: client.call,
            op: client.op,
            id: client.id.clone(),
            key,
            buyer: client.buyer.clone(),
            quantity: Quantity::new(u64::from(client.plan.quantity)).unwrap_or(Quantity::ONE),
            lines: client.plan.seats.as_ref().map(|seats| seats.lines.clone()),
            part: client.part.clone(),
        };
        let (call, edge, timeout) = (client.call, client.edge, client.plan.timeout_ms);
        let leaves = client.plan.leaves.filter(|_| first);
        let doubles = client.plan.own_key && !client.takes_new_keys();
        let number = client.number;
        if let Some(id) = &request.id {
            self.world.judge.issue(id, &request);
        }
        self.world.note(|| {
            let what = trace::request(&request);
            format!("client {number} -> edge {edge}: {what}")
        });
        let link = Link::Clients(edge);
        let rng = &mut self.clients[c].rng;
        let copies = self.world.network.send(link, LinkDirection::In, doubles, rng);
        if copies.len() > 1
            && let Some(id) = &request.id
        {
            self.world.judge.doubled(id);
        }
        for after in copies {
            let request = Box::new(request.clone());
            self.world.push(after, WorldEvent::AtEdge { edge, request });
        }
        self.push(timeout * 1_000, Outside::TimesOut { client: c, call });
        if let Some((after, _)) = leaves {
            self.push(after * 1_000, Outside::Leaves { client: c });
        }
    }

    /// The client's own time-out, or a connection that broke.
    pub(super) fn no_answer(&mut self, c: usize, call: u32) {
        let client = &mut self.clients[c];
        if client.waiting != Some(call) {
            return;
        }
        client.waiting = None;
        let number = client.number;
        if let Some(id) = &client.id {
            self.world.judge.abandon(id);
        }
        self.world.note(|| format!("client {number} has no answer"));
        self.asks_later_without_answer(c, 0);
    }

    fn asks_later_without_answer(&mut self, c: usize, away_ms: u64) {
        let client = &mut self.clients[c];
        if client.op == Op::Order && client.id.is_none() {
            return self.ends(c, End::Lost);
        }
        client.unsure |= client.op == Op::Order;
        let after = (away_ms + 100 + client.rng.u64(0..900)) * 1_000;
        self.push(after, Outside::Comes { client: c });
    }

    /// The buyer goes away in the middle of a request.
    pub(super) fn leaves(&mut self, c: usize) {
        let client = &mut self.clients[c];
        if client.waiting.take().is_some() {
            if let Some(id) = &client.id {
                self.world.judge.abandon(id);
            }
            let (number, away) = (client.number, client.plan.leaves.map_or(0, |(_, ms)| ms));
            self.world.note(|| format!("client {number} hangs up"));
            self.asks_later_without_answer(c, away);
        }
    }

    /// An answer arrives; `None` = the connection broke.
    pub(super) fn at_client(&mut self, c: usize, call: u32, answer: Option<SimulatedReply>) {
        let Some(answer) = answer else {
            return self.no_answer(c, call);
        };
        if self.clients[c].waiting != Some(call) {
            return;
        }
        let client = &mut self.clients[c];
        client.waiting = None;
        let asker = Asker {
            client: c,
            number: client.number,
            quiet: client.quiet,
            sure: !client.unsure,
            granted: client.granted.as_ref(),
            change: (client.op, &client.part),
            had: client.has.as_deref(),
        };
        self.world.answered(&asker, &answer);
        match self.clients[c].op {
            Op::Order => self.order_answered(c, &answer),
            op => self.change_answered(c, op, &answer),
        }
    }

    fn order_answered(&mut self, c: usize, answer: &SimulatedReply) {
        let client = &mut self.clients[c];
        match &answer.outcome {
            RequestOutcome::Granted(order, _) => {
                client.unsure = false;
                client.id = Some(answer.id.clone());
                client.granted = Some(answer.id.clone());
                client.expired = order.state == OrderState::Expired;
                client.has = order.seats.clone();
                let (op, ms) = match (order.state, client.plan.then) {
                    (OrderState::Held, FaultAftermath::Pay(ms)) => (Op::Confirm, ms),
                    (OrderState::Held, FaultAftermath::Extend(ms)) => (Op::Extend, ms),
                    (OrderState::Held | OrderState::Confirmed, FaultAftermath::Cancel(ms)) => {
                        (Op::Cancel, ms)
                    }
                    (OrderState::Confirmed, _) => {
                        client.confirmed = true;
                        return self.goes_on(c);
                    }
                    _ => return self.ends(c, End::Served),
                };
                client.op = op;
                client.name_part();
                self.push(ms * 1_000, Outside::Comes { client: c });
            }
            RequestOutcome::Refused(refusal) => {
                if !refusal.may_pass_later() {
                    return self.ends(c, End::Refused(refusal.code()));
                }
                self.asks_later(c, &answer.outcome);
            }
            RequestOutcome::NoSeats(refused, held) => {
                match no_seats_code(&refused.refusal, *held) {
                    Code::AllHeld => self.asks_later(c, &answer.outcome),
                    code => self.ends(c, End::Refused(code)),
                }
            }
            RequestOutcome::Trouble(Code::OutcomeUnknown) => {
                client.unsure = true;
                client.id = Some(answer.id.clone());
                self.asks_later(c, &answer.outcome);
            }
            RequestOutcome::Trouble(_) => {
                if client.takes_new_keys() && !client.unsure {
                    client.id = None;
                }
                self.asks_later(c, &answer.outcome);
            }
        }
    }

    fn change_answered(&mut self, c: usize, op: Op, answer: &SimulatedReply) {
        let client = &mut self.clients[c];
        match (&answer.outcome, op) {
            (RequestOutcome::Trouble(_) | RequestOutcome::Refused(shared::Refusal::Busy(_)), _) => {
                self.asks_later(c, &answer.outcome);
            }
            (RequestOutcome::Granted(..), Op::Extend) => {
                client.op = Op::Confirm;
                client.name_part();
                self.push(20_000, Outside::Comes { client: c });
            }
            (RequestOutcome::Granted(order, _), Op::Confirm) => {
                client.confirmed = true;
                client.has = order.seats.clone();
                self.goes_on(c);
            }
            (RequestOutcome::Granted(order, _), Op::Cancel)
                if client.part != OrderPart::Whole && order.state.takes() =>
            {
                client.has = order.seats.clone();
                self.goes_on(c);
            }
            // It was given back before, by a call whose answer is lost.
            (RequestOutcome::Refused(Refusal::NotItsSeats), Op::Cancel) => {
                client.has = None;
                self.goes_on(c);
            }
            _ => self.ends(c, End::Served),
        }
    }

    /// A client who was told that it has its seats, or that a part of them went back, pays or gives
    /// back what it still means to.
    fn goes_on(&mut self, c: usize) {
        let client = &mut self.clients[c];
        client.op = if client.confirmed { Op::Cancel } else { Op::Confirm };
        client.name_part();
        if client.confirmed && client.part == OrderPart::Whole {
            return self.ends(c, End::Served);
        }
        self.push(20_000, Outside::Comes { client: c });
    }

    fn asks_later(&mut self, c: usize, outcome: &RequestOutcome) {
        let now = self.world.wall(0);
        let client = &mut self.clients[c];
        let ms = comes_back_ms(outcome, now, client.rng.f64());
        self.push(ms * 1_000, Outside::Comes { client: c });
    }

    fn ends(&mut self, c: usize, end: End) {
        let now = self.world.now;
        let client = &mut self.clients[c];
        client.end = Some(end);
        client.ended_at = now;
        let gave_up = end == End::GaveUp && self.world.judge.has_free();
        let starved = client.quiet && (end == End::Lost || gave_up);
        let number = client.number;
        self.world.note(|| format!("client {number}: {end:?}"));
        self.world.require(
            !starved || self.world.setup.cuts_the_tail,
            "a buyer gets no answer although nothing is wrong",
        );
    }
}

/// How long a client that gets this answer waits before it asks again, in milliseconds.
fn comes_back_ms(outcome: &RequestOutcome, now: UnixMillis, chance: f64) -> u64 {
    let spread = (chance * 1_000.0) as u64;
    match outcome {
        RequestOutcome::Refused(refusal) => {
            let problem = Problem::refusal(*refusal);
            let opening = come_back_ms(*refusal, now, chance);
            let ms = opening.or(problem.retry_after_ms);
            ms.map_or(500 + spread, u64::from)
        }
        _ => 200 + spread,
    }
}
