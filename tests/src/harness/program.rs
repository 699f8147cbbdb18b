//! A program under test: in a process group of its own, and gone with all its children when
//! dropped.

use super::processes::{Process, descendants};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Time that a program has to stop by itself after SIGTERM.
const STOP_WITHIN: Duration = Duration::from_secs(15);
/// Time that its children have to follow it.
const CHILDREN_FOLLOW_WITHIN: Duration = Duration::from_secs(2);
/// Lines of its standard error that are kept for a failure's message.
const NOTES_KEPT: usize = 200;
/// Lines of its standard output that may wait to be read.
const LINES_KEPT: usize = 1_000;

type Notes = Arc<Mutex<VecDeque<String>>>;

/// A running program.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    notes: Notes,
    stopped: bool,
}

impl Program {
    /// Starts `command`; `name` is how messages call it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &str, command: Command) -> Result<Self> {
        let mut command = dying_with_us(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({command:?})"))?;
        let notes = Notes::default();
        let (send, lines) = sync_channel(LINES_KEPT);
        let stdout = child.stdout.take().context("standard output is piped")?;
        let stderr = child.stderr.take().context("standard error is piped")?;
        // A line too many is dropped: a full pipe would stop the program.
        read_lines(stdout, move |line| drop(send.try_send(line)));
        let kept = Arc::clone(&notes);
        read_lines(stderr, move |line| {
            let mut kept = kept.lock().unwrap_or_else(|e| e.into_inner());
            if kept.len() == NOTES_KEPT {
                kept.pop_front();
            }
            kept.push_back(line);
        });
        Ok(Self { name: name.to_owned(), child, lines, notes, stopped: false })
    }

    /// Its process id, which is also the id of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of its standard output.
    ///
    /// # Errors
    /// There is none in time, or the program ended; the message has its standard error.
    pub fn line(&self, within: Duration) -> Result<String> {
        match self.lines.recv_timeout(within) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} is silent for {within:?}\n{}", self.name, self.notes())
            }
            Err(RecvTimeoutError::Disconnected) => {
                // The end of standard output comes a moment before the last of standard error.
                thread::sleep(Duration::from_millis(100));
                bail!("{} ended early\n{}", self.name, self.notes())
            }
        }
    }

    /// The last lines of its standard error.
    #[must_use]
    pub fn notes(&self) -> String {
        let notes = self.notes.lock().unwrap_or_else(|e| e.into_inner());
        let lines: Vec<&str> = notes.iter().map(String::as_str).collect();
        lines.join("\n")
    }

    /// All its living children and theirs.
    #[must_use]
    pub fn children(&self) -> Vec<Process> {
        descendants(self.pid())
    }

    /// Sends `signal` to it alone, as a supervisor does.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = self.group() {
            // A process that is gone needs no signal.
            let _ = kill_process(pid, signal);
        }
    }

    /// Sends `signal` to its whole group, as a terminal does on Ctrl-C.
    pub fn signal_group(&self, signal: Signal) {
        if let Some(pid) = self.group() {
            let _ = kill_process_group(pid, signal);
        }
    }

    fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.pid().cast_signed())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                bail!("{} still runs after {within:?}", self.name);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it with SIGTERM, by force if it does not listen.
    ///
    /// # Errors
    /// Force was needed, or a child outlived it.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.stop_after(|program| program.signal(Signal::TERM))
    }

    /// Asks it to stop in the given way, waits, and makes sure that it and its children are gone.
    ///
    /// # Errors
    /// Force was needed, or a child outlived it.
    pub fn stop_after(&mut self, ask: impl FnOnce(&Self)) -> Result<ExitStatus> {
        let children = self.children();
        self.stopped = true;
        ask(self);
        let ended = self.wait(STOP_WITHIN);
        if ended.is_err() {
            self.signal_group(Signal::KILL);
            self.child.wait()?;
        }
        let left = force_out(&children);
        self.signal_group(Signal::KILL);
        let status = ended?;
        if !left.is_empty() {
            bail!("{} left processes behind: {left:?}", self.name);
        }
        Ok(status)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.stopped {
            return;
        }
        let stopped = self.stop();
        if thread::panicking() {
            eprintln!("--- {} said:\n{}\n---", self.name, self.notes());
        } else if let Err(error) = stopped {
            panic!("{error:#}\n{}", self.notes());
        }
    }
}

/// Gives `children` a moment to end by themselves, then kills them; returns those it had to kill.
fn force_out(children: &[Process]) -> Vec<Process> {
    let end = Instant::now() + CHILDREN_FOLLOW_WITHIN;
    while Instant::now() < end && children.iter().any(Process::is_alive) {
        thread::sleep(Duration::from_millis(10));
    }
    let left: Vec<Process> = children.iter().filter(|p| p.is_alive()).cloned().collect();
    for pid in left.iter().filter_map(|process| Pid::from_raw(process.pid)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    left
}

/// The command, changed so that the kernel sends it SIGTERM when we are gone without a `Drop`,
/// killed for instance. Linux only; elsewhere the command as it is.
fn dying_with_us(command: Command) -> Command {
    let setpriv = Path::new("/usr/bin/setpriv");
    if !setpriv.exists() {
        return command;
    }
    let mut wrapped = Command::new(setpriv);
    wrapped.args(["--pdeathsig", "TERM", "--"]).arg(command.get_program()).args(command.get_args());
    if let Some(directory) = command.get_current_dir() {
        wrapped.current_dir(directory);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

fn read_lines(from: impl Read + Send + 'static, mut take: impl FnMut(String) + Send + 'static) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            take(line);
        }
    });
}
