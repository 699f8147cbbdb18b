//! On what it was measured: what a reader needs to repeat it.

use super::system::nginx_program;
use crate::harness::paths::{repository, workerd};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The machine and the programs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor.
    pub processor: String,
    /// Processors that this process may use.
    pub processors: usize,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The kernel.
    pub system: String,
    /// Programs and their versions.
    pub programs: Vec<String>,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let kib: u64 = field("/proc/meminfo", "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").parse().ok())
            .unwrap_or(0);
        let node = repository().join("node_modules/.bin/node");
        let nginx = nginx_program().unwrap_or_default();
        let workerd = workerd().unwrap_or_default();
        let programs = [
            said(Path::new("redis-server"), "--version").map(|text| until(&text, " sha=")),
            said(&workerd, "--version"),
            said(&node, "--version").map(|text| format!("Node {text}")),
            said(&nginx, "-v"),
            said(Path::new("go"), "version"),
            said(Path::new("rustc"), "--version").map(|text| until(&text, " (")),
        ];
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: kib / 1_024,
            system: said(Path::new("uname"), "-sr").unwrap_or_default(),
            programs: programs.into_iter().flatten().collect(),
        }
    }
}

/// The first value of `name` in a file of lines `name : value`.
fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn until(text: &str, end: &str) -> String {
    text.split(end).next().unwrap_or(text).to_owned()
}

/// The first line that `program` prints when it is asked with `flag`; nginx prints to standard
/// error.
fn said(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let line = String::from_utf8_lossy(&text).lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
