//! Supervised Redis server of the cluster.
//!
//! It listens on a Unix socket in its data directory and syncs its append-only file at every write,
//! which group commit pays for. Before each start that file is made whole: a half script at its end
//! would be carried out by the start after the next one.

use crate::member::Member;
use crate::process::{self, Running};
use crate::state_file::StateFile;
use redis::{ConnectionAddr, IntoConnectionInfo, RedisError};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// A path of a Unix socket has at most 107 bytes on Linux, 103 on macOS.
const SOCKET_PATH_MAX: usize = 103;
/// Reading a large append-only file takes a while.
const READY: Duration = Duration::from_secs(60);
/// Checking one takes a tenth of the time that reading it does: half a second for 250 MB.
const CHECKED: Duration = Duration::from_secs(60);
/// A Redis that was left behind gets this long to end.
const LEAVE: Duration = Duration::from_secs(20);
/// Time between two looks at something that is about to happen.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Programs that will do, the first one found is taken.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// What makes the append-only file whole, the same here as on servers: a shell script that runs
/// `redis-check-aof`.
const MAKE_WHOLE: &str = include_str!("../../../deploy/redis/make-whole");
/// Becomes a program whose files are for their owner only: they hold order ids, which are
/// capabilities.
const PRIVATELY: &str = "umask 077 && exec \"$@\"";

/// A Redis of one's own.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    directory: PathBuf,
    socket: PathBuf,
    port: Option<u16>,
    state_file: Arc<StateFile>,
}

impl RedisServer {
    /// Prepares a Redis that keeps its data in `data_dir`/redis, with a TCP port if `port` is
    /// given.
    ///
    /// # Errors
    /// No program is installed, or the directory cannot be made.
    pub fn prepare(
        data_dir: &Path,
        port: Option<u16>,
        state_file: Arc<StateFile>,
    ) -> Result<Self, String> {
        let program = installed().ok_or(
            "redis-server is not installed. Install it with `apt-get install redis-server` \
             (Debian, Ubuntu) or `brew install redis` (macOS), or name a Redis that runs with \
             --redis-url or REDIS_URL",
        )?;
        let directory = data_dir.join("redis");
        let created = std::fs::create_dir_all(&directory)
            .and_then(|()| directory.canonicalize())
            .and_then(|directory| keep_private(&directory).map(|()| directory))
            .and_then(|directory| Ok((socket_in(&directory)?, directory)));
        let (socket, directory) =
            created.map_err(|e| format!("{} cannot be used: {e}", directory.display()))?;
        Ok(Self { program, directory, socket, port, state_file })
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        // The path is read as that of a URL.
        let path = self.socket.to_string_lossy();
        let path = path.replace('%', "%25").replace('?', "%3F").replace('#', "%23");
        format!("unix:{path}")
    }

    /// Stops the Redis that an earlier run left behind on the same data, if there is one.
    ///
    /// # Errors
    /// Somebody holds the socket or the data and cannot be stopped.
    pub async fn stop_leftover(&self) -> Result<(), String> {
        let pid = match self.who_answers().await {
            Some((directory, pid)) if directory == self.directory => pid,
            Some((directory, _)) => {
                return Err(format!(
                    "the Redis at {} keeps its data in {}, so it is not ours. Choose \
                     another --data-dir",
                    self.socket.display(),
                    directory.display()
                ));
            }
            // It may be on its way out, or not let itself be asked.
            None => match self.pid_on_file() {
                Some(pid) if works_in(pid, &self.directory) => pid,
                _ => return Ok(()),
            },
        };
        info!("stopping the Redis {pid} that an earlier run left behind");
        let asked = process::terminate(pid);
        let begun = Instant::now();
        while process::runs(pid) {
            if begun.elapsed() > LEAVE || asked.is_err() {
                return Err(format!(
                    "the Redis {pid} of an earlier run still has {} and does not stop. End it \
                     with: kill -9 {pid}",
                    self.directory.display()
                ));
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        Ok(())
    }

    /// Data directory and process of the Redis at our socket.
    async fn who_answers(&self) -> Option<(PathBuf, u32)> {
        let mut connection = self.connect().await.ok()?;
        let config: HashMap<String, String> =
            redis::cmd("CONFIG").arg("GET").arg("dir").query_async(&mut connection).await.ok()?;
        let info: String =
            redis::cmd("INFO").arg("server").query_async(&mut connection).await.ok()?;
        let pid = info.lines().find_map(|line| line.strip_prefix("process_id:"))?;
        Some((PathBuf::from(config.get("dir")?), pid.trim().parse().ok()?))
    }

    async fn connect(&self) -> Result<redis::aio::MultiplexedConnection, RedisError> {
        let address = ConnectionAddr::Unix(self.socket.clone());
        let client = redis::Client::open(address.into_connection_info()?)?;
        client.get_multiplexed_async_connection().await
    }

    fn pid_on_file(&self) -> Option<u32> {
        std::fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()
    }

    fn pid_file(&self) -> PathBuf {
        self.directory.join("redis.pid")
    }

    fn log_file(&self) -> PathBuf {
        self.directory.join("redis.log")
    }

    /// Takes half scripts out of the append-only file and says so.
    async fn make_whole(&self) -> Result<(), String> {
        let run = async {
            let mut command = process::bound("sh")?;
            command.args(["-c", MAKE_WHOLE, "make-whole"]);
            command.arg(&self.directory);
            command.stdin(Stdio::null()).kill_on_drop(true);
            tokio::time::timeout(CHECKED, command.output())
                .await
                .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
        };
        let place = self.directory.display();
        let output = run
            .await
            .map_err(|e| format!("the append-only file in {place} cannot be checked: {e}"))?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            warn!("before the start of Redis: {line}");
        }
        if output.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
        }
    }

    async fn answers(&self) {
        loop {
            if let Ok(mut connection) = self.connect().await {
                // While it reads its file it answers LOADING, which is an error.
                if redis::cmd("PING").exec_async(&mut connection).await.is_ok() {
                    return;
                }
            }
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }
}

impl Member for RedisServer {
    fn name(&self) -> String {
        "Redis".to_owned()
    }

    async fn before_start(&mut self) -> Result<(), String> {
        self.make_whole().await
    }

    fn spawn(&mut self) -> Result<Running, String> {
        let start = || {
            let mut command = process::bound("sh")?;
            command.args(["-c", PRIVATELY, "sh"]).arg(&self.program);
            command.arg("--dir").arg(&self.directory);
            command.arg("--unixsocket").arg(&self.socket).args(["--unixsocketperm", "700"]);
            command.arg("--pidfile").arg(self.pid_file());
            command.args(["--port", &self.port.unwrap_or(0).to_string(), "--bind", "127.0.0.1"]);
            command.args(["--appendonly", "yes", "--appendfsync", "always", "--save", ""]);
            command.args(["--aof-load-truncated", "no"]);
            command.args(["--maxmemory-policy", "noeviction", "--daemonize", "no"]);
            process::print_to(&mut command, &self.log_file())?;
            Running::start(self.name(), &mut command)
        };
        start().map_err(|e| format!("{} cannot be started: {e}", self.program.display()))
    }

    async fn ready(&mut self, running: &mut Running) -> Result<(), String> {
        let why = tokio::select! {
            () = self.answers() => None,
            _ = running.wait() => Some("ended at once".to_owned()),
            () = tokio::time::sleep(READY) => Some(format!("is not ready after {READY:?}")),
        };
        if let Some(why) = why {
            let (log, end) = (self.log_file(), process::tail(&self.log_file()));
            return Err(format!("Redis {why}. The end of {}:{end}", log.display()));
        }
        let pid = running.pid();
        self.state_file.change(|state| state.redis.pid = Some(pid));
        Ok(())
    }
}

/// The program that would be started, if one is installed.
#[must_use]
pub fn installed() -> Option<PathBuf> {
    find(&std::env::var_os("PATH").unwrap_or_default())
}

fn find(path: &OsStr) -> Option<PathBuf> {
    let directories: Vec<PathBuf> = std::env::split_paths(path).collect();
    PROGRAMS
        .iter()
        .flat_map(|name| directories.iter().map(move |directory| directory.join(name)))
        .find(|program| program.is_file())
}

/// A socket in `directory`, or where that path is too long, one in a short directory of ours that
/// belongs to `directory`.
fn socket_in(directory: &Path) -> io::Result<PathBuf> {
    let socket = directory.join("redis.sock");
    if socket.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok(socket);
    }
    let mut hasher = DefaultHasher::new();
    directory.hash(&mut hasher);
    let me = rustix::process::geteuid().as_raw();
    let short = Path::new("/tmp").join(format!("lastseat-{me}-{:016x}", hasher.finish()));
    match std::fs::DirBuilder::new().mode(0o700).create(&short) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    // Whoever else made it could put a Redis of theirs there.
    let found = std::fs::symlink_metadata(&short)?;
    if !found.is_dir() || found.uid() != me || found.mode() & 0o077 != 0 {
        return Err(io::Error::other(format!("{} belongs to somebody else", short.display())));
    }
    Ok(short.join("redis.sock"))
}

/// Lets nobody but its owner into `directory`, and takes the rights of others from the files of a
/// version that left them.
fn keep_private(directory: &Path) -> io::Result<()> {
    std::fs::set_permissions(directory, Permissions::from_mode(0o700))?;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            keep_private(&entry.path())?;
        } else if kind.is_file() {
            std::fs::set_permissions(entry.path(), Permissions::from_mode(0o600))?;
        }
    }
    Ok(())
}

/// Whether a process has `directory` as its working directory, as Redis has its data directory.
fn works_in(pid: u32, directory: &Path) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_socket_that_is_found_again() {
        let short = Path::new("/var/lib/lastseat");
        assert_eq!(socket_in(short).unwrap(), short.join("redis.sock"));
        let long = PathBuf::from(format!("/{}", "x".repeat(200)));
        let socket = socket_in(&long).unwrap();
        assert!(socket.as_os_str().len() <= SOCKET_PATH_MAX);
        assert_eq!(socket_in(&long).unwrap(), socket);
        std::fs::remove_dir(socket.parent().unwrap()).unwrap();
    }

    #[test]
    fn files_that_an_earlier_version_left_to_others_are_for_their_owner_only() {
        let directory = std::env::temp_dir().join(format!("lastseat-mode-{}", std::process::id()));
        let inner = directory.join("appendonlydir");
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&inner).unwrap();
        let file = inner.join("appendonly.aof.1.incr.aof");
        std::fs::write(&file, "").unwrap();
        for (path, mode) in [(&directory, 0o755), (&inner, 0o755), (&file, 0o644)] {
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        keep_private(&directory).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!([mode(&directory), mode(&inner), mode(&file)], [0o700, 0o700, 0o600]);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_program_is_looked_for_in_the_path_only() {
        assert_eq!(find(OsStr::new("/nonexistent")), None);
    }
}
