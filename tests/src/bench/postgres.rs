//! PostgreSQL as a peer for seats: a private server in a folder of its own, without a TCP port,
//! which commits to the disk before it answers, and `pgbench` as its load.

use super::system::find;
use crate::harness::Program;
use crate::harness::paths::repository;
use crate::harness::processes::cpu_by_name;
use anyhow::{Context, Result, bail, ensure};
use rustix::process::geteuid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Time that the server may take until it answers.
const READY_WITHIN: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);
/// Its own user, in whose name it runs where we are root: it refuses to run as root.
const USER: &str = "postgres";

/// A server.
#[derive(Debug)]
pub(super) struct PrivatePostgres {
    // Ended before its folder goes.
    server: Program,
    folder: TempDir,
}

/// What a load brought.
#[derive(Clone, Copy, Debug)]
pub(super) struct PostgresLoad {
    /// Transactions.
    pub orders: u64,
    /// Processor time of all its processes for them.
    pub cpu: Duration,
}

/// What an audit found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PostgresAudit {
    /// Orders without exactly their seat and legs, and seat-legs of no order.
    pub wrong: u64,
    /// Orders that were sold.
    pub orders: u64,
    /// Seat-legs that were sold.
    pub seat_legs: u64,
}

/// The program `name` of the server's package, which is in no `PATH`.
///
/// # Errors
/// It is not installed.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut there: Vec<PathBuf> = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .collect();
    there.sort();
    let found = there.pop().or_else(|| find(name));
    found.with_context(|| format!("{name} of PostgreSQL is missing. Run 'make setup-bench'"))
}

impl PrivatePostgres {
    /// A server with seats of so many legs, all free.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub(super) fn start(seats: u32, legs: usize) -> Result<Self> {
        let folder = TempDir::new()?;
        if geteuid().is_root() {
            run(Command::new("chown").arg(USER).arg(folder.path()))?;
        }
        let data = folder.path().join("data");
        let mut make = as_its_user(&program("initdb")?);
        run(make
            .arg("--no-sync")
            .args(["--auth", "trust", "--username", USER, "--pgdata"])
            .arg(&data))?;
        let mut serve = as_its_user(&program("postgres")?);
        serve.arg("-D").arg(&data).arg("-k").arg(folder.path());
        for setting in ["listen_addresses=", "synchronous_commit=on", "max_connections=100"] {
            serve.args(["-c", setting]);
        }
        let started = Self { server: Program::start(USER, serve)?, folder };
        let begun = Instant::now();
        while started.ask("SELECT 1").is_err() {
            ensure!(begun.elapsed() < READY_WITHIN, "PostgreSQL does not answer");
            thread::sleep(LOOK);
        }
        let mut fill = started.client("psql")?;
        fill.args(["-q", "-v", "ON_ERROR_STOP=1"]);
        fill.args(["-v", &format!("seats={seats}"), "-v", &format!("legs={legs}")]);
        run(fill.arg("-f").arg(source("schema.sql")))?;
        Ok(started)
    }

    /// Sends `orders` random journeys of `legs` legs over `connections`.
    ///
    /// # Errors
    /// One failed.
    pub(super) fn load(&self, orders: u32, connections: u32, legs: usize) -> Result<PostgresLoad> {
        let each = orders.div_ceil(connections);
        let before = self.cpu();
        let mut load = Command::new(program("pgbench")?);
        load.arg("-h").arg(self.folder.path()).args(["-U", USER, "-n", "-M", "prepared"]);
        load.args(["-c", &connections.to_string(), "-j", "1", "-t", &each.to_string()]);
        load.args(["-D", &format!("legs={legs}")]);
        run(load.arg("-f").arg(source("train.sql")).arg(USER))?;
        Ok(PostgresLoad {
            orders: u64::from(each * connections),
            cpu: self.cpu().saturating_sub(before),
        })
    }

    /// Counts what was sold from its rows.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) fn audit(&self) -> Result<PostgresAudit> {
        let said = self.ask(&fs::read_to_string(source("audit.sql"))?)?;
        let numbers: Vec<u64> = said.trim().split('|').filter_map(|n| n.parse().ok()).collect();
        let [wrong, orders, seat_legs] = numbers[..] else {
            bail!("the audit of PostgreSQL said {said:?}");
        };
        Ok(PostgresAudit { wrong, orders, seat_legs })
    }

    /// Of the server, its children, and those of them that have ended.
    fn cpu(&self) -> Duration {
        let living: Duration = cpu_by_name(&[self.server.pid()]).values().sum();
        living + ended_children(self.server.pid())
    }

    fn ask(&self, question: &str) -> Result<String> {
        run(self.client("psql")?.args(["-A", "-t", "-c", question]))
    }

    fn client(&self, name: &str) -> Result<Command> {
        let mut command = Command::new(program(name)?);
        command.arg("-h").arg(self.folder.path()).args(["-U", USER]);
        Ok(command)
    }
}

/// Processor time of children that a process has waited for: a connection of PostgreSQL is a
/// process that ends with it.
fn ended_children(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, tail)| tail).split_ascii_whitespace();
    let hundredths: u64 = fields.skip(13).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(10 * hundredths)
}

fn source(name: &str) -> PathBuf {
    repository().join("tests/bench/peers/postgres").join(name)
}

fn as_its_user(program: &Path) -> Command {
    if !geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", USER, "--regid", USER, "--clear-groups"]).arg(program);
    command
}

fn run(command: &mut Command) -> Result<String> {
    // A folder that its user can enter.
    let output = command.current_dir("/").output().with_context(|| format!("{command:?}"))?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", error.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
