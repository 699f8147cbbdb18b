//! Relay: delivers every change of a sale to a webhook, in order, at least once.
//!
//! One POST an entry of the log. The position is kept in Redis after each success, so a relay that
//! was killed repeats at most the entry that was under way. A lease sees to it that relays of one
//! name follow each other; a second one waits. Here is the relay of one sale to one receiver; that
//! of all sales to the endpoints of a shop is [`shop`].

mod backoff;
mod delivery;
pub mod endpoints;
mod error;
mod filter;
mod lease;
mod log;
pub mod shop;
mod sign;
mod stop;
mod webhook;

pub use delivery::BuyerNaming;
pub use error::RelayError;
pub use filter::EventFilter;
pub use sign::{name_of, signature};
pub use stop::Stop;
pub use webhook::{SEQUENCE, SIGNATURE, Webhook};

use backoff::Backoff;
use delivery::Background;
use lastseat_ledger::Ledger;
use lastseat_node::secret::Secret;
use lease::{Lease, Unleased};
use log::Log;
use serde::Serialize;
use shared::SaleId;
use shared::ledger_model::event_log::Entry;
use std::time::Duration;
use tracing::{info, warn};

/// Pause between two looks at a log that has nothing new.
const IDLE: Duration = Duration::from_millis(100);
/// With [`RelayPlan::once`], attempts to deliver an entry before the relay gives up: about ten
/// seconds.
const ONCE_ATTEMPTS_MAX: u64 = 8;

/// What a relay does.
#[derive(Debug)]
pub struct RelayPlan {
    /// The sale.
    pub sale: SaleId,
    /// Under which name its position is kept.
    pub name: String,
    /// Where changes go.
    pub webhook: Webhook,
    /// The first entry, instead of the one after the kept position.
    pub from: Option<u64>,
    /// Whether to end where the log ended at the start.
    pub once: bool,
    /// Whether to acknowledge what was delivered, so that the log may forget it.
    pub ack: bool,
}

/// What a relay did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RelaySummary {
    /// The sale.
    pub sale: String,
    /// The name under which the position is kept.
    pub name: String,
    /// Entries that were delivered.
    pub entries: u64,
    /// Events in them.
    pub events: u64,
    /// Attempts that failed.
    pub failed_attempts: u64,
    /// The last entry that was delivered, by this run or an earlier one; 0 = none.
    pub position: u64,
}

/// Why a turn with the lease ended early.
enum Broken {
    /// Claim it again and go on from the kept position.
    LeaseLost,
    /// It makes no sense to go on.
    Failed(RelayError),
}

impl From<Unleased> for Broken {
    fn from(why: Unleased) -> Self {
        match why {
            Unleased::Lost => Self::LeaseLost,
            Unleased::Corrupt(what) => Self::Failed(RelayError::Corrupt(what)),
        }
    }
}

/// Delivers until asked to stop, or with [`RelayPlan::once`] until the log's end.
///
/// # Errors
/// See [`RelayError`]. A ledger that is away is waited for, and so is a receiver, except with
/// [`RelayPlan::once`].
pub async fn run(
    ledger: &Ledger,
    plan: &RelayPlan,
    mut stop: Stop,
) -> Result<RelaySummary, RelayError> {
    let token = Secret::generate().map_err(|e| RelayError::Corrupt(e.to_string()))?;
    let mut lease = Lease::new(ledger.aside(), plan.sale.clone(), plan.name.clone(), token);
    let mut turn = Turn {
        plan,
        log: Log::new(ledger.clone(), plan.sale.clone()),
        end: None,
        stop: stop.clone(),
        summary: RelaySummary {
            sale: plan.sale.to_string(),
            name: plan.name.clone(),
            ..RelaySummary::default()
        },
    };
    let mut from = plan.from;
    loop {
        let claimed = lease.claim(&mut stop).await.map_err(|why| match why {
            Unleased::Corrupt(what) => RelayError::Corrupt(what),
            Unleased::Lost => RelayError::Corrupt("a claim was lost".to_owned()),
        })?;
        let Some(kept) = claimed else {
            return Ok(turn.summary);
        };
        // Once: after a lost lease the kept position counts.
        let position = from.take().map_or(kept.unwrap_or(0), |first| first.max(1) - 1);
        match turn.deliver(&mut lease, position).await {
            Ok(()) => break,
            Err(Broken::LeaseLost) => warn!("the lease was lost; going on from the kept position"),
            Err(Broken::Failed(error)) => {
                lease.leave().await;
                return Err(error);
            }
        }
    }
    lease.leave().await;
    Ok(turn.summary)
}

/// The work between a claim of the lease and its end.
struct Turn<'a> {
    plan: &'a RelayPlan,
    log: Log,
    /// Where to end.
    end: Option<u64>,
    stop: Stop,
    summary: RelaySummary,
}

impl Turn<'_> {
    async fn deliver(&mut self, lease: &mut Lease, position: u64) -> Result<(), Broken> {
        let (sale, webhook) = (&self.plan.sale, self.plan.webhook.shown());
        info!("delivering sale {sale} to {webhook} from entry {}", position + 1);
        self.summary.position = position;
        lease.keep_position(position).await?;
        while !self.stop.has_come() {
            let next = self.summary.position + 1;
            let page = lease.during(self.log.page(next, &mut self.stop)).await?;
            let Some(page) = page.map_err(Broken::Failed)? else {
                return Ok(());
            };
            let end = *self.end.get_or_insert(page.end);
            for entry in &page.entries {
                if self.plan.once && entry.commit_seq > end {
                    break;
                }
                if !self.post(lease, entry, &page.beside).await? {
                    break;
                }
                lease.keep_position(entry.commit_seq).await?;
                self.summary.position = entry.commit_seq;
            }
            if self.plan.ack && self.summary.position >= next {
                lease.during(self.log.ack(self.summary.position)).await?;
            }
            if self.plan.once && self.summary.position >= end {
                return Ok(());
            }
            if page.entries.is_empty() {
                lease.during(self.stop.sleep(IDLE)).await?;
            }
        }
        Ok(())
    }

    /// Posts one entry until it is taken; false = asked to stop before.
    async fn post(
        &mut self,
        lease: &mut Lease,
        entry: &Entry,
        beside: &Background,
    ) -> Result<bool, Broken> {
        if self.stop.has_come() {
            return Ok(false);
        }
        let webhook = &self.plan.webhook;
        let all = (&EventFilter::all(), &BuyerNaming::Plain);
        let body = delivery::body(&self.plan.sale, entry, beside, all);
        let body = body.map_err(|e| Broken::Failed(RelayError::Corrupt(e.to_string())))?;
        // An entry without events is no entry of lastseat.
        let Some(body) = body else {
            return Ok(true);
        };
        let mut backoff = Backoff::new();
        let mut failed = 0_u64;
        while let Err(refused) = lease.during(webhook.post(entry.commit_seq, &body.bytes)).await? {
            failed += 1;
            self.summary.failed_attempts += 1;
            let (seq, to, why) = (entry.commit_seq, webhook.shown(), refused.why);
            if self.plan.once && failed >= ONCE_ATTEMPTS_MAX {
                let error = RelayError::NotTaken { entry: seq, to, attempts: failed, why };
                return Err(Broken::Failed(error));
            }
            let pause = backoff.next(fastrand::f64()).max(refused.retry_after.unwrap_or_default());
            warn!("entry {seq} was not taken by {to}: {why}; attempt {failed}, next in {pause:?}");
            if lease.during(self.stop.sleep(pause)).await? {
                return Ok(false);
            }
        }
        if failed > 0 {
            info!("entry {} was taken after {failed} failed attempts", entry.commit_seq);
        }
        self.summary.entries += 1;
        self.summary.events += body.events;
        Ok(true)
    }
}
