//! The workers in JavaScript of `tests/bench/peers/js`, on bare workerd and under `wrangler dev`.

use crate::harness::paths::{repository, workerd};
use anyhow::Result;
use std::process::Command;
use tempfile::TempDir;

/// The key of the edges here, made up.
pub(super) const KEY: &str = "bench-bench-bench-bench-bench-bench-bench";

/// One on bare workerd.
///
/// # Errors
/// workerd is not installed.
pub(super) fn by_workerd(name: &str, port: u16, origins: &str) -> Result<Command> {
    let mut command = Command::new(workerd()?);
    command.current_dir(repository());
    command.args(["serve", "tests/bench/peers/js/workerd.capnp", name]);
    command.args(["--socket-addr", &format!("http=127.0.0.1:{port}")]);
    command.env("ORIGINS", origins).env("LASTSEAT_EDGE_KEY", KEY);
    Ok(command)
}

/// As `lastseat cluster` starts wrangler for the edge.
///
/// # Errors
/// There is no free port, or no room for its secrets.
pub(super) fn by_wrangler(
    name: &str,
    port: u16,
    origins: &str,
    directory: &TempDir,
) -> Result<Command> {
    let modules = repository().join("node_modules");
    let secrets = directory.path().join("secrets.env");
    std::fs::write(&secrets, format!("LASTSEAT_EDGE_KEY=\"{KEY}\"\n"))?;
    let mut command = Command::new(modules.join(".bin/node"));
    command.current_dir(repository());
    command.arg(modules.join("wrangler/bin/wrangler.js")).arg("dev");
    command.args(["--config", "tests/bench/peers/js/wrangler.toml", "--env", name]);
    command.args(["--ip", "127.0.0.1", "--port", &port.to_string()]);
    let inspector = lastseat_cluster::process::free_port()?.to_string();
    command.args(["--inspector-port", &inspector, "--log-level", "error"]);
    command.arg("--show-interactive-dev-session=false");
    command.arg("--persist-to").arg(directory.path().join("state"));
    command.args(["--var", &format!("ORIGINS:{origins}")]);
    command.arg("--env-file").arg(secrets);
    for (variable, value) in
        [("CLOUDFLARE_CF_FETCH_ENABLED", "false"), ("WRANGLER_SEND_METRICS", "false"), ("CI", "1")]
    {
        command.env(variable, value);
    }
    Ok(command)
}
