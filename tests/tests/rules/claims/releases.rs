//! What makes a release agrees with itself: one version everywhere, workflows that call `make`
//! alone, and an image of a release that is the image of a checkout.

use crate::claims::documents::{files, root};
use crate::claims::read;
use serde_json::Value;
use std::fs;

/// That of all crates, and so of the programs.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// `1.2.3` at the begin of `text`.
fn version(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let found = text[..end].trim_end_matches('.');
    (found.split('.').count() == 3 && found.split('.').all(|part| !part.is_empty()))
        .then_some(found)
}

/// The versions that follow `before` in `text`.
fn versions<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(version).collect()
}

#[test]
fn a_version_is_three_numbers() {
    assert_eq!(version("0.2.0-linux"), Some("0.2.0"));
    assert_eq!(version("0.2.0. Then"), Some("0.2.0"));
    assert_eq!(version("0.2"), None);
    assert_eq!(versions("image: lastseat:0.1.0\nimage: lastseat:latest", "lastseat:"), ["0.1.0"]);
}

#[test]
fn one_version_stands_in_every_manifest() {
    for (file, before) in [
        ("Cargo.toml", "\n[workspace.package]\nversion = \""),
        ("fuzz/Cargo.toml", "\nversion = \""),
        ("clients/python/pyproject.toml", "\nversion = \""),
    ] {
        assert_eq!(versions(&read(file), before), [VERSION], "{file}");
    }
    let json = |file: &str| -> Value { serde_json::from_str(&read(file)).expect(file) };
    for file in ["package.json", "clients/typescript/package.json", "package-lock.json"] {
        assert_eq!(json(file)["version"], VERSION, "{file}");
    }
    assert_eq!(json("package-lock.json")["packages"][""]["version"], VERSION);
    for file in ["docs/openapi.json", "docs/openapi-operators.json"] {
        assert_eq!(json(file)["info"]["version"], VERSION, "{file}");
    }
    for manifest in ["edge", "origin/cli", "origin/node", "shared", "tests"] {
        let text = read(&format!("{manifest}/Cargo.toml"));
        assert!(text.contains("\nversion.workspace = true\n"), "{manifest}");
    }
}

#[test]
fn every_image_and_archive_that_is_named_is_of_this_version() {
    let root = root();
    let mut paths = Vec::new();
    let kinds = ["md", "yaml", "yml", "txt", "example", "service", "toml", "release"];
    files(&root, &kinds, &mut paths);
    let mut found = 0;
    for path in paths {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        // What has changed names versions of before.
        if name == "CHANGELOG.md" || name.starts_with("tests/") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let named = [versions(&text, "lastseat:"), versions(&text, "lastseat-")].concat();
        found += named.len();
        let other: Vec<_> = named.into_iter().filter(|other| *other != VERSION).collect();
        assert!(other.is_empty(), "{name} names {other:?}, and this is {VERSION}");
    }
    assert!(found >= 5, "images and archives were found: {found}");
}

#[test]
fn the_changelog_begins_with_what_is_not_released_or_with_this_version() {
    let changelog = read("CHANGELOG.md");
    let mut titles = changelog.lines().filter_map(|line| line.strip_prefix("## "));
    let first = titles.next().expect("a section");
    let released = if first == "Unreleased" { titles.next() } else { Some(first) };
    let released = released.and_then(version);
    assert_eq!(released, Some(VERSION), "the newest section of a version");
}

/// The values of `key` in a workflow, with their comments.
fn values<'a>(workflow: &'a str, key: &str) -> Vec<&'a str> {
    let lines = workflow.lines().map(|line| line.trim().trim_start_matches("- "));
    let found = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    found.map(str::trim).collect()
}

#[test]
fn workflows_call_make_and_nothing_else_and_may_do_no_more_than_they_say() {
    let makefile = read("Makefile");
    let channel = read("rust-toolchain.toml");
    let channel = channel.split('"').nth(1).expect("a version").to_owned();
    let mut paths = Vec::new();
    files(&root().join(".github/workflows"), &["yml"], &mut paths);
    assert_eq!(paths.len(), 2, "{paths:?}");
    for path in paths {
        let (name, text) = (path.display(), fs::read_to_string(&path).unwrap());
        for run in values(&text, "run") {
            let target = run.strip_prefix("make ").unwrap_or_else(|| panic!("{name}: {run}"));
            assert!(makefile.contains(&format!("\n{target}:")), "{name}: {run}");
        }
        for uses in values(&text, "uses") {
            let pinned = uses.split_once('@').and_then(|(_, rest)| rest.split_once(" # v"));
            let is_commit = pinned.is_some_and(|(commit, _)| {
                commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit())
            });
            assert!(is_commit || uses.starts_with("./.github/"), "{name}: {uses} is no commit");
        }
        for image in values(&text, "container") {
            assert_eq!(image, format!("rust:{channel}-bookworm"), "{name}");
        }
        let top: Vec<_> = text.lines().filter(|line| line.starts_with("permissions:")).collect();
        assert_eq!(top.len(), 1, "{name} says what its token may do");
        let writes = text.lines().filter(|line| line.trim().ends_with(": write")).count();
        assert!(writes <= 1 && !text.contains("write-all"), "{name}");
    }
}

#[test]
fn the_image_of_a_release_is_that_of_a_checkout_with_a_program_that_is_there() {
    let instructions = |file: &str| -> Vec<String> {
        let text = read(file).replace("\\\n", " ");
        let (_, last) = text.rsplit_once("\nFROM ").expect("an image");
        let lines = last.lines().map(str::trim).filter(|line| !line.starts_with('#'));
        let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.filter(|line| !line.is_empty()).collect()
    };
    let built = instructions("deploy/container/Dockerfile");
    let released = instructions("deploy/container/Dockerfile.release");
    assert_eq!(built.len(), released.len());
    let differing = built.iter().zip(&released).filter(|(one, other)| one != other);
    let differing: Vec<_> = differing.map(|(one, other)| (one.as_str(), other.as_str())).collect();
    let copies = (
        "COPY --from=build /src/target/dist/lastseat /usr/local/bin/lastseat",
        "COPY lastseat /usr/local/bin/lastseat",
    );
    assert_eq!(differing, [copies]);
}
