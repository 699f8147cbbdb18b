//! The report: JSON for programs, a table for people, and the page that is kept in the repository.

use super::m08_latency::Point;
use super::machine::Machine;
use super::measure::Measure;
use super::options::BenchOptions;
use super::row::BenchRow;
use crate::harness::paths::commit;
use crate::rush::report::thousands;
use anyhow::{Context, Result};
use lastseat_node::timestamp::Rfc3339;
use serde::{Deserialize, Serialize};
use shared::UnixMillis;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// All that was measured.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BenchReport {
    /// The rows, in the order of the measures.
    pub measures: Vec<BenchRow>,
    /// Runs that are no data points, and measures that could not be run.
    pub failed: Vec<Failed>,
    /// When and of what each measure was made.
    pub made: BTreeMap<String, Made>,
    /// Where.
    pub machine: Machine,
    /// Latency at offered load (M8).
    #[serde(default)]
    pub latency: Vec<Point>,
    /// p99 over time (M11).
    #[serde(default)]
    pub soak: Vec<Slice>,
}

/// When and of what a measure was made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Made {
    /// The commit of the checkout, `-dirty` when it was changed.
    pub commit: String,
    /// When, UTC.
    pub at: String,
    /// How long it took in seconds.
    pub seconds: f64,
    /// A trial, whose figures mean nothing.
    pub quick: bool,
}

/// p99 of one slice of the soak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Its end, since the soak began.
    pub seconds: f64,
    /// Milliseconds.
    pub p99: f64,
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
    pub fn could_not_run(measure: Measure, error: &anyhow::Error) -> Self {
        Self {
            id: measure.to_string(),
            what: "the measure".to_owned(),
            why: format!("{error:#}"),
            could_run: false,
        }
    }
}

impl BenchReport {
    /// The report that lies in `from`, to which a run of some measures adds; an empty one if there
    /// is none.
    pub fn before(from: &Path) -> Self {
        let text = fs::read_to_string(from.join("report.json")).unwrap_or_default();
        let before: Self = serde_json::from_str(&text).unwrap_or_default();
        Self { machine: Machine::this(), ..before }
    }

    /// Forgets what is known of `measure`, because it is measured anew.
    pub fn forget(&mut self, measure: Measure) {
        let id = measure.to_string();
        self.measures.retain(|row| row.id != id);
        self.failed.retain(|failed| failed.id != id);
        self.made.remove(&id);
        match measure {
            Measure::M8 => self.latency.clear(),
            Measure::M11 => self.soak.clear(),
            _ => {}
        }
    }

    /// Takes in the rows of those measures that are wanted.
    pub fn take(
        &mut self,
        rows: Vec<BenchRow>,
        wanted: &[Measure],
        took: Duration,
        options: &BenchOptions,
    ) {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        for row in rows.into_iter().filter(|row| wanted.contains(&row.id)) {
            self.made.entry(row.id.clone()).or_insert_with(|| Made {
                commit: commit(),
                at: now(),
                seconds: took.as_secs_f64().round(),
                quick: options.quick,
            });
            self.measures.push(row);
        }
        let place =
            |row: &BenchRow| Measure::all().position(|measure| measure.to_string() == row.id);
        self.measures.sort_by_key(place);
    }

    /// Whether every measure is in it, measured in full: then it is worth a page.
    pub fn is_whole(&self) -> bool {
        let made = |measure: &Measure| self.made.get(&measure.to_string());
        Measure::all().all(|measure| made(&measure).is_some_and(|made| !made.quick))
    }

    /// As JSON.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Writes report.json into `to`.
    pub fn write(&self, to: &Path) -> Result<()> {
        fs::create_dir_all(to).with_context(|| format!("cannot make {}", to.display()))?;
        write(&to.join("report.json"), &(self.to_json()? + "\n"))
    }

    /// The exit code: see the options.
    pub fn exit_code(&self) -> u8 {
        match self.failed.iter().map(|failed| failed.could_run).min() {
            None => 0,
            Some(true) => 1,
            Some(false) => 3,
        }
    }
}

/// This moment in UTC, to the second.
fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Rfc3339(UnixMillis(since.as_secs() * 1_000)).to_string().replace(".000Z", "Z")
}

/// Writes `text` to `path`.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// A value as people read it: three digits that matter.
pub fn number(value: Option<f64>) -> String {
    match value {
        None => "–".to_owned(),
        Some(value) if value.abs() >= 1_000.0 => thousands(value.round() as u64),
        Some(value) if value.abs() >= 100.0 => format!("{value:.0}"),
        Some(value) if value.abs() >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.measures {
            let (ours, peer) = (number(row.ours), number(row.peer));
            writeln!(f, "{:4} {}", row.id, row.name)?;
            write!(f, "     ours {ours} {}", row.unit)?;
            if row.peer.is_some() {
                write!(f, ", peer {peer}, {} times better", number(row.ratio))?;
            }
            if let Some([least, most]) = row.ratio_range {
                write!(f, " ({} to {})", number(Some(least)), number(Some(most)))?;
            }
            if let Some(goal) = row.goal {
                let met = if row.met == Some(true) { "met" } else { "MISSED" };
                write!(f, "; goal {goal} {met}")?;
            }
            if row.oversold > 0 {
                write!(f, "; the peer oversold by {}", row.oversold)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::row::{BenchRound, BenchRow};
    use clap::Parser;
    use serde_json::Value;

    fn report(measure: Measure) -> BenchReport {
        let round = BenchRound { ours: Some(30.0), peer: Some(10.0) };
        let row =
            BenchRow::new(measure, "x", "orders", "orders/s").goal(12.0, "why").rounds(vec![round]);
        let mut report = BenchReport::default();
        let options = BenchOptions::parse_from(["bench"]);
        report.take(
            vec![row],
            &Measure::all().collect::<Vec<_>>(),
            Duration::from_secs(1),
            &options,
        );
        report
    }

    #[test]
    fn any_program_can_read_the_rows() {
        let json: Value = serde_json::from_str(&report(Measure::M3).to_json().unwrap()).unwrap();
        let row = &json["measures"][0];
        assert_eq!((&row["id"], &row["better"]), (&"M3".into(), &"higher".into()));
        for (field, value) in [("ours", 30.0), ("peer", 10.0), ("ratio", 3.0), ("goal", 12.0)] {
            assert_eq!(row[field], value, "{field}");
        }
        assert_eq!(row["rounds"][0]["ours"], 30.0);
        assert_eq!((&row["unit"], &row["name"]), (&"orders/s".into(), &"orders".into()));
    }

    #[test]
    fn a_run_of_one_measure_keeps_what_others_measured_before() {
        let to = crate::harness::paths::scratch().unwrap();
        report(Measure::M4).write(to.path()).unwrap();
        let mut both = BenchReport::before(to.path());
        both.forget(Measure::M3);
        let options = BenchOptions::parse_from(["bench"]);
        both.take(report(Measure::M3).measures, &[Measure::M3], Duration::ZERO, &options);
        let ids: Vec<&str> = both.measures.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(ids, ["M3", "M4"]);
        both.forget(Measure::M4);
        assert_eq!(both.measures.len(), 1);
        assert!(!both.is_whole());
    }

    #[test]
    fn a_run_that_failed_and_a_measure_that_could_not_run_have_exit_codes_of_their_own() {
        let mut report = report(Measure::M3);
        assert_eq!(report.exit_code(), 0, "a missed goal is no error");
        report.failed.push(Failed {
            id: "M3".to_owned(),
            what: "round 1".to_owned(),
            why: "1 errors".to_owned(),
            could_run: true,
        });
        assert_eq!(report.exit_code(), 1);
        let error = anyhow::anyhow!("not built");
        report.failed.push(Failed::could_not_run(Measure::M6, &error));
        assert_eq!(report.exit_code(), 3);
    }
}
