//! `lastseat top`: the whole cluster in a terminal, as any node, or the ledger, reports it.

mod keys;
mod screen;

use super::target::{api, ledger};
use super::{fault, print_text, reader_left};
use crate::api_client::{ApiCall, ApiClient};
use crate::cli::{Common, TopFlags};
use crate::failure::Failure;
use hyper::Method;
use keys::{Key, Terminal};
use lastseat_cluster::process::StopSignals;
use lastseat_ledger::Ledger;
use lastseat_node::status::ClusterStatus;
use screen::View;
use shared::SaleId;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

const SECOND: Duration = Duration::from_secs(1);

/// Shows the cluster once a second until Ctrl-C or `q`, or until nobody reads any more. Where
/// stdout is no terminal, a line a second.
pub(super) async fn run(common: &Common, flags: &TopFlags) -> Result<ExitCode, Failure> {
    let sale = flags.sale.as_deref().map(super::sale_id).transpose()?;
    let source = if flags.on.ledger {
        StatusSource::Ledger(ledger(common).await?)
    } else {
        StatusSource::Node(api(common, &flags.server)?)
    };
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let full = !common.json && !flags.once && io::stdout().is_terminal();
    let mut terminal = full.then(Terminal::enter);
    let mut top = Top {
        sale: sale.as_ref().map(ToString::to_string),
        before: None,
        color: full && std::env::var_os("NO_COLOR").is_none(),
    };
    let mut ticks = tokio::time::interval(SECOND);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut away = false;
    loop {
        let key = async {
            match &mut terminal {
                Some(terminal) => terminal.key().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = ticks.tick() => {}
            () = signals.next() => break,
            key = key => match key {
                Key::Quit => break,
                Key::Next => {
                    top.next_sale();
                    ticks.reset_immediately();
                    continue;
                }
                Key::Other => continue,
            },
        }
        let status = match source.read(sale.as_ref()).await {
            Ok(status) => status,
            Err(trouble) if trouble.is_unreachable() && !flags.once => {
                if let Some(terminal) = &terminal {
                    let note = format!("{trouble}; trying again each second");
                    print_text(&terminal.frame(&[screen::Line::bad(note)], top.color))?;
                } else if !away {
                    eprintln!("{trouble}; trying again each second");
                }
                away = true;
                continue;
            }
            Err(trouble) => return Err(trouble),
        };
        away = false;
        let text = match &terminal {
            Some(terminal) => terminal.frame(&top.view(&status).lines(), top.color),
            None if common.json => {
                let mut line = serde_json::to_string(&status).map_err(Failure::runtime)?;
                line.push('\n');
                line
            }
            None => top.view(&status).line(),
        };
        print_text(&text)?;
        top.before = Some(status);
        if flags.once || reader_left() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Who says how the cluster stands.
enum StatusSource {
    Node(ApiClient),
    Ledger(Ledger),
}

impl StatusSource {
    async fn read(&self, sale: Option<&SaleId>) -> Result<ClusterStatus, Failure> {
        match self {
            Self::Node(api) => {
                let wanted = sale.map_or_else(String::new, |sale| format!("?sale={sale}"));
                let path = format!("/v1/admin/status{wanted}");
                api.read(&ApiCall::of(Method::GET, path)).await
            }
            Self::Ledger(ledger) => {
                let wanted = sale.map_or(&[][..], std::slice::from_ref);
                ClusterStatus::read(ledger, wanted, |_, _| {}).await.map_err(fault)
            }
        }
    }
}

/// What is kept from one picture to the next.
struct Top {
    /// The sale that is shown; the busiest when none was chosen.
    sale: Option<String>,
    before: Option<ClusterStatus>,
    color: bool,
}

impl Top {
    fn view<'a>(&'a self, now: &'a ClusterStatus) -> View<'a> {
        View { now, before: self.before.as_ref(), sale: self.sale.as_deref() }
    }

    fn next_sale(&mut self) {
        let Some(status) = &self.before else { return };
        let sales = &status.sales;
        let shown = self.view(status).sale().map(|sale| &sale.sale);
        let at = sales.iter().position(|sale| Some(&sale.sale) == shown);
        let next = at.map_or(0, |at| (at + 1) % sales.len());
        self.sale = sales.get(next).map(|sale| sale.sale.clone());
    }
}
