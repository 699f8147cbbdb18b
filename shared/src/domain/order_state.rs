//! Order state: where an order is in its life.

use core::fmt;
use serde::{Deserialize, Serialize};

/// `held -> confirmed | cancelled | expired`, `confirmed -> cancelled`, and of what has expired
/// `expired -> confirmed` (paid late) or `expired -> cancelled` (given back late).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum OrderState {
    /// Waits for payment until its deadline.
    Held,
    /// Sold.
    Confirmed,
    /// Given back by the buyer or the shop, for good.
    Cancelled,
    /// Its deadline passed before it was paid.
    Expired,
}

impl OrderState {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Held, Self::Confirmed, Self::Cancelled, Self::Expired];

    /// Reads the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// The word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }

    /// Whether an order in this state has its tickets.
    #[must_use]
    pub const fn takes(self) -> bool {
        matches!(self, Self::Held | Self::Confirmed)
    }
}

impl fmt::Display for OrderState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The state in which an order must be for a call to change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum IfState {
    /// It waits for payment.
    Held,
    /// It is sold.
    Confirmed,
}

impl IfState {
    /// Each of them.
    pub const ALL: [Self; 2] = [Self::Held, Self::Confirmed];

    /// The word of the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => OrderState::Held.as_str(),
            Self::Confirmed => OrderState::Confirmed.as_str(),
        }
    }

    /// Reads the word of the API.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Whether an order in `state` is meant.
    #[must_use]
    pub const fn is(self, state: OrderState) -> bool {
        matches!(
            (self, state),
            (Self::Held, OrderState::Held) | (Self::Confirmed, OrderState::Confirmed)
        )
    }
}
