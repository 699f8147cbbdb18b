//! The children of a process, read from `/proc`, to prove that none is left behind. Where there is
//! no `/proc` (macOS), the list is empty and nothing is proved.

use rustix::time::{ClockId, clock_gettime};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

/// One process. A pid alone is not enough: it may have been given to another process since.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its program, as the kernel names it.
    pub name: String,
    started: u64,
}

struct Stat {
    process: Process,
    parent: i32,
    state: char,
    /// Processor time, user and system.
    cpu: Duration,
}

fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // "pid (name) state parent ...": the name may itself have spaces and brackets.
    let (head, tail) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
    Some(Stat {
        process: Process { pid, name, started: fields.get(19)?.parse().ok()? },
        parent: fields.get(1)?.parse().ok()?,
        state: fields.first()?.chars().next()?,
        cpu: ticks(fields.get(11)?)? + ticks(fields.get(12)?)?,
    })
}

/// What `/proc` counts in hundredths of a second, on every Linux that people run.
fn ticks(field: &str) -> Option<Duration> {
    Some(Duration::from_millis(10 * field.parse::<u64>().ok()?))
}

/// Processor time that the processes `roots` and all their living children have taken so far, by
/// the name of the program.
#[must_use]
pub fn cpu_by_name(roots: &[u32]) -> BTreeMap<String, Duration> {
    let mut sums = BTreeMap::new();
    let below = roots.iter().flat_map(|pid| descendants(*pid));
    let pids = roots.iter().map(|pid| pid.cast_signed());
    for stat in pids.chain(below.map(|process| process.pid)).filter_map(stat) {
        *sums.entry(stat.process.title()).or_default() += stat.cpu;
    }
    sums
}

/// Processor time of this thread.
#[must_use]
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What a process holds at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Memory in bytes (resident set).
    pub memory: u64,
    /// Open file descriptors.
    pub files: u64,
}

/// What process `pid` holds; nothing when it is gone.
#[must_use]
pub fn held(pid: u32) -> Held {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let memory = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok())
        .map_or(0, |kib: u64| kib * 1_024);
    let files = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |files| files.count() as u64);
    Held { memory, files }
}

/// All living children of `pid`, their children, and so on.
#[must_use]
pub fn descendants(pid: u32) -> Vec<Process> {
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for stat in pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(stat) {
        children.entry(stat.parent).or_default().push(stat.process);
    }
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![pid.cast_signed()];
    while let Some(parent) = parents.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            parents.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// The words by which process `pid` was started, as everybody on the machine may read them.
#[must_use]
pub fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

impl Process {
    /// Its number.
    #[must_use]
    pub const fn id(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// How it calls itself: the kernel's name is that of the file, and a program may have been
    /// started as `/proc/self/exe`.
    #[must_use]
    pub fn title(&self) -> String {
        let line = command_line(self.pid.cast_unsigned());
        let word = line.split_ascii_whitespace().next().unwrap_or_default();
        let file = word.rsplit('/').next().unwrap_or_default();
        match file.trim_end_matches(':') {
            "" => self.name.clone(),
            name => name.to_owned(),
        }
    }

    /// Whether it still runs. One that only waits to be reaped does not.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|now| now.process == *self && !matches!(now.state, 'Z' | 'X'))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn processor_time_memory_and_files_of_a_process_are_seen() {
        let us = std::process::id();
        let before = held(us);
        assert!(before.memory > 1 << 20 && before.files > 2, "{before:?}");
        let begun = thread_cpu();
        while thread_cpu() - begun < Duration::from_millis(50) {
            std::hint::black_box(fs::read_to_string("/proc/self/stat").unwrap());
        }
        let cpu: Duration = cpu_by_name(&[us]).values().sum();
        assert!(cpu >= Duration::from_millis(30), "{cpu:?}");
    }

    #[test]
    fn a_child_of_a_child_is_found_and_missed_when_it_is_gone() {
        let mut shell = Command::new("sh").args(["-c", "sleep 60 & wait"]).spawn().unwrap();
        let found = crate::harness::wait::until("the shell starts its child", || {
            let found = descendants(shell.id());
            (!found.is_empty()).then_some(found)
        });
        assert!(found[0].is_alive());
        let pid = rustix::process::Pid::from_raw(found[0].pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        shell.wait().unwrap();
        assert!(!found[0].is_alive());
    }
}
