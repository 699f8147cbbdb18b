//! Preflight checks: whether a Redis server is safe to keep tickets in.

use super::connection::{Connection, Stream};
use super::redis_error::Fault;
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
        "the Redis at {url} has maxmemory-policy {policy}: it would throw sold tickets away when \
         its \
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
    /// The user may not run a command that scripts call.
    #[error(
        "the Redis at {url} does not let this user run {commands}: a script that is stopped \
         half-way leaves half of \
         its writes. Grant what deploy/redis/users.acl grants"
    )]
    NoRights {
        /// Where it is.
        url: String,
        /// The commands, separated by spaces.
        commands: String,
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
        Self::Unreachable { url: url.to_string(), reason: reason.to_owned() }
    }
}

/// What does not keep a node from selling, and should not stay so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// It keeps no append-only file.
    NoFile,
    /// Its append-only file is synced later than each write.
    LateSync,
    /// Its last write to the append-only file failed.
    FileWriteFailed,
    /// It has nearly as much in memory as it may: [`MEMORY_HIGH_PERCENT`].
    MemoryHigh,
    /// It does not let this user move sales that have ended off the list.
    NoMove,
}

/// Share of `maxmemory` from which on memory is nearly full. What is over it is refused by Redis
/// (`OOM`), also a confirmation.
pub const MEMORY_HIGH_PERCENT: u64 = 90;

impl Concern {
    /// All of them, in the order of [`Concern::as_str`]'s words in metrics.
    pub const ALL: [Self; 5] =
        [Self::NoFile, Self::LateSync, Self::FileWriteFailed, Self::MemoryHigh, Self::NoMove];

    /// The label value of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoFile => "no_append_only_file",
            Self::LateSync => "late_sync",
            Self::FileWriteFailed => "append_only_write_failed",
            Self::MemoryHigh => "memory_high",
            Self::NoMove => "no_move",
        }
    }

    /// What it means and what to do, of the Redis at `place`.
    #[must_use]
    pub fn sentence(self, place: &str) -> String {
        match self {
            Self::NoFile => format!(
                "the Redis at {place} keeps no append-only file: sold tickets are lost when it \
                 stops. \
                 Set it with: redis-cli CONFIG SET appendonly yes"
            ),
            Self::LateSync => format!(
                "the Redis at {place} does not sync its append-only file at each write: the \
                 orders of the \
                 last second are lost when the power fails. Set it with: redis-cli CONFIG SET \
                 appendfsync always"
            ),
            Self::FileWriteFailed => format!(
                "the Redis at {place} could not write its append-only file the last time it tried \
                 (aof_last_write_status): is its disk full? Until it can, it refuses every change"
            ),
            Self::MemoryHigh => format!(
                "the Redis at {place} has {MEMORY_HIGH_PERCENT} % of its maxmemory in use; at 100 \
                 % it refuses \
                 every order and every confirmation. Raise it with: redis-cli CONFIG SET maxmemory"
            ),
            Self::NoMove => format!(
                "the Redis at {place} does not let this user run SMOVE: sales that have ended stay \
                 in the list that starting nodes and recoveries go through. Grant what \
                 deploy/redis/users.acl grants"
            ),
        }
    }
}

/// One server, as it was found.
#[derive(Debug)]
pub struct Found {
    /// Where it is; without a password.
    pub place: String,
    /// Why it is not used.
    pub obstacle: Option<ConnectError>,
    /// What should not stay so.
    pub concerns: Vec<Concern>,
    /// Bytes in memory.
    pub used_memory: u64,
    /// Bytes that it may have in memory; 0 = as many as the machine has.
    pub max_memory: u64,
    /// Keys that it has thrown away for want of memory since it started.
    pub evicted_keys: u64,
}

/// Checks every server that takes orders; warns when acknowledged orders may be lost with the
/// power.
pub(super) async fn servers(link: &Connection, url: &LedgerUrl) -> Result<(), ConnectError> {
    let servers = lookup(link, url).await;
    for found in servers.map_err(|(place, why)| ConnectError::unreachable(place, &why))? {
        if let Some(obstacle) = found.obstacle {
            return Err(obstacle);
        }
        for concern in found.concerns {
            tracing::warn!("{}", concern.sentence(&found.place));
        }
    }
    Ok(())
}

/// How every server that takes orders is set now.
///
/// # Errors
/// One does not answer: where it is, and why.
pub(super) async fn lookup(
    link: &Connection,
    url: &LedgerUrl,
) -> Result<Vec<Found>, (String, String)> {
    let wires = link.wires().await;
    let mut servers = Vec::new();
    for (at, wire) in wires.map_err(|why| (url.to_string(), why))? {
        let place = at.map_or_else(|| url.to_string(), |at| at.to_string());
        match server(&wire, &place, url).await {
            Ok(found) => servers.push(found),
            Err(fault) => return Err((place, fault.to_string())),
        }
    }
    Ok(servers)
}

/// Version, kind, role, eviction, rights, file and memory of one server.
async fn server(wire: &Stream, place: &str, named: &LedgerUrl) -> Result<Found, Fault> {
    let info = info(wire).await?;
    let field = |name: &str| {
        info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    };
    let number = |name| field(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut found = Found {
        place: place.to_owned(),
        obstacle: obstacle(field, place, named),
        concerns: Vec::new(),
        used_memory: number("used_memory"),
        max_memory: number("maxmemory"),
        evicted_keys: number("evicted_keys"),
    };
    if found.obstacle.is_some() {
        return Ok(found);
    }
    let mut missing = super::rights::missing(wire).await?;
    // No script calls it, and a node sells without it.
    let commands = missing.len();
    missing.retain(|command| command != super::rights::MOVE);
    if missing.len() < commands {
        found.concerns.push(Concern::NoMove);
    }
    if !missing.is_empty() {
        found.obstacle =
            Some(ConnectError::NoRights { url: place.to_owned(), commands: missing.join(" ") });
    }
    if field("aof_enabled") != Some("1") {
        found.concerns.push(Concern::NoFile);
    } else if append_fsync(wire).await.is_some_and(|policy| policy != "always") {
        found.concerns.push(Concern::LateSync);
    }
    if field("aof_last_write_status") == Some("err") {
        found.concerns.push(Concern::FileWriteFailed);
    }
    let full = found.max_memory.saturating_mul(MEMORY_HIGH_PERCENT) / 100;
    if found.max_memory > 0 && found.used_memory >= full {
        found.concerns.push(Concern::MemoryHigh);
    }
    Ok(found)
}

/// Why a server that says this of itself is not used.
fn obstacle<'a>(
    field: impl Fn(&str) -> Option<&'a str>,
    place: &str,
    named: &LedgerUrl,
) -> Option<ConnectError> {
    let url = place.to_owned();
    // Valkey reports the Redis version that it is compatible with in redis_version.
    let version = field("redis_version").unwrap_or("unknown");
    if number_pair(version).is_none_or(|v| v < OLDEST) {
        let version = version.to_owned();
        return Some(ConnectError::TooOld { url, version });
    }
    // Valkey has its own name for it.
    let mode = field("redis_mode").or_else(|| field("server_mode"));
    if let Some(scheme) = named.other_scheme(mode.unwrap_or("standalone")) {
        return Some(ConnectError::OtherKind { url, scheme });
    }
    if field("role") == Some("slave") {
        return Some(ConnectError::Replica { url });
    }
    let policy = field("maxmemory_policy").unwrap_or("unknown").to_owned();
    (policy != "noeviction").then_some(ConnectError::Evicts { url, policy })
}

pub(super) async fn info(wire: &Stream) -> Result<String, Fault> {
    match wire.send(redis::cmd("INFO").arg("everything")).await? {
        Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Value::VerbatimString { text, .. } => Ok(text),
        other => Err(super::reply::strange("server information", &other)),
    }
}

/// `None` where the server does not let us ask (CONFIG is often renamed or refused by an ACL).
async fn append_fsync(wire: &Stream) -> Option<String> {
    match wire.send(redis::cmd("CONFIG").arg("GET").arg("appendfsync")).await.ok()? {
        Value::Array(pair) => super::reply::text(pair.get(1)?).ok().map(str::to_owned),
        _ => None,
    }
}

fn number_pair(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
