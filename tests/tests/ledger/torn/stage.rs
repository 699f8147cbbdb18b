//! A Redis on files that lie in a directory, started in each way that this repository starts one.

use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::redis::{Deployed, NotStarted};
use lastseat_tests::harness::{PrivateRedis, RedisSetup};
use tempfile::TempDir;

/// How a Redis is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// By a file of `deploy/`.
    By(Deployed),
    /// By somebody else, as Redis does by default: on half scripts, too.
    Plain,
    /// As `Plain`, where the ledger takes it for one that refuses half scripts and does not seal
    /// its file.
    Exposed,
}

/// Starts one on the files in `directory`.
pub(crate) fn start(directory: TempDir, way: Way) -> Result<PrivateRedis, NotStarted> {
    let setup = match way {
        Way::By(file) => RedisSetup::deployed(file),
        Way::Plain | Way::Exposed => RedisSetup::default(),
    };
    let redis = setup.on(directory).try_start()?;
    if way == Way::Exposed {
        assert_eq!(redis.says(&["config", "set", "aof-load-truncated", "no"]).trim(), "OK");
    }
    Ok(redis)
}

/// A ledger that knows nothing of the time before, as that of a node that was started now.
pub(crate) async fn ledger(redis: &PrivateRedis) -> Result<Ledger, String> {
    let url = LedgerUrl::parse(&redis.url()).expect("an address");
    Ledger::connect(&url).await.map_err(|e| e.to_string())
}
