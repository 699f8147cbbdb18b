//! The checkout of the repository, which an edge is built and started from.

use std::path::{Path, PathBuf};

/// The root of the repository: the nearest directory above the present one, or above this program,
/// that has the edge's configuration.
#[must_use]
pub fn repository() -> Option<PathBuf> {
    let starts = [std::env::current_dir().ok(), std::env::current_exe().ok()];
    starts.into_iter().flatten().find_map(|start| {
        let root = start.ancestors().find(|directory| is_root(directory))?;
        Some(root.to_path_buf())
    })
}

fn is_root(directory: &Path) -> bool {
    directory.join("wrangler.toml").is_file() && directory.join("edge").is_dir()
}
