//! One page of a scan of a key: a bounded part of Redis' time, however long the key is.

use super::{Fault, Ledger, reply};
use redis::Value;

/// Fields that one page of a scan reads, or some more. A page takes Redis well below 5 ms.
pub(super) const SCAN_PAGE: usize = 500;

/// What one command of a scan has read.
#[derive(Debug)]
pub(super) struct ScanPage {
    /// Where the next page begins; 0 = the scan is over.
    pub(super) next: u64,
    /// Names and values, one after the other.
    items: Vec<Value>,
}

impl ScanPage {
    /// Each name with its value. A scan may read a name twice.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&Value, &Value)> {
        self.items.chunks_exact(2).map(|pair| (&pair[0], &pair[1]))
    }
}

impl Ledger {
    /// Reads the page of `key` that begins at `cursor`, with `HSCAN` or `ZSCAN`.
    pub(super) async fn scan_page(
        &self,
        verb: &str,
        key: &str,
        cursor: u64,
    ) -> Result<ScanPage, Fault> {
        let mut command = redis::cmd(verb);
        command.arg(key).arg(cursor).arg("COUNT").arg(SCAN_PAGE);
        let reply = self.call(&command).await?;
        let Value::Array(parts) = reply else {
            return Err(reply::strange("a page", &reply));
        };
        match <[Value; 2]>::try_from(parts) {
            Ok([next, Value::Array(items)]) => Ok(ScanPage { next: reply::number(&next)?, items }),
            Ok(other) => Err(reply::strange("a page", &Value::Array(other.into()))),
            Err(parts) => Err(reply::strange("a page", &Value::Array(parts))),
        }
    }
}
