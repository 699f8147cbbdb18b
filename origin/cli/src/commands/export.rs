//! Command `lastseat orders export`.

use super::progress::Progress;
use super::target::{api, ledger};
use super::{fault, no_sale, reader_left, sale_id};
use crate::api_client::{ApiCall, ApiClient};
use crate::cli::{Common, ExportFlags, ServerFlags};
use crate::failure::Failure;
use bytes::Bytes;
use lastseat_cluster::process::StopSignals;
use lastseat_ledger::Ledger;
use lastseat_node::api::log_page::{self, LOG_LINES};
use lastseat_node::api::sale_bodies::SaleReport;
use serde::Deserialize;
use shared::SaleId;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Pause at the end of the log before it is read again.
const PAUSE: Duration = Duration::from_millis(200);
/// Pause when the log cannot be read.
const AWAY: Duration = Duration::from_secs(1);

/// Prints each event of a sale as a line of JSON. Ends at the end of the log, with `--follow` on
/// Ctrl-C, and always when nobody reads any more.
pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    flags: &ExportFlags,
) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let log = if flags.on.ledger {
        LogSource::Ledger(ledger(common).await?)
    } else {
        LogSource::Node(api(common, server)?)
    };
    let mut export = Export {
        next: flags.from.unwrap_or(0),
        // Lines on a terminal are their own progress.
        progress: Progress::shown(!flags.follow && !io::stdout().is_terminal()),
        end: log.end(&sale).await?,
        log,
        sale,
    };
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let exported = tokio::select! {
        exported = export.run(flags.follow) => exported,
        () = signals.next() => Ok(()),
    };
    exported.map(|()| ExitCode::SUCCESS)
}

/// Who reads the log.
enum LogSource {
    Node(ApiClient),
    Ledger(Ledger),
}

impl LogSource {
    /// The last position of the log.
    async fn end(&self, sale: &SaleId) -> Result<u64, Failure> {
        match self {
            Self::Node(api) => {
                let report: SaleReport = api.read(&ApiCall::get(sale, "")).await?;
                Ok(report.commit_seq)
            }
            Self::Ledger(ledger) => {
                let known = ledger.snapshot(sale).await.map_err(fault)?;
                Ok(known.ok_or_else(|| no_sale(sale))?.commit_seq)
            }
        }
    }

    /// Whole entries from `from` on, as lines.
    async fn page(&self, sale: &SaleId, from: u64) -> Result<Bytes, Failure> {
        match self {
            Self::Node(api) => {
                let call = ApiCall::get(sale, &format!("/log?from={from}&limit={LOG_LINES}"));
                Ok(api.call(&call).await?.body)
            }
            Self::Ledger(ledger) => {
                let page = log_page::read(ledger, sale, from, LOG_LINES).await;
                let page = page.map_err(fault)?.ok_or_else(|| no_sale(sale))?;
                Ok(page.into())
            }
        }
    }
}

/// What is read of a line.
#[derive(Deserialize)]
struct ExportedLine {
    commit_seq: u64,
    #[serde(rename = "type")]
    kind: String,
}

impl ExportedLine {
    fn read(line: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(line)
            .map_err(|e| Failure::runtime(format!("the log has a line that is no event: {e}")))
    }
}

struct Export {
    log: LogSource,
    sale: SaleId,
    /// The next position; 0 = wherever the log begins.
    next: u64,
    progress: Progress,
    /// Where the log ended when the export began.
    end: u64,
}

impl Export {
    async fn run(&mut self, follow: bool) -> Result<(), Failure> {
        let mut away = false;
        loop {
            let page = match self.log.page(&self.sale, self.next).await {
                Ok(page) => page,
                Err(trouble) if follow && trouble.is_unreachable() => {
                    if !away {
                        eprintln!("{trouble}; trying again each second");
                    }
                    away = true;
                    tokio::time::sleep(AWAY).await;
                    continue;
                }
                Err(trouble) => return Err(trouble),
            };
            away = false;
            let lines = page.strip_suffix(b"\n").unwrap_or(&page);
            if lines.is_empty() {
                if !follow || reader_left() {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            self.check(lines)?;
            // Whole pages only, so that a Ctrl-C never cuts a line.
            let mut out = io::stdout().lock();
            match out.write_all(&page).and_then(|()| out.flush()) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(e) => return Err(Failure::runtime(e)),
            }
            self.progress.report("entries of the log", self.next - 1, self.end);
        }
    }

    /// Notes where the page ends, and says so where entries before it are gone.
    fn check(&mut self, lines: &[u8]) -> Result<(), Failure> {
        let mut all = lines.split(|byte| *byte == b'\n');
        let first = ExportedLine::read(all.next().unwrap_or_default())?;
        let last = match all.next_back() {
            Some(line) => ExportedLine::read(line)?.commit_seq,
            None => first.commit_seq,
        };
        // What is missing before that was lost by Redis and is no entry that anybody could read.
        let follows = first.commit_seq == self.next || first.kind == "sale_healed";
        if self.next > 0 && !follows {
            let (from, to) = (self.next, first.commit_seq - 1);
            eprintln!("lastseat: entries {from} to {to} were acknowledged and are gone");
        }
        self.next = last + 1;
        Ok(())
    }
}
