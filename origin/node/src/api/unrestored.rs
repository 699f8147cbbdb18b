//! Acknowledged orders that could not be restored: listed, tried again, settled.

use lastseat_ledger::ack_journal::AckedOrder;
use lastseat_ledger::recovery::Unrestored;
use lastseat_ledger::{Fault, Ledger};
use serde::{Deserialize, Serialize};
use shared::limits::RESTORE_BATCH_MAX;
use shared::plan::Plan;
use shared::wire::seat_lines::LineView;
use shared::{OrderId, OrderState, Pass, Restored, SaleId, Snapshot, UnixMillis};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Orders that were acknowledged and that the ledger lacks.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct UnrestoredList {
    /// By id.
    pub orders: Vec<UnrestoredOrder>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnrestoredOrder {
    /// Its id.
    pub order_id: String,
    /// Whose it is.
    pub buyer: String,
    /// Its state as acknowledged.
    pub state: OrderState,
    /// Its tickets.
    pub quantity: u32,
    /// What each of its lines had, with the seats by name; in a sale that has a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub lines: Vec<LineView>,
    /// Why it could not be restored.
    pub why: UnrestoredReason,
    /// The node that had acknowledged it.
    pub node: u16,
    /// When it was tried last.
    pub at: UnixMillis,
}

/// Why an order could not be restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnrestoredReason {
    /// Its tickets were sold to others meanwhile.
    NoRoom,
    /// It ended differently.
    Conflict,
}

impl UnrestoredReason {
    /// The word in the field `why`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "no_room",
            Self::Conflict => "conflict",
        }
    }
}

impl UnrestoredList {
    /// Reads those of `sale`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn read(ledger: &Ledger, sale: &SaleId) -> Result<Self, Fault> {
        let orders = ledger.unrestored(sale).await?;
        let has_seats = orders.iter().any(|listed| listed.order.seats.is_some());
        let plan = if has_seats { ledger.plan(sale).await? } else { None };
        let of = |order| UnrestoredOrder::new(order, plan.as_deref());
        Ok(Self { orders: orders.iter().map(of).collect() })
    }
}

impl UnrestoredOrder {
    fn new(order: &Unrestored, plan: Option<&Plan>) -> Self {
        let seats = plan.zip(order.order.seats.as_deref());
        let lines =
            seats.map_or_else(Vec::new, |(plan, seats)| LineView::of_all(plan, &seats.claims));
        Self {
            lines,
            order_id: order.id.to_string(),
            buyer: order.order.buyer.to_string(),
            state: order.order.state,
            quantity: order.order.taken,
            why: match order.why {
                Restored::Conflict => UnrestoredReason::Conflict,
                _ => UnrestoredReason::NoRoom,
            },
            node: order.node,
            at: order.at,
        }
    }
}

/// Tries those of `sale` once more, because a restock may have made room; how the sale stands then.
/// `None` where there is no such sale.
///
/// # Errors
/// See [`Fault`]. It can be repeated.
pub(crate) async fn retry(ledger: &Ledger, sale: &SaleId) -> Result<Option<Snapshot>, Fault> {
    let mut by_node: BTreeMap<u16, Vec<(OrderId, AckedOrder)>> = BTreeMap::new();
    for Unrestored { id, node, order, .. } in ledger.unrestored(sale).await? {
        by_node.entry(node).or_default().push((id, AckedOrder { commit_seq: 0, order }));
    }
    for (node, orders) in by_node {
        for batch in orders.chunks(RESTORE_BATCH_MAX) {
            if ledger.restore(sale, node, batch, Pass::Last).await?.is_none() {
                return Ok(None);
            }
        }
    }
    ledger.snapshot(sale).await
}
