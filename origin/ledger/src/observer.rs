//! Observer of the ledger client: what it reports of its calls and of its journal. The metrics of a
//! node implement it.

use shared::domain::order::Verdict;
use shared::{Fault, SaleId};
use std::fmt;
use std::time::Duration;

/// Receives what a [`crate::Ledger`] and its journal did. Each method does nothing unless it is
/// implemented, and must return at once: it is called between a reply of Redis and the answer to a
/// buyer.
pub trait LedgerObserver: fmt::Debug + Send + Sync {
    /// A script was called.
    fn script_called(&self, _script: &'static str) {}

    /// A call ended without a usable reply.
    fn call_failed(&self, _fault: &Fault) {}

    /// A batch of so many orders was at the ledger for so long.
    fn batch_done(&self, _orders: usize, _took: Duration) {}

    /// The ledger decided on a batch.
    fn batch_decided(&self, _sale: &SaleId, _verdicts: &[Verdict]) {}

    /// A sweep expired so many holds.
    fn holds_expired(&self, _holds: u64) {}

    /// Too few replicas had a change in time.
    fn unreplicated(&self) {}

    /// The file of the journal could not be written.
    fn journal_write_failed(&self) {}

    /// So many bytes are in the journal in memory and not in its file.
    fn journal_unsaved(&self, _bytes: u64) {}
}

/// An observer that ignores everything: that of commands.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl LedgerObserver for NoObserver {}
