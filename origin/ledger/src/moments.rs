//! Moments of sales: which sales open or close by themselves next, by the ledger's clock.
//!
//! A list for those who look in time: a sale that is not on it opens all the same with the first
//! script that looks at it.

use super::{Fault, Ledger, redis_keys, reply};
use shared::{SaleId, Snapshot, UnixMillis};

impl Ledger {
    /// Notes when `sale`, which stands as `snapshot` says, opens or closes next, not before
    /// `earliest`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn note_moment(
        &self,
        sale: &SaleId,
        snapshot: &Snapshot,
        earliest: UnixMillis,
    ) -> Result<(), Fault> {
        match snapshot.next_moment() {
            Some(moment) => self.note_moment_at(sale, moment.max(earliest)).await,
            None => self.forget_moment(sale).await,
        }
    }

    /// Notes that `sale` is to be looked at when the ledger's clock shows `moment`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn note_moment_at(&self, sale: &SaleId, moment: UnixMillis) -> Result<(), Fault> {
        let mut command = redis::cmd("ZADD");
        command.arg(redis_keys::MOMENTS).arg(moment.0).arg(sale.as_str());
        self.call(&command).await.map(drop)
    }

    /// Takes `sale` off the list.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn forget_moment(&self, sale: &SaleId) -> Result<(), Fault> {
        let mut command = redis::cmd("ZREM");
        command.arg(redis_keys::MOMENTS).arg(sale.as_str());
        self.call(&command).await.map(drop)
    }

    /// The sales whose moment comes by `until`, the first ones first, at most `count`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn moments(
        &self,
        until: UnixMillis,
        count: usize,
    ) -> Result<Vec<(SaleId, UnixMillis)>, Fault> {
        let mut command = redis::cmd("ZRANGEBYSCORE");
        command.arg(redis_keys::MOMENTS).arg("-inf").arg(until.0).arg("WITHSCORES");
        command.arg("LIMIT").arg(0).arg(count);
        let items = reply::items(self.call(&command).await?)?;
        let mut moments = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            let name = reply::text(&pair[0])?;
            let sale = SaleId::parse(name).map_err(|_| reply::strange("a sale id", &pair[0]))?;
            let score: f64 = match reply::text(&pair[1])?.parse() {
                Ok(score) => score,
                Err(_) => return Err(reply::strange("a moment", &pair[1])),
            };
            moments.push((sale, UnixMillis(score as u64)));
        }
        Ok(moments)
    }
}
