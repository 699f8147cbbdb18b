//! The binary `lastseat`.

use lastseat::{cli, commands};
use std::process::ExitCode;

fn main() -> ExitCode {
    match commands::run(cli::Cli::read()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("{failure}");
            failure.exit_code()
        }
    }
}
