//! Sale name cache: the names of the sales that the ledger lists.
//!
//! Nodes use the list to distinguish a real sale from an invented name without asking: under a
//! flood of invented names, real sales are looked up all the same. Edges get a part of it for the
//! same reason (`Lastseat-Sales`). Sales that have ended are on a list of their own: buyers still
//! ask for their orders.

use axum::http::HeaderValue;
use lastseat_ledger::{Ledger, clock};
use shared::SaleId;
use shared::admission::token_budget::TokenBudget;
use shared::limits::{NODE_UNLISTED_LOOKUPS_PER_SECOND, SALES_HEADER_MAX, SALES_MAX};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Least time between two readings of the list.
const READ_EVERY: Duration = Duration::from_secs(2);
/// The pause after a reading is at least this many times as long as the reading: a list of a
/// hundred thousand names must not keep Redis busy.
const PAUSE_FACTOR: u32 = 100;
/// Longest time between two readings of the list of sales that have ended, which changes seldom.
const READ_ENDED_EVERY: Duration = Duration::from_secs(30);
/// Names that a node keeps of each list.
const NAMES_MAX: usize = 65_536;
/// How long a name that the ledger did not have is taken to be unknown, where there is no place to
/// ask again.
const UNKNOWN_FOR: Duration = Duration::from_secs(1);
/// Such names that are kept.
const UNKNOWN_MAX: usize = 4_096;

/// The names that a node has seen.
#[derive(Debug, Default)]
pub(crate) struct SaleNames {
    listed: RwLock<Listed>,
    unknown: Mutex<HashMap<SaleId, Instant>>,
    /// Look-ups of names that are not listed.
    lookups: Mutex<TokenBudget>,
    /// Sales that are known here and that the ledger has lost.
    gone: Mutex<BTreeSet<SaleId>>,
}

#[derive(Debug, Default)]
struct Listed {
    names: BTreeSet<SaleId>,
    /// Sales that have ended.
    ended: HashSet<SaleId>,
    /// When these were read last.
    ended_read: Option<Instant>,
    /// Names of sales that have not ended, for edges.
    header: Option<HeaderValue>,
}

impl SaleNames {
    /// Begins to read; ends when it is dropped.
    pub(crate) fn start(ledger: Ledger) -> Arc<Self> {
        let names = Arc::<Self>::default();
        let reading = Arc::downgrade(&names);
        tokio::spawn(async move {
            loop {
                let begun = Instant::now();
                let listed = ledger.sales().await;
                let Some(names) = reading.upgrade() else {
                    return;
                };
                if let Ok(listed) = listed
                    && names.listed(listed)
                    && let Ok(ended) = ledger.ended_sales().await
                {
                    names.ended(ended);
                }
                drop(names);
                let pause = READ_EVERY.max(begun.elapsed() * PAUSE_FACTOR);
                tokio::time::sleep(pause).await;
            }
        });
        names
    }

    /// These are listed now. Answers whether the sales that have ended are to be read, too: one
    /// that is not listed any more has ended, or is lost.
    fn listed(&self, listed: Vec<SaleId>) -> bool {
        let names: BTreeSet<SaleId> = listed.into_iter().take(NAMES_MAX).collect();
        let header = header(names.iter());
        let mut known = self.write();
        let gone = known.names.iter().any(|sale| !names.contains(sale));
        (known.names, known.header) = (names, header);
        gone || known.ended_read.is_none_or(|read| read.elapsed() >= READ_ENDED_EVERY)
    }

    /// These have ended.
    fn ended(&self, ended: Vec<SaleId>) {
        let mut known = self.write();
        known.ended = ended.into_iter().take(NAMES_MAX).collect();
        known.ended_read = Some(Instant::now());
    }

    /// `sale` was moved to those that have ended.
    pub(crate) fn is_retired(&self, sale: &SaleId) {
        let mut known = self.write();
        known.names.remove(sale);
        if known.ended.len() < NAMES_MAX {
            known.ended.insert(sale.clone());
        }
        known.header = header(known.names.iter());
    }

    /// At most `count` listed sales, in order, that come after `last`.
    pub(crate) fn listed_after(&self, last: Option<&SaleId>, count: usize) -> Vec<SaleId> {
        let known = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        let begin = last.map_or(Bound::Unbounded, Bound::Excluded);
        known.names.range((begin, Bound::Unbounded)).take(count).cloned().collect()
    }

    /// How many sales are listed that have not ended.
    pub(crate) fn count(&self) -> usize {
        self.listed.read().unwrap_or_else(PoisonError::into_inner).names.len()
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Listed> {
        self.listed.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn unknown(&self) -> MutexGuard<'_, HashMap<SaleId, Instant>> {
        self.unknown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `sale` exists, as far as is known.
    pub(crate) fn lists(&self, sale: &SaleId) -> bool {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        listed.names.contains(sale) || listed.ended.contains(sale)
    }

    /// Whether `sale` is listed among those that have not ended, as far as is known.
    pub(crate) fn is_listed(&self, sale: &SaleId) -> bool {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        listed.names.contains(sale)
    }

    /// `sale` exists.
    pub(crate) fn add(&self, sale: &SaleId) {
        if self.lists(sale) {
            return;
        }
        let mut listed = self.write();
        if listed.names.len() < NAMES_MAX {
            listed.names.insert(sale.clone());
            listed.header = header(listed.names.iter());
        }
        drop(listed);
        self.unknown().remove(sale);
    }

    /// Whether a name that is not listed may be looked up now.
    pub(crate) fn may_lookup(&self) -> bool {
        let mut budget = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        budget.take(NODE_UNLISTED_LOOKUPS_PER_SECOND, 1, 0, clock::now())
    }

    /// The ledger does not have `sale`.
    pub(crate) fn is_unknown(&self, sale: &SaleId) {
        let mut unknown = self.unknown();
        if unknown.len() >= UNKNOWN_MAX {
            unknown.retain(|_, since| since.elapsed() < UNKNOWN_FOR);
        }
        if unknown.len() < UNKNOWN_MAX {
            unknown.insert(sale.clone(), Instant::now());
        }
    }

    /// Whether the ledger did not have `sale` a moment ago.
    pub(crate) fn was_unknown(&self, sale: &SaleId) -> bool {
        let unknown = self.unknown();
        let since = unknown.get(sale);
        since.is_some_and(|since| since.elapsed() < UNKNOWN_FOR)
    }

    fn lost(&self) -> MutexGuard<'_, BTreeSet<SaleId>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the ledger has lost `sale`.
    pub(crate) fn note_lost(&self, sale: &SaleId) {
        let mut gone = self.lost();
        if gone.len() < SALES_MAX && gone.insert(sale.clone()) {
            tracing::error!(
                "sale {sale} is gone from the ledger, with all its orders. Nothing of it is sold \
                 until it is created again \
                 under its name: then what nodes acknowledged is restored (docs/FAILOVER.md)"
            );
        }
    }

    /// Notes that the ledger has `sale`; says whether it was lost until now.
    pub(crate) fn note_found(&self, sale: &SaleId) -> bool {
        let was_lost = self.lost().remove(sale);
        if was_lost {
            tracing::info!("sale {sale} is in the ledger again");
        }
        was_lost
    }

    /// The sales that the ledger has lost, as far as nobody has seen them again.
    pub(crate) fn lost_sales(&self) -> Vec<SaleId> {
        self.lost().iter().cloned().collect()
    }

    /// How many sales the ledger has lost.
    pub(crate) fn gone(&self) -> usize {
        self.lost().len()
    }

    /// The value of `Lastseat-Sales`; `None` while nothing is listed.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let listed = self.listed.read().unwrap_or_else(PoisonError::into_inner);
        listed.header.clone()
    }
}

/// Names, separated by spaces, as many as fit.
fn header<'a>(names: impl Iterator<Item = &'a SaleId>) -> Option<HeaderValue> {
    let mut text = String::new();
    for name in names {
        if text.len() + 1 + name.as_str().len() > SALES_HEADER_MAX {
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(name.as_str());
    }
    (!text.is_empty()).then(|| HeaderValue::try_from(text).ok())?
}
