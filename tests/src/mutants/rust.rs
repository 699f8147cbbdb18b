//! What cargo-mutants found: reads its `outcomes.json`.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// How the mutants of one file fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MutantCount {
    /// Tried.
    pub mutants: u32,
    /// Seen by a test, or never ending.
    pub seen: u32,
    /// They do not compile.
    pub unviable: u32,
}

/// What became of one mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    file: String,
    summary: String,
}

/// What it found, by mutant: its name without the line number, which changes.
#[derive(Clone, Debug, Default)]
pub struct MutantOutcomes(BTreeMap<String, Outcome>);

impl MutantOutcomes {
    /// Adds what is in the `outcomes.json` of a run; a mutant that was tried before counts as it is
    /// there.
    ///
    /// # Errors
    /// It cannot be read or is none.
    pub fn read(&mut self, path: &Path) -> Result<()> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let json: Value = serde_json::from_str(&text)?;
        let mut seen = HashMap::<String, u32>::new();
        for outcome in json["outcomes"].as_array().context("outcomes")? {
            // The first one is the code as it is.
            let Some(mutant) = outcome["scenario"].get("Mutant") else {
                continue;
            };
            let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
            let mut id = without_position(&text(&mutant["name"])?);
            let times = seen.entry(id.clone()).or_default();
            *times += 1;
            if *times > 1 {
                id = format!("{id} #{times}");
            }
            let file = text(&mutant["file"])?;
            let summary = text(&outcome["summary"])?;
            self.0.insert(id, Outcome { file, summary });
        }
        Ok(())
    }

    /// By file.
    #[must_use]
    pub fn files(&self) -> BTreeMap<&str, MutantCount> {
        let mut files = BTreeMap::<&str, MutantCount>::new();
        for outcome in self.0.values() {
            let count = files.entry(&outcome.file).or_default();
            count.mutants += 1;
            match outcome.summary.as_str() {
                "MissedMutant" => {}
                "Unviable" => count.unviable += 1,
                _ => count.seen += 1,
            }
        }
        files
    }

    /// The mutants that no test sees.
    #[must_use]
    pub fn survivors(&self) -> Vec<String> {
        let missed = |(_, outcome): &(&String, &Outcome)| outcome.summary == "MissedMutant";
        self.0.iter().filter(missed).map(|(id, _)| id.clone()).collect()
    }
}

/// `shared/src/admission/gate.rs:7:9: replace ...` without the numbers.
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
        let name = "shared/src/admission/gate.rs:101:16: replace >= with < in Gate::decide";
        assert_eq!(
            without_position(name),
            "shared/src/admission/gate.rs: replace >= with < in Gate::decide"
        );
    }
}
