//! The example of a shop's day, run as a reader of the documentation would.

use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::{Cluster, Edge, Program};
use std::process::Command;
use std::time::Duration;

/// It takes a tenth of that on an idle machine.
const ENDS_WITHIN: Duration = Duration::from_secs(400);

/// Each step of the script checks its own outcome and the audit, so its exit code says it all.
#[test]
fn a_shops_day_can_be_scripted_with_curl_and_the_command_line() {
    let cluster = Cluster::with_edge(Edge::Workerd);
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
}
