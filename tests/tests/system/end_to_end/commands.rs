//! How `lastseat cluster` behaves as a command: it says what is in its way, and leaves nothing
//! behind.

use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Cluster, Durability, Edge, PrivateRedis, Program, Setup};
use rustix::process::Signal;
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// `lastseat cluster` without an edge, with a data directory that lives as long as it does.
fn cluster(arguments: &[&str]) -> (Command, TempDir) {
    let directory = scratch().unwrap();
    let mut command = Command::new(lastseat().unwrap());
    command
        .current_dir(repository())
        .env_remove("REDIS_URL")
        .args(["cluster", "--json", "--edge", "none", "--data-dir"])
        .arg(directory.path())
        .args(arguments);
    (command, directory)
}

/// Expects the command to end with an error that has each of `words`, and nothing on standard
/// output.
fn assert_refuses((command, _directory): (Command, TempDir), words: &[&str]) -> i32 {
    let mut program = Program::start("lastseat cluster", command).unwrap();
    let children = program.children();
    let status = program.wait(ENDS_WITHIN).unwrap();
    assert!(!status.success());
    until(&format!("a message with {words:?}"), || {
        let notes = program.notes();
        words.iter().all(|word| notes.contains(word)).then_some(())
    });
    assert!(program.line(ENDS_WITHIN).is_err(), "notes go to stderr");
    assert!(!program.notes().contains("panicked"), "{}", program.notes());
    until("its children are gone", || children.iter().all(|child| !child.is_alive()).then_some(()));
    status.code().expect("it ends by itself")
}

#[test]
fn a_port_that_is_taken_is_named_with_the_flag_that_changes_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let ports = format!("{port},0,0,0");
    assert_refuses(cluster(&["--ports", &ports]), &[&port, "--ports"]);
}

#[test]
fn a_missing_redis_server_is_named_with_the_line_that_installs_it() {
    let empty = scratch().unwrap();
    let (mut command, directory) = cluster(&["--ports", "0,0,0,0"]);
    command.env("PATH", empty.path());
    assert_refuses((command, directory), &["redis-server", "install"]);
}

#[test]
fn a_redis_that_cannot_be_reached_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let url = format!("redis://{address}/");
    let arguments = ["--ports", "0,0,0,0", "--redis-url", &url];
    assert_refuses(cluster(&arguments), &[&address]);
}

#[test]
fn a_redis_that_may_evict_orders_is_refused_with_the_remedy() {
    let redis = PrivateRedis::start_with(
        Durability::Always,
        &["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"],
    );
    let arguments = ["--ports", "0,0,0,0", "--redis-url", &redis.url()];
    assert_refuses(cluster(&arguments), &["allkeys-lru", "noeviction"]);
}

#[test]
fn a_wrong_flag_is_named_with_where_to_look() {
    let code = assert_refuses(cluster(&["--bogus"]), &["--bogus", "--help"]);
    assert_eq!(code, 2);
    assert_refuses(cluster(&["--ports", "1,2,x,4"]), &["--ports"]);
    assert_refuses(cluster(&["--weights", "0,0,0,0"]), &["--weights"]);
}

#[tokio::test]
async fn a_redis_of_the_users_own_is_used_and_left_running() {
    let redis = PrivateRedis::start(Durability::Always);
    let setup = Setup {
        arguments: vec!["--redis-url".to_owned(), redis.url()],
        ..Setup::with_edge(Edge::None)
    };
    for sale in ["first", "second"] {
        let cluster = Cluster::start(&setup).unwrap();
        cluster.create_sale(sale, 5).await.unwrap();
        assert_eq!(cluster.audit("first").await.unwrap().free, 5, "it is still there");
        cluster.stop().unwrap();
    }
}

fn assert_ends_clean_on_ctrl_c(edge: Edge, processes: usize) {
    let mut cluster = Cluster::with_edge(edge);
    let program = cluster.program();
    let children = program.children();
    assert!(children.len() >= processes, "{children:?}");
    // As a terminal does: to everything in the foreground.
    let ended = program.stop_after(|program| program.signal_group(Signal::INT));
    ended.unwrap_or_else(|e| panic!("{edge:?}: {e:#}"));
}

#[test]
fn ctrl_c_leaves_no_process_behind() {
    // Redis and four nodes; bare workerd and a gateway are one more, wrangler Node and two workerd.
    assert_ends_clean_on_ctrl_c(Edge::None, 5);
    assert_ends_clean_on_ctrl_c(Edge::Workerd, 6);
    assert_ends_clean_on_ctrl_c(Edge::Gateway, 6);
    assert_ends_clean_on_ctrl_c(Edge::Wrangler, 8);
}
