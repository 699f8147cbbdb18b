//! The documents of the repository and what stands in them.

use std::fs;
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the repository")
}

/// Folders with what was built or installed, and what runs leave behind.
const NOT_OURS: [&str; 7] =
    ["target", "node_modules", "build", "data", ".git", ".lastseat", ".wrangler"];

/// All files below `folder` with one of `endings`.
pub(crate) fn files(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        let ours = !NOT_OURS.iter().any(|other| name == *other);
        if path.is_dir() && ours {
            files(&path, endings, found);
        } else if path.extension().is_some_and(|e| endings.iter().any(|end| e == *end)) {
            found.push(path);
        }
    }
}

/// One document.
pub(crate) struct Document {
    /// From the root of the repository.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

/// A fenced block: its info string and its content.
pub(crate) struct Fence<'a> {
    pub(crate) kind: &'a str,
    pub(crate) content: &'a str,
}

impl Document {
    /// All of the repository.
    pub(crate) fn all() -> Vec<Self> {
        let root = root();
        let mut paths = Vec::new();
        files(&root, &["md"], &mut paths);
        paths.sort();
        let read = |path: PathBuf| Self {
            name: path.strip_prefix(&root).unwrap().display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
            path,
        };
        let all: Vec<Self> = paths.into_iter().map(read).collect();
        assert!(all.len() > 10, "the documents were found");
        all
    }

    /// Its fenced blocks.
    pub(crate) fn fences(&self) -> impl Iterator<Item = Fence<'_>> {
        let parts = self.text.split("```").skip(1).step_by(2);
        parts.filter_map(|part| {
            let (kind, content) = part.split_once('\n')?;
            Some(Fence { kind, content })
        })
    }

    /// Its text without the fenced blocks.
    pub(crate) fn prose(&self) -> String {
        self.text.split("```").step_by(2).collect()
    }

    /// What stands between single backticks.
    pub(crate) fn spans(&self) -> Vec<String> {
        let prose = self.prose();
        let spans = prose.split('`').skip(1).step_by(2);
        spans.map(str::to_owned).collect()
    }
}
