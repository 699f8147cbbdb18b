//! Validation of single flags, each with the sentence for what is wrong.

use super::ADMIN_PORT_OFFSET;
use crate::cli::Common;
use crate::failure::Failure;
use lastseat_ledger::{LedgerUrl, Replicas};
use lastseat_node::http::TrustLevel;
use lastseat_node::secret::{Secret, given, key_ring};
use shared::Capacity;
use shared::admission::rate_limit::Rate;
use shared::limits::LEDGER_DEADLINE_MS;
use shared::upstream::balancer::is_zone;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// How long replicas may take, in milliseconds: below the deadline of a call.
const WAIT_MS: RangeInclusive<u64> = 10..=800;
const _: () = assert!(*WAIT_MS.end() < LEDGER_DEADLINE_MS);

/// Sentences on what is wrong so far.
#[derive(Debug, Default)]
pub(super) struct Wrong(Vec<String>);

impl Wrong {
    pub(super) fn say(&mut self, sentence: String) {
        self.0.push(sentence);
    }

    pub(super) fn note<T>(&mut self, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|sentence| self.say(sentence)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Wrong> for Failure {
    fn from(wrong: Wrong) -> Self {
        Self::usage(wrong.0)
    }
}

pub(super) fn demo_tickets(text: &str) -> Result<Capacity, String> {
    let wrong = || format!("--demo-tickets is a whole number from 0 to 1000000000, not {text:?}");
    let number = text.parse().map_err(|_| wrong())?;
    Capacity::new(number).map_err(|_| wrong())
}

/// A zone for each of `nodes`, or none at all. How many nodes there are is not known when their own
/// flags are wrong.
pub(super) fn zones(text: Option<&str>, nodes: usize) -> Result<Vec<String>, String> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(Vec::new());
    };
    let zones: Vec<String> = text.split(',').map(|zone| zone.trim().to_owned()).collect();
    if let Some(bad) = zones.iter().find(|zone| !is_zone(zone)) {
        return Err(format!(
            "--zones: {bad:?} cannot name a zone; use 1 to 32 letters, digits, - or _, such as east"
        ));
    }
    if nodes > 0 && zones.len() != nodes {
        return Err(format!(
            "--zones names {} zones for {nodes} nodes: name one for each, such as \
             east,east,west,west",
            zones.len()
        ));
    }
    Ok(zones)
}

pub(super) fn distinct(ports: impl Iterator<Item = u16>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<u16> = ports.filter(|port| *port != 0 && !seen.insert(*port)).collect();
    match twice.first() {
        None => Ok(()),
        Some(port) => Err(format!(
            "port {port} is wanted twice (each node also has an operators' port, \
             {ADMIN_PORT_OFFSET} above its own)"
        )),
    }
}

pub(super) fn number<T: TryFrom<u64>>(
    flag: &str,
    text: &str,
    bounds: RangeInclusive<u64>,
) -> Result<T, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|number| bounds.contains(number))
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| {
            let (from, to) = (bounds.start(), bounds.end());
            format!("{flag} takes whole numbers from {from} to {to}, not {text:?}")
        })
}

pub(crate) fn address(flag: &str, text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("{flag} takes an address and a port such as 127.0.0.1:3001, not {text:?}")
    })
}

pub(super) fn ledger(url: &Secret) -> Result<LedgerUrl, String> {
    LedgerUrl::parse(url.reveal()).map_err(|e| format!("--redis-url or REDIS_URL: {e}"))
}

/// The replicas that are waited for.
pub(crate) fn replicas(common: &Common) -> Result<Option<Replicas>, String> {
    let count = number("--wait-replicas", &common.wait_replicas, 0..=16)?;
    let within_ms = number("--wait-ms", &common.wait_ms, WAIT_MS)?;
    Ok((count > 0).then_some(Replicas { count, within_ms }))
}

/// The token of `--<name>-token`.
pub(super) fn token(name: &str, token: Option<&Secret>) -> Result<Option<Secret>, String> {
    let token = given(token).cloned();
    match &token {
        Some(text) if !text.reveal().bytes().all(|byte| byte.is_ascii_graphic()) => Err(format!(
            "--{name}-token or LASTSEAT_{}_TOKEN has characters that a header cannot carry: use \
             visible ASCII characters, for example from `openssl rand -hex 32`",
            name.to_ascii_uppercase()
        )),
        _ => Ok(token),
    }
}

/// Whom a node believes: edges with one of these keys, and everybody if it was told so.
pub(super) fn trust(edge_key: Option<&Secret>, direct: bool) -> Result<TrustLevel, String> {
    let edge_keys = key_ring("--edge-key or LASTSEAT_EDGE_KEY", edge_key)?;
    if edge_keys.is_none() && !direct {
        return Err(
            "--edge-key or LASTSEAT_EDGE_KEY is missing: a node takes orders from edges only and \
             knows \
             them by this key. Make one with `openssl rand -hex 32` and give it to edge and nodes \
             (docs/SECURITY.md), or serve everybody without an edge with --insecure-direct"
                .to_owned(),
        );
    }
    Ok(TrustLevel { edge_keys, direct })
}

/// What one client may ask; nothing = all it wants.
pub(super) fn client_rate(text: Option<&str>) -> Result<Option<Rate>, String> {
    let rate = Rate::parse(text.unwrap_or_default());
    rate.map_err(|e| format!("--client-rate or LASTSEAT_CLIENT_RATE: {e}"))
}

/// Child processes and later commands may run elsewhere.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("--data-dir {}: {e}", path.display()))
}
