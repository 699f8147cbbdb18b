//! Facts of a Redis server: `INFO`, settings, clock.

use super::connection::{Connection, Stream};
use super::{Fault, LedgerUrl, preflight, reply};
use crate::clock;
use redis::Value;
use std::collections::HashMap;

/// Times that the clock is asked for; the quickest answer is the most exact one.
const CLOCK_LOOKS: usize = 5;

/// Fields of `INFO`, settings, and the distance to its clock.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    info: HashMap<String, String>,
    settings: HashMap<String, String>,
    /// How far its clock is ahead of ours, in milliseconds.
    pub ahead_ms: i64,
    /// How long the answer on that took: the bound of the error, in milliseconds.
    pub round_trip_ms: u64,
}

impl Facts {
    /// Asks each server of `url` that takes orders, whatever kind of server it is; where it is, if
    /// there are several.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn ask(url: &LedgerUrl) -> Result<Vec<(Option<String>, Self)>, Fault> {
        let wires = Connection::new(url).wires().await.map_err(Fault::NotSent)?;
        let mut all = Vec::with_capacity(wires.len());
        for (at, wire) in wires {
            let facts = Self::of_server(&wire).await;
            let facts = facts.map_err(|fault| match &at {
                Some(at) => Fault::NotSent(format!("{at}: {fault}")),
                None => fault,
            })?;
            all.push((at.map(|at| at.to_string()), facts));
        }
        Ok(all)
    }

    async fn of_server(wire: &Stream) -> Result<Self, Fault> {
        let mut facts = Self {
            info: fields(&preflight::info(wire).await?),
            settings: settings(wire).await,
            round_trip_ms: u64::MAX,
            ..Self::default()
        };
        for _ in 0..CLOCK_LOOKS {
            facts.read_clock(wire).await?;
        }
        Ok(facts)
    }

    /// Facts of a server that is not there, for tests of their judges.
    #[must_use]
    pub fn of(info: &str, settings: &[(&str, &str)]) -> Self {
        let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            info: fields(info),
            settings: settings.iter().map(pair).collect(),
            ..Self::default()
        }
    }

    /// A field of `INFO`.
    #[must_use]
    pub fn info(&self, name: &str) -> Option<&str> {
        self.info.get(name).map(String::as_str)
    }

    /// A field of `INFO` that is a number.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.info(name)?.parse().ok()
    }

    /// A setting; `None` where the server does not let us ask.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    async fn read_clock(&mut self, wire: &Stream) -> Result<(), Fault> {
        let asked = clock::now().0;
        let answer = wire.send(&redis::cmd("TIME")).await?;
        let answered = clock::now().0;
        let Value::Array(parts) = &answer else {
            return Err(reply::strange("a time", &answer));
        };
        let [seconds, micros] = parts.as_slice() else {
            return Err(reply::strange("a time", &answer));
        };
        let theirs = reply::number(seconds)? * 1_000 + reply::number(micros)? / 1_000;
        let round_trip_ms = answered.saturating_sub(asked);
        if round_trip_ms < self.round_trip_ms {
            let ours = asked + round_trip_ms / 2;
            self.round_trip_ms = round_trip_ms;
            self.ahead_ms = theirs.cast_signed() - ours.cast_signed();
        }
        Ok(())
    }
}

fn fields(info: &str) -> HashMap<String, String> {
    info.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Empty where CONFIG is renamed or refused, as on many managed servers.
async fn settings(wire: &Stream) -> HashMap<String, String> {
    let mut command = redis::cmd("CONFIG");
    command.arg("GET").arg(&[
        "appendfsync",
        "aof-load-truncated",
        "min-replicas-to-write",
        "maxmemory-policy",
        "no-appendfsync-on-rewrite",
        "cluster-require-full-coverage",
    ]);
    let answer = wire.send(&command).await;
    let words: Vec<&str> = match &answer {
        Ok(Value::Array(items)) => items.iter().filter_map(|v| reply::text(v).ok()).collect(),
        _ => Vec::new(),
    };
    let pairs = words.chunks_exact(2);
    pairs.map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect()
}
