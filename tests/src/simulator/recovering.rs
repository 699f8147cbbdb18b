//! A node's part in recovery, step by step: it carries out what [`shared::recovery`] decides, as
//! `origin/node/src/healer.rs` does in production.

use super::heal_rules::{HealReport, Healed};
use super::journal::{SimulatedAck, SimulatedJournal};
use super::node::Purpose;
use super::planted::Planted;
use super::redis::{RedisAsk, RedisReply};
use super::world::{SimulatedWorld, WorldEvent};
use shared::ledger_model::ModelReply;
use shared::limits::{HEAL_KEPT_MS, HEAL_SILENCE_MS};
use shared::recovery::{
    AwaitedNodes, Duty, Mine, Next, Nodes, RecoveryLookup, RecoveryStage, Turn, View, duty, is_in,
};
use shared::{Fault, Order, OrderId, Pass};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Pause between two looks at what the others do, in microseconds.
const LOOK: u64 = 25_000;
/// Pause while the ledger does not answer, in microseconds.
const AWAY: u64 = 100_000;

/// What a node knows of the recovery that goes on, and what it does in it.
#[derive(Debug)]
pub(super) struct Healer {
    roster: AwaitedNodes,
    declared: Option<String>,
    /// When the history of the moment was seen first, in milliseconds.
    since_ms: u64,
    /// Nodes that lived at the last beat.
    pub(super) peers: BTreeSet<u16>,
    /// The journal as it was read last, and its entries then.
    reading: Option<(u64, BTreeMap<OrderId, SimulatedAck>)>,
    /// Up to this number what was lost has been restored by this process.
    restored_lost: Option<u64>,
    /// When it had, in milliseconds.
    restored_at_ms: u64,
    wanted: bool,
    behind: bool,
    item: Option<Item>,
    step: Step,
}

/// What is to be done for the sale.
#[derive(Debug)]
struct Item {
    duty: Duty,
    history: String,
    turn: Turn,
    left: Vec<(OrderId, Order)>,
    /// The last number of what earlier recoveries found lost.
    lost: u64,
}

/// What the node waits for.
#[derive(Debug)]
enum Step {
    Nothing,
    Asks,
    /// With what was known of the nodes, and what had been received before.
    Looks(Nodes, u64),
    Registers,
    Declares,
    Refreshes,
    Heals,
    /// In its turn, or after the sale went on, with the last number that was lost.
    Passes(Pass, Option<u64>),
}

impl Healer {
    pub(super) fn new(node: usize) -> Self {
        Self {
            roster: AwaitedNodes::new(Some(node as u16)),
            declared: None,
            since_ms: 0,
            peers: BTreeSet::new(),
            reading: None,
            restored_lost: None,
            restored_at_ms: 0,
            wanted: false,
            behind: false,
            item: None,
            step: Step::Nothing,
        }
    }

    /// Whether passes are being made: to begin again would take the marks of those that are made
    /// from the sale's record.
    pub(super) fn is_restoring(&self) -> bool {
        let duty = self.item.as_ref().map(|item| item.duty);
        duty == Some(Duty::Restore)
    }

    /// Whether a sale was found behind since this node looked last.
    pub(super) const fn has_missed(&self, behind: u64) -> bool {
        behind != self.roster.behind()
    }

    /// What this node has to do for the sale as it was found.
    fn take_up(
        &mut self,
        journal: &mut SimulatedJournal,
        look: &RecoveryLookup,
        received: u64,
        new: bool,
    ) {
        let stale = |reading: &(u64, _)| !look.whole && journal.entries > reading.0;
        if new || self.reading.as_ref().is_none_or(stale) {
            journal.readings += 1;
            self.reading = Some((journal.entries, journal.orders.clone()));
        }
        let orders = self.reading.iter().flat_map(|(_, orders)| orders);
        let known = look.lost.last().map_or(0, |(_, jumped)| *jumped);
        let lost_done = self.restored_lost >= Some(known);
        let noted = orders.clone().map(|(_, told)| told.0);
        let received = if look.whole { received } else { journal.received() };
        let mine = Mine {
            received,
            noted: noted.clone().max().unwrap_or(0),
            in_lost: noted.clone().any(|seq| !lost_done && is_in(&look.lost, seq)),
        };
        let duty = duty(look, mine);
        let open = |seq| !look.whole && seq > look.found;
        let lacking = orders.filter(|(_, told)| open(told.0) || is_in(&look.lost, told.0));
        let mut left: Vec<_> = lacking.filter(|_| duty != Duty::Adopt).collect();
        left.sort_by_key(|(_, told)| told.0);
        let left = left.into_iter().map(|(id, told)| (id.clone(), told.1.clone()));
        self.item = (duty != Duty::None).then(|| Item {
            duty,
            history: look.history.clone(),
            turn: Turn::default(),
            left: left.collect(),
            lost: known,
        });
    }
}

impl SimulatedWorld {
    /// The sale may lack orders: the node looks.
    pub(super) fn want(&mut self, n: usize) {
        let healer = &mut self.nodes[n].healer;
        healer.wanted = true;
        if matches!(healer.step, Step::Nothing) {
            self.recover_in(n, 0);
        }
    }

    fn recover_in(&mut self, n: usize, after: u64) {
        let life = self.nodes[n].life;
        self.push(after, WorldEvent::Recovers { node: n, life });
    }

    fn recovery(&mut self, n: usize, step: Step, ask: RedisAsk) {
        self.nodes[n].healer.step = step;
        self.call(n, Purpose::Recovery, ask);
    }

    /// Makes the next step, unless one is being made.
    pub(super) fn recovers(&mut self, n: usize, life: u64) {
        let node = &mut self.nodes[n];
        let healer = &mut node.healer;
        if node.life != life || !node.up || !matches!(healer.step, Step::Nothing) {
            return;
        }
        if std::mem::take(&mut healer.wanted) {
            return self.recovery(n, Step::Asks, RedisAsk::Recovery(None, false));
        }
        if healer.item.is_some() {
            self.refresh(n);
        }
    }

    fn refresh(&mut self, n: usize) {
        let healer = &mut self.nodes[n].healer;
        let declares = declares(n, healer.declared.as_ref());
        let behind = std::mem::take(&mut healer.behind);
        self.recovery(n, Step::Refreshes, RedisAsk::Recovery(declares, behind));
    }

    /// A call of the recovery has ended.
    pub(super) fn recovered(&mut self, n: usize, reply: Result<RedisReply, Fault>) {
        let now = self.now / 1_000;
        let healer = &mut self.nodes[n].healer;
        let step = std::mem::replace(&mut healer.step, Step::Nothing);
        match (step, reply) {
            (Step::Asks, Ok(RedisReply::Nodes(nodes))) => {
                let received = self.nodes[n].journal.received();
                self.recovery(n, Step::Looks(nodes, received), RedisAsk::Look(n as u16));
            }
            (Step::Looks(nodes, received), Ok(RedisReply::Look(look))) => {
                self.looked(n, nodes, received, &look);
            }
            (Step::Registers, Ok(RedisReply::Healed(healed))) => {
                self.receive_whole(n, &healed);
                let healer = &mut self.nodes[n].healer;
                healer.behind |= healed.fell_behind;
                if healer.item.as_ref().is_none_or(|item| item.history != healed.history) {
                    return self.want(n);
                }
                self.declare(n, healed.history);
            }
            (Step::Declares, Ok(RedisReply::Nodes(nodes))) => {
                healer.roster.declare(healer.declared.iter().cloned());
                healer.roster.receive(nodes, now);
                // A sale to be adopted is asked for all the time: one step is made before it is
                // looked up again. One to be restored is not looked up again at all.
                let adopts = healer.item.as_ref().is_some_and(|item| item.duty == Duty::Adopt);
                if adopts {
                    self.refresh(n);
                } else {
                    self.recover_in(n, 0);
                }
            }
            (Step::Refreshes, Ok(RedisReply::Nodes(nodes))) => {
                healer.roster.receive(nodes, now);
                self.go_on(n);
            }
            (Step::Heals, Ok(RedisReply::Healed(healed))) => self.healed(n, &healed),
            (Step::Passes(pass, lost), Ok(RedisReply::Done(_, ModelReply::Restored(became)))) => {
                let healer = &mut self.nodes[n].healer;
                if let Some(item) = &mut healer.item {
                    let mut became = became.into_iter();
                    let last = pass == Pass::Last;
                    item.left.retain(|_| {
                        let settled = became.next().is_some_and(|became| became.is_settled());
                        !settled && !last
                    });
                    item.turn.has_made(pass, !item.left.is_empty());
                }
                if let Some(lost) = lost {
                    healer.item = None;
                    if lost > 0 {
                        healer.restored_lost = Some(lost);
                        healer.restored_at_ms = now;
                    }
                }
                self.recover_in(n, 0);
            }
            // What was begun is begun again: each of these calls can be repeated.
            (step, _) => {
                let surveys = !matches!(step, Step::Refreshes | Step::Heals | Step::Passes(..));
                healer.wanted |= surveys;
                self.recover_in(n, AWAY);
            }
        }
    }

    fn looked(&mut self, n: usize, nodes: Nodes, received: u64, look: &RecoveryLookup) {
        let now = self.now / 1_000;
        let early = self.has(Planted::DeclaredUnregistered);
        let node = &mut self.nodes[n];
        let healer = &mut node.healer;
        if nodes.history != look.history {
            return self.want(n);
        }
        let new = healer.roster.begin(&look.history, &healer.peers, now);
        if new {
            healer.since_ms = now;
            if now.saturating_sub(healer.restored_at_ms) <= HEAL_KEPT_MS {
                healer.restored_lost = None;
            }
        }
        healer.roster.receive(nodes, now);
        healer.roster.keep(&BTreeSet::from([look.history.clone()]));
        healer.take_up(&mut node.journal, look, received, new);
        let item = healer.item.as_ref();
        let restores = item.is_some_and(|item| item.duty == Duty::Restore);
        if item.is_some() {
            let (duty, left) = item.map_or((Duty::None, 0), |item| (item.duty, item.left.len()));
            self.note(|| format!("node {n}: {duty:?} with {left} orders under {}", look.history));
        }
        if restores && !early {
            let says = self.says(n, None, Some(look.history.clone()), View::default());
            self.recovery(n, Step::Registers, says);
        } else {
            self.declare(n, look.history.clone());
        }
    }

    fn declare(&mut self, n: usize, history: String) {
        let healer = &mut self.nodes[n].healer;
        healer.declared = Some(history);
        let declares = declares(n, healer.declared.as_ref());
        let behind = std::mem::take(&mut healer.behind);
        self.recovery(n, Step::Declares, RedisAsk::Recovery(declares, behind));
    }

    fn says(&self, n: usize, made: Option<Pass>, done_in: Option<String>, view: View) -> RedisAsk {
        RedisAsk::Heal(Rc::new(HealReport {
            node: n as u16,
            made,
            done_in,
            last: self.nodes[n].journal.last,
            view,
        }))
    }

    /// Whom this node waits for.
    fn view(&self, n: usize, history: &str) -> View {
        let now = self.now / 1_000;
        let healer = &self.nodes[n].healer;
        let mut view = healer.roster.view(history, now);
        let over = now.saturating_sub(healer.since_ms) >= HEAL_SILENCE_MS;
        if over && self.has(Planted::PatienceFromTheBeginning) {
            let others = std::mem::take(&mut view.awaited).into_iter();
            let (own, others): (Vec<_>, Vec<_>) =
                others.partition(|(node, _)| usize::from(*node) == n);
            view.awaited = own;
            view.missing.extend(others);
        }
        view
    }

    /// The next step for the sale.
    fn go_on(&mut self, n: usize) {
        let Some(item) = &self.nodes[n].healer.item else {
            return;
        };
        let (history, made) = (item.history.clone(), item.turn.made());
        let view = self.view(n, &history);
        match item.duty {
            Duty::Late => {
                let lost = item.lost;
                self.pass(n, Pass::Last, Some(lost));
            }
            Duty::Restore => {
                let says = self.says(n, made, Some(history), view);
                self.recovery(n, Step::Heals, says);
            }
            Duty::Adopt | Duty::None if view.is_declared() => {
                let says = self.says(n, None, None, view);
                self.recovery(n, Step::Heals, says);
            }
            Duty::Adopt | Duty::None => self.recover_in(n, LOOK),
        }
    }

    fn pass(&mut self, n: usize, pass: Pass, lost: Option<u64>) {
        let left = self.nodes[n].healer.item.as_ref().map(|item| item.left.clone());
        let ask = RedisAsk::Restore(Rc::new(left.unwrap_or_default()), pass);
        self.recovery(n, Step::Passes(pass, lost), ask);
    }

    /// While a sale recovers, what the node received before is what it is to be again.
    fn receive_whole(&mut self, n: usize, healed: &Healed) {
        if matches!(healed.stage, RecoveryStage::Whole { .. }) {
            self.nodes[n].journal.receive(&healed.snapshot);
        }
    }

    fn healed(&mut self, n: usize, healed: &Healed) {
        self.receive_whole(n, healed);
        let skips = self.has(Planted::PassSkipped);
        let healer = &mut self.nodes[n].healer;
        healer.behind |= healed.fell_behind;
        let Some(item) = &healer.item else {
            return;
        };
        let whole = matches!(healed.stage, RecoveryStage::Whole { .. });
        if item.duty != Duty::Restore && whole {
            healer.item = None;
            return self.recover_in(n, 0);
        }
        if healed.history != item.history {
            return self.want(n);
        }
        if item.duty != Duty::Restore {
            return self.recover_in(n, LOOK);
        }
        match item.turn.next(healed.stage) {
            Next::Make(_) if skips => self.pass(n, Pass::Last, None),
            Next::Make(pass) => self.pass(n, pass, None),
            Next::Wait => self.recover_in(n, LOOK),
            Next::End => {
                let lost = healed.lost.last().map_or(0, |(_, jumped)| *jumped);
                self.pass(n, Pass::Last, Some(lost));
            }
        }
    }
}

fn declares(n: usize, history: Option<&String>) -> Option<(u16, BTreeSet<String>)> {
    history.map(|history| (n as u16, BTreeSet::from([history.clone()])))
}
