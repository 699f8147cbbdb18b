//! The invariants, checked at every step, and what is counted on the way.

use super::message::{By, Op, Request, RequestOutcome, SimulatedReply};
use super::node::may_receive_hints;
use super::world::SimulatedWorld;
use shared::admission::grant::Supply;
use shared::domain::order::KeySource;
use shared::ledger_model::event_log::{Entry, Event};
use shared::limits::OPENING_PROBE_MS;
use shared::seats::{OrderLines, OrderPart, OrderSeats};
use shared::wire::problem::no_seats_code;
use shared::{BuyerId, Code, Order, OrderId, OrderState, Quantity, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// A node checks its "no" with the ledger while somebody asks: after so many microseconds it must
/// have received of a ticket that returned.
const NODE_UPDATES_WITHIN: u64 = 300_000;

/// Whoever is not asked for so many microseconds may know what is old.
const ASKED_WITHIN: u64 = 700_000;

/// Whoever asked while a sale stood still has an answer so many microseconds after it went on.
const RECOVERED: u64 = 5_000_000;

const FAULTLESS: &str = "a fault is reported although nothing is wrong";

/// A broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in microseconds after the start.
    pub at: u64,
    /// Which rule, the same words for the same rule.
    pub rule: String,
    pub seen: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events of the simulation.
    pub steps: u64,
    /// Orders in the ledger.
    pub orders: u64,
    /// Answers that a client saw.
    pub answers: u64,
    /// Of these, `outcome_unknown`.
    pub unknown: u64,
    /// Orders that the ledger lost with the tail of its file, restored or not.
    pub cut: u64,
    /// Acknowledged orders that could not be restored.
    pub lost: u64,
    /// Orders that an older, delayed sending brought in after their buyers had received "no" of the
    /// ledger.
    pub late: u64,
    pub served: u64,
    /// Runs that sold by a plan, parts of orders that went back, and lines that found no seats.
    pub plans: u64,
    pub parts: u64,
    pub no_seats: u64,
    /// Reads of acknowledged orders, and those that were told to try again.
    pub reads: u64,
    pub fenced_reads: u64,
}

/// Who asked for an order.
#[derive(Clone, Debug)]
struct Issued {
    client: usize,
    number: u64,
    buyer: BuyerId,
    quantity: Quantity,
    lines: Option<OrderLines>,
    /// The network brought a request for it twice, or brought an earlier one after the ledger's
    /// "no" was told: then what was said is not true of the other one.
    unruly: bool,
    /// Its buyer received "no".
    answered_no: bool,
    /// Somebody stopped to wait for what was sent: it may arrive at any time.
    abandoned: bool,
}

/// A client who sees an answer.
#[derive(Debug)]
pub struct Asker<'a> {
    pub client: usize,
    pub number: u64,
    /// Whether it came when nothing was disturbed.
    pub quiet: bool,
    /// Whether no earlier request of it may have been carried out.
    pub sure: bool,
    /// The order that it was granted before.
    pub granted: Option<&'a OrderId>,
    /// What it asked, of which part of that order, and the seats that the order had.
    pub change: (Op, &'a OrderPart),
    pub had: Option<&'a OrderSeats>,
}

/// What is known for judging.
#[derive(Debug, Default)]
pub struct Judge {
    pub violation: Option<Violation>,
    pub stats: Stats,
    /// Orders that the ledger lost at some time with the end of its file.
    pub lost: BTreeSet<OrderId>,
    issued: BTreeMap<OrderId, Issued>,
    bought: BTreeMap<usize, OrderId>,
    /// What nodes acknowledged: the last word on each order, with its number of the log.
    pub(super) told: BTreeMap<OrderId, (u64, Order)>,
    /// The highest of these numbers, and the order that it came with.
    number: u64,
    last: Option<OrderId>,
    /// Since when the sale does not stand still; `None` = it does.
    whole_since: Option<u64>,
    /// Whether it went on without a node that may have had more.
    pub went_without: bool,
    /// Whether the ledger lost a give-back that no node acknowledged: then the hold is valid again,
    /// and an order that was sold its tickets is listed (docs/FAILOVER.md, the bound).
    pub(super) lost_unacknowledged: bool,
    /// The version of the sale, and since when: while it stays, stock only falls.
    pub version_since: (u64, u64),
    pub(super) supply: Option<(Supply, u64)>,
    supplies: Vec<Supply>,
    /// Who said no since tickets are free: for the first time since somebody asks all the time, and
    /// for the last time.
    first_no: BTreeMap<(u8, usize), (u64, u64)>,
}

impl Judge {
    /// A node acknowledges an order, with the number of the log that came with it.
    pub fn acknowledged(&mut self, id: &OrderId, order: Order, number: u64) {
        if number >= self.number {
            self.last = (order.state != OrderState::Expired).then(|| id.clone());
        }
        self.number = self.number.max(number);
        // That a hold ended by itself is no promise: no node notes it.
        if order.state == OrderState::Expired {
            return;
        }
        let told = self.told.entry(id.clone());
        let told = told.or_insert_with(|| (number, order.clone()));
        if told.0 <= number {
            *told = (number, order);
        }
    }

    /// The order that was acknowledged last, by its number of the log.
    pub fn last_acknowledged(&self) -> Option<&OrderId> {
        self.last.as_ref()
    }

    /// The ledger lost this order, which was as `was`, with the end of its file.
    pub fn has_lost(&mut self, id: OrderId, was: &Order) {
        let told = self.told.get(&id).map(|(_, told)| told);
        let state = told.map(|told| told.state);
        // A part that went back counts as much.
        let had_more = was.seats.is_some() && told.is_some_and(|told| told.taken > was.taken);
        self.lost_unacknowledged |=
            had_more || was.state == OrderState::Cancelled && state != Some(was.state);
        self.lost.insert(id);
    }

    /// Somebody asks under this id.
    pub fn issue(&mut self, id: &OrderId, request: &Request) {
        let issued = self.issued.entry(id.clone());
        let asked_again = issued.and_modify(|issued| issued.answered_no = false);
        asked_again.or_insert_with(|| Issued {
            client: request.client,
            number: request.number,
            buyer: request.buyer.clone(),
            quantity: request.quantity,
            lines: request.lines.clone(),
            unruly: false,
            answered_no: false,
            abandoned: false,
        });
    }

    /// Nobody waits any more for what was sent under this id.
    pub fn abandon(&mut self, id: &OrderId) {
        if let Some(issued) = self.issued.get_mut(id) {
            issued.abandoned = true;
        }
    }

    pub fn has_free(&self) -> bool {
        matches!(self.supply, Some((Supply::Free, _)))
    }

    fn is_unruly(&self, id: &OrderId) -> bool {
        self.issued.get(id).is_some_and(|issued| issued.unruly)
    }

    /// The network brings a request for this order twice: what is said of the first is not true of
    /// the second.
    pub fn doubled(&mut self, id: &OrderId) {
        if let Some(issued) = self.issued.get_mut(id) {
            issued.unruly = true;
        }
    }
}

impl SimulatedWorld {
    /// Notes a broken rule unless `holds`.
    pub(super) fn require(&mut self, holds: bool, rule: &str) {
        if !holds {
            self.broken(rule, String::new());
        }
    }

    pub(super) fn broken(&mut self, rule: &str, seen: String) {
        if self.judge.violation.is_none() {
            self.note(|| format!("BROKEN: {rule} {seen}"));
            self.judge.violation = Some(Violation { at: self.now, rule: rule.to_owned(), seen });
        }
    }

    /// The ledger has changed.
    pub(super) fn committed(&mut self, entry: &Entry) {
        if entry.commit_seq <= self.judge.number {
            let seen = format!("{} after {}", entry.commit_seq, self.judge.number);
            self.broken("a number that was acknowledged is given again", seen);
        }
        if entry.version != self.judge.version_since.0 {
            self.judge.version_since = (entry.version, self.now);
        }
        for event in &entry.events {
            if entry.by_plan {
                self.judge.stats.parts += u64::from(matches!(event, Event::Reduced { .. }));
                self.seats_are_as_answered(event);
            }
            let Event::Granted { id, quantity, buyer, seats, .. } = event else {
                continue;
            };
            self.judge.stats.orders += 1;
            if let Some(issued) = self.judge.issued.get_mut(id) {
                issued.unruly |= issued.answered_no;
                self.judge.stats.late += u64::from(issued.answered_no);
            }
            let Some(issued) = self.judge.issued.get(id).cloned() else {
                self.broken("an order was asked for by nobody", id.to_string());
                continue;
            };
            let lines = seats.as_deref().map(|seats| &seats.lines);
            let as_many = issued.quantity.get() == *quantity;
            if issued.buyer != *buyer || !as_many || issued.lines.as_ref() != lines {
                self.broken("an order is not the one that was asked for", id.to_string());
            }
            if let Some(other) = self.judge.bought.insert(issued.client, id.clone())
                && other != *id
                && !issued.unruly
                && !self.judge.is_unruly(&other)
                && !self.judge.lost.contains(&other)
            {
                let number = issued.number;
                self.broken(
                    "a buyer has two orders for one intention",
                    format!("client {number}: {other} and {id}"),
                );
            }
        }
    }

    /// The sale may have begun to stand still, or to go on.
    pub(super) fn watch_recovery(&mut self) {
        if self.redis.stands_still() {
            self.judge.whole_since = None;
        } else {
            self.judge.whole_since.get_or_insert(self.now);
        }
    }

    /// Whether no recovery went on in the last seconds.
    fn has_recovered(&self) -> bool {
        let since = self.judge.whole_since;
        since.is_some_and(|since| since == 0 || self.now > since + RECOVERED)
    }

    /// Whether nothing is wrong: not any more, or not at all in this run.
    fn is_undisturbed(&self) -> bool {
        (self.setup.calm || self.now > self.setup.settled) && self.has_recovered()
    }

    /// How long a "no" from memory may hide a ticket: a second, and where few ask, each node has to
    /// be asked once before it looks.
    pub(super) fn edges_update_within(&self) -> u64 {
        1_000_000 + self.nodes.len() as u64 * 300_000 + 4_000 * self.setup.far_ms
    }

    /// What the sale offers may have changed.
    pub(super) fn watch_supply(&mut self) {
        let sale = self.redis.sale();
        let supply = Supply::of(&sale.snapshot(shared::UnixMillis(0)));
        let judge = &mut self.judge;
        if judge.supply.is_none_or(|(old, _)| old != supply) {
            judge.supply = Some((supply, self.now));
            judge.first_no.clear();
            if !judge.supplies.contains(&supply) {
                judge.supplies.push(supply);
            }
        }
    }

    /// A node or the ledger decides.
    pub(super) fn decided(&mut self, op: Op, key: KeySource, answer: &SimulatedReply) {
        match answer.by {
            By::Node(n) => self.hint(op, key, answer, (1, n), NODE_UPDATES_WITHIN),
            By::Ledger | By::Edge => {}
        }
        if matches!(answer.outcome, RequestOutcome::Trouble(_)) && self.is_undisturbed() {
            self.broken(FAULTLESS, answer.id.to_string());
        }
    }

    /// An edge decides from memory.
    pub(super) fn decided_at_edge(
        &mut self,
        iso: usize,
        op: Op,
        key: KeySource,
        answer: &SimulatedReply,
    ) {
        self.hint(op, key, answer, (0, iso), self.edges_update_within());
    }

    /// A "no" from memory has a ground, does not go to those who may have an order, and does not
    /// outlive its ground.
    fn hint(
        &mut self,
        op: Op,
        key: KeySource,
        answer: &SimulatedReply,
        who: (u8, usize),
        within: u64,
    ) {
        let RequestOutcome::Refused(refusal) = answer.outcome else {
            return;
        };
        let ground = match refusal {
            Refusal::SoldOut => Supply::SoldOut,
            Refusal::AllHeld => Supply::AllHeld,
            Refusal::NotOpen(_) => Supply::NotOpen,
            Refusal::Paused => Supply::Paused,
            Refusal::Closed => Supply::Closed,
            Refusal::Busy(_) => return,
            _ => Supply::Unknown,
        };
        let text = || format!("{} {refusal:?}", answer.id);
        // An opening that is known is looked at every three seconds.
        let within = if ground == Supply::NotOpen {
            within + self.nodes.len() as u64 * OPENING_PROBE_MS * 1_100
        } else {
            within
        };
        if op != Op::Order || !self.judge.supplies.contains(&ground) {
            return self.broken("a no from memory has no ground", text());
        }
        if !may_receive_hints(key) {
            self.broken("a repeated order hears a no from memory", text());
        }
        let settled = self.setup.settled;
        let free_since = match self.judge.supply {
            Some((Supply::Free, since)) if self.now > settled => since.max(settled),
            _ => return,
        };
        let now = self.now;
        let (first, last) = self.judge.first_no.entry(who).or_insert((now, now));
        // A node whose last look was fresh at the first "no" looks at the next one.
        if now > *last + ASKED_WITHIN.min(within) {
            *first = now;
        }
        *last = now;
        let first = *first;
        if now > first.max(free_since) + within && !self.setup.cuts_the_tail {
            self.broken("a no from memory hides a ticket that returned", text());
        }
    }

    /// A client sees an answer.
    pub(super) fn answered(&mut self, client: &Asker, answer: &SimulatedReply) {
        self.judge.stats.answers += 1;
        let Asker { number, sure, .. } = *client;
        let ordered = client.change.0 == Op::Order;
        match &answer.outcome {
            RequestOutcome::Granted(order, replayed) => {
                self.seats_are_as_named(client, order, *replayed);
                let other = client.granted.filter(|id| **id != answer.id);
                if let Some(other) = other {
                    self.broken(
                        "a buyer has two orders for one intention",
                        format!("client {number}: {other} and {}", answer.id),
                    );
                }
                let is_there = self.redis.audit().order(&answer.id);
                let same = is_there
                    .is_some_and(|own| own.buyer == order.buyer && own.asked == order.asked);
                let mine = self.judge.issued.get(&answer.id);
                let mine = mine.is_some_and(|issued| issued.client == client.client);
                if !mine || (!same && !self.judge.lost.contains(&answer.id)) {
                    self.broken(
                        "a yes is not in the ledger",
                        format!("client {number}: {}", answer.id),
                    );
                }
            }
            RequestOutcome::Trouble(Code::Corrupt) => {
                self.broken("damage is reported where there is none", answer.id.to_string());
            }
            RequestOutcome::Trouble(code) => {
                let known = *code != Code::OutcomeUnknown;
                self.judge.stats.unknown += u64::from(!known);
                let had = answer.ledger_had_it && !self.judge.is_unruly(&answer.id);
                if ordered && sure && known && had {
                    self.broken(
                        "a buyer whose order is in the ledger hears that nothing happened",
                        format!("client {number}: {}", answer.id),
                    );
                }
                if client.quiet && self.has_recovered() {
                    self.broken(FAULTLESS, format!("client {number}: {code:?}"));
                }
            }
            RequestOutcome::Refused(refusal) => self.answered_no(client, answer, *refusal),
            RequestOutcome::NoSeats(refused, held) => {
                self.judge.stats.no_seats += 1;
                // Whichever of these it is, it is final or it is not.
                let final_one = no_seats_code(&refused.refusal, *held) != Code::AllHeld;
                let refusal = if final_one { Refusal::SoldOut } else { Refusal::AllHeld };
                self.answered_no(client, answer, refusal);
            }
        }
    }

    fn answered_no(&mut self, client: &Asker, answer: &SimulatedReply, refusal: Refusal) {
        let Asker { number, sure, .. } = *client;
        let by_ledger = answer.by == By::Ledger;
        let ordered = client.change.0 == Op::Order && refusal != Refusal::KeyReused;
        // What was sent before may have come in between the ledger's "no" and now.
        if let Some(issued) = self.judge.issued.get_mut(&answer.id) {
            issued.answered_no |= by_ledger;
            issued.unruly |= by_ledger && issued.abandoned;
        }
        let had = answer.ledger_had_it && !self.judge.is_unruly(&answer.id);
        if ordered && had && (sure || !matches!(refusal, Refusal::Busy(_))) {
            self.broken(
                "a buyer whose order is in the ledger hears no",
                format!("client {number}: {} {refusal:?}", answer.id),
            );
        }
    }
}
