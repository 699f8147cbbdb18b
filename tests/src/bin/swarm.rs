//! `make swarm`: see [`lastseat_tests::swarm`].

use clap::Parser;
use lastseat_tests::swarm::{Options, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let options = Options::parse();
    let report = run(&options.scenario());
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
