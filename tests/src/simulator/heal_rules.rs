//! The rules of `look.lua`, `heal.lua` and `recovery.lua`: how a sale that may lack acknowledged
//! orders is registered with, held back, and let go on.

use super::planted::Planted;
use shared::ledger_model::Sale;
use shared::ledger_model::event_log::{Entry, Event};
use shared::limits::HOLD_TIMES_MAX;
use shared::recovery::{LostRanges, RecoveryLookup, RecoveryStage, View, beyond};
use shared::{OrderId, Pass, Snapshot, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};

/// The mark of a node that has made its last pass.
const DONE: u8 = Pass::Last as u8;

/// What Redis has beside the sale and its log, and writes into its file with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The history under which the sale was last whole.
    history: String,
    record: Option<Record>,
    lost: LostRanges,
    /// The histories that each node declared last.
    pub declared: BTreeMap<u16, BTreeSet<String>>,
    /// How often the sale was found behind.
    pub behind: u64,
    /// Acknowledged orders that could not be restored.
    pub unrestored: BTreeSet<OrderId>,
}

/// A recovery that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    history: String,
    found: u64,
    jumped: u64,
    received: u64,
    marks_only: bool,
    marks: BTreeMap<u16, u8>,
}

/// What a node hands to `heal.lua`.
#[derive(Clone, Debug)]
pub struct HealReport {
    pub node: u16,
    /// The pass that it made last.
    pub made: Option<Pass>,
    /// In which history; `None` = it has nothing to restore.
    pub done_in: Option<String>,
    /// The newest that it received of the sale.
    pub last: Option<Snapshot>,
    /// Whom it waits for.
    pub view: View,
}

/// What `heal.lua` answers.
#[derive(Clone, Debug)]
pub struct Healed {
    pub snapshot: Snapshot,
    /// Where its recovery is.
    pub stage: RecoveryStage,
    pub history: String,
    pub lost: LostRanges,
    /// Whether this call found it behind.
    pub fell_behind: bool,
    /// Whether it went on although somebody may have more.
    pub without_all: bool,
}

impl Record {
    /// The pass that a node has made.
    fn made_by(&self, (node, declared): (u16, bool)) -> u8 {
        let unmarked = if declared && !self.marks_only { DONE } else { 0 };
        self.marks.get(&node).copied().unwrap_or(unmarked)
    }

    /// Whether somebody who is not waited for may have something that is not restored.
    fn lacks(&self, view: &View) -> bool {
        let awaited = |node: &u16| view.awaited.iter().any(|(other, _)| other == node);
        let marked = self.marks.iter();
        view.missing.iter().any(|node| self.made_by(*node) < DONE)
            || marked.into_iter().any(|(node, mark)| !awaited(node) && *mark < DONE)
    }
}

impl Kept {
    /// Of a sale that was created under `history`.
    #[must_use]
    pub fn new(history: String) -> Self {
        Self { history, ..Self::default() }
    }

    /// Whether a Redis that writes `history` holds the sale back from a caller that received
    /// `received`.
    #[must_use]
    pub fn is_healing(&self, sale: &Sale, history: &str, received: u64) -> bool {
        self.history != history || sale.commit_seq < received
    }

    /// Whether `restore.lua` refuses: nobody has registered since Redis was replaced.
    #[must_use]
    pub fn is_unregistered(&self, sale: &Sale, history: &str) -> bool {
        let record = self.record.as_ref();
        self.is_healing(sale, history, 0) && record.is_none_or(|r| r.history != history)
    }

    /// What `restore.lua` wrote skips numbers where nobody has yet: whoever has received more may
    /// not have registered.
    pub fn skip_before(
        &mut self,
        sale: &mut Sale,
        entry: &mut Entry,
        history: &str,
        planted: Option<Planted>,
    ) {
        if !self.is_healing(sale, history, 0) || planted == Some(Planted::NumbersGivenAgain) {
            return;
        }
        if let Some(record) = self.record.as_mut().filter(|record| record.jumped == 0) {
            sale.commit_seq -= 1;
            jump(sale, record, (0, entry.at), &mut entry.events);
            sale.commit_seq += 1;
            (entry.commit_seq, entry.version) = (sale.commit_seq, sale.version);
        }
    }

    /// `look.lua`
    #[must_use]
    pub fn lookup(&self, sale: &Sale, history: &str, node: u16) -> RecoveryLookup {
        let whole = self.history == history;
        let record = self.record.as_ref();
        let of_this_one = record.filter(|record| record.history == history);
        RecoveryLookup {
            history: history.to_owned(),
            whole,
            found: record.filter(|_| !whole).map_or(sale.commit_seq, |r| r.found),
            state: sale.state,
            lost: self.lost.clone(),
            mark: of_this_one.and_then(|record| record.marks.get(&node).copied()),
            marks_only: of_this_one.is_some_and(|record| record.marks_only),
        }
    }

    /// `heal.lua`
    pub fn heal(
        &mut self,
        sale: &mut Sale,
        says: &HealReport,
        history: &str,
        (now, has_entry): (UnixMillis, impl Fn(u64) -> bool),
        planted: Option<Planted>,
    ) -> (Healed, Option<Entry>) {
        let received = says.last.map_or(0, |last| last.commit_seq);
        let mut healed = Healed {
            snapshot: sale.snapshot(now),
            stage: RecoveryStage::Whole { by_us: false },
            history: history.to_owned(),
            lost: self.lost.clone(),
            fell_behind: false,
            without_all: false,
        };
        if !self.is_healing(sale, history, received) {
            return (healed, None);
        }
        let mut record = self
            .record
            .take()
            .unwrap_or_else(|| Record { found: sale.commit_seq, ..Record::default() });
        let skips = planted != Some(Planted::NumbersGivenAgain);
        let mut events = Vec::new();
        if record.history != history {
            record.history = history.to_owned();
            record.marks.clear();
            record.marks_only = false;
            if record.jumped > 0 && skips {
                jump(sale, &mut record, (received, now), &mut events);
            }
        }
        if self.history == history {
            self.history = "-".into();
            record.marks_only = true;
            healed.fell_behind = true;
        }
        if let Some(last) = says.last
            && received > record.found.max(record.received)
            && !has_entry(received)
        {
            record.received = received;
            take_over(sale, &last, now, &mut events);
        }
        if received > sale.commit_seq && skips {
            jump(sale, &mut record, (received, now), &mut events);
        }
        if says.done_in.as_deref() == Some(history) {
            record.marks.insert(says.node, says.made.map_or(0, |pass| pass as u8));
        }
        let known = says.view.history == history;
        let awaited = says.view.awaited.iter().map(|node| record.made_by(*node));
        let made = awaited.min().unwrap_or(DONE).min(if known { DONE } else { 0 });
        healed.stage = RecoveryStage::Heals { found: record.found, made: Pass::of(made) };
        if made == DONE {
            healed.without_all = record.lacks(&says.view);
            if record.jumped == 0 && healed.without_all && skips {
                jump(sale, &mut record, (received, now), &mut events);
            }
            self.history = history.to_owned();
            healed.stage = RecoveryStage::Whole { by_us: true };
            if record.jumped > 0 {
                self.lost.push((record.found, record.jumped));
            }
        } else {
            self.record = Some(record);
        }
        let entry = (!events.is_empty()).then(|| {
            sale.commit_seq += 1;
            let (commit_seq, version) = (sale.commit_seq, sale.version);
            let by_plan = sale.seats.is_some();
            Entry { commit_seq, at: now, version, by_plan, by: None, events }
        });
        healed.snapshot = sale.snapshot(now);
        healed.lost = self.lost.clone();
        (healed, entry)
    }
}

fn jump(
    sale: &mut Sale,
    record: &mut Record,
    (received, now): (u64, UnixMillis),
    events: &mut Vec<Event>,
) {
    sale.commit_seq = beyond(sale.commit_seq.max(received), now);
    sale.version = beyond(sale.version, now);
    record.jumped = sale.commit_seq;
    let found = record.found;
    events.insert(0, Event::Healed { found });
}

/// Takes over what a node received of the sale itself after the entry that it was found with.
fn take_over(sale: &mut Sale, last: &Snapshot, now: UnixMillis, events: &mut Vec<Event>) {
    if last.capacity != sale.capacity && last.capacity >= sale.held + sale.confirmed {
        sale.capacity = last.capacity;
        events.push(Event::Capacity(last.capacity));
        sale.version += 1;
    }
    if last.terms != sale.terms {
        if last.terms.hold_ms != sale.terms.hold_ms {
            sale.hold_times.push((now, sale.terms.hold_ms));
            let more = sale.hold_times.len().saturating_sub(HOLD_TIMES_MAX);
            sale.hold_times.drain(..more);
        }
        sale.terms = last.terms;
        events.push(Event::Terms(last.terms));
        sale.version += 1;
    }
    if last.state != sale.state {
        sale.state = last.state;
        sale.version += 1;
        events.push(Event::State(last.state));
    }
}
