//! Names: the words of the field, and one meaning for each public type.

use crate::tidy::source::{code_of, defined, without_tests};
use crate::tidy::{assert_none, read, rust_files};
use std::collections::BTreeMap;

/// Words that are not used in names of modules, types and functions, with what is used instead.
const WORDS: &[(&str, &str)] = &[
    ("barred", "rejected"),
    ("beat", "heartbeat, retry interval"),
    ("believe", "verify"),
    ("believed", "verified"),
    ("believes", "verifies"),
    ("board", "state file"),
    ("buckets", "rate limiter"),
    ("desk", "sale handle"),
    ("dial", "connect"),
    ("dialled", "connected"),
    ("door", "fast path, entry point"),
    ("doubted", "rejected"),
    ("errand", "forwarding, upstream request"),
    ("feed", "status stream"),
    ("glue", "bindings"),
    ("happening", "timeline event"),
    ("happenings", "timeline"),
    ("hear", "observe, update from"),
    ("heard", "received, observed"),
    ("hears", "observes"),
    ("intake", "server"),
    ("keeper", "reconnect task"),
    ("kindle", "spawn"),
    ("know", "cache, have"),
    ("knows", "caches, has"),
    ("lanes", "replica wait"),
    ("learn", "update, note"),
    ("learner", "topology refresh"),
    ("learns", "updates, notes"),
    ("look", "lookup, poll"),
    ("outlook", "sale hint"),
    ("patience", "head timeout"),
    ("prepared", "cached refusals"),
    ("remember", "keep, note"),
    ("remembers", "keeps, notes"),
    ("roster", "cluster state file"),
    ("sender", "edge auth"),
    ("shim", "entry"),
    ("standing", "edge census"),
    ("stock", "node budget"),
    ("stranger", "unknown sale"),
    ("tell", "report"),
    ("telling", "reporting"),
    ("tells", "reports"),
    ("think", "decide"),
    ("thinks", "decides"),
    ("told", "reported, answered"),
    ("utter", "shutdown signal"),
    ("wish", "shutdown signal, what is wanted"),
    ("wished", "wanted"),
    ("wishes", "orders"),
];

/// Names that keep such a word: file, name, reason.
const KEPT: &[(&str, &str, &str)] =
    &[("shared/src/plan/mod.rs", "standing", "places of people who stand")];

/// Public type names that are defined more than once: name, reason.
const SHARED_NAMES: [(&str, &str); 0] = [];

/// The parts of a name: `SaleHint` and `sale_hint` are both `sale`, `hint`.
fn words_of(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && words.last().is_some_and(|word| !word.is_empty())) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().unwrap().extend(c.to_lowercase());
        }
    }
    words
}

/// The code of `file` that is no test: unit tests are named by sentences.
fn code_without_tests(file: &str) -> String {
    without_tests(&code_of(&read(file))).to_owned()
}

fn sources() -> impl Iterator<Item = String> {
    let is_test = |file: &String| {
        ["tests/tests/", "fuzz/"].iter().any(|folder| file.starts_with(folder))
            || ["exact.rs", "/tests.rs"].iter().any(|end| file.ends_with(end))
            || file.contains("/tests/")
    };
    rust_files().into_iter().filter(move |file| !is_test(file))
}

#[test]
fn names_are_made_of_the_words_of_the_field() {
    let mut wrong = Vec::new();
    let mut unused: Vec<_> = KEPT.iter().map(|(file, name, _)| (*file, *name)).collect();
    for file in sources() {
        let code = code_without_tests(&file);
        let mut names: Vec<&str> = Vec::new();
        for keyword in ["mod", "struct", "enum", "trait", "type", "fn"] {
            names.extend(defined(&code, keyword).into_iter().map(|(name, _)| name));
        }
        for name in names {
            let words = words_of(name);
            let Some((word, instead)) =
                WORDS.iter().find(|(word, _)| words.contains(&(*word).to_owned()))
            else {
                continue;
            };
            if KEPT.iter().any(|(of, kept, _)| *of == file && *kept == name) {
                unused.retain(|kept| *kept != (file.as_str(), name));
            } else {
                wrong.push(format!("{file}: {name}: say {instead} instead of {word}"));
            }
        }
    }
    wrong.extend(unused.iter().map(|(file, name)| format!("{file}: {name} is not there")));
    assert_none(&wrong, "words of a name");
}

#[test]
fn a_public_type_name_has_one_meaning_in_the_workspace() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in rust_files().iter().filter(|file| !file.starts_with("tests/tests/")) {
        let code = code_without_tests(file);
        for keyword in ["struct", "enum", "trait", "type", "union"] {
            for (name, public) in defined(&code, keyword) {
                // Of the types of an impl, such as `type Error`, nobody has the choice.
                if public {
                    places.entry(name.to_owned()).or_default().push(file.clone());
                }
            }
        }
    }
    let twice = places.iter().filter(|(name, files)| {
        files.len() > 1 && !SHARED_NAMES.iter().any(|(shared, _)| shared == name)
    });
    let wrong: Vec<String> =
        twice.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert_none(&wrong, "public types that share a name");
}
