//! Whether a Redis can be trusted with tickets.

use super::fault::Fault;
use super::link::{Link, Wire};
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
    /// It is not one server for all keys, but was named as one.
    #[error("the Redis at {url} is not one server alone: name it with --redis-url {scheme}")]
    OtherKind {
        /// Where it is.
        url: String,
        /// How it is named.
        scheme: &'static str,
    },
    /// The server is a replica.
    #[error("the Redis at {url} is a replica; orders need the primary. Name that with --redis-url")]
    Replica {
        /// Where it is.
        url: String,
    },
}

impl ConnectError {
    pub(super) fn unreachable(url: impl std::fmt::Display, reason: &str) -> Self {
        Self::Unreachable {
            url: url.to_string(),
            reason: reason.to_owned(),
        }
    }
}

/// Checks every server that takes orders.
pub(super) async fn servers(link: &Link, url: &LedgerUrl) -> Result<(), ConnectError> {
    let wires = link.wires().await;
    for (at, wire) in wires.map_err(|why| ConnectError::unreachable(url, &why))? {
        let place = at.map_or_else(|| url.to_string(), |at| at.to_string());
        server(&wire, &place, url).await?;
    }
    Ok(())
}

/// Checks version, kind, role and eviction; warns when acknowledged orders may be lost with the power.
async fn server(wire: &Wire, place: &str, named: &LedgerUrl) -> Result<(), ConnectError> {
    let url = place;
    let info = info(wire)
        .await
        .map_err(|e| ConnectError::unreachable(place, &e.to_string()))?;
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
    if let Some(scheme) = named.other_scheme(field("redis_mode").unwrap_or("standalone")) {
        return Err(ConnectError::OtherKind {
            url: url.to_owned(),
            scheme,
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
    } else if append_fsync(wire)
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

pub(super) async fn info(wire: &Wire) -> Result<String, Fault> {
    match wire.send(redis::cmd("INFO").arg("everything")).await? {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } => Ok(text),
        other => Err(super::reply::strange("server information", &other)),
    }
}

/// `None` where the server does not let us ask (CONFIG is often renamed or refused by an ACL).
async fn append_fsync(wire: &Wire) -> Option<String> {
    match wire
        .send(redis::cmd("CONFIG").arg("GET").arg("appendfsync"))
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
