//! A Redis with the users of `deploy/redis/users.acl`.

use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::redis::users::USERS;
use lastseat_tests::harness::{PrivateRedis, RedisSetup};
use std::fs;

/// An audit looks at holds again that changed while it counted.
const BY_CHANCE: [&str; 1] = ["zmscore"];
/// What only a ledger of several servers needs; `topology` has this user there, and uses
/// them.
const OF_SEVERAL: [&str; 3] = ["wait", "asking", "cluster|slots"];

/// A Redis on which everybody needs a password.
#[derive(Debug)]
pub(crate) struct GuardedRedis {
    redis: PrivateRedis,
}

impl GuardedRedis {
    pub(crate) fn start() -> Self {
        Self { redis: RedisSetup::default().with_users().start() }
    }

    /// The address with what lastseat needs to get in.
    pub(crate) fn url(&self) -> String {
        self.redis.url()
    }

    /// What a user hears; `words` are one command.
    pub(crate) fn hears(&self, user: &str, words: &[&str]) -> String {
        self.redis.says_to(user, words)
    }

    /// The commands that were refused since it started.
    pub(crate) fn denied(&self) -> Vec<String> {
        let log = self.hears("admin", &["ACL", "LOG"]);
        let lines: Vec<&str> = log.lines().collect();
        let objects = lines.windows(2).filter(|pair| pair[0] == "object");
        // How clients introduce themselves to Redis 7.2: refused, and not missed.
        objects.map(|pair| pair[1].to_owned()).filter(|object| object != "client|setinfo").collect()
    }

    /// What lastseat may do and nobody did; [`BY_CHANCE`] and [`OF_SEVERAL`] apart.
    pub(crate) fn allowed_in_vain(&self) -> Vec<String> {
        let done = self.hears("admin", &["INFO", "commandstats"]);
        let text = fs::read_to_string(repository().join(USERS)).unwrap();
        let line = text.lines().find(|line| line.starts_with("user lastseat ")).unwrap();
        let allowed = line.split(' ').filter_map(|word| word.strip_prefix('+'));
        allowed
            .filter(|command| !BY_CHANCE.contains(command) && !OF_SEVERAL.contains(command))
            .filter(|command| !done.contains(&format!("cmdstat_{command}:")))
            .map(str::to_owned)
            .collect()
    }
}

#[test]
fn whoever_has_the_password_of_lastseat_can_do_nothing_else_with_redis() {
    let redis = GuardedRedis::start();
    for words in [
        &["GET", "another:key"] as &[&str],
        &["FLUSHALL"],
        &["KEYS", "*"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["SUBSCRIBE", "news"],
        &["EVAL", "return 1", "0"],
        &["ACL", "LIST"],
        &["SHUTDOWN"],
        &["REPLICAOF", "127.0.0.1", "6379"],
    ] {
        let heard = redis.hears("lastseat", words);
        assert!(heard.starts_with("NOPERM"), "{words:?}: {heard}");
    }
    assert_eq!(redis.hears("lastseat", &["EXISTS", "lastseat:sales"]).trim(), "0");
    assert_eq!(redis.hears("admin", &["PING"]).trim(), "PONG");
    let stranger = redis.hears("default", &["PING"]);
    assert!(stranger.contains("WRONGPASS") || stranger.contains("NOAUTH"), "{stranger}");
}
