//! Which origin an order goes to: nginx's smooth weighted round robin or its ip-hash, with nginx's
//! passive health check.
//!
//! Source of the algorithms: nginx `ngx_http_upstream_round_robin.c` and
//! `ngx_http_upstream_ip_hash_module.c`, written anew.

mod health;

use crate::time::UnixMillis;
use health::Health;
use serde::Deserialize;
use std::net::IpAddr;

/// Most origins that an edge routes to.
pub const ORIGINS_MAX: usize = 64;
/// Largest weight of an origin.
pub const WEIGHT_MAX: u32 = 1_000;

/// One row of the table of origins in `wrangler.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
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

/// How an origin is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// nginx's smooth weighted round robin.
    #[default]
    RoundRobin,
    /// nginx's `ip_hash`: a client stays with its origin while that is up.
    IpHash,
}

impl Balance {
    /// Reads `round_robin` or `ip_hash`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "round_robin" => Some(Self::RoundRobin),
            "ip_hash" => Some(Self::IpHash),
            _ => None,
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
}

/// What became of a request to an origin. A refusal is a success: the origin did its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered.
    Answered,
    /// Refused, reset, timed out, or a 5xx that lastseat did not make.
    Failed,
}

/// The origins of one edge isolate and what it knows of their health.
#[derive(Debug)]
pub struct Router {
    balance: Balance,
    origins: Vec<Origin>,
    total_weight: u32,
}

#[derive(Debug)]
struct Origin {
    url: String,
    weight: u32,
    current: i64,
    effective: i64,
    health: Health,
}

/// Indices of origins that one order was sent to already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried(u64);

impl Tried {
    /// Whether `index` was tried.
    #[must_use]
    pub const fn has(self, index: usize) -> bool {
        index < ORIGINS_MAX && self.0 >> index & 1 == 1
    }

    /// Remembers `index`.
    pub const fn add(&mut self, index: usize) {
        if index < ORIGINS_MAX {
            self.0 |= 1 << index;
        }
    }
}

impl Router {
    /// Checks the table.
    ///
    /// # Errors
    /// A sentence that names the row and the rule.
    pub fn new(rows: Vec<OriginRow>, balance: Balance) -> Result<Self, TableError> {
        if rows.is_empty() {
            return Err(TableError::Empty);
        }
        if rows.len() > ORIGINS_MAX {
            return Err(TableError::TooMany);
        }
        let mut origins: Vec<Origin> = Vec::with_capacity(rows.len());
        for row in rows {
            if !(1..=WEIGHT_MAX).contains(&row.weight) {
                return Err(TableError::Weight(row.url));
            }
            if !is_origin_url(&row.url) {
                return Err(TableError::Url(row.url));
            }
            if origins.iter().any(|o| o.url == row.url) {
                return Err(TableError::Twice(row.url));
            }
            origins.push(Origin {
                url: row.url,
                weight: row.weight,
                current: 0,
                effective: i64::from(row.weight),
                health: Health::new(row.max_fails, row.fail_timeout_ms),
            });
        }
        let total_weight = origins.iter().map(|o| o.weight).sum();
        Ok(Self {
            balance,
            origins,
            total_weight,
        })
    }

    /// Number of origins.
    #[must_use]
    pub fn len(&self) -> usize {
        self.origins.len()
    }

    /// Never true: a table has at least one row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// The URL of an origin that [`Router::pick`] returned.
    #[must_use]
    pub fn url(&self, index: usize) -> Option<&str> {
        self.origins.get(index).map(|o| o.url.as_str())
    }

    /// Chooses the origin for a request of `client`, leaving out those in `tried`. When every other one
    /// rests, the resting ones are tried too; `None` only when all were tried.
    pub fn pick(&mut self, client: Option<IpAddr>, tried: Tried, now: UnixMillis) -> Option<usize> {
        let chosen = match (self.balance, client) {
            (Balance::IpHash, Some(ip)) => self.by_ip(ip, tried, now),
            _ => None,
        };
        let chosen = chosen.or_else(|| self.next_in_turn(tried, |health| health.takes(now)));
        let chosen = chosen.or_else(|| self.next_in_turn(tried, |_| true))?;
        if let Some(origin) = self.origins.get_mut(chosen) {
            origin.health.picked(now);
        }
        Some(chosen)
    }

    /// Takes in what became of a request to origin `index`.
    pub fn report(&mut self, index: usize, outcome: Outcome, now: UnixMillis) {
        let Some(origin) = self.origins.get_mut(index) else {
            return;
        };
        match outcome {
            Outcome::Answered => origin.health.answered(),
            Outcome::Failed => {
                let cost = i64::from(origin.weight / origin.health.max_fails().max(1));
                origin.effective = (origin.effective - cost).max(0);
                origin.health.failed(now);
            }
        }
    }

    /// One turn of smooth weighted round robin over the origins that `admits` lets through.
    fn next_in_turn(&mut self, tried: Tried, admits: impl Fn(&Health) -> bool) -> Option<usize> {
        let mut total = 0;
        let mut best: Option<(usize, i64)> = None;
        for (index, origin) in self.origins.iter_mut().enumerate() {
            if tried.has(index) || !admits(&origin.health) {
                continue;
            }
            origin.current += origin.effective;
            total += origin.effective;
            if origin.effective < i64::from(origin.weight) {
                origin.effective += 1;
            }
            if best.is_none_or(|(_, current)| origin.current > current) {
                best = Some((index, origin.current));
            }
        }
        let (index, _) = best?;
        if let Some(origin) = self.origins.get_mut(index) {
            origin.current -= total;
        }
        Some(index)
    }

    /// nginx tries up to 20 further hashes when the hashed origin cannot be used.
    fn by_ip(&self, ip: IpAddr, tried: Tried, now: UnixMillis) -> Option<usize> {
        let mut hash: u32 = 89;
        for _ in 0..=20 {
            hash = hash_ip(hash, ip);
            let mut rest = hash % self.total_weight;
            let (index, origin) = self.origins.iter().enumerate().find(|(_, origin)| {
                let here = rest < origin.weight;
                rest = rest.saturating_sub(origin.weight);
                here
            })?;
            if !tried.has(index) && origin.health.takes(now) {
                return Some(index);
            }
        }
        None
    }
}

/// nginx hashes the first three octets of an IPv4 address (a /24 stays together) and all of an IPv6 one.
fn hash_ip(start: u32, ip: IpAddr) -> u32 {
    let step = |hash: u32, octet: &u8| (hash * 113 + u32::from(*octet)) % 6_271;
    match ip {
        IpAddr::V4(v4) => v4.octets().iter().take(3).fold(start, step),
        IpAddr::V6(v6) => v6.octets().iter().fold(start, step),
    }
}

fn is_origin_url(url: &str) -> bool {
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    host.is_some_and(|h| {
        !h.is_empty()
            && h.bytes()
                .all(|b| b.is_ascii_graphic() && !b"/?#@\\".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn router(weights: &[u32], balance: Balance) -> Router {
        let rows = weights
            .iter()
            .enumerate()
            .map(|(i, weight)| OriginRow {
                url: format!("http://127.0.0.1:{}", 3001 + i),
                weight: *weight,
                max_fails: 2,
                fail_timeout_ms: 2_000,
            })
            .collect();
        Router::new(rows, balance).unwrap()
    }

    fn picks(router: &mut Router, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| router.pick(None, Tried::default(), UnixMillis(0)).unwrap() + 1)
            .collect()
    }

    #[test]
    fn weights_1_2_3_4_are_served_in_the_order_of_nginx() {
        let mut router = router(&[1, 2, 3, 4], Balance::RoundRobin);
        let period = [4, 3, 2, 4, 1, 3, 4, 2, 3, 4];
        assert_eq!(picks(&mut router, 10), period);
        assert_eq!(picks(&mut router, 10), period);
    }

    #[test]
    fn weights_5_1_1_are_served_smoothly() {
        assert_eq!(
            picks(&mut router(&[5, 1, 1], Balance::RoundRobin), 7),
            [1, 1, 2, 1, 3, 1, 1]
        );
    }

    #[test]
    fn ip_hash_sends_addresses_where_nginx_sends_them() {
        let mut router = router(&[1, 2, 3, 4], Balance::IpHash);
        let mut node = |ip: &str| {
            router
                .pick(Some(ip.parse().unwrap()), Tried::default(), UnixMillis(0))
                .unwrap()
                + 1
        };
        assert_eq!(node("127.0.0.1"), 1);
        for last in [0, 1, 77, 255] {
            assert_eq!(node(&format!("10.20.30.{last}")), 3);
        }
    }

    #[test]
    fn ip_hash_moves_to_another_origin_when_its_own_rests() {
        let mut router = router(&[1, 2, 3, 4], Balance::IpHash);
        for _ in 0..2 {
            router.report(0, Outcome::Failed, UnixMillis(1_000));
        }
        let ip = Some("127.0.0.1".parse().unwrap());
        let moved = router
            .pick(ip, Tried::default(), UnixMillis(1_001))
            .unwrap();
        assert_ne!(moved, 0);
        assert_eq!(
            router.pick(ip, Tried::default(), UnixMillis(1_002)),
            Some(moved)
        );
    }

    #[test]
    fn a_failing_origin_rests_and_gets_a_single_trial() {
        let mut router = router(&[1, 1], Balance::RoundRobin);
        router.report(0, Outcome::Failed, UnixMillis(1_000));
        router.report(0, Outcome::Failed, UnixMillis(1_001));
        let at = |router: &mut Router, now: u64| -> Vec<usize> {
            (0..6)
                .map(|_| {
                    router
                        .pick(None, Tried::default(), UnixMillis(now))
                        .unwrap()
                })
                .collect()
        };
        assert_eq!(at(&mut router, 1_002), [1; 6]);
        let trial = at(&mut router, 3_100);
        assert_eq!(trial.iter().filter(|i| **i == 0).count(), 1, "{trial:?}");
        router.report(0, Outcome::Answered, UnixMillis(3_101));
        assert_eq!(
            at(&mut router, 3_102).iter().filter(|i| **i == 0).count(),
            3
        );
    }

    #[test]
    fn when_all_rest_all_are_tried() {
        let mut router = router(&[1, 2], Balance::RoundRobin);
        for index in [0, 0, 1, 1] {
            router.report(index, Outcome::Failed, UnixMillis(1_000));
        }
        let mut tried = Tried::default();
        let first = router.pick(None, tried, UnixMillis(1_001)).unwrap();
        tried.add(first);
        let second = router.pick(None, tried, UnixMillis(1_001)).unwrap();
        tried.add(second);
        assert_ne!(first, second);
        assert_eq!(router.pick(None, tried, UnixMillis(1_001)), None);
    }

    #[test]
    fn a_wrong_table_is_refused_in_words() {
        let row = |url: &str, weight| OriginRow {
            url: url.into(),
            weight,
            max_fails: 2,
            fail_timeout_ms: 1,
        };
        let error = |rows| Router::new(rows, Balance::RoundRobin).unwrap_err();
        assert_eq!(error(vec![]), TableError::Empty);
        assert!(matches!(
            error(vec![row("http://a", 0)]),
            TableError::Weight(_)
        ));
        assert!(matches!(
            error(vec![row("http://a/", 1)]),
            TableError::Url(_)
        ));
        assert!(matches!(
            error(vec![row("127.0.0.1:3001", 1)]),
            TableError::Url(_)
        ));
        assert!(matches!(
            error(vec![row("http://a", 1), row("http://a", 1)]),
            TableError::Twice(_)
        ));
    }

    proptest! {
        #[test]
        fn a_period_serves_each_origin_exactly_its_weight(weights in proptest::collection::vec(1u32..=20, 1..=8)) {
            let mut router = router(&weights, Balance::RoundRobin);
            let period: u32 = weights.iter().sum();
            for _ in 0..3 {
                let mut counts = vec![0u32; weights.len()];
                for pick in picks(&mut router, period as usize) {
                    counts[pick - 1] += 1;
                }
                prop_assert_eq!(&counts, &weights);
            }
        }
    }
}
