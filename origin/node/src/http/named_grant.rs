//! Grant of an answer to an edge, with the names of sales that go with it.

use super::App;
use crate::status::EdgeWay;
use axum::http::HeaderValue;
use shared::admission::grant::Supply;
use shared::{EdgeCounts, EdgeId, Grant, SaleId};

/// What every answer to an edge about a sale carries.
pub(super) struct NamedGrant {
    pub(super) grant: Grant,
    /// Sales that exist, for an edge that asks for one that does not.
    pub(super) names: Option<HeaderValue>,
}

impl NamedGrant {
    /// For the edge that made so many requests for `sale`, at least one; it also confirms to the
    /// edge that its `counts` were received. `None` before the first ledger reply on the sale.
    pub(super) fn of(
        app: &App,
        sale: &SaleId,
        (edge, way): (&EdgeId, EdgeWay),
        requests: u32,
        counts: Option<&EdgeCounts>,
    ) -> Option<Self> {
        let grant = app.sales.grant(sale, edge, requests, counts)?;
        app.edges.asked(edge, way, (requests, grant.budget), grant.at);
        let unknown = grant.supply == Supply::Unknown;
        Some(Self { grant, names: if unknown { app.sales.names_for_edges() } else { None } })
    }

    /// The names as text; empty where there are none.
    pub(super) fn names(&self) -> &str {
        let names = self.names.as_ref().and_then(|names| names.to_str().ok());
        names.unwrap_or_default()
    }
}
