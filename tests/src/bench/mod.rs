//! `make bench`: lastseat measured against other services on the same machine, in turn, each run
//! audited.
//!
//! [`measure`] is the plan, `table` the scenarios with their rows, and beside it one file for
//! each measure that has steps of its own; [`system`] starts what is measured; [`row`] is what
//! comes out, [`report`] the files that are written from it.

mod g5_latency;
mod m05_engine;
pub mod m08_latency;
mod m10_history;
mod m11_soak;
mod m12_spread;
mod m13_sizes;
mod m14_seats;
mod m16_journeys;
pub mod machine;
pub mod measure;
mod native;
pub mod options;
pub mod page;
pub mod pictures;
mod postgres;
mod progress;
pub mod report;
pub mod row;
pub mod run;
mod scenario;
mod sold_train;
pub mod subject;
pub mod system;
mod table;

pub use measure::Measure;
pub use options::BenchOptions;
pub use report::BenchReport;

use anyhow::{Context, Result};
use m08_latency::Point;
use progress::Progress;
use report::{Failed, Slice};
use row::BenchRow;
use std::time::Instant;
use subject::Peer;
use system::{nginx_program, peer_program};
use table::scenarios;

/// A run of the bench.
#[derive(Debug)]
pub struct Bench {
    /// What is wanted.
    pub options: BenchOptions,
    progress: Progress,
    failed: Vec<Failed>,
    points: Vec<Point>,
    slices: Vec<Slice>,
}

impl Bench {
    /// Says what is done now.
    pub fn step(&self, measure: Measure, what: &str) {
        self.progress.step(measure, what);
    }

    /// Notes a run that is no data point.
    pub fn fail(&mut self, measure: Measure, what: &str, why: &str) {
        self.progress.note(&format!("{measure}, {what}: left out: {why}"));
        self.failed.push(Failed {
            id: measure.to_string(),
            what: what.to_owned(),
            why: why.to_owned(),
            could_run: true,
        });
    }

    /// Runs one measure, and those that are measured in the same runs.
    async fn measure(&mut self, measure: Measure) -> Result<Vec<BenchRow>> {
        let mut rows = Vec::new();
        let wanted = self.options.measures();
        let quick = self.options.quick;
        let native = native::scenarios(measure, quick);
        let journeys = m16_journeys::scenarios(measure);
        for scenario in scenarios(measure, quick).into_iter().chain(native).chain(journeys) {
            // Others are measured in the same time; what none of the wanted needs is not run.
            if !scenario.rows.iter().any(|row| wanted.contains(&row.measure)) {
                continue;
            }
            rows.extend(self.compare(&scenario).await?);
        }
        match measure {
            Measure::M5 => rows = m05_engine::engine(self).await?,
            Measure::M8 => (rows, self.points) = m08_latency::latency(self).await?,
            Measure::M10 => rows.extend(m10_history::history(self).await?),
            Measure::M11 => (rows, self.slices) = m11_soak::soak(self).await?,
            Measure::M12 => rows = m12_spread::spread(self).await?,
            Measure::M13 => rows = m13_sizes::sizes(self).await?,
            Measure::M14 => {
                rows = m14_seats::trains(self).await?;
                rows.extend(m14_seats::halls(self).await?);
            }
            Measure::G5 => rows = g5_latency::latency(self).await?,
            _ => {}
        }
        Ok(rows)
    }
}

/// Runs what `options` want. A measure that cannot be run is noted, and the others go on.
///
/// # Errors
/// Something that was asked for is not built, or the report cannot be written.
pub async fn run(options: &BenchOptions) -> Result<BenchReport> {
    let wanted = options.measures();
    if let Some(measure) = wanted.iter().find(|measure| measure.plan().peers) {
        for peer in [Peer::S0, Peer::S1, Peer::S2] {
            peer_program(peer).with_context(|| format!("{measure} cannot be run"))?;
        }
        nginx_program()?;
    }
    let mut bench = Bench {
        options: options.clone(),
        progress: Progress::new(&wanted),
        failed: Vec::new(),
        points: Vec::new(),
        slices: Vec::new(),
    };
    let mut report = BenchReport::before(&options.out);
    for measure in &wanted {
        report.forget(*measure);
    }
    let mut groups: Vec<Measure> = wanted.iter().map(|measure| measure.runs()).collect();
    groups.sort_unstable();
    groups.dedup();
    for group in groups {
        let begun = Instant::now();
        match bench.measure(group).await {
            Ok(rows) => report.take(rows, &wanted, begun.elapsed(), options),
            Err(error) => {
                let why = format!("{group} could not be run: {error:#}");
                bench.progress.note(&why);
                bench.failed.push(Failed::could_not_run(group, &error));
            }
        }
        bench.progress.done(group);
        report.failed.append(&mut bench.failed);
        report.latency.append(&mut bench.points);
        report.soak.append(&mut bench.slices);
        // Whatever ends a later measure, this one is kept.
        report.write(&options.out)?;
        page::write_page(&report, &options.out)?;
    }
    bench.progress.end();
    Ok(report)
}
