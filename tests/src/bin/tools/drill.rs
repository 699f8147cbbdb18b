//! `make drill`: see [`lastseat_tests::drill`].

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use lastseat_tests::drill::{CheckOutcome, DRILLS, FaultTestOptions, FaultTestReport, page, run};
use lastseat_tests::harness::ending::until_ended;
use lastseat_tests::harness::paths::repository;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub(super) fn main(options: &FaultTestOptions) -> ExitCode {
    if options.list {
        for drill in &DRILLS {
            println!("{:19}  {}: {}", drill.name, drill.done, drill.holds);
        }
        return ExitCode::SUCCESS;
    }
    match drill(options) {
        Ok(report) if report.is_good() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("drill: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn drill(options: &FaultTestOptions) -> Result<FaultTestReport> {
    let report = until_ended(all(options))?;
    let path = report.write(&repository())?;
    if options.write_docs {
        for page in page::write(&report, &repository())? {
            eprintln!("drill: written to {}", page.display());
        }
    }
    if options.json {
        println!("{}", report.to_json()?);
    } else {
        println!("{report}");
        eprintln!("drill: written to {}", path.display());
    }
    Ok(report)
}

async fn all(options: &FaultTestOptions) -> Result<FaultTestReport> {
    let mut report = FaultTestReport::begin(options.long);
    let drills = options.drills();
    let total = drills.len() as u64 * u64::from(options.rounds);
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:20}] {pos} of {len}, {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    let mut seed = options.seed();
    for round in 1..=options.rounds {
        for drill in &drills {
            bar.set_message(format!("round {round}: {}", drill.name));
            if bar.is_hidden() {
                eprintln!("drill: round {round}: {}", drill.name);
            }
            let begun = Instant::now();
            // The others still have something to show.
            let outcome = run(drill, options, seed).await.unwrap_or_else(|error| {
                CheckOutcome::not_run(drill, options.edge, seed, begun.elapsed(), &error)
            });
            for violation in &outcome.violations {
                bar.suspend(|| eprintln!("drill: {}: {violation}", drill.name));
            }
            report.drills.push(outcome);
            seed = seed.wrapping_add(1);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}
