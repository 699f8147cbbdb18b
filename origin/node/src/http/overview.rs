//! Overview: all sales at a glance, for a list of hundreds of them.
//!
//! It is made of what this node has in memory: the last replies of the ledger, the speed of each
//! sale from its history, and what the nodes have published. Of the sales that are shown and were
//! heard of longest ago a bounded number is read from the ledger, so that each row has its age and
//! none grows old while somebody looks; whoever else asks meanwhile shares what was read.

use super::token_auth::Operator;
use super::{App, response};
use crate::api::overview_bodies::{OverviewNumbers, OverviewSale, SalesOverview};
use crate::sale_history::SaleRates;
use crate::status::alarms_of_cluster;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use lastseat_ledger::{Fault, Ledger};
use shared::limits::{
    OVERVIEW_CANDIDATES_MAX, OVERVIEW_FRESH_MS, OVERVIEW_OLD_MS, OVERVIEW_READS_MAX,
    OVERVIEW_SALES_MAX,
};
use shared::{SaleId, SaleState, Snapshot, UnixMillis};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// What is read was read at most so long ago.
const FRESH: Duration = Duration::from_millis(OVERVIEW_FRESH_MS);
/// Of the sales that are read, so many at a time.
const READS_AT_ONCE: usize = 8;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/v1/admin/overview", get(show))
}

/// What the overviews of a node share.
#[derive(Debug, Default)]
pub struct Overviews(Mutex<ReadSales>);

/// Sales as they were read for an overview; at most those of one.
#[derive(Debug, Default)]
struct ReadSales {
    at: Option<Instant>,
    sales: HashMap<SaleId, ReadSale>,
}

/// What was read of one sale.
#[derive(Clone, Debug)]
struct ReadSale {
    /// When, by the clock of this process.
    read: Instant,
    /// How it stood; absent where there is no such sale.
    snapshot: Option<Snapshot>,
    /// Why its numbers cannot be read.
    damage: Option<String>,
    title: Option<String>,
}

/// A sale, and what is known of it without a look.
struct Candidate {
    sale: SaleId,
    snapshot: Option<Snapshot>,
    rates: SaleRates,
}

/// `GET /v1/admin/overview`: also while the ledger does not answer; each row says how old it is.
async fn show(operator: Operator, State(app): State<Arc<App>>) -> Response {
    let mut read = app.overviews.0.lock().await;
    let (candidates, listed) = candidates(&app, &operator, &read);
    let shown = &candidates[..candidates.len().min(OVERVIEW_SALES_MAX)];
    if read.at.is_none_or(|at| at.elapsed() >= FRESH) {
        read.refresh(app.sales.ledger(), shown).await;
    }
    let overview = overview(&app, &read, shown, listed);
    drop(read);
    response::json(StatusCode::OK, &overview)
}

/// The sales that `operator` is shown, those that sell first, and how many there are.
fn candidates(app: &App, operator: &Operator, read: &ReadSales) -> (Vec<Candidate>, usize) {
    let now = app.sales.ledger().now();
    let views = app.sales.views();
    let seen: HashMap<&SaleId, &Snapshot> =
        views.iter().map(|view| (&view.sale, &view.snapshot)).collect();
    let (names, mut listed) = app.sales.listed(OVERVIEW_CANDIDATES_MAX);
    let all = names.len();
    let mut candidates: Vec<Candidate> = Vec::with_capacity(all);
    for sale in names.into_iter().filter(|sale| operator.is_for(sale.as_str())) {
        let read = read.sales.get(&sale).and_then(|read| read.snapshot);
        let snapshot = newer(seen.get(&sale).map(|snapshot| **snapshot), read);
        let rates = app.histories.rates(&sale, now);
        candidates.push(Candidate { sale, snapshot, rates });
    }
    if !operator.is_for_all() {
        // How many there are of others is not told.
        listed = candidates.len();
    }
    candidates.sort_by_cached_key(Candidate::place);
    (candidates, listed)
}

impl Candidate {
    /// What comes first in the list: what sells, then what could, by name.
    fn place(&self) -> (u8, Reverse<u64>, UnixMillis, SaleId) {
        // In tenths a second, as they are shown.
        let tenths = |rate: Option<f64>| rate.map_or(0, |rate| (rate * 10.0) as u64);
        let speed = tenths(self.rates.taken).max(tenths(self.rates.asked));
        let free = self.snapshot.map_or(0, |snapshot| snapshot.free());
        let opens_at = self.snapshot.map_or(UnixMillis(0), |snapshot| snapshot.terms.opens_at);
        let rank = match self.snapshot.map(|snapshot| snapshot.state) {
            Some(SaleState::Open) if speed > 0 => 0,
            Some(SaleState::Open) if free > 0 => 1,
            Some(SaleState::Paused) => 2,
            Some(SaleState::Scheduled) => 3,
            Some(SaleState::Open) => 4,
            Some(SaleState::Closed) => 5,
            None => 6,
        };
        let opens_at = if rank == 3 { opens_at } else { UnixMillis(0) };
        (rank, Reverse(speed), opens_at, self.sale.clone())
    }
}

/// The later of two replies of the ledger.
fn newer(a: Option<Snapshot>, b: Option<Snapshot>) -> Option<Snapshot> {
    [a, b].into_iter().flatten().max_by_key(|snapshot| (snapshot.commit_seq, snapshot.at))
}

impl ReadSales {
    /// Reads those of `shown` that are due, at most [`OVERVIEW_READS_MAX`].
    async fn refresh(&mut self, ledger: &Ledger, shown: &[Candidate]) {
        let due = self.due(ledger.now(), shown);
        let reads = due.into_iter().map(|sale| async move {
            let outcome = ReadSale::of(ledger, &sale).await;
            (sale, outcome)
        });
        let mut reads = stream::iter(reads).buffer_unordered(READS_AT_ONCE);
        while let Some((sale, outcome)) = reads.next().await {
            match outcome {
                Ok(read) => drop(self.sales.insert(sale, read)),
                // The ledger is away: what is known stays, and gets older.
                Err(_) => break,
            }
        }
        self.at = Some(Instant::now());
        if self.sales.len() > 2 * OVERVIEW_SALES_MAX {
            self.sales.retain(|sale, _| shown.iter().any(|candidate| candidate.sale == *sale));
        }
    }

    /// The sales to read, those first that were never read, then those that were heard of longest
    /// ago.
    fn due(&self, now: UnixMillis, shown: &[Candidate]) -> Vec<SaleId> {
        let mut due: Vec<(Option<UnixMillis>, &SaleId)> = Vec::new();
        for Candidate { sale, snapshot, .. } in shown {
            let Some(read) = self.sales.get(sale) else {
                due.push((None, sale));
                continue;
            };
            let heard = snapshot.map(|snapshot| snapshot.at);
            let old = heard.is_none_or(|heard| now.since(heard) >= OVERVIEW_OLD_MS);
            // Another version may have another title.
            let version = |snapshot: &Snapshot| snapshot.version;
            let changed = snapshot.as_ref().map(version) != read.snapshot.as_ref().map(version);
            let rested = read.read.elapsed() >= Duration::from_millis(OVERVIEW_OLD_MS);
            if rested && (old || changed) {
                due.push((Some(heard.unwrap_or_default()), sale));
            }
        }
        due.sort_unstable();
        due.into_iter().take(OVERVIEW_READS_MAX).map(|(_, sale)| sale.clone()).collect()
    }
}

impl ReadSale {
    async fn of(ledger: &Ledger, sale: &SaleId) -> Result<Self, Fault> {
        let (snapshot, damage) = match ledger.snapshot(sale).await {
            Ok(snapshot) => (snapshot, None),
            Err(Fault::Corrupt(why)) => (None, Some(why)),
            Err(fault) => return Err(fault),
        };
        // Without it the sale is shown by its id.
        let page = ledger.page_terms(sale).await.ok();
        let title = page.map(|page| page.event.title.clone()).filter(|title| !title.is_empty());
        Ok(Self { read: Instant::now(), snapshot, damage, title })
    }
}

fn overview(app: &App, read: &ReadSales, shown: &[Candidate], listed: usize) -> SalesOverview {
    let now = app.sales.ledger().now();
    let own = app.alarms.read();
    let statuses = app.histories.statuses();
    let alarms = alarms_of_cluster(&statuses, Some((app.node.id, &own)), now);
    let row = |Candidate { sale, snapshot, rates }: &Candidate| {
        let read = read.sales.get(sale);
        let snapshot = newer(*snapshot, read.and_then(|read| read.snapshot));
        let alarm = alarms.iter().find(|alarm| alarm.sale.as_deref() == Some(sale.as_str()));
        let damage = read.and_then(|read| read.damage.as_ref());
        let damage = damage.map(|why| format!("Its data cannot be read: {why}."));
        OverviewSale {
            sale: sale.to_string(),
            title: read.and_then(|read| read.title.clone()),
            // Of what is damaged now no number stands.
            numbers: snapshot.filter(|_| damage.is_none()).as_ref().map(OverviewNumbers::of),
            asked_per_second: rates.asked,
            taken_per_second: rates.taken,
            alarm: damage.or_else(|| alarm.map(|alarm| alarm.what.clone())),
        }
    };
    SalesOverview {
        at: now,
        sales: shown.iter().map(row).collect(),
        more: listed.saturating_sub(shown.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::Terms;

    fn candidate(name: &str, state: SaleState, free: u32, taken: Option<f64>) -> Candidate {
        let snapshot = Snapshot {
            capacity: 10,
            held: 0,
            confirmed: 10 - free,
            version: 1,
            commit_seq: 1,
            state,
            terms: Terms::default(),
            at: UnixMillis(100_000),
        };
        let sale = SaleId::parse(name).unwrap();
        Candidate { sale, snapshot: Some(snapshot), rates: SaleRates { asked: None, taken } }
    }

    #[test]
    fn what_sells_now_comes_first_and_what_is_over_last() {
        let mut all = [
            candidate("closed", SaleState::Closed, 5, None),
            candidate("sold-out", SaleState::Open, 0, None),
            candidate("later", SaleState::Scheduled, 10, None),
            candidate("quiet", SaleState::Open, 5, Some(0.0)),
            candidate("slow", SaleState::Open, 5, Some(0.5)),
            candidate("paused", SaleState::Paused, 5, None),
            candidate("fast", SaleState::Open, 0, Some(90.0)),
        ];
        all.sort_by_cached_key(Candidate::place);
        let names: Vec<&str> = all.iter().map(|candidate| candidate.sale.as_str()).collect();
        let first = ["fast", "slow", "quiet", "paused", "later", "sold-out", "closed"];
        assert_eq!(names, first);
    }

    #[test]
    fn what_was_never_read_is_read_first_and_what_is_fresh_not_at_all() {
        let names: Vec<String> = (0..2 * OVERVIEW_READS_MAX).map(|n| format!("sale-{n}")).collect();
        let shown: Vec<Candidate> =
            names.iter().map(|name| candidate(name, SaleState::Open, 5, None)).collect();
        let mut read = ReadSales::default();
        assert_eq!(read.due(UnixMillis(100_000), &shown).len(), OVERVIEW_READS_MAX);
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
        for Candidate { sale, snapshot, .. } in &shown[1..] {
            let (snapshot, title) = (*snapshot, None);
            let known = ReadSale { read: long_ago, snapshot, damage: None, title };
            read.sales.insert(sale.clone(), known);
        }
        let due = read.due(UnixMillis(100_000 + OVERVIEW_OLD_MS - 1), &shown);
        assert_eq!(due, [shown[0].sale.clone()], "the others were heard of a moment ago");
        let due = read.due(UnixMillis(100_000 + OVERVIEW_OLD_MS), &shown);
        assert_eq!((due.len(), &due[0]), (OVERVIEW_READS_MAX, &shown[0].sale));
    }
}
