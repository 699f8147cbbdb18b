//! Ack journal: snapshots seen and orders acknowledged by this process, for recovery.
//!
//! What this process has seen of each sale and which orders it acknowledged: what a ledger that has
//! lost its last moments is healed from. Bounded, in memory and in a file of the node.

mod codec;
#[cfg(test)]
mod damage;
mod last_seen;
mod segment_file;
mod segments;

pub use codec::AckedOrder;

use crate::LedgerObserver;
use last_seen::LastSeen;
use segments::Segments;
use shared::limits::{ACKNOWLEDGED_SEGMENT_BYTES, SALES_MAX};
use shared::{Order, OrderId, SaleId, Snapshot};
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A full table is not searched for each new sale.
const FORGOTTEN_AT_ONCE: usize = SALES_MAX / 16;

/// The acknowledged orders of each sale, the last word on each.
pub type AckedOrders = HashMap<SaleId, HashMap<OrderId, AckedOrder>>;

/// Clones share it.
#[derive(Clone, Debug, Default)]
pub struct AckJournal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    sales: RwLock<HashMap<SaleId, Arc<LastSeen>>>,
    /// `None` in a process that only reads, such as a command.
    journal: Option<Mutex<Segments>>,
    /// How often the journal was read: an answer to a call that was sent before is not given.
    readings: AtomicU64,
}

/// The moment at which a call was sent.
#[derive(Clone, Copy, Debug)]
pub struct SentMark(u64);

/// Recovery has already read the journal, so this reply may come from a deposed primary. It must
/// not be acknowledged.
#[derive(Clone, Copy, Debug)]
pub struct TooLate;

impl AckJournal {
    /// Opens the journal in `directory`, which is made if it is missing, and reads what is there.
    ///
    /// # Errors
    /// The directory or the file cannot be made, read or written.
    pub fn open(directory: &Path, observer: Arc<dyn LedgerObserver>) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let path = directory.join("acknowledged.log");
        let segments = Segments::open(path, ACKNOWLEDGED_SEGMENT_BYTES, observer)?;
        let mut sales = HashMap::new();
        segments.copy().read(|sale, snapshot, _, _| {
            if sales.len() < SALES_MAX || sales.contains_key(sale) {
                let last_seen: &mut Arc<LastSeen> = sales.entry(sale.clone()).or_default();
                last_seen.observe(snapshot);
            }
        });
        Ok(Self(Arc::new(Inner {
            sales: RwLock::new(sales),
            journal: Some(Mutex::new(segments)),
            ..Inner::default()
        })))
    }

    /// The highest `commit_seq` seen of `sale`, and what came with it.
    pub fn last(&self, sale: &SaleId) -> Option<Snapshot> {
        self.of(sale)?.last()
    }

    /// The highest `commit_seq` seen of `sale`.
    pub fn commit_seq(&self, sale: &SaleId) -> u64 {
        self.of(sale).map_or(0, |last_seen| last_seen.commit_seq())
    }

    /// The sales of which anything was seen.
    pub fn sales(&self) -> Vec<SaleId> {
        let sales = self.0.sales.read().unwrap_or_else(PoisonError::into_inner);
        sales.keys().cloned().collect()
    }

    fn of(&self, sale: &SaleId) -> Option<Arc<LastSeen>> {
        let sales = self.0.sales.read().unwrap_or_else(PoisonError::into_inner);
        sales.get(sale).cloned()
    }

    /// Updates the last seen snapshot of `sale`.
    pub fn observe(&self, sale: &SaleId, snapshot: &Snapshot) {
        if let Some(last_seen) = self.of(sale) {
            return last_seen.observe(snapshot);
        }
        let mut sales = self.0.sales.write().unwrap_or_else(PoisonError::into_inner);
        if sales.len() >= SALES_MAX && !sales.contains_key(sale) && !snapshot.has_ended() {
            forget_ended(&mut sales);
        }
        if sales.len() < SALES_MAX || sales.contains_key(sale) {
            sales.entry(sale.clone()).or_default().observe(snapshot);
        }
    }

    /// Now, for [`AckJournal::note`].
    #[must_use]
    pub fn now(&self) -> SentMark {
        SentMark(self.0.readings.load(Ordering::Acquire))
    }

    /// Notes orders as they are acknowledged, before any response is sent. They were asked for at
    /// `sent`.
    ///
    /// # Errors
    /// They must not be acknowledged: what was noted has been read meanwhile.
    pub fn note<'a>(
        &self,
        sale: &SaleId,
        snapshot: &Snapshot,
        orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
        sent: SentMark,
    ) -> Result<(), TooLate> {
        self.observe(sale, snapshot);
        let Some(journal) = &self.0.journal else {
            return Ok(());
        };
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        if self.0.readings.load(Ordering::Acquire) != sent.0 {
            return Err(TooLate);
        }
        let noted = journal.append(sale, snapshot, orders);
        drop(journal);
        if let (Some(noted), Some(last_seen)) = (noted, self.of(sale)) {
            last_seen.note_at(noted);
        }
        Ok(())
    }

    /// Reads all that was noted. Whatever is asked for before this and answered after it is
    /// [`TooLate`].
    ///
    /// Answers how much had been noted, for [`AckJournal::noted_since`]. Takes some tens of
    /// milliseconds where the journal is full: not for the threads of a runtime.
    ///
    /// With `first`, answers that are under way count: this process has asked no other server that
    /// could give them.
    pub fn read(&self, first: bool) -> (u64, AckedOrders) {
        let Some(journal) = &self.0.journal else {
            return (0, AckedOrders::new());
        };
        let journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        if !first {
            self.0.readings.fetch_add(1, Ordering::Release);
        }
        let (noted, copy) = (journal.noted(), journal.copy());
        drop(journal);
        let mut orders = AckedOrders::new();
        copy.read(|sale, snapshot, id, order| {
            let acked = AckedOrder { commit_seq: snapshot.commit_seq, order };
            if !orders.contains_key(sale) {
                orders.insert(sale.clone(), HashMap::new());
            }
            if let Some(of_sale) = orders.get_mut(sale) {
                // Two answers that came at once may be noted in either sequence.
                let newest = of_sale
                    .get(&id)
                    .is_none_or(|known: &AckedOrder| known.commit_seq <= acked.commit_seq);
                if newest {
                    of_sale.insert(id, acked);
                }
            }
        });
        (noted, orders)
    }

    /// Tries again to write what the file lacks after a write that failed; at most once a second.
    /// Writes up to two segments: not for the threads of a runtime.
    pub fn write_missing(&self) {
        if let Some(journal) = &self.0.journal {
            let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
            journal.retry(segments::RETRY);
        }
    }

    /// Whether anything of `sale` was noted after so much had been noted.
    pub fn noted_since(&self, sale: &SaleId, noted: u64) -> bool {
        self.of(sale).is_some_and(|last_seen| last_seen.noted() > noted)
    }
}

/// Forgets those of the sales that have ended which were seen longest ago: a sale that sells has a
/// place. What was noted of their orders stays in the journal.
fn forget_ended(sales: &mut HashMap<SaleId, Arc<LastSeen>>) {
    let seen = |(sale, seen): (&SaleId, &Arc<LastSeen>)| Some((seen.last()?, sale.clone()));
    let ended = sales.iter().filter_map(seen).filter(|(last, _)| last.has_ended());
    let mut ended: Vec<_> = ended.map(|(last, sale)| (last.at, sale)).collect();
    ended.sort_unstable();
    for (_, sale) in ended.into_iter().take(FORGOTTEN_AT_ONCE) {
        sales.remove(&sale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoObserver;
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

    fn open(directory: &Path) -> AckJournal {
        AckJournal::open(directory, Arc::new(NoObserver)).unwrap()
    }

    #[test]
    fn the_last_word_on_each_order_survives_its_process_even_if_the_last_line_was_cut() {
        let directory = tempfile::tempdir().unwrap();
        let sale = SaleId::parse("spring").unwrap();
        let journal = open(directory.path());
        let held = order("1h:2:2:5:9:ada:lovelace");
        let paid = order("1c:2:1:5:9:ada:lovelace");
        let note = |journal: &AckJournal, seq, n, order: &Order| {
            let (now, id) = (journal.now(), id(n));
            journal.note(&sale, &snapshot(seq), [(&id, order)].into_iter(), now).unwrap();
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
        let (_, orders) = journal.read(false);
        let mut acked: Vec<_> = orders[&sale]
            .iter()
            .map(|(id, acked)| (id.to_string(), acked.commit_seq, acked.order.state.as_str()))
            .collect();
        acked.sort();
        let name = |n| id(n).to_string();
        let wanted = [(name(1), 5, "confirmed"), (name(2), 8, "confirmed"), (name(4), 9, "held")];
        assert_eq!(acked, wanted);
    }

    /// Written by lastseat before its lines had checksums; the process died on the way with the
    /// last one.
    #[test]
    fn a_journal_of_the_version_before_is_read_and_gone_on_with() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acknowledged.log");
        let before = include_bytes!("before.journal");
        let torn = b"o order-before-00007 1h:1:1:1795902654188:1795903254188:zo";
        std::fs::write(&path, [&before[..], torn].concat()).unwrap();
        let wanted = [
            ("autumn", "order-before-00002", 3, "1x:1:1:1795902653925:1795903253925:bob"),
            ("autumn", "order-before-00004", 6, "1h:1:1:1795902654188:1795903254188:zoe"),
            ("autumn", "order-before-00005", 5, "1h:1:1:1795902654187:1795903254187:zoe"),
            ("autumn", "order-before-00006", 4, "1h:1:1:1795902654142:1795903254142:zoe"),
            ("spring", "order-before-00001", 4, "1c:2:1:1795902653871:1795903253871:ada:lovelace"),
            ("spring", "order-before-00003", 3, "1h:3:3:1795902654001:1795903254001:eve"),
        ];
        let mut wanted: Vec<(String, String, u64, String)> = wanted
            .map(|(sale, id, seq, record)| (sale.into(), id.into(), seq, record.into()))
            .into();
        let read = |journal: &AckJournal| {
            let (_, orders) = journal.read(false);
            let mut read = Vec::new();
            for (sale, orders) in &orders {
                for (id, acked) in orders {
                    let (record, seq) = (acked.order.record().to_string(), acked.commit_seq);
                    read.push((sale.to_string(), id.to_string(), seq, record));
                }
            }
            read.sort();
            read
        };
        let journal = open(directory.path());
        assert_eq!(read(&journal), wanted);
        let (sale, now, one) = (SaleId::parse("winter").unwrap(), journal.now(), id(1));
        let held = order("1h:2:2:5:9:ada");
        let orders = [(&one, &held)].into_iter();
        journal.note(&sale, &snapshot(3), orders, now).unwrap();
        drop(journal);
        wanted.push(("winter".into(), one.to_string(), 3, "1h:2:2:5:9:ada".into()));
        assert_eq!(read(&open(directory.path())), wanted);
    }

    #[test]
    fn a_full_table_forgets_sales_that_have_ended_for_one_that_sells() {
        let ended = Snapshot { state: SaleState::Closed, held: 0, ..snapshot(5) };
        let named = |n: usize| SaleId::parse(&format!("sale-{n}")).unwrap();
        let journal = AckJournal::default();
        for n in 0..SALES_MAX {
            let at = UnixMillis(n as u64 + 1);
            journal.observe(&named(n), &Snapshot { at, ..ended });
        }
        journal.observe(&named(SALES_MAX), &ended);
        assert_eq!(journal.commit_seq(&named(SALES_MAX)), 0, "it takes no place from others");
        journal.observe(&named(SALES_MAX + 1), &snapshot(7));
        assert_eq!(journal.commit_seq(&named(SALES_MAX + 1)), 7);
        assert_eq!(journal.commit_seq(&named(0)), 0, "seen longest ago");
        assert_eq!(journal.commit_seq(&named(SALES_MAX - 1)), 5);
    }

    #[test]
    fn an_answer_that_was_asked_for_before_the_journal_was_read_is_not_given_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let sale = SaleId::parse("spring").unwrap();
        let journal = open(directory.path());
        let (sent, held, one) = (journal.now(), order("1h:2:2:5:9:ada"), id(1));
        let (noted, _) = journal.read(false);
        let orders = || [(&one, &held)].into_iter();
        assert!(journal.note(&sale, &snapshot(3), orders(), sent).is_err());
        assert!(!journal.noted_since(&sale, noted));
        let now = journal.now();
        assert!(journal.note(&sale, &snapshot(3), orders(), now).is_ok());
        assert!(journal.noted_since(&sale, noted));
    }
}
