//! Tidy tests: structure, names and lines of the sources, so that they stay as they are.
//!
//! Sources are read line by line. What a rule lets pass is in one table beside it, with the reason.

mod imports;
mod names;
mod shape;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The files below `folder` with one of these endings, by their path from the root, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), Path::new(folder), endings, &mut found);
    found.sort();
    found
}

fn collect(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<String>) {
    const SKIPPED: [&str; 5] = ["target", "node_modules", "build", "corpus", "artifacts"];
    for entry in fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
        let path = folder.join(entry.file_name());
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                collect(root, &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path.display().to_string());
        }
    }
}

/// Every Rust file of the repository.
fn rust_files() -> Vec<String> {
    ["edge", "fuzz", "origin", "shared", "tests"]
        .iter()
        .flat_map(|folder| files(folder, &[".rs"]))
        .collect()
}

/// Fails with every line of `wrong`.
fn assert_none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}
