//! `make profile`: see [`lastseat_tests::profile`].

use clap::Args;
use lastseat_tests::harness::ending::until_ended;
use lastseat_tests::profile::run;
use std::process::ExitCode;

/// Draws where the processor time of the hot paths goes: a flame graph for each, and
/// docs/evidence/PROFILES.md.
///
/// Exit codes: 0 written; 2 wrong flags; 3 something is missing or could not be run.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Take this one only (may be repeated): edge-refusal, edge-order, gateway-refusal,
    /// gateway-order, gateway-streams, public-order, node-refusal, node-order, ledger-order.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
}

pub(super) fn main(options: &Options) -> ExitCode {
    match until_ended(run(&options.only)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("profile: {error:#}");
            ExitCode::from(3)
        }
    }
}
