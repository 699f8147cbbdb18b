//! Response body of the overview of all sales.

use serde::{Deserialize, Serialize};
use shared::{SaleId, SaleState, Snapshot, UnixMillis};
use utoipa::ToSchema;

/// All sales at a glance.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SalesOverview {
    /// The ledger's clock.
    pub at: UnixMillis,
    /// Those that sell now first, at most 500.
    pub sales: Vec<OverviewSale>,
    /// Sales that have not ended, beyond these.
    pub more: usize,
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OverviewSale {
    /// The sale.
    #[schema(value_type = SaleId)]
    pub sale: String,
    /// What it sells is called so, where the operator has said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub title: Option<String>,
    /// How it stands, as far as it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub numbers: Option<OverviewNumbers>,
    /// Orders that asked, a second; absent where a node may have left the sale out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked_per_second: Option<f64>,
    /// Tickets that were taken, a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub taken_per_second: Option<f64>,
    /// What is wrong with it, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub alarm: Option<String>,
}

/// How a sale stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OverviewNumbers {
    /// The ledger's clock when it said so.
    pub at: UnixMillis,
    /// Its state.
    pub state: SaleState,
    /// Tickets that exist, or places on legs.
    pub capacity: u32,
    /// Those that nobody has.
    pub free: u32,
    /// Those that wait for payment.
    pub held: u32,
    /// Those that are sold.
    pub confirmed: u32,
    /// When it opens by itself; 0 = not by itself.
    pub opens_at: UnixMillis,
    /// When it closes by itself; 0 = not by itself.
    pub closes_at: UnixMillis,
}

impl OverviewNumbers {
    /// Of a reply of the ledger.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            at: snapshot.at,
            state: snapshot.state,
            capacity: snapshot.capacity,
            free: snapshot.free(),
            held: snapshot.held,
            confirmed: snapshot.confirmed,
            opens_at: snapshot.terms.opens_at,
            closes_at: snapshot.terms.closes_at,
        }
    }
}
