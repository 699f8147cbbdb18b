//! Child processes: each in its own process group, asked to stop before it is killed.
//!
//! Child processes without surprises: each has a process group of its own, is asked to stop before
//! it is made to, and does not outlive us.

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process, kill_process_group, setrlimit,
    test_kill_process,
};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::warn;

/// The signal to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ShutdownSignal {
    /// Go on.
    Run,
    /// Finish and end.
    Stop,
    /// End at once.
    Kill,
}

/// A command that runs this very program again, even if its file was replaced meanwhile.
///
/// # Errors
/// The system does not say which program this is.
pub fn ourselves() -> io::Result<Command> {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("/proc/self/exe");
        command.arg0("lastseat");
        Ok(command)
    } else {
        Ok(Command::new(std::env::current_exe()?))
    }
}

/// A command that runs `program` and ends when this process does, on Linux even if this process is
/// killed.
///
/// It goes through `lastseat bound`, which asks the kernel for a signal at its parent's death and
/// then becomes `program`. That signal comes at the end of the *thread* that started it: start
/// children from the main thread only.
///
/// # Errors
/// The system does not say which program this is.
pub fn bound(program: impl AsRef<OsStr>) -> io::Result<Command> {
    let mut command = ourselves()?;
    let me = std::process::id().to_string();
    command.args(["bound", "--parent", &me, "--"]).arg(program);
    Ok(command)
}

/// A child that runs. When dropped, its whole group is killed.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    group: Pid,
    /// Kept open: a node stops when its stdin ends.
    _stdin: Option<ChildStdin>,
    ended: bool,
}

impl Running {
    /// Starts `command` in a process group of its own.
    ///
    /// # Errors
    /// The program cannot be started.
    pub fn start(name: impl Into<String>, command: &mut Command) -> io::Result<Self> {
        let mut child = command.process_group(0).spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let group = group.ok_or_else(|| io::Error::other("the process ended at once"))?;
        Ok(Self { name: name.into(), _stdin: child.stdin.take(), child, group, ended: false })
    }

    /// Its process id.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.group.as_raw_pid().cast_unsigned()
    }

    /// What it prints, once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system does not tell.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        // What the child itself started ends with it.
        self.ended = true;
        self.kill_group();
        status
    }

    /// Asks it to stop, and kills its group if it has not after `timeout` or when the signal
    /// becomes to kill.
    pub async fn stop(mut self, timeout: Duration, signal: &mut watch::Receiver<ShutdownSignal>) {
        self.signal(Signal::TERM);
        let name = self.name.clone();
        tokio::select! {
            _ = self.wait() => return,
            () = tokio::time::sleep(timeout) => {
                warn!("{name} did not stop within {timeout:?} and is killed");
            }
            // A closed channel says nothing more; the timeout decides.
            Ok(_) = signal.wait_for(|signal| *signal == ShutdownSignal::Kill) => {}
        }
        self.kill_group();
        let _ = self.child.wait().await;
        self.ended = true;
    }

    fn signal(&self, which: Signal) {
        if !self.ended {
            // It may have ended a moment ago.
            let _ = kill_process(self.group, which);
        }
    }

    fn kill_group(&self) {
        let _ = kill_process_group(self.group, Signal::KILL);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.kill_group();
        }
    }
}

/// Whether a process with this id runs. One that has ended counts as gone, even if nobody has taken
/// note of its end yet, as in containers whose first process never does.
#[must_use]
pub fn runs(pid: u32) -> bool {
    let exists = Pid::from_raw(pid.cast_signed()).is_some_and(|pid| test_kill_process(pid).is_ok());
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // "<pid> (<name>) <state> ..."; the name may contain anything.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    exists && !matches!(state, Some('Z' | 'X'))
}

/// Tells a process that is not our child to stop.
///
/// # Errors
/// It is gone or not ours.
pub fn terminate(pid: u32) -> io::Result<()> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// Lets this process, and those that it starts, have as many files open as its user may: each
/// connection is one, at bare workerd two, and that one ends when it finds none free. Many systems
/// allow 1,024 at first and far more on request.
pub fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, ..limit };
    if limit.current != limit.maximum
        && let Err(e) = setrlimit(Resource::Nofile, most)
    {
        warn!("the limit of open files stays at {:?}: {e}", limit.current);
    }
}

/// Where [`free_port`] looks. Linux gives those from 32768 on to whoever asks for any, others from
/// 49152 on.
const OWN_PORTS: RangeInclusive<u16> = 20_000..=32_000;

/// A port that was free a moment ago, for programs that cannot take one by themselves. It lies
/// below those that the system gives to whoever asks for any, so it is still free when a slow
/// program comes to take it.
///
/// # Errors
/// None was free in a hundred tries.
pub fn free_port() -> io::Result<u16> {
    let mut tried = Err(io::ErrorKind::AddrInUse.into());
    for _ in 0..100 {
        tried = TcpListener::bind((Ipv4Addr::LOCALHOST, fastrand::u16(OWN_PORTS)));
        if tried.is_ok() {
            break;
        }
    }
    Ok(tried?.local_addr()?.port())
}

/// Whether somebody listens on `port` of 127.0.0.1 or of all addresses.
#[must_use]
pub fn port_is_taken(port: u16) -> bool {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    port != 0 && bound.is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse)
}

/// Opens `path` afresh for all that a child prints.
///
/// # Errors
/// The file cannot be made.
pub fn print_to(command: &mut Command, path: &Path) -> io::Result<()> {
    let file = File::create(path)?;
    command.stdout(Stdio::from(file.try_clone()?)).stderr(Stdio::from(file));
    Ok(())
}

/// The last lines of a file, for a message about a program that wrote it.
#[must_use]
pub fn tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(12)..];
    last.iter().map(|line| format!("\n    {line}")).collect()
}

/// SIGTERM and SIGINT of this process.
#[derive(Debug)]
pub struct StopSignals {
    term: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl StopSignals {
    /// Listens for them from now on.
    ///
    /// # Errors
    /// The system does not let us.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
