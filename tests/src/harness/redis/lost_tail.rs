//! The end of an append-only file that a power failure takes, and which orders went with it.

use super::{AppendOnlyFiles, RedisSetup};
use crate::harness::ledger;
use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Bytes that are lost, chosen by chance: some commands up to some hundred.
pub const TAIL_BYTES: Range<u64> = 2_000..20_000;
/// A process that was sent SIGSTOP stands still by then, on any machine.
const STANDS_STILL_WITHIN: Duration = Duration::from_secs(5);

/// The files before and after the last bytes of one were lost.
#[derive(Debug)]
pub struct LostTail {
    bytes: u64,
    before: TempDir,
    after: TempDir,
}

impl LostTail {
    /// Takes about `bytes` off the file that grows, up to inside a script, and never more than half
    /// of what follows its first `kept` bytes. Whoever writes to it was killed, or stands still.
    ///
    /// # Errors
    /// It has no script after those.
    ///
    /// # Panics
    /// The files cannot be read.
    pub fn cut(files: &AppendOnlyFiles, bytes: u64, kept: u64) -> Result<Self> {
        let before = files.copy();
        let most = files.length().saturating_sub(kept) / 2;
        let bytes = files.cut_inside_a_script(bytes.min(most), kept);
        let bytes = bytes.context("the append-only file has no script to cut")?;
        Ok(Self { bytes, before, after: files.copy() })
    }

    /// Bytes that are gone.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The orders of `sale` that are gone, by id. It starts a Redis on either copy, so it takes as
    /// long as that reads its file, twice.
    ///
    /// # Errors
    /// A Redis does not start on its copy.
    pub async fn orders(self, sale: &str) -> Result<BTreeSet<String>> {
        let (before, after) = (ids(self.before, sale).await?, ids(self.after, sale).await?);
        Ok(before.difference(&after).cloned().collect())
    }
}

/// The orders of `sale` in a copy of the files of a Redis, by id.
async fn ids(copy: TempDir, sale: &str) -> Result<BTreeSet<String>> {
    let redis = RedisSetup::default().on(copy).try_start()?;
    let orders = ledger::orders(&redis.url(), sale).await?;
    Ok(orders.keys().map(ToString::to_string).collect())
}

/// Has the Redis with this process lose its last bytes and end, as a power failure has it, while
/// somebody else is about to start it again: it stands still while its file is cut, so it writes
/// nothing behind the cut, and does not go on from there.
///
/// # Errors
/// The process is gone or does not stand still, or as [`LostTail::cut`]. It was killed all the
/// same.
///
/// # Panics
/// As [`LostTail::cut`].
pub fn power_fails(
    pid: u32,
    files: &AppendOnlyFiles,
    (bytes, kept): (u64, u64),
) -> Result<LostTail> {
    let process = Pid::from_raw(pid.cast_signed()).context("a process id")?;
    kill_process(process, Signal::STOP).context("SIGSTOP of Redis")?;
    let lost = stands_still(pid).and_then(|()| LostTail::cut(files, bytes, kept));
    kill_process(process, Signal::KILL).context("kill -9 of Redis")?;
    lost
}

fn stands_still(pid: u32) -> Result<()> {
    let begun = Instant::now();
    loop {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).context("its state")?;
        if status.lines().any(|line| line.starts_with("State:\tT")) {
            return Ok(());
        }
        let late = begun.elapsed() > STANDS_STILL_WITHIN;
        ensure!(!late, "process {pid} does not stand still within {STANDS_STILL_WITHIN:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
