//! The binary `lastseat`.

use lastseat::{cli, commands};
use lastseat_node::telemetry::logging;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = cli::Cli::read();
    let log = logging::start(cli.common.log_format, cli.node());
    let json = cli.has_json_errors();
    let failure = match commands::run(cli) {
        Ok(code) => return code,
        Err(failure) => failure,
    };
    if json {
        eprintln!("{}", failure.to_json());
    } else {
        log.failed(&failure);
    }
    failure.exit_code()
}
