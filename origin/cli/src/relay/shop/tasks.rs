//! Tasks of the relay of a shop: each waits for Redis, a file or a receiver, and says what it
//! found.

use super::status::RetryAsk;
use super::turn::TurnEnd;
use crate::relay::endpoints::{Endpoint, WebhooksConfig};
use lastseat_ledger::{Fault, Ledger};
use shared::SaleId;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, warn};

/// What a task found.
#[derive(Debug)]
pub(super) enum Done {
    Turn(TurnEnd),
    Polled(Vec<Polled>),
    /// The sales that have not ended, and perhaps those that have; `None` = Redis did not answer.
    Listed(Option<(Vec<SaleId>, Option<Vec<SaleId>>)>),
    /// What was asked for by hand, by id; `None` = it cannot be read.
    Asked(Vec<(String, Option<RetryAsk>)>),
    /// Whether all of it was.
    Published(bool),
    /// Something whose outcome changes nothing.
    Small,
    Read(Box<Result<WebhooksConfig, Vec<String>>>),
}

/// What is to be found out of one sale.
#[derive(Debug)]
pub(super) struct PollJob {
    pub(super) sale: SaleId,
    /// The endpoints whose position was not read yet.
    pub(super) unread: Vec<(usize, Arc<Endpoint>)>,
}

/// What was found out of it.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) sale: SaleId,
    /// The last entry of its log, 0 where it is not created; `None` = Redis did not answer.
    pub(super) end: Option<u64>,
    /// The position that is kept for an endpoint, and the one that a relay of one sale has kept.
    pub(super) positions: Vec<(usize, Option<u64>, Option<u64>)>,
}

/// Something that is done every so often, not twice at a time.
#[derive(Debug)]
pub(super) struct Regular {
    period: Duration,
    /// `None` while it is done.
    next: Option<Instant>,
}

impl Regular {
    /// At once, and then each time so long after the last time has ended.
    pub(super) fn every(period: Duration) -> Self {
        Self { period, next: Some(Instant::now()) }
    }

    /// Whether it is due; then it is taken to be done until [`Regular::end`].
    pub(super) fn begin(&mut self, now: Instant) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = None;
        }
        due
    }

    /// It was done.
    pub(super) fn end(&mut self, now: Instant) {
        self.next = Some(now + self.period);
    }
}

/// The turn itself is not of this module.
pub(super) async fn turn(run: impl Future<Output = TurnEnd>) -> Done {
    Done::Turn(run.await)
}

pub(super) async fn poll(ledger: Ledger, jobs: Vec<PollJob>) -> Done {
    let mut polled = Vec::with_capacity(jobs.len());
    for job in jobs {
        let mut found = Polled { sale: job.sale, end: None, positions: Vec::new() };
        match read(&ledger, &mut found, &job.unread).await {
            Ok(end) => found.end = Some(end),
            Err(fault) => debug!("sale {} cannot be read: {fault}", found.sale),
        }
        polled.push(found);
    }
    Done::Polled(polled)
}

async fn read(
    ledger: &Ledger,
    found: &mut Polled,
    unread: &[(usize, Arc<Endpoint>)],
) -> Result<u64, Fault> {
    // Positions first: then they are not beyond the end but where Redis has lost something.
    for (place, endpoint) in unread {
        let kept = ledger.relay_position(&found.sale, &endpoint.name).await?;
        let before = match kept {
            Some(_) => None,
            None => ledger.relay_position(&found.sale, &endpoint.name_before).await?,
        };
        found.positions.push((*place, kept, before));
    }
    Ok(ledger.log_end(&found.sale).await?.unwrap_or(0))
}

pub(super) async fn list(ledger: Ledger, with_ended: bool) -> Done {
    let read = async {
        // In this sequence: a sale is moved from the first list to the second.
        let live = ledger.sales().await?;
        let ended = if with_ended { Some(ledger.ended_sales().await?) } else { None };
        Ok::<_, Fault>((live, ended))
    };
    Done::Listed(read.await.inspect_err(|fault| warn!("the sales cannot be listed: {fault}")).ok())
}

pub(super) async fn asked(ledger: Ledger) -> Done {
    // Of a ledger that is away the list of sales says so.
    let asked = ledger.asked_webhooks().await.unwrap_or_default();
    let read = |(id, words): (String, String)| (id, serde_json::from_str(&words).ok());
    Done::Asked(asked.into_iter().map(read).collect())
}

pub(super) async fn took(ledger: Ledger, id: String) -> Done {
    if let Err(fault) = ledger.took_webhooks(&id).await {
        debug!("a retry stays asked for: {fault}");
    }
    Done::Small
}

pub(super) async fn publish(ledger: Ledger, news: Vec<(String, String)>) -> Done {
    for (field, text) in news {
        if let Err(fault) = ledger.publish_webhooks(&field, &text).await {
            debug!("the status of the relay cannot be published: {fault}");
            return Done::Published(false);
        }
    }
    Done::Published(true)
}

pub(super) async fn acknowledge(ledger: Ledger, sale: SaleId, position: u64) -> Done {
    if let Err(fault) = ledger.ack(&sale, position).await {
        warn!("entry {position} of sale {sale} was not acknowledged ({fault}); the next time");
    }
    Done::Small
}

pub(super) async fn read_file(path: PathBuf) -> Done {
    let read = tokio::task::spawn_blocking(move || WebhooksConfig::read(&path)).await;
    Done::Read(Box::new(read.unwrap_or_else(|error| Err(vec![error.to_string()]))))
}
