//! The binary `lastseat`.

use lastseat::{cli, commands, logging};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::read();
    let log = logging::start(&cli);
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            log.failed(&failure);
            failure.exit_code()
        }
    }
}
