//! A buyer and the client that asks for it: one key for one order, repeated until there is an answer.

use super::isolate::comes_back_ms;
use super::message::{Op, Request, RequestOutcome, SimulatedReply};
use super::scenario::{FaultAftermath, FaultPlan, Link, LinkDirection};
use super::world::{SimulatedWorld, WorldEvent};
use fastrand::Rng;
use shared::domain::order::KeySource;
use shared::{BuyerId, Code, OrderId, OrderState, Quantity};

/// How it ended for a buyer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Had tickets, and did with them what was planned.
    Served,
    /// Heard a final "no".
    Refused(Code),
    /// Lost patience before an answer that was final.
    GaveUp,
    /// Got no answer and has no key to ask again with.
    Lost,
}

/// A buyer.
#[derive(Debug)]
pub struct SimulatedClient {
    /// The item of the scenario.
    pub number: u64,
    /// What is planned.
    pub plan: FaultPlan,
    /// Whether it comes when nothing is disturbed.
    pub quiet: bool,
    /// Who it is.
    pub buyer: BuyerId,
    /// Its key, once it has one.
    pub id: Option<OrderId>,
    /// How it ended.
    pub end: Option<End>,
    /// When it ended, in microseconds.
    pub ended_at: u64,
    /// Whether a "yes" was heard.
    pub granted: Option<OrderId>,
    /// Whether the payment was acknowledged.
    pub confirmed: bool,
    /// What it asks for now.
    pub op: Op,
    call: u32,
    /// The call that has no answer yet.
    waiting: Option<u32>,
    /// An earlier request may have been carried out.
    pub unsure: bool,
    edge: usize,
    until: u64,
    rng: Rng,
}

impl SimulatedClient {
    /// A buyer who arrives at `now`.
    #[must_use]
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
            confirmed: false,
            op: Op::Order,
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

    fn new_key(&mut self) -> OrderId {
        let text = format!("order-{}-{:016x}", self.number, self.rng.u64(..));
        OrderId::parse(&text).unwrap_or_else(|_| OrderId::new_v7(shared::UnixMillis(0), [0; 10]))
    }
}

impl SimulatedWorld<'_> {
    /// A client asks, for the first time or again.
    pub(super) fn come(&mut self, c: usize) {
        let edges = self.edges.len();
        let client = &mut self.clients[c];
        if client.end.is_some() || client.waiting.is_some() {
            return;
        }
        if client.op == Op::Order && !client.unsure && self.now > client.until {
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
            call: client.call,
            op: client.op,
            id: client.id.clone(),
            key,
            buyer: client.buyer.clone(),
            quantity: Quantity::new(u64::from(client.plan.quantity)).unwrap_or(Quantity::ONE),
        };
        let (call, edge, timeout) = (client.call, client.edge, client.plan.timeout_ms);
        let leaves = client.plan.leaves.filter(|_| first);
        let doubles = client.plan.own_key && !client.takes_new_keys();
        let number = client.number;
        if let Some(id) = &request.id {
            self.judge.issue(id, &request);
        }
        self.note(|| {
            let what = super::trace::request(&request);
            format!("client {number} -> edge {edge}: {what}")
        });
        let link = Link::Clients(edge);
        let rng = &mut self.clients[c].rng;
        let copies = self.network.send(link, LinkDirection::In, doubles, rng);
        if copies.len() > 1
            && let Some(id) = &request.id
        {
            self.judge.doubled(id);
        }
        for after in copies {
            let request = Box::new(request.clone());
            self.push(after, WorldEvent::AtEdge { edge, request });
        }
        self.push(timeout * 1_000, WorldEvent::TimesOut { client: c, call });
        if let Some((after, _)) = leaves {
            self.push(after * 1_000, WorldEvent::Leaves { client: c });
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
            self.judge.abandon(id);
        }
        self.note(|| format!("client {number} has no answer"));
        self.asks_later_without_answer(c, 0);
    }

    fn asks_later_without_answer(&mut self, c: usize, away_ms: u64) {
        let client = &mut self.clients[c];
        if client.op == Op::Order && client.id.is_none() {
            return self.ends(c, End::Lost);
        }
        client.unsure |= client.op == Op::Order;
        let after = (away_ms + 100 + client.rng.u64(0..900)) * 1_000;
        self.push(after, WorldEvent::Comes { client: c });
    }

    /// The buyer goes away in the middle of a request.
    pub(super) fn leaves(&mut self, c: usize) {
        let client = &mut self.clients[c];
        if client.waiting.take().is_some() {
            if let Some(id) = &client.id {
                self.judge.abandon(id);
            }
            let (number, away) = (client.number, client.plan.leaves.map_or(0, |(_, ms)| ms));
            self.note(|| format!("client {number} hangs up"));
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
        self.clients[c].waiting = None;
        self.told(c, &answer);
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
                let (op, ms) = match (order.state, client.plan.then) {
                    (OrderState::Held, FaultAftermath::Pay(ms)) => (Op::Confirm, ms),
                    (OrderState::Held, FaultAftermath::Extend(ms)) => (Op::Extend, ms),
                    (OrderState::Held | OrderState::Confirmed, FaultAftermath::Cancel(ms)) => {
                        (Op::Cancel, ms)
                    }
                    (OrderState::Confirmed, _) => {
                        client.confirmed = true;
                        return self.ends(c, End::Served);
                    }
                    _ => return self.ends(c, End::Served),
                };
                client.op = op;
                self.push(ms * 1_000, WorldEvent::Comes { client: c });
            }
            RequestOutcome::Refused(refusal) => {
                if !refusal.may_pass_later() {
                    return self.ends(c, End::Refused(refusal.code()));
                }
                self.asks_later(c, &answer.outcome);
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
            (RequestOutcome::Trouble(_), _) => self.asks_later(c, &answer.outcome),
            (RequestOutcome::Granted(..), Op::Extend) => {
                client.op = Op::Confirm;
                self.push(20_000, WorldEvent::Comes { client: c });
            }
            (RequestOutcome::Granted(..), Op::Confirm) => {
                client.confirmed = true;
                self.ends(c, End::Served);
            }
            _ => self.ends(c, End::Served),
        }
    }

    fn asks_later(&mut self, c: usize, outcome: &RequestOutcome) {
        let now = self.wall(0);
        let client = &mut self.clients[c];
        let ms = comes_back_ms(outcome, now, client.rng.f64());
        self.push(ms * 1_000, WorldEvent::Comes { client: c });
    }

    fn ends(&mut self, c: usize, end: End) {
        let now = self.now;
        let client = &mut self.clients[c];
        client.end = Some(end);
        client.ended_at = now;
        let gave_up = end == End::GaveUp && self.judge.has_free();
        let starved = client.quiet && (end == End::Lost || gave_up);
        let number = client.number;
        self.note(|| format!("client {number}: {end:?}"));
        self.require(
            !starved || self.scenario.cuts_the_tail(),
            "a buyer gets no answer although nothing is wrong",
        );
    }
}
