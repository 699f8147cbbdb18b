//! A Redis of one test's own: on a Unix socket in a directory of its own, never the system's one.

use super::paths::{scratch, tool};
use super::program::Program;
use super::wait::{PATIENCE, until};
use rustix::process::Signal;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What survives a crash of a [`PrivateRedis`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Every write, before it is answered (AOF `always`).
    Always,
    /// Nothing.
    Off,
}

/// A running redis-server, stopped when dropped.
pub struct PrivateRedis {
    // Before the directory, so that it is stopped before its files go.
    program: Program,
    directory: TempDir,
}

impl fmt::Debug for PrivateRedis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateRedis").field(&self.url()).finish()
    }
}

impl PrivateRedis {
    /// Starts one.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start(durability: Durability) -> Self {
        Self::start_with(durability, &[])
    }

    /// Starts one with more options, such as `["--maxmemory-policy", "allkeys-lru"]`.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start_with(durability: Durability, options: &[&str]) -> Self {
        Self::start_on(scratch().expect("room for Redis"), durability, options)
    }

    /// Starts one on the data that lies in `directory`.
    ///
    /// # Panics
    /// redis-server is missing or does not start.
    #[must_use]
    pub fn start_on(directory: TempDir, durability: Durability, options: &[&str]) -> Self {
        let aof = match durability {
            Durability::Always => ["--appendonly", "yes", "--appendfsync", "always"].as_slice(),
            Durability::Off => ["--appendonly", "no"].as_slice(),
        };
        let mut command = Command::new(tool("redis-server"));
        command
            .current_dir(directory.path())
            .args(["--port", "0", "--unixsocket"])
            .arg(directory.path().join("redis.sock"))
            .args(["--save", "", "--daemonize", "no", "--dir"])
            .arg(directory.path())
            .args(aof)
            .args(options);
        let program = Program::start("redis-server", command).expect("redis-server starts");
        let socket = directory.path().join("redis.sock");
        until("redis-server answers", || answers(&socket).ok());
        Self { program, directory }
    }

    /// Kills it, as a crash does, and leaves what it had written.
    ///
    /// # Panics
    /// It does not die.
    #[must_use]
    pub fn kill(mut self) -> TempDir {
        self.program.signal(Signal::KILL);
        self.program.wait(PATIENCE).expect("a killed Redis is gone");
        self.directory
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// How a client reaches it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}/redis.sock", self.directory.path().display())
    }
}

/// Whether the server on `socket` has read its files: until then it answers everything with
/// LOADING. One that asks for a password does so whatever it has read; its users wait for it
/// themselves.
///
/// # Errors
/// It has not, or nobody is there.
pub fn answers(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    if answer == *b"+PONG" || answer == *b"-NOAU" {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&answer)))
    }
}
