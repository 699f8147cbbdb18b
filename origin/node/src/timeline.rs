//! Timeline: events that operators want to see, such as a sale that sold out or a lost node.
//!
//! A bounded list in memory; each node publishes its own with its status.

use serde::{Deserialize, Serialize};
use shared::limits::TIMELINE_MAX;
use shared::{Actor, SaleId, SaleState, Snapshot, UnixMillis};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// A sale that sells out and is free again by turns, as holds end, is noted once in this time, in
/// milliseconds.
const FLICKER_MS: u64 = 5_000;
/// Two nodes note the loss of a third within this time of each other, in milliseconds.
const SAME_MS: u64 = 10_000;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Kind)]
pub enum TimelineEventKind {
    /// The sale opened.
    Opened,
    /// An operator paused it.
    Paused,
    /// It was closed.
    Closed,
    /// No ticket is free any more.
    SoldOut,
    /// Tickets are free again.
    Returned,
    /// It has another capacity.
    Restocked,
    /// A node began to serve.
    NodeStarted,
    /// A node stopped in order.
    NodeStopped,
    /// A node fell silent.
    NodeLost,
    /// A node that was lost is back.
    NodeBack,
    /// The ledger answered no more: nothing was sold.
    LedgerAway,
    /// The ledger answers again.
    LedgerBack,
    /// A node said that it cannot serve orders, for another reason.
    NodeTrouble,
    /// That node serves orders again.
    NodeWell,
    /// An audit found differences.
    AuditDiffers,
}

/// One timeline event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Happening)]
pub struct TimelineEvent {
    /// When it was noticed, by the ledger's clock.
    pub at: UnixMillis,
    /// What happened.
    pub kind: TimelineEventKind,
    /// To which sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sale: Option<String>,
    /// The version of the sale since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub version: Option<u64>,
    /// The new capacity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub capacity: Option<u32>,
    /// To which node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub node: Option<u16>,
    /// Who did it, where that was somebody with a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub by: Option<String>,
}

impl TimelineEvent {
    /// What happened to a node.
    #[must_use]
    pub fn of_node(at: UnixMillis, kind: TimelineEventKind, node: u16) -> Self {
        Self { node: Some(node), ..Self::of_all(at, kind) }
    }

    /// What happened to the whole.
    #[must_use]
    pub const fn of_all(at: UnixMillis, kind: TimelineEventKind) -> Self {
        Self { at, kind, sale: None, version: None, capacity: None, node: None, by: None }
    }

    /// Whether it is about no sale, or about one that `is_shown` lets through.
    pub(crate) fn is_shown(&self, is_shown: impl Fn(&str) -> bool) -> bool {
        self.sale.as_deref().is_none_or(is_shown)
    }

    /// Whether two nodes speak of the same thing.
    fn is(&self, other: &Self) -> bool {
        let apart = self.at.since(other.at).max(other.at.since(self.at));
        let same = (self.kind, &self.sale, self.version, self.node)
            == (other.kind, &other.sale, other.version, other.node);
        same && (self.version.is_some() || apart <= SAME_MS)
    }
}

/// The last events that one node has noticed.
#[derive(Debug, Default)]
pub struct Timeline(Mutex<VecDeque<TimelineEvent>>);

impl Timeline {
    fn list(&self) -> MutexGuard<'_, VecDeque<TimelineEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes one.
    pub fn note(&self, event: TimelineEvent) {
        let mut list = self.list();
        if list.len() == TIMELINE_MAX {
            list.pop_front();
        }
        list.push_back(event);
    }

    /// Notes that the ledger answers no more. Where it answered for a moment only, the outage goes
    /// on.
    pub fn ledger_away(&self, at: UnixMillis) {
        let mut list = self.list();
        let back = list.iter().rposition(|event| event.kind == TimelineEventKind::LedgerBack);
        if let Some(back) = back.filter(|back| at.since(list[*back].at) < FLICKER_MS) {
            list.remove(back);
            return;
        }
        drop(list);
        self.note(TimelineEvent::of_all(at, TimelineEventKind::LedgerAway));
    }

    /// Notes that the ledger answers again.
    pub fn ledger_back(&self, at: UnixMillis) {
        self.note(TimelineEvent::of_all(at, TimelineEventKind::LedgerBack));
    }

    /// Notes that an audit of `sale` found differences, once for as long as it does.
    pub fn audit_differs(&self, at: UnixMillis, sale: &SaleId) {
        self.note(TimelineEvent {
            sale: Some(sale.to_string()),
            ..TimelineEvent::of_all(at, TimelineEventKind::AuditDiffers)
        });
    }

    /// All of them, the oldest first.
    #[must_use]
    pub fn read(&self) -> Vec<TimelineEvent> {
        self.list().iter().cloned().collect()
    }

    /// Notes that `actor` has opened, paused, closed or restocked `sale`, which stands so since. It
    /// may be noted already, by whichever reply of the ledger came first.
    pub fn changed_by(
        &self,
        actor: &Actor,
        kind: TimelineEventKind,
        sale: &SaleId,
        now: &Snapshot,
    ) {
        let restocked = kind == TimelineEventKind::Restocked;
        let event = TimelineEvent {
            sale: Some(sale.to_string()),
            version: Some(now.version),
            capacity: restocked.then_some(now.capacity),
            by: Some(actor.to_string()),
            ..TimelineEvent::of_all(now.at, kind)
        };
        let mut list = self.list();
        if let Some(known) = list.iter_mut().rev().find(|known| known.is(&event)) {
            known.by = event.by;
            return;
        }
        drop(list);
        self.note(event);
    }

    /// Notes what a newer word of the ledger on `sale` says against an older one.
    pub fn compare(&self, sale: &SaleId, old: &Snapshot, new: &Snapshot) {
        let note_at = |at, kind, capacity| {
            self.note(TimelineEvent {
                at,
                kind,
                sale: Some(sale.to_string()),
                version: Some(new.version),
                capacity,
                node: None,
                by: None,
            });
        };
        let note = |kind, capacity| note_at(new.at, kind, capacity);
        let entered = |kind| note_at(new.entered_at(old.state), kind, None);
        if new.capacity != old.capacity {
            note(TimelineEventKind::Restocked, Some(new.capacity));
        }
        if new.state != old.state {
            match new.state {
                SaleState::Open => entered(TimelineEventKind::Opened),
                SaleState::Paused => entered(TimelineEventKind::Paused),
                SaleState::Closed => entered(TimelineEventKind::Closed),
                SaleState::Scheduled => {}
            }
        }
        let none = |snapshot: &Snapshot| snapshot.free() == 0 && snapshot.capacity > 0;
        let turned = match (none(old), none(new)) {
            (false, true) => TimelineEventKind::SoldOut,
            (true, false) => TimelineEventKind::Returned,
            _ => return,
        };
        let flickers = self.list().iter().any(|last| {
            last.kind == turned
                && last.sale.as_deref() == Some(sale.as_str())
                && new.at.since(last.at) < FLICKER_MS
        });
        if !flickers {
            note(turned, None);
        }
    }
}

/// The events that several nodes have noticed as one list, the newest first, at most `max`.
#[must_use]
pub fn merge(lists: impl Iterator<Item = Vec<TimelineEvent>>, max: usize) -> Vec<TimelineEvent> {
    let mut all: Vec<TimelineEvent> = lists.flatten().collect();
    // The first to notice it is nearest to the truth.
    all.sort_by_key(|event| event.at);
    let mut merged: Vec<TimelineEvent> = Vec::with_capacity(all.len().min(max));
    for event in all {
        match merged.iter_mut().rev().find(|known| known.is(&event)) {
            // The node that was asked verified who asked.
            Some(known) if known.by.is_none() => known.by = event.by,
            Some(_) => {}
            None => merged.push(event),
        }
    }
    merged.reverse();
    merged.truncate(max);
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Terms;

    fn snapshot(at: u64, version: u64, state: SaleState, capacity: u32, taken: u32) -> Snapshot {
        Snapshot {
            capacity,
            held: 0,
            confirmed: taken,
            version,
            commit_seq: version,
            state,
            terms: Terms::default(),
            at: UnixMillis(at),
        }
    }

    fn kinds(list: &Timeline) -> Vec<TimelineEventKind> {
        list.read().iter().map(|event| event.kind).collect()
    }

    #[test]
    fn a_sale_that_opens_sells_out_and_is_restocked_leaves_its_traces() {
        let (list, sale) = (Timeline::default(), SaleId::parse("a").unwrap());
        let steps = [
            snapshot(1_000, 1, SaleState::Scheduled, 5, 0),
            snapshot(2_000, 2, SaleState::Open, 5, 0),
            snapshot(3_000, 2, SaleState::Open, 5, 5),
            snapshot(4_000, 3, SaleState::Open, 9, 5),
            snapshot(5_000, 4, SaleState::Paused, 9, 5),
        ];
        for pair in steps.windows(2) {
            list.compare(&sale, &pair[0], &pair[1]);
        }
        let noted = [
            TimelineEventKind::Opened,
            TimelineEventKind::SoldOut,
            TimelineEventKind::Restocked,
            TimelineEventKind::Returned,
            TimelineEventKind::Paused,
        ];
        assert_eq!(kinds(&list), noted);
    }

    #[test]
    fn a_sale_that_flickers_at_its_last_ticket_does_not_fill_the_list() {
        let (list, sale) = (Timeline::default(), SaleId::parse("a").unwrap());
        for i in 0..100 {
            let free = snapshot(i * 100, i, SaleState::Open, 5, 4);
            let none = snapshot(i * 100 + 50, i, SaleState::Open, 5, 5);
            list.compare(&sale, &free, &none);
        }
        assert_eq!(kinds(&list), [TimelineEventKind::SoldOut; 2]);
    }

    #[test]
    fn what_two_nodes_noticed_is_shown_once_and_the_newest_first() {
        let lost = |at| TimelineEvent::of_node(UnixMillis(at), TimelineEventKind::NodeLost, 4);
        let (list, sale) = (Timeline::default(), SaleId::parse("a").unwrap());
        let open = snapshot(900, 2, SaleState::Open, 5, 0);
        list.compare(&sale, &snapshot(0, 1, SaleState::Paused, 5, 0), &open);
        let [opened] = &list.read()[..] else {
            panic!("one");
        };
        let late = TimelineEvent { at: UnixMillis(60_000), ..opened.clone() };
        let lists = [vec![opened.clone(), lost(5_000)], vec![lost(5_900), lost(40_000), late]];
        let merged = merge(lists.into_iter(), 10);
        let seen: Vec<_> = merged.iter().map(|h| (h.at.0, h.kind)).collect();
        assert_eq!(
            seen,
            [
                (40_000, TimelineEventKind::NodeLost),
                (5_000, TimelineEventKind::NodeLost),
                (900, TimelineEventKind::Opened)
            ]
        );
    }

    #[test]
    fn the_node_that_was_asked_says_who_asked_and_others_do_not_hide_it() {
        let (asked, other) = (Timeline::default(), Timeline::default());
        let sale = SaleId::parse("a").unwrap();
        let open = snapshot(1_000, 1, SaleState::Open, 5, 0);
        let paused = snapshot(2_000, 2, SaleState::Paused, 5, 0);
        let ada = Actor::parse("ada").unwrap();
        other.compare(&sale, &open, &paused);
        // Whether a reply to an order came first does not matter.
        asked.compare(&sale, &open, &paused);
        asked.changed_by(&ada, TimelineEventKind::Paused, &sale, &paused);
        let late = Timeline::default();
        late.changed_by(&ada, TimelineEventKind::Paused, &sale, &paused);
        for list in [&asked, &late] {
            let merged = merge([other.read(), list.read()].into_iter(), 10);
            let seen: Vec<_> =
                merged.iter().map(|event| (event.kind, event.by.as_deref())).collect();
            assert_eq!(seen, [(TimelineEventKind::Paused, Some("ada"))]);
        }
    }

    #[test]
    fn an_outage_has_one_beginning_and_one_end_however_often_the_ledger_answers_meanwhile() {
        let list = Timeline::default();
        list.ledger_away(UnixMillis(1_000));
        for i in 0..50 {
            list.ledger_back(UnixMillis(2_000 + i * 1_000));
            list.ledger_away(UnixMillis(2_500 + i * 1_000));
        }
        list.ledger_back(UnixMillis(60_000));
        let seen: Vec<_> = list.read().iter().map(|event| (event.at.0, event.kind)).collect();
        let outage =
            [(1_000, TimelineEventKind::LedgerAway), (60_000, TimelineEventKind::LedgerBack)];
        assert_eq!(seen, outage);
        list.ledger_away(UnixMillis(60_000 + FLICKER_MS));
        assert_eq!(list.read().len(), 3, "this one is another outage");
    }

    #[test]
    fn the_list_is_bounded() {
        let list = Timeline::default();
        for i in 0..1_000 {
            list.note(TimelineEvent::of_node(UnixMillis(i), TimelineEventKind::NodeLost, 1));
        }
        assert_eq!(list.read().len(), TIMELINE_MAX);
    }
}
