//! Command `lastseat relay retry`: asks the process that relays to try now.

use super::relay_status::{WebhookReport, no_endpoint};
use super::target::ledger;
use super::{fault, no_sale, print, sale_id};
use crate::cli::{Common, RelayRetryFlags};
use crate::failure::Failure;
use crate::relay::shop::{RetryAsk, SaleName};
use lastseat_ledger::Ledger;
use lastseat_node::secret::Secret;
use serde::Serialize;
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long it is waited for that a relay takes what was asked.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Serialize)]
struct Asked {
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sale: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<u64>,
    /// Who does it.
    by: String,
}

pub(super) async fn run(common: &Common, flags: &RelayRetryFlags) -> Result<ExitCode, Failure> {
    let sale = flags.sale.as_deref().map(sale_id).transpose()?;
    let ledger = ledger(common).await?;
    if let Some(sale) = &sale
        && ledger.log_end(sale).await.map_err(fault)?.is_none()
    {
        return Err(no_sale(sale));
    }
    let report = WebhookReport::read(&ledger).await?;
    let names = report.names();
    if !names.contains(&flags.endpoint) {
        return Err(no_endpoint(&flags.endpoint, &names));
    }
    let Some(relay) = report.relay else {
        return Err(Failure::runtime(
            "no process relays now, so nobody can try anything. Start one with `lastseat relay \
             --config FILE` or `lastseat serve --webhooks FILE`: it tries everything at once",
        ));
    };
    let ask = RetryAsk {
        endpoint: flags.endpoint.clone(),
        sale: sale.clone().map(SaleName),
        from: flags.from,
        at: ledger.now(),
    };
    let id = Secret::generate().map_err(Failure::runtime)?;
    let words = serde_json::to_string(&ask).map_err(Failure::runtime)?;
    if !ledger.ask_webhooks(id.reveal(), &words).await.map_err(fault)? {
        return Err(Failure::runtime(
            "too many retries were asked for that nobody has taken: `lastseat relay status` says \
             whether a process relays",
        ));
    }
    if !taken(&ledger, id.reveal()).await? {
        return Err(Failure::runtime(format!(
            "{} has not taken it within {TAKEN_WITHIN:?}; the process that relays next does",
            relay.who
        )));
    }
    let asked = Asked {
        endpoint: flags.endpoint.clone(),
        sale: sale.map(|sale| sale.to_string()),
        from: flags.from,
        by: relay.who,
    };
    print(common, &asked)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether a relay takes what was asked, in time.
async fn taken(ledger: &Ledger, id: &str) -> Result<bool, Failure> {
    let until = Instant::now() + TAKEN_WITHIN;
    loop {
        let asked = ledger.asked_webhooks().await.map_err(fault)?;
        if !asked.iter().any(|(other, _)| other == id) {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        sleep(PAUSE).await;
    }
}
