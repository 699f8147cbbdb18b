//! Calls of the relay of a shop: where its streams stand, what it publishes, what it is asked.
//!
//! What is published decides nothing: positions and leases do ([`Ledger::relay`]).

use super::{Fault, Ledger, redis_keys, reply};
use redis::Value;
use shared::limits::WEBHOOK_ASKS_MAX;
use shared::{Order, OrderId, SaleId, UnixMillis};
use std::collections::HashMap;

/// Records of orders that one command reads.
const RECORDS: usize = 512;

impl Ledger {
    /// The last `commit_seq` that was delivered under a name; `None` = none yet.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn relay_position(&self, sale: &SaleId, name: &str) -> Result<Option<u64>, Fault> {
        let [_, key] = redis_keys::of_relay(sale, name);
        read_number(self.call(redis::cmd("GET").arg(key)).await?)
    }

    /// The last entry that the log of `sale` has; `None` = there is no such sale. One field is read
    /// and nothing is swept: this is asked of thousands of sales in a second.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn log_end(&self, sale: &SaleId) -> Result<Option<u64>, Fault> {
        let [key, ..] = redis_keys::of_sale(sale);
        read_number(self.call(redis::cmd("HGET").arg(key).arg("commit_seq")).await?)
    }

    /// The orders with these ids as they stand. One that is not there, or whose record lastseat
    /// does not write, is left out: an audit names it.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn records(
        &self,
        sale: &SaleId,
        ids: &[OrderId],
    ) -> Result<HashMap<OrderId, Order>, Fault> {
        let [_, key, ..] = redis_keys::of_sale(sale);
        let mut found = HashMap::with_capacity(ids.len());
        for ids in ids.chunks(RECORDS) {
            let mut command = redis::cmd("HMGET");
            command.arg(&key);
            for id in ids {
                command.arg(id.as_str());
            }
            let records = reply::items(self.call(&command).await?)?;
            for (id, record) in ids.iter().zip(&records) {
                if !matches!(record, Value::Nil)
                    && let Ok(order) = reply::order(id, record)
                {
                    found.insert(id.clone(), order);
                }
            }
        }
        Ok(found)
    }

    /// Publishes what the relay of the shop says of `field`, an endpoint or itself.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn publish_webhooks(&self, field: &str, text: &str) -> Result<(), Fault> {
        let mut command = redis::cmd("HSET");
        command.arg(redis_keys::WEBHOOKS_STATUS).arg(field).arg(text);
        self.call(&command).await.map(drop)
    }

    /// Forgets what was published of an endpoint that is no more.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn forget_webhooks(&self, field: &str) -> Result<(), Fault> {
        let mut command = redis::cmd("HDEL");
        command.arg(redis_keys::WEBHOOKS_STATUS).arg(field);
        self.call(&command).await.map(drop)
    }

    /// All that was published, by field.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn published_webhooks(&self) -> Result<Vec<(String, String)>, Fault> {
        self.fields(redis_keys::WEBHOOKS_STATUS).await
    }

    /// When the endpoint `name`, which does not want what was before, was first seen by a relay:
    /// now, if that was never.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn webhook_begun(&self, name: &str) -> Result<UnixMillis, Fault> {
        let mut read = redis::cmd("HGET");
        read.arg(redis_keys::WEBHOOKS_BEGUN).arg(name);
        if let Some(at) = read_number(self.call(&read).await?)? {
            return Ok(UnixMillis(at));
        }
        let now = self.time().await?;
        let mut write = redis::cmd("HSET");
        write.arg(redis_keys::WEBHOOKS_BEGUN).arg(name).arg(now.0);
        self.call(&write).await.map(|_| now)
    }

    /// Asks whichever relay of the shop runs for a retry, in words of its own; `false` = so many
    /// were asked for already that nobody has taken.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn ask_webhooks(&self, id: &str, words: &str) -> Result<bool, Fault> {
        let asked = self.call(redis::cmd("HLEN").arg(redis_keys::WEBHOOKS_ASKED)).await?;
        if reply::number(&asked)? >= WEBHOOK_ASKS_MAX as u64 {
            return Ok(false);
        }
        let mut command = redis::cmd("HSET");
        command.arg(redis_keys::WEBHOOKS_ASKED).arg(id).arg(words);
        self.call(&command).await.map(|_| true)
    }

    /// What was asked for and not taken yet, by id.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn asked_webhooks(&self) -> Result<Vec<(String, String)>, Fault> {
        self.fields(redis_keys::WEBHOOKS_ASKED).await
    }

    /// Takes what was asked for under `id`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn took_webhooks(&self, id: &str) -> Result<(), Fault> {
        let mut command = redis::cmd("HDEL");
        command.arg(redis_keys::WEBHOOKS_ASKED).arg(id);
        self.call(&command).await.map(drop)
    }

    async fn fields(&self, key: &str) -> Result<Vec<(String, String)>, Fault> {
        let items = reply::items(self.call(redis::cmd("HGETALL").arg(key)).await?)?;
        let mut fields = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            fields.push((reply::text(&pair[0])?.to_owned(), reply::text(&pair[1])?.to_owned()));
        }
        Ok(fields)
    }
}

fn read_number(value: Value) -> Result<Option<u64>, Fault> {
    match value {
        Value::Nil => Ok(None),
        number => reply::number(&number).map(Some),
    }
}
