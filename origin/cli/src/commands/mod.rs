//! Commands of `lastseat`, one file each.

mod audit;
mod bound;
mod cluster;
mod completions;
mod context;
mod doctor;
mod export;
mod find;
mod gateway;
mod man;
mod openapi;
mod orders;
mod plan;
mod progress;
mod ready;
mod relay;
mod relay_retry;
mod relay_status;
mod replay;
mod sale;
mod scoped_token;
mod serve;
mod target;
mod token;
mod top;
mod unrestored;
mod watch;

use crate::cli::{Cli, Command, Common};
use crate::failure::{Failure, NOT_FOUND, REFUSED, UNREACHABLE};
use lastseat_ledger::Fault;
use lastseat_node::timestamp::Rfc3339;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use shared::{Code, OrderId, SaleId, UnixMillis};
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::runtime::Builder;

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done.
pub fn run(cli: Cli) -> Result<ExitCode, Failure> {
    if cli.without_command {
        tracing::info!(
            "no command: this starts a cluster here, as `lastseat cluster` does; `lastseat --help` \
             lists all commands"
        );
    }
    let common = cli.common;
    match cli.command {
        Some(Command::Serve(flags)) => serve::run(&common, flags),
        // For operators; buyers have threads of their own.
        Some(Command::Gateway(flags)) => block_on(1, gateway::run(&common, flags)),
        // The main thread only: see `process::bound`.
        Some(Command::Cluster(flags)) => block_on(1, cluster::run(&common, flags)),
        Some(Command::Sale { server, command }) => {
            block_on(1, sale::run(&common, &server, command))
        }
        Some(Command::Orders { server, command }) => {
            block_on(1, orders::run(&common, &server, command))
        }
        Some(Command::Plan { command }) => plan::run(&common, &command),
        Some(Command::Context { command }) => context::run(&common, &command),
        Some(Command::Audit(flags)) => block_on(1, audit::run(&common, &flags)),
        Some(Command::OpenApi(flags)) => openapi::run(&flags),
        Some(Command::Completions(flags)) => completions::run(&flags),
        Some(Command::Relay(flags)) => block_on(1, relay::run(&common, flags)),
        Some(Command::Ready(flags)) => block_on(1, ready::run(&flags)),
        Some(Command::Doctor(flags)) => block_on(1, doctor::run(&common, &flags)),
        Some(Command::Token(flags)) => token::run(&common, &flags),
        Some(Command::Top(flags)) => block_on(1, top::run(&common, &flags)),
        Some(Command::Man(flags)) => man::run(&flags),
        Some(Command::Bound(flags)) => Err(bound::run(&flags)),
        // `Cli::read` fills it in.
        None => Err(Failure::usage(vec!["no command".to_owned()])),
    }
}

/// Does `work` on so many threads. One of them needs no other to wake it and shares nothing, so it
/// is not the same as a pool of one (docs/evidence/PERFORMANCE.md).
fn block_on(
    threads: usize,
    work: impl Future<Output = Result<ExitCode, Failure>>,
) -> Result<ExitCode, Failure> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let builder = builder.worker_threads(threads).enable_all();
    let runtime = builder.build().map_err(Failure::runtime)?;
    runtime.block_on(work)
}

fn sale_id(text: &str) -> Result<SaleId, Failure> {
    SaleId::parse(text).map_err(|e| Failure::usage(vec![format!("{text:?}: {e}")]))
}

fn order_id(text: &str) -> Result<OrderId, Failure> {
    OrderId::parse(text).map_err(|e| Failure::usage(vec![format!("{text:?}: {e}")]))
}

/// What a ledger that was asked without a node does not have.
fn no_sale(sale: &SaleId) -> Failure {
    let code = Code::UnknownSale.as_str();
    Failure::new(NOT_FOUND, code, format!("{code}: the ledger has no sale {sale}"))
}

/// A fault of a ledger that was asked without a node.
fn fault(fault: Fault) -> Failure {
    let exit = match fault {
        Fault::NotSent(_) | Fault::Unknown(_) => UNREACHABLE,
        Fault::Corrupt(_) => REFUSED,
    };
    Failure::new(exit, fault.code().as_str(), fault)
}

/// Data for people as lines of name and value, moments also as the calendar has them; for programs
/// as one line of JSON.
fn print<T: Serialize>(common: &Common, data: &T) -> Result<(), Failure> {
    if common.json {
        return print_json(data);
    }
    let mut text = String::new();
    if let serde_json::Value::Object(fields) =
        serde_json::to_value(data).map_err(Failure::runtime)?
    {
        for (name, value) in fields {
            let value = match (value.as_str(), value.as_u64()) {
                (Some(word), _) => word.to_owned(),
                (None, Some(ms @ 1..)) if name == "now" || name.ends_with("_at") => {
                    format!("{ms} ({})", Rfc3339(UnixMillis(ms)))
                }
                _ => value.to_string(),
            };
            text.push_str(&format!("{name:17} {value}\n"));
        }
    }
    print_text(&text)
}

fn print_json(data: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(data).map_err(Failure::runtime)?;
    text.push('\n');
    print_text(&text)
}

fn print_text(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // Whoever reads has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(Failure::runtime),
    }
}

/// Whether stdout is a pipe whose other end is closed: a command that waits for news would not
/// notice before it has some.
fn reader_left() -> bool {
    let stdout = io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let polled = poll(&mut ends, Some(&Timespec::default()));
    polled.is_ok() && ends[0].revents().contains(PollFlags::ERR)
}
