//! `make bench`: lastseat measured against other services on the same machine, in turn, each run
//! audited.
//!
//! [`measure`] is the plan, one file beside it for each group of measures; [`load`] is the
//! generator; [`service`] starts what is measured; [`row`] is what comes out, [`report`] the files
//! that are written from it.

pub mod chart;
mod js;
pub mod load;
mod m01_edge;
mod m03_one_origin;
mod m05_engine;
mod m06_rush;
pub mod m08_latency;
mod m09_processor;
mod m10_growth;
mod m11_soak;
mod m12_spread;
mod m13_sizes;
pub mod machine;
pub mod measure;
pub mod options;
pub mod page;
mod progress;
pub mod report;
pub mod row;
pub mod scenes;
pub mod service;
pub mod stack;
mod turns;

pub use measure::Measure;
pub use options::BenchOptions;
pub use report::BenchReport;

use anyhow::{Context, Result};
use m08_latency::Point;
use progress::Progress;
use report::{Failed, Slice};
use row::BenchRow;
use service::Service;
use stack::nginx_program;
use std::time::Instant;

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
        match measure {
            Measure::M1 => m01_edge::refusals(self).await,
            Measure::M2 => m01_edge::forwards(self).await,
            Measure::M3 => m03_one_origin::orders(self).await,
            Measure::M4 => m03_one_origin::refusals(self).await,
            Measure::M5 => m05_engine::engine(self).await,
            Measure::M6 | Measure::M7 => m06_rush::rush(self).await,
            Measure::M8 => {
                let (rows, points) = m08_latency::latency(self).await?;
                self.points = points;
                Ok(rows)
            }
            Measure::M9 => m09_processor::processor(self).await,
            Measure::M10 => m10_growth::growth(self).await,
            Measure::M11 => {
                let (rows, slices) = m11_soak::soak(self).await?;
                self.slices = slices;
                Ok(rows)
            }
            Measure::M12 => m12_spread::spread(self).await,
            Measure::M13 => m13_sizes::sizes(self).await,
        }
    }
}

/// Runs what `options` want. A measure that cannot be run is noted, and the others go on.
///
/// # Errors
/// Something that was asked for is not built, or the report cannot be written.
pub async fn run(options: &BenchOptions) -> Result<BenchReport> {
    let wanted = options.measures();
    if let Some(measure) = wanted.iter().find(|measure| measure.plan().peers) {
        for peer in [Service::S0, Service::S1, Service::S2] {
            let built = peer.program();
            built.with_context(|| format!("{measure} cannot be run"))?;
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
    }
    bench.progress.end();
    Ok(report)
}
