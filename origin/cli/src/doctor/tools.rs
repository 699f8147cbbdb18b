//! Doctor check: programs that lastseat runs or is built with.

use super::known_bad::numbers;
use super::report::DoctorFinding;
use lastseat_cluster::redis_server;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What wrangler needs.
const NODE: (u64, u64) = (22, 12);
const WASM: &str = "wasm32-unknown-unknown";
const SETUP: &str = "make setup";

/// The server that `lastseat cluster` starts.
pub(super) fn redis_server() -> DoctorFinding {
    match redis_server::installed() {
        Some(program) => {
            let version = said(&program, "--version").unwrap_or_default();
            DoctorFinding::ok("redis", format!("{} ({})", program.display(), version.trim()))
        }
        None => DoctorFinding::fail(
            "redis",
            "no Redis is named, and redis-server is not installed",
            "apt-get install redis-server (Debian, Ubuntu), brew install redis (macOS), or name a \
             Redis with --redis-url",
        ),
    }
}

/// The tools of the checkout at `root`.
pub(super) fn inspect(root: &Path) -> Vec<DoctorFinding> {
    vec![
        node(root),
        package(root, "wrangler", "wrangler/bin/wrangler.js"),
        package(root, "workerd", "workerd/bin/workerd"),
        wasm_target(),
    ]
}

fn node(root: &Path) -> DoctorFinding {
    let own = root.join("node_modules/.bin/node");
    let program = if own.exists() { own } else { PathBuf::from("node") };
    let version = said(&program, "--version");
    let version = version.as_deref().map(|text| text.trim().trim_start_matches('v'));
    match version.and_then(|text| numbers(text).map(|numbers| (text, numbers))) {
        Some((text, (major, minor, _))) if (major, minor) >= NODE => {
            DoctorFinding::ok("node", format!("{text} ({})", program.display()))
        }
        Some((text, _)) => DoctorFinding::warn(
            "node",
            format!("{text} is too old: wrangler needs {}.{}", NODE.0, NODE.1),
            SETUP,
        ),
        None => DoctorFinding::warn("node", "Node is missing; wrangler needs it", SETUP),
    }
}

fn package(root: &Path, name: &'static str, file: &str) -> DoctorFinding {
    let modules = root.join("node_modules");
    if !modules.join(file).exists() {
        return DoctorFinding::warn(name, "not installed: no edge can run here", SETUP);
    }
    let manifest = std::fs::read(modules.join(name).join("package.json")).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    DoctorFinding::ok(name, manifest["version"].as_str().unwrap_or("installed"))
}

fn wasm_target() -> DoctorFinding {
    let subject = "wasm";
    let Some(sysroot) = said(Path::new("rustc"), "--print=sysroot") else {
        let found = "rustc is missing: the edge cannot be built here";
        return DoctorFinding::warn(subject, found, "install Rust: https://rustup.rs");
    };
    let library = Path::new(sysroot.trim()).join("lib/rustlib").join(WASM).join("lib");
    if library.is_dir() {
        DoctorFinding::ok(subject, format!("target {WASM} is installed"))
    } else {
        let found = format!("the Rust target {WASM} is missing: the edge cannot be built here");
        DoctorFinding::warn(subject, found, format!("rustup target add {WASM}"))
    }
}

/// What a program answers to one flag, if it is there and does not fail.
fn said(program: &Path, flag: &str) -> Option<String> {
    let output = Command::new(program).arg(flag).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(text)
}
