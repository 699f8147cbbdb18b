//! Command `lastseat sale watch`.

use super::target::api;
use super::{print_text, reader_left, sale_id};
use crate::api_client::ApiCall;
use crate::cli::{Common, SaleWatchFlags, ServerFlags};
use crate::failure::Failure;
use lastseat_cluster::process::StopSignals;
use lastseat_node::api::sale_bodies::SaleReport;
use lastseat_node::timestamp::Rfc3339;
use serde::Serialize;
use shared::{SaleState, UnixMillis};
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const SECOND: Duration = Duration::from_secs(1);

/// How a sale stands at one moment.
#[derive(Debug, Serialize)]
struct Line {
    sale: String,
    at: UnixMillis,
    state: SaleState,
    capacity: u32,
    free: u32,
    held: u32,
    confirmed: u32,
    /// Orders that were ever granted.
    orders: u64,
    /// Granted per second since the line before; absent in the first line.
    #[serde(skip_serializing_if = "Option::is_none")]
    orders_per_second: Option<f64>,
    version: u64,
    commit_seq: u64,
}

/// Prints a line a second until Ctrl-C, until the sale is closed, or until nobody reads any more.
pub(super) async fn run(
    common: &Common,
    server: &ServerFlags,
    flags: &SaleWatchFlags,
) -> Result<ExitCode, Failure> {
    let call = ApiCall::get(&sale_id(&flags.sale)?, "");
    let api = api(common, server)?;
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let mut ticks = tokio::time::interval(SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rewrites = !common.json && !flags.once && io::stdout().is_terminal();
    let mut last: Option<Line> = None;
    let mut away = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = signals.next() => break,
        }
        let line = match api.read::<SaleReport>(&call).await {
            Ok(report) => Line::new(report, last.as_ref()),
            // Whoever watches wants to see the end of an outage, too.
            Err(trouble) if trouble.is_unreachable() && !flags.once => {
                if !away {
                    eprintln!("{trouble}; trying again each second");
                }
                away = true;
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        away = false;
        print_text(&show(&line, common.json, rewrites)?)?;
        let closed = line.state == SaleState::Closed;
        last = Some(line);
        if flags.once || closed || reader_left() {
            break;
        }
    }
    if rewrites && last.is_some() {
        print_text("\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Line {
    fn new(report: SaleReport, last: Option<&Self>) -> Self {
        let orders = report.orders.unwrap_or_default();
        let rate = |last: &Self| {
            let seconds = report.now.since(last.at).max(1) as f64 / 1_000.0;
            (orders.saturating_sub(last.orders) as f64 / seconds * 10.0).round() / 10.0
        };
        Self {
            at: report.now,
            state: report.state,
            capacity: report.capacity,
            free: report.free,
            held: report.held,
            confirmed: report.confirmed,
            orders,
            orders_per_second: last.map(rate),
            version: report.version,
            commit_seq: report.commit_seq,
            sale: report.sale,
        }
    }
}

fn show(line: &Line, json: bool, rewrites: bool) -> Result<String, Failure> {
    if json {
        let mut text = serde_json::to_string(line).map_err(Failure::runtime)?;
        text.push('\n');
        return Ok(text);
    }
    let rate = match line.orders_per_second {
        Some(rate) => format!("{rate:.0}"),
        None => "-".to_owned(),
    };
    let (from, to) = if rewrites { ("\r\x1b[2K", "") } else { ("", "\n") };
    Ok(format!(
        "{from}{}  {}  {:9} {} = {} free + {} held + {} confirmed  {rate} orders/s{to}",
        Rfc3339(line.at),
        line.sale,
        line.state.as_str(),
        line.capacity,
        line.free,
        line.held,
        line.confirmed,
    ))
}
