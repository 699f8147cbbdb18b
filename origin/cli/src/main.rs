//! The binary `lastseat`.

use lastseat::{cli, commands};
use lastseat_node::telemetry::logging;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::read();
    let log = logging::start(cli.common.log_format, cli.node());
    match commands::run(cli) {
        Ok(code) => code,
        Err(failure) => {
            log.failed(&failure);
            failure.exit_code()
        }
    }
}
