//! Membership: heartbeat of this node and the weights of the live nodes.

use crate::node_number::NodeNumber;
use crate::telemetry::metrics::Counters;
use lastseat_ledger::{Fault, Heartbeat, Ledger};
use shared::limits::NODE_LIVE_MS;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Time between two heartbeats of a node.
const INTERVAL: Duration = Duration::from_secs(1);
/// The same while the ledger does not answer: its return must not wait for the next heartbeat.
const INTERVAL_AWAY: Duration = Duration::from_millis(100);
/// Heartbeats in which a node may be missing before nobody waits for what it acknowledged.
const MISSED_MAX: u32 = (NODE_LIVE_MS / 1_000) as u32 + 1;

/// Who a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeIdentity {
    /// Its number, unique in the cluster.
    pub id: u16,
    /// Its share of the traffic.
    pub weight: u32,
}

/// What this node has observed of the others.
#[derive(Debug)]
pub(crate) struct Nodes {
    me: NodeIdentity,
    ledger: Ledger,
    counters: Arc<Counters>,
    /// `None` in a test without a data directory.
    number: Option<NodeNumber>,
    live_weight: AtomicU32,
    trouble: Mutex<Option<String>>,
    /// Nodes that live or lived a moment ago, and in how many heartbeats each was missing.
    peers: Mutex<BTreeMap<u16, u32>>,
    /// The history of Redis at the last heartbeat.
    history: Mutex<String>,
    /// How often a sale had been found behind at the last heartbeat.
    behind: AtomicU64,
    /// The history of Redis in which this node has nothing left to restore; empty = none.
    settled: Mutex<String>,
    /// It stops: no heartbeat may follow its last one.
    leaving: AtomicBool,
    /// Whether the first heartbeat was answered or failed.
    tried: watch::Sender<bool>,
}

impl Nodes {
    pub(crate) fn start(
        ledger: Ledger,
        me: NodeIdentity,
        number: Option<NodeNumber>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let nodes = Arc::new(Self {
            me,
            ledger,
            counters,
            number,
            live_weight: AtomicU32::new(me.weight),
            trouble: Mutex::new(Some("the ledger has not replied yet".into())),
            peers: Mutex::new(BTreeMap::from([(me.id, 0)])),
            history: Mutex::default(),
            behind: AtomicU64::new(0),
            settled: Mutex::default(),
            leaving: AtomicBool::new(false),
            tried: watch::Sender::new(false),
        });
        let heartbeats = Arc::downgrade(&nodes);
        tokio::spawn(async move {
            while let Some(nodes) = heartbeats.upgrade() {
                let pause = if nodes.heartbeat().await { INTERVAL } else { INTERVAL_AWAY };
                nodes.tried.send_replace(true);
                drop(nodes);
                tokio::time::sleep(pause).await;
            }
        });
        nodes
    }

    /// Waits until the first heartbeat was answered or has failed: before it the ledger changes
    /// nothing for this node.
    pub(crate) async fn first_heartbeat(&self) {
        let _ = self.tried.subscribe().wait_for(|tried| *tried).await;
    }

    /// Says whether the ledger answered.
    async fn heartbeat(&self) -> bool {
        self.write_missing();
        if self.leaving.load(Ordering::Acquire) {
            return true;
        }
        let outcome = match self.renew_number().await {
            Ok(true) => self.ledger.heartbeat(self.me.id, self.me.weight).await,
            // The other one has heartbeats under this number.
            Ok(false) => return true,
            Err(fault) => Err(fault),
        };
        let answered = outcome.is_ok();
        let trouble = match outcome {
            Ok(heartbeat) => {
                self.live_weight.store(heartbeat.live_weight, Ordering::Relaxed);
                self.observe(heartbeat);
                self.counters.clear_trouble();
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
        answered
    }

    /// What the journal's file lacks is written although nobody orders here any more.
    fn write_missing(&self) {
        let unsaved = &self.counters.acknowledged_unsaved_bytes;
        if unsaved.load(Ordering::Relaxed) > 0 {
            let journal = self.ledger.ack_journal().clone();
            drop(tokio::task::spawn_blocking(move || journal.write_missing()));
        }
    }

    /// Whether this node may send heartbeats under its number.
    async fn renew_number(&self) -> Result<bool, Fault> {
        let Some(number) = &self.number else {
            return Ok(true);
        };
        let ours = number.renew(&self.ledger).await?;
        let gauge = &self.counters.node_number_clash;
        gauge.store(u64::from(!ours), Ordering::Relaxed);
        Ok(ours)
    }

    /// Why the number of this node is another one's, in words; `None` = it is not.
    pub(crate) fn clash(&self) -> Option<String> {
        let number = self.number.as_ref().filter(|number| number.clashes())?;
        number.clash()
    }

    /// The number under which this node may say what it acknowledged; `None` = another one may have
    /// it by now.
    pub(crate) fn number_surely_ours(&self) -> Option<u16> {
        let ours = |number: &NodeNumber| number.is_surely_ours();
        self.number.as_ref().is_none_or(ours).then_some(self.me.id)
    }

    fn observe(&self, heartbeat: Heartbeat) {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        for missed in peers.values_mut() {
            *missed += 1;
        }
        peers.extend(heartbeat.nodes.into_iter().map(|node| (node, 0)));
        peers.insert(self.me.id, 0);
        peers.retain(|_, missed| *missed < MISSED_MAX);
        drop(peers);
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::replace(&mut *history, heartbeat.history);
        let replaced = !known.is_empty() && known != *history;
        drop(history);
        let behind = self.behind.swap(heartbeat.behind, Ordering::Relaxed) != heartbeat.behind;
        if replaced || (behind && !known.is_empty()) {
            self.ledger.recovering().want_all();
        }
    }

    /// This node has restored all that it has to in `history`; `None` = it may have something to
    /// restore.
    pub(crate) fn settle(&self, history: Option<&str>) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        *settled = history.unwrap_or_default().to_owned();
    }

    /// This node's number.
    pub(crate) const fn me(&self) -> u16 {
        self.me.id
    }

    /// The nodes, this one among them, that lived at the ledger's last reply or a moment
    /// before: what they acknowledged is waited for.
    pub(crate) fn peers(&self) -> BTreeSet<u16> {
        let peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        peers.keys().copied().collect()
    }

    /// This node's weight and the sum over live nodes.
    pub(crate) fn weights(&self) -> (u32, u32) {
        (self.me.weight, self.live_weight.load(Ordering::Relaxed))
    }

    pub(crate) fn ready(&self) -> Result<(), String> {
        if let Some(clash) = self.clash() {
            return Err(clash);
        }
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone().map_or(Ok(()), Err)
    }

    /// Announces that this node stops; if that fails they notice by its silence.
    pub(crate) async fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        if let Some(number) = &self.number {
            if number.clashes() {
                return;
            }
            number.leave(&self.ledger).await;
        }
        // The list of nodes proves nothing of what another master of a Cluster has.
        let settled = if self.ledger.has_one_server() {
            let settled = self.settled.lock();
            settled.unwrap_or_else(PoisonError::into_inner).clone()
        } else {
            String::new()
        };
        let _: Result<Heartbeat, Fault> = self.ledger.leave(self.me.id, &settled).await;
    }
}
