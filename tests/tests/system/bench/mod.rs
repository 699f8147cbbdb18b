//! The program behind `make bench`, run as a user runs it, with two measures that need nothing but
//! `make setup`.

use lastseat_tests::harness::paths::{repository, scratch};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};

#[test]
fn a_run_of_two_measures_is_audited_and_leaves_a_report_that_any_program_can_read() {
    let to = scratch().unwrap();
    let page = repository().join("docs/evidence/BENCHMARKS.md");
    let before = fs::read_to_string(&page).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tools"))
        .arg("bench")
        .args("--quick --rounds 1 --only M5 --only m12 --json --out".split(' '))
        .arg(to.path())
        .output()
        .unwrap();
    let notes = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{notes}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let written = fs::read_to_string(to.path().join("report.json")).unwrap();
    assert_eq!(said, serde_json::from_str::<Value>(&written).unwrap());

    let rows = said["measures"].as_array().unwrap();
    let row = |id: &str, name: &str| {
        let found = rows.iter().find(|row| row["id"] == id && row["row"] == name);
        found.unwrap_or_else(|| panic!("no {id} {name} in {said}"))
    };
    let engine = row("M5", "256-r");
    let (ours, peer) = (engine["ours"].as_f64().unwrap(), engine["peer"].as_f64().unwrap());
    assert!(ours > 0.0 && peer > 0.0, "{engine}");
    let ratio = engine["ratio"].as_f64().unwrap();
    assert!((ratio - ours / peer).abs() < 1e-9, "one round has one ratio: {engine}");
    assert_eq!((&engine["goal"], &engine["better"]), (&0.95.into(), &"higher".into()));
    // Whatever else the machine does, this is a count.
    assert_eq!(
        (&row("M12", "off")["ours"], &row("M12", "off")["met"]),
        (&0.0.into(), &true.into())
    );
    assert_eq!(said["made"]["M5"]["quick"], true);
    let text = fs::read_to_string(to.path().join("BENCHMARKS.md")).unwrap();
    assert!(text.contains("**A trial (`--quick`): the figures mean nothing.**"), "{text}");
    assert_eq!(fs::read_to_string(&page).unwrap(), before, "a trial is not published");
}

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tools"));
    command.arg("bench").args(arguments).output().unwrap()
}

#[test]
fn the_list_names_each_measure_with_its_time() {
    let output = bench(&["--list"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), 24, "{text}");
    let wrong = bench(&["--only", "M99"]);
    assert_eq!(wrong.status.code(), Some(2));
}
