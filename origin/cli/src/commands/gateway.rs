//! Command `lastseat gateway`.

use super::serve::{print_ready_line, stdin_ends};
use crate::cli::{Common, GatewayFlags};
use crate::config::gateway_config;
use crate::failure::Failure;
use lastseat_cluster::process::{StopSignals, allow_files};
use lastseat_gateway::gateway::Gateway;
use std::process::ExitCode;

pub(super) async fn run(common: &Common, flags: GatewayFlags) -> Result<ExitCode, Failure> {
    let stop_with_stdin = flags.stop_with_stdin;
    let config = gateway_config(flags)?;
    allow_files();
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let gateway = Gateway::start(config).map_err(Failure::runtime)?;
    if common.json {
        print_ready_line(gateway.entry())?;
    }
    let stdin_ends = stdin_ends(stop_with_stdin);
    let stop = async {
        tokio::select! {
            () = signals.next() => {}
            Ok(()) = stdin_ends => {}
        }
    };
    gateway.run(stop).await.map_err(Failure::runtime)?;
    Ok(ExitCode::SUCCESS)
}
