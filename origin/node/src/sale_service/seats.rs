//! Sales with plans: their plans and seats, from the memory of their sale handles.

use super::Sales;
use crate::sale_plan::SalePlan;
use crate::sale_seats::SeatsView;
use lastseat_ledger::Fault;
use shared::{Order, Refusal, SaleId};
use std::sync::Arc;

impl Sales {
    /// The plan of a sale that has one; the inner error says that it has none, or that there is no
    /// such sale.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn plan(&self, sale: &SaleId) -> Result<Result<Arc<SalePlan>, Refusal>, Fault> {
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(Err(Refusal::UnknownSale));
        };
        // It is read before anything is sent that changes the sale.
        let plan = handle.plan().await.map_err(|fault| match fault {
            Fault::Unknown(why) => Fault::NotSent(why),
            other => other,
        })?;
        Ok(plan.ok_or(Refusal::NoPlan))
    }

    /// The plan by which an order is shown: that of its sale, if it has lines.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn plan_of(
        &self,
        sale: &SaleId,
        order: Option<&Order>,
    ) -> Result<Option<Arc<SalePlan>>, Fault> {
        match order.and_then(|order| order.seats.as_ref()) {
            Some(_) => Ok(self.plan(sale).await?.ok()),
            None => Ok(None),
        }
    }

    /// What is taken of the seats of a sale, as it was at most a second ago.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn seats(&self, sale: &SaleId) -> Result<Result<Arc<SeatsView>, Refusal>, Fault> {
        let Some(handle) = self.sale_handle(sale).await? else {
            return Ok(Err(Refusal::UnknownSale));
        };
        match handle.plan().await? {
            Some(plan) => Ok(Ok(handle.seats(&plan).await?)),
            None => Ok(Err(Refusal::NoPlan)),
        }
    }

    /// The header `Lastseat-Gone` for an edge: what is gone of a sale with a plan.
    #[must_use]
    pub fn gone_header(&self, sale: &SaleId) -> Option<Arc<str>> {
        self.open_sale_handle(sale)?.gone_header()
    }
}
