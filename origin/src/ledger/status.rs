//! What nodes publish of themselves. None of it decides anything.

use super::{Fault, Ledger, keys, reply};
use redis::Value;
use std::collections::BTreeSet;

impl Ledger {
    /// Publishes the status of `node`.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn publish_status(&self, node: u16, text: &str) -> Result<(), Fault> {
        let mut command = redis::cmd("HSET");
        command.arg(keys::STATUSES).arg(node).arg(text);
        self.call(&command).await.map(drop)
    }

    /// What `node` has published last.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn status_of(&self, node: u16) -> Result<Option<String>, Fault> {
        let mut command = redis::cmd("HGET");
        command.arg(keys::STATUSES).arg(node);
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
        let answer = self.call(redis::cmd("HGETALL").arg(keys::STATUSES)).await?;
        let items = match answer {
            Value::Array(items) => items,
            Value::Map(pairs) => pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(),
            other => return Err(reply::strange("a hash", &other)),
        };
        let mut statuses = Vec::with_capacity(items.len() / 2);
        for pair in items.chunks_exact(2) {
            let text = reply::text(&pair[1])?.to_owned();
            statuses.push((node(&pair[0])?, text));
        }
        Ok(statuses)
    }

    /// Forgets the status of a node that is long gone.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn forget_status(&self, node: u16) -> Result<(), Fault> {
        let mut command = redis::cmd("HDEL");
        command.arg(keys::STATUSES).arg(node);
        self.call(&command).await.map(drop)
    }

    /// The nodes whose heartbeat counts; one that fell silent stays for as long as it takes another
    /// one's next beat to notice.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn live_nodes(&self) -> Result<BTreeSet<u16>, Fault> {
        let answer = self.call(redis::cmd("HKEYS").arg(keys::NODES)).await?;
        let Value::Array(ids) = &answer else {
            return Err(reply::strange("a list", &answer));
        };
        ids.iter().map(node).collect()
    }
}

fn node(id: &Value) -> Result<u16, Fault> {
    u16::try_from(reply::number(id)?).map_err(|_| reply::strange("a node's number", id))
}
