//! A Redis on a TCP port that is killed, changed and started again on the same data while others
//! use it. It may live on a small disk of its own, to be filled up.

use super::paths::{scratch, tool};
use super::program::Program;
use super::small_disk::SmallDisk;
use anyhow::{Context, Result, bail, ensure};
use redis::{Client, Value};
use rustix::process::Signal;
use std::fs::{self, OpenOptions};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::time::sleep;

/// Time that it may take until it answers, without a delay that a test asked for.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// A killed process is gone by then.
const GONE_WITHIN: Duration = Duration::from_secs(10);

/// A Redis with an append-only file that is synced at each write.
#[derive(Debug)]
pub struct TcpRedis {
    // Before the disk and the directory, so that it is stopped before its files go.
    program: Program,
    disk: Option<SmallDisk>,
    directory: TempDir,
    port: u16,
}

impl TcpRedis {
    /// Starts one and waits until it answers.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start() -> Result<Self> {
        Self::begin(scratch()?, None).await
    }

    /// Starts one whose data lies on a disk of so many MiB.
    ///
    /// # Errors
    /// It does not come up, or nobody may mount such a disk here.
    pub async fn start_on_small_disk(mib: u32) -> Result<Self> {
        let directory = scratch()?;
        let disk = SmallDisk::mount(directory.path(), mib)?;
        Self::begin(directory, Some(disk)).await
    }

    /// Starts one on the data that lies in `directory`.
    ///
    /// # Errors
    /// It does not come up.
    pub async fn start_on(directory: TempDir) -> Result<Self> {
        Self::begin(directory, None).await
    }

    async fn begin(directory: TempDir, disk: Option<SmallDisk>) -> Result<Self> {
        let port = lastseat_cluster::process::free_port()?;
        let redis = Self {
            program: run(directory.path(), disk.as_ref(), port, &[])?,
            disk,
            directory,
            port,
        };
        redis.answers().await?;
        Ok(redis)
    }

    /// Where clients go.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), self.port)
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Its disk, if it has one of its own.
    #[must_use]
    pub const fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// Kills it with SIGKILL and waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub fn kill(&mut self) -> Result<()> {
        self.program.signal(Signal::KILL);
        self.ended()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub fn ended(&mut self) -> Result<()> {
        self.program.wait(GONE_WITHIN).map(drop)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.program.wait(Duration::ZERO).is_ok()
    }

    /// Starts it again on the same data, with these options more; it may read its files for a
    /// while.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start_again(&mut self, options: &[&str]) -> Result<()> {
        let place = self.directory.path();
        self.program = run(place, self.disk.as_ref(), self.port, options)?;
        Ok(())
    }

    /// Waits until it has read its files and answers.
    ///
    /// # Errors
    /// It does not within 20 s.
    pub async fn answers(&self) -> Result<()> {
        let begun = Instant::now();
        while let Err(why) = self.command(&["PING"]).await {
            if begun.elapsed() > READY_WITHIN {
                let notes = self.program.notes();
                return Err(why.context(format!("Redis is not ready\n{notes}")));
            }
            sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Sends it a command.
    ///
    /// # Errors
    /// It does not answer, or not as one would like.
    pub async fn command(&self, words: &[&str]) -> Result<Value> {
        command(&self.url(), words).await
    }

    /// Has it write what it holds into the first part of its append-only file, and waits for that.
    ///
    /// # Errors
    /// It does not, within 20 s.
    pub async fn rewrite(&self) -> Result<()> {
        self.command(&["BGREWRITEAOF"]).await?;
        let begun = Instant::now();
        loop {
            let info = self.command(&["INFO", "persistence"]).await?;
            if format!("{info:?}").contains("aof_rewrite_in_progress:0") {
                return Ok(());
            }
            ensure!(begun.elapsed() < READY_WITHIN, "the file is not rewritten");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// A copy of its files, as they are now.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn copy(&self) -> Result<TempDir> {
        let copy = scratch()?;
        let (from, to) = (self.log_directory(), copy.path().join(AOF));
        fs::create_dir(&to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok(copy)
    }

    /// Cuts the last `bytes` off its append-only file, as a power failure does to what no disk has.
    ///
    /// # Errors
    /// The file is shorter, or not there.
    pub fn cut_tail(&self, bytes: u64) -> Result<()> {
        let file = self.tail()?;
        let length = fs::metadata(&file)?.len();
        ensure!(length > bytes, "{} has {length} bytes only", file.display());
        let open = OpenOptions::new().write(true).open(&file)?;
        open.set_len(length - bytes).context("cutting")
    }

    /// Cuts its append-only file as [`TcpRedis::cut_tail`] does, some bytes earlier: inside the
    /// last command of a script, the one that writes the counters, so that everything else of that
    /// script stays. How many bytes that took.
    ///
    /// # Errors
    /// The file is shorter, or has no such script.
    pub fn cut_inside_a_script(&self, bytes: u64) -> Result<u64> {
        const COUNTERS: &[u8] = b":sale\r\n";
        let file = fs::read(self.tail()?)?;
        let before = file.len().saturating_sub(usize::try_from(bytes)?);
        let mut places = file[..before].windows(COUNTERS.len());
        let place = places.rposition(|place| place == COUNTERS);
        let place = place.context("no script before the end that was asked for")?;
        let cut = file.len() - place - COUNTERS.len();
        self.cut_tail(cut.try_into()?)?;
        Ok(cut.try_into()?)
    }

    /// How long the file is that it appends to.
    ///
    /// # Errors
    /// It is not there.
    pub fn tail_length(&self) -> Result<u64> {
        Ok(fs::metadata(self.tail()?)?.len())
    }

    /// The file that it appends to: the last one, while an older one is rewritten.
    fn tail(&self) -> Result<PathBuf> {
        let mut last = None;
        for entry in fs::read_dir(self.log_directory())? {
            let path = entry?.path();
            let name = path.to_string_lossy();
            let number = name.strip_suffix(".incr.aof").and_then(|name| {
                let (_, number) = name.rsplit_once('.')?;
                number.parse::<u64>().ok()
            });
            last = last.max(number.map(|number| (number, path.clone())));
        }
        let Some((_, path)) = last else {
            bail!("there is no append-only file in {}", self.log_directory().display())
        };
        Ok(path)
    }

    fn log_directory(&self) -> PathBuf {
        self.directory.path().join(AOF)
    }
}

/// Redis's own name for the place of its append-only file.
const AOF: &str = "appendonlydir";

fn run(place: &Path, disk: Option<&SmallDisk>, port: u16, options: &[&str]) -> Result<Program> {
    let server = tool("redis-server");
    let mut command = match disk {
        Some(disk) => disk.on_it(&server),
        None => Command::new(server),
    };
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1"]);
    command.arg("--dir").arg(place);
    command.args(["--save", "", "--daemonize", "no"]);
    command.args(["--appendonly", "yes", "--appendfsync", "always"]);
    command.args(options);
    Program::start("redis-server", command)
}

/// Sends a command to the Redis at `url` (also `unix:/path`) over a connection of its own.
///
/// # Errors
/// It does not answer, or not as one would like.
pub async fn command(url: &str, words: &[&str]) -> Result<Value> {
    let url = match url.strip_prefix("unix:") {
        Some(path) => format!("redis+unix://{}", path.trim_start_matches("//")),
        None => url.to_owned(),
    };
    let client = Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    let (name, arguments) = words.split_first().context("a command")?;
    let answer = redis::cmd(name).arg(arguments).query_async(&mut connection).await;
    answer.with_context(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn value(redis: &TcpRedis) -> Value {
        redis.command(&["GET", "n"]).await.unwrap()
    }

    #[tokio::test]
    async fn what_was_acknowledged_survives_a_kill_and_a_cut_tail_does_not() {
        let mut redis = TcpRedis::start().await.unwrap();
        for _ in 0..5 {
            redis.command(&["INCR", "n"]).await.unwrap();
        }
        redis.kill().unwrap();
        let copy = redis.copy().unwrap();
        redis.start_again(&[]).unwrap();
        redis.answers().await.unwrap();
        assert_eq!(value(&redis).await, Value::BulkString(b"5".to_vec()));
        redis.kill().unwrap();
        redis.cut_tail(3).unwrap();
        redis.start_again(&[]).unwrap();
        redis.answers().await.unwrap();
        assert_eq!(value(&redis).await, Value::BulkString(b"4".to_vec()));
        let whole = TcpRedis::start_on(copy).await.unwrap();
        assert_eq!(value(&whole).await, Value::BulkString(b"5".to_vec()));
    }

    #[tokio::test]
    async fn on_a_full_disk_nothing_is_acknowledged_that_is_not_kept() {
        let mut redis = TcpRedis::start_on_small_disk(8).await.unwrap();
        redis.command(&["INCR", "n"]).await.unwrap();
        redis.disk().unwrap().fill().unwrap();
        let large = "x".repeat(100_000);
        assert!(redis.command(&["SET", "large", &large]).await.is_err());
        redis.ended().unwrap();
        redis.disk().unwrap().empty().unwrap();
        redis.start_again(&[]).unwrap();
        redis.answers().await.unwrap();
        assert_eq!(value(&redis).await, Value::BulkString(b"1".to_vec()));
    }
}
