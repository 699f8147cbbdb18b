//! `make guard`: see [`lastseat_tests::guard`].

use anyhow::Result;
use clap::Args;
use lastseat_tests::guard::{accept, check, perform};
use std::process::ExitCode;

/// Counts the instructions of the hot paths and the bytes of the edge's Wasm, and compares them
/// with tests/instructions.toml.
///
/// Exit codes: 0 all as held; 1 a figure has changed; 2 wrong flags; 3 something is missing.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Write what is measured now into the file.
    #[arg(long)]
    accept: bool,
    /// Run each path for callgrind to count, and end.
    #[arg(long, hide = true)]
    perform: bool,
}

pub(super) fn main(options: &Options) -> ExitCode {
    match guard(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("guard: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn guard(options: &Options) -> Result<bool> {
    if options.perform {
        perform();
        return Ok(true);
    }
    let report = if options.accept { accept()? } else { check()? };
    print!("{report}");
    if options.accept {
        eprintln!("guard: tests/instructions.toml says so now");
        return Ok(true);
    }
    if !report.is_good() {
        eprintln!(
            "guard: a figure is not what tests/instructions.toml holds. If that is meant, run \
             'make guard-accept' and commit the file; the commit says why."
        );
    }
    Ok(report.is_good())
}
