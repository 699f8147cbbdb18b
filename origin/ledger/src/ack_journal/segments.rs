//! Segments of the ack journal: two in memory and the same two in files.
//!
//! The newer one is written, and when it is full the older one is dropped.

use super::codec;
use super::segment_file::Saved;
use crate::LedgerObserver;
use crate::private_file;
use shared::{Order, OrderId, SaleId, Snapshot};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pause after a write that failed. What is noted meanwhile is in memory only, and is written then.
pub(super) const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Segments {
    older: Arc<Vec<u8>>,
    older_saved: Saved,
    newer: Vec<u8>,
    newer_saved: Saved,
    /// Whether the file of the older segment still has the name of the newer one.
    to_move: bool,
    /// A segment is full at so many bytes.
    bytes: usize,
    path: PathBuf,
    /// Answers that were noted since the start.
    noted: u64,
    trouble: Option<Trouble>,
    observer: Arc<dyn LedgerObserver>,
}

/// Since when the files lack something.
#[derive(Debug)]
struct Trouble {
    since: Instant,
    tried: Instant,
}

/// The bytes as they were at one moment.
pub(super) struct Copy {
    older: Arc<Vec<u8>>,
    newer: Vec<u8>,
}

impl Copy {
    /// Hands each order that was noted to `each`, the oldest first.
    pub(super) fn read(&self, mut each: impl FnMut(&SaleId, &Snapshot, OrderId, Order)) {
        codec::read(&self.older, &mut each);
        codec::read(&self.newer, &mut each);
    }
}

impl Segments {
    pub(super) fn open(
        path: PathBuf,
        bytes: usize,
        observer: Arc<dyn LedgerObserver>,
    ) -> io::Result<Self> {
        let older = tail(&older(&path), bytes)?;
        private_file::close_to_others(&self::older(&path));
        cut_half_line(&path)?;
        let newer = tail(&path, bytes)?;
        let file = private_file::append(&path)?;
        Ok(Self {
            older_saved: Saved::all(&older, None)?,
            older: Arc::new(older),
            newer_saved: Saved::all(&newer, Some(file))?,
            newer,
            to_move: false,
            bytes,
            path,
            noted: 0,
            trouble: None,
            observer,
        })
    }

    /// Notes the orders of one answer, in memory and with one write to the file. Answers how much
    /// was noted, if it was.
    pub(super) fn append<'a>(
        &mut self,
        sale: &SaleId,
        snapshot: &Snapshot,
        orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
    ) -> Option<u64> {
        let begin = self.newer.len();
        codec::write(&mut self.newer, sale, snapshot, orders);
        if self.newer.len() == begin {
            return None;
        }
        self.noted += 1;
        if self.trouble.is_none() {
            self.save();
        } else {
            self.retry(RETRY);
        }
        if self.newer.len() >= self.bytes {
            self.turn();
        }
        Some(self.noted)
    }

    pub(super) const fn noted(&self) -> u64 {
        self.noted
    }

    pub(super) fn copy(&self) -> Copy {
        Copy { older: Arc::clone(&self.older), newer: self.newer.clone() }
    }

    /// Begins a new segment, whether or not the files follow.
    fn turn(&mut self) {
        self.older = Arc::new(std::mem::take(&mut self.newer));
        self.older_saved = std::mem::take(&mut self.newer_saved);
        self.to_move = true;
        if self.trouble.is_none() {
            self.save();
        }
    }

    /// Tries again to write what the files lack, if they lack something and the last try was
    /// `pause` ago.
    pub(super) fn retry(&mut self, pause: Duration) {
        match &self.trouble {
            Some(trouble) if trouble.tried.elapsed() >= pause => self.save(),
            Some(_) => self.show_unsaved(),
            None => {}
        }
    }

    /// Brings the files up to what memory has. That they cannot be written is no reason to refuse
    /// buyers: memory has the same, and it is tried again.
    fn save(&mut self) {
        let saved = self.try_save();
        if let Err(e) = &saved {
            self.observer.journal_write_failed();
            let now = Instant::now();
            let path = self.path.display();
            let trouble = self.trouble.get_or_insert_with(|| {
                tracing::error!(
                    "{path} cannot be written: {e}; were this node killed now together with the \
                     ledger, the orders that \
                     it acknowledges could not be restored. It is tried again every {RETRY:?}"
                );
                Trouble { since: now, tried: now }
            });
            trouble.tried = now;
        } else if let Some(trouble) = self.trouble.take() {
            tracing::info!(
                "{} is written again, after {:?}, and has what was noted meanwhile",
                self.path.display(),
                trouble.since.elapsed()
            );
        } else {
            return;
        }
        self.show_unsaved();
    }

    fn try_save(&mut self) -> io::Result<()> {
        if self.to_move {
            match fs::rename(&self.path, older(&self.path)) {
                Ok(()) => {}
                // Somebody took the file away: what it had is written once more.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {
                    self.older_saved = Saved::default();
                }
                Err(e) => return Err(e),
            }
            self.to_move = false;
        }
        if self.older_saved.lacks(&self.older) > 0 {
            self.older_saved.save(&self.older, &older(&self.path))?;
        }
        self.newer_saved.save(&self.newer, &self.path)
    }

    fn show_unsaved(&self) {
        let unsaved = self.older_saved.lacks(&self.older) + self.newer_saved.lacks(&self.newer);
        self.observer.journal_unsaved(unsaved as u64);
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

/// Cuts the half line off with which a file ends whose last write was cut: what is written next
/// must not become a part of it, and half a line of the version before, ended, would pass for a
/// line.
fn cut_half_line(path: &Path) -> io::Result<()> {
    let mut file = match OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let length = file.metadata()?.len();
    // Backwards, as far as it takes.
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let begin = end.saturating_sub(64 * 1_024);
        block.resize((end - begin) as usize, 0);
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            end = begin + at as u64 + 1;
            break;
        }
        end = begin;
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(())
}

/// The whole lines at the end of a file, at most two segments of them; nothing where there is no
/// file.
fn tail(path: &Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let most = 2 * bytes as u64;
    let length = file.metadata()?.len();
    // One byte more shows whether a line begins there.
    let begin = length.saturating_sub(most + 1);
    file.seek(SeekFrom::Start(begin))?;
    let mut text = Vec::new();
    file.take(most + 1).read_to_end(&mut text)?;
    if length > most {
        let first = text.iter().position(|byte| *byte == b'\n');
        text.drain(..first.map_or(text.len(), |at| at + 1));
    }
    let last = text.iter().rposition(|byte| *byte == b'\n');
    text.truncate(last.map_or(0, |at| at + 1));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NoObserver;
    use shared::{SaleState, Terms, UnixMillis};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn note(segments: &mut Segments, seq: u64) {
        let sale = SaleId::parse("spring").unwrap();
        let id = OrderId::parse(&format!("order-{seq:016}")).unwrap();
        let order = Order::unpack(&id, "1c:1:1:5:0:ada").unwrap();
        let snapshot = Snapshot {
            capacity: 900,
            held: 0,
            confirmed: 1,
            version: 1,
            commit_seq: seq,
            state: SaleState::Open,
            terms: Terms::default(),
            at: UnixMillis(5),
        };
        segments.append(&sale, &snapshot, [(&id, &order)].into_iter());
    }

    #[derive(Debug, Default)]
    struct Watched {
        unsaved: AtomicU64,
        failures: AtomicU64,
    }

    impl LedgerObserver for Watched {
        fn journal_write_failed(&self) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }

        fn journal_unsaved(&self, bytes: u64) {
            self.unsaved.store(bytes, Ordering::Relaxed);
        }
    }

    fn seqs(segments: &Segments) -> Vec<u64> {
        let mut seqs = Vec::new();
        let copy = segments.copy();
        copy.read(|_, snapshot, _, _| seqs.push(snapshot.commit_seq));
        seqs
    }

    #[test]
    fn what_could_not_be_written_is_in_the_files_as_soon_as_they_can_be() {
        for bytes in [100_000, 900] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("acknowledged.log");
            let watched = Arc::<Watched>::default();
            let open = || {
                let observer = Arc::<Watched>::clone(&watched);
                Segments::open(path.clone(), bytes, observer).unwrap()
            };
            let unsaved = || watched.unsaved.load(Ordering::Relaxed);
            let failures = || watched.failures.load(Ordering::Relaxed);
            let mut segments = open();
            (1..=4).for_each(|seq| note(&mut segments, seq));
            assert_eq!(unsaved(), 0);
            segments.newer_saved.on_a_full_disk();
            (5..=12).for_each(|seq| note(&mut segments, seq));
            assert!(unsaved() > 400, "{}", unsaved());
            assert_eq!(failures(), 1, "tried once a second");
            if segments.older_saved.lacks(&segments.older) > 0 {
                segments.older_saved.on_a_full_disk();
            } else {
                segments.newer_saved.on_a_full_disk();
            }
            segments.retry(Duration::ZERO);
            assert_eq!(failures(), 2);
            segments.retry(RETRY);
            assert!(unsaved() > 0, "not before its time");
            segments.retry(Duration::ZERO);
            assert_eq!((unsaved(), failures()), (0, 2));
            note(&mut segments, 13);
            let noted = seqs(&segments);
            assert!(noted.ends_with(&[8, 9, 10, 11, 12, 13]), "{noted:?}");
            assert_eq!(seqs(&open()), noted, "the files have what memory has");
        }
    }

    /// As a failed write leaves it that got half of an answer out.
    #[test]
    fn a_write_that_failed_half_way_leaves_whole_answers_and_goes_on_with_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acknowledged.log");
        let open = || Segments::open(path.clone(), 100_000, Arc::new(NoObserver)).unwrap();
        let mut segments = open();
        (1..=3).for_each(|seq| note(&mut segments, seq));
        let text = fs::read(&path).unwrap();
        let answers: Vec<usize> =
            (0..=text.len()).filter(|at| codec::whole_answers(&text, *at) == *at).collect();
        assert_eq!(answers.len(), 4, "{answers:?}");
        for most in 0..=text.len() {
            let whole = answers.iter().rfind(|at| **at <= most).unwrap();
            assert_eq!(codec::whole_answers(&text, most), *whole);
        }
        // One that could not be cut off.
        segments.newer_saved.leave_half_a_line(&text[..50]);
        (4..=5).for_each(|seq| note(&mut segments, seq));
        assert_eq!(seqs(&open()), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn files_that_others_could_read_are_taken_from_them() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acknowledged.log");
        for file in [path.clone(), older(&path)] {
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        }
        let mut segments = Segments::open(path.clone(), 300, Arc::new(NoObserver)).unwrap();
        let closed = || {
            for file in [&path, &older(&path)] {
                let mode = fs::metadata(file).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", file.display());
            }
        };
        closed();
        (1..=8).for_each(|seq| note(&mut segments, seq));
        closed();
    }

    #[test]
    fn two_segments_bound_the_journal_and_the_last_orders_are_always_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acknowledged.log");
        let sale = SaleId::parse("spring").unwrap();
        let id = |n: u64| OrderId::parse(&format!("order-{n:016}")).unwrap();
        let order = Order::unpack(&id(1), "1c:1:1:5:0:ada").unwrap();
        let bytes = 2_000;
        let open = || Segments::open(path.clone(), bytes, Arc::new(NoObserver)).unwrap();
        let mut segments = open();
        for seq in 1..=500 {
            let snapshot = Snapshot {
                capacity: 900,
                held: 0,
                confirmed: seq as u32,
                version: 1,
                commit_seq: seq,
                state: SaleState::Open,
                terms: Terms::default(),
                at: UnixMillis(5),
            };
            let one = id(seq);
            segments.append(&sale, &snapshot, [(&one, &order)].into_iter());
            assert!(segments.newer.len() < bytes && segments.older.len() < bytes + 200);
        }
        for segments in [&segments, &open()] {
            let mut seqs = Vec::new();
            segments.copy().read(|_, snapshot, _, _| seqs.push(snapshot.commit_seq));
            assert_eq!(seqs.last(), Some(&500));
            assert!(seqs.windows(2).all(|pair| pair[0] + 1 == pair[1]));
            assert!(seqs.len() > 20, "a whole segment at least: {}", seqs.len());
        }
        let on_disk: u64 = fs::read_dir(directory.path())
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(on_disk < 2 * bytes as u64 + 200, "{on_disk}");
    }
}
