//! The worked shop of `examples/shop` with a payment provider of its own, in a real headless
//! Chromium (`tests/shop/*.mjs`): bought, declined, too late, killed in the middle.

use lastseat_tests::harness::paths::{api_tool, installed, lastseat, repository, scratch};
use lastseat_tests::harness::{Cluster, Edge, Program};
use std::process::Command;
use std::time::Duration;

/// Longest run of one script: far more than it takes on two busy cores.
const SCRIPT_WITHIN: Duration = Duration::from_secs(400);

/// Runs a script of `tests/shop` on a cluster.
fn in_the_shop(script: &str) {
    let cluster = Cluster::with_edge(Edge::under_test());
    let mut command = Command::new(installed("node"));
    command
        .current_dir(repository().join("tests/shop"))
        .env("LASTSEAT_CLUSTER", cluster.data_dir().join("cluster.json"))
        .env("LASTSEAT", lastseat().expect("the program"))
        .env("PYTHON", api_tool("python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["--test", "--test-reporter", "spec"])
        .args(["--test-reporter-destination", "stderr", script]);
    let mut browser = Program::start(script, command).expect("node starts. Run 'make setup-tests'");
    let ended = browser.wait(SCRIPT_WITHIN).expect("the script ends");
    assert!(ended.success(), "{script}:\n{}", browser.notes());
}

#[test]
fn a_buyer_pays_in_the_shop_once_and_has_the_tickets_or_the_money_back() {
    in_the_shop("buyers.mjs");
}

#[test]
fn a_shop_that_is_killed_between_the_payment_and_the_confirmation_finishes_the_order() {
    in_the_shop("crash.mjs");
}

#[test]
fn the_shop_takes_each_webhook_once_and_only_with_its_signature() {
    in_the_shop("hooks.mjs");
}

/// Runs a step to its end; what it said is shown where it fails.
fn run(command: &mut Command) {
    let ran = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = [&ran.stdout[..], &ran.stderr[..]].map(String::from_utf8_lossy).concat();
    assert!(ran.status.success(), "{command:?}: {}\n{said}", ran.status);
}

#[test]
fn the_calls_of_a_shop_with_the_client_and_without_it_do_the_same() {
    let cluster = Cluster::with_edge(Edge::under_test());
    run(Command::new(api_tool("python"))
        .env("LASTSEAT_CLUSTER", cluster.data_dir().join("cluster.json"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(repository().join("tests/shop/test_lines.py")));
}

#[test]
fn the_lines_that_an_integrator_writes_are_as_many_as_the_page_says() {
    let count = repository().join("examples/shop/lines/count.py");
    run(Command::new(api_tool("python")).env("PYTHONDONTWRITEBYTECODE", "1").arg(count));
}

#[test]
fn the_shop_is_typed_throughout() {
    let root = repository().canonicalize().expect("the repository");
    let scratch = scratch().expect("room");
    for (folder, programs) in [
        ("examples/shop", &["shop.py", "provider.py"][..]),
        ("examples/shop/lines", &["count.py", "with_client.py", "without_client.py"][..]),
    ] {
        run(Command::new(api_tool("mypy"))
            .current_dir(root.join(folder))
            .env("MYPYPATH", root.join("clients/python"))
            .args(["--strict", "--cache-dir"])
            .arg(scratch.path())
            .args(programs));
    }
}
