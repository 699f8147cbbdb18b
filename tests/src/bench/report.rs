//! The report: JSON for programs, a table for people.

use super::measure::Measure;
use super::options::Options;
use super::row::{Better, Row};
use crate::harness::paths::commit;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Report {
    /// The rows, in the order of the measures.
    pub measures: Vec<Row>,
    /// Runs that are no data points, and measures that could not be run.
    pub failed: Vec<Failed>,
}

/// Something that was left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failed {
    /// The measure.
    pub id: String,
    /// Which run.
    pub what: String,
    /// Why.
    pub why: String,
    /// Whether it could be run at all.
    pub could_run: bool,
}

impl Failed {
    /// A measure that could not be run.
    #[must_use]
    pub fn could_not_run(measure: Measure, error: &anyhow::Error) -> Self {
        Self {
            id: measure.to_string(),
            what: "the measure".to_owned(),
            why: format!("{error:#}"),
            could_run: false,
        }
    }
}

impl Report {
    /// A report before anything was measured.
    #[must_use]
    pub fn begin(_options: &Options) -> Self {
        let _ = commit();
        Self::default()
    }

    /// Takes in the rows of those measures that are wanted.
    pub fn take(&mut self, rows: Vec<Row>, wanted: &[Measure]) {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        self.measures
            .extend(rows.into_iter().filter(|row| wanted.contains(&row.id)));
    }

    /// As JSON.
    ///
    /// # Errors
    /// Never: all keys are strings.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Writes report.json into `to`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, to: &Path) -> Result<PathBuf> {
        let path = to.join("report.json");
        fs::create_dir_all(to)
            .and_then(|()| fs::write(&path, self.to_json().unwrap_or_default() + "\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// The exit code: see the options.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.failed.iter().map(|failed| failed.could_run).min() {
            None => 0,
            Some(true) => 1,
            Some(false) => 3,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.measures {
            let number = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.2}"));
            writeln!(
                f,
                "{:4} {:68} {:>12} {:>12} {:14} {:>7} goal {:>5} {:6} {}",
                row.id,
                row.name,
                number(row.ours),
                number(row.peer),
                row.unit,
                number(row.ratio),
                number(row.goal),
                if row.better == Better::Higher {
                    "higher"
                } else {
                    "lower"
                },
                match row.met {
                    Some(true) => "met",
                    Some(false) => "MISSED",
                    None => "",
                }
            )?;
        }
        Ok(())
    }
}
