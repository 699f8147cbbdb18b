//! A Redis of one test's own that other servers can reach: on a port of 127.0.0.1, with the users
//! of `deploy/redis/users.acl` and nobody else.

use super::paths::scratch;
use super::redis::{Durability, PrivateRedis};
use super::redis_users::{password, with_passwords};
use lastseat_cluster::process::free_port;
use redis::{Client, FromRedisValue, cmd};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use tempfile::TempDir;

/// A running redis-server with a port, stopped when dropped. It can be killed and started again.
#[derive(Debug)]
pub struct PortRedis {
    port: u16,
    options: Vec<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Running(PrivateRedis),
    /// Where its files lie.
    Dead(TempDir),
    /// It is about to be the other.
    Changing,
}

impl PortRedis {
    /// Starts one that syncs each write, with more options.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start(options: &[&str]) -> Self {
        let port = free_port().expect("a port");
        let mut options: Vec<String> = options.iter().map(|&option| option.into()).collect();
        let directory = scratch().expect("room for Redis");
        let users = directory.path().join("users.acl");
        fs::write(&users, with_passwords()).expect("a file");
        let own = [
            ("--bind", "127.0.0.1"),
            ("--port", &port.to_string()),
            ("--aclfile", &users.display().to_string()),
            ("--masteruser", "replica"),
            ("--masterauth", &password("replica")),
        ];
        options.extend(own.iter().flat_map(|(name, value)| [(*name).into(), (*value).into()]));
        let running = PrivateRedis::start_on(directory, Durability::Always, &words(&options));
        Self { port, options, state: State::Running(running) }
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// `host:port`.
    #[must_use]
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// How lastseat reaches it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("lastseat")
    }

    fn url_of(&self, user: &str) -> String {
        format!("redis://{user}:{}@{}", password(user), self.place())
    }

    /// Whether it was not killed.
    #[must_use]
    pub const fn runs(&self) -> bool {
        matches!(self.state, State::Running(_))
    }

    /// Kills it, as a crash does. Its files stay.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self) {
        let State::Running(redis) = std::mem::replace(&mut self.state, State::Changing) else {
            panic!("the Redis at {} does not run", self.place());
        };
        self.state = State::Dead(redis.kill());
    }

    /// Starts it again on its files and its port.
    ///
    /// # Panics
    /// It runs, or does not start.
    pub fn start_again(&mut self) {
        let State::Dead(directory) = std::mem::replace(&mut self.state, State::Changing) else {
            panic!("the Redis at {} runs", self.place());
        };
        let options = words(&self.options);
        let redis = PrivateRedis::start_on(directory, Durability::Always, &options);
        self.state = State::Running(redis);
    }

    /// Sends it a signal: it freezes, or goes on.
    ///
    /// # Panics
    /// It does not run.
    pub fn signal(&self, signal: Signal) {
        let State::Running(redis) = &self.state else {
            panic!("the Redis at {} does not run", self.place());
        };
        let pid = Pid::from_raw(redis.pid().cast_signed()).expect("a process");
        kill_process(pid, signal).expect("it runs");
    }

    /// Asks it something as its operator.
    ///
    /// # Panics
    /// It does not answer as expected.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let answer = self.try_ask(words).await;
        answer.unwrap_or_else(|e| panic!("{words:?} at {}: {e}", self.place()))
    }

    /// Asks it something that it may refuse.
    ///
    /// # Errors
    /// What it said.
    pub async fn try_ask<T: FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = Client::open(self.url_of("admin"))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await
    }

    /// A field of `INFO`.
    pub async fn info(&self, name: &str) -> String {
        let info: String = self.ask(&["INFO", "everything"]).await;
        let mut lines = info.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().to_owned()
    }
}

fn words(options: &[String]) -> Vec<&str> {
    options.iter().map(String::as_str).collect()
}
