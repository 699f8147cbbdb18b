//! A node's way to Redis: it connects, sends, waits for a second, and loads the scripts where they
//! are lost.

use super::journal::acknowledges;
use super::message::By;
use super::network::{Link, LinkDirection};
use super::node::{Call, Purpose, Received, Step};
use super::planted::Planted;
use super::redis::{CallId, RedisAsk, RedisCall, RedisHealth, RedisReply};
use super::world::{SimulatedWorld, WorldEvent};
use shared::ledger_model::{self, ModelCommand};
use shared::limits::LEDGER_DEADLINE_MS;
use shared::{Fault, Order, OrderId, Verdict};

impl SimulatedWorld {
    /// Begins a call of the ledger.
    pub(super) fn call(&mut self, n: usize, purpose: Purpose, ask: RedisAsk) {
        let number = self.number();
        let call = Call {
            purpose,
            ask,
            step: Step::First,
            sent: 0,
            reading: self.nodes[n].journal.readings,
        };
        self.nodes[n].calls.insert(number, call);
        self.transmit(n, number);
    }

    pub(super) fn transmit(&mut self, n: usize, number: u64) {
        let link = Link::NodeRedis(n);
        let passes = self.network.passes(link, LinkDirection::In)
            && self.network.passes(link, LinkDirection::Out);
        let (health, life) = (self.redis.health, self.redis.life);
        let node = &mut self.nodes[n];
        let Some(call) = node.calls.get_mut(&number) else {
            return;
        };
        call.sent += 1;
        let (sent, deadline) = (call.sent, LEDGER_DEADLINE_MS * 1_000);
        let ask = if call.step == Step::Load { RedisAsk::Load } else { call.ask.clone() };
        let id = CallId { node: n, call: number, sent };
        let ended = |fault| WorldEvent::CallEnds { call: id, reply: Box::new(Err(fault)) };
        if !node.joined && matches!(call.purpose, Purpose::Batch | Purpose::Change(..)) {
            return self.push(0, ended(Fault::NotSent("no heartbeat yet".into())));
        }
        let received = node.journal.received();
        let mut connecting = node.slow_us;
        let mut found_another = false;
        if node.connected != life {
            connecting += self.network.delay(link, &mut node.rng) * 2;
            if !passes {
                return self.push(deadline, ended(Fault::NotSent("no connection".into())));
            }
            if health == RedisHealth::Down {
                return self.push(connecting, ended(Fault::NotSent("refused".into())));
            }
            found_another = node.server != life;
            node.server = life;
            node.connected = life;
        }
        for after in self.network.send(link, LinkDirection::In, false, &mut node.rng) {
            let call = RedisCall { id, life, received, ask: ask.clone() };
            self.push(connecting + after, WorldEvent::AtRedis(Box::new(call)));
        }
        self.push(connecting + deadline, ended(Fault::Unknown("no answer".into())));
        // Nobody waits for a call to notice that Redis was started again.
        if found_another {
            self.want(n);
        }
    }

    /// A call of the ledger has ended: with a reply, or without one.
    pub(super) fn call_ends(
        &mut self,
        CallId { node: n, call: number, sent }: CallId,
        reply: Result<RedisReply, Fault>,
    ) {
        let node = &mut self.nodes[n];
        let Some(call) = node.calls.get_mut(&number).filter(|call| call.sent == sent) else {
            return;
        };
        if matches!(reply, Err(Fault::Unknown(_))) {
            node.connected = 0;
        }
        if matches!(call.purpose, Purpose::Recovery) {
            node.calls.remove(&number);
            return self.recovered(n, reply);
        }
        let anew = self.planted == Some(Planted::BegunAnewByEachRequest);
        let node = &mut self.nodes[n];
        let Some(call) = node.calls.get_mut(&number) else {
            return;
        };
        let fenced_wants = anew || !node.healer.is_restoring();
        let mut wants = false;
        let mut still = false;
        let received: Received = match (call.step, reply) {
            (Step::First, Ok(RedisReply::NoScript)) => {
                call.step = Step::Load;
                return self.transmit(n, number);
            }
            (Step::Load, Ok(RedisReply::Loaded)) => {
                call.step = Step::Again;
                return self.transmit(n, number);
            }
            // Loading changes no ticket, so whatever goes wrong here, nothing happened.
            (Step::Load, _) => Err(Fault::NotSent("not loaded".into())),
            (_, Ok(RedisReply::Done(snapshot, answer))) => Ok(Some((snapshot, answer))),
            (_, Ok(RedisReply::Live(weight, nodes, behind))) => {
                node.live_weight = weight;
                node.joined = true;
                node.healer.peers = nodes;
                wants = node.healer.has_missed(behind);
                Ok(None)
            }
            (_, Ok(RedisReply::Fenced)) => {
                wants = fenced_wants;
                Err(Fault::NotSent("the sale stands still".into()))
            }
            (_, Ok(RedisReply::Still(snapshot))) => {
                wants = fenced_wants;
                still = true;
                Ok(Some((snapshot, ledger_model::ModelReply::Swept(0))))
            }
            (_, Ok(_)) => Err(Fault::NotSent("turned away".into())),
            (_, Err(fault)) => Err(fault),
        };
        let Some(call) = node.calls.remove(&number) else {
            return;
        };
        if let Ok(Some((snapshot, _))) = &received {
            let wall = self.node_wall(n);
            self.nodes[n].ahead_ms = snapshot.at.0 as i64 - wall.0 as i64;
        }
        if wants {
            self.want(n);
        }
        // What the node received before is what the sale is to be again.
        let received = if still { received } else { self.acknowledged(n, &call, received) };
        self.returned(n, call.purpose, received);
    }

    /// Notes what an answer acknowledges, before anybody is told.
    fn acknowledged(&mut self, n: usize, call: &Call, received: Received) -> Received {
        let (snapshot, answer) = match received {
            Ok(Some(received)) => received,
            other => return other,
        };
        let takes_late = self.has(Planted::LateAnswerAcknowledged);
        let journal = &mut self.nodes[n].journal;
        journal.receive(&snapshot);
        let told = acknowledged_by(&call.ask, &answer);
        if told.is_empty() && !matches!(call.purpose, Purpose::Batch | Purpose::Change(..)) {
            return Ok(Some((snapshot, answer)));
        }
        if journal.readings != call.reading && !takes_late {
            return Err(Fault::Unknown("Redis was replaced while it was asked".into()));
        }
        for (id, order) in &told {
            journal.note(id, order, &snapshot);
        }
        for (id, order) in told {
            self.has_seats_as_answered(&id, &order);
            self.judge.acknowledged(&id, order, snapshot.commit_seq);
        }
        Ok(Some((snapshot, answer)))
    }

    pub(super) fn returned(&mut self, n: usize, purpose: Purpose, received: Received) {
        match purpose {
            Purpose::Heartbeat | Purpose::Recovery => {}
            Purpose::Batch => self.batch_returned(n, received),
            Purpose::Poll => self.poll_returned(n, received),
            Purpose::Open => {
                if let Ok(Some((snapshot, _))) = received {
                    self.open_sale_handle(n, &snapshot);
                }
            }
            Purpose::Lookup(back, request) => match received {
                Ok(Some((snapshot, _))) => {
                    self.open_sale_handle(n, &snapshot);
                    self.place(n, back, &request);
                }
                Ok(None) => {}
                Err(fault) => {
                    let outcome = self.outcome(Err(fault));
                    self.reply(n, back, &request, outcome, By::Ledger);
                }
            },
            Purpose::Change(back, request) => {
                let verdict = match received {
                    Ok(Some((snapshot, ledger_model::ModelReply::Order(verdict)))) => {
                        self.observe_change(n, &snapshot);
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
}

/// The orders that an answer acknowledges.
fn acknowledged_by(ask: &RedisAsk, answer: &ledger_model::ModelReply) -> Vec<(OrderId, Order)> {
    let RedisAsk::Script(command) = ask else {
        return Vec::new();
    };
    let granted = |id: &OrderId, verdict: &Verdict| match verdict {
        Verdict::Granted { order, .. } if acknowledges(order) => Some((id.clone(), order.clone())),
        Verdict::Granted { .. } | Verdict::Refused(_) | Verdict::NoSeats { .. } => None,
    };
    match (&**command, answer) {
        (ModelCommand::Reserve(batch), ledger_model::ModelReply::Orders(verdicts)) => {
            let each = batch.iter().zip(verdicts);
            each.filter_map(|(order, verdict)| granted(&order.id, verdict)).collect()
        }
        (
            ModelCommand::Confirm(id, ..) | ModelCommand::Cancel(id, ..) | ModelCommand::Extend(id),
            ledger_model::ModelReply::Order(verdict),
        ) => granted(id, verdict).into_iter().collect(),
        _ => Vec::new(),
    }
}
