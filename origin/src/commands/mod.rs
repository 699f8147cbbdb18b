//! The commands, one file each.

mod audit;
mod bound;
mod cluster;
mod orders;
mod sale;
mod serve;

use crate::cli::{Cli, Command, Common};
use crate::cluster::roster::Roster;
use crate::failure::Failure;
use crate::ledger::{Fault, Ledger, LedgerUrl};
use serde::Serialize;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use tokio::runtime::Builder;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    start_log();
    let common = cli.common;
    match cli.command {
        Some(Command::Serve(flags)) => block_on(Threads::Many, serve::run(&common, flags)),
        // The main thread only: see `process::bound`.
        Some(Command::Cluster(flags)) => block_on(Threads::One, cluster::run(&common, flags)),
        Some(Command::Sale { command }) => block_on(Threads::One, sale::run(&common, command)),
        Some(Command::Orders { command }) => block_on(Threads::One, orders::run(&common, command)),
        Some(Command::Audit(flags)) => block_on(Threads::One, audit::run(&common, &flags)),
        Some(Command::Bound(flags)) => Err(bound::run(&flags)),
        // `Cli::read` fills it in.
        None => Err(Failure::usage(vec!["no command".to_owned()])),
    }
}

enum Threads {
    One,
    Many,
}

fn block_on(
    threads: Threads,
    work: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let mut builder = match threads {
        Threads::One => Builder::new_current_thread(),
        Threads::Many => Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build().map_err(Failure::runtime)?;
    runtime.block_on(work)
}

/// What the environment says about the log: `info`, `lastseat=debug,warn` ...
#[must_use]
pub fn log_words() -> Option<String> {
    ["LASTSEAT_LOG", "RUST_LOG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|words| !words.is_empty()))
}

/// Notes go to stderr.
fn start_log() {
    let words = log_words();
    let parsed = words.as_deref().map(str::parse::<Targets>);
    let targets = match &parsed {
        Some(Ok(targets)) => targets.clone(),
        _ => Targets::new().with_default(LevelFilter::INFO),
    };
    let color = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(color);
    tracing_subscriber::registry()
        .with(lines.with_filter(targets))
        .init();
    if let Some(Err(e)) = parsed {
        tracing::warn!("LASTSEAT_LOG or RUST_LOG is not understood ({e}); logging at info");
    }
}

/// The ledger that the flags, the environment or a running cluster name, in this order.
async fn ledger(common: &Common) -> Result<Ledger, Failure> {
    let given = common.redis_url.as_ref().map(|url| url.reveal().to_owned());
    let url = match given.filter(|url| !url.is_empty()) {
        Some(url) => url,
        None => url_of_cluster(common)?,
    };
    let url = LedgerUrl::parse(&url)
        .map_err(|e| Failure::usage(vec![format!("--redis-url or REDIS_URL: {e}")]))?;
    Ledger::connect(&url).await.map_err(Failure::runtime)
}

fn url_of_cluster(common: &Common) -> Result<String, Failure> {
    let data_dir = common.data_dir.display();
    match Roster::read(&common.data_dir) {
        Ok(Some(roster)) => Ok(roster.redis.url),
        Ok(None) => Err(Failure::runtime(format!(
            "no cluster runs in {data_dir}, so the ledger is not known. Start one with \
             `lastseat cluster`, or name it with --data-dir, --redis-url or REDIS_URL"
        ))),
        Err(e) => Err(Failure::runtime(format!(
            "{data_dir}/cluster.json cannot be read: {e}"
        ))),
    }
}

/// A fault as an operator hears it, with its cause.
fn fault(fault: Fault) -> Failure {
    Failure::runtime(fault)
}

/// Data for people as lines of name and value, for programs as one line of JSON.
fn print(common: &Common, data: &impl Serialize) -> Result<(), Failure> {
    let mut text = String::new();
    if common.json {
        text = serde_json::to_string(data).map_err(Failure::runtime)?;
        text.push('\n');
    } else if let serde_json::Value::Object(fields) =
        serde_json::to_value(data).map_err(Failure::runtime)?
    {
        for (name, value) in fields {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&format!("{name:17} {value}\n"));
        }
    }
    match io::stdout().lock().write_all(text.as_bytes()) {
        // Whoever reads has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::runtime),
    }
}
