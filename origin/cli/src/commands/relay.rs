//! Command `lastseat relay`.

use super::target::ledger;
use super::{print, sale_id};
use crate::cli::{Common, RelayFlags};
use crate::failure::Failure;
use crate::relay::{self, RelayPlan, Stop, Webhook, name_of};
use lastseat_cluster::process::StopSignals;
use lastseat_node::secret::{Secret, SecretRing, ring};
use std::process::ExitCode;
use tracing::{info, warn};

/// Longest name of a relay: it is a part of two keys.
const NAME_MAX: usize = 64;

pub(super) async fn run(common: &Common, flags: RelayFlags) -> Result<ExitCode, Failure> {
    let plan = plan(flags)?;
    let mut signals = StopSignals::listen().map_err(Failure::runtime)?;
    let ledger = ledger(common).await?;
    if plan.webhook.is_in_the_clear() {
        let whither = plan.webhook.shown();
        warn!("{whither} is not https: buyers' ids cross the network in the clear");
    }
    let (signal, stop) = Stop::new();
    let listening = tokio::spawn(async move {
        signals.next().await;
        info!("stopping after the delivery under way");
        signal.send_replace(true);
        // Kept: its end would mean shut down, too.
        signals.next().await;
    });
    let summary = relay::run(&ledger, &plan, stop).await;
    listening.abort();
    print(common, &summary.map_err(Failure::runtime)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Checks the flags; all that is wrong, at once.
fn plan(flags: RelayFlags) -> Result<RelayPlan, Failure> {
    let name = name(flags.name.as_deref(), &flags.to);
    let webhook = secret(&flags).and_then(|secret| Webhook::new(&flags.to, secret));
    let (name, webhook) = match (name, webhook) {
        (Ok(name), Ok(webhook)) => (name, webhook),
        (name, webhook) => {
            let wrong = [name.err(), webhook.err()];
            return Err(Failure::usage(wrong.into_iter().flatten().collect()));
        }
    };
    Ok(RelayPlan {
        sale: sale_id(&flags.sale)?,
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
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(good) {
        Ok(name.to_owned())
    } else {
        Err(format!("--name is 1 to {NAME_MAX} letters, digits, '-' or '_', not {name:?}"))
    }
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
