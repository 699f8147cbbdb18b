//! Origin table: the origins in `wrangler.toml`, parsed and validated.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Most origins that an edge routes to.
pub const ORIGINS_MAX: usize = 64;
/// Largest weight of an origin.
pub const WEIGHT_MAX: u32 = 1_000;
/// Most failures that an origin may be forgiven before it rests.
const FAILS_MAX: u32 = 1_000;
/// Longest rest and longest slow start of an origin, in milliseconds.
const REST_MS_MAX: u64 = 600_000;
/// Longest name of a zone, in bytes.
const ZONE_MAX: usize = 32;

/// Whether `name` can name a zone.
#[must_use]
pub fn is_zone(name: &str) -> bool {
    let visible = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=ZONE_MAX).contains(&name.len()) && name.bytes().all(visible)
}

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OriginRow {
    /// Scheme, host and port, without a path: `http://127.0.0.1:3001`.
    pub url: String,
    /// Share of the traffic, 1 to 1,000.
    #[serde(default = "default_weight")]
    pub weight: u32,
    /// Failures within `fail_timeout_ms` after which the origin rests; 0 = it never rests.
    #[serde(default = "default_max_fails")]
    pub max_fails: u32,
    /// How long failures count and how long the origin rests, in milliseconds.
    #[serde(default = "default_fail_timeout")]
    pub fail_timeout_ms: u64,
    /// After a rest its share grows from nothing to its weight within this time, in milliseconds; 0
    /// = at once.
    #[serde(default = "default_slow_start")]
    pub slow_start_ms: u64,
    /// Asked only when no other origin can be.
    #[serde(default)]
    pub backup: bool,
    /// The data centre that it stands in; an edge asks those of its own zone first.
    #[serde(default)]
    pub zone: Option<String>,
}

const fn default_weight() -> u32 {
    1
}
const fn default_max_fails() -> u32 {
    2
}
const fn default_fail_timeout() -> u64 {
    2_000
}
const fn default_slow_start() -> u64 {
    2_000
}

impl OriginRow {
    /// A row with the default of everything but its address and weight.
    #[must_use]
    pub fn new(url: impl Into<String>, weight: u32) -> Self {
        Self {
            url: url.into(),
            weight,
            max_fails: default_max_fails(),
            fail_timeout_ms: default_fail_timeout(),
            slow_start_ms: default_slow_start(),
            backup: false,
            zone: None,
        }
    }
}

/// Why a table of origins was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// No rows.
    #[error("the table of origins is empty; name at least one")]
    Empty,
    /// Too many rows.
    #[error("the table of origins has more than {ORIGINS_MAX} rows")]
    TooMany,
    /// Nothing but backups.
    #[error("every origin is a backup; at least one must not be")]
    OnlyBackups,
    /// A row has a weight out of bounds.
    #[error("origin {0}: weight must be from 1 to {WEIGHT_MAX}")]
    Weight(String),
    /// A row has a URL that is not one of an origin.
    #[error(
        "origin {0}: url must look like http://127.0.0.1:3001, without a path or a final slash"
    )]
    Url(String),
    /// Two rows have the same URL.
    #[error("origin {0} is in the table twice; add the weights up in one row")]
    Twice(String),
    /// A row's numbers make no sense.
    #[error(
        "origin {0}: max_fails is at most {FAILS_MAX}, fail_timeout_ms from 1 to {REST_MS_MAX}, \
         slow_start_ms \
         at most {REST_MS_MAX}"
    )]
    Health(String),
    /// A row names its zone badly.
    #[error("origin {0}: zone must be 1 to {ZONE_MAX} letters, digits, - or _")]
    ZoneName(String),
    /// The edge's own zone has no origin that is asked first.
    #[error(
        "no origin stands in the zone {0:?} of this edge, or only backups do; the table names {1}"
    )]
    Zone(String, String),
}

/// Checks each row and the table as a whole.
pub(super) fn check(rows: &[OriginRow], zone: Option<&str>) -> Result<(), TableError> {
    if rows.is_empty() {
        return Err(TableError::Empty);
    }
    if rows.len() > ORIGINS_MAX {
        return Err(TableError::TooMany);
    }
    for (index, row) in rows.iter().enumerate() {
        if !(1..=WEIGHT_MAX).contains(&row.weight) {
            return Err(TableError::Weight(row.url.clone()));
        }
        if !is_origin_url(&row.url) {
            return Err(TableError::Url(row.url.clone()));
        }
        let health = row.max_fails <= FAILS_MAX
            && (1..=REST_MS_MAX).contains(&row.fail_timeout_ms)
            && row.slow_start_ms <= REST_MS_MAX;
        if !health {
            return Err(TableError::Health(row.url.clone()));
        }
        if row.zone.as_deref().is_some_and(|zone| !is_zone(zone)) {
            return Err(TableError::ZoneName(row.url.clone()));
        }
        if rows.iter().take(index).any(|other| other.url == row.url) {
            return Err(TableError::Twice(row.url.clone()));
        }
    }
    if rows.iter().all(|row| row.backup) {
        return Err(TableError::OnlyBackups);
    }
    let stands_in = |zone: &str| {
        let mut rows = rows.iter().filter(|row| !row.backup);
        rows.any(|row| row.zone.as_deref() == Some(zone))
    };
    match zone {
        Some(zone) if !stands_in(zone) => Err(TableError::Zone(zone.to_owned(), zones(rows))),
        _ => Ok(()),
    }
}

/// The zones of a table, in words.
fn zones(rows: &[OriginRow]) -> String {
    let named: BTreeSet<&str> = rows.iter().filter_map(|row| row.zone.as_deref()).collect();
    if named.is_empty() {
        return "no zones".to_owned();
    }
    let named: Vec<&str> = named.into_iter().collect();
    format!("the zones {}", named.join(", "))
}

fn is_origin_url(url: &str) -> bool {
    let host = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    host.is_some_and(|h| {
        !h.is_empty() && h.bytes().all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b))
    })
}
