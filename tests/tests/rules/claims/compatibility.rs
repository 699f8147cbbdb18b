//! What others build upon stays: `docs/compatibility.txt` has each name that has been promised, and
//! each of them is still there. `make docs` adds what is new; only a person takes a line out.

use crate::claims::documents::root;
use crate::claims::read;
use serde_json::{Map, Value};
use shared::Code;
use std::collections::BTreeSet;
use std::{env, fs};

const LIST: &str = "docs/compatibility.txt";

/// What a line of the list begins with, and what `docs/COMPATIBILITY.md` calls it.
const KINDS: [(&str, &str); 13] = [
    ("call", "HTTP API"),
    ("client", "Client libraries"),
    ("code", "Problem codes"),
    ("command", "Commands and flags"),
    ("event", "Webhooks and exports"),
    ("field", "HTTP API"),
    ("flag", "Commands and flags"),
    ("header", "Headers"),
    ("key", "Keys in Redis"),
    ("metric", "Metrics"),
    ("parameter", "HTTP API"),
    ("plan", "Plans"),
    ("variable", "Environment variables"),
];

fn codes() -> impl Iterator<Item = String> {
    Code::ALL.iter().map(|code| format!("code {} {}", code.as_str(), code.status()))
}

/// Commands, flags and the variables that they read, as the page has them that a test compares with
/// the program. What is hidden there is promised to nobody.
fn of_commands() -> BTreeSet<String> {
    let page = read("docs/CLI.md");
    let mut found = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let (command, help) = section.split_once('\n').expect("the help of a command");
        found.insert(format!("command {command}"));
        let mut heading = "";
        for line in help.lines() {
            let text = line.trim_start();
            let indent = line.len() - text.len();
            if indent == 0 && text.ends_with(':') {
                heading = text;
            }
            if let Some(variable) = text.strip_prefix("[env: ") {
                found.insert(format!("variable {}", variable.trim_end_matches(']')));
            }
            // What all commands have is listed once.
            let everywhere = ["All commands:", "Ledger:"].contains(&heading);
            // `  -h, --help`, `      --json`; what they mean stands further in.
            let flag = text.split_once("--").filter(|(short, _)| short.len() < 5 && indent <= 6);
            let Some((_, flag)) = flag.filter(|_| indent > 0 && text.starts_with('-')) else {
                continue;
            };
            let flag = flag.split(|c: char| c.is_whitespace() || c == '[' || c == '=').next();
            let flag = flag.unwrap_or_default();
            if flag != "help" && (command == "lastseat" || !everywhere) {
                found.insert(format!("flag {command} --{flag}"));
            }
        }
    }
    found
}

/// The variables of the page of configuration, which has those of the edge, too.
fn variables() -> BTreeSet<String> {
    let page = read("docs/CONFIGURATION.md");
    let names = page.lines().filter_map(|row| row.strip_prefix("| `")?.split('`').next());
    names.map(|name| format!("variable {name}")).collect()
}

fn object<'a>(value: &'a Value, place: &str) -> &'a Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("{place} is no object"))
}

/// Calls, their parameters, the headers of answers, and the fields of what is sent and answered.
fn of_the_api(file: &str, found: &mut BTreeSet<String>) {
    let document: Value = serde_json::from_str(&read(file)).expect(file);
    for (path, methods) in object(&document["paths"], file) {
        for (method, call) in object(methods, path) {
            let name = format!("{} {path}", method.to_uppercase());
            let parameters = call["parameters"].as_array().into_iter().flatten();
            found.extend(parameters.filter_map(|parameter| {
                let place = parameter["in"].as_str()?;
                Some(format!("parameter {name} {place} {}", parameter["name"].as_str()?))
            }));
            found.insert(format!("call {name}"));
        }
    }
    let answered = object(&document["components"]["headers"], file);
    found.extend(answered.keys().map(|name| format!("header {}", name.to_lowercase())));
    for (schema, described) in object(&document["components"]["schemas"], file) {
        let fields = described["properties"].as_object().into_iter().flatten();
        found.extend(fields.map(|(field, _)| format!("field {schema}.{field}")));
    }
}

/// The first literals that begin so in a source.
fn literals(file: &str, begin: &str) -> BTreeSet<String> {
    let code = read(file);
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let found = code.split('"').skip(1).step_by(2).filter(|word| {
        word.starts_with(begin) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    });
    found.map(str::to_owned).collect()
}

fn headers() -> BTreeSet<String> {
    let files = ["shared/src/wire/messages.rs", "shared/src/link/mod.rs"];
    let files = files.into_iter().chain(["origin/cli/src/relay/webhook.rs"]);
    files
        .flat_map(|file| literals(file, "lastseat-"))
        .map(|name| format!("header {name}"))
        .collect()
}

/// What stands in backticks at the begin of the rows below `heading`.
fn rows(file: &str, heading: &str, kind: &str) -> BTreeSet<String> {
    let page = read(file);
    let (_, section) = page.split_once(heading).unwrap_or_else(|| panic!("{file}: {heading}"));
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split('`').step_by(2)).map(str::trim);
    names.filter(|name| name.len() > 1).map(|name| format!("{kind} {name}")).collect()
}

/// What the clients export.
fn clients() -> BTreeSet<String> {
    let python = read("clients/python/lastseat/__init__.py");
    let (_, all) = python.split_once("__all__ = [").expect("what is exported");
    let all = all.split(']').next().unwrap_or_default().split('"').skip(1).step_by(2);
    let mut found: BTreeSet<_> = all.map(|name| format!("client python {name}")).collect();
    let typescript = read("clients/typescript/src/index.ts");
    for export in typescript.split("\nexport ").skip(1) {
        let names = export.split('{').nth(1).and_then(|rest| rest.split('}').next());
        let names = names.unwrap_or_default().split(',').map(str::trim);
        let names = names.map(|name| name.trim_start_matches("type ").trim());
        found.extend(names.filter(|n| !n.is_empty()).map(|n| format!("client typescript {n}")));
    }
    found
}

/// The fields of a plan as people write it: those of the types that read it.
fn of_plans() -> BTreeSet<String> {
    let code = read("shared/src/plan/document.rs");
    let mut owner = "";
    let mut found = BTreeSet::new();
    for line in code.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("pub struct ") {
            owner = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            owner = owner.trim_end_matches("Document");
        }
        let Some((field, _)) = line.strip_prefix("pub ").and_then(|rest| rest.split_once(": "))
        else {
            continue;
        };
        if field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            found.insert(format!("plan {owner}.{field}"));
        }
    }
    found
}

/// All that there is now.
fn present() -> BTreeSet<String> {
    let mut found: BTreeSet<String> = codes().collect();
    found.extend(of_commands());
    found.extend(variables());
    for file in ["docs/openapi.json", "docs/openapi-operators.json"] {
        of_the_api(file, &mut found);
    }
    found.extend(headers());
    found.extend(rows("ARCHITECTURE.md", "\n## Keys in Redis\n", "key"));
    let metrics = rows("docs/OBSERVABILITY.md", "\n## Metrics\n", "metric");
    found.extend(metrics.into_iter().filter(|name| name.starts_with("metric lastseat_")));
    let events = read("docs/howto/webhooks.md");
    let (_, table) = events.split_once("\n| event |").expect("the table of events");
    let events = table.split("\n\n").next().unwrap_or_default();
    let events = events.lines().filter_map(|row| row.strip_prefix("| `")?.split(" | ").next());
    let events = events.flat_map(|cell| cell.split('`').step_by(2)).filter(|name| name.len() > 2);
    found.extend(events.map(|name| format!("event {name}")));
    found.extend(clients());
    found.extend(of_plans());
    found
}

const HEAD: &str = "\
# Each name that docs/COMPATIBILITY.md promises to keep, by kind. `make docs` adds what is new; a
# test fails where one of these is gone. A line is taken out by hand, with the release that may do
# so and a line in the CHANGELOG.
";

#[test]
fn every_name_that_was_promised_is_still_there() {
    let present = present();
    for (kind, _) in KINDS {
        let count = present.iter().filter(|line| line.starts_with(&format!("{kind} "))).count();
        assert!(count >= 10, "{count} lines of {kind} were found");
    }
    let path = root().join(LIST);
    let promised = |text: &str| -> BTreeSet<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    let listed = promised(&fs::read_to_string(&path).unwrap_or_default());
    if env::var_os("LASTSEAT_WRITE_DOCS").is_some() {
        let all: Vec<_> = listed.union(&present).cloned().collect();
        fs::write(&path, format!("{HEAD}{}\n", all.join("\n"))).unwrap();
    }
    let listed = promised(&read(LIST));
    let gone: Vec<_> = listed.difference(&present).collect();
    let new: Vec<_> = present.difference(&listed).collect();
    assert!(gone.is_empty(), "promised in {LIST}, and gone: {gone:#?}");
    assert!(new.is_empty(), "not in {LIST} yet: {new:#?}. Run 'make docs'");
}

#[test]
fn the_page_on_compatibility_has_a_row_for_each_kind_of_name() {
    let page = read("docs/COMPATIBILITY.md");
    for (kind, title) in KINDS {
        let row = page.lines().find(|line| line.starts_with(&format!("| **{title}**")));
        let row = row.unwrap_or_else(|| panic!("docs/COMPATIBILITY.md has no row {title}"));
        assert!(row.contains(&format!("`{kind}`")), "the row {title} does not name `{kind}`");
    }
    let kinds: BTreeSet<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let list = read(LIST);
    let strange = list.lines().filter(|line| !line.starts_with('#'));
    let strange = strange.filter(|line| !kinds.contains(line.split(' ').next().unwrap_or("")));
    assert_eq!(strange.count(), 0, "{LIST} has a kind that the page does not explain");
}
