//! `make drill`: see [`lastseat_tests::drill`].

use anyhow::Result;
use clap::{Parser, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use lastseat_tests::drill::{CheckOutcome, FaultTestOptions, FaultTestReport, Name, page, run};
use lastseat_tests::harness::ending::until_ended;
use lastseat_tests::harness::paths::repository;
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let options = FaultTestOptions::parse();
    if options.list {
        for name in Name::value_variants() {
            println!("{:14}  {}", name.word(), name.sentence());
        }
        return ExitCode::SUCCESS;
    }
    match drill(&options) {
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
    let names = options.names();
    let total = names.len() as u64 * u64::from(options.rounds);
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{elapsed_precise} [{bar:20}] {pos} of {len}, {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_secs(1));
    let mut seed = options.seed();
    for round in 1..=options.rounds {
        for name in &names {
            bar.set_message(format!("round {round}: {}", name.word()));
            if bar.is_hidden() {
                eprintln!("drill: round {round}: {}", name.word());
            }
            let begun = Instant::now();
            // The others still have something to show.
            let outcome = run(*name, options, seed).await.unwrap_or_else(|error| {
                CheckOutcome::not_run(*name, options.edge, seed, begun.elapsed(), &error)
            });
            for violation in &outcome.violations {
                bar.suspend(|| eprintln!("drill: {}: {violation}", name.word()));
            }
            report.drills.push(outcome);
            seed = seed.wrapping_add(1);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(report)
}
