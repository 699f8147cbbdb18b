//! Queue of one endpoint: which of its sales is delivered next, and when one that was not taken is
//! tried again.
//!
//! Each sale has pauses of its own, so that one that always fails holds up no other. An endpoint of
//! which nothing is taken any more counts as down: then one delivery at a time is tried, whatever
//! the number of sales that wait.

#[cfg(test)]
mod tests;

use super::turn::{EndOfTurn, TurnEnd};
use crate::relay::backoff::Backoff;
use crate::relay::endpoints::Endpoint;
use crate::relay::webhook::NotTaken;
use shared::limits::{WEBHOOK_ANSWER_MAX, WEBHOOK_DOWN_AFTER, WEBHOOK_TURNS_MAX};
use shared::{SaleId, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// Pause where another relay delivers a sale under the same name.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// Pause while the ledger does not answer, or after a lease was lost.
const AWAY: Duration = Duration::from_millis(500);
/// Pause where somebody has to do something first.
const STOPPED: Duration = Duration::from_secs(30);
/// Longest pause between two deliveries to an endpoint that is down.
const DOWN: Duration = Duration::from_secs(5);

/// What is known of one sale at one endpoint.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// The position that is kept; `None` = it was not read yet.
    pub(super) position: Option<u64>,
    /// The last entry that the log has.
    pub(super) end: u64,
    /// The same when it was asked first.
    pub(super) first_end: Option<u64>,
    /// When what is not taken yet happened, or was noticed.
    pub(super) waits_since: Option<UnixMillis>,
    /// Attempts that failed in a row.
    pub(super) failed: u64,
    /// What came of the last attempt, and when.
    pub(super) last: Option<(String, UnixMillis)>,
    /// What somebody has to do something about.
    pub(super) trouble: Option<String>,
    /// The position that a relay of one sale has kept for the same address.
    before: Option<u64>,
    from: Option<u64>,
    running: bool,
    queued: Option<Instant>,
    not_before: Instant,
    backoff: Backoff,
}

impl Stream {
    fn new(now: Instant) -> Self {
        Self {
            position: None,
            end: 0,
            first_end: None,
            waits_since: None,
            failed: 0,
            last: None,
            trouble: None,
            before: None,
            from: None,
            running: false,
            queued: None,
            not_before: now,
            backoff: Backoff::new(),
        }
    }

    /// Entries that are not taken yet.
    pub(super) fn lag(&self) -> u64 {
        self.end.saturating_sub(self.position.unwrap_or(self.end))
    }

    /// Whether it has failed so often that a relay that is to end does not wait for it.
    fn gives_up(&self) -> bool {
        self.failed >= u64::from(WEBHOOK_DOWN_AFTER) || self.trouble.is_some()
    }

    /// When it is tried again; `None` = it is under way, or nothing waits.
    pub(super) fn next_try(&self) -> Option<Instant> {
        self.queued
    }

    /// Whether there is anything to do: also where the position is beyond the log, which is an
    /// error.
    fn wants(&self) -> bool {
        self.from.is_some() || self.position.is_some_and(|position| position != self.end)
    }
}

/// What a turn begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NextTurn {
    pub(super) sale: SaleId,
    pub(super) from: Option<u64>,
    pub(super) otherwise: Option<u64>,
}

/// The sales of one endpoint.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) endpoint: Arc<Endpoint>,
    /// From when on it is delivered what happens, where it wants nothing of before.
    pub(super) since: Option<UnixMillis>,
    streams: BTreeMap<SaleId, Stream>,
    waiting: BTreeSet<(Instant, SaleId)>,
    running: usize,
    /// Failures in a row, of whatever sale.
    failed: u32,
    rests_until: Instant,
    rest: Backoff,
}

impl Queue {
    pub(super) fn new(endpoint: Arc<Endpoint>, since: Option<UnixMillis>, now: Instant) -> Self {
        Self {
            endpoint,
            since,
            streams: BTreeMap::new(),
            waiting: BTreeSet::new(),
            running: 0,
            failed: 0,
            rests_until: now,
            rest: Backoff::up_to(DOWN),
        }
    }

    /// Begins to deliver `sale`, if the endpoint takes anything of it.
    pub(super) fn watch(&mut self, sale: &SaleId, now: Instant) {
        if self.endpoint.filter.takes_sale(sale) && !self.streams.contains_key(sale) {
            self.streams.insert(sale.clone(), Stream::new(now));
        }
    }

    /// Forgets a sale that has ended and was delivered.
    pub(super) fn forget(&mut self, sale: &SaleId) {
        if let Some(due) = self.streams.remove(sale).and_then(|stream| stream.queued) {
            self.waiting.remove(&(due, sale.clone()));
        }
    }

    /// The sales, with what is known of them.
    pub(super) fn streams(&self) -> impl Iterator<Item = (&SaleId, &Stream)> {
        self.streams.iter()
    }

    /// What is known of `sale`, if the endpoint takes anything of it.
    pub(super) fn stream(&self, sale: &SaleId) -> Option<&Stream> {
        self.streams.get(sale)
    }

    /// Whether something is under way.
    pub(super) const fn is_running(&self) -> bool {
        self.running > 0
    }

    /// Whether everything of `sale` was delivered, or nothing of it is wanted.
    pub(super) fn is_done(&self, sale: &SaleId) -> bool {
        self.streams
            .get(sale)
            .is_none_or(|stream| !stream.running && stream.position.is_some() && !stream.wants())
    }

    /// Whether all that was there when it was asked first was delivered, or can not be for now.
    pub(super) fn is_over(&self) -> bool {
        let over = |stream: &Stream| {
            let delivered = stream.position.zip(stream.first_end).is_some_and(|(p, end)| p >= end);
            !stream.running && (delivered || stream.gives_up())
        };
        self.is_down() || self.streams.values().all(over)
    }

    /// Sales of which something was not delivered that was there when they were asked first.
    pub(super) fn left(&self) -> u64 {
        let left = |stream: &&Stream| stream.position.unwrap_or(0) < stream.first_end.unwrap_or(0);
        self.streams.values().filter(left).count() as u64
    }

    /// Whether nothing is taken any more.
    pub(super) const fn is_down(&self) -> bool {
        self.failed >= WEBHOOK_DOWN_AFTER
    }

    /// Notes where `sale` stands: the position that is kept under the endpoint's name, or the one
    /// that a relay of one sale has kept for the same address.
    pub(super) fn note_position(&mut self, sale: &SaleId, kept: Option<u64>, before: Option<u64>) {
        if let Some(stream) = self.streams.get_mut(sale)
            && stream.position.is_none()
        {
            // Where neither is kept, the first turn finds out where to begin.
            (stream.before, stream.position) = (before, kept.or(before).or(Some(0)));
        }
    }

    /// Notes where the log of `sale` ends; what is new is queued. `at` is the ledger's clock.
    pub(super) fn note_end(&mut self, sale: &SaleId, end: u64, now: Instant, at: UnixMillis) {
        let Some(stream) = self.streams.get_mut(sale) else {
            return;
        };
        stream.end = end;
        stream.first_end.get_or_insert(end);
        if stream.wants() && stream.waits_since.is_none() {
            stream.waits_since = Some(at);
        }
        self.queue(sale, now);
    }

    fn queue(&mut self, sale: &SaleId, now: Instant) {
        let Some(stream) = self.streams.get_mut(sale) else {
            return;
        };
        if !stream.running && stream.queued.is_none() && stream.wants() {
            let due = stream.not_before.max(now);
            stream.queued = Some(due);
            self.waiting.insert((due, sale.clone()));
        }
    }

    /// The sale whose turn it is, if it is one's.
    pub(super) fn next(&mut self, now: Instant) -> Option<NextTurn> {
        let most = if self.is_down() { 1 } else { WEBHOOK_TURNS_MAX };
        let (due, _) = self.waiting.first()?;
        if self.running >= most || self.rests_until > now || *due > now {
            return None;
        }
        let (_, sale) = self.waiting.pop_first()?;
        let stream = self.streams.get_mut(&sale)?;
        (stream.queued, stream.running) = (None, true);
        self.running += 1;
        Some(NextTurn { from: stream.from, otherwise: stream.before, sale })
    }

    /// Notes what became of a turn. `at` is the ledger's clock, `chance` is at least 0 and below 1.
    pub(super) fn finish(&mut self, end: &TurnEnd, now: Instant, at: UnixMillis, chance: f64) {
        self.running = self.running.saturating_sub(1);
        if end.entries > 0 {
            self.note_taken(&end.sale, now);
        }
        let name = self.endpoint.name.clone();
        let Some(stream) = self.streams.get_mut(&end.sale) else {
            return;
        };
        stream.running = false;
        if let Some(position) = end.position {
            stream.position = Some(position);
        }
        // What somebody asked for meanwhile is another turn's.
        if end.position.is_some() && stream.from == end.from {
            stream.from = None;
        }
        if let Some(log_end) = end.end {
            stream.end = log_end;
        }
        if let Some(answer) = &end.answer {
            stream.last = Some((answer.clone(), at));
        }
        match end.why {
            EndOfTurn::Done => stream.waits_since = None,
            _ => stream.waits_since = end.waits_since.or(stream.waits_since),
        }
        if !matches!(end.why, EndOfTurn::Stopped(_) | EndOfTurn::Elsewhere) {
            stream.trouble = None;
        }
        let (sale, shown) = (&end.sale, self.endpoint.webhook.shown());
        match &end.why {
            EndOfTurn::Done | EndOfTurn::TimeUp => stream.not_before = now,
            EndOfTurn::LeaseLost | EndOfTurn::Away(_) => stream.not_before = now + AWAY,
            EndOfTurn::Elsewhere => {
                stream.not_before = now + ELSEWHERE;
                stream.trouble = Some("another relay delivers it under this name".to_owned());
            }
            EndOfTurn::Stopped(error) => {
                let text = cut(&error.to_string());
                if stream.trouble.as_ref() != Some(&text) {
                    warn!("endpoint {name}, sale {sale}: {text}");
                }
                stream.not_before = now + STOPPED;
                stream.trouble = Some(text);
            }
            EndOfTurn::NotTaken(refused) => {
                stream.failed += 1;
                let later = refused.retry_after.unwrap_or_default();
                let pause = stream.backoff.next(chance).max(later);
                stream.not_before = now + pause;
                stream.last = Some((cut(&refused.why), at));
                warn!(
                    "endpoint {name}, sale {sale}: entry {} was not taken by {shown}: {}; attempt \
                     {}, next in {pause:?}",
                    stream.position.map_or(0, |position| position + 1),
                    refused.why,
                    stream.failed
                );
                self.note_failure(refused, now, chance);
            }
        }
        self.queue(&end.sale, now);
    }

    /// The endpoint has taken something of `sale`.
    fn note_taken(&mut self, sale: &SaleId, now: Instant) {
        if let Some(stream) = self.streams.get_mut(sale) {
            if stream.failed > 0 {
                let (name, failed) = (&self.endpoint.name, stream.failed);
                info!("endpoint {name}, sale {sale}: taken after {failed} failed attempts");
            }
            (stream.failed, stream.backoff) = (0, Backoff::new());
        }
        if self.is_down() {
            info!("endpoint {} takes deliveries again", self.endpoint.name);
            self.wake(None, now);
        }
        (self.failed, self.rest) = (0, Backoff::up_to(DOWN));
    }

    fn note_failure(&mut self, refused: &NotTaken, now: Instant, chance: f64) {
        self.failed = self.failed.saturating_add(1);
        if self.failed == WEBHOOK_DOWN_AFTER {
            warn!(
                "endpoint {} is down: none of {WEBHOOK_DOWN_AFTER} deliveries in a row was taken. \
                 From now on one at a time is tried",
                self.endpoint.name
            );
        }
        let later = refused.retry_after.filter(|_| refused.overloaded).unwrap_or_default();
        let rest = if self.is_down() { self.rest.next(chance) } else { Duration::ZERO };
        self.rests_until = self.rests_until.max(now + rest.max(later));
    }

    /// Tries `sale`, or all sales that wait, now; `from` is the first entry, whatever was delivered
    /// before. Whether there is such a sale here.
    pub(super) fn retry(&mut self, sale: Option<&SaleId>, from: Option<u64>, now: Instant) -> bool {
        if let Some(sale) = sale {
            let Some(stream) = self.streams.get_mut(sale) else {
                return false;
            };
            stream.from = from.or(stream.from);
        }
        self.rests_until = now;
        self.wake(sale, now);
        true
    }

    /// What waits for a later moment is due now.
    fn wake(&mut self, sale: Option<&SaleId>, now: Instant) {
        let names: Vec<SaleId> = match sale {
            Some(sale) => vec![sale.clone()],
            None => self.waiting.iter().map(|(_, sale)| sale.clone()).collect(),
        };
        for sale in names {
            if let Some(stream) = self.streams.get_mut(&sale) {
                stream.not_before = now;
                stream.backoff = Backoff::new();
                if let Some(due) = stream.queued.take() {
                    self.waiting.remove(&(due, sale.clone()));
                }
            }
            self.queue(&sale, now);
        }
    }
}

/// The beginning of a text.
fn cut(text: &str) -> String {
    text.chars().take(WEBHOOK_ANSWER_MAX).collect()
}
