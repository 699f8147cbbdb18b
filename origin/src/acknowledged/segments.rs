//! The journal's bytes: two segments in memory and the same two in files. The newer one is written, and when it is full
//! the older one is dropped.

use super::lines;
use crate::metrics::Counters;
use shared::{Order, OrderId, SaleId, Snapshot};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Segments {
    older: Arc<Vec<u8>>,
    newer: Vec<u8>,
    /// A segment is full at so many bytes.
    bytes: usize,
    path: PathBuf,
    file: Option<File>,
    /// Answers that were noted since the start.
    noted: u64,
    counters: Arc<Counters>,
}

/// The bytes as they were at one moment.
pub(super) struct Copy {
    older: Arc<Vec<u8>>,
    newer: Vec<u8>,
}

impl Copy {
    /// Hands each order that was noted to `each`, the oldest first.
    pub(super) fn read(&self, mut each: impl FnMut(&SaleId, &Snapshot, OrderId, Order)) {
        lines::read(&self.older, &mut each);
        lines::read(&self.newer, &mut each);
    }
}

impl Segments {
    pub(super) fn open(path: PathBuf, bytes: usize, counters: Arc<Counters>) -> io::Result<Self> {
        let older = tail(&older(&path), bytes)?;
        let mut newer = tail(&path, bytes)?;
        let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
        if newer.last().is_some_and(|last| *last != b'\n') {
            // Its last line was cut; what comes now must not become a part of it.
            file.write_all(b"\n")?;
            newer.push(b'\n');
        }
        Ok(Self {
            older: Arc::new(older),
            newer,
            bytes,
            path,
            file: Some(file),
            noted: 0,
            counters,
        })
    }

    /// Notes the orders of one answer, in memory and with one write to the file. Answers how much was noted, if it was.
    pub(super) fn append<'a>(
        &mut self,
        sale: &SaleId,
        snapshot: &Snapshot,
        orders: impl Iterator<Item = (&'a OrderId, &'a Order)>,
    ) -> Option<u64> {
        let begin = self.newer.len();
        lines::write(&mut self.newer, sale, snapshot, orders);
        if self.newer.len() == begin {
            return None;
        }
        self.noted += 1;
        let written = match &mut self.file {
            Some(file) => file.write_all(&self.newer[begin..]),
            None => Err(io::ErrorKind::NotFound.into()),
        };
        self.told(written);
        if self.newer.len() >= self.bytes {
            self.turn();
        }
        Some(self.noted)
    }

    pub(super) const fn noted(&self) -> u64 {
        self.noted
    }

    pub(super) fn copy(&self) -> Copy {
        Copy {
            older: Arc::clone(&self.older),
            newer: self.newer.clone(),
        }
    }

    fn turn(&mut self) {
        self.older = Arc::new(std::mem::take(&mut self.newer));
        let turned = fs::rename(&self.path, older(&self.path)).and_then(|()| {
            let mut options = OpenOptions::new();
            options.create(true).append(true).open(&self.path)
        });
        match turned {
            Ok(file) => self.file = Some(file),
            Err(e) => self.told(Err(e)),
        }
    }

    /// A file that cannot be written is no reason to refuse buyers: memory has the same.
    fn told(&self, written: io::Result<()>) {
        if let Err(e) = written {
            super::failed(&self.counters);
            tracing::error!(
                "{} cannot be written: {e}; were this node killed now together with the ledger, the orders that it \
                 acknowledges could not be restored",
                self.path.display()
            );
        }
    }
}

fn older(path: &std::path::Path) -> PathBuf {
    path.with_extension("log.1")
}

/// The end of a file, at most twice a segment; nothing where there is no file.
fn tail(path: &std::path::Path, bytes: usize) -> io::Result<Vec<u8>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let most = 2 * bytes as u64;
    let begin = file.metadata()?.len().saturating_sub(most);
    file.seek(SeekFrom::Start(begin))?;
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{SaleState, Terms, UnixMillis};

    #[test]
    fn two_segments_bound_the_journal_and_the_last_orders_are_always_there() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("acknowledged.log");
        let sale = SaleId::parse("spring").unwrap();
        let id = |n: u64| OrderId::parse(&format!("order-{n:016}")).unwrap();
        let order = Order::unpack(&id(1), "1c:1:1:5:0:ada").unwrap();
        let bytes = 2_000;
        let open = || Segments::open(path.clone(), bytes, Arc::default()).unwrap();
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
            segments
                .copy()
                .read(|_, snapshot, _, _| seqs.push(snapshot.commit_seq));
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
