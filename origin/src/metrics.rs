//! Counters of one node, in Prometheus' text format.

use crate::ledger::Fault;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Scripts that are counted by name; the label set is bounded.
const SCRIPTS: [&str; 12] = [
    "reserve", "create", "snapshot", "confirm", "cancel", "extend", "restock", "state", "terms",
    "ack", "beat", "peek",
];
/// Kinds of fault, as label values.
const FAULTS: [&str; 3] = ["not_sent", "unknown", "corrupt"];

/// What one node has counted since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// Order requests that reached this node.
    pub orders_received: AtomicU64,
    /// Orders that the ledger granted through this node.
    pub orders_granted: AtomicU64,
    /// Orders whose earlier outcome was repeated.
    pub orders_replayed: AtomicU64,
    /// Orders refused from memory, without the ledger.
    pub refused_by_origin: AtomicU64,
    /// Orders refused by the ledger.
    pub refused_by_ledger: AtomicU64,
    /// Orders in batches that were sent.
    pub batched_orders: AtomicU64,
    /// Lines of `stat.log` that were dropped because its writer was behind.
    pub stat_log_dropped: AtomicU64,
    ledger_calls: [AtomicU64; SCRIPTS.len()],
    faults: [AtomicU64; FAULTS.len()],
    /// Why the ledger was away, until it is known to be back.
    trouble: Mutex<Option<String>>,
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn ledger_call(&self, script: &str) {
        if let Some(i) = SCRIPTS.iter().position(|name| *name == script) {
            count(&self.ledger_calls[i]);
        }
    }

    pub(crate) fn fault(&self, fault: &Fault) {
        count(
            &self.faults[match fault {
                Fault::NotSent(_) => 0,
                Fault::Unknown(_) => 1,
                Fault::Corrupt(_) => 2,
            }],
        );
        // Damaged data is the trouble of its sale, not of the node.
        if !matches!(fault, Fault::Corrupt(_)) {
            *self.trouble() = Some(format!("ledger: {fault}"));
        }
    }

    /// What the last call without an answer said, unless a heartbeat got through since.
    #[must_use]
    pub fn ledger_trouble(&self) -> Option<String> {
        self.trouble().clone()
    }

    pub(crate) fn clear_trouble(&self) {
        *self.trouble() = None;
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All counters as Prometheus reads them.
    #[must_use]
    pub fn render(&self) -> String {
        let mut out = String::with_capacity(2_048);
        for (name, help, counter) in [
            (
                "orders_received_total",
                "Order requests that reached this node.",
                &self.orders_received,
            ),
            (
                "orders_granted_total",
                "Orders granted through this node.",
                &self.orders_granted,
            ),
            (
                "orders_replayed_total",
                "Orders whose earlier outcome was repeated.",
                &self.orders_replayed,
            ),
            (
                "refused_by_origin_total",
                "Orders refused from memory.",
                &self.refused_by_origin,
            ),
            (
                "refused_by_ledger_total",
                "Orders refused by the ledger.",
                &self.refused_by_ledger,
            ),
            (
                "batched_orders_total",
                "Orders in batches sent to the ledger.",
                &self.batched_orders,
            ),
            (
                "stat_log_dropped_total",
                "Lines that stat.log lost.",
                &self.stat_log_dropped,
            ),
        ] {
            head(&mut out, name, help);
            let _ = writeln!(out, "lastseat_{name} {}", counter.load(Ordering::Relaxed));
        }
        head(
            &mut out,
            "ledger_calls_total",
            "Round trips to the ledger, by script.",
        );
        for (script, counter) in SCRIPTS.iter().zip(&self.ledger_calls) {
            let calls = counter.load(Ordering::Relaxed);
            let _ = writeln!(
                out,
                "lastseat_ledger_calls_total{{script=\"{script}\"}} {calls}"
            );
        }
        head(
            &mut out,
            "ledger_faults_total",
            "Ledger calls without an answer, by verdict.",
        );
        for (fault, counter) in FAULTS.iter().zip(&self.faults) {
            let faults = counter.load(Ordering::Relaxed);
            let _ = writeln!(
                out,
                "lastseat_ledger_faults_total{{verdict=\"{fault}\"}} {faults}"
            );
        }
        out
    }
}

fn head(out: &mut String, name: &str, help: &str) {
    let _ = writeln!(
        out,
        "# HELP lastseat_{name} {help}\n# TYPE lastseat_{name} counter"
    );
}
