//! The command line of `bench`.

use super::measure::Measure;
use clap::{Parser, value_parser};
use std::path::PathBuf;
use std::time::Duration;

/// Measures lastseat against other services on this machine, in turn and each run audited.
///
/// Writes report.json, a page and its pictures to the folder of --out; when that report has all
/// measures in full, also docs/evidence/BENCHMARKS.md. Peers written in Go and nginx come from
/// 'make setup-bench'.
///
/// Exit codes: 0 all was measured and audited (a goal that is missed is reported, and no error); 1
/// a run oversold, undersold, lost an order or met a broken connection, and was left out: the
/// report says which; 2 wrong flags; 3 a measure could not be run.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct BenchOptions {
    /// Run this measure only; may be repeated [default: all]. What others measured before stays in
    /// the report.
    #[arg(long, value_enum, ignore_case = true, value_name = "M1..M17, G1..G7")]
    pub only: Vec<Measure>,
    /// How often each thing is measured in turn [default: what the measure says, mostly 5].
    #[arg(long, value_parser = value_parser!(u32).range(1..=100))]
    pub rounds: Option<u32>,
    /// Seconds of one timed run [default: what the measure says, mostly 3].
    #[arg(long, value_parser = value_parser!(u32).range(1..=3_600))]
    pub seconds: Option<u32>,
    /// Try all out: few and short runs, whose figures mean nothing.
    #[arg(long)]
    pub quick: bool,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// List the measures, with the time each takes, and end.
    #[arg(long)]
    pub list: bool,
    /// Where the report goes.
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    pub out: PathBuf,
}

impl BenchOptions {
    /// The measures that are wanted, in their order.
    pub fn measures(&self) -> Vec<Measure> {
        let wanted = |measure: &Measure| self.only.is_empty() || self.only.contains(measure);
        Measure::all().filter(wanted).collect()
    }

    /// How long one timed run of `measure` is.
    pub fn run_time(&self, measure: Measure) -> Duration {
        match self.seconds {
            Some(seconds) => Duration::from_secs(u64::from(seconds)),
            None => {
                let planned = Duration::from_secs(u64::from(measure.plan().seconds));
                if self.quick { (planned / 40).max(Duration::from_millis(500)) } else { planned }
            }
        }
    }

    /// How often each thing of `measure` is measured.
    pub fn rounds(&self, measure: Measure) -> u32 {
        match self.rounds {
            Some(rounds) => rounds,
            None if self.quick => measure.plan().rounds.min(2),
            None => measure.plan().rounds,
        }
    }

    /// Time before a run in which its answers do not count.
    pub const fn warm_up(&self) -> Duration {
        Duration::from_millis(if self.quick { 100 } else { 500 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        BenchOptions::command().debug_assert();
    }

    #[test]
    fn measures_are_named_in_either_case_and_run_in_their_order() {
        let options = BenchOptions::parse_from(["bench", "--only", "m12", "--only", "M3"]);
        assert_eq!(options.measures(), [Measure::M3, Measure::M12]);
        assert_eq!(BenchOptions::parse_from(["bench"]).measures().len(), 24);
        assert!(BenchOptions::try_parse_from(["bench", "--only", "M18"]).is_err());
        assert!(BenchOptions::try_parse_from(["bench", "--rounds", "0"]).is_err());
    }
}
