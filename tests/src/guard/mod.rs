//! The regression guard: how many instructions the hot paths take and how large the edge's Wasm is,
//! against what `tests/instructions.toml` holds. Behind `make guard`.
//!
//! callgrind counts what the processor is told to do, so the figures do not depend on how busy or
//! how quick a machine is.
//!
//! Without gungraun (0.20, once iai-callgrind), which counts in the same way: it would replace the
//! 51 lines of `callgrind.rs` by 13 crates and a second program of exactly its own version. It
//! keeps its baseline in `target/`, where neither a fresh clone nor a reviewer finds it, so that
//! the file of figures, its tolerances and its report would stay.

mod callgrind;
mod held;
mod origin;
mod paths;
mod report;

pub use paths::perform;
pub use report::GuardReport;

use anyhow::{Context, Result};
use held::Held;

/// Measures everything and compares it with what is held.
///
/// # Errors
/// valgrind or the edge's Wasm is missing, or the file cannot be read.
pub fn check() -> Result<GuardReport> {
    let held = Held::read()?;
    Ok(GuardReport::new(&held, callgrind::count()?, wasm_bytes()?))
}

/// Writes what is measured now into the file; the report says what that changed.
///
/// # Errors
/// As [`check`], or the file cannot be written.
pub fn accept() -> Result<GuardReport> {
    let report = check()?;
    report.measured().write()?;
    Ok(report)
}

/// The size of the module that workerd and Cloudflare load.
fn wasm_bytes() -> Result<u64> {
    let path = crate::harness::paths::repository().join("edge/build/index_bg.wasm");
    let file = std::fs::metadata(&path);
    let file = file.with_context(|| format!("{} is missing. Run 'make edge'", path.display()))?;
    Ok(file.len())
}
