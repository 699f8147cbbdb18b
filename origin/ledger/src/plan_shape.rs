//! Shape of a sale's plan: how large it is, without the plan itself.

use super::{Fault, Ledger, redis_keys};
use shared::SaleId;
use shared::plan::stored::PlanShape;

impl Ledger {
    /// How large the plan of a sale is; `None` where it has none.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn plan_shape(&self, sale: &SaleId) -> Result<Option<PlanShape>, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        let asked = redis::cmd("HGET").arg(key).arg("shape").to_owned();
        let corrupt = || Fault::Corrupt(format!("sale {sale} has a damaged field shape"));
        let text: Option<String> =
            redis::from_redis_value(self.call(&asked).await?).map_err(|_| corrupt())?;
        let Some(text) = text else { return Ok(None) };
        PlanShape::parse(&text).map(Some).ok_or_else(corrupt)
    }
}
