//! Command `lastseat relay`, of one sale and of a shop.

use super::target::ledger;
use super::{print, relay_retry, relay_status, sale_id};
use crate::cli::{Common, RelayCommand, RelayFlags};
use crate::config::metrics_address;
use crate::failure::{Failure, REFUSED};
use crate::relay::endpoints::{WebhooksConfig, check_name};
use crate::relay::shop::{self, Scrape, ShopPlan, WebhookMetrics};
use crate::relay::{self, RelayPlan, Stop, Webhook, name_of};
use lastseat_cluster::process::StopSignals;
use lastseat_node::secret::{Secret, SecretRing, ring};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::task::JoinHandle;
use tracing::{info, warn};

pub(super) async fn run(common: &Common, mut flags: RelayFlags) -> Result<ExitCode, Failure> {
    match flags.command.take() {
        Some(RelayCommand::Status(flags)) => relay_status::run(common, &flags).await,
        Some(RelayCommand::Retry(flags)) => relay_retry::run(common, &flags).await,
        None => match flags.config.take() {
            Some(file) => of_shop(common, &file, &flags).await,
            None => of_sale(common, flags).await,
        },
    }
}

/// Until the returned task is aborted, a signal stops what has the other end.
fn stops() -> Result<(Stop, JoinHandle<()>), Failure> {
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let (signal, stop) = Stop::new();
    let listening = tokio::spawn(async move {
        signals.next().await;
        info!("stopping after the delivery under way");
        signal.send_replace(true);
        // Kept: its end would mean shut down, too.
        signals.next().await;
    });
    Ok((stop, listening))
}

async fn of_sale(common: &Common, flags: RelayFlags) -> Result<ExitCode, Failure> {
    let plan = plan(flags)?;
    let (stop, listening) = stops()?;
    let ledger = ledger(common).await?;
    if plan.webhook.is_in_the_clear() {
        let whither = plan.webhook.shown();
        warn!("{whither} is not https: buyers' ids cross the network in the clear");
    }
    let summary = relay::run(&ledger, &plan, stop).await;
    listening.abort();
    print(common, &summary.map_err(Failure::runtime)?)?;
    Ok(ExitCode::SUCCESS)
}

async fn of_shop(common: &Common, file: &Path, flags: &RelayFlags) -> Result<ExitCode, Failure> {
    let address = metrics_address(flags.metrics_listen.as_deref());
    let (config, address) = match (WebhooksConfig::read(file), address) {
        (Ok(config), Ok(address)) => (config, address),
        (config, address) => {
            let mut wrong = config.err().unwrap_or_default();
            wrong.extend(address.err());
            return Err(Failure::usage(wrong));
        }
    };
    let (stop, listening) = stops()?;
    let metrics = Arc::<WebhookMetrics>::default();
    let scrape = match address {
        Some(at) => Some(Scrape::listen(at, &metrics).await.map_err(Failure::runtime)?),
        None => None,
    };
    let scrape = scrape.map(|scrape| tokio::spawn(scrape.run()));
    let ledger = ledger(common).await?;
    let plan = ShopPlan {
        config,
        file: Some(file.to_owned()),
        who: format!("process {}", std::process::id()),
        once: flags.once,
    };
    let summary = shop::run(&ledger, plan, &metrics, stop).await;
    listening.abort();
    if let Some(scrape) = scrape {
        scrape.abort();
    }
    let summary = summary.map_err(Failure::runtime)?;
    print(common, &summary)?;
    let left = summary.left.values().any(|sales| *sales > 0);
    Ok(if left { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// Checks the flags; all that is wrong, at once.
fn plan(flags: RelayFlags) -> Result<RelayPlan, Failure> {
    // clap has both, or a file of endpoints.
    let to = flags.to.as_deref().unwrap_or_default();
    let name = name(flags.name.as_deref(), to);
    let webhook = secret(&flags).and_then(|secret| Webhook::new("--to", to, secret));
    let (name, webhook) = match (name, webhook) {
        (Ok(name), Ok(webhook)) => (name, webhook),
        (name, webhook) => {
            let wrong = [name.err(), webhook.err()];
            return Err(Failure::usage(wrong.into_iter().flatten().collect()));
        }
    };
    Ok(RelayPlan {
        sale: sale_id(flags.sale.as_deref().unwrap_or_default())?,
        name,
        webhook,
        from: flags.from,
        once: flags.once,
        ack: flags.ack,
    })
}

fn name(given: Option<&str>, url: &str) -> Result<String, String> {
    let Some(name) = given else {
        return Ok(name_of(url));
    };
    check_name(name).map_err(|why| format!("--name is {why}"))?;
    Ok(name.to_owned())
}

fn secret(flags: &RelayFlags) -> Result<SecretRing, String> {
    let (name, secret) = match (&flags.secret_file, &flags.secret) {
        (Some(file), _) => {
            let name = format!("--secret-file {}", file.display());
            let text = std::fs::read_to_string(file).map_err(|e| format!("{name}: {e}"))?;
            (name, Some(Secret::new(text.trim().to_owned())))
        }
        (None, secret) => ("--secret or LASTSEAT_WEBHOOK_SECRET".to_owned(), secret.clone()),
    };
    ring(&name, secret.as_ref())?.ok_or_else(|| {
        "a secret is missing, with which receivers tell our deliveries from forged ones. Make \
         one with `openssl rand -hex 32 > webhook.secret` and name it with --secret-file, or \
         set LASTSEAT_WEBHOOK_SECRET"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_part_of_a_key_and_may_not_break_it() {
        assert_eq!(name(Some("crm-2_a"), "http://x"), Ok("crm-2_a".to_owned()));
        for bad in ["", "a b", "a:b", "a}b", &"x".repeat(65)] {
            assert!(name(Some(bad), "http://x").is_err(), "{bad:?}");
        }
        assert!(name(None, "http://x").is_ok_and(|name| name.starts_with("url-")));
    }
}
