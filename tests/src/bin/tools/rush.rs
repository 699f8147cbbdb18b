//! `make rush`: see [`lastseat_tests::rush`].

use anyhow::Result;
use lastseat_tests::harness::ending::until_ended;
use lastseat_tests::harness::paths::repository;
use lastseat_tests::rush::picture::write;
use lastseat_tests::rush::{LoadOptions, LoadReport, Progress, run};
use std::process::ExitCode;

pub(super) fn main(options: &LoadOptions) -> ExitCode {
    match rush(options) {
        Ok(report) if report.is_good() => ExitCode::SUCCESS,
        Ok(report) => {
            for violation in &report.more.violations {
                eprintln!("rush: {violation}");
            }
            ExitCode::from(1)
        }
        Err(error) => {
            eprintln!("rush: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn rush(options: &LoadOptions) -> Result<LoadReport> {
    let report = until_ended(run(options, Progress::new(options.buyers)))?;
    let path = write(&report, &repository())?;
    if options.json {
        println!("{}", report.to_json()?);
    } else {
        println!("{report}");
        eprintln!("rush: written to {}", path.display());
    }
    Ok(report)
}
