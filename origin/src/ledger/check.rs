//! Whether a Redis can be trusted with tickets.

use super::fault::Fault;
use super::link::Link;
use super::url::LedgerUrl;
use redis::Value;

/// Oldest server whose scripting does what the scripts rely upon (errors raised as tables).
const OLDEST: (u32, u32) = (7, 0);

/// Why a server is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there.
    #[error(
        "no Redis answers at {url}: {reason}. Start one (redis-server --appendonly yes \
         --appendfsync always) or name another with --redis-url; without --redis-url, \
         `lastseat cluster` starts its own"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What the connection said.
        reason: String,
    },
    /// The server is too old.
    #[error("the Redis at {url} has version {version}; lastseat needs 7.0 or newer, or Valkey")]
    TooOld {
        /// Where it is.
        url: String,
        /// Its version.
        version: String,
    },
    /// The server may throw tickets away when memory is short.
    #[error(
        "the Redis at {url} has maxmemory-policy {policy}: it would throw sold tickets away when its \
         memory is short. Set it with: redis-cli CONFIG SET maxmemory-policy noeviction"
    )]
    Evicts {
        /// Where it is.
        url: String,
        /// Its policy.
        policy: String,
    },
    /// The server is a replica.
    #[error("the Redis at {url} is a replica; orders need the primary. Name that with --redis-url")]
    Replica {
        /// Where it is.
        url: String,
    },
}

impl ConnectError {
    pub(super) fn unreachable(url: &LedgerUrl, reason: &str) -> Self {
        Self::Unreachable {
            url: url.to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// Checks version, role and eviction; warns when acknowledged orders may be lost with the power.
pub(super) async fn server(link: &Link, url: &LedgerUrl) -> Result<(), ConnectError> {
    let info = info(link)
        .await
        .map_err(|e| ConnectError::unreachable(url, &e.to_string()))?;
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    // Valkey reports the Redis version that it is compatible with in redis_version.
    let version = field("redis_version").unwrap_or("unknown");
    if number_pair(version).is_none_or(|v| v < OLDEST) {
        return Err(ConnectError::TooOld {
            url: url.to_string(),
            version: version.to_owned(),
        });
    }
    if field("role") == Some("slave") {
        return Err(ConnectError::Replica {
            url: url.to_string(),
        });
    }
    let policy = field("maxmemory_policy").unwrap_or("unknown");
    if policy != "noeviction" {
        return Err(ConnectError::Evicts {
            url: url.to_string(),
            policy: policy.to_owned(),
        });
    }
    if field("aof_enabled") != Some("1") {
        tracing::warn!(
            "the Redis at {url} keeps no append-only file: sold tickets are lost when it stops. \
             Set it with: redis-cli CONFIG SET appendonly yes"
        );
    } else if append_fsync(link)
        .await
        .is_some_and(|policy| policy != "always")
    {
        tracing::warn!(
            "the Redis at {url} does not sync its append-only file at each write: the orders of the \
             last second are lost when the power fails. Set it with: redis-cli CONFIG SET \
             appendfsync always"
        );
    }
    Ok(())
}

pub(super) async fn info(link: &Link) -> Result<String, Fault> {
    match link.call(redis::cmd("INFO").arg("everything")).await? {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } => Ok(text),
        other => Err(super::reply::strange("server information", &other)),
    }
}

/// `None` where the server does not let us ask (CONFIG is often renamed or refused by an ACL).
async fn append_fsync(link: &Link) -> Option<String> {
    match link
        .call(redis::cmd("CONFIG").arg("GET").arg("appendfsync"))
        .await
        .ok()?
    {
        Value::Array(pair) => super::reply::text(pair.get(1)?).ok().map(str::to_owned),
        _ => None,
    }
}

fn number_pair(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
