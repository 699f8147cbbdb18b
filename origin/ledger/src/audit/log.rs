//! Audit of the event log: reads entries whatever they contain.

use super::super::{Fault, Ledger, redis_keys, reply};
use super::found::{FindingKind, Found};
use super::sale_read::{bytes, shown};
use redis::Value;
use shared::domain::sale::Terms;
use shared::ledger_model::event_log::{Entry, Event};
use shared::ledger_model::order_book::OrderBook;
use shared::plan::Plan;
use shared::seats::{SeatBook, SeatClaim};
use shared::{Order, OrderId, SaleId, SaleState};
use std::collections::HashMap;
use std::sync::Arc;

/// Log entries that one page reads; each may hold the events of a batch of 1,024 orders.
const PAGE: usize = 16;
/// Entries that are no entries, or follow none, and are kept by name; with more no repair is
/// planned.
pub(super) const BAD_MAX: usize = 1_000;

/// An item of the stream.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its id as Redis has it.
    pub id: String,
    /// The position that the id says, `N` of `N-0`.
    pub seq: Option<u64>,
    /// What it says, where lastseat can have written it.
    pub entry: Option<Entry>,
}

impl Ledger {
    /// Items after `after` (exclusive; empty = from the first one), at most 16.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) async fn log_items(&self, sale: &SaleId, after: &str) -> Result<Vec<Item>, Fault> {
        let [.., key] = redis_keys::of_sale(sale);
        let from = match after {
            "" => "-".to_owned(),
            after => format!("({after}"),
        };
        let mut command = redis::cmd("XRANGE");
        command.arg(key).arg(from).arg("+").arg("COUNT").arg(PAGE);
        let answer = self.call(&command).await?;
        let Value::Array(items) = &answer else {
            return Err(reply::strange("a log", &answer));
        };
        items
            .iter()
            .map(|item| read(item).ok_or_else(|| reply::strange("a log entry", item)))
            .collect()
    }
}

fn read(item: &Value) -> Option<Item> {
    let Value::Array(parts) = item else {
        return None;
    };
    let id = reply::text(parts.first()?).ok()?.to_owned();
    let seq = id.strip_suffix("-0").and_then(|seq| seq.parse().ok());
    let text = match parts.get(1) {
        Some(Value::Array(fields)) => match fields.as_slice() {
            [name, text] if bytes(name) == Some(b"e") => bytes(text),
            _ => None,
        },
        _ => None,
    };
    let entry =
        seq.zip(text).and_then(|(seq, text)| Entry::parse(seq, std::str::from_utf8(text).ok()?));
    Some(Item { id, seq, entry })
}

/// An order before the entries that are ahead of the sale.
#[derive(Clone, Debug)]
pub(super) struct Before {
    /// What its record was.
    pub record: Option<Order>,
    /// What the log said of it.
    pub logged: Option<Order>,
    /// Whether the first of these entries that names it granted it.
    pub granted: bool,
}

/// What the log says, as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    /// The id of the last item that was read.
    pub cursor: String,
    /// The position of the first readable entry and of the last one.
    pub from: Option<u64>,
    /// See `from`.
    pub last: Option<u64>,
    /// Whether the first entry says that those before it were lost.
    pub begins_healed: bool,
    /// Orders whose whole life it has.
    pub orders: OrderBook,
    /// Whether it has the life of the sale from its creation, and nothing is missing or unreadable
    /// in it.
    pub whole: bool,
    /// The last position at which something is missing or unreadable in it.
    pub broken_at: Option<u64>,
    /// Ids of items that stand where no entry can, the first 1,000.
    pub foreign: Vec<String>,
    /// How many items are foreign.
    pub bad: usize,
    /// Positions of entries after the sale's `commit_seq`, with their events as text.
    pub ahead: Vec<(u64, String)>,
    /// The orders that these change, as they were before.
    pub before_ahead: HashMap<OrderId, Before>,
    /// What the entries up to `commit_seq` say of the sale, and what all of them say.
    pub settled: Says,
    /// See `settled`.
    pub says: Says,
    /// Tickets that orders have after the last entry; counted while `whole`.
    taken: u64,
    /// Their seats, in a sale with a plan; counted while `whole`.
    book: Option<SeatBook>,
    oversold: bool,
}

/// What the log says of the sale itself.
#[derive(Clone, Debug, Default)]
pub(super) struct Says {
    pub capacity: Option<u32>,
    pub state: Option<SaleState>,
    pub terms: Option<Terms>,
    pub version: u64,
    /// What it sells, if it has a plan.
    pub plan: Option<Arc<Plan>>,
}

/// What the next item of a log means where the one before is known.
enum Place {
    /// An entry where it should be.
    Follows(Entry),
    /// An entry, with others missing before it.
    Gap(Entry),
    /// No entry.
    None,
}

impl Log {
    /// The position of the last entry that counts; 0 where there is none.
    pub(super) fn position(&self) -> u64 {
        self.last.unwrap_or(0)
    }

    /// Whether `item` continues the log after missing entries.
    pub(super) fn leaves_gap(&self, item: &Item) -> bool {
        matches!(self.place(item), Place::Gap(_))
    }

    fn place(&self, item: &Item) -> Place {
        let Some(entry) = item.entry.clone() else {
            return Place::None;
        };
        match self.last {
            Some(last) if !entry.follows(last) => Place::Gap(entry),
            _ => Place::Follows(entry),
        }
    }

    /// Takes the next item. `commit_seq` is the sale's, where it says one; returns the entry if it
    /// counts.
    pub(super) fn take(
        &mut self,
        item: &Item,
        commit_seq: Option<u64>,
        records: &OrderBook,
        found: &mut Found,
    ) -> Option<Entry> {
        self.cursor.clone_from(&item.id);
        let is_ahead = item
            .seq
            .or_else(|| item.id.split('-').next()?.parse().ok())
            .zip(commit_seq)
            .is_some_and(|(seq, commit_seq)| seq > commit_seq);
        let entry = match self.place(item) {
            Place::Follows(entry) => entry,
            // What stands where no script writes is foreign, whatever it says.
            Place::Gap(_) if is_ahead => return self.foreign(item, found),
            Place::None if is_ahead || item.seq != Some(self.position() + 1) => {
                return self.foreign(item, found);
            }
            Place::Gap(entry) => {
                let (after, before) = (self.position(), entry.commit_seq);
                found.note(
                    FindingKind::LogGap,
                    format!("the log has no entries between {after} and {before}"),
                );
                self.break_at(entry.commit_seq - 1);
                entry
            }
            Place::None => {
                found.note(
                    FindingKind::LogEntryInvalid,
                    format!("log entry {}: not one that lastseat writes", item.id),
                );
                let seq = self.position() + 1;
                self.break_at(seq);
                self.last = Some(seq);
                return None;
            }
        };
        if is_ahead {
            self.keep_before(&entry, records);
        }
        self.apply(&entry, found);
        if !is_ahead {
            self.settled = self.says.clone();
        }
        Some(entry)
    }

    fn foreign(&mut self, item: &Item, found: &mut Found) -> Option<Entry> {
        self.bad += 1;
        if self.foreign.len() < BAD_MAX {
            self.foreign.push(item.id.clone());
        }
        found.note(
            FindingKind::LogEntryInvalid,
            format!("log entry {}: not one that lastseat writes there", shown(item.id.as_bytes())),
        );
        None
    }

    /// What came before says nothing of what came after: something between is not known.
    fn break_at(&mut self, position: u64) {
        self.whole = false;
        self.broken_at = Some(position.max(self.broken_at.unwrap_or(0)));
        self.orders = OrderBook::default();
        // A plan stays what it is.
        let (version, plan) = (self.says.version, self.says.plan.take());
        self.says = Says { version, plan, ..Says::default() };
        self.book = None;
    }

    fn keep_before(&mut self, entry: &Entry, records: &OrderBook) {
        let text = entry.to_text();
        let events = text.split('\n').skip(1);
        let events: Vec<String> = events.map(|line| shown(line.as_bytes())).take(8).collect();
        if self.ahead.len() < BAD_MAX {
            self.ahead.push((entry.commit_seq, events.join("; ")));
        }
        for event in &entry.events {
            let Some(id) = event.order() else { continue };
            if !self.before_ahead.contains_key(id) {
                let before = Before {
                    record: records.get(id).cloned(),
                    logged: self.orders.get(id).cloned(),
                    granted: matches!(event, Event::Granted { .. }),
                };
                self.before_ahead.insert(id.clone(), before);
            }
        }
    }

    fn apply(&mut self, entry: &Entry, found: &mut Found) {
        if self.from.is_none() {
            self.from = Some(entry.commit_seq);
            let first = entry.events.first();
            self.begins_healed = matches!(first, Some(Event::Healed { .. }));
            let created = matches!(first, Some(Event::Created { .. }));
            self.whole = entry.commit_seq == 1 && created && self.broken_at.is_none();
        }
        self.last = Some(entry.commit_seq);
        self.says.version = entry.version;
        for event in &entry.events {
            self.apply_event(entry, event, found);
        }
        let capacity = self.says.capacity.map_or(u64::MAX, u64::from);
        if self.whole && self.taken > capacity {
            // Once: after it each further entry would say so until tickets return.
            if !self.oversold {
                found.note(
                    FindingKind::LogOversold,
                    format!(
                        "log entry {}: {} tickets were taken after it, {capacity} existed",
                        entry.commit_seq, self.taken
                    ),
                );
            }
            self.oversold = true;
        } else {
            self.oversold = false;
        }
    }

    fn apply_event(&mut self, entry: &Entry, event: &Event, found: &mut Found) {
        match event {
            Event::Created { capacity, terms, state } => {
                self.says.capacity = Some(*capacity);
                self.says.terms = Some(*terms);
                self.says.state = Some(*state);
            }
            Event::State(state) => self.says.state = Some(*state),
            Event::Capacity(capacity) => self.says.capacity = Some(*capacity),
            Event::Terms(terms) => self.says.terms = Some(*terms),
            Event::Plan(plan) => {
                self.book = plan.seat_book().ok().filter(|_| self.whole);
                self.says.plan = Some(Arc::clone(plan));
            }
            _ => {}
        }
        let Some(id) = event.order() else { return };
        let taking = |orders: &OrderBook| orders.get(id).map_or(0, |o| u64::from(o.places()));
        let begins = matches!(event, Event::Granted { .. } | Event::Restored { .. });
        let known = self.orders.get(id).is_some();
        if self.whole && (!known && !begins || known && matches!(event, Event::Granted { .. })) {
            found.note(
                FindingKind::LogContradiction,
                format!(
                    "log entry {}: {event} cannot be after the entries before it",
                    entry.commit_seq
                ),
            );
        }
        let before = taking(&self.orders);
        let had = self.claims(id);
        self.orders.apply_event(entry.at, event);
        self.count_seats(entry, id, &had, found);
        self.taken = (self.taken + taking(&self.orders)).saturating_sub(before);
    }

    /// The claims that an order has now.
    fn claims(&self, id: &OrderId) -> Vec<SeatClaim> {
        let taking = self.orders.get(id).filter(|order| order.state.takes());
        let seats = taking.and_then(|order| order.seats.as_deref());
        seats.map_or(Vec::new(), |seats| seats.claims.clone())
    }

    /// Brings the seats to what the order has now; it had `had`.
    fn count_seats(&mut self, entry: &Entry, id: &OrderId, had: &[SeatClaim], found: &mut Found) {
        let has = self.claims(id);
        let Some(book) = self.book.as_mut().filter(|_| had != has) else { return };
        // Claims that somebody else has too may have returned with theirs already.
        let _ = book.give_back(had);
        if let Err(error) = book.take(&has) {
            found.note(
                FindingKind::LogOversold,
                format!(
                    "log entry {}: order {id} got what it could not: {error}",
                    entry.commit_seq
                ),
            );
            has.iter().for_each(|claim| book.count(claim));
        }
    }
}
