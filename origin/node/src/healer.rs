//! Recovery task of a node, for sales whose Redis was restarted or replaced.
//!
//! This node's part in the recovery of sales after Redis was restarted or replaced by one that
//! lacks its last moments: one recovery for each history that a Redis writes. What is decided is in
//! `shared/src/recovery.rs`; this looks at the sales, registers what this node may have to restore,
//! declares that it has, and then makes for each sale the next step that can be made now. Nothing
//! here holds a place while it waits for other nodes.

mod declaration;
mod round;
mod step;
mod survey;

pub(crate) use step::place_of;

use crate::membership::Nodes;
use crate::telemetry::metrics::Counters;
use lastseat_ledger::Ledger;
use lastseat_ledger::ack_journal::{AckJournal, AckedOrders};
use lastseat_ledger::recovery_state::Wanted;
use shared::SaleId;
use shared::recovery::{AwaitedNodes, Duty};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use step::{Hands, Item};
use tokio::task::AbortHandle;

/// Pause while the ledger does not answer.
const AWAY: Duration = Duration::from_millis(100);
/// Sales that stand still and have a line of the log each; all are counted.
const NAMED_MAX: usize = 30;

/// Works for as long as it is here.
#[derive(Debug)]
pub(crate) struct Healer {
    tasks: [AbortHandle; 3],
}

impl Drop for Healer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Healer {
    /// Begins. All sales are looked at once, for this node may have been away when they recovered.
    pub(crate) fn start(ledger: Ledger, nodes: Arc<Nodes>, counters: Arc<Counters>) -> Self {
        ledger.recovering().want_all();
        let recovering = Arc::clone(ledger.recovering());
        let mut changes = ledger.server_changes();
        // A link that found another server, or the same one started again: nobody waits for a call
        // to notice.
        let links = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                recovering.want_all();
            }
        });
        let audits = tokio::spawn(step::audit_all(ledger.clone(), Arc::clone(&counters)));
        let work = tokio::spawn(Recovery::new(ledger, nodes, counters).run());
        let tasks = [links, audits, work].map(|task| task.abort_handle());
        Self { tasks }
    }
}

/// The journal, as it was read last.
#[derive(Debug)]
struct Reading {
    noted: u64,
    orders: AckedOrders,
}

/// Up to where this process has restored what was lost of a sale.
#[derive(Debug)]
struct RestoredUpTo {
    /// The last number of the last range that was lost.
    last: u64,
    at: Instant,
}

/// What one recovery came to.
#[derive(Debug, Default)]
struct Tally {
    begun: Option<Instant>,
    /// Whether Redis was replaced while this node ran.
    replaced: bool,
    /// Sales that stood still.
    stood: usize,
    /// Of these, the ones that lacked something of this node's.
    lacked: usize,
    restored: u64,
    unrestored: u64,
    /// Sales of which something was to be said at their end.
    notable: usize,
}

/// All that this node does to recover sales. One task has it.
#[derive(Debug)]
struct Recovery {
    hands: Hands,
    nodes: Arc<Nodes>,
    /// The clock of the list of awaited nodes counts from here.
    zero: Instant,
    awaited: AwaitedNodes,
    /// The histories that this node has declared, those of the moment first.
    declared: Vec<String>,
    present: BTreeSet<String>,
    reading: Option<Reading>,
    /// By sale, the last number of the last range lost of which this process has restored its own.
    restored_lost: HashMap<SaleId, RestoredUpTo>,
    work: BTreeMap<SaleId, Item>,
    tally: Tally,
    /// The history under which all sales were looked at last, and how often a sale had been found
    /// behind by then.
    looked_under: Option<(String, u64)>,
    /// Since when this node has adopted its own share.
    share_done: Option<Instant>,
    /// When the others' shares were looked through last.
    others_read: Option<Instant>,
    /// Nodes with a heartbeat that were given up, so that each is named once.
    named: BTreeSet<u16>,
}

impl Recovery {
    fn new(ledger: Ledger, nodes: Arc<Nodes>, counters: Arc<Counters>) -> Self {
        let node = nodes.me();
        Self {
            hands: Hands { ledger, node, counters },
            nodes,
            zero: Instant::now(),
            awaited: AwaitedNodes::new(Some(node)),
            declared: Vec::new(),
            present: BTreeSet::new(),
            reading: None,
            restored_lost: HashMap::new(),
            work: BTreeMap::new(),
            tally: Tally::default(),
            looked_under: None,
            share_done: None,
            others_read: None,
            named: BTreeSet::new(),
        }
    }

    const fn ledger(&self) -> &Ledger {
        &self.hands.ledger
    }

    fn ack_journal(&self) -> &AckJournal {
        self.ledger().ack_journal()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.zero.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn run(mut self) {
        loop {
            let wanted = self.ledger().recovering().next().await;
            self.take_up(wanted).await;
            while !self.work.is_empty() {
                self.round().await;
                if let Some(wanted) = self.ledger().recovering().wanted_now() {
                    self.take_up(wanted).await;
                }
            }
            self.has_ended();
        }
    }

    /// Looks at what is wanted until that is done.
    async fn take_up(&mut self, mut wanted: Wanted) {
        // One that stands still is asked for all the time: to register it anew would set its passes
        // back.
        wanted.sales.retain(|sale| match self.work.get_mut(sale) {
            Some(item) if item.duty == Duty::Restore => {
                item.touched = true;
                false
            }
            _ => true,
        });
        if wanted.all && self.has_looked().await {
            wanted.all = false;
        }
        if !wanted.all && wanted.sales.is_empty() {
            return;
        }
        self.nodes.settle(None);
        while let Err(fault) = self.survey(&wanted).await {
            tracing::debug!("sales could not be looked at: {fault}");
            tokio::time::sleep(AWAY).await;
            if let Some(more) = self.ledger().recovering().wanted_now() {
                wanted.all |= more.all;
                wanted.sales.extend(more.sales);
            }
        }
        self.count();
    }

    /// Whether all sales were looked at since Redis began its history, and none was found behind
    /// since. A new server is noticed in several ways, each of which asks for that.
    async fn has_looked(&self) -> bool {
        let Some((history, behind)) = &self.looked_under else {
            return false;
        };
        let nodes = self.ledger().declare(None, &[], false).await;
        self.ledger().has_one_server()
            && nodes.is_ok_and(|nodes| nodes.history == *history && nodes.behind == *behind)
    }

    fn count(&self) {
        let standing = self.work.values().filter(|item| item.duty != Duty::Late);
        let gauge = &self.hands.counters.sales_healing;
        gauge.store(standing.count() as u64, Ordering::Relaxed);
    }

    /// No sale stands still any more, as far as this node can see.
    fn has_ended(&mut self) {
        self.share_done = None;
        self.others_read = None;
        self.count();
        let tally = std::mem::take(&mut self.tally);
        let one = self.present.iter().next().filter(|_| self.present.len() == 1);
        self.nodes.settle(one.map(String::as_str));
        let notable = tally.replaced || tally.stood > 0;
        let Some(begun) = tally.begun.filter(|_| notable) else {
            return;
        };
        let (took, stood) = (begun.elapsed(), tally.stood);
        if tally.lacked == 0 && tally.restored + tally.unrestored == 0 {
            tracing::info!(
                "all is well: after a restart or a change of Redis no sale lacks anything that \
                 this node acknowledged; \
                 {stood} stood still, and all go on after {took:?}"
            );
        } else {
            tracing::info!(
                "all {stood} sales go on after {took:?}: this node restored {} orders; {} could \
                 not be restored",
                tally.restored,
                tally.unrestored
            );
        }
    }
}
