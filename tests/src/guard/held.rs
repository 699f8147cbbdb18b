//! The file with the figures that hold.

use crate::harness::paths::repository;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::env::consts::ARCH;
use std::path::PathBuf;

const HEAD: &str = "\
# What the hot paths cost: `make guard` compares, `make guard-accept` writes this file anew.
#
# Instructions of one time of each path as callgrind counts them, by the kind of processor, and \
the bytes of the
# edge's Wasm. They depend on the code, rust-toolchain.toml and Cargo.lock, not on how busy the \
machine is.

";

/// How far instructions may be from those that are held, in percent. The same build counts the same
/// to the instruction, but a change elsewhere moves what the compiler inlines: one word of
/// visibility once took a tenth off another path.
pub(super) const INSTRUCTIONS_PERCENT: u64 = 12;
/// The same for the size of the Wasm: the path of a checkout is part of it.
pub(super) const WASM_PERCENT: u64 = 4;
/// What the shortest paths may differ by, in instructions.
const TOLERANCE_LEAST: u64 = 6;

/// The figures.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Held {
    /// Bytes of the edge's Wasm.
    pub(super) wasm_bytes: u64,
    /// Processor -> path -> instructions.
    pub(super) instructions: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Held {
    pub(super) fn read() -> Result<Self> {
        let path = path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(e) => return Err(e).context(path.display().to_string()),
        };
        toml::from_str(&text).with_context(|| format!("{} cannot be read", path.display()))
    }

    pub(super) fn write(&self) -> Result<()> {
        let text = format!("{HEAD}{}", toml::to_string(self)?);
        let path = path();
        std::fs::write(&path, text).with_context(|| format!("{} not written", path.display()))
    }

    /// The instructions that are held for this kind of processor.
    pub(super) fn here(&self) -> BTreeMap<String, u64> {
        self.instructions.get(ARCH).cloned().unwrap_or_default()
    }
}

fn path() -> PathBuf {
    repository().join("tests/instructions.toml")
}

/// Whether `now` is what `before` says, within a tolerance of `percent`.
pub(super) const fn agrees(before: u64, now: u64, percent: u64) -> bool {
    let allowed = before / 100 * percent + before % 100 * percent / 100;
    let allowed = if allowed < TOLERANCE_LEAST { TOLERANCE_LEAST } else { allowed };
    before.abs_diff(now) <= allowed
}

#[cfg(test)]
mod tests {
    use super::agrees;

    #[test]
    fn a_figure_that_moves_by_more_than_the_tolerance_is_seen_in_both_directions() {
        assert!(agrees(10_000, 10_400, 4) && agrees(10_000, 9_600, 4));
        assert!(!agrees(10_000, 10_401, 4) && !agrees(10_000, 9_599, 4));
        assert!(agrees(20, 26, 4) && !agrees(20, 27, 4), "a few instructions more on a short path");
        assert!(!agrees(0, 7, 4));
    }
}
