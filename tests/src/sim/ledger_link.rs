//! A node's way to Redis: it connects, sends, waits for a second, and loads the scripts where they are lost.

use super::message::By;
use super::node::{Call, Heard, Purpose, Step};
use super::redis::{Ask, Health, Reply};
use super::scenario::{Link, Way};
use super::world::{Event, World};
use shared::Fault;
use shared::limits::LEDGER_DEADLINE_MS;
use shared::model;

impl World<'_> {
    /// Begins a call of the ledger.
    pub(super) fn call(&mut self, n: usize, purpose: Purpose, ask: Ask) {
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

    pub(super) fn transmit(&mut self, n: usize, number: u64) {
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

    pub(super) fn returned(&mut self, n: usize, purpose: Purpose, heard: Heard) {
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
}
