//! Random histories on the scripts as they are.

use crate::scripts::world::{ledger, scripts};
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::histories::{COMMANDS, run};

/// Histories that `make test` runs; more with `LASTSEAT_HISTORIES=20000`.
const HISTORIES: u64 = 2_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_scripts_and_the_model_agree_in_every_answer_of_2000_random_histories() {
    let variable =
        |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = variable("LASTSEAT_SEED").unwrap_or_else(|| fastrand::u64(..1 << 40));
    let count = variable("LASTSEAT_HISTORIES").unwrap_or(HISTORIES);
    let redis = PrivateRedis::start(Durability::Off);
    let ledger = ledger(&redis, scripts(None)).await;
    let found = run(&redis, &ledger, first, count).await;
    if let Some((seed, difference)) = found {
        panic!(
            "history with seed {seed}: {difference}\n\
             run it again with LASTSEAT_SEED={seed} LASTSEAT_HISTORIES=1"
        );
    }
    println!("{count} histories of {COMMANDS} commands agree, seeds {first}..{}", first + count);
}
