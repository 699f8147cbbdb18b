//! Log reader of the relay: page by page, with an error where entries are missing.

use super::backoff::Backoff;
use super::delivery::{Background, orders_of};
use super::error::RelayError;
use super::stop::Stop;
use lastseat_ledger::{Fault, Ledger};
use shared::ledger_model::event_log::Entry;
use shared::plan::Plan;
use shared::{SaleId, UnixMillis};
use std::sync::Arc;
use tokio::sync::OnceCell;
use tracing::warn;

/// Entries of one page of a relay of one sale. An entry of a full batch takes some 100 KiB.
const PAGE: usize = 32;

/// A part of the log.
#[derive(Debug)]
pub(super) struct Page {
    /// Entries in order, the first one is the one that was asked for. None where the log ends.
    pub(super) entries: Vec<Entry>,
    /// The last entry that the log had.
    pub(super) end: u64,
    /// What was read beside them.
    pub(super) beside: Background,
}

/// The log of one sale.
#[derive(Debug)]
pub(super) struct Log {
    ledger: Ledger,
    sale: SaleId,
    /// The plan of the sale, once it was read.
    plan: OnceCell<Option<Arc<Plan>>>,
}

impl Log {
    pub(super) const fn new(ledger: Ledger, sale: SaleId) -> Self {
        Self { ledger, sale, plan: OnceCell::const_new() }
    }

    /// The page that begins with entry `next`, tried until the ledger answers; `None` = asked to
    /// stop before.
    pub(super) async fn page(
        &self,
        next: u64,
        stop: &mut Stop,
    ) -> Result<Option<Page>, RelayError> {
        let mut backoff = Backoff::new();
        loop {
            match self.read(next, PAGE).await {
                Ok(page) => return page.map(Some),
                Err(Fault::Corrupt(what)) => return Err(RelayError::Corrupt(what)),
                Err(fault) => warn!("the log cannot be read: {fault}; trying again"),
            }
            if stop.sleep(backoff.next(fastrand::f64())).await {
                return Ok(None);
            }
        }
    }

    /// The page of at most `count` entries that begins with entry `next`.
    ///
    /// # Errors
    /// The ledger did not answer, or the inner one: asking again does not help.
    pub(super) async fn read(
        &self,
        next: u64,
        count: usize,
    ) -> Result<Result<Page, RelayError>, Fault> {
        let sale = &self.sale;
        // First how long it is: whatever is shorter than that afterwards was trimmed.
        let Some(snapshot) = self.ledger.snapshot(sale).await? else {
            return Ok(Err(RelayError::UnknownSale(sale.clone())));
        };
        let end = snapshot.commit_seq;
        if self.ledger.ack_journal().commit_seq(sale) > end {
            return Err(Fault::NotSent("the end of the log is missing".into()));
        }
        let entries = self.ledger.log(sale, next, count).await?;
        let mut beside = Background { terms: snapshot.terms, ..Background::default() };
        if entries.iter().any(|entry| entry.by_plan) {
            beside.plan = self.plan.get_or_try_init(|| self.ledger.plan(sale)).await?.clone();
        }
        let orders = orders_of(&entries);
        if !orders.is_empty() {
            beside.orders = self.ledger.records(sale, &orders).await?;
        }
        let oldest = match entries.first() {
            // The numbers in between were lost with the end of the log, and nobody else has them.
            Some(first) if first.follows(next - 1) => next,
            Some(first) => first.commit_seq,
            None => end + 1,
        };
        let sale = sale.clone();
        Ok(if next > end + 1 {
            Err(RelayError::Ahead { sale, position: next - 1, end, begin: end + 1 })
        } else if oldest > next {
            Err(RelayError::Trimmed { sale, wanted: next, oldest })
        } else {
            Ok(Page { entries, end, beside })
        })
    }

    /// The last entry before the moment `at`, by the ledger's clock; 0 where all are later. Entries
    /// that were acknowledged and trimmed count as earlier.
    ///
    /// # Errors
    /// See [`Fault`].
    pub(super) async fn last_before(&self, at: UnixMillis) -> Result<u64, Fault> {
        let end = self.ledger.log_end(&self.sale).await?.unwrap_or(0);
        let first = |from| async move {
            let entries = self.ledger.log(&self.sale, from, 1).await?;
            Ok::<_, Fault>(entries.into_iter().next())
        };
        let Some(oldest) = first(1).await? else {
            return Ok(end);
        };
        // Halved until it is found: some twenty reads of a log of a million entries.
        let (mut low, mut high) = (oldest.commit_seq, end + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            match first(middle).await? {
                Some(entry) if entry.at < at => low = entry.commit_seq + 1,
                _ => high = middle,
            }
        }
        Ok(low - 1)
    }

    /// Acknowledges all up to `position`. Not worth an end: the next acknowledgement covers this
    /// one.
    pub(super) async fn ack(&self, position: u64) {
        if let Err(fault) = self.ledger.ack(&self.sale, position).await {
            warn!("entry {position} was not acknowledged ({fault}); the next time");
        }
    }
}
