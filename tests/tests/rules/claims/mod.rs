//! What the documents claim is there: named tests, linked files, the codes of the API, the purity
//! of `shared`.

mod bounds;
mod capacity;
mod commands;
mod compatibility;
mod documents;
mod drills;
mod evidence;
mod failover;
mod figures;
mod links;
mod reference;
mod releases;
mod scale;

use shared::Code;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn files_below(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && name != "node_modules" && name != "build" {
            files_below(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
}

/// Every text between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The functions of `code` that the test runner runs.
fn tests_of(code: &str) -> HashSet<String> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let name = |line: &str| -> Option<String> {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let (name, _) = line.strip_prefix("fn ")?.split_once('(')?;
        Some(name.to_owned())
    };
    let runs = |at: usize| {
        let above = lines[..at].iter().rev();
        let attributes: Vec<_> = above.take_while(|line| line.starts_with("#[")).collect();
        let has = |what: &str| attributes.iter().any(|attribute| attribute.starts_with(what));
        (has("#[test]") || has("#[tokio::test")) && !has("#[ignore")
    };
    let named = lines.iter().enumerate().filter_map(|(at, line)| Some((at, name(line)?)));
    named.filter(|(at, _)| runs(*at)).map(|(_, name)| name).collect()
}

#[test]
fn a_function_counts_as_a_test_only_where_the_runner_runs_it() {
    let code = "#[test]\nfn one() {}\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\n\
                fn none() {}\n#[test]\n#[ignore = \"slow\"]\nfn ignored() {}\n// fn words() {}";
    let mut tests: Vec<_> = tests_of(code).into_iter().collect();
    tests.sort();
    assert_eq!(tests, ["one", "two"]);
}

fn all_tests() -> HashSet<String> {
    let mut sources = Vec::new();
    for part in ["tests", "shared", "origin", "edge"] {
        files_below(&root().join(part), "rs", &mut sources);
    }
    let code = sources.iter().map(|path| fs::read_to_string(path).unwrap());
    code.flat_map(|code| tests_of(&code)).collect()
}

#[test]
fn every_test_that_guarantees_and_compatibility_name_exists() {
    let tests = all_tests();
    let guarantees = read("docs/GUARANTEES.md") + &read("docs/COMPATIBILITY.md");
    let sentence = |word: &&str| {
        word.matches('_').count() >= 4
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let named: Vec<&str> = quoted(&guarantees).filter(sentence).collect();
    assert!(named.len() >= 15, "the table of guarantees names its tests: {named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "tests that do not exist are named: {missing:?}");
}

/// A name that nothing has any more would choose no test, and nobody would notice.
#[test]
fn every_test_that_make_test_runs_with_the_gateway_exists() {
    let tests = all_tests();
    let script = read("scripts/test");
    let is_name = |part: &str| part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let chosen: Vec<(&str, &str)> = script
        .split_whitespace()
        .filter_map(|word| word.split_once("::"))
        .filter(|(module, begin)| is_name(module) && is_name(begin))
        .collect();
    assert!(chosen.len() >= 10, "{chosen:?}");
    for (module, begin) in chosen {
        let programs = ["system", "node"].map(|program| root().join("tests/tests").join(program));
        let exists = programs.iter().any(|program| program.join(module).is_dir());
        assert!(exists, "no module of tests is called {module}");
        let found = tests.iter().any(|test| test.starts_with(begin));
        assert!(found, "no test begins with {begin}");
    }
}

#[test]
fn every_file_that_the_architecture_names_exists() {
    let text = read("ARCHITECTURE.md");
    for path in
        quoted(&text).filter(|q| q.contains('/') && q.contains(".rs") || q.ends_with(".lua"))
    {
        let places = [
            "",
            "origin/ledger/",
            "origin/ledger/lua/",
            "origin/ledger/src/",
            "origin/gateway/src/",
            "origin/http/src/",
            "origin/node/src/",
            "origin/cluster/src/",
            "origin/cli/src/",
        ];
        let found = places.iter().any(|place| root().join(place).join(path).exists());
        assert!(found, "ARCHITECTURE.md names {path}, which is not there");
    }
    assert!(text.lines().count() < 200, "ARCHITECTURE.md is a map, not a book");
}

#[test]
fn the_readme_gives_the_codes_that_buyers_meet_their_status() {
    let readme = read("README.md");
    let of_plans = [Code::NotTogether, Code::SeatTaken, Code::LeavesSingle, Code::NeedsLines];
    let more = [Code::NoPlan, Code::NotItsSeats, Code::HasPlan];
    let codes = [Code::SoldOut, Code::AllHeld, Code::KeyReused, Code::Busy, Code::OutcomeUnknown];
    for code in codes.into_iter().chain(of_plans).chain(more) {
        let row = readme
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("`{}`", code.as_str())));
        let row = row.unwrap_or_else(|| panic!("README.md does not explain {}", code.as_str()));
        assert!(row.contains(&code.status().to_string()), "{row}");
    }
}

/// `shared` must stay a library of rules: no async, no clock, no I/O, native and Wasm alike.
#[test]
fn shared_depends_on_nothing_that_could_do_io() {
    let manifest = read("shared/Cargo.toml");
    let dependencies =
        manifest.split("[dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    // What is optional is not in the Wasm, as the next test shows.
    let names: Vec<&str> = dependencies
        .lines()
        .filter(|line| !line.starts_with('#') && !line.contains("optional = true"))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(
        names,
        ["base16ct", "base64ct", "hmac", "serde", "serde_json", "sha2", "thiserror", "uuid"]
    );
    let mut sources = Vec::new();
    files_below(&root().join("shared/src"), "rs", &mut sources);
    for path in sources {
        let code = fs::read_to_string(&path).unwrap();
        for banned in
            ["SystemTime", "Instant::now", "std::env", "std::fs", "std::net::Tcp", "async fn"]
        {
            assert!(!code.contains(banned), "{} uses {banned}", path.display());
        }
    }
}

/// The documents of the API are the origin's: what describes types for them costs the edge nothing.
#[test]
fn nothing_that_only_describes_the_api_is_in_the_wasm() {
    let ran = std::process::Command::new(env!("CARGO"))
        .current_dir(root())
        .args(["tree", "--locked", "--package", "lastseat-edge", "--edges", "normal"])
        .args(["--target", "wasm32-unknown-unknown", "--prefix", "none"])
        .output()
        .unwrap();
    let tree = String::from_utf8(ran.stdout).unwrap();
    assert!(ran.status.success() && tree.contains("lastseat-shared"), "{tree}");
    assert!(!tree.contains("utoipa"), "{tree}");
}

/// A fault that cannot be planted any more would be one that the checker need not find.
#[test]
fn each_fault_that_the_checker_has_to_find_still_fits_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let faults: Vec<_> = fs::read_dir(root.join("tests/checker/planted")).unwrap().collect();
    let faults = faults.into_iter().map(|fault| fault.unwrap().path());
    let faults: Vec<_> =
        faults.filter(|path| path.extension().is_some_and(|e| e == "patch")).collect();
    assert_eq!(faults.len(), 6, "{faults:?}");
    for fault in faults {
        let mut check = std::process::Command::new("git");
        let checked = check.current_dir(&root).args(["apply", "--check"]).arg(&fault).output();
        let checked = checked.expect("git runs");
        let said = String::from_utf8_lossy(&checked.stderr);
        assert!(checked.status.success(), "{}: {said}", fault.display());
    }
}
