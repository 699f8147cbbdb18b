//! Redis: the ledger's rules ([`shared::ledger_model`]) behind a clock that may jump, an
//! append-only file that is written before anything is answered (`appendfsync always`), and a
//! script cache that is lost.

use super::audit::SimulatedAudit;
use super::heal_rules::{HealReport, Healed, Kept};
use super::planted::Planted;
use super::planted_seats;
use shared::UnixMillis;
use shared::ledger_model::event_log::Entry;
use shared::ledger_model::{ModelCommand, ModelReply, Sale};
use shared::limits::NODE_LIVE_MS;
use shared::recovery::{Known, Nodes, RecoveryLookup};
use shared::{Order, OrderId, Pass, Reserve, Snapshot, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What a node asks of Redis.
#[derive(Clone, Debug)]
pub enum RedisAsk {
    Script(Rc<ModelCommand>),
    /// `SCRIPT LOAD`.
    Load,
    Heartbeat(usize, u32),
    /// `recovery.lua`: what a node declares, and whether a sale was found behind.
    Recovery(Option<(u16, BTreeSet<String>)>, bool),
    /// `look.lua`
    Look(u16),
    /// `heal.lua`
    Heal(Rc<HealReport>),
    /// `order.lua`
    Order(OrderId),
    /// `restore.lua`
    Restore(Rc<Vec<(OrderId, Order)>>, Pass),
}

impl RedisAsk {
    pub fn orders(&self) -> usize {
        match self {
            Self::Script(command) => match &**command {
                ModelCommand::Reserve(batch) => batch.len(),
                _ => 0,
            },
            _ => 0,
        }
    }
}

/// One sending of one call of a node.
#[derive(Clone, Copy, Debug)]
pub struct CallId {
    pub node: usize,
    pub call: u64,
    pub sent: u32,
}

#[derive(Clone, Debug)]
pub struct RedisCall {
    pub id: CallId,
    /// The life of Redis that the node was connected to.
    pub life: u64,
    /// The highest number of the log that the node had received.
    pub received: u64,
    pub ask: RedisAsk,
}

#[derive(Clone, Debug)]
pub enum RedisReply {
    Done(Snapshot, ModelReply),
    Loaded,
    /// The sum of the weights of live nodes, who they are, and how often a sale was found behind.
    Live(u32, BTreeSet<u16>, u64),
    Nodes(Nodes),
    Look(RecoveryLookup),
    Healed(Healed),
    /// Whether the order is there.
    Order(bool),
    /// The sale stands still and nothing happened: the fence.
    Fenced,
    /// How a sale stands that stands still.
    Still(Snapshot),
    /// `NOSCRIPT`: nothing happened.
    NoScript,
    /// `LOADING`: nothing happened.
    Loading,
}

/// When a planted fault may touch the sale.
#[derive(Clone, Copy, Debug)]
pub enum RedisMoment<'a> {
    Before,
    /// After it ran; with what it wrote into the log.
    After(Option<&'a Entry>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedisHealth {
    Up,
    Loading,
    Down,
}

/// The server and its one sale.
#[derive(Debug)]
pub struct Redis {
    /// Whether it answers.
    pub health: RedisHealth,
    /// Until when it does nothing, in microseconds of the simulation.
    pub busy_until: u64,
    /// Jumps of its clock so far, in milliseconds.
    pub clock_ms: i64,
    /// Whether that was ever less than before.
    pub clock_was_set_back: bool,
    /// Rises when it is started anew: connections to an earlier one are gone.
    pub life: u64,
    sale: Sale,
    kept: Kept,
    /// The append-only file: each write with its entry of the log, if there is one, and what was
    /// kept after it.
    file: Vec<(Option<Entry>, Kept)>,
    audit: SimulatedAudit,
    /// Writes that are in the file for sure.
    durable: usize,
    has_scripts: bool,
    pub batches: u64,
    beats: BTreeMap<usize, (u32, UnixMillis)>,
}

impl Redis {
    /// A server with a new sale, and nodes with these weights that have lived before it.
    pub fn new(sale: Sale, first: Entry, weights: &[u32]) -> Result<Self, String> {
        let mut audit = SimulatedAudit::default();
        audit.read(&first)?;
        let at = first.at;
        Ok(Self {
            health: RedisHealth::Up,
            busy_until: 0,
            clock_ms: 0,
            clock_was_set_back: false,
            life: 1,
            sale,
            file: vec![(Some(first), Kept::new(history(1)))],
            kept: Kept::new(history(1)),
            audit,
            durable: 1,
            has_scripts: false,
            batches: 0,
            beats: weights.iter().map(|weight| (*weight, at)).enumerate().collect(),
        })
    }

    pub const fn sale(&self) -> &Sale {
        &self.sale
    }

    /// The sale as its log tells it.
    pub const fn audit(&self) -> &SimulatedAudit {
        &self.audit
    }

    /// Whether the sale may lack acknowledged orders.
    pub fn stands_still(&self) -> bool {
        self.kept.is_healing(&self.sale, &history(self.life), 0)
    }

    /// Acknowledged orders that could not be restored.
    pub const fn unrestored(&self) -> &BTreeSet<OrderId> {
        &self.kept.unrestored
    }

    /// Carries out one call of somebody who has received entry `received`; `alter` is for planted
    /// faults and sees the sale before and after. Answers with the entry of the log, if there is
    /// one.
    pub fn run(
        &mut self,
        (ask, received): (&RedisAsk, u64),
        now: UnixMillis,
        planted: Option<Planted>,
        alter: impl FnMut(&mut Sale, RedisMoment<'_>),
    ) -> Result<(RedisReply, Option<Entry>), String> {
        if self.health == RedisHealth::Loading {
            return Ok((RedisReply::Loading, None));
        }
        let history = history(self.life);
        let (reply, entry) = match ask {
            RedisAsk::Load => {
                self.has_scripts = true;
                (RedisReply::Loaded, None)
            }
            RedisAsk::Heartbeat(node, weight) => (self.heartbeat(*node, *weight, now), None),
            RedisAsk::Script(_) if !self.has_scripts => (RedisReply::NoScript, None),
            RedisAsk::Script(command) => {
                let open = planted == Some(Planted::FenceIsOpen);
                if !open && self.kept.is_healing(&self.sale, &history, received) {
                    let still = RedisReply::Still(self.sale.snapshot(now));
                    let looks = matches!(**command, ModelCommand::Sweep);
                    return Ok((if looks { still } else { RedisReply::Fenced }, None));
                }
                self.script(command, now, planted, alter)
            }
            RedisAsk::Recovery(declares, behind) => {
                if let Some((node, histories)) = declares {
                    self.kept.declared.insert(*node, histories.clone());
                }
                self.kept.behind += u64::from(*behind);
                (RedisReply::Nodes(self.nodes(now)), None)
            }
            RedisAsk::Look(node) => {
                (RedisReply::Look(self.kept.lookup(&self.sale, &history, *node)), None)
            }
            RedisAsk::Heal(says) => {
                let sale = &mut self.sale;
                let log = self.file.iter().filter_map(|(entry, _)| entry.as_ref());
                let has_entry = |number| log.clone().any(|entry| entry.commit_seq == number);
                let (healed, entry) =
                    self.kept.heal(sale, says, &history, (now, has_entry), planted);
                (RedisReply::Healed(healed), entry)
            }
            RedisAsk::Order(id) => {
                let open = planted == Some(Planted::ReadPassesTheFence);
                if !open && self.kept.is_healing(&self.sale, &history, received) {
                    return Ok((RedisReply::Fenced, None));
                }
                (RedisReply::Order(self.sale.orders.contains_key(id)), None)
            }
            RedisAsk::Restore(_, _) if self.kept.is_unregistered(&self.sale, &history) => {
                (RedisReply::Fenced, None)
            }
            RedisAsk::Restore(orders, pass) => self.restore(orders, *pass, now, planted),
        };
        self.write(entry.as_ref(), batch(ask, &reply))?;
        Ok((reply, entry))
    }

    fn script(
        &mut self,
        command: &ModelCommand,
        now: UnixMillis,
        planted: Option<Planted>,
        mut alter: impl FnMut(&mut Sale, RedisMoment<'_>),
    ) -> (RedisReply, Option<Entry>) {
        self.batches += u64::from(matches!(command, ModelCommand::Reserve(_)));
        alter(&mut self.sale, RedisMoment::Before);
        let (mut answer, entry) = self.sale.apply(command, now);
        alter(&mut self.sale, RedisMoment::After(entry.as_ref()));
        if planted == Some(Planted::HeldIsSoldOut) {
            planted_seats::hold_nothing(&mut answer);
        }
        (RedisReply::Done(self.sale.snapshot(now), answer), entry)
    }

    fn restore(
        &mut self,
        orders: &[(OrderId, Order)],
        pass: Pass,
        now: UnixMillis,
        planted: Option<Planted>,
    ) -> (RedisReply, Option<Entry>) {
        let mut acked = orders.to_vec();
        if planted == Some(Planted::OtherSeatsRestored) {
            planted_seats::move_seats(&self.sale, &mut acked);
        }
        let command = ModelCommand::Restore(acked, pass);
        let (answer, mut entry) = self.sale.apply(&command, now);
        if let Some(entry) = &mut entry {
            self.kept.skip_before(&mut self.sale, entry, &history(self.life), planted);
        }
        if let ModelReply::Restored(became) = &answer {
            for ((id, _), became) in orders.iter().zip(became) {
                if became.is_settled() {
                    self.kept.unrestored.remove(id);
                } else if pass == Pass::Last {
                    self.kept.unrestored.insert(id.clone());
                }
            }
        }
        (RedisReply::Done(self.sale.snapshot(now), answer), entry)
    }

    fn write(
        &mut self,
        entry: Option<&Entry>,
        batch: Option<(&[Reserve], &[Verdict])>,
    ) -> Result<(), String> {
        match (entry, batch) {
            (entry, Some((batch, verdicts))) => self.audit.read_batch(entry, batch, verdicts)?,
            (Some(entry), None) => self.audit.read(entry)?,
            (None, None) => {}
        }
        let last = self.file.last();
        if entry.is_some() || last.is_none_or(|(_, kept)| *kept != self.kept) {
            self.file.push((entry.cloned(), self.kept.clone()));
        }
        self.audit.compare(&self.sale)
    }

    fn nodes(&self, now: UnixMillis) -> Nodes {
        let known = self.beats.iter().map(|(node, (weight, beat))| {
            let node = *node as u16;
            let declared = self.kept.declared.get(&node).cloned();
            let (weight, beat) = (*weight, *beat);
            let declared = declared.unwrap_or_default();
            (node, Known { weight, beat, declared })
        });
        Nodes {
            at: now,
            known: known.collect(),
            behind: self.kept.behind,
            history: history(self.life),
        }
    }

    fn heartbeat(&mut self, node: usize, weight: u32, now: UnixMillis) -> RedisReply {
        self.beats.insert(node, (weight, now));
        let live = |at: UnixMillis| now.since(at) < NODE_LIVE_MS && at <= now;
        let live = self.beats.iter().filter(|(_, (_, at))| live(*at));
        let (nodes, weights): (BTreeSet<u16>, Vec<u32>) =
            live.map(|(node, (weight, _))| (*node as u16, *weight)).unzip();
        RedisReply::Live(weights.iter().sum(), nodes, self.kept.behind)
    }

    /// `SCRIPT FLUSH`.
    pub const fn forget_scripts(&mut self) {
        self.has_scripts = false;
    }

    /// A program of the operators brings the scripts with it.
    pub const fn run_scripts_of_operators(&mut self) {
        self.has_scripts = true;
    }

    /// The file is written: what was decided so far survives.
    pub const fn fsync(&mut self) {
        self.durable = self.file.len();
    }

    /// Killed. What was not written is gone, and so are the last `cut` writes of the file. Beats
    /// come each second: those of before are taken to be in the file.
    pub fn crash(&mut self, cut: usize) {
        self.health = RedisHealth::Down;
        self.durable = self.durable.saturating_sub(cut).max(1);
        self.has_scripts = false;
        self.life += 1;
    }

    /// Started again, it begins to read its file.
    pub fn load(&mut self) {
        if self.health == RedisHealth::Down {
            self.health = RedisHealth::Loading;
        }
    }

    /// The file is read. Answers with the orders that the ledger had and has no more, or has as
    /// they were before; each as it was. It writes a new history, so that nothing is sold before
    /// the nodes have restored what they acknowledged.
    pub fn restart(&mut self) -> Result<Vec<(OrderId, Order)>, String> {
        self.file.truncate(self.durable);
        let entries = self.file.iter().filter_map(|(entry, _)| entry.as_ref());
        let audit = SimulatedAudit::of(entries)?;
        let kept = self.file.last().map(|(_, kept)| kept.clone());
        self.kept = kept.ok_or("the file is empty")?;
        let was = self.audit.orders();
        let gone = was.filter(|(id, order)| audit.order(id) != Some(*order));
        let mut gone: Vec<_> = gone.map(|(id, order)| (id.clone(), order.clone())).collect();
        gone.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.sale = audit.rebuild();
        self.audit = audit;
        self.health = RedisHealth::Up;
        Ok(gone)
    }
}

/// The orders of a batch, and what each was told.
fn batch<'a>(ask: &'a RedisAsk, reply: &'a RedisReply) -> Option<(&'a [Reserve], &'a [Verdict])> {
    match (ask, reply) {
        (RedisAsk::Script(command), RedisReply::Done(_, ModelReply::Orders(verdicts))) => {
            let ModelCommand::Reserve(batch) = &**command else { return None };
            Some((batch, verdicts))
        }
        _ => None,
    }
}

/// The history that Redis writes in its `life`.
fn history(life: u64) -> String {
    format!("history-{life}")
}
