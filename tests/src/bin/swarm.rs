//! `make swarm`: see [`lastseat_tests::swarm`].

use clap::Parser;
use lastseat_tests::swarm::{ScaleOptions, picture, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = ScaleOptions::parse();
    let report = run(&options.scenario());
    if let Some(file) = &options.svg
        && let Err(error) = std::fs::write(file, picture::svg(&report))
    {
        eprintln!("swarm: cannot write {}: {error}", file.display());
        return ExitCode::from(3);
    }
    if options.json {
        match serde_json::to_string(&report) {
            Ok(text) => println!("{text}"),
            Err(error) => {
                eprintln!("swarm: {error}");
                return ExitCode::from(3);
            }
        }
    } else {
        println!("{report}");
    }
    ExitCode::from(u8::from(!report.missed().is_empty()))
}
