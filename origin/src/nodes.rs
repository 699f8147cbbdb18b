//! Which nodes live: each says so once a second in the ledger and hears the sum of the weights.

use crate::ledger::{Fault, Ledger};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Time between two beats of a node.
const BEAT: Duration = Duration::from_secs(1);

/// Who a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// Its number, unique in the cluster.
    pub id: u16,
    /// Its share of the traffic.
    pub weight: u32,
}

/// What this node knows of the others.
#[derive(Debug)]
pub(crate) struct Nodes {
    me: NodeIdentity,
    ledger: Ledger,
    live_weight: AtomicU32,
    trouble: Mutex<Option<String>>,
}

impl Nodes {
    pub(crate) fn start(ledger: Ledger, me: NodeIdentity) -> Arc<Self> {
        let nodes = Arc::new(Self {
            me,
            ledger,
            live_weight: AtomicU32::new(me.weight),
            trouble: Mutex::new(Some("the ledger has not been heard yet".into())),
        });
        let beating = Arc::downgrade(&nodes);
        tokio::spawn(async move {
            while let Some(nodes) = beating.upgrade() {
                nodes.beat().await;
                drop(nodes);
                tokio::time::sleep(BEAT).await;
            }
        });
        nodes
    }

    async fn beat(&self) {
        let outcome = self.ledger.beat(self.me.id, self.me.weight).await;
        let trouble = match outcome {
            Ok(live) => {
                self.live_weight.store(live, Ordering::Relaxed);
                self.ledger.counters().clear_trouble();
                None
            }
            Err(fault) => Some(format!("ledger: {fault}")),
        };
        let mut last = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*last, &trouble) {
            (None, Some(text)) => tracing::error!("{text}"),
            (Some(_), None) => tracing::info!("the ledger answers"),
            _ => {}
        }
        *last = trouble;
    }

    /// This node's weight and the sum over live nodes.
    pub(crate) fn weights(&self) -> (u32, u32) {
        (self.me.weight, self.live_weight.load(Ordering::Relaxed))
    }

    pub(crate) fn ready(&self) -> Result<(), String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().map_or(Ok(()), Err)
    }

    /// Tells the others that this node stops; if that fails they notice by its silence.
    pub(crate) async fn leave(&self) {
        let _: Result<u32, Fault> = self.ledger.beat(self.me.id, 0).await;
    }
}
