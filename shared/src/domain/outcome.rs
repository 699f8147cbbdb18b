//! The outcome of an order and the tier that decided it.

use crate::domain::order::Verdict;

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// This node, from memory.
    Origin,
    /// The ledger.
    Ledger,
}

impl Tier {
    /// The word in the header `Lastseat-Answered-By`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Ledger => "ledger",
        }
    }
}

/// What became of an order and who said so.
#[derive(Clone, Debug)]
pub struct Placed {
    /// The outcome.
    pub verdict: Verdict,
    /// Who decided.
    pub by: Tier,
}
