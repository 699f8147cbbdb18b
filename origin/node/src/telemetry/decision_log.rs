//! Decision log (`stat.log`): one line for each decision.
//!
//! Handlers drop their decision into a bounded queue and go on; a thread of its own formats and
//! writes. When the disk cannot keep up, lines are dropped and counted, never waited for.

use crate::telemetry::metrics::{Counters, count};
use crate::timestamp::Rfc3339;
use lastseat_ledger::Fault;
use lastseat_ledger::clock;
use lastseat_ledger::private_file;
use shared::wire::problem::outcome_word;
use shared::{EdgeId, OrderId, Quantity, SaleId, TraceParent, UnixMillis};
use shared::{Placed, Tier};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tracing::warn;

/// Lines that may wait for the disk: about half a second at 100,000 decisions a second.
const QUEUE: usize = 65_536;
/// Pause between two writes, so that many lines share one. Each line is on its way to the disk
/// after this time.
const PAUSE: Duration = Duration::from_millis(100);
/// A file that has grown to this size becomes `stat.log.1`; the one before it is dropped.
const SIZE_MAX: u64 = 128 * 1024 * 1024;

/// One decision on one order.
#[derive(Debug)]
pub struct LoggedDecision {
    at: UnixMillis,
    sale: SaleId,
    order: OrderId,
    quantity: Quantity,
    result: &'static str,
    by: Tier,
    edge: Option<EdgeId>,
    trace: Option<TraceParent>,
}

impl LoggedDecision {
    /// The decision that `outcome` is.
    #[must_use]
    pub fn new(
        sale: &SaleId,
        order: &OrderId,
        quantity: Quantity,
        edge: Option<&EdgeId>,
        outcome: &Result<Placed, Fault>,
    ) -> Self {
        let (result, by) = outcome_word(outcome);
        Self {
            at: clock::now(),
            sale: sale.clone(),
            order: order.clone(),
            quantity,
            result,
            by,
            edge: edge.cloned(),
            trace: None,
        }
    }

    /// Names the trace that the request belongs to, if it belongs to one.
    #[must_use]
    pub fn of_trace(mut self, trace: Option<TraceParent>) -> Self {
        self.trace = trace;
        self
    }

    /// Ids have no spaces and no control characters, so a line cannot be forged.
    fn write(&self, second: &mut Second, lines: &mut Vec<u8>) {
        second.write(self.at, lines);
        for text in [" sale=", self.sale.as_str(), " order=", self.order.as_str()] {
            lines.extend_from_slice(text.as_bytes());
        }
        // Writing to memory cannot fail.
        let _ = write!(lines, " quantity={}", self.quantity.get());
        let edge = self.edge.as_ref().map_or("-", EdgeId::as_str);
        let by = self.by.as_str();
        for text in [" result=", self.result, " by=", by, " edge=", edge] {
            lines.extend_from_slice(text.as_bytes());
        }
        if let Some(trace) = &self.trace {
            let _ = write!(lines, " trace={}", trace.trace_id());
        }
        lines.push(b'\n');
    }
}

/// The text of the second that the last line was of: thousands of lines share it.
#[derive(Debug, Default)]
struct Second {
    at: UnixMillis,
    text: String,
}

impl Second {
    fn write(&mut self, at: UnixMillis, lines: &mut Vec<u8>) {
        let ms = at.0 % 1_000;
        let second = UnixMillis(at.0 - ms);
        if self.text.is_empty() || self.at != second {
            self.at = second;
            self.text = Rfc3339(second).to_string();
            // Without the milliseconds.
            self.text.truncate(20);
        }
        lines.extend_from_slice(self.text.as_bytes());
        let digits = [ms / 100, ms / 10 % 10, ms % 10];
        lines.extend(digits.map(|digit| b'0' + digit as u8));
        lines.push(b'Z');
    }
}

/// The queue to the log. Clones share it.
#[derive(Clone, Debug)]
pub struct DecisionLog {
    queue: SyncSender<Entry>,
    counters: Arc<Counters>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

#[derive(Debug)]
enum Entry {
    Line(LoggedDecision),
    End,
}

impl DecisionLog {
    /// Opens `stat.log` in `directory`, which is made if it is missing.
    ///
    /// # Errors
    /// The directory or the file cannot be made or written.
    pub fn open(directory: &Path, counters: Arc<Counters>) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let file = LogFile::open(directory.join("stat.log"), SIZE_MAX)?;
        let (queue, lines) = sync_channel(QUEUE);
        let lost = Arc::clone(&counters);
        let writer = thread::Builder::new()
            .name("stat.log".to_owned())
            .spawn(move || write(file, &lines, &lost))?;
        Ok(Self { queue, counters, writer: Arc::new(Mutex::new(Some(writer))) })
    }

    /// Notes a decision, if the queue has room.
    pub fn record(&self, decision: impl FnOnce() -> LoggedDecision) {
        if self.queue.try_send(Entry::Line(decision())).is_err() {
            count(&self.counters.stat_log_dropped);
        }
    }

    /// Writes what was noted and ends the log. Blocks.
    pub fn finish(&self) {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            let _ = self.queue.send(Entry::End);
            if writer.join().is_err() {
                warn!("the writer of stat.log panicked");
            }
        }
    }
}

fn write(mut file: LogFile, lines: &Receiver<Entry>, lost: &Counters) {
    let mut buffer = Vec::with_capacity(64 * 1024);
    let mut second = Second::default();
    let mut failing = false;
    while let Ok(first) = lines.recv() {
        let mut lines_in_buffer = 0;
        let mut ending = false;
        for entry in std::iter::once(first).chain(lines.try_iter()).take(QUEUE) {
            match entry {
                Entry::Line(decision) => decision.write(&mut second, &mut buffer),
                Entry::End => ending = true,
            }
            lines_in_buffer += 1;
        }
        match file.append(&buffer) {
            Ok(()) => failing = false,
            Err(e) => {
                lost.stat_log_dropped.fetch_add(lines_in_buffer, Ordering::Relaxed);
                if !failing {
                    warn!("{} cannot be written: {e}", file.path.display());
                }
                failing = true;
            }
        }
        buffer.clear();
        if ending {
            return;
        }
        // While this thread sleeps, senders need not wake it for each line.
        thread::sleep(PAUSE);
    }
}

/// A file that is moved aside when it has grown.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    size_max: u64,
    /// It ends with half a line: a write failed on the way.
    torn: bool,
}

impl LogFile {
    fn open(path: PathBuf, size_max: u64) -> io::Result<Self> {
        private_file::close_to_others(&older(&path));
        let file = private_file::append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { torn: !private_file::ends_with_a_line(&path)?, path, file, size, size_max })
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.size >= self.size_max {
            std::fs::rename(&self.path, older(&self.path))?;
            *self = Self::open(self.path.clone(), self.size_max)?;
        }
        if self.torn {
            self.file.write_all(b"\n")?;
            self.size += 1;
            self.torn = false;
        }
        let written = self.file.write_all(lines);
        if written.is_ok() {
            self.size += lines.len() as u64;
        } else {
            // What got out counts as lost like the rest, and what comes next must not go on behind
            // half a line.
            self.torn = self.file.set_len(self.size).is_err();
        }
        written
    }
}

fn older(path: &Path) -> PathBuf {
    path.with_extension("log.1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use lastseat_ledger::Verdict;
    use shared::Refusal;
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn directory(name: &str) -> PathBuf {
        let directory =
            std::env::temp_dir().join(format!("lastseat-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        directory
    }

    fn sold_out() -> LoggedDecision {
        let outcome = Ok(Placed { verdict: Verdict::Refused(Refusal::SoldOut), by: Tier::Origin });
        LoggedDecision {
            at: UnixMillis(0),
            ..LoggedDecision::new(
                &SaleId::parse("demo").unwrap(),
                &OrderId::parse("0123456789abcdef").unwrap(),
                Quantity::ONE,
                EdgeId::parse("e1").ok().as_ref(),
                &outcome,
            )
        }
    }

    #[test]
    fn each_decision_is_one_line_that_is_there_when_the_log_is_finished() {
        let directory = directory("stat");
        let counters = Arc::<Counters>::default();
        let log = DecisionLog::open(&directory, Arc::clone(&counters)).unwrap();
        (0..1_000).for_each(|_| log.record(sold_out));
        log.finish();
        let text = std::fs::read_to_string(directory.join("stat.log")).unwrap();
        assert_eq!(text.lines().count(), 1_000);
        assert_eq!(
            text.lines().next(),
            Some(
                "1970-01-01T00:00:00.000Z sale=demo order=0123456789abcdef quantity=1 \
                 result=sold_out by=origin edge=e1"
            )
        );
        assert_eq!(counters.stat_log_dropped.load(Ordering::Relaxed), 0);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_line_never_goes_on_behind_half_a_line_and_nobody_else_reads_the_log() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = directory("torn");
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("stat.log");
        std::fs::write(&path, "whole\nhal").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut log = LogFile::open(path.clone(), 1_000).unwrap();
        log.append(b"next\n").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "whole\nhal\nnext\n");
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn each_line_has_its_own_moment() {
        let (mut second, mut lines) = (Second::default(), Vec::new());
        for ms in [1_999, 2_000, 2_007, 1_999] {
            let at = UnixMillis(1_763_862_000_000 + ms);
            second.write(at, &mut lines);
            let text = String::from_utf8(std::mem::take(&mut lines)).unwrap();
            assert_eq!(text, Rfc3339(at).to_string());
        }
    }

    #[test]
    fn nobody_but_its_owner_reads_a_log_also_one_of_an_earlier_version() {
        let directory = directory("private");
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("stat.log");
        let mode = |name: &str| std::fs::metadata(directory.join(name)).unwrap().mode() & 0o777;
        std::fs::write(&path, "of an earlier version\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut log = LogFile::open(path, 10).unwrap();
        assert_eq!(mode("stat.log"), 0o600);
        log.append(b"a line\n").unwrap();
        assert_eq!((mode("stat.log"), mode("stat.log.1")), (0o600, 0o600));
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_log_that_has_grown_is_moved_aside_and_the_one_before_it_dropped() {
        let directory = directory("rotation");
        std::fs::create_dir_all(&directory).unwrap();
        let mut log = LogFile::open(directory.join("stat.log"), 10).unwrap();
        for line in ["first, long\n", "second, long\n", "third\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
        assert_eq!(read("stat.log"), "third\n");
        assert_eq!(read("stat.log.1"), "second, long\n");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
