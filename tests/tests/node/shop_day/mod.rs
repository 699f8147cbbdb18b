//! The example of a shop's day, run as a reader of the documentation would, on a Redis that lets
//! lastseat do no more than `deploy/redis/users.acl` says.

mod users;

use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::{Cluster, Edge, Program, Setup};
use std::process::{Command, Output};
use std::time::Duration;
use users::GuardedRedis;

/// It takes a tenth of that on an idle machine.
const ENDS_WITHIN: Duration = Duration::from_secs(400);

/// Each step of the script checks its own outcome and the audit, so its exit code says it all.
#[test]
fn a_shops_day_can_be_scripted_with_curl_and_needs_no_more_of_redis_than_its_user_may_do() {
    let redis = GuardedRedis::start();
    let setup = Setup {
        environment: vec![("REDIS_URL".to_owned(), redis.url())],
        ..Setup::with_edge(Edge::under_test())
    };
    let cluster = Cluster::start(&setup).unwrap();
    let mut command = Command::new(repository().join("docs/examples/shop-day.sh"));
    command
        .env_remove("REDIS_URL")
        .env("LASTSEAT", lastseat().unwrap())
        .env("LASTSEAT_DATA_DIR", cluster.data_dir());
    let mut day = Program::start("shop-day.sh", command).unwrap();
    let status = day.wait(ENDS_WITHIN).unwrap();
    let mut lines = Vec::new();
    while let Ok(line) = day.line(Duration::from_millis(200)) {
        lines.push(line);
    }
    let (said, notes) = (lines.join("\n"), day.notes());
    assert!(status.success(), "{status}\n{said}\n{notes}");
    assert!(said.contains("== a good day: 3006 tickets sold"), "{said}");

    // What the day does not show: webhooks, and the check of the server.
    let relayed = run(&cluster, &["relay", "demo", "--once", "--to", "http://127.0.0.1:9/"]);
    assert!(relayed.contains("demo"), "{relayed}");
    // A sale that has ended is moved to the list of those.
    run(&cluster, &["sale", "create", "past", "--capacity", "1"]);
    run(&cluster, &["sale", "close", "past"]);
    lastseat_tests::harness::wait::until("the sale has ended", || {
        let ended = redis.hears("lastseat", &["SMEMBERS", "lastseat:ended:{lastseat:sales}"]);
        ended.contains("past").then_some(())
    });
    let listed = run(&cluster, &["sale", "list"]);
    assert!(listed.contains("past"), "{listed}");
    let checked = run(&cluster, &["doctor"]);
    assert!(checked.contains("0 to change"), "{checked}");
    assert_eq!(redis.denied(), Vec::<String>::new());
    assert_eq!(redis.allowed_in_vain(), Vec::<String>::new());
}

/// What `lastseat` says on the ledger of `cluster`.
fn run(cluster: &Cluster, words: &[&str]) -> String {
    let mut command = Command::new(lastseat().unwrap());
    command.current_dir(repository()).args(words);
    command.env_remove("REDIS_URL").env("LASTSEAT_DATA_DIR", cluster.data_dir());
    command.env("LASTSEAT_WEBHOOK_SECRET", "a-secret-of-thirty-two-characters");
    let Output { stdout, stderr, .. } = command.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr))
}
