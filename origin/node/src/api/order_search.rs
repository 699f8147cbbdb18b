//! Bodies of the search among the orders of a sale.

use lastseat_ledger::{OrderFilter, OrdersFound, SearchPosition};
use serde::{Deserialize, Serialize};
use shared::domain::order_number::read_order_number;
use shared::limits::{SEARCH_PAGE, SEARCH_PAGE_MAX};
use shared::plan::Plan;
use shared::wire::messages::OrderView;
use shared::{BuyerId, Order, OrderId, OrderState, PaymentReference, Problem, SaleId};
use utoipa::ToSchema;

/// Query of `GET /v1/admin/sales/{sale}/orders`: an order is found that is all of what is said.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrderSearchQuery {
    buyer: Option<String>,
    number: Option<String>,
    state: Option<OrderState>,
    reference: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// What such a query means.
#[derive(Debug)]
pub(crate) struct WantedOrders {
    pub(crate) filter: OrderFilter,
    pub(crate) from: Option<SearchPosition>,
    pub(crate) limit: usize,
}

impl OrderSearchQuery {
    /// What it means.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(self) -> Result<WantedOrders, Problem> {
        let buyer = self.buyer.as_deref().map(BuyerId::of_request).transpose();
        let reference = self.reference.as_deref().map(PaymentReference::parse).transpose();
        let number = self.number.map(|text| {
            let number = read_order_number(&text);
            number.ok_or("\"number\" is an order number such as K3F7-9QXM-2D.")
        });
        let from = self.after.map(|text| {
            let from = SearchPosition::parse(&text);
            from.ok_or("\"after\" is the \"next_after\" of the page before.")
        });
        let limit = self.limit.unwrap_or(SEARCH_PAGE);
        if !(1..=SEARCH_PAGE_MAX).contains(&limit) {
            let wrong = format!("\"limit\" is a whole number from 1 to {SEARCH_PAGE_MAX}.");
            return Err(Problem::invalid(wrong));
        }
        let filter = OrderFilter {
            buyer: buyer.map_err(Problem::invalid)?,
            number: number.transpose().map_err(Problem::invalid)?,
            state: self.state,
            reference: reference.map_err(Problem::invalid)?,
        };
        Ok(WantedOrders { filter, from: from.transpose().map_err(Problem::invalid)?, limit })
    }
}

/// A page of the orders that a search finds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct OrderList {
    /// The orders, in no sequence that means anything. Empty where none of the records that this
    /// page has read is looked for: the next page may have some.
    pub orders: Vec<OrderView>,
    /// Where the next page begins: ask for it with `after`. Absent when all records were read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_after: Option<String>,
    /// Records that this page has read.
    pub read: u64,
    /// Records that the sale has.
    pub of: u64,
    /// Records of this page that cannot be read: `lastseat audit` names them. Absent = none.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schema(required = false)]
    pub unreadable: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl OrderList {
    /// The page of `sale`, with its plan where it has one.
    #[must_use]
    pub fn new(sale: &SaleId, found: &OrdersFound, plan: Option<&Plan>) -> Self {
        let view =
            |(id, order): &(OrderId, Order)| OrderView::new(sale, id, order, plan).for_shop(order);
        Self {
            orders: found.orders.iter().map(view).collect(),
            next_after: found.next.as_ref().map(ToString::to_string),
            read: found.read,
            of: found.of,
            unreadable: found.unreadable,
        }
    }
}
