//! docs/evidence/DRILLS.md, and the table of faults in docs/GUARANTEES.md.

use super::report::{CheckOutcome, FaultTestReport};
use super::table::{DRILLS, Drill};
use crate::rush::report::thousands;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = "docs/evidence/DRILLS.md";
const GUARANTEES: &str = "docs/GUARANTEES.md";
const TESTS: &str = "tests/tests/system/drills/mod.rs";
/// Between these the table of faults stands.
const BEGIN: &str = "<!-- drills: written by make drill -->";
const END: &str = "<!-- /drills -->";

const INTRO: &str = "\
# Drills

Written by `make drill`; do not edit. Each drill starts a system of real processes, does \
something to it while a crowd buys,
and then holds every answer against the ledger, in both directions: each \"yes\" is there once, \
nothing is there that nobody
was told of, an outcome that stayed unknown was asked again under the same key until it was \
known, some winners asked once
more and heard the same, `capacity = free + held + confirmed`, and all tickets are sold when \
enough buyers came. A drill keeps its
promises or is marked BROKEN with the reason. What buyers see, and why: \
[FAILOVER](../FAILOVER.md). What is promised:
[GUARANTEES](../GUARANTEES.md#faults).

Links are broken by a TCP proxy of ours (`tests/src/harness/proxy/mod.rs`) that delays, cuts, \
takes without an answer, and loses the
reply to a request that it has handed on.

";

const AGAIN: &str = "\
A seed gives the moments, the nodes and the buyers' keys; what the machine does in between is its \
own.
One again: `./target/release/tools drill --long --only NAME --seed SEED`. All: `make drill` \
(`ROUNDS=1` for one round). Short forms
of all are in `make test`.
";

/// What stands before the drills that the report does not have.
const NOT_RUN: &str = "
## Not run yet

Newer than this page. Their short forms are in `make test`.

| drill | what is done | what must hold |
|---|---|---|
";

/// Writes both pages below `root`; where they are.
///
/// # Errors
/// One cannot be read or written, or has no place for the table.
pub fn write(report: &FaultTestReport, root: &Path) -> Result<Vec<PathBuf>> {
    let (drills, guarantees) = (root.join(PAGE), root.join(GUARANTEES));
    let old = fs::read_to_string(&guarantees).with_context(|| GUARANTEES.to_owned())?;
    let new = with_table(&old, report, &tests(root)?)?;
    for (path, text) in [(&drills, page(report)), (&guarantees, new)] {
        fs::write(path, text).with_context(|| path.display().to_string())?;
    }
    Ok(vec![drills, guarantees])
}

/// The page of `report`.
#[must_use]
pub fn page(report: &FaultTestReport) -> String {
    let mut out = INTRO.to_owned();
    let seconds: f64 = report.drills.iter().map(|drill| drill.seconds).sum();
    let good = report.drills.iter().filter(|drill| kept(drill)).count();
    let form = if report.long { "long" } else { "short" };
    let machine = &report.machine;
    let _ = writeln!(
        out,
        "**{good} of {} drills kept every promise**, in {:.0} minutes on {}, commit `{}`, {form} \
         forms. {} with {} processors, {} GiB, {}. {}.\n",
        report.drills.len(),
        seconds / 60.0,
        report.day,
        report.commit,
        machine.processor,
        machine.processors,
        machine.memory_mib / 1_024,
        machine.system,
        machine.programs.join(", "),
    );
    out += AGAIN;
    out += "\n| drill | what is done | what must hold | seed | buyers | tickets | heard a 5xx | \
        longest answer | result |\n";
    out += "|---|---|---|---|---|---|---|---|---|\n";
    for drill in &report.drills {
        let (done, holds) = halves(drill);
        let _ = writeln!(
            out,
            "| [`{0}`](#{0}) | {done} | {holds} | {1} | {2} | {3} | {4} | {5} ms | {6} |",
            drill.name,
            drill.seed,
            thousands(drill.buyers),
            thousands(drill.granted),
            thousands(drill.faults_seen),
            thousands(drill.slowest_ms),
            if kept(drill) { "kept" } else { "**BROKEN**" },
        );
    }
    let missing = DRILLS.iter().filter(|drill| runs_of(report, drill.name).is_empty());
    let missing: Vec<&Drill> = missing.collect();
    if !missing.is_empty() {
        out += NOT_RUN;
        for Drill { name, done, holds, .. } in missing {
            let _ = writeln!(out, "| `{name}` | {done} | {holds} |");
        }
    }
    out += "\n## What was done and measured\n";
    let mut told = Vec::new();
    for drill in &report.drills {
        if told.contains(&drill.name) {
            let _ = write!(out, "\nAgain, seed {}:\n\n", drill.seed);
        } else {
            let _ = write!(out, "\n### {}\n\n", drill.name);
            told.push(drill.name);
        }
        for action in &drill.actions {
            let _ = writeln!(out, "- {action}");
        }
        for (name, value) in &drill.measures {
            let _ = writeln!(out, "- {name}: **{value}**");
        }
        for violation in &drill.violations {
            let _ = writeln!(out, "- BROKEN: {violation}");
        }
    }
    out
}

/// The test that runs the short form of each drill, by the drill's name.
///
/// # Errors
/// The tests cannot be read.
pub fn tests(root: &Path) -> Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(root.join(TESTS)).context(TESTS)?;
    let (mut tests, mut test) = (BTreeMap::new(), "");
    for line in text.lines() {
        if let Some((name, _)) = line.strip_prefix("async fn ").and_then(|f| f.split_once('(')) {
            test = name;
        }
        if let Some((drill, _)) =
            line.trim().strip_prefix("kept(\"").and_then(|d| d.split_once('"'))
        {
            tests.insert(drill.to_owned(), test.to_owned());
        }
    }
    Ok(tests)
}

/// `old` with the table of faults of `report` in its place.
///
/// # Errors
/// It has no place for it.
fn with_table(
    old: &str,
    report: &FaultTestReport,
    tests: &BTreeMap<String, String>,
) -> Result<String> {
    let place = || format!("{GUARANTEES} has no lines {BEGIN} and {END}");
    let (head, rest) = old.split_once(BEGIN).with_context(place)?;
    let (_, tail) = rest.split_once(END).with_context(place)?;
    let mut table = String::from(
        "\n\n| fault | promise | scope | test | last result |\n|---|---|---|---|---|\n",
    );
    for drill in &DRILLS {
        let Drill { name, done, holds, .. } = *drill;
        let test = tests.get(name).with_context(|| format!("{TESTS} has no test of {name}"))?;
        let runs = runs_of(report, name);
        let Some(last) = runs.last() else {
            let _ = writeln!(
                table,
                "| {done} | {holds} | – | `{test}` | [not run \
                 yet](evidence/DRILLS.md#not-run-yet) |"
            );
            continue;
        };
        let good = runs.iter().filter(|drill| kept(drill)).count();
        let faults: u64 = runs.iter().map(|drill| drill.faults_seen).sum();
        let buyers: u64 = runs.iter().map(|drill| drill.buyers).sum();
        let longest = runs.iter().map(|drill| drill.slowest_ms).max().unwrap_or(0);
        let _ = writeln!(
            table,
            "| {done} | {holds} | {} buyers, edges of {} | `{test}` | [{good} of {} \
             kept](evidence/DRILLS.md#{name}); {} heard a 5xx, longest answer {} ms |",
            thousands(buyers),
            last.edge.as_str(),
            runs.len(),
            thousands(faults),
            thousands(longest),
        );
    }
    Ok(format!("{head}{BEGIN}{table}\n{END}{tail}"))
}

/// The runs of the drill `name`.
fn runs_of<'a>(report: &'a FaultTestReport, name: &str) -> Vec<&'a CheckOutcome> {
    report.drills.iter().filter(|drill| drill.name == name).collect()
}

fn kept(drill: &CheckOutcome) -> bool {
    drill.violations.is_empty()
}

/// What is done, and what must hold.
fn halves(drill: &CheckOutcome) -> (&str, &str) {
    drill.sentence.split_once(": ").unwrap_or((&drill.sentence, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drill::scene::Record;
    use crate::harness::Edge;
    use crate::harness::paths::repository;
    use std::time::Duration;

    fn outcome(name: &str, seed: u64, violations: &[&str]) -> CheckOutcome {
        let noted = Record {
            buyers: 2_500,
            granted: 2_250,
            faults: 3,
            slowest: Duration::from_millis(1_234),
            actions: vec!["1.0 s, 7 sold: kill -9 of node 2".to_owned()],
            measures: vec![("serves again after".to_owned(), "900 ms".to_owned())],
            violations: violations.iter().map(|word| (*word).to_owned()).collect(),
            ..Record::default()
        };
        let drill = Drill::named(name).unwrap();
        CheckOutcome::of(drill, Edge::Workerd, seed, Duration::from_secs(60), noted)
    }

    #[test]
    fn a_broken_promise_is_on_the_page_with_its_seed_and_its_reason() {
        let report = FaultTestReport {
            drills: vec![
                outcome("node-killed", 7, &[]),
                outcome("tail-cut", 8, &["oversold: 2 of 1"]),
                outcome("node-killed", 9, &[]),
            ],
            ..FaultTestReport::default()
        };
        let page = page(&report);
        for part in [
            "**2 of 3 drills kept every promise**, in 3 minutes",
            "| [`node-killed`](#node-killed) | kill -9 of a node | no fault reaches a buyer, it \
             serves again | 7 | 2,500 | 2,250 | 3 | 1,234 ms | kept |",
            "| 8 | 2,500 | 2,250 | 3 | 1,234 ms | **BROKEN** |",
            "- BROKEN: oversold: 2 of 1\n",
            "Again, seed 9:",
            "\n## Not run yet\n",
            "| `node-frozen` | a node freezes for seconds | it is left alone within a second and \
             serves again within ten |\n",
        ] {
            assert!(page.contains(part), "{part} is missing in\n{page}");
        }
        let old = format!("before\n{BEGIN}\nstale\n{END}\nafter\n");
        let tests = tests(&repository()).unwrap();
        let new = with_table(&old, &report, &tests).unwrap();
        assert!(new.starts_with("before\n") && new.ends_with("\nafter\n"));
        assert!(!new.contains("stale"));
        assert!(new.contains("[2 of 2 kept](evidence/DRILLS.md#node-killed)"), "{new}");
        assert!(new.contains("[0 of 1 kept](evidence/DRILLS.md#tail-cut)"), "{new}");
        assert!(new.contains("[not run yet](evidence/DRILLS.md#not-run-yet) |\n"), "{new}");
        assert!(with_table("nothing", &report, &tests).is_err());
    }
}
