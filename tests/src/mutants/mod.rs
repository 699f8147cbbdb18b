//! Mutation testing: one place of the ledger's scripts is changed, and a test must see it. `make mutants` tries every
//! such place; `tests/mutants.toml` says of each that no test sees why that is right, and `docs/MUTANTS.md` shows it.
//!
//! The scripts' mutants are made here ([`lua`]), because no tool does it for Lua; those of the gate and the stock are
//! cargo-mutants'.

pub mod lua;
pub mod page;
pub mod reasons;
pub mod rust;

use crate::harness::paths::repository;
use crate::harness::{Durability, PrivateRedis};
use crate::histories;
use crate::histories::world::{CLOCK, ledger, on_test_clock};
use crate::plays::{self, Play, Stage};
use anyhow::{Context, Result};
use lastseat::ledger::scripts::Scripts;
use lua::Mutant;
use std::fs;
use tokio::runtime::{Builder, Runtime};

/// Histories that a mutant of a script meets before the plays ...
const FIRST: u64 = 3;
/// The scripts that no history runs.
const UNREACHED: [&str; 5] = ["ack", "beat", "heal", "peek", "relay"];

/// What has seen a mutant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A random history, which differs from the model.
    ByHistory,
    /// A play, which answers otherwise.
    ByPlay,
    /// The script reads another clock than that of Redis.
    ByClock,
    /// Nothing: it survives.
    Never,
}

/// All mutants of all scripts; the prelude's once.
///
/// # Errors
/// The scripts cannot be read.
pub fn of_the_scripts() -> Result<Vec<Mutant>> {
    let mut found = Vec::new();
    for name in names()? {
        found.extend(lua::mutants(&name, &source(&name)?));
    }
    Ok(found)
}

/// The scripts and their prelude, by name.
///
/// # Errors
/// The folder cannot be read.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder()).context("the folder of the scripts")? {
        let path = file?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn folder() -> std::path::PathBuf {
    repository().join("origin/src/ledger/lua")
}

fn source(name: &str) -> Result<String> {
    let path = folder().join(format!("{name}.lua"));
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Runs mutants, one after the other, on a Redis of its own.
#[derive(Debug)]
pub struct Trial {
    prelude: String,
    plays: Vec<Play>,
    redis: PrivateRedis,
    runtime: Runtime,
    histories: u64,
}

impl Trial {
    /// Ready to run mutants, each against at most `histories` histories.
    ///
    /// # Errors
    /// Something cannot be read or started.
    pub fn new(histories: u64) -> Result<Self> {
        Ok(Self {
            prelude: source("prelude")?,
            plays: plays::all(),
            redis: start(),
            runtime: Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?,
            histories,
        })
    }

    /// What sees `mutant` first.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub fn run(&mut self, mutant: &Mutant) -> Result<Seen> {
        let seen = if self.is_of_the_clock(mutant)? {
            self.clock_sees(mutant)?
        } else {
            self.tests_see(mutant)?
        };
        if redis_says(&self.redis, &["FLUSHALL"]).is_err()
            || redis_says(&self.redis, &["SCRIPT", "FLUSH"]).is_err()
        {
            // The mutant never ends.
            self.redis = start();
        }
        Ok(seen)
    }

    fn tests_see(&self, mutant: &Mutant) -> Result<Seen> {
        let in_histories = !UNREACHED.contains(&mutant.script.as_str());
        if in_histories && self.history_differs(mutant, 1, FIRST) {
            return Ok(Seen::ByHistory);
        }
        let scripts = self.scripts(mutant, |name, text| plays::on_test_clock(name, text));
        let mut stage = Stage::new(&self.redis, &scripts).map_err(anyhow::Error::msg)?;
        if self.plays.iter().any(|play| stage.check(play).is_err()) {
            return Ok(Seen::ByPlay);
        }
        if in_histories && self.history_differs(mutant, 1 + FIRST, self.histories) {
            return Ok(Seen::ByHistory);
        }
        Ok(Seen::Never)
    }

    fn history_differs(&self, mutant: &Mutant, first: u64, count: u64) -> bool {
        let scripts = self.scripts(mutant, on_test_clock);
        self.runtime.block_on(async {
            let ledger = ledger(&self.redis, scripts).await;
            histories::run(&self.redis, &ledger, first, count)
                .await
                .is_some()
        })
    }

    /// Whether it changes the lines that read the clock, in whose place the other tests put their own.
    fn is_of_the_clock(&self, mutant: &Mutant) -> Result<bool> {
        let text = source(&mutant.script)?;
        let lines = text.find(CLOCK).map(|at| at..at + CLOCK.len());
        Ok(lines
            .is_some_and(|lines| mutant.range.start < lines.end && lines.start < mutant.range.end))
    }

    fn clock_sees(&self, mutant: &Mutant) -> Result<Seen> {
        let scripts = self.scripts(mutant, |_, text| text);
        let mut stage = Stage::new(&self.redis, &scripts).map_err(anyhow::Error::msg)?;
        Ok(if stage.reads_the_clock_of_redis().is_err() {
            Seen::ByClock
        } else {
            Seen::Never
        })
    }

    fn scripts(&self, mutant: &Mutant, then: impl Fn(&str, String) -> String) -> Scripts {
        Scripts::patched(|name, mut text| {
            let with_prelude = text.starts_with(&self.prelude);
            let before = if with_prelude { self.prelude.len() } else { 0 };
            let range = &mutant.range;
            if mutant.script == "prelude" && with_prelude {
                text.replace_range(range.clone(), &mutant.with);
            } else if mutant.script == name {
                text.replace_range(before + range.start..before + range.end, &mutant.with);
            }
            then(name, text)
        })
    }
}

fn start() -> PrivateRedis {
    PrivateRedis::start_with(Durability::Off, &["--busy-reply-threshold", "300"])
}

fn redis_says(redis: &PrivateRedis, words: &[&str]) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(redis.url())?.get_connection()?;
    connection.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
    redis::cmd(words[0]).arg(&words[1..]).query(&mut connection)
}
