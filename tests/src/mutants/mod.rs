//! Mutation testing: one place of the ledger's scripts is changed, and a test must see it.
//! `make mutants` tries every such place; `tests/mutants.toml` says of each that no test sees why
//! that is right, and `docs/evidence/MUTANTS.md` shows it.
//!
//! The scripts' mutants are made here ([`lua`]), because no tool does it for Lua; those of the gate
//! and the stock are cargo-mutants'.

pub mod lua;
pub mod page;
pub mod reasons;
pub mod rust;

use crate::harness::paths::repository;
use crate::harness::{Durability, PrivateRedis};
use crate::histories;
use crate::histories::world::{CLOCK, on_test_clock};
use crate::plays::{self, Play, TranscriptStage};
use anyhow::{Context, Result, bail, ensure};
use lastseat_ledger::scripts::Scripts;
use lastseat_ledger::{Ledger, LedgerUrl};
use lua::Mutant;
use std::fs;
use std::mem;
use tokio::runtime::{Builder, Runtime};

/// Histories that a mutant of a script meets before the plays ...
const FIRST: u64 = 3;
/// ... and after them, at most: one that all of these miss survives, here and in `make mutants`.
pub const HISTORIES: u64 = 100;
/// How often a mutant is tried until Redis answers in time.
const RETRIES: u32 = 5;
/// What a difference says that may be one of the machine.
const SILENCE: [&str; 2] = ["no answer", "timed out"];
/// The scripts that no history runs.
const UNREACHED: [&str; 8] = ["ack", "beat", "claim", "heal", "look", "peek", "recovery", "relay"];

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

/// All mutants of all scripts; once those of a file that several are made of.
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

/// The files that the scripts are made of, by name.
///
/// # Errors
/// The folder cannot be read.
pub fn names() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder()).context("the folder of the scripts")? {
        let path = file?.path();
        names.extend(path.file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

fn folder() -> std::path::PathBuf {
    repository().join("origin/ledger/lua")
}

fn source(name: &str) -> Result<String> {
    let path = folder().join(format!("{name}.lua"));
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Runs mutants, one after the other, on a Redis of its own.
#[derive(Debug)]
pub struct Trial {
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
        let mut trial = Self {
            plays: plays::all(),
            redis: start(),
            runtime: Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
            histories,
        };
        // Tests that fail anyway would see every mutant.
        let none = Mutant {
            script: "prelude".to_owned(),
            id: "the scripts as they are".to_owned(),
            range: 0..0,
            with: String::new(),
        };
        ensure!(trial.run(&none)? == Seen::Never, "{} fail", none.id);
        Ok(trial)
    }

    /// What sees `mutant` first.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub fn run(&mut self, mutant: &Mutant) -> Result<Seen> {
        for _ in 0..RETRIES {
            let (seen, difference) = if self.is_of_the_clock(mutant)? {
                self.clock_sees(mutant)?
            } else {
                self.tests_see(mutant)?
            };
            let ends = redis_says(&self.redis, &["FLUSHALL"]).is_ok()
                && redis_says(&self.redis, &["SCRIPT", "FLUSH"]).is_ok();
            if !ends {
                // Redis runs the mutant for ever, and would not end by itself.
                mem::replace(&mut self.redis, start()).kill();
            } else if SILENCE.iter().any(|words| difference.contains(words)) {
                // The machine was slow, and nothing was seen.
                continue;
            }
            return Ok(seen);
        }
        bail!("{}: Redis was silent {RETRIES} times", mutant.id)
    }

    /// What sees it, and how.
    fn tests_see(&self, mutant: &Mutant) -> Result<(Seen, String)> {
        let in_histories = !UNREACHED.contains(&mutant.script.as_str());
        if in_histories && let Some(difference) = self.history_differs(mutant, 1, FIRST)? {
            return Ok((Seen::ByHistory, difference));
        }
        let scripts = scripts(mutant, plays::on_test_clock)?;
        let mut stage = TranscriptStage::new(&self.redis, &scripts).map_err(anyhow::Error::msg)?;
        if let Some(difference) = self.plays.iter().find_map(|play| stage.check(play).err()) {
            return Ok((Seen::ByPlay, difference));
        }
        if in_histories
            && let Some(difference) = self.history_differs(mutant, 1 + FIRST, self.histories)?
        {
            return Ok((Seen::ByHistory, difference));
        }
        Ok((Seen::Never, String::new()))
    }

    fn history_differs(&self, mutant: &Mutant, first: u64, count: u64) -> Result<Option<String>> {
        let scripts = scripts(mutant, on_test_clock)?;
        self.runtime.block_on(async {
            let url = LedgerUrl::parse(&self.redis.url()).map_err(anyhow::Error::msg)?;
            let ledger = match Ledger::connect(&url).await {
                Ok(ledger) => ledger.with_scripts(scripts),
                Err(error) => return Ok(Some(format!("no answer: {error}"))),
            };
            let found = histories::run(&self.redis, &ledger, first, count).await;
            Ok(found.map(|(_, difference)| difference))
        })
    }

    /// Whether it changes the lines that read the clock, in whose place the other tests put their
    /// own.
    fn is_of_the_clock(&self, mutant: &Mutant) -> Result<bool> {
        let text = source(&mutant.script)?;
        let lines = text.find(CLOCK).map(|at| at..at + CLOCK.len());
        Ok(lines
            .is_some_and(|lines| mutant.range.start < lines.end && lines.start < mutant.range.end))
    }

    fn clock_sees(&self, mutant: &Mutant) -> Result<(Seen, String)> {
        let scripts = scripts(mutant, |_, text| text)?;
        let mut stage = TranscriptStage::new(&self.redis, &scripts).map_err(anyhow::Error::msg)?;
        Ok(match stage.reads_the_clock_of_redis() {
            Err(difference) => (Seen::ByClock, difference),
            Ok(()) => (Seen::Never, String::new()),
        })
    }
}

/// The scripts, with the mutant in each that its file is a part of.
fn scripts(mutant: &Mutant, then: impl Fn(&str, String) -> String) -> Result<Scripts> {
    let part = source(&mutant.script)?;
    Ok(Scripts::patched(|name, mut text| {
        if let Some(begin) = text.find(&part) {
            let range = &mutant.range;
            text.replace_range(begin + range.start..begin + range.end, &mutant.with);
        }
        then(name, text)
    }))
}

fn start() -> PrivateRedis {
    PrivateRedis::start_with(Durability::Off, &["--busy-reply-threshold", "300"])
}

fn redis_says(redis: &PrivateRedis, words: &[&str]) -> redis::RedisResult<()> {
    let mut connection = redis::Client::open(redis.url())?.get_connection()?;
    connection.set_read_timeout(Some(std::time::Duration::from_secs(1)))?;
    redis::cmd(words[0]).arg(&words[1..]).query(&mut connection)
}
