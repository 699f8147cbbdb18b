//! The plan of a rush or of drills, from its file.

use anyhow::{Context, Result};
use shared::plan::{Plan, PlanDocument};
use std::path::Path;

/// The plan in a file: JSON if its name ends so, else TOML.
///
/// # Errors
/// There is none, or it is wrong.
pub(crate) fn read(path: &Path) -> Result<Plan> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let named = || format!("the plan in {}", path.display());
    if path.extension().is_some_and(|end| end == "json") {
        return Plan::from_json(&text).with_context(named);
    }
    let document: PlanDocument = toml::from_str(&text).with_context(named)?;
    document.compile().with_context(named)
}
