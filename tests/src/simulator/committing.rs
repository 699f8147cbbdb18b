//! The committer's task at a node: it carries out what [`shared::admission::batcher`] says.

use super::message::{By, RequestOutcome};
use super::node::{Busy, Purpose, Received, Waits};
use super::planted::Planted;
use super::redis::RedisAsk;
use super::world::SimulatedWorld;
use shared::admission::batcher::{self, BatchRound, Sending, Work};
use shared::ledger_model::{self, ModelCommand};
use shared::limits::BATCH_MAX;
use shared::{Fault, OrderId, Refusal, Reserve, Verdict};
use std::rc::Rc;

impl SimulatedWorld {
    /// Lets the committer go on until it waits for the ledger or for work.
    pub(super) fn pump(&mut self, n: usize) {
        let now = self.ledger_now(n);
        let drops = self.has(Planted::LeftOverDropped);
        loop {
            let Some(handle) = &mut self.nodes[n].handle else {
                return;
            };
            if handle.busy.is_some() {
                return;
            }
            let left_over = handle.rounds.take_left_over().map(Work::Order);
            let left_over = left_over.filter(|_| !drops);
            let Some(first) = left_over.or_else(|| handle.queue.pop_front()) else {
                return;
            };
            let mut round = BatchRound::default();
            let mut refused = Vec::new();
            refused.extend(handle.rounds.sort(first, &handle.hint, now, &mut round));
            while handle.rounds.has_room(&round)
                && let Some(next) = handle.queue.pop_front()
            {
                refused.extend(handle.rounds.sort(next, &handle.hint, now, &mut round));
            }
            for (waiting, refusal) in refused {
                self.refuse(n, waiting.waiter.token, refusal);
            }
            self.carry_out(n, round);
        }
    }

    pub(super) fn refuse(&mut self, n: usize, token: u64, refusal: Refusal) {
        if let Some((back, request, left)) = self.nodes[n].waiting.remove(&token) {
            left.set(true);
            self.reply(n, back, &request, RequestOutcome::Refused(refusal), By::Node(n));
        }
    }

    pub(super) fn carry_out(&mut self, n: usize, round: BatchRound<Waits, (), ()>) {
        self.require(round.batch.len() <= BATCH_MAX, "a batch is too long");
        if !round.batch.is_empty() {
            let orders = round.batch.iter().map(|waiting| waiting.order.clone());
            let orders: Vec<Reserve> = orders.collect();
            let ask = RedisAsk::Script(Rc::new(ModelCommand::Reserve(orders.clone())));
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

    pub(super) fn poll(&mut self, n: usize) {
        self.busy(n, Some(Busy::Poll));
        self.call(n, Purpose::Poll, RedisAsk::Script(Rc::new(ModelCommand::Sweep)));
    }

    pub(super) fn busy(&mut self, n: usize, busy: Option<Busy>) {
        if let Some(handle) = &mut self.nodes[n].handle {
            handle.busy = busy;
        }
    }

    pub(super) fn batch_returned(&mut self, n: usize, received: Received) {
        let fresh = self.has(Planted::NewIdsOnResend);
        let forgets = self.has(Planted::UnknownBecomesUnavailable);
        let swaps = self.has(Planted::VerdictsSwapped);
        let Some(handle) = &mut self.nodes[n].handle else {
            return;
        };
        let Some(Busy::Batch { batch, mut orders, mut sending, poll }) = handle.busy.take() else {
            return;
        };
        let Some(outcome) = sending.observed(received, &self.sale) else {
            if fresh {
                for order in &mut orders {
                    let id = format!("{}-again", order.id);
                    order.id = OrderId::parse(&id).unwrap_or_else(|_| order.id.clone());
                }
            }
            let ask = RedisAsk::Script(Rc::new(ModelCommand::Reserve(orders.clone())));
            self.busy(n, Some(Busy::Batch { batch, orders, sending, poll }));
            return self.call(n, Purpose::Batch, ask);
        };
        let outcome = match outcome {
            Err(Fault::Unknown(reason)) if forgets => Err(Fault::NotSent(reason)),
            other => other,
        };
        let verdicts = outcome.map(|(snapshot, answer)| {
            self.nodes[n].observe(&snapshot);
            let ledger_model::ModelReply::Orders(mut verdicts) = answer else {
                return Vec::new();
            };
            if swaps {
                verdicts.rotate_left(1);
            }
            verdicts
        });
        if let (Ok(verdicts), Some(handle)) = (&verdicts, &mut self.nodes[n].handle) {
            for (waiting, verdict) in batch.iter().zip(verdicts) {
                if matches!(verdict, Verdict::Granted { .. }) {
                    handle.granted.add(&waiting.order.id);
                }
            }
        }
        for (waiting, received) in batcher::answers(batch, verdicts) {
            self.report_progress(n, waiting.waiter.token, received);
        }
        if poll {
            self.poll(n);
        } else {
            self.pump(n);
        }
    }

    pub(super) fn poll_returned(&mut self, n: usize, received: Received) {
        let reply = received.map(|reply| {
            reply.map(|(snapshot, answer)| match answer {
                ledger_model::ModelReply::Swept(expired) => (snapshot, expired),
                _ => (snapshot, 0),
            })
        });
        self.busy(n, None);
        if let Ok((snapshot, more)) = batcher::swept(reply, &self.sale) {
            self.nodes[n].observe(&snapshot);
            if more {
                return self.poll(n);
            }
        }
        self.pump(n);
    }
}
