//! Validation of single flags, each with the sentence for what is wrong.

use super::ADMIN_PORT_OFFSET;
use crate::cli::{AccessFlags, Common};
use crate::failure::Failure;
use crate::when::Span;
use lastseat_ledger::{LedgerUrl, Replicas};
use lastseat_node::http::TrustLevel;
use lastseat_node::secret::{Secret, SecretRing, key_ring, ring};
use shared::admission::browser_origin::AllowedOrigins;
use shared::admission::rate_limit::Rate;
use shared::limits::LEDGER_DEADLINE_MS;
use shared::upstream::balancer::is_zone;
use shared::{Capacity, KeyRing};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long replicas may take, in milliseconds: below the deadline of a call.
const WAIT_MS: RangeInclusive<u64> = 10..=800;
/// Time between two audits of a sale, in milliseconds.
const AUDIT_EVERY_MS: RangeInclusive<u64> = 1_000..=7 * 24 * 3_600_000;
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

    /// What `build` makes of the parts, or everything that is wrong with them.
    pub(super) fn into_result<T>(self, build: impl FnOnce() -> Option<T>) -> Result<T, Failure> {
        let config = if self.0.is_empty() { build() } else { None };
        config.ok_or_else(|| Failure::usage(self.0))
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

/// Where a relay that runs alone shows its metrics, if it does.
pub(crate) fn metrics_address(text: Option<&str>) -> Result<Option<SocketAddr>, String> {
    text.map(|text| address("--metrics-listen", text)).transpose()
}

pub(super) fn ledger(url: &Secret) -> Result<LedgerUrl, String> {
    LedgerUrl::parse(url.reveal()).map_err(|e| format!("--redis-url or REDIS_URL: {e}"))
}

/// Time between two audits of a sale; `None` = none.
pub(super) fn audit_every(text: &str) -> Result<Option<Duration>, String> {
    let wrong = |why: String| format!("--audit-every or LASTSEAT_AUDIT_EVERY: {why}");
    match text.trim().parse().map_err(wrong)? {
        Span(0) => Ok(None),
        Span(ms) if AUDIT_EVERY_MS.contains(&ms) => Ok(Some(Duration::from_millis(ms))),
        Span(_) => Err(wrong(format!("write 1s to 7d, or 0 for no audits, not {text:?}"))),
    }
}

/// The replicas that are waited for.
pub(crate) fn replicas(common: &Common) -> Result<Option<Replicas>, String> {
    let count = number("--wait-replicas", &common.wait_replicas, 0..=16)?;
    let within_ms = number("--wait-ms", &common.wait_ms, WAIT_MS)?;
    Ok((count > 0).then_some(Replicas { count, within_ms }))
}

/// Who may ask a node for what, checked.
pub(super) struct Access {
    pub(super) admin_token: Option<SecretRing>,
    pub(super) shop_token: Option<SecretRing>,
    pub(super) token_keys: Option<KeyRing>,
    /// Which edges a node trusts, and whether it serves everybody.
    pub(super) trust: TrustLevel,
    pub(super) buyer_keys: Option<KeyRing>,
    pub(super) pay_keys: Option<KeyRing>,
    /// Pages of other hosts that may call.
    pub(super) allowed_origins: AllowedOrigins,
    /// What one client may ask; `None` = all it wants.
    pub(super) client_rate: Option<Rate>,
}

pub(super) fn access(wrong: &mut Wrong, flags: &AccessFlags) -> Option<Access> {
    let admin_token =
        wrong.note(ring("--admin-token or LASTSEAT_ADMIN_TOKEN", flags.admin_token.as_ref()));
    let shop_token =
        wrong.note(ring("--shop-token or LASTSEAT_SHOP_TOKEN", flags.shop_token.as_ref()));
    let token_keys =
        wrong.note(key_ring("--token-keys or LASTSEAT_TOKEN_KEYS", flags.token_keys.as_ref()));
    let edge_keys =
        wrong.note(key_ring("--edge-key or LASTSEAT_EDGE_KEY", flags.edge_key.as_ref()));
    let buyer_keys =
        wrong.note(key_ring("--buyer-key or LASTSEAT_BUYER_KEY", flags.buyer_key.as_ref()));
    let pay_keys = wrong.note(key_ring("--pay-key or LASTSEAT_PAY_KEY", flags.pay_key.as_ref()));
    let origins = AllowedOrigins::parse(flags.allowed_origins.as_deref().unwrap_or_default());
    let origins =
        origins.map_err(|e| format!("--allowed-origins or LASTSEAT_ALLOWED_ORIGINS: {e}"));
    let allowed_origins = wrong.note(origins);
    let rate = Rate::parse(flags.client_rate.as_deref().unwrap_or_default());
    let rate = rate.map_err(|e| format!("--client-rate or LASTSEAT_CLIENT_RATE: {e}"));
    let client_rate = wrong.note(rate);
    Some(Access {
        admin_token: admin_token?,
        shop_token: shop_token?,
        token_keys: token_keys?,
        trust: TrustLevel { edge_keys: edge_keys?, direct: flags.insecure_direct },
        buyer_keys: buyer_keys?,
        pay_keys: pay_keys?,
        allowed_origins: allowed_origins?,
        client_rate: client_rate?,
    })
}

/// Child processes and later commands may run elsewhere.
pub(super) fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|e| format!("--data-dir {}: {e}", path.display()))
}
