//! Command `lastseat orders export`.

use super::progress::Progress;
use super::{fault, ledger, reader_left};
use super::{no_sale, sale_id};
use crate::cli::{Common, ExportFlags};
use crate::failure::Failure;
use lastseat_cluster::process::StopSignals;
use lastseat_ledger::{Fault, Ledger};
use lastseat_node::api::event_line;
use shared::SaleId;
use shared::ledger_model::event_log::Entry;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

/// Log entries that one call reads; each may hold the events of a whole batch.
const PAGE: usize = 16;
/// Pause at the end of the log before it is read again.
const PAUSE: Duration = Duration::from_millis(200);
/// Pause when the ledger is away.
const AWAY: Duration = Duration::from_secs(1);

/// Prints each event of a sale as a line of JSON. Ends at the end of the log, with `--follow` on
/// Ctrl-C, and always when nobody reads any more.
pub(super) async fn run(common: &Common, flags: &ExportFlags) -> Result<ExitCode, Failure> {
    let sale = sale_id(&flags.sale)?;
    let ledger = ledger(common).await?;
    let known = ledger.snapshot(&sale).await.map_err(fault)?;
    let known = known.ok_or_else(|| no_sale(&sale))?;
    let mut export = Export {
        next: flags.from.unwrap_or(0),
        // Lines on a terminal are their own progress.
        progress: Progress::shown(!flags.follow && !io::stdout().is_terminal()),
        end: known.commit_seq,
        ledger,
        sale,
    };
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let exported = tokio::select! {
        exported = export.run(flags.follow) => exported,
        () = signals.next() => Ok(()),
    };
    exported.map(|()| ExitCode::SUCCESS)
}

struct Export {
    ledger: Ledger,
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
            let entries = match self.ledger.log(&self.sale, self.next, PAGE).await {
                Ok(entries) => entries,
                Err(trouble @ (Fault::NotSent(_) | Fault::Unknown(_))) if follow => {
                    if !away {
                        eprintln!("lastseat: {trouble}; trying again each second");
                    }
                    away = true;
                    tokio::time::sleep(AWAY).await;
                    continue;
                }
                Err(trouble) => return Err(fault(trouble)),
            };
            away = false;
            match self.print(&entries) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(e) => return Err(Failure::runtime(e)),
            }
            if entries.is_empty() {
                if !follow || reader_left() {
                    return Ok(());
                }
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Whole pages only, so that a Ctrl-C never cuts a line.
    fn print(&mut self, entries: &[Entry]) -> io::Result<()> {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(());
        };
        if self.next > 0 && !first.follows(self.next - 1) {
            eprintln!(
                "lastseat: entries {} to {} were acknowledged and are gone",
                self.next,
                first.commit_seq - 1
            );
        }
        let mut out = BufWriter::new(io::stdout().lock());
        for line in entries.iter().flat_map(|entry| event_line::export(&self.sale, entry)) {
            line.write_to(&mut out)?;
        }
        out.flush()?;
        self.next = last.commit_seq + 1;
        self.progress.report("entries of the log", last.commit_seq, self.end);
        Ok(())
    }
}
