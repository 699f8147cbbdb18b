//! Ledger fault: nothing happened, outcome unknown, or data corrupt. Never a refusal.
//!
//! Never a refusal.

/// Why the ledger gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing happened; the same call may be made again at will.
    #[error("the ledger is away, nothing happened: {0}")]
    NotSent(String),
    /// It may have happened; only a call with the same order ids shows it.
    #[error("the ledger did not answer in time, the outcome is unknown: {0}")]
    Unknown(String),
    /// The ledger's data or an answer is not what lastseat writes.
    #[error("the ledger's data is damaged: {0}")]
    Corrupt(String),
}
