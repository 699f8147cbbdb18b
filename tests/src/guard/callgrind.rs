//! Has callgrind count the instructions of each path, in one run.

use super::paths::{MEASURED, PATHS, TIMES};
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Instructions of one time of each path, by its name.
pub(super) fn count() -> Result<BTreeMap<String, u64>> {
    ensure!(
        cfg!(not(debug_assertions)),
        "instructions are counted of the release build: run 'make guard'"
    );
    let directory = crate::harness::paths::scratch()?;
    let dumps = directory.path().join("dump");
    let run = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet", "--combine-dumps=no"])
        // A count begins and a dump ends with each call of the function in which a path runs.
        .arg(format!("--zero-before={MEASURED}"))
        .arg(format!("--dump-after={MEASURED}"))
        .arg(format!("--callgrind-out-file={}", dumps.display()))
        .arg(std::env::current_exe()?)
        .arg("guard")
        .arg("--perform")
        .output()
        .context("valgrind is missing. Run 'make setup-tests', or: apt-get install valgrind")?;
    ensure!(
        run.status.success(),
        "the hot paths did not run under valgrind ({}):\n{}",
        run.status,
        String::from_utf8_lossy(&run.stderr)
    );
    let count = |(place, path): (usize, &super::paths::Path)| {
        let total = total(&directory.path().join(format!("dump.{}", place + 1)))?;
        Ok((path.name.to_owned(), total / u64::from(TIMES)))
    };
    PATHS.iter().enumerate().map(count).collect()
}

/// The instructions that a dump counts.
fn total(dump: &Path) -> Result<u64> {
    let text = std::fs::read_to_string(dump).context("callgrind wrote no dump for a path")?;
    let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start));
    match line("desc: Trigger: ") {
        Some(trigger) if trigger.contains("--dump-after") => {}
        other => bail!("a dump of callgrind was made for another reason: {other:?}"),
    }
    let total = line("totals: ").or_else(|| line("summary: "));
    let total = total.context("a dump of callgrind has no total")?;
    Ok(total.trim().parse()?)
}
