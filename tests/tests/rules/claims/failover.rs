//! The column "last measured" of docs/FAILOVER.md: what docs/evidence/DRILLS.md says of the drill
//! that a row names. `make docs` writes it; the test compares.

use crate::claims::{quoted, read, root};
use lastseat_tests::drill::DRILLS;
use std::env;
use std::fs;

const PAGE: &str = "docs/FAILOVER.md";
const HEAD: &str = "| drill | last measured |";

/// The cells of a row of a table.
fn cells(row: &str) -> Vec<&str> {
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// What `report` says of `drill`: how many buyers met a fault, how long the slowest waited, and
/// each measure that says after what time something was again as before.
fn measured(report: &str, drill: &str) -> String {
    let begins = format!("| [`{drill}`](#{drill}) |");
    let row = report.lines().find(|line| line.starts_with(&begins));
    let row = cells(row.unwrap_or_else(|| panic!("DRILLS.md has no drill {drill}")));
    let [.., buyers, _, faults, longest, _] = row.as_slice() else {
        panic!("DRILLS.md has a row without cells: {row:?}");
    };
    let mut said = Vec::new();
    if *buyers != "0" {
        said.push(format!("{faults} of {buyers} buyers received a 5xx; longest answer {longest}"));
    }
    let section = report.split(&format!("\n### {drill}\n")).nth(1).unwrap_or_default();
    let last = section.split("\n### ").next().unwrap_or_default();
    let last = last.rsplit("\nAgain, seed ").next().unwrap_or_default();
    for line in last.lines() {
        let measure = line.strip_prefix("- ").and_then(|line| line.split_once(": **"));
        if let Some((name, value)) = measure
            && name.ends_with("after")
        {
            said.push(format!("{name} {}", value.trim_end_matches("**")));
        }
    }
    said.join("; ")
}

#[test]
fn the_column_of_what_was_measured_last_is_what_the_page_of_drills_says() {
    let (page, report) = (read(PAGE), read("docs/evidence/DRILLS.md"));
    let mut lines = Vec::new();
    let (mut inside, mut rows, mut wrong) = (false, 0, Vec::new());
    for line in page.lines() {
        inside = line.ends_with(HEAD) || (inside && line.starts_with('|'));
        if !inside || line.ends_with(HEAD) || line.starts_with("|---") {
            lines.push(line.to_owned());
            continue;
        }
        let cells = cells(line);
        let [what, seen, long, named, said] = cells.as_slice() else {
            panic!("{PAGE}: a row has other cells: {line}");
        };
        let drill = quoted(named).next().unwrap_or_default();
        assert!(DRILLS.iter().any(|known| known.name == drill), "{PAGE}: no drill {named}");
        let cell = measured(&report, drill);
        if *said != cell {
            wrong.push(format!("{drill}: {cell}"));
        }
        lines.push(format!("| {what} | {seen} | {long} | {named} | {cell} |"));
        rows += 1;
    }
    assert!(rows > 10, "{PAGE} has no table of drills");
    if env::var_os("LASTSEAT_WRITE_DOCS").is_some() {
        fs::write(root().join(PAGE), lines.join("\n") + "\n").unwrap();
        return;
    }
    assert!(wrong.is_empty(), "run `make docs`:\n{}", wrong.join("\n"));
}
