//! Node registry: published statuses and live nodes. Decides nothing.
//!
//! None of it decides anything.

use super::{Fault, Ledger, redis_keys, reply};
use redis::Value;
use std::collections::BTreeSet;

impl Ledger {
    /// Publishes the status of `node`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn publish_status(&self, node: u16, text: &str) -> Result<(), Fault> {
        let mut command = redis::cmd("HSET");
        command.arg(redis_keys::STATUSES).arg(node).arg(text);
        self.call(&command).await.map(drop)
    }

    /// What `node` has published last.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn status_of(&self, node: u16) -> Result<Option<String>, Fault> {
        let mut command = redis::cmd("HGET");
        command.arg(redis_keys::STATUSES).arg(node);
        match self.call(&command).await? {
            Value::Nil => Ok(None),
            other => Ok(Some(reply::text(&other)?.to_owned())),
        }
    }

    /// What all nodes have published, by number.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn statuses(&self) -> Result<Vec<(u16, String)>, Fault> {
        let answer = self.call(redis::cmd("HGETALL").arg(redis_keys::STATUSES)).await?;
        let items = reply::items(answer)?;
        let mut statuses = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            let text = reply::text(&pair[1])?.to_owned();
            statuses.push((reply::node(&pair[0])?, text));
        }
        Ok(statuses)
    }

    /// Forgets the status of a node that is long gone.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn forget_status(&self, node: u16) -> Result<(), Fault> {
        let mut command = redis::cmd("HDEL");
        command.arg(redis_keys::STATUSES).arg(node);
        self.call(&command).await.map(drop)
    }

    /// The nodes whose heartbeat counts; one that fell silent stays for as long as it takes another
    /// one's next heartbeat to notice.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn live_nodes(&self) -> Result<BTreeSet<u16>, Fault> {
        let answer = self.call(redis::cmd("HGETALL").arg(redis_keys::NODES)).await?;
        let mut live = BTreeSet::new();
        for pair in reply::items(answer)?.chunks_exact(2) {
            if !reply::text(&pair[1])?.starts_with("0 ") {
                live.insert(reply::node(&pair[0])?);
            }
        }
        Ok(live)
    }
}
