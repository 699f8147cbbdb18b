//! One server alone that goes and comes back.

use crate::topology::ledger::{audit, buy, connect, open, sale};
use lastseat_ledger::Verdict;
use lastseat_tests::harness::{PrivateRedis, RedisSetup};
use std::time::{Duration, Instant};

/// After a server answers again, whoever waits for it hears so within this time.
const SOON: Duration = Duration::from_secs(2);

fn with_our_users() -> PrivateRedis {
    RedisSetup::default().with_port().with_users().start()
}

fn run_id(redis: &PrivateRedis) -> String {
    let said = redis.says(&["INFO", "server"]);
    let id = said.lines().find_map(|line| line.strip_prefix("run_id:"));
    id.expect("an id").to_owned()
}

/// Redis replays what scripts wrote as if the user "default" did it, and drops what that one may
/// not do, without a word to anybody but its log (<https://github.com/redis/redis/issues/14541>).
/// In our file he may not come in, but do all.
#[tokio::test]
async fn a_redis_with_our_users_has_all_that_was_sold_when_it_is_started_again() {
    let mut redis = with_our_users();
    let ledger = connect(&redis.url()).await;
    open(&ledger, "spring", 10, 0).await;
    for i in 0..5 {
        let verdict = buy(&ledger, "spring", &format!("buyer-{i}")).await;
        assert!(matches!(verdict, Ok(Verdict::Granted { .. })), "{verdict:?}");
    }
    redis.kill();
    redis.start_again(&[]);
    let report = audit(&ledger, "spring").await;
    assert_eq!((report.confirmed, report.free), (5, 5));
}

#[tokio::test]
async fn a_server_that_was_started_again_is_known_although_nobody_asks_for_it() {
    let mut redis = with_our_users();
    let ledger = connect(&redis.url()).await;
    open(&ledger, "spring", 10, 0).await;
    let before = ledger.server(&sale("spring")).expect("it was connected to");
    let mut changes = ledger.server_changes();
    changes.mark_unchanged();
    redis.kill();
    let begun = Instant::now();
    // While it is away the answer is quick: orders do not stand in line for a connection.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = Instant::now();
    let fault = ledger.snapshot(&sale("spring")).await.expect_err("nobody is there");
    assert!(matches!(fault, lastseat_ledger::Fault::NotSent(_)), "{fault}");
    assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    redis.start_again(&[]);
    let again = Instant::now();
    let changed = tokio::time::timeout(SOON, changes.changed()).await;
    changed.expect("it is noticed").expect("the ledger is there");
    println!(
        "noticed {:?} after it ran again, {:?} after it was killed",
        again.elapsed(),
        begun.elapsed()
    );
    let now = ledger.server(&sale("spring")).expect("it was connected to");
    assert_ne!(now, before);
    assert_eq!(now.as_str(), run_id(&redis).as_str());
}
