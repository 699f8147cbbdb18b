//! Samples of secrets in example files: whoever copies a file and replaces nothing is told so at
//! the start.

use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use shared::auth::secret_rules::is_sample;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a name of an example file is to a node; `None` = Redis reads it, and a node the same in
/// its address.
fn variable(name: &str) -> Option<&str> {
    Some(match name {
        "redis-password" | "REDIS_PASSWORD" | "redis-admin-password" | "REDIS_ADMIN_PASSWORD" => {
            return None;
        }
        // The relay reads it; a test of the relay refuses the samples.
        "LASTSEAT_WEBHOOK_SECRET" => return None,
        // The name of a file.
        "LASTSEAT_TLS_KEY" => return None,
        "redis-url" => "REDIS_URL",
        "edge-key" => "LASTSEAT_EDGE_KEY",
        "admin-token" => "LASTSEAT_ADMIN_TOKEN",
        "shop-token" => "LASTSEAT_SHOP_TOKEN",
        name => name,
    })
}

/// The secrets of a file of lines `NAME=value` or `name: value`, with what stands in their place.
fn secrets(text: &str) -> Vec<(String, String)> {
    let named = |line: &str| {
        let (name, value) = line.split_once('=').or_else(|| line.split_once(": "))?;
        let name = name.trim_start_matches(['#', ' ']).to_owned();
        let value = value.trim_matches('"').to_owned();
        let ends = ["KEY", "KEYS", "TOKEN", "SECRET", "PASSWORD", "REDIS_URL"];
        let upper = name.replace('-', "_").to_uppercase();
        ends.iter().any(|end| upper.ends_with(end)).then_some((name, value))
    };
    text.lines().filter_map(named).collect()
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[test]
fn no_node_starts_with_a_secret_that_stands_in_an_example_file() {
    let mut files = vec![repository().join(".dev.vars.example")];
    files_below(&repository().join("deploy"), &mut files);
    let (mut tried, mut examples) = (0, 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let is_example = file.to_string_lossy().contains("example");
        assert!(is_example || !is_sample(&text), "{} has a sample", file.display());
        if !is_example {
            continue;
        }
        examples += 1;
        for (name, value) in secrets(&text) {
            let Some(variable) = variable(&name) else {
                continue;
            };
            // What is left empty is no secret: the file beside it insists on one.
            if value.is_empty() {
                let compose = fs::read_to_string(repository().join("deploy/compose.yaml"));
                assert!(compose.unwrap().contains(&format!("${{{name}:?")), "{name}");
                continue;
            }
            refused(&file, variable, &value);
            tried += 1;
        }
    }
    assert!(examples >= 7 && tried >= 16, "{tried} samples in {examples} files");
}

/// Starts a node that has this one secret of an example file, and hears that it is none.
fn refused(file: &Path, variable: &str, value: &str) {
    let data_dir = scratch().unwrap();
    let mut node = Command::new(lastseat().expect("the program"));
    node.env_clear().arg("serve").arg("--data-dir").arg(data_dir.path());
    node.env(variable, value);
    let ended = node.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    let place = format!("{} in {}", variable, file.display());
    assert_eq!(ended.status.code(), Some(2), "{place}: {said}");
    let line = said.lines().find(|line| line.contains(variable) && line.contains("sample"));
    let line = line.unwrap_or_else(|| panic!("{place}: {said}"));
    assert!(line.contains("openssl rand -hex 32"), "{line}");
    assert!(!line.contains(value), "{line}");
}

#[test]
fn no_node_starts_with_a_token_that_can_be_guessed() {
    for variable in
        ["LASTSEAT_ADMIN_TOKEN", "LASTSEAT_SHOP_TOKEN", "LASTSEAT_TOKEN_KEYS", "LASTSEAT_EDGE_KEY"]
    {
        let mut node = Command::new(lastseat().expect("the program"));
        node.env_clear().arg("serve").env(variable, "0123456789abcdef0123456789abcde");
        let ended = node.output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        let line = said.lines().find(|line| line.contains(variable) && line.contains("31 char"));
        assert!(line.is_some_and(|line| line.contains("openssl rand -hex 32")), "{said}");
    }
}
