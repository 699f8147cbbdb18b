//! Reads a node's `stat.log`: one line a decision.

use anyhow::{Context, Result};
use lastseat_node::timestamp::Rfc3339;
use shared::UnixMillis;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The decisions of one node on one sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// All lines.
    pub total: u64,
    /// Lines with `result=granted`.
    pub granted: u64,
    /// Lines with `by=ledger`.
    pub by_ledger: u64,
}

/// Counts the lines of `sale` in the log at `path`. A log that does not exist yet has none.
///
/// # Errors
/// It cannot be read.
pub fn count(path: &Path, sale: &str) -> Result<Decisions> {
    let mut decisions = Decisions::default();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(decisions),
        Err(e) => return Err(e).with_context(|| path.display().to_string()),
    };
    for line in BufReader::new(file).lines() {
        let line = line.with_context(|| path.display().to_string())?;
        if field(&line, "sale") == Some(sale) {
            decisions.total += 1;
            decisions.granted += u64::from(field(&line, "result") == Some("granted"));
            decisions.by_ledger += u64::from(field(&line, "by") == Some("ledger"));
        }
    }
    Ok(decisions)
}

/// Counts the lines of `sale` in the log at `path` by edge.
///
/// # Errors
/// It cannot be read.
pub fn by_edge(path: &Path, sale: &str) -> Result<BTreeMap<String, u64>> {
    let mut counts = BTreeMap::new();
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    for line in text.lines().filter(|line| field(line, "sale") == Some(sale)) {
        let edge = field(line, "edge").unwrap_or("-");
        *counts.entry(edge.to_owned()).or_default() += 1;
    }
    Ok(counts)
}

/// When each decision on `sale` in the log at `path` was made, in order.
///
/// # Errors
/// It cannot be read, or a line has no time.
pub fn times(path: &Path, sale: &str) -> Result<Vec<UnixMillis>> {
    times_of(path, |line| field(line, "sale") == Some(sale))
}

/// When each order of `sale` in the log at `path` was granted, in order.
///
/// # Errors
/// It cannot be read, or a line has no time.
pub fn granted(path: &Path, sale: &str) -> Result<Vec<UnixMillis>> {
    times_of(path, |line| {
        field(line, "sale") == Some(sale) && field(line, "result") == Some("granted")
    })
}

fn times_of(path: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<UnixMillis>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    text.lines()
        .filter(|line| wanted(line))
        .map(|line| {
            let time = line.split(' ').next().unwrap_or_default().parse();
            time.ok().map(|Rfc3339(at)| at).with_context(|| format!("no time in {line:?}"))
        })
        .collect()
}

/// The value of ` name=value ` in a line.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_the_sale_are_counted() {
        let directory = crate::harness::paths::scratch().unwrap();
        let path = directory.path().join("stat.log");
        assert_eq!(count(&path, "a").unwrap(), Decisions::default());
        let line = "2026-11-23T03:00:00Z sale=a order=x quantity=1 result=granted by=ledger edge=e";
        let other = line.replace("sale=a", "sale=ab");
        let refused = line.replace("granted by=ledger", "sold_out by=origin");
        std::fs::write(&path, format!("{line}\n{other}\n{refused}\n")).unwrap();
        let expected = Decisions { total: 2, granted: 1, by_ledger: 1 };
        assert_eq!(count(&path, "a").unwrap(), expected);
        let at = UnixMillis(1_795_402_800_000);
        assert_eq!(times(&path, "a").unwrap(), [at, at]);
        assert_eq!(granted(&path, "a").unwrap(), [at]);
    }
}
