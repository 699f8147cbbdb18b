//! The Redis that `lastseat cluster` starts itself, and starts again when it is killed.

use crate::torn::story::wish;
use lastseat_ledger::{Ledger, LedgerUrl, Verdict};
use lastseat_tests::harness::wait::{until, until_async};
use lastseat_tests::harness::{Cluster, Edge, Setup};
use rustix::process::{Pid, Signal, kill_process};
use shared::{Capacity, SaleId, Terms};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

fn pid(directory: &Path) -> Option<Pid> {
    let text = fs::read_to_string(directory.join("redis.pid")).ok()?;
    Pid::from_raw(text.trim().parse().ok()?)
}

async fn buy(ledger: &Ledger, sale: &SaleId, name: &str) -> Verdict {
    let reply = until_async("the sale sells", async || {
        ledger.reserve(sale, &[wish(name, 0, 1)]).await.ok()
    });
    let (_, mut verdicts) = reply.await.expect("the sale");
    verdicts.remove(0)
}

/// The end of the file as the crash left it that came while `torn` was written: the last script
/// once more, with another order, up to inside the command that writes the counters.
fn tear(file: &Path, written: &str, torn: &str) {
    assert_eq!(written.len(), torn.len());
    let bytes = fs::read(file).expect("the file");
    let text = String::from_utf8(bytes).expect("text");
    let script = text.rfind("*1\r\n$5\r\nMULTI\r\n").expect("a script");
    let script = text[script..].replace(written, torn);
    let half = script.rfind(":sale\r\n").expect("the counters") + 9;
    let mut file = OpenOptions::new().append(true).open(file).expect("the file");
    file.write_all(&script.as_bytes()[..half]).expect("it is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_own_redis_is_started_on_whole_files_only_also_when_it_was_killed() {
    let setup = Setup { weights: vec![1], ..Setup::with_edge(Edge::None) };
    let mut cluster = Cluster::start(&setup).expect("a cluster");
    let directory = cluster.data_dir().join("redis");
    let url = cluster.redis.as_ref().expect("its Redis").url.clone();
    let url = LedgerUrl::parse(&url).expect("an address");
    let ledger = Ledger::connect(&url).await.expect("a ledger");
    let sale = SaleId::parse("spring").unwrap();
    let capacity = Capacity::new(3).unwrap();
    let terms = Terms::default();
    let made = ledger.create_sale(&sale, capacity, &terms, true);
    made.await.unwrap();
    let file = directory.join("appendonlydir/appendonly.aof.1.incr.aof");
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&file), mode(&directory)), (0o600, 0o700));

    assert!(matches!(buy(&ledger, &sale, "first").await, Verdict::Granted { .. }));
    let before = pid(&directory).expect("it runs");
    kill_process(before, Signal::STOP).unwrap();
    tear(&file, "first", "other");
    kill_process(before, Signal::KILL).unwrap();
    // What is sold now stands behind the half script, where that was left.
    for (name, granted) in [("again", true), ("third", true), ("other", false)] {
        until("another Redis runs", || pid(&directory).filter(|pid| *pid != before));
        let verdict = buy(&ledger, &sale, name).await;
        let told = matches!(verdict, Verdict::Granted { .. });
        assert_eq!(told, granted, "{name}: {verdict:?}");
        if granted {
            let now = pid(&directory).expect("it runs");
            kill_process(now, Signal::KILL).unwrap();
            until("it is started again", || pid(&directory).filter(|pid| *pid != now));
        }
    }
    let report = until_async("an audit", async || ledger.audit(&sale).await.ok()).await;
    let report = report.expect("the sale");
    assert!(report.ok && report.confirmed == 3, "{report:?}");
    let notes = cluster.program().notes();
    assert_eq!(notes.matches("took a half script of").count(), 1, "{notes}");
    cluster.stop().unwrap();
}
