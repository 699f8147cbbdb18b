//! What came of the drills: `target/drill/report.json`, and a table for people.

use super::scene::Record;
use super::table::Drill;
use crate::bench::machine::Machine;
use crate::harness::Edge;
use crate::harness::paths::commit;
use crate::rush::report::thousands;
use anyhow::{Context, Error, Result};
use lastseat_node::timestamp::Rfc3339;
use serde::{Serialize, Serializer};
use shared::UnixMillis;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One run of one drill.
#[derive(Clone, Debug, Serialize)]
pub struct CheckOutcome {
    /// Which drill.
    pub name: &'static str,
    /// What was done, and what had to hold.
    pub sentence: String,
    /// What its moments and keys followed from.
    pub seed: u64,
    /// What ran the edges.
    pub edge: Edge,
    /// The whole drill, start and stop of the system included.
    pub seconds: f64,
    /// Buyers that came.
    pub buyers: u64,
    /// Buyers with a ticket.
    pub granted: u64,
    /// Answers with a 5xx that buyers saw.
    pub faults_seen: u64,
    /// The longest that a buyer waited for an answer.
    pub slowest_ms: u64,
    /// What was done to the system, and when.
    pub actions: Vec<String>,
    /// What was measured, in words.
    #[serde(serialize_with = "as_map")]
    pub measures: Vec<(String, String)>,
    /// The promises that were broken; empty when all were kept.
    pub violations: Vec<String>,
}

fn as_map<S: Serializer>(pairs: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

impl CheckOutcome {
    /// What was noted in a run of so long.
    pub(super) fn of(drill: &Drill, edge: Edge, seed: u64, took: Duration, noted: Record) -> Self {
        Self {
            name: drill.name,
            sentence: format!("{}: {}", drill.done, drill.holds),
            seed,
            edge,
            seconds: took.as_secs_f64(),
            buyers: noted.buyers,
            granted: noted.granted,
            faults_seen: noted.faults,
            slowest_ms: noted.slowest.as_millis() as u64,
            actions: noted.actions,
            measures: noted.measures,
            violations: noted.violations,
        }
    }

    /// Of a drill that could not be run to its end: that keeps no promise.
    #[must_use]
    pub fn not_run(drill: &Drill, edge: Edge, seed: u64, took: Duration, why: &Error) -> Self {
        let mut noted = Record::default();
        noted.violations.push(format!("could not be run: {why:#}").replace('\n', " "));
        Self::of(drill, edge, seed, took, noted)
    }
}

/// All runs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FaultTestReport {
    /// The commit of the checkout, `-dirty` when it was changed.
    pub commit: String,
    /// The day, UTC.
    pub day: String,
    /// Whether faults lasted as long as a drill would like.
    pub long: bool,
    /// Where.
    pub machine: Machine,
    /// In the order in which they were run.
    pub drills: Vec<CheckOutcome>,
}

impl FaultTestReport {
    /// A report of this machine and commit, without runs.
    #[must_use]
    pub fn begin(long: bool) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = UnixMillis(now.map_or(0, |since| since.as_millis() as u64));
        let day = Rfc3339(now).to_string();
        Self {
            commit: commit(),
            day: day.split('T').next().unwrap_or_default().to_owned(),
            long,
            machine: Machine::this(),
            drills: Vec::new(),
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.drills.iter().all(|drill| drill.violations.is_empty())
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// Never: all keys are strings.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)?)
    }

    /// Writes `target/drill/report.json` below `root`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, root: &Path) -> Result<PathBuf> {
        let directory = root.join("target/drill");
        let path = directory.join("report.json");
        let text = self.to_json()? + "\n";
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl fmt::Display for CheckOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.violations.is_empty() { "kept  " } else { "BROKEN" };
        let (name, sentence) = (self.name, &self.sentence);
        writeln!(f, "  {verdict}  {name:19}  {sentence}")?;
        let (buyers, granted) = (thousands(self.buyers), thousands(self.granted));
        writeln!(
            f,
            "          {:.0} s, {buyers} buyers, {granted} tickets sold, {} saw a 5xx, longest \
             answer {} ms, seed {}",
            self.seconds, self.faults_seen, self.slowest_ms, self.seed
        )?;
        for action in &self.actions {
            writeln!(f, "          {action}")?;
        }
        for (name, value) in &self.measures {
            writeln!(f, "          {name}: {value}")?;
        }
        for violation in &self.violations {
            writeln!(f, "       !! {violation}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FaultTestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for drill in &self.drills {
            writeln!(f, "{drill}")?;
        }
        let broken = self.drills.iter().filter(|d| !d.violations.is_empty());
        let (all, broken) = (self.drills.len(), broken.count());
        write!(f, "  {all} drills, {broken} with a broken promise")
    }
}
