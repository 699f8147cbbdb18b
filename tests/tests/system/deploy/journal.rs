//! The journal of a sale as its unit writes it: it goes on where it ended, however it ended.

use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Program};
use rustix::process::Signal;
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const SALE: &str = "spring";

fn by(command: &mut Command, cluster: &Cluster) {
    let programs = lastseat().unwrap().parent().unwrap().display().to_string();
    command
        .env("PATH", format!("{programs}:{}", env::var("PATH").unwrap()))
        .env("LASTSEAT_DATA_DIR", cluster.data_dir());
}

fn journal(cluster: &Cluster, file: &Path) -> Program {
    let unit = fs::read_to_string(repository().join("deploy/systemd/lastseat-journal@.service"));
    let start = "ExecStart=/usr/local/lib/lastseat/journal %i /var/lib/lastseat-journal/%i.ndjson";
    assert!(unit.unwrap().lines().any(|line| line == start));
    let mut command = Command::new(repository().join("deploy/journal"));
    by(&mut command, cluster);
    command.arg(SALE).arg(file);
    Program::start("deploy/journal", command).expect("the journal")
}

/// The whole log as lines.
fn log(cluster: &Cluster) -> String {
    let mut command = Command::new(lastseat().unwrap());
    by(&mut command, cluster);
    let output = command.args(["orders", "export", SALE, "--ledger"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

async fn buy(cluster: &Cluster, from: usize) {
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    for n in from..from + 5 {
        let answer = client.order(SALE, None, &format!(r#"{{"buyer":"b{n}"}}"#)).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

fn has_all(file: &Path, cluster: &Cluster) {
    let wanted = log(cluster);
    until("the journal has the whole log, each line once", || {
        (fs::read_to_string(file).ok()? == wanted).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_of_a_sale_goes_on_where_it_ended_also_in_the_middle_of_a_line() {
    let cluster = Cluster::with_edge(Edge::None);
    cluster.create_sale(SALE, 100).await.unwrap();
    let directory = scratch().unwrap();
    let file = directory.path().join("spring.ndjson");
    let mut sold = 0;
    // Of its last bytes so many are lost: none, a few, more than the last line.
    for lost in [0, 7, 400] {
        buy(&cluster, sold).await;
        sold += 5;
        let mut running = journal(&cluster, &file);
        has_all(&file, &cluster);
        running.signal_group(Signal::KILL);
        running.wait(std::time::Duration::from_secs(10)).unwrap();
        let kept = fs::metadata(&file).unwrap().len() - lost;
        fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(kept).unwrap();
    }
    buy(&cluster, sold).await;
    let mut running = journal(&cluster, &file);
    has_all(&file, &cluster);
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "an order's id is a capability");
    running.stop().unwrap();
}
