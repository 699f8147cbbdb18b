//! How a [`PrivateRedis`] is started: where its files lie, who reaches it, which options it has.

use super::users::{password, with_passwords};
use super::{Deployed, Durability, PrivateRedis};
use crate::harness::paths::{scratch, tool};
use crate::harness::program::Program;
use crate::harness::small_disk::SmallDisk;
use anyhow::{Context, Result};
use lastseat_cluster::process::free_port;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// A redis-server that is to be started. By default it syncs every write, and is on a Unix socket
/// only.
#[derive(Debug, Default)]
pub struct RedisSetup {
    durability: Durability,
    deployed: Option<Deployed>,
    port: bool,
    pub(super) users: bool,
    options: Vec<String>,
    disk_mib: Option<u32>,
    directory: Option<TempDir>,
}

/// A redis-server that did not come up.
#[derive(Debug)]
pub struct NotStarted {
    /// Its files, if there was room for any.
    pub directory: Option<TempDir>,
    /// What it said.
    pub said: String,
}

impl std::error::Error for NotStarted {}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis does not start: {}", self.said)
    }
}

impl RedisSetup {
    /// One of which so much survives a crash.
    #[must_use]
    pub fn new(durability: Durability) -> Self {
        Self { durability, ..Self::default() }
    }

    /// In a way in which `deploy/` starts it, which says all except for port and files.
    #[must_use]
    pub fn deployed(way: Deployed) -> Self {
        Self { deployed: Some(way), users: way.has_users(), ..Self::default() }
    }

    /// On a free port of 127.0.0.1, too.
    #[must_use]
    pub fn with_port(self) -> Self {
        Self { port: true, ..self }
    }

    /// With the users of `deploy/redis/users.acl` and nobody else.
    #[must_use]
    pub fn with_users(self) -> Self {
        Self { users: true, ..self }
    }

    /// With more options.
    #[must_use]
    pub fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|&word| word.to_owned()));
        self
    }

    /// As a replica of `primary`.
    #[must_use]
    pub fn replica_of(self, primary: &PrivateRedis) -> Self {
        let port = primary.address().port();
        self.options(&["--replicaof", &format!("127.0.0.1 {port}")])
    }

    /// On the data that lies in `directory`.
    #[must_use]
    pub fn on(self, directory: TempDir) -> Self {
        Self { directory: Some(directory), ..self }
    }

    /// On a disk of so many MiB, that nobody else sees: it is reached by its port only.
    #[must_use]
    pub fn on_small_disk(self, mib: u32) -> Self {
        Self { disk_mib: Some(mib), ..self }
    }

    /// Starts it and waits until it answers.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start(self) -> PrivateRedis {
        self.try_start().unwrap_or_else(|why| panic!("{why}"))
    }

    /// As [`RedisSetup::start`], for one that may refuse its files.
    ///
    /// # Errors
    /// It ended, or does not answer; or nobody may mount a small disk here.
    ///
    /// # Panics
    /// redis-server is missing.
    pub fn try_start(mut self) -> Result<PrivateRedis, NotStarted> {
        let failed = |why: anyhow::Error| NotStarted { directory: None, said: format!("{why:#}") };
        let directory = self.directory.take().map_or_else(scratch, Ok).map_err(failed)?;
        let disk = self.disk_mib.map(|mib| SmallDisk::mount(directory.path(), mib));
        let disk = disk.transpose().map_err(failed)?;
        let port = self.port.then(free_port).transpose();
        let port = port.context("a free port").map_err(failed)?;
        let program = self.spawn(directory.path(), disk.as_ref(), port, &[]).map_err(failed)?;
        let program = Some(program);
        let mut redis = PrivateRedis { program, disk, directory, setup: self, port };
        let Err(why) = redis.wait_until_ready() else {
            return Ok(redis);
        };
        let mut said = why.to_string();
        while let Ok(line) = redis.program().line(Duration::from_millis(100)) {
            said += &format!("\n{line}");
        }
        said += &format!("\n{}", redis.program().notes());
        Err(NotStarted { directory: Some(redis.into_directory()), said })
    }

    pub(super) fn spawn(
        &self,
        directory: &Path,
        disk: Option<&SmallDisk>,
        port: Option<u16>,
        more: &[&str],
    ) -> Result<Program> {
        let server = tool("redis-server");
        let mut command = match (disk, self.deployed) {
            (_, Some(way)) => way.command(directory),
            (Some(disk), None) => disk.on_it(&server),
            (None, None) => Command::new(server),
        };
        command.current_dir(directory);
        if self.deployed.is_none() {
            command.args(["--port", &port.unwrap_or(0).to_string(), "--bind", "127.0.0.1"]);
            command.args(["--save", "", "--daemonize", "no", "--dir"]).arg(directory);
            command.arg("--unixsocket").arg(directory.join("redis.sock"));
            command.args(match self.durability {
                Durability::Always => ["--appendonly", "yes", "--appendfsync", "always"].as_slice(),
                Durability::Off => ["--appendonly", "no"].as_slice(),
            });
        }
        if self.users && self.deployed.is_none() {
            let file = directory.join("users.acl");
            fs::write(&file, with_passwords()).context("the file of users")?;
            command.arg("--aclfile").arg(file);
            command.args(["--masteruser", "replica", "--masterauth", &password("replica")]);
        }
        Program::start("redis-server", {
            command.args(&self.options).args(more);
            command
        })
    }
}
