//! The documents for newcomers, followed word for word: each block marked `sh run` is run, all of a
//! document in one shell, and what a block marked `text shows` says must be in what came out.

use lastseat_cluster::process::free_port;
use lastseat_tests::harness::document::Document;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::{Cluster, Edge, Program, Setup};
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

/// A document takes a tenth of it on an idle machine.
const ENDS_WITHIN: Duration = Duration::from_secs(400);

/// A cluster as `make up` starts it, but for the ports and the kind of edge.
fn make_up() -> Cluster {
    let cluster = Cluster::start(&Setup {
        arguments: vec!["--demo".to_owned()],
        ..Setup::with_edge(Edge::Workerd)
    });
    cluster.expect("a cluster")
}

/// Follows the document `name` beside `cluster`.
fn follow(name: &str, cluster: &Cluster) {
    let document = Document::read(name);
    let program = lastseat().expect("the program");
    let programs = program.parent().expect("its folder").display().to_string();
    let port = || free_port().expect("a port");
    let receiver = port();
    let places = [
        ("$PWD/target/release", programs),
        ("http://127.0.0.1:8787", cluster.edges[0].clone()),
        ("http://127.0.0.1:9000", format!("http://127.0.0.1:{receiver}")),
        (" 9000 ", format!(" {receiver} ")),
        ("127.0.0.1:9100", format!("127.0.0.1:{}", port())),
        ("127.0.0.1:9200", format!("127.0.0.1:{}", port())),
        (".lastseat/", format!("{}/", cluster.data_dir().display())),
    ];
    // A clone without what was built; files that a document writes do not stay.
    let clone = scratch().expect("room");
    for part in ["clients", "deploy", "docs", "examples", "scripts"] {
        symlink(repository().join(part), clone.path().join(part)).expect("a link");
    }
    let script = clone.path().join("script");
    fs::write(&script, document.script(&places)).expect("a script");
    let path = env::var("PATH").expect("PATH");
    let node = repository().join("node_modules/.bin");
    let mut command = Command::new("bash");
    command
        .arg(&script)
        .current_dir(clone.path())
        .env_remove("REDIS_URL")
        .env("PATH", format!("{}:{path}", node.display()))
        .env("LASTSEAT_DATA_DIR", cluster.data_dir());
    let mut reader = Program::start(name, command).expect("bash");
    let status = reader.wait(ENDS_WITHIN).expect("it ends");
    let mut lines = Vec::new();
    while let Ok(line) = reader.line(Duration::from_millis(200)) {
        lines.push(line);
    }
    assert!(status.success(), "{name}: {status}\n{}", lines.join("\n"));
    document.compare(&lines);
}

#[test]
fn the_tutorial_can_be_followed_word_for_word() {
    follow("docs/TUTORIAL.md", &make_up());
}

#[test]
fn the_how_to_pages_that_can_be_run_do_what_they_show() {
    let cluster = make_up();
    for page in [
        "a-shop-of-your-own",
        "holds-and-payments",
        "limit-per-person",
        "restock-and-returns",
        "tokens",
        "sell-a-train",
        "webhooks",
    ] {
        follow(&format!("docs/howto/{page}.md"), &cluster);
    }
}
