//! What the guard found, in words.

use super::held::{Held, INSTRUCTIONS_PERCENT, WASM_PERCENT, agrees};
use std::collections::{BTreeMap, BTreeSet};
use std::env::consts::ARCH;
use std::fmt;

/// The name under which the size of the Wasm stands in the report.
const WASM: &str = "size of the edge's Wasm, bytes";

/// Each figure, before and now.
#[derive(Debug)]
pub struct GuardReport {
    rows: Vec<Row>,
    measured: Held,
}

#[derive(Debug)]
struct Row {
    name: String,
    before: Option<u64>,
    now: Option<u64>,
    /// How far the two may be apart, in percent.
    tolerance: u64,
}

impl GuardReport {
    pub(super) fn new(held: &Held, counted: BTreeMap<String, u64>, wasm_bytes: u64) -> Self {
        let before = held.here();
        let names: BTreeSet<&String> = before.keys().chain(counted.keys()).collect();
        let mut rows: Vec<Row> = names
            .into_iter()
            .map(|name| Row {
                name: name.clone(),
                before: before.get(name).copied(),
                now: counted.get(name).copied(),
                tolerance: INSTRUCTIONS_PERCENT,
            })
            .collect();
        rows.push(Row {
            name: WASM.to_owned(),
            before: Some(held.wasm_bytes).filter(|bytes| *bytes > 0),
            now: Some(wasm_bytes),
            tolerance: WASM_PERCENT,
        });
        // Other kinds of processor keep what was measured on them.
        let mut measured = held.clone();
        measured.wasm_bytes = wasm_bytes;
        measured.instructions.insert(ARCH.to_owned(), counted);
        Self { rows, measured }
    }

    /// Whether every figure is what the file says.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(Row::is_good)
    }

    pub(super) const fn measured(&self) -> &Held {
        &self.measured
    }
}

impl Row {
    fn is_good(&self) -> bool {
        let both = self.before.zip(self.now);
        both.is_some_and(|(before, now)| agrees(before, now, self.tolerance))
    }
}

impl fmt::Display for GuardReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:34} {:>9} {:>9}", format!("instructions ({ARCH})"), "held", "now")?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let (before, now) = (figure(self.before), figure(self.now));
        write!(f, "{:34} {before:>9} {now:>9}", self.name)?;
        match (self.before, self.now) {
            (Some(before), Some(now)) if before > 0 => {
                let percent = (now as f64 / before as f64 - 1.0) * 100.0;
                write!(f, "  {percent:+6.1} %")?;
            }
            (None, _) => write!(f, "  new here")?,
            _ => write!(f, "  gone")?,
        }
        if self.is_good() { Ok(()) } else { write!(f, "  <- changed") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(n: u64) -> BTreeMap<String, u64> {
        BTreeMap::from([("gate: forward".to_owned(), n)])
    }

    #[test]
    fn a_path_that_got_dearer_or_is_new_or_gone_fails_and_is_named() {
        let held = GuardReport::new(&Held::default(), counted(100), 1_000).measured;
        assert!(GuardReport::new(&held, counted(100), 1_000).is_good());
        for changed in [
            GuardReport::new(&held, counted(115), 1_000),
            GuardReport::new(&held, counted(100), 1_050),
            GuardReport::new(&held, BTreeMap::new(), 1_000),
            GuardReport::new(&Held::default(), counted(100), 1_000),
        ] {
            assert!(!changed.is_good());
            assert!(changed.to_string().contains("<- changed"), "{changed}");
        }
    }
}
