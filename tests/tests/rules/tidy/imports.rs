//! The direction of imports: between crates, and between the modules of one crate.

use crate::tidy::source::{code_of, imports, without_tests};
use crate::tidy::{assert_none, files, read};
use std::collections::{BTreeMap, BTreeSet};

/// Each crate: its folder, its name in code, and the crates of the workspace that it may use.
const CRATES: [(&str, &str, &[&str]); 10] = [
    ("shared", "shared", &[]),
    ("edge", "edge", &["lastseat-shared"]),
    ("origin/ledger", "lastseat_ledger", &["lastseat-shared"]),
    ("origin/http", "lastseat_http", &["lastseat-shared"]),
    ("origin/link", "lastseat_link", &["lastseat-shared"]),
    ("origin/gateway", "lastseat_gateway", &["lastseat-http", "lastseat-link", "lastseat-shared"]),
    ("origin/node", "lastseat_node", &["lastseat-http", "lastseat-ledger", "lastseat-shared"]),
    (
        "origin/cluster",
        "lastseat_cluster",
        &["lastseat-ledger", "lastseat-node", "lastseat-shared"],
    ),
    (
        "origin/cli",
        "lastseat",
        &[
            "lastseat-cluster",
            "lastseat-gateway",
            "lastseat-http",
            "lastseat-ledger",
            "lastseat-node",
            "lastseat-shared",
        ],
    ),
    (
        "tests",
        "lastseat_tests",
        &[
            "lastseat",
            "lastseat-cluster",
            "lastseat-gateway",
            "lastseat-http",
            "lastseat-ledger",
            "lastseat-link",
            "lastseat-node",
            "lastseat-shared",
        ],
    ),
];

/// What a crate must not depend on beside: it has no business there.
const FOREIGN: [(&str, &[&str]); 5] = [
    ("origin/ledger", &["axum", "clap", "http", "hyper", "opentelemetry", "rustix"]),
    ("origin/gateway", &["axum", "clap", "redis", "rustix"]),
    ("origin/http", &["axum", "clap", "redis", "rustix", "rustls"]),
    ("origin/node", &["clap", "redis", "rustix"]),
    ("origin/cluster", &["axum", "clap", "hyper"]),
];

/// Circles that stay for now: crate, module whose parts they are between, the parts, the reason.
const CIRCLES: [(&str, &str, &[&str], &str); 2] = [
    (
        "tests",
        "guard",
        &["origin", "paths"],
        "the table of paths names those of the origin, which share its constants",
    ),
    (
        "tests",
        "simulator",
        &["isolate", "judge", "node", "recovering", "world"],
        "the parts of the simulated world send each other events through it",
    ),
];

#[test]
fn a_crate_uses_only_the_crates_that_it_may() {
    let mut wrong = Vec::new();
    for (folder, _, allowed) in CRATES {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let table: toml::Table = manifest.parse().unwrap();
        let sections = ["dependencies", "dev-dependencies", "build-dependencies"];
        for section in sections.iter().filter_map(|name| table.get(*name)?.as_table()) {
            for name in section.keys() {
                if name.starts_with("lastseat") && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{folder} must not use {name}"));
                }
                let foreign = FOREIGN.iter().find(|(of, _)| *of == folder);
                if foreign.is_some_and(|(_, foreign)| foreign.contains(&name.as_str())) {
                    wrong.push(format!("{folder} must know nothing of {name}"));
                }
            }
        }
    }
    assert_none(&wrong, "crates depend on each other in one direction");
}

type Path = Vec<String>;

/// The modules of a crate with what each imports of the same crate.
struct Graph {
    modules: BTreeMap<Path, Vec<Path>>,
}

impl Graph {
    fn of(folder: &str) -> Self {
        let base = format!("{folder}/src/");
        let mut codes = BTreeMap::new();
        for file in files(&format!("{folder}/src"), &[".rs"]) {
            let name = file.trim_start_matches(&base).trim_end_matches(".rs");
            let mut path: Path = name.split('/').map(str::to_owned).collect();
            if path.last().is_some_and(|last| last == "mod" || last == "lib") {
                path.pop();
            }
            if path.first().is_some_and(|first| first == "bin" || first == "main") {
                continue;
            }
            codes.insert(path, code_of(&read(&file)));
        }
        let tests = test_modules(&codes);
        codes.retain(|path, _| !tests.iter().any(|test| path.starts_with(test)));
        let exported = exports(&codes);
        let known: BTreeSet<Path> = codes.keys().cloned().collect();
        let modules = codes.iter().map(|(module, code)| {
            let targets = paths_of(module, without_tests(code), &known);
            let targets = targets.into_iter().filter_map(|path| {
                // What the root only passes on is imported from where it is.
                let path = match path.as_slice() {
                    [name] if !known.contains(&path) => exported.get(name)?.clone(),
                    _ => path,
                };
                let end = (1..=path.len()).rev().find(|end| known.contains(&path[..*end]))?;
                Some(path[..end].to_vec())
            });
            (module.clone(), targets.collect())
        });
        Self { modules: modules.collect() }
    }

    /// The circles between the parts of `parent`, by the names of the parts.
    fn circles(&self, parent: &[String]) -> Vec<BTreeSet<String>> {
        let mut next: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
        for (module, targets) in &self.modules {
            let Some(part) = module.get(parent.len()).filter(|_| module.starts_with(parent)) else {
                continue;
            };
            let parts = next.entry(part).or_default();
            for target in targets.iter().filter(|target| target.starts_with(parent)) {
                parts.extend(target.get(parent.len()).filter(|other| *other != part));
            }
        }
        let reached = |from: &String| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(part) = open.pop() {
                for other in next.get(part).into_iter().flatten() {
                    if seen.insert((*other).clone()) {
                        open.push(other);
                    }
                }
            }
            seen
        };
        let reach: BTreeMap<&String, BTreeSet<String>> =
            next.keys().map(|part| (*part, reached(part))).collect();
        let mut circles = BTreeSet::new();
        for (part, others) in reach.iter().filter(|(part, others)| others.contains(**part)) {
            let back = |other: &&String| reach.get(*other).is_some_and(|r| r.contains(*part));
            circles.insert(others.iter().filter(back).cloned().collect::<BTreeSet<_>>());
        }
        circles.into_iter().collect()
    }
}

/// Modules that are declared for tests only.
fn test_modules(codes: &BTreeMap<Path, String>) -> Vec<Path> {
    let mut found = Vec::new();
    for (module, code) in codes {
        let mut lines = code.lines();
        while let Some(line) = lines.next() {
            if line != "#[cfg(test)]" {
                continue;
            }
            let declared = lines.next().unwrap_or_default();
            let name = declared.trim_start_matches("pub(crate) ").strip_prefix("mod ");
            if let Some(name) = name.and_then(|name| name.strip_suffix(';')) {
                found.push([module.as_slice(), &[name.to_owned()]].concat());
            }
        }
    }
    found
}

/// Names that the root of a crate passes on, with the module that has each.
fn exports(codes: &BTreeMap<Path, String>) -> BTreeMap<String, Path> {
    let root = codes.get(&Vec::new()).map_or("", String::as_str);
    let paths = imports(without_tests(root)).into_iter();
    paths.filter_map(|path| Some((path.last()?.clone(), path))).collect()
}

/// What `code` of `module` names of its own crate, from the root of the crate.
fn paths_of(module: &Path, code: &str, known: &BTreeSet<Path>) -> Vec<Path> {
    let mut paths = imports(code);
    for word in code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != ':') {
        if word.starts_with("crate::") || word.starts_with("super::") {
            paths.push(word.split("::").map(str::to_owned).collect());
        }
    }
    paths
        .into_iter()
        .filter_map(|path| match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([module.as_slice(), &path[1..]].concat()),
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                let kept = module.get(..module.len().checked_sub(up)?)?;
                Some([kept, &path[up..]].concat())
            }
            _ => {
                let child = [module.as_slice(), &path[..1]].concat();
                let is_child = known.contains(&child);
                is_child.then(|| [module.as_slice(), path.as_slice()].concat())
            }
        })
        .collect()
}

#[test]
fn no_modules_of_a_crate_import_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    let mut unused: BTreeSet<_> = CIRCLES.iter().map(|(of, parent, ..)| (*of, *parent)).collect();
    for (folder, ..) in CRATES {
        let graph = Graph::of(folder);
        let mut parents: BTreeSet<Path> = BTreeSet::from([Vec::new()]);
        parents.extend(graph.modules.keys().filter_map(|module| {
            let (_, parent) = module.split_last()?;
            Some(parent.to_vec())
        }));
        for parent in parents {
            let place = parent.join("::");
            for circle in graph.circles(&parent) {
                let listed = CIRCLES.iter().any(|(of, at, parts, _)| {
                    *of == folder && *at == place && circle.iter().eq(parts.iter())
                });
                if listed {
                    unused.retain(|(of, at)| *of != folder || *at != place);
                } else {
                    wrong.push(format!("{folder} {place}: {circle:?}"));
                }
            }
        }
    }
    wrong.extend(unused.iter().map(|listed| format!("{listed:?} is no circle any more")));
    assert_none(&wrong, "modules import in one direction");
}
