//! What this process heard of each sale and which orders it acknowledged: what a ledger that has lost its last moments is
//! healed from. Bounded, in memory and in a file of the node.

mod heard;
mod lines;
mod segments;

pub use lines::Told;

use crate::metrics::{Counters, count};
use heard::Heard;
use segments::Segments;
use shared::limits::{ACKNOWLEDGED_SEGMENT_BYTES, SALES_MAX};
use shared::{Order, OrderId, SaleId, Snapshot};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Notify;

/// The acknowledged orders of each sale, the last word on each.
pub(crate) type Orders = HashMap<SaleId, HashMap<OrderId, Told>>;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sales: RwLock<HashMap<SaleId, Arc<Heard>>>,
    /// `None` in a process that only heard, such as a command.
    journal: Option<Mutex<Segments>>,
    /// How often the journal was read: an answer to a call that was sent before is not given.
    readings: AtomicU64,
    /// Whether somebody here heals what is [`Acknowledged::want`]ed.
    healer: AtomicBool,
    wanted: Mutex<Wanted>,
    wake: Notify,
}

/// Sales that are to be healed, or looked at.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// All of them.
    pub(crate) all: bool,
    /// These.
    pub(crate) sales: HashSet<SaleId>,
}

/// The moment at which a call was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent(u64);

/// The journal was read meanwhile: this answer may be one of a ledger that is not the ledger any more.
#[derive(Clone, Copy, Debug)]
pub struct TooLate;

impl Acknowledged {
    /// Opens the journal in `directory`, which is made if it is missing, and reads what is there.
    ///
    /// # Errors
    /// The directory or the file cannot be made, read or written.
    pub fn open(directory: &Path, counters: &Arc<Counters>) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join("acknowledged.log");
        let segments = Segments::open(path, ACKNOWLEDGED_SEGMENT_BYTES, Arc::clone(counters))?;
        let mut sales = HashMap::new();
        segments.copy().read(|sale, snapshot, _, _| {
            if sales.len() < SALES_MAX || sales.contains_key(sale) {
                let heard: &mut Arc<Heard> = sales.entry(sale.clone()).or_default();
                heard.hear(snapshot);
            }
        });
        Ok(Self(Arc::new(Inner {
            sales: RwLock::new(sales),
            journal: Some(Mutex::new(segments)),
            ..Inner::default()
        })))
    }

    /// The highest `commit_seq` that was heard of `sale`, and what was heard with it.
    pub(crate) fn last(&self, sale: &SaleId) -> Option<Snapshot> {
        self.of(sale)?.last()
    }

    /// The highest `commit_seq` that was heard of `sale`.
    pub(crate) fn commit_seq(&self, sale: &SaleId) -> u64 {
        self.of(sale).map_or(0, |heard| heard.commit_seq())
    }

    /// The sales of which anything was heard.
    pub(crate) fn sales(&self) -> Vec<SaleId> {
        let sales = self.0.sales.read().unwrap_or_else(PoisonError::into_inner);
        sales.keys().cloned().collect()
    }

    fn of(&self, sale: &SaleId) -> Option<Arc<Heard>> {
        let sales = self.0.sales.read().unwrap_or_else(PoisonError::into_inner);
        sales.get(sale).cloned()
    }

    /// Takes in what the ledger said of `sale`.
    pub(crate) fn hear(&self, sale: &SaleId, snapshot: &Snapshot) {
        if let Some(heard) = self.of(sale) {
            return heard.hear(snapshot);
        }
        let mut sales = self.0.sales.write().unwrap_or_else(PoisonError::into_inner);
        if sales.len() < SALES_MAX || sales.contains_key(sale) {
            sales.entry(sale.clone()).or_default().hear(snapshot);
        }
    }

    /// Now, for [`Acknowledged::note`].
    #[must_use]
    pub fn now(&self) -> Sent {
        Sent(self.0.readings.load(Ordering::Acquire))
    }

    /// Notes orders as they are acknowledged, before anybody hears of it. They were asked for at `sent`.
    ///
    /// # Errors
    /// They must not be acknowledged: what was noted has been read meanwhile.
    pub fn note<'a>(
        &self,
        sale: &SaleId,
        snapshot: &Snapshot,
        orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
        sent: Sent,
    ) -> Result<(), TooLate> {
        self.hear(sale, snapshot);
        let Some(journal) = &self.0.journal else {
            return Ok(());
        };
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.readings.load(Ordering::Acquire) != sent.0 {
            return Err(TooLate);
        }
        let noted = journal.append(sale, snapshot, orders);
        drop(journal);
        if let (Some(noted), Some(heard)) = (noted, self.of(sale)) {
            heard.note_at(noted);
        }
        Ok(())
    }

    /// Reads all that was noted. Whatever is asked for before this and answered after it is [`TooLate`].
    ///
    /// Answers how much had been noted, for [`Acknowledged::noted_since`]. Takes some tens of milliseconds where the
    /// journal is full: not for the threads of a runtime.
    pub(crate) fn read(&self) -> (u64, Orders) {
        let Some(journal) = &self.0.journal else {
            return (0, Orders::new());
        };
        let journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.readings.fetch_add(1, Ordering::Release);
        let (noted, copy) = (journal.noted(), journal.copy());
        drop(journal);
        let mut orders = Orders::new();
        copy.read(|sale, snapshot, id, order| {
            let told = Told {
                commit_seq: snapshot.commit_seq,
                order,
            };
            if !orders.contains_key(sale) {
                orders.insert(sale.clone(), HashMap::new());
            }
            if let Some(of_sale) = orders.get_mut(sale) {
                // Two answers that came at once may be noted in either sequence.
                let newest = of_sale
                    .get(&id)
                    .is_none_or(|known: &Told| known.commit_seq <= told.commit_seq);
                if newest {
                    of_sale.insert(id, told);
                }
            }
        });
        (noted, orders)
    }

    /// Whether anything of `sale` was noted after so much had been noted.
    pub(crate) fn noted_since(&self, sale: &SaleId, noted: u64) -> bool {
        self.of(sale).is_some_and(|heard| heard.noted() > noted)
    }

    /// From now on somebody here heals what is wanted.
    pub(crate) fn healer_is_here(&self) {
        self.0.healer.store(true, Ordering::Relaxed);
    }

    /// Whether somebody here heals what is wanted.
    pub(crate) fn has_healer(&self) -> bool {
        self.0.healer.load(Ordering::Relaxed)
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.0.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `sale` may lack orders.
    pub(crate) fn want(&self, sale: &SaleId) {
        let mut wanted = self.wanted();
        if !wanted.all && wanted.sales.len() < SALES_MAX && !wanted.sales.contains(sale) {
            wanted.sales.insert(sale.clone());
        }
        drop(wanted);
        self.0.wake.notify_one();
    }

    /// Any sale may lack orders.
    pub(crate) fn want_all(&self) {
        self.wanted().all = true;
        self.0.wake.notify_one();
    }

    /// What is wanted now, if anything is.
    pub(crate) fn wanted_now(&self) -> Option<Wanted> {
        let wanted = std::mem::take(&mut *self.wanted());
        (wanted.all || !wanted.sales.is_empty()).then_some(wanted)
    }

    /// Waits until something is wanted.
    pub(crate) async fn next(&self) -> Wanted {
        loop {
            if let Some(wanted) = self.wanted_now() {
                return wanted;
            }
            self.0.wake.notified().await;
        }
    }
}

/// Counts a write of the journal that failed.
fn failed(counters: &Counters) {
    count(&counters.acknowledged_write_failures);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{SaleState, Terms, UnixMillis};

    fn snapshot(commit_seq: u64) -> Snapshot {
        Snapshot {
            capacity: 9,
            held: 1,
            confirmed: 2,
            version: 4,
            commit_seq,
            state: SaleState::Open,
            terms: Terms::default(),
            at: UnixMillis(7),
        }
    }

    fn id(n: u32) -> OrderId {
        OrderId::parse(&format!("order-{n:016}")).unwrap()
    }

    fn order(record: &str) -> Order {
        Order::unpack(&id(1), record).unwrap()
    }

    fn open(directory: &Path) -> Acknowledged {
        Acknowledged::open(directory, &Arc::default()).unwrap()
    }

    #[test]
    fn the_last_word_on_each_order_survives_its_process_even_if_the_last_line_was_cut() {
        let directory = tempfile::tempdir().unwrap();
        let sale = SaleId::parse("spring").unwrap();
        let journal = open(directory.path());
        let held = order("1h:2:2:5:9:ada:lovelace");
        let paid = order("1c:2:1:5:9:ada:lovelace");
        let note = |journal: &Acknowledged, seq, n, order: &Order| {
            let (now, id) = (journal.now(), id(n));
            journal
                .note(&sale, &snapshot(seq), [(&id, order)].into_iter(), now)
                .unwrap();
        };
        note(&journal, 3, 1, &held);
        note(&journal, 5, 1, &paid);
        // Answers that came at once, noted the other way round.
        note(&journal, 8, 2, &paid);
        note(&journal, 7, 2, &held);
        drop(journal);
        let path = directory.path().join("acknowledged.log");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(
            b"s spring 9 1 2 4 9 open 0 0 0 0 10 7\no order-0000000000000003 1c:2:",
        );
        std::fs::write(&path, bytes).unwrap();

        let journal = open(directory.path());
        assert_eq!(journal.commit_seq(&sale), 8);
        note(&journal, 9, 4, &held);
        let (_, orders) = journal.read();
        let mut told: Vec<_> = orders[&sale]
            .iter()
            .map(|(id, told)| (id.to_string(), told.commit_seq, told.order.state.as_str()))
            .collect();
        told.sort();
        let name = |n| id(n).to_string();
        let wanted = [
            (name(1), 5, "confirmed"),
            (name(2), 8, "confirmed"),
            (name(4), 9, "held"),
        ];
        assert_eq!(told, wanted);
    }

    #[test]
    fn an_answer_that_was_asked_for_before_the_journal_was_read_is_not_given_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let sale = SaleId::parse("spring").unwrap();
        let journal = open(directory.path());
        let (sent, held, one) = (journal.now(), order("1h:2:2:5:9:ada"), id(1));
        let (noted, _) = journal.read();
        let orders = || [(&one, &held)].into_iter();
        assert!(journal.note(&sale, &snapshot(3), orders(), sent).is_err());
        assert!(!journal.noted_since(&sale, noted));
        let now = journal.now();
        assert!(journal.note(&sale, &snapshot(3), orders(), now).is_ok());
        assert!(journal.noted_since(&sale, noted));
    }
}
