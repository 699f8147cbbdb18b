//! Command `lastseat relay status`: how the endpoints of a shop stand, as the process that relays
//! has published it.

use super::target::ledger;
use super::{fault, print_json, print_text};
use crate::cli::{Common, RelayStatusFlags};
use crate::failure::{Failure, NOT_FOUND, REFUSED};
use crate::relay::shop::{
    EndpointStatus, PROCESS_LIVES_MS, RELAY_FIELD, RelayProcess, StreamStatus, endpoint_of,
};
use lastseat_ledger::Ledger;
use lastseat_node::timestamp::Rfc3339;
use serde::Serialize;
use shared::UnixMillis;
use std::fmt::Write;
use std::process::ExitCode;

/// What is printed with `--json`.
#[derive(Debug, Serialize)]
pub(super) struct WebhookReport {
    /// The process that relays; `null` = none does.
    pub(super) relay: Option<RelayProcess>,
    pub(super) endpoints: Vec<EndpointReport>,
    /// The ledger's clock.
    now: UnixMillis,
}

#[derive(Debug, Serialize)]
pub(super) struct EndpointReport {
    /// Age of the oldest change that is not delivered.
    lag_seconds: f64,
    #[serde(flatten)]
    pub(super) status: EndpointStatus,
}

impl WebhookReport {
    /// Reads what was published. What no process publishes any more is shown as it was.
    pub(super) async fn read(ledger: &Ledger) -> Result<Self, Failure> {
        let now = ledger.time().await.map_err(fault)?;
        let mut report = Self { relay: None, endpoints: Vec::new(), now };
        for (field, text) in ledger.published_webhooks().await.map_err(fault)? {
            if field == RELAY_FIELD {
                let process = serde_json::from_str::<RelayProcess>(&text).ok();
                let lives = |process: &RelayProcess| now.since(process.at) <= PROCESS_LIVES_MS;
                report.relay = process.filter(lives);
            } else if endpoint_of(&field).is_some()
                && let Ok(status) = serde_json::from_str::<EndpointStatus>(&text)
            {
                let lag_seconds = seconds(status.waits_since, now);
                report.endpoints.push(EndpointReport { lag_seconds, status });
            }
        }
        report.endpoints.sort_by(|a, b| a.status.endpoint.cmp(&b.status.endpoint));
        Ok(report)
    }

    /// The names of the endpoints.
    pub(super) fn names(&self) -> Vec<String> {
        self.endpoints.iter().map(|endpoint| endpoint.status.endpoint.clone()).collect()
    }

    /// Whether somebody has to do something.
    fn is_in_trouble(&self) -> bool {
        let stands_still = |endpoint: &EndpointReport| {
            let streams = &endpoint.status.streams;
            endpoint.status.down || streams.iter().any(|stream| stream.trouble.is_some())
        };
        self.relay.is_none() || self.endpoints.iter().any(stands_still)
    }

    fn to_text(&self) -> String {
        let mut text = match &self.relay {
            Some(relay) => format!(
                "{} relays since {} (turn {}), {} sales\n",
                relay.who,
                Rfc3339(relay.since),
                relay.turn,
                relay.sales
            ),
            None => "no process relays now\n".to_owned(),
        };
        for EndpointReport { status, .. } in &self.endpoints {
            let _ = writeln!(
                text,
                "\nendpoint {} at {}: {}, {} sales, {} entries to go in {} of them, {} late",
                status.endpoint,
                status.to,
                if status.down { "down" } else { "up" },
                status.sales,
                status.lag_entries,
                status.late_sales,
                age(status.waits_since, self.now)
            );
            for stream in &status.streams {
                text.push_str(&self.line(stream));
            }
            let more = status.sales.saturating_sub(status.streams.len() as u64);
            if more > 0 {
                let _ = writeln!(text, "  and {more} sales more");
            }
        }
        text
    }

    fn line(&self, stream: &StreamStatus) -> String {
        let mut line = format!(
            "  {:20} position {} of {}, {} entries to go, {} late",
            stream.sale,
            stream.position,
            stream.end,
            stream.lag_entries,
            age(stream.waits_since, self.now)
        );
        if let (Some(answer), Some(at)) = (&stream.last_answer, stream.last_at) {
            let _ = write!(line, "; {} ago: {answer}", age(Some(at), self.now));
        }
        if stream.failed_attempts > 0 {
            let _ = write!(line, " (attempt {})", stream.failed_attempts);
        }
        if let Some(at) = stream.next_try_at {
            let _ = write!(line, "; next try in {}", age(Some(self.now), at));
        }
        if let Some(trouble) = &stream.trouble {
            let _ = write!(line, "\n    {trouble}");
        }
        line.push('\n');
        line
    }
}

/// Seconds from a moment until `now`; 0 where there is none.
fn seconds(since: Option<UnixMillis>, now: UnixMillis) -> f64 {
    since.map_or(0.0, |at| now.since(at) as f64 / 1_000.0)
}

fn age(since: Option<UnixMillis>, now: UnixMillis) -> String {
    format!("{:.0} s", seconds(since, now))
}

pub(super) async fn run(common: &Common, flags: &RelayStatusFlags) -> Result<ExitCode, Failure> {
    let ledger = ledger(common).await?;
    let mut report = WebhookReport::read(&ledger).await?;
    if let Some(name) = &flags.endpoint {
        let names = report.names();
        report.endpoints.retain(|endpoint| endpoint.status.endpoint == *name);
        if report.endpoints.is_empty() {
            return Err(no_endpoint(name, &names));
        }
    }
    if common.json {
        print_json(&report)?;
    } else {
        print_text(&report.to_text())?;
    }
    Ok(if report.is_in_trouble() { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS })
}

/// No process has published anything of it.
pub(super) fn no_endpoint(name: &str, names: &[String]) -> Failure {
    let there = match names {
        [] => "none was ever relayed to".to_owned(),
        some => format!("there are {}", some.join(", ")),
    };
    Failure::new(NOT_FOUND, "unknown_endpoint", format!("there is no endpoint {name:?}: {there}"))
}
