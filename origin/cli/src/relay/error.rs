//! Errors that end a relay, each with its remedy.

use shared::SaleId;

/// Why a relay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// Nobody made it.
    #[error("there is no sale {0}")]
    UnknownSale(SaleId),
    /// Acknowledged by somebody else before it was delivered here.
    #[error(
        "the log of sale {sale} no longer has entry {wanted}: everything before entry {oldest} was \
         acknowledged and trimmed. Those changes cannot be delivered any more; begin with what is \
         there: --from {oldest}"
    )]
    Trimmed {
        /// The sale.
        sale: SaleId,
        /// The entry that is next.
        wanted: u64,
        /// The first entry that is there, or will be.
        oldest: u64,
    },
    /// The position belongs to another log.
    #[error(
        "entry {position} of sale {sale} was delivered already, but its log ends at {end}: Redis \
         lost \
         data, or the sale is another one of the same name. Compare both sides, then begin where \
         you \
         choose: --from {begin}"
    )]
    Ahead {
        /// The sale.
        sale: SaleId,
        /// The kept position.
        position: u64,
        /// The last entry there is.
        end: u64,
        /// The entry after it.
        begin: u64,
    },
    /// The receiver did not take an entry, and only what was there was to be delivered.
    #[error(
        "entry {entry} was not taken by {to} in {attempts} attempts: {why}. What was delivered \
         before it is kept; run the same command again when the receiver works"
    )]
    NotTaken {
        /// The entry.
        entry: u64,
        /// The receiver.
        to: String,
        /// How often it was tried.
        attempts: u64,
        /// Why the last attempt failed.
        why: String,
    },
    /// What lies in Redis is not ours.
    #[error("the ledger's data is damaged: {0}")]
    Corrupt(String),
}
