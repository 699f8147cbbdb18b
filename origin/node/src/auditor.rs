//! Auditor: audits the sales by itself, one after the other, while nobody is kept waiting by it.
//!
//! `free` is computed as capacity - held - confirmed everywhere, so these numbers agree with each
//! other whatever happened. Only a recount of the orders and the log can contradict them; so it is
//! made every so often, and its outcome and age are shown beside them.
//!
//! Each sale is audited by one live node, which all nodes compute alike from the list of live
//! nodes. A node audits one sale at a time, over a connection of its own that it leaves idle nine
//! tenths of the time, and gives up while the ledger is slow or in recovery.

use crate::healer::place_of;
use crate::http::App;
use crate::status::{AuditMark, ClusterAudits, NodeStatus};
use lastseat_http::metrics::histogram::Reading;
use lastseat_ledger::{AuditReport, Fault, Ledger};
use shared::limits::{AUDIT_ORDERS_MAX, AUDIT_SALES_MAX, AUDIT_SLOW_MS};
use shared::{SaleId, UnixMillis};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::task::AbortHandle;

/// Longest time between two looks which sale is due.
const LOOK_MAX: Duration = Duration::from_secs(5);
/// Time between two looks whether the ledger is slow, during an audit.
const SLOW_POLL: Duration = Duration::from_millis(500);
/// A sale that was never audited is audited this long after it was seen at the latest, in
/// milliseconds, so that many new sales are not audited at once.
const FIRST_SPREAD_MS: u64 = 30_000;

/// The task that audits; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Auditor(AbortHandle);

impl Drop for Auditor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Auditor {
    /// Audits each sale once in `every`.
    pub(crate) fn start(app: &Arc<App>, every: Duration) -> Self {
        let mut rounds = Rounds {
            ledger: app.sales.ledger().gently(),
            every_ms: u64::try_from(every.as_millis()).unwrap_or(u64::MAX),
            seen: HashMap::new(),
            commits: None,
        };
        let weak = Arc::downgrade(app);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep((every / 4).min(LOOK_MAX)).await;
                let Some(app) = Weak::upgrade(&weak) else {
                    return;
                };
                // The heartbeat reports a ledger that is away; here it is waited for.
                let _ = rounds.round(&app).await;
            }
        });
        Self(task.abort_handle())
    }
}

/// What is kept from one round to the next.
struct Rounds {
    ledger: Ledger,
    every_ms: u64,
    /// When each sale was audited here last, or is due first.
    seen: HashMap<SaleId, Due>,
    /// The commit times at the last look.
    commits: Option<Reading>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Due {
    at: UnixMillis,
    /// Whether it was already said that it has too many orders.
    too_large: bool,
}

impl Rounds {
    /// Audits the sale that is due for longest, if there is one and the ledger has time.
    async fn round(&mut self, app: &App) -> Result<(), Fault> {
        if app.ready().is_err() || app.counters.sales_healing.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let live = self.ledger.live_nodes().await?;
        let Some(place) = live.iter().position(|node| *node == app.node.id) else {
            return Ok(());
        };
        let now = self.ledger.now();
        let mut statuses = Vec::new();
        for (_, text) in self.ledger.statuses().await? {
            statuses.extend(serde_json::from_str::<NodeStatus>(&text));
        }
        let slow = |node: &NodeStatus| {
            live.contains(&node.node) && node.commit_us.p99.is_some_and(|us| us > slow_us())
        };
        if statuses.iter().any(slow) || self.is_slow(app) {
            return Ok(());
        }
        let mut sales = self.ledger.sales().await?;
        sales.retain(|sale| place_of(sale, live.len()) == place);
        sales.truncate(AUDIT_SALES_MAX);
        let audits = ClusterAudits::of(&statuses);
        let Some(sale) = self.most_due(sales, &audits, now) else {
            return Ok(());
        };
        self.seen.insert(sale.clone(), Due { at: now.plus(self.every_ms), too_large: false });
        if self.ledger.orders_granted(&sale).await? > AUDIT_ORDERS_MAX {
            self.say_too_large(&sale);
            return Ok(());
        }
        // Whichever node audited it then.
        let differed = audits.of_sale(&sale).is_some_and(|mark| !mark.ok);
        match self.audit(app, &sale).await? {
            Some(report) => keep_and_log(app, &sale, &report, (self.ledger.now(), differed)),
            // It is due again at the next look.
            None => drop(self.seen.insert(sale, Due { at: now, too_large: false })),
        }
        Ok(())
    }

    /// The sale whose audit is overdue for longest.
    fn most_due(
        &mut self,
        sales: Vec<SaleId>,
        audits: &ClusterAudits,
        now: UnixMillis,
    ) -> Option<SaleId> {
        let mut due = Vec::with_capacity(sales.len());
        for sale in sales {
            let spread = place_of(&sale, FIRST_SPREAD_MS.min(self.every_ms).max(1) as usize);
            let first = Due { at: now.plus(spread as u64), too_large: false };
            let known = *self.seen.entry(sale.clone()).or_insert(first);
            let published = audits.of_sale(&sale).map(|mark| mark.at.plus(self.every_ms));
            let at = published.map_or(known.at, |at| at.max(known.at));
            due.push((at, sale));
        }
        if self.seen.len() > 2 * AUDIT_SALES_MAX {
            self.seen.retain(|sale, _| due.iter().any(|(_, listed)| listed == sale));
        }
        due.into_iter().filter(|(at, _)| *at <= now).min().map(|(_, sale)| sale)
    }

    /// The recount; `None` where there is no such sale any more, or the ledger became slow. What
    /// differs is counted twice before anybody is told.
    async fn audit(&mut self, app: &App, sale: &SaleId) -> Result<Option<AuditReport>, Fault> {
        for last in [false, true] {
            let ledger = self.ledger.clone();
            let recount = ledger.audit(sale);
            let report = tokio::select! {
                report = recount => report?,
                () = self.slow(app) => None,
            };
            match report {
                Some(report) if !report.ok && !last => {}
                report => return Ok(report),
            }
        }
        Ok(None)
    }

    /// Waits until the ledger is slow or recovers a sale.
    async fn slow(&mut self, app: &App) {
        loop {
            tokio::time::sleep(SLOW_POLL).await;
            let healing = app.counters.sales_healing.load(Ordering::Relaxed) > 0;
            if healing || app.ready().is_err() || self.is_slow(app) {
                return;
            }
            let begun = Instant::now();
            let answered = app.sales.ledger().time().await.is_ok();
            if !answered || begun.elapsed() > Duration::from_millis(AUDIT_SLOW_MS) {
                return;
            }
        }
    }

    /// Whether this node's batches took long since the last look.
    fn is_slow(&mut self, app: &App) -> bool {
        let now = app.counters.commit_duration.reading();
        let before = self.commits.replace(now.clone());
        let since = before.map(|before| now.since(&before));
        since.and_then(|since| since.quantile(0.99)).is_some_and(|us| us > slow_us())
    }

    fn say_too_large(&mut self, sale: &SaleId) {
        let Some(due) = self.seen.get_mut(sale) else {
            return;
        };
        if !std::mem::replace(&mut due.too_large, true) {
            tracing::info!(
                "sale {sale} has more than {AUDIT_ORDERS_MAX} orders and is audited only when \
                 asked: lastseat audit {sale}"
            );
        }
    }
}

const fn slow_us() -> u64 {
    AUDIT_SLOW_MS * 1_000
}

/// Keeps what was found, and says aloud what differs.
fn keep_and_log(
    app: &App,
    sale: &SaleId,
    report: &AuditReport,
    (at, differed): (UnixMillis, bool),
) {
    app.audits.note(sale, AuditMark::new(at, report));
    if report.ok || differed {
        return;
    }
    app.sales.timeline().audit_differs(at, sale);
    for difference in &report.differences {
        tracing::error!("sale {sale}: {difference}");
    }
    let found = report.differences.len() as u64 + report.more_differences;
    tracing::error!(
        "the audit of sale {sale} found {found} differences: docs/RUNBOOK.md#lastseatauditdiffers"
    );
}
