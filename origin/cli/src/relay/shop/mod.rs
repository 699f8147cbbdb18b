//! Relay of a shop: one process delivers the changes of all sales to the endpoints of a file.
//!
//! Any number of processes may run it, nodes or others: a lease in Redis gives the work to one of
//! them, and the next one takes over within seconds when that one dies. The lease only decides who
//! works. What was delivered is kept for each endpoint and sale under a lease of its own, so that a
//! process that does not notice that it lost the work still keeps no position.

mod metrics;
mod queue;
mod round;
mod sales;
mod scrape;
mod status;
mod tasks;
mod turn;

pub use metrics::{EndpointCounts, WebhookMetrics};
pub use scrape::Scrape;
pub use status::{
    EndpointStatus, PROCESS_LIVES_MS, RELAY_FIELD, RelayProcess, RetryAsk, SaleName, StreamStatus,
    endpoint_field, endpoint_of,
};

use super::endpoints::WebhooksConfig;
use super::error::RelayError;
use super::lease::{Lease, Unleased};
use super::stop::Stop;
use lastseat_ledger::{Fault, Ledger};
use lastseat_node::secret::Secret;
use queue::Queue;
use round::{Round, RoundEnd};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{info, warn};

/// Pause before work is begun again that has ended badly, or whose ledger did not answer.
const AGAIN: Duration = Duration::from_millis(500);

/// What a relay of a shop does.
#[derive(Debug)]
pub struct ShopPlan {
    /// The endpoints.
    pub config: WebhooksConfig,
    /// The file that is read again for changes; `None` = it is not.
    pub file: Option<PathBuf>,
    /// How the status names this process.
    pub who: String,
    /// Whether to end when all is delivered that was there.
    pub once: bool,
}

/// What a relay of a shop did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShopSummary {
    /// What was delivered, by endpoint.
    pub endpoints: BTreeMap<String, EndpointCounts>,
    /// Sales of which something was not delivered, by endpoint; only where a relay ends with what
    /// was there.
    pub left: BTreeMap<String, u64>,
}

/// Why the work ended before the relay did.
enum Interrupted {
    /// Another process may do it by now.
    Lost,
    Failed(RelayError),
}

impl From<Unleased> for Interrupted {
    fn from(why: Unleased) -> Self {
        match why {
            Unleased::Lost => Self::Lost,
            Unleased::Corrupt(what) => Self::Failed(RelayError::Corrupt(what)),
        }
    }
}

/// Relays until asked to stop, or with [`ShopPlan::once`] until all was delivered. While another
/// process relays it waits.
///
/// # Errors
/// [`RelayError::Corrupt`] where the keys of the lease are not ours. A ledger that is away is
/// waited for, and so are receivers.
pub async fn run(
    ledger: &Ledger,
    plan: ShopPlan,
    metrics: &Arc<WebhookMetrics>,
    mut stop: Stop,
) -> Result<ShopSummary, RelayError> {
    let token = Secret::generate().map_err(|e| RelayError::Corrupt(e.to_string()))?;
    let aside = ledger.aside();
    let mut lease = Lease::of_shop(aside.clone(), token.clone());
    let mut shop = Shop {
        config: plan.config.clone(),
        plan: &plan,
        ledger,
        aside,
        token,
        metrics,
        left: BTreeMap::new(),
    };
    shop.say_endpoints();
    loop {
        let claimed = lease.claim(&mut stop).await.map_err(|why| match why {
            Unleased::Corrupt(what) => RelayError::Corrupt(what),
            Unleased::Lost => RelayError::Corrupt("a claim was lost".to_owned()),
        })?;
        let Some(turns) = claimed else {
            break;
        };
        let worked = shop.work(&mut lease, turns.unwrap_or(0) + 1, &mut stop).await;
        metrics.set_active(false);
        match worked {
            Ok(()) => {
                shop.leave().await;
                lease.leave().await;
                break;
            }
            Err(Interrupted::Lost) => {
                warn!("another process may relay the webhooks by now; this one waits for its turn");
            }
            Err(Interrupted::Failed(error)) => {
                lease.leave().await;
                return Err(error);
            }
        }
    }
    Ok(ShopSummary { endpoints: metrics.counts(), left: shop.left })
}

struct Shop<'a> {
    config: WebhooksConfig,
    plan: &'a ShopPlan,
    ledger: &'a Ledger,
    aside: Ledger,
    token: Secret,
    metrics: &'a Arc<WebhookMetrics>,
    left: BTreeMap<String, u64>,
}

impl Shop<'_> {
    /// Works as long as the lease lasts; ends without an error where the relay is to end.
    async fn work(
        &mut self,
        lease: &mut Lease,
        turn: u64,
        stop: &mut Stop,
    ) -> Result<(), Interrupted> {
        // With the lease, so that each process that has had it has another number.
        lease.keep_position(turn).await?;
        let since = self.ledger.now();
        let who = &self.plan.who;
        info!("{who} relays the webhooks of all sales (turn {turn})");
        self.metrics.set_active(true);
        loop {
            let process =
                RelayProcess { who: who.clone(), turn, since, at: since, sales: 0, full: false };
            let queues = match lease.during(self.queues()).await? {
                Ok(queues) => queues,
                Err(Fault::Corrupt(what)) => {
                    return Err(Interrupted::Failed(RelayError::Corrupt(what)));
                }
                Err(fault) => {
                    warn!("{fault}; trying again");
                    if lease.during(stop.sleep(AGAIN)).await? {
                        return Ok(());
                    }
                    continue;
                }
            };
            let round = Round::new(
                (self.plan, &self.config),
                (self.ledger, &self.aside, &self.token),
                (queues, process),
                self.metrics,
            );
            match lease.during(round.run(stop)).await? {
                RoundEnd::Stopped => return Ok(()),
                RoundEnd::Over(left) => {
                    self.left = left;
                    return Ok(());
                }
                RoundEnd::Changed(config) => {
                    self.config = config;
                    self.say_endpoints();
                }
                RoundEnd::Broken => {
                    if lease.during(stop.sleep(AGAIN)).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// A queue for each endpoint; what was published of others is forgotten.
    async fn queues(&self) -> Result<Vec<Queue>, Fault> {
        let now = Instant::now();
        let mut queues = Vec::with_capacity(self.config.endpoints.len());
        for endpoint in &self.config.endpoints {
            let since = match endpoint.from_now {
                true => Some(self.ledger.webhook_begun(&endpoint.name).await?),
                false => None,
            };
            queues.push(Queue::new(Arc::clone(endpoint), since, now));
        }
        for (field, _) in self.ledger.published_webhooks().await? {
            let name = endpoint_of(&field);
            let there = |name: &str| self.config.endpoints.iter().any(|e| e.name == name);
            if name.is_some_and(|name| !there(name)) {
                self.ledger.forget_webhooks(&field).await?;
            }
        }
        Ok(queues)
    }

    fn say_endpoints(&self) {
        let endpoints = &self.config.endpoints;
        self.metrics.set_endpoints(endpoints.iter().map(|endpoint| endpoint.name.as_str()));
        for endpoint in endpoints.iter().filter(|endpoint| endpoint.webhook.is_in_the_clear()) {
            let (name, to) = (&endpoint.name, endpoint.webhook.shown());
            warn!(
                "endpoint {name}: {to} is not https: what is delivered crosses the network in \
                   the clear"
            );
        }
    }

    /// Nobody relays now, until the next one does.
    async fn leave(&self) {
        if let Err(fault) = self.ledger.forget_webhooks(RELAY_FIELD).await {
            warn!("the status says for some seconds more that this process relays: {fault}");
        }
    }
}
