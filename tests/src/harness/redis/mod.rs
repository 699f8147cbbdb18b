//! A Redis server of one test's own, never the system's one: on a Unix socket in a directory of its
//! own, and on a port of 127.0.0.1 where other servers must reach it. [`RedisSetup`] starts it. It
//! can be killed, changed on disk and started again while others use it.

pub mod append_only;
pub mod cluster;
pub mod content;
pub mod deployed;
pub mod lost_tail;
pub mod sentinel;
pub mod setup;
pub mod users;

pub use append_only::AppendOnlyFiles;
pub use cluster::RedisCluster;
pub use deployed::Deployed;
pub use lost_tail::LostTail;
pub use sentinel::RedisSentinel;
pub use setup::{NotStarted, RedisSetup};

use super::ledger::{client, patient};
use super::paths::tool;
use super::program::Program;
use super::small_disk::SmallDisk;
use super::wait::{PATIENCE, until};
use anyhow::{Context, Result, ensure};
use redis::{FromRedisValue, RedisResult, Value};
use rustix::process::Signal;
use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use users::password;

/// Time that it may take until it answers, without a delay that a test asked for.
const READY_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks at whether it does.
const LOOK: Duration = Duration::from_millis(3);

/// What survives a crash of a [`PrivateRedis`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Every write, before it is answered (AOF `always`).
    #[default]
    Always,
    /// Nothing.
    Off,
}

/// A redis-server, stopped when dropped.
pub struct PrivateRedis {
    // Before the disk and the directory, so that it is stopped before its files go.
    /// None when it was killed.
    program: Option<Program>,
    disk: Option<SmallDisk>,
    directory: TempDir,
    setup: RedisSetup,
    port: Option<u16>,
}

impl fmt::Debug for PrivateRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateRedis").field(&self.url()).finish()
    }
}

impl PrivateRedis {
    /// Starts one on a Unix socket.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start(durability: Durability) -> Self {
        RedisSetup::new(durability).start()
    }

    /// Starts one with more options, such as `["--maxmemory-policy", "allkeys-lru"]`.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start_with(durability: Durability, options: &[&str]) -> Self {
        RedisSetup::new(durability).options(options).start()
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its append-only file.
    #[must_use]
    pub fn files(&self) -> AppendOnlyFiles {
        AppendOnlyFiles::of(self.directory())
    }

    /// Its Unix socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory().join("redis.sock")
    }

    /// Its disk, if it has one of its own.
    #[must_use]
    pub const fn disk(&self) -> Option<&SmallDisk> {
        self.disk.as_ref()
    }

    /// Where other servers reach it.
    ///
    /// # Panics
    /// It has no port.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        let port = self.port.expect("a Redis with a port");
        SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port)
    }

    /// How a client reaches it: by its port if it has one, as the user of lastseat if it has users.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("lastseat")
    }

    fn url_of(&self, user: &str) -> String {
        let password = self.setup.users.then(|| password(user));
        match (self.port, password) {
            (Some(_), Some(password)) => format!("redis://{user}:{password}@{}", self.address()),
            (Some(_), None) => format!("redis://{}", self.address()),
            (None, password) => {
                let user = password.map(|password| format!("?user={user}&pass={password}"));
                format!("redis+unix://{}{}", self.socket().display(), user.unwrap_or_default())
            }
        }
    }

    fn program(&self) -> &Program {
        self.program.as_ref().unwrap_or_else(|| panic!("{self:?} does not run"))
    }

    /// Its process.
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program().pid()
    }

    /// Whether it was not killed.
    #[must_use]
    pub const fn runs(&self) -> bool {
        self.program.is_some()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.program.as_mut().is_none_or(|program| program.wait(Duration::ZERO).is_ok())
    }

    /// Sends it a signal: it freezes, or goes on.
    ///
    /// # Panics
    /// It does not run.
    pub fn signal(&self, signal: Signal) {
        self.program().signal(signal);
    }

    /// Kills it as a crash does, with the child that may be rewriting its file. Its files stay.
    ///
    /// # Panics
    /// It does not end.
    pub fn kill(&mut self) {
        self.end(|program| program.signal_group(Signal::KILL));
    }

    /// Stops it as an operator does.
    ///
    /// # Panics
    /// It does not end.
    pub fn stop(&mut self) {
        self.end(|program| program.signal(Signal::TERM));
    }

    fn end(&mut self, ask: impl FnOnce(&Program)) {
        if let Some(mut program) = self.program.take() {
            program.stop_after(ask).expect("Redis is gone");
        }
        // Nobody shall find the socket of a server that is gone.
        let _ = fs::remove_file(self.socket());
    }

    /// Kills it and keeps what it had written.
    #[must_use]
    pub fn into_directory(mut self) -> TempDir {
        self.kill();
        self.directory
    }

    /// Starts it again on its files and its port, with these options more, and waits until it has
    /// read its files.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self, more: &[&str]) {
        self.spawn_again(more);
        self.wait_until_ready().expect("Redis starts again");
    }

    /// As [`PrivateRedis::start_again`], without waiting.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn spawn_again(&mut self, more: &[&str]) {
        // One that has ended by itself was not killed.
        self.kill();
        let spawned = self.setup.spawn(self.directory(), self.disk.as_ref(), self.port, more);
        self.program = Some(spawned.expect("Redis is started"));
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let begun = Instant::now();
        while let Err(why) = self.ping() {
            ensure!(!self.has_ended(), "it has ended");
            ensure!(begun.elapsed() < READY_WITHIN, "not ready after {READY_WITHIN:?}: {why}");
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until it has read its files and answers.
    ///
    /// # Errors
    /// It does not within 20 s.
    pub async fn answers(&self) -> Result<()> {
        let begun = Instant::now();
        while let Err(why) = self.ping() {
            let notes = self.program().notes();
            ensure!(begun.elapsed() < READY_WITHIN, "Redis is not ready: {why}\n{notes}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Whether it has read its files: until then it answers everything else with LOADING.
    fn ping(&self) -> io::Result<()> {
        match self.port {
            Some(_) => {
                let stream = TcpStream::connect(self.address())?;
                stream.set_read_timeout(Some(PATIENCE))?;
                self.pings_over(stream)
            }
            None => {
                let stream = UnixStream::connect(self.socket())?;
                stream.set_read_timeout(Some(PATIENCE))?;
                self.pings_over(stream)
            }
        }
    }

    fn pings_over(&self, mut stream: impl Read + Write) -> io::Result<()> {
        let (ask, expected) = match self.setup.users {
            true => (format!("AUTH admin {}\r\nPING\r\n", password("admin")), "+OK\r\n+PONG"),
            false => ("PING\r\n".to_owned(), "+PONG"),
        };
        stream.write_all(ask.as_bytes())?;
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer)?;
        match answer == expected.as_bytes() {
            true => Ok(()),
            false => Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned())),
        }
    }

    /// Asks it something as its operator.
    ///
    /// # Panics
    /// It does not answer as expected.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = self.try_ask(words).await;
        answer.unwrap_or_else(|e| panic!("{words:?} at {self:?}: {e}"))
    }

    /// Asks it something that it may refuse.
    ///
    /// # Errors
    /// What it said.
    pub async fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> RedisResult<T> {
        try_ask(&self.url_of("admin"), words).await
    }

    /// What redis-cli prints when its operator sends it a command.
    ///
    /// # Panics
    /// redis-cli is missing.
    #[must_use]
    pub fn says(&self, words: &[&str]) -> String {
        self.says_to("admin", words)
    }

    /// As [`PrivateRedis::says`], for another user.
    ///
    /// # Panics
    /// redis-cli is missing.
    #[must_use]
    pub fn says_to(&self, user: &str, words: &[&str]) -> String {
        let mut command = Command::new(tool("redis-cli"));
        command.arg("-s").arg(self.socket());
        if self.setup.users {
            command.args(["--no-auth-warning", "--user", user, "--pass", &password(user)]);
        }
        let output = command.args(words).output().expect("redis-cli runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Waits until it has all that its primary has.
    ///
    /// # Panics
    /// It does not follow one.
    pub fn has_caught_up(&self) {
        until("the replica follows", || {
            let said = self.says(&["INFO", "replication"]);
            said.contains("master_link_status:up").then_some(())
        });
    }

    /// Has it write what it holds into the first part of its append-only file, and waits for that.
    ///
    /// # Errors
    /// It does not, within 20 s.
    pub async fn rewrite(&self) -> Result<()> {
        let _: Value = self.try_ask(&["BGREWRITEAOF"]).await?;
        let begun = Instant::now();
        loop {
            let info: String = self.try_ask(&["INFO", "persistence"]).await?;
            if info.contains("aof_rewrite_in_progress:0") {
                return Ok(());
            }
            ensure!(begun.elapsed() < READY_WITHIN, "the file is not rewritten");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Sends a command to the Redis at `url` over a connection of its own.
///
/// # Errors
/// It does not answer, or not as one would like.
pub async fn command(url: &str, words: &[&str]) -> Result<Value> {
    let asked = async {
        let client = client(url)?;
        let mut connection =
            client.get_multiplexed_async_connection_with_config(&patient()).await?;
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
    };
    // Not its values: one may have millions of bytes.
    let answer: RedisResult<Value> = asked.await;
    answer.with_context(|| words[..words.len().min(2)].join(" "))
}

async fn try_ask<T: FromRedisValue>(url: &str, words: &[&str]) -> RedisResult<T> {
    let mut connection = client(url)?.get_multiplexed_async_connection().await?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn value(redis: &PrivateRedis) -> String {
        redis.ask(&["GET", "n"]).await
    }

    #[tokio::test]
    async fn what_was_acknowledged_survives_a_kill_and_a_cut_tail_does_not() {
        let mut redis = RedisSetup::default().with_port().start();
        for _ in 0..5 {
            let _: u32 = redis.ask(&["INCR", "n"]).await;
        }
        redis.kill();
        let copy = redis.files().copy();
        redis.start_again(&[]);
        assert_eq!(value(&redis).await, "5");
        redis.kill();
        redis.files().cut(redis.files().length() - 3);
        redis.start_again(&[]);
        assert_eq!(value(&redis).await, "4");
        let whole = RedisSetup::default().on(copy).start();
        assert_eq!(value(&whole).await, "5");
    }

    #[tokio::test]
    async fn on_a_full_disk_nothing_is_acknowledged_that_is_not_kept() {
        let mut redis = RedisSetup::default().with_port().on_small_disk(8).start();
        let _: u32 = redis.ask(&["INCR", "n"]).await;
        redis.disk().unwrap().fill().unwrap();
        let large = "x".repeat(100_000);
        assert!(redis.try_ask::<Value>(&["SET", "large", &large]).await.is_err());
        until("Redis ends", || redis.has_ended().then_some(()));
        redis.disk().unwrap().empty().unwrap();
        redis.start_again(&[]);
        assert_eq!(value(&redis).await, "1");
    }
}
