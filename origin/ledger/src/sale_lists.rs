//! Lists of sales: the one that nodes look after, and the one of sales that have ended.
//!
//! A sale is listed before it is created, and stays on that list until it has ended: see
//! [`shared::Snapshot::has_ended`]. Then a node moves it to the other one, which only grows, so a
//! reader of first the one and then the other misses no sale. One that is on both has not ended:
//! it was listed again.

use super::{Fault, Ledger, redis_keys, reply};
use redis::Value;
use shared::SaleId;

impl Ledger {
    /// The sales that have not ended, sorted; some may have, and not be moved yet.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn sales(&self) -> Result<Vec<SaleId>, Fault> {
        self.names(redis_keys::SALES).await
    }

    /// The sales that have ended, sorted, and some of [`Ledger::sales`].
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ended_sales(&self) -> Result<Vec<SaleId>, Fault> {
        self.names(redis_keys::ENDED_SALES).await
    }

    /// All sales that were ever created here, sorted.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn all_sales(&self) -> Result<Vec<SaleId>, Fault> {
        // In this order: a sale is moved from the first to the second.
        let mut sales = self.sales().await?;
        sales.extend(self.ended_sales().await?);
        sales.sort_unstable();
        sales.dedup();
        Ok(sales)
    }

    async fn names(&self, key: &str) -> Result<Vec<SaleId>, Fault> {
        let reply = self.call(redis::cmd("SMEMBERS").arg(key)).await?;
        let Value::Array(names) = reply else {
            return Err(reply::strange("a list", &reply));
        };
        let mut sales = Vec::with_capacity(names.len());
        for name in &names {
            let text = reply::text(name)?;
            sales.push(SaleId::parse(text).map_err(|_| reply::strange("a sale id", name))?);
        }
        sales.sort();
        Ok(sales)
    }

    /// Lists `sale` among those that nodes look after. It can be repeated.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn list_sale(&self, sale: &SaleId) -> Result<(), Fault> {
        let mut command = redis::cmd("SADD");
        command.arg(redis_keys::SALES).arg(sale.as_str());
        self.call(&command).await.map(drop)
    }

    /// Moves `sale` to the list of those that have ended, in one step; whether it was not there
    /// already. The caller has seen that it has ended.
    ///
    /// # Errors
    /// See [`Fault`]; `NotSent` also where the user of the node may not run SMOVE, see
    /// [`super::Concern::NoMove`].
    pub async fn retire_sale(&self, sale: &SaleId) -> Result<bool, Fault> {
        let mut command = redis::cmd("SMOVE");
        command.arg(redis_keys::SALES).arg(redis_keys::ENDED_SALES).arg(sale.as_str());
        Ok(reply::number(&self.call(&command).await?)? > 0)
    }

    /// Whether `sale` has ended, as [`shared::Snapshot::has_ended`] says it, by two fields that
    /// are read. Nothing is swept, and this process does not take it for a sale that it serves.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn has_ended(&self, sale: &SaleId) -> Result<bool, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("state").arg("held");
        let (state, held): (Option<String>, Option<String>) =
            redis::from_redis_value(self.call(&command).await?)
                .map_err(|e| Fault::Corrupt(format!("state of {sale}: {e}")))?;
        Ok(state.as_deref() == Some("closed") && held.as_deref() == Some("0"))
    }
}
