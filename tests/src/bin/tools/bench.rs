//! `make bench`: see [`lastseat_tests::bench`].

use anyhow::Result;
use lastseat_tests::bench::page::write_page;
use lastseat_tests::bench::{BenchOptions, BenchReport, Measure, run};
use lastseat_tests::harness::ending::until_ended;
use lastseat_tests::harness::paths::repository;
use std::process::ExitCode;

pub(super) fn main(options: &BenchOptions) -> ExitCode {
    if options.list {
        for measure in Measure::all() {
            let plan = measure.plan();
            println!("{measure:4} {:4} s  {}", plan.budget, plan.title);
        }
        return ExitCode::SUCCESS;
    }
    match bench(options) {
        Ok(report) => ExitCode::from(report.exit_code()),
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn bench(options: &BenchOptions) -> Result<BenchReport> {
    let report = until_ended(run(options))?;
    if report.is_whole() {
        write_page(&report, &repository().join("docs/evidence"))?;
    }
    if options.json {
        println!("{}", report.to_json()?);
    } else {
        println!("{report}");
        eprintln!("bench: written to {}", options.out.display());
    }
    Ok(report)
}
