//! What happens at Redis: calls that arrive, the file that is written before they are answered, its
//! end and its new beginning, and what operators ask of it.

use super::network::{Link, LinkDirection};
use super::planted::Planted;
use super::planted_seats;
use super::redis::{CallId, RedisAsk, RedisCall, RedisHealth, RedisMoment, RedisReply};
use super::world::{SimulatedWorld, WorldEvent};
use shared::Fault as LedgerFault;
use shared::OrderId;
use shared::ledger_model::event_log::Event as Logged;
use shared::ledger_model::{ModelCommand, Sale};
use std::rc::Rc;

impl SimulatedWorld {
    pub(super) fn at_redis(&mut self, call: Box<RedisCall>) {
        let (id, node) = (call.id, call.id.node);
        if self.redis.life != call.life || self.redis.health == RedisHealth::Down {
            if self.network.passes(Link::NodeRedis(node), LinkDirection::Out) {
                self.resets(id);
            }
            return;
        }
        if self.now < self.redis.busy_until {
            let after = self.redis.busy_until - self.now;
            return self.push(after, WorldEvent::AtRedis(call));
        }
        let (reply, changed) = self.execute(&call.ask, call.received);
        if changed || !is_routine(&call.ask) {
            self.note(|| format!("redis, node {node}: {}", text_of(&call.ask, &reply)));
        }
        let after = match self.setup.redis_call_us {
            Some((call_us, order_us)) => call_us + order_us * call.ask.orders() as u64,
            None if changed => self.stream(&[6, node as u64, self.now]).u64(50..1_000),
            None => 10,
        };
        self.redis.busy_until = self.redis.busy_until.max(self.now + after);
        let reply = Box::new(reply);
        self.push(after, WorldEvent::Written { call: id, life: call.life, reply });
    }

    /// The connection of a call broke.
    fn resets(&mut self, call: CallId) {
        let reply = Box::new(Err(LedgerFault::Unknown("reset".into())));
        self.push(100, WorldEvent::CallEnds { call, reply });
    }

    /// Runs a call; says whether the log has grown.
    fn execute(&mut self, ask: &RedisAsk, received: u64) -> (RedisReply, bool) {
        let now = self.wall(self.redis.clock_ms);
        let planted = self.planted;
        let renamed = match ask {
            RedisAsk::Script(command) if planted == Some(Planted::ReplayNotRecognised) => {
                renamed(command, self.redis.sale())
            }
            _ => None,
        };
        let ask = renamed.as_ref().unwrap_or(ask);
        let done = self.redis.run((ask, received), now, planted, |sale, moment| {
            alter(planted, sale, moment);
        });
        match done {
            Ok((reply, entry)) => {
                if let RedisReply::Healed(healed) = &reply {
                    self.judge.went_without |= healed.without_all;
                }
                self.watch_recovery();
                if let Some(entry) = &entry {
                    self.committed(entry);
                }
                self.watch_supply();
                (reply, entry.is_some())
            }
            Err(seen) => {
                self.broken("the ledger breaks a rule", seen);
                (RedisReply::Loading, false)
            }
        }
    }

    /// What was decided is in the file; now it is answered.
    pub(super) fn written(&mut self, call: CallId, life: u64, reply: &RedisReply) {
        if self.redis.life != life {
            return;
        }
        self.redis.fsync();
        let mut rng = self.stream(&[7, call.node as u64, self.now]);
        let link = Link::NodeRedis(call.node);
        for after in self.network.send(link, LinkDirection::Out, false, &mut rng) {
            let reply = Box::new(Ok(reply.clone()));
            let after = after + self.nodes[call.node].slow_us;
            self.push(after, WorldEvent::CallEnds { call, reply });
        }
    }

    pub(super) fn crash_redis(&mut self, cut: usize) {
        if self.redis.health == RedisHealth::Down {
            return;
        }
        self.redis.crash(cut);
        self.redis.busy_until = self.now;
        for node in 0..self.nodes.len() {
            if !self.network.passes(Link::NodeRedis(node), LinkDirection::Out) {
                continue;
            }
            let calls: Vec<_> = self.nodes[node].calls().collect();
            for (call, sent) in calls {
                self.resets(CallId { node, call, sent });
            }
        }
    }

    pub(super) fn restart_redis(&mut self) {
        if self.redis.health == RedisHealth::Up {
            return;
        }
        match self.redis.restart() {
            Ok(gone) => {
                let cut = self.setup.cuts_the_tail;
                for (id, was) in gone {
                    self.note(|| format!("redis has no order {id} any more"));
                    if cut {
                        self.judge.has_lost(id, &was);
                    }
                }
            }
            Err(seen) => self.broken("the ledger breaks a rule", seen),
        }
        self.watch_supply();
        self.watch_recovery();
        self.read_last();
    }

    /// Every node that can reads the order that was acknowledged last: the first one that a lost
    /// end takes away. By a connection of its own, so that nothing else comes later by it.
    pub(super) fn read_last(&mut self) {
        let Some(id) = self.judge.last_acknowledged().cloned() else {
            return;
        };
        for n in 0..self.nodes.len() {
            let node = &self.nodes[n];
            let link = Link::NodeRedis(n);
            let reaches = self.network.passes(link, LinkDirection::In)
                && self.network.passes(link, LinkDirection::Out);
            if self.redis.health != RedisHealth::Up || !node.up || !reaches {
                continue;
            }
            let ask = RedisAsk::Order(id.clone());
            let now = self.wall(self.redis.clock_ms);
            let received = (&ask, node.journal.received());
            match self.redis.run(received, now, self.planted, |_, _| {}) {
                Ok((reply, _)) => self.was_read(&id, &reply),
                Err(seen) => self.broken("the ledger breaks a rule", seen),
            }
        }
    }

    /// An operator's change that no node has in its journal, as of a program that writes by itself.
    pub(super) fn operate(&mut self, command: ModelCommand) {
        self.redis.run_scripts_of_operators();
        self.execute(&RedisAsk::Script(Rc::new(command)), 0);
        self.redis.fsync();
    }
}

/// What a planted fault does to the ledger.
fn alter(planted: Option<Planted>, sale: &mut Sale, moment: RedisMoment<'_>) {
    match (planted, moment) {
        (Some(Planted::OneTooMany), RedisMoment::Before) => sale.capacity += 1,
        (Some(Planted::OneTooMany), RedisMoment::After(_)) => sale.capacity -= 1,
        (Some(Planted::ExpiryKeepsTickets), RedisMoment::After(Some(entry))) => {
            let expired = |event: &Logged| matches!(event, Logged::Expired(_));
            let kept = entry.events.iter().filter(|event| expired(event));
            sale.held += kept.count() as u32;
        }
        (Some(Planted::OneLegTooManyFreed), RedisMoment::After(Some(entry))) => {
            planted_seats::free_one_leg_more(sale, entry);
        }
        _ => {}
    }
}

/// The same batch with other ids for the orders that the ledger has.
fn renamed(command: &ModelCommand, sale: &Sale) -> Option<RedisAsk> {
    let ModelCommand::Reserve(batch) = command else {
        return None;
    };
    let mut batch = batch.clone();
    for order in &mut batch {
        if sale.orders.contains_key(&order.id) {
            order.id = OrderId::parse(&format!("{}-new", order.id)).ok()?;
        }
    }
    Some(RedisAsk::Script(Rc::new(ModelCommand::Reserve(batch))))
}

/// Whether a call is one of those that nodes make all the time.
fn is_routine(ask: &RedisAsk) -> bool {
    match ask {
        RedisAsk::Heal(_) | RedisAsk::Restore(..) => false,
        RedisAsk::Heartbeat(..)
        | RedisAsk::Load
        | RedisAsk::Recovery(..)
        | RedisAsk::Look(_)
        | RedisAsk::Order(_) => true,
        RedisAsk::Script(command) => matches!(**command, ModelCommand::Sweep),
    }
}

fn text_of(ask: &RedisAsk, reply: &RedisReply) -> String {
    let asked = match ask {
        RedisAsk::Script(command) => match &**command {
            ModelCommand::Reserve(batch) => {
                let ids: Vec<_> = batch.iter().map(|order| order.id.as_str()).collect();
                format!("reserve {}", ids.join(" "))
            }
            ModelCommand::Sweep => "sweep".to_owned(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    };
    match reply {
        RedisReply::Done(snapshot, _) => format!(
            "{asked}; then {} free, {} held, version {}, {}",
            snapshot.free(),
            snapshot.held,
            snapshot.version,
            snapshot.state
        ),
        other => format!("{asked}; {other:?}"),
    }
}
