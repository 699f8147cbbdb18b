//! Where things are: the repository, the programs under test, and room to write.

use anyhow::{Context, Result, bail};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The root of the repository. `lastseat cluster` runs from here: it needs `wrangler.toml`,
/// `node_modules` and `edge/build`.
#[must_use]
pub fn repository() -> PathBuf {
    let compiled_at = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    match compiled_at {
        Some(root) if root.join("wrangler.toml").exists() => root.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The program under test: `LASTSEAT_BIN`, else the one beside the running executable (test
/// executables are one directory deeper), else the release build of the repository.
///
/// # Errors
/// None of them exists; the message names the remedy.
pub fn lastseat() -> Result<PathBuf> {
    if let Some(path) = env::var_os("LASTSEAT_BIN") {
        let path = PathBuf::from(path);
        if path.is_file() {
            return Ok(path);
        }
        bail!("LASTSEAT_BIN names {}, which is not a file", path.display());
    }
    let here = env::current_exe().context("where does this program lie?")?;
    let beside = here.ancestors().skip(1).take(2);
    let release = repository().join("target/release");
    beside
        .map(Path::to_owned)
        .chain([release])
        .map(|directory| directory.join("lastseat"))
        .find(|path| path.is_file())
        .context("the program lastseat is not built. Run 'make build'")
}

/// The commit of the checkout, or "unknown".
#[must_use]
pub fn commit() -> String {
    let described = Command::new("git")
        .current_dir(repository())
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output();
    match described {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

/// A tool that `make setup` installs.
///
/// # Panics
/// The tool is not on `PATH`; the message names the remedy.
#[must_use]
pub fn tool(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("{name} is missing. Run 'make setup'"))
}

/// A tool of the Python environment that `make setup-tests` makes from `scripts/api-tools.txt`.
///
/// # Panics
/// It is not there; the message names the remedy.
#[must_use]
pub fn api_tool(name: &str) -> PathBuf {
    let script = "source scripts/tools.sh; python_tools api-tools";
    let asked = Command::new("bash")
        .current_dir(repository())
        .args(["-c", script])
        .output()
        .expect("bash runs");
    let path = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim());
    present(path.join("bin").join(name))
}

/// A program of `node_modules`.
///
/// # Panics
/// It is not there; the message names the remedy.
#[must_use]
pub fn installed(name: &str) -> PathBuf {
    present(repository().join("node_modules/.bin").join(name))
}

fn present(path: PathBuf) -> PathBuf {
    assert!(path.is_file(), "{} is missing. Run 'make setup-tests'", path.display());
    path
}

/// The program workerd itself: the script of that name runs it as a child, which a signal would
/// leave behind.
///
/// # Errors
/// It is not installed; the message names the remedy.
pub fn workerd() -> Result<PathBuf> {
    let installed = repository().join("node_modules/@cloudflare");
    let packages = std::fs::read_dir(installed).into_iter().flatten().flatten();
    packages
        .map(|package| package.path().join("bin/workerd"))
        .find(|path| path.is_file())
        .context("workerd is missing. Run 'make setup'")
}

/// A new directory, removed when dropped. Its path is short, because the path of a Unix socket has
/// at most 107 bytes, whatever `TMPDIR` says.
///
/// # Errors
/// It cannot be made.
pub fn scratch() -> Result<TempDir> {
    tempfile::Builder::new()
        .prefix("ls-")
        .tempdir_in("/tmp")
        .context("cannot make a directory in /tmp")
}
