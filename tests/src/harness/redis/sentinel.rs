//! A primary, replicas and Sentinels of one test's own.

use super::users::password;
use super::{PrivateRedis, RedisSetup, try_ask};
use crate::harness::paths::{scratch, tool};
use crate::harness::program::Program;
use crate::harness::wait::until_async;
use lastseat_cluster::process::free_port;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

/// The name by which the Sentinels know the primary.
const NAME: &str = "tickets";
/// A primary that is silent for so long is down, in milliseconds.
const DOWN_AFTER_MS: u32 = 500;

/// They run until dropped.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The servers; the first one is the primary, as they were started.
    pub servers: Vec<PrivateRedis>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    port: u16,
    // Before the directory, so that it is stopped before its files go.
    _program: Program,
    _directory: TempDir,
}

impl RedisSentinel {
    /// Starts a primary, so many replicas, and three Sentinels that know them all.
    ///
    /// # Panics
    /// redis-server is missing, or they do not find each other.
    pub async fn start(replicas: usize) -> Self {
        let server = || {
            let setup = RedisSetup::default().with_port().with_users();
            // A primary that is ended waits ten seconds for a replica that lags, also for one that
            // is ended at the same time.
            setup.options(&["--repl-diskless-sync-delay", "0", "--shutdown-timeout", "0"])
        };
        let mut servers = vec![server().start()];
        for _ in 0..replicas {
            servers.push(server().replica_of(&servers[0]).start());
        }
        servers[1..].iter().for_each(PrivateRedis::has_caught_up);
        let sentinels = (0..3).map(|_| Sentinel::start(&servers[0])).collect();
        let all = Self { servers, sentinels };
        let (others, followers) = (2, replicas);
        for sentinel in &all.sentinels {
            until_async("the Sentinels find each other and the replicas", async || {
                let about = sentinel.about().await?;
                let field = |name: &str| {
                    let at = about.iter().position(|word| word == name)?;
                    about.get(at + 1)?.parse::<usize>().ok()
                };
                let found =
                    field("num-other-sentinels")? >= others && field("num-slaves")? >= followers;
                found.then_some(())
            })
            .await;
        }
        all
    }

    /// How lastseat is told of them.
    #[must_use]
    pub fn url(&self) -> String {
        let places = self.sentinels.iter();
        let places: Vec<String> = places.map(|s| format!("127.0.0.1:{}", s.port)).collect();
        let (password, places) = (password("lastseat"), places.join(","));
        format!("redis+sentinel://lastseat:{password}@{places}/{NAME}")
    }

    /// The server that is the primary now, by what the Sentinels say: its place among the servers.
    pub async fn primary(&self) -> Option<usize> {
        let port = self.sentinels[0].primary().await?;
        self.servers.iter().position(|s| s.address().port() == port)
    }
}

impl Sentinel {
    fn start(primary: &PrivateRedis) -> Self {
        let directory = scratch().expect("room for a Sentinel");
        let port = free_port().expect("a port");
        let file = directory.path().join("sentinel.conf");
        let lines = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor {NAME} 127.0.0.1 {} 2\n\
             sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}\n\
             sentinel failover-timeout {NAME} 1000\n\
             sentinel auth-user {NAME} sentinel\n\
             sentinel auth-pass {NAME} {}\n",
            directory.path().display(),
            primary.address().port(),
            password("sentinel")
        );
        fs::write(&file, lines).expect("a file");
        let mut command = Command::new(tool("redis-server"));
        command.current_dir(directory.path()).arg(&file).arg("--sentinel");
        let program = Program::start("redis-sentinel", command).expect("a Sentinel starts");
        Self { port, _program: program, _directory: directory }
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        try_ask(&format!("redis://127.0.0.1:{}", self.port), &[&["SENTINEL"], words].concat()).await
    }

    async fn about(&self) -> Option<Vec<String>> {
        self.ask(&["MASTER", NAME]).await.ok()
    }

    async fn primary(&self) -> Option<u16> {
        let place: Vec<String> = self.ask(&["get-master-addr-by-name", NAME]).await.ok()?;
        place.get(1)?.parse().ok()
    }
}
