//! Metrics of one node.
//!
//! Every metric is described in `docs/OBSERVABILITY.md`, which a test compares with what a node
//! shows.

mod sale;

pub use sale::{EdgeTotals, SaleCounts};

use lastseat_http::metrics::histogram::{Histogram, MICROSECONDS, ORDERS};
use lastseat_http::metrics::page::Page;
use lastseat_ledger::{Fault, LedgerObserver, Verdict};
use shared::limits::SALES_MAX;
use shared::wire::problem;
use shared::{Code, SaleId};
use shared::{Placed, Tier};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Scripts that are counted by name; the label set is bounded.
const SCRIPTS: [&str; 20] = [
    "reserve",
    "create",
    "snapshot",
    "confirm",
    "cancel",
    "extend",
    "order",
    "restock",
    "state",
    "terms",
    "ack",
    "restore",
    "heal",
    "look",
    "recovery",
    "beat",
    "claim",
    "peek",
    "relay",
    "read_seats",
];
/// Kinds of fault, as label values.
const FAULTS: [&str; 3] = ["not_sent", "unknown", "corrupt"];
/// The place of the last of them.
const CORRUPT: usize = 2;
/// What can become of an order, as label values: those of `stat.log`.
const OUTCOMES: [&str; 17] = [
    "granted",
    "replayed",
    Code::SoldOut.as_str(),
    Code::AllHeld.as_str(),
    Code::NotEnough.as_str(),
    Code::NotOpen.as_str(),
    Code::Paused.as_str(),
    Code::Closed.as_str(),
    Code::BuyerLimit.as_str(),
    Code::EndedLimit.as_str(),
    Code::OrderLimit.as_str(),
    Code::KeyReused.as_str(),
    Code::UnknownSale.as_str(),
    Code::Busy.as_str(),
    Code::Unavailable.as_str(),
    Code::OutcomeUnknown.as_str(),
    Code::Corrupt.as_str(),
];
const TIERS: [Tier; 2] = [Tier::Origin, Tier::Ledger];
/// Microseconds in a second.
const PER_SECOND: f64 = 1e6;

/// What one node has counted since it started.
#[derive(Debug)]
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
    /// Holds that this node's sweeps have expired.
    pub holds_expired: AtomicU64,
    /// Sales that this node heals now.
    pub sales_healing: AtomicU64,
    /// Acknowledged orders that the ledger had lost and that this node has restored.
    pub orders_restored: AtomicU64,
    /// Acknowledged orders that this node could not restore.
    pub orders_unrestored: AtomicU64,
    /// Writes of `acknowledged.log` that failed.
    pub acknowledged_write_failures: AtomicU64,
    /// Bytes that `acknowledged.log` lacks because it cannot be written.
    pub acknowledged_unsaved_bytes: AtomicU64,
    /// 1 while another process has this node's number.
    pub node_number_clash: AtomicU64,
    /// Changes that too few replicas had in time.
    pub unreplicated: AtomicU64,
    /// Time from an order's arrival to its outcome.
    pub order_duration: Histogram,
    /// Time of one batch at the ledger.
    pub commit_duration: Histogram,
    /// Orders in one batch.
    pub batch_orders: Histogram,
    outcomes: [[AtomicU64; OUTCOMES.len()]; TIERS.len()],
    ledger_calls: [AtomicU64; SCRIPTS.len()],
    faults: [AtomicU64; FAULTS.len()],
    sales: RwLock<HashMap<SaleId, Arc<SaleCounts>>>,
    /// Why the ledger was away, until it is known to be back.
    trouble: Mutex<Option<String>>,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            orders_received: AtomicU64::default(),
            orders_granted: AtomicU64::default(),
            orders_replayed: AtomicU64::default(),
            refused_by_origin: AtomicU64::default(),
            refused_by_ledger: AtomicU64::default(),
            batched_orders: AtomicU64::default(),
            stat_log_dropped: AtomicU64::default(),
            holds_expired: AtomicU64::default(),
            sales_healing: AtomicU64::default(),
            orders_restored: AtomicU64::default(),
            orders_unrestored: AtomicU64::default(),
            acknowledged_write_failures: AtomicU64::default(),
            acknowledged_unsaved_bytes: AtomicU64::default(),
            node_number_clash: AtomicU64::default(),
            unreplicated: AtomicU64::default(),
            order_duration: Histogram::new(MICROSECONDS),
            commit_duration: Histogram::new(MICROSECONDS),
            batch_orders: Histogram::new(ORDERS),
            outcomes: Default::default(),
            ledger_calls: Default::default(),
            faults: Default::default(),
            sales: RwLock::default(),
            trouble: Mutex::default(),
        }
    }
}

/// Adds one.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Counters {
    /// The counts of one sale, made when it is first asked for. Whoever counts for a sale keeps
    /// them: this takes a lock. Beyond [`SALES_MAX`] sales the counts are nobody's.
    pub(crate) fn of_sale(&self, sale: &SaleId) -> Arc<SaleCounts> {
        let sales = self.sales.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = sales.get(sale) {
            return Arc::clone(counts);
        }
        drop(sales);
        let mut sales = self.sales.write().unwrap_or_else(PoisonError::into_inner);
        if sales.len() >= SALES_MAX && !sales.contains_key(sale) {
            return Arc::default();
        }
        Arc::clone(sales.entry(sale.clone()).or_default())
    }

    /// The counts of a sale that has ended are not published any more.
    pub(crate) fn forget_sale(&self, sale: &SaleId) {
        self.sales.write().unwrap_or_else(PoisonError::into_inner).remove(sale);
    }

    /// An order has its outcome, so long after it came in.
    pub(crate) fn order_done(&self, outcome: &Result<Placed, Fault>, after: Duration) {
        self.order_duration.record_duration(after);
        let (word, tier) = problem::outcome_word(outcome);
        if let Some(i) = OUTCOMES.iter().position(|outcome| *outcome == word) {
            count(&self.outcomes[usize::from(tier == Tier::Ledger)][i]);
        }
    }

    /// Calls of all scripts.
    pub(crate) fn ledger_calls(&self) -> u64 {
        let calls = self.ledger_calls.iter();
        calls.map(|calls| calls.load(Ordering::Relaxed)).sum()
    }

    /// Calls without an answer.
    pub(crate) fn ledger_faults(&self) -> u64 {
        let faults = self.faults.iter();
        faults.map(|faults| faults.load(Ordering::Relaxed)).sum()
    }

    /// Replies that were not what lastseat writes.
    pub(crate) fn corrupt_replies(&self) -> u64 {
        self.faults[CORRUPT].load(Ordering::Relaxed)
    }

    /// Orders that were answered that their outcome is unknown.
    pub(crate) fn outcomes_unknown(&self) -> u64 {
        let unknown = OUTCOMES.iter().position(|word| *word == Code::OutcomeUnknown.as_str());
        let counts = self.outcomes.iter().filter_map(|of_tier| of_tier.get(unknown?));
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
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

    /// Writes all that is counted here.
    pub fn write(&self, page: &mut Page) {
        for (name, help, counter) in [
            (
                "orders_received_total",
                "Order requests that reached this node.",
                &self.orders_received,
            ),
            ("orders_granted_total", "Orders granted through this node.", &self.orders_granted),
            (
                "orders_replayed_total",
                "Orders whose earlier outcome was repeated.",
                &self.orders_replayed,
            ),
            ("refused_by_origin_total", "Orders refused from memory.", &self.refused_by_origin),
            ("refused_by_ledger_total", "Orders refused by the ledger.", &self.refused_by_ledger),
            ("batched_orders_total", "Orders in batches sent to the ledger.", &self.batched_orders),
            ("stat_log_dropped_total", "Lines that stat.log lost.", &self.stat_log_dropped),
            (
                "holds_expired_total",
                "Holds that this node's sweeps have expired.",
                &self.holds_expired,
            ),
            (
                "orders_restored_total",
                "Acknowledged orders that the ledger had lost and this node restored.",
                &self.orders_restored,
            ),
            (
                "orders_unrestored_total",
                "Acknowledged orders that this node could not restore.",
                &self.orders_unrestored,
            ),
            (
                "acknowledged_write_failures_total",
                "Writes of acknowledged.log that failed.",
                &self.acknowledged_write_failures,
            ),
            (
                "unreplicated_total",
                "Changes that too few replicas had in time.",
                &self.unreplicated,
            ),
        ] {
            page.counter(name, help, counter.load(Ordering::Relaxed));
        }
        page.gauge(
            "sales_healing",
            "Sales that this node heals after Redis was restarted or replaced.",
            self.sales_healing.load(Ordering::Relaxed),
        );
        page.gauge(
            "acknowledged_unsaved_bytes",
            "Bytes that acknowledged.log lacks because it cannot be written.",
            self.acknowledged_unsaved_bytes.load(Ordering::Relaxed),
        );
        page.gauge(
            "node_number_clash",
            "1 while another process has the number of this node.",
            self.node_number_clash.load(Ordering::Relaxed),
        );
        let mut orders = page.begin(
            "orders_total",
            "counter",
            "Orders by outcome and by the tier that decided.",
        );
        for (tier, outcomes) in TIERS.iter().zip(&self.outcomes) {
            for (outcome, counter) in OUTCOMES.iter().zip(outcomes) {
                let labels = [("by", tier.as_str()), ("outcome", *outcome)];
                orders.add(&labels, counter.load(Ordering::Relaxed));
            }
        }
        let mut calls =
            page.begin("ledger_calls_total", "counter", "Round trips to the ledger, by script.");
        for (script, counter) in SCRIPTS.iter().zip(&self.ledger_calls) {
            calls.add(&[("script", script)], counter.load(Ordering::Relaxed));
        }
        let mut faults = page.begin(
            "ledger_faults_total",
            "counter",
            "Ledger calls without an answer, by verdict.",
        );
        for (fault, counter) in FAULTS.iter().zip(&self.faults) {
            faults.add(&[("verdict", fault)], counter.load(Ordering::Relaxed));
        }
        for (name, help, histogram, per) in [
            (
                "order_duration_seconds",
                "Time from an order's arrival to its outcome.",
                &self.order_duration,
                PER_SECOND,
            ),
            (
                "commit_duration_seconds",
                "Time of one batch of orders at the ledger.",
                &self.commit_duration,
                PER_SECOND,
            ),
            ("batch_size_orders", "Orders in one batch.", &self.batch_orders, 1.0),
        ] {
            page.histogram(name, help, &histogram.reading(), per);
        }
    }
}

impl LedgerObserver for Counters {
    fn script_called(&self, script: &'static str) {
        if let Some(i) = SCRIPTS.iter().position(|name| *name == script) {
            count(&self.ledger_calls[i]);
        }
    }

    fn call_failed(&self, fault: &Fault) {
        count(
            &self.faults[match fault {
                Fault::NotSent(_) => 0,
                Fault::Unknown(_) => 1,
                Fault::Corrupt(_) => CORRUPT,
            }],
        );
        // Damaged data is the trouble of its sale, not of the node.
        if !matches!(fault, Fault::Corrupt(_)) {
            *self.trouble() = Some(format!("ledger: {fault}"));
        }
    }

    fn batch_done(&self, orders: usize, took: Duration) {
        self.batch_orders.record(orders as u64);
        self.commit_duration.record_duration(took);
    }

    fn batch_decided(&self, sale: &SaleId, verdicts: &[Verdict]) {
        self.of_sale(sale).decided(verdicts);
    }

    fn holds_expired(&self, holds: u64) {
        self.holds_expired.fetch_add(holds, Ordering::Relaxed);
    }

    fn unreplicated(&self) {
        count(&self.unreplicated);
    }

    fn journal_write_failed(&self) {
        count(&self.acknowledged_write_failures);
    }

    fn journal_unsaved(&self, bytes: u64) {
        self.acknowledged_unsaved_bytes.store(bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lastseat_ledger::scripts::SCRIPTS as ALL;
    use shared::Refusal;

    #[test]
    fn every_script_of_the_ledger_is_counted() {
        for script in ALL.all() {
            assert!(SCRIPTS.contains(&script.call()), "{}", script.name);
        }
    }

    #[test]
    fn an_order_is_counted_under_its_outcome() {
        let counters = Counters::default();
        let sold_out = Ok(Placed { verdict: Verdict::Refused(Refusal::SoldOut), by: Tier::Origin });
        counters.order_done(&sold_out, Duration::from_millis(1));
        let away = Err(Fault::Unknown("slow".into()));
        counters.order_done(&away, Duration::from_millis(1));
        let mut page = Page::default();
        counters.write(&mut page);
        let text = page.into_text();
        for line in [
            "lastseat_orders_total{by=\"origin\",outcome=\"sold_out\"} 1",
            "lastseat_orders_total{by=\"origin\",outcome=\"outcome_unknown\"} 1",
            "lastseat_orders_total{by=\"ledger\",outcome=\"sold_out\"} 0",
            "lastseat_order_duration_seconds_count 2",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
