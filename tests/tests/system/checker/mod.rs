//! The independent checker (`tests/checker`, docs/evidence/CHECKER.md) on the program under test: a
//! short run with a fixed seed. `make soak` makes long ones.

use lastseat_tests::harness::paths::{lastseat, repository, tool};
use std::process::{Command, Output};

/// Runs the checker on `program`.
fn check(arguments: &[&str]) -> (Output, String) {
    let program = lastseat().expect("the program under test");
    let output = Command::new(tool("python3"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/checker/main.py"))
        .arg("--bin")
        .arg(program)
        .args(arguments)
        .output()
        .expect("python3 runs");
    let said = [&output.stdout[..], &output.stderr[..]].map(String::from_utf8_lossy).concat();
    (output, said)
}

#[test]
fn a_run_under_every_fault_breaks_no_rule_of_the_independent_checker() {
    let (output, said) = check(&["--seed", "3", "--seconds", "25", "--sales", "40"]);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("clean"), "{said}");
}

#[test]
fn a_run_without_faults_breaks_no_rule_of_the_independent_checker() {
    let (output, said) = check(&["--seed", "1", "--seconds", "3", "--faults", ""]);
    assert_eq!(output.status.code(), Some(0), "{said}");
}
