//! `tests/mutants.toml`: of each mutant that no test sees, why that is right.

use crate::harness::paths::repository;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// Why a mutant may survive.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum ReasonKind {
    /// It does the same as the original, whatever is asked.
    Equivalent,
    /// It does the same, sooner or later.
    Speed,
    /// It weakens a check that nothing can reach: another one comes before it.
    Defence,
    /// A number that may be another one: a bound, or what a random choice turns on.
    Tuning,
    /// Unit tests do not see it, the simulation's goals do, or bound what it costs.
    Simulated,
}

impl ReasonKind {
    /// Its word in tables.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Equivalent => "equivalent",
            Self::Speed => "speed",
            Self::Defence => "defence",
            Self::Tuning => "tuning",
            Self::Simulated => "simulated",
        }
    }
}

/// One reason, for one mutant or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Its kind.
    pub kind: ReasonKind,
    /// A sentence.
    pub reason: String,
    /// The mutants.
    pub mutants: Vec<String>,
}

/// The file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasons {
    /// Of mutants of the scripts.
    #[serde(default)]
    pub lua: Vec<Reason>,
    /// Of mutants of Rust code.
    #[serde(default)]
    pub rust: Vec<Reason>,
}

/// How survivors and reasons fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fit {
    /// Survivors without a reason.
    pub unexplained: Vec<String>,
    /// Reasons whose mutant is seen by now, or is none.
    pub stale: Vec<String>,
}

impl Fit {
    /// Whether they do.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.unexplained.is_empty() && self.stale.is_empty()
    }
}

impl Reasons {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or names a mutant twice.
    pub fn read() -> Result<Self> {
        let path = repository().join("tests/mutants.toml");
        let text = fs::read_to_string(&path).context("tests/mutants.toml")?;
        let reasons: Self = toml::from_str(&text).context("tests/mutants.toml")?;
        for group in [&reasons.lua, &reasons.rust] {
            let mut seen = BTreeSet::new();
            for mutant in group.iter().flat_map(|reason| &reason.mutants) {
                ensure!(seen.insert(mutant), "tests/mutants.toml names {mutant:?} twice");
            }
        }
        Ok(reasons)
    }

    /// The reasons of `group` by mutant.
    #[must_use]
    pub fn by_mutant(group: &[Reason]) -> BTreeMap<&str, &Reason> {
        let mut found = BTreeMap::new();
        for reason in group {
            found.extend(reason.mutants.iter().map(|mutant| (mutant.as_str(), reason)));
        }
        found
    }

    /// Holds the reasons of `group` against the `survivors` among the mutants that were `tried`.
    #[must_use]
    pub fn fit(group: &[Reason], survivors: &[String], tried: &dyn Fn(&str) -> bool) -> Fit {
        let reasons = Self::by_mutant(group);
        let survivors: BTreeSet<&str> = survivors.iter().map(String::as_str).collect();
        let own = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
        Fit {
            unexplained: own(survivors
                .iter()
                .copied()
                .filter(|id| !reasons.contains_key(id))
                .collect()),
            stale: own(reasons
                .keys()
                .copied()
                .filter(|id| tried(id) && !survivors.contains(*id))
                .collect()),
        }
    }
}
