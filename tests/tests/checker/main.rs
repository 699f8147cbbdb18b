//! The independent checker (`tests/checker`, in Python) on the release binary: short runs here, hours by `make soak`.

use lastseat_tests::harness::paths::{lastseat, repository};
use std::process::{Command, Output};

fn checked(seed: u32, more: &[&str]) -> Output {
    let mut command = Command::new("python3");
    command
        .arg(repository().join("tests/checker/main.py"))
        .args(["--seed", &seed.to_string(), "--bin"])
        .arg(lastseat().expect("the program"))
        .args(more);
    command.output().expect("python3 runs")
}

fn assert_clean(seed: u32, more: &[&str]) {
    let output = checked(seed, more);
    let said = String::from_utf8_lossy(&output.stdout);
    let notes = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "{more:?}\n{said}\n{notes}");
}

#[test]
fn an_independent_checker_finds_nothing_wrong_under_faults_of_all_kinds() {
    assert_clean(1, &["--seconds", "15", "--sales", "4", "--start", "plain"]);
}

#[test]
fn an_independent_checker_finds_nothing_wrong_where_files_are_torn_and_started_on_twice() {
    let torn = ["--faults", "torn,cut", "--seconds", "10"];
    assert_clean(
        2,
        &[&torn[..], &["--start", "whole", "--sales", "2"]].concat(),
    );
    assert_clean(
        3,
        &[&torn[..], &["--start", "plain", "--sales", "40"]].concat(),
    );
}

/// That it finds what is wrong, `tests/checker/planted.py` shows.
#[test]
fn a_fault_that_does_not_exist_is_named() {
    let output = checked(4, &["--seconds", "1", "--faults", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
    let notes = String::from_utf8_lossy(&output.stderr);
    assert!(notes.contains("there is no fault 'nonsense'"), "{notes}");
}
