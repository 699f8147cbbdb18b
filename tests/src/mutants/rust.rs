//! What cargo-mutants found: reads its `outcomes.json`.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// How the mutants of one file fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Tried.
    pub mutants: u32,
    /// Seen by a test, or never ending.
    pub seen: u32,
    /// They do not compile.
    pub unviable: u32,
}

/// What it found.
#[derive(Clone, Debug, Default)]
pub struct Outcomes {
    /// By file.
    pub files: BTreeMap<String, Count>,
    /// The mutants that no test sees, without their line numbers, which change.
    pub survivors: Vec<String>,
}

impl Outcomes {
    /// Adds what a run over other files found.
    pub fn add(&mut self, other: Self) {
        self.files.extend(other.files);
        self.survivors.extend(other.survivors);
    }
}

/// Reads the `outcomes.json` of a run.
///
/// # Errors
/// It cannot be read or is none.
pub fn read(path: &Path) -> Result<Outcomes> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let json: Value = serde_json::from_str(&text)?;
    let mut found = Outcomes::default();
    let mut seen = HashMap::<String, u32>::new();
    for outcome in json["outcomes"].as_array().context("outcomes")? {
        // The first one is the code as it is.
        let Some(mutant) = outcome["scenario"].get("Mutant") else {
            continue;
        };
        let file = mutant["file"].as_str().context("a file")?.to_owned();
        let name = mutant["name"].as_str().context("a name")?;
        let mut id = without_position(name);
        let times = seen.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            id = format!("{id} #{times}");
        }
        let count = found.files.entry(file).or_default();
        count.mutants += 1;
        match outcome["summary"].as_str().context("a summary")? {
            "MissedMutant" => found.survivors.push(id),
            "Unviable" => count.unviable += 1,
            _ => count.seen += 1,
        }
    }
    Ok(found)
}

/// `shared/src/gate.rs:7:9: replace ...` without the numbers.
fn without_position(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => format!("{file}:{what}"),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_named_without_its_line() {
        let name = "shared/src/gate.rs:101:16: replace >= with < in Gate::decide";
        assert_eq!(
            without_position(name),
            "shared/src/gate.rs: replace >= with < in Gate::decide"
        );
    }
}
