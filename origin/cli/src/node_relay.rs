//! Relay of a shop's webhooks in the process of a node: one of the nodes is at work, the others
//! wait to take over.

use crate::config::WebhooksPlan;
use crate::relay::Stop;
use crate::relay::shop::{self, ShopPlan, WebhookMetrics};
use lastseat_ledger::{Ledger, LedgerUrl};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::{error, warn};

/// Pause before it is begun again after an error.
const AGAIN: Duration = Duration::from_secs(1);
/// It ends within this time when the node does: less than the node has.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A relay that is not started yet.
#[derive(Debug)]
pub(crate) struct NodeRelay {
    plan: WebhooksPlan,
    ledger: LedgerUrl,
    node: u16,
    metrics: Arc<WebhookMetrics>,
}

/// A relay that runs until it is told to stop.
#[derive(Debug)]
pub(crate) struct RunningRelay {
    signal: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl NodeRelay {
    /// The relay of a node with this number. Its connections are its own: no order waits behind
    /// what it reads.
    pub(crate) fn new(plan: WebhooksPlan, ledger: LedgerUrl, node: u16) -> Self {
        Self { plan, ledger, node, metrics: Arc::default() }
    }

    /// What the page of metrics of the node shows of it.
    pub(crate) fn metrics(&self) -> Arc<WebhookMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Starts it; within the runtime of the node.
    pub(crate) fn start(self) -> RunningRelay {
        let (signal, stop) = Stop::new();
        RunningRelay { signal, task: tokio::spawn(self.run(stop)) }
    }

    async fn run(self, mut stop: Stop) {
        while !stop.has_come() {
            match Ledger::connect(&self.ledger).await {
                Ok(ledger) => {
                    let plan = ShopPlan {
                        config: self.plan.config.clone(),
                        file: Some(self.plan.file.clone()),
                        who: format!("node {}", self.node),
                        once: false,
                    };
                    match shop::run(&ledger, plan, &self.metrics, stop.clone()).await {
                        Ok(_) => return,
                        Err(error) => error!("the relay of webhooks has ended: {error}"),
                    }
                }
                Err(error) => warn!("the relay of webhooks has no ledger: {error}"),
            }
            stop.sleep(AGAIN).await;
        }
    }
}

impl RunningRelay {
    /// Begins to stop it.
    pub(crate) fn stop(&self) {
        self.signal.send_replace(true);
    }

    /// Waits until it has ended.
    pub(crate) async fn ended(mut self) {
        self.stop();
        if timeout(ENDS_WITHIN, &mut self.task).await.is_err() {
            warn!("the relay of webhooks did not end within {ENDS_WITHIN:?} and is cut off");
            self.task.abort();
        }
    }
}
