//! Doctor check: settings and state of a Redis server.

use super::known_bad::{Product, hole, numbers};
use super::report::DoctorFinding;
use lastseat_ledger::{Facts, Replicas};

/// Farther apart, deadlines and opening times surprise people. Nothing is sold by our clock.
const CLOCKS_APART_MS: u64 = 250;

pub(super) fn judge(facts: &Facts, waited_for: Option<Replicas>) -> Vec<DoctorFinding> {
    let mut findings = vec![version(facts)];
    findings.extend(security(facts));
    findings.push(role(facts));
    findings.push(eviction(facts));
    findings.push(append_only(facts));
    findings.extend(half_scripts(facts));
    findings.extend(replicas(facts));
    findings.extend(waited_for.map(|replicas| enough(facts, replicas)));
    findings.extend(coverage(facts));
    findings.push(clock(facts));
    findings
}

/// Valkey says in `redis_version` which Redis it is compatible with.
fn product(facts: &Facts) -> (Product, &str) {
    match facts.info("valkey_version") {
        Some(version) => (Product::Valkey, version),
        None => (Product::Redis, facts.info("redis_version").unwrap_or("unknown")),
    }
}

fn version(facts: &Facts) -> DoctorFinding {
    let (product, version) = product(facts);
    let found = format!("{product:?} {version}");
    let compatible = facts.info("redis_version").and_then(numbers);
    if compatible.is_some_and(|version| version >= (7, 0, 0)) {
        DoctorFinding::ok("version", found)
    } else {
        let remedy = "install Redis 7.0 or newer, or Valkey: older scripts cannot raise errors as \
                      lastseat does";
        DoctorFinding::fail("version", found, remedy)
    }
}

fn security(facts: &Facts) -> Option<DoctorFinding> {
    let (product, version) = product(facts);
    let hole = hole(product, version)?;
    Some(DoctorFinding::warn(
        "security",
        format!("{product:?} {version} was {hole}"),
        "update the server. Distributions often mend holes without a new number: on Debian or \
         Ubuntu \
         look with `apt changelog redis-server | grep CVE-2025-49844`. Until then let nobody but \
         lastseat reach it",
    ))
}

fn role(facts: &Facts) -> DoctorFinding {
    match facts.info("role") {
        Some("master") => DoctorFinding::ok("role", "primary"),
        other => DoctorFinding::fail(
            "role",
            format!("{}; orders need the primary", other.unwrap_or("unknown")),
            format!(
                "name the primary with --redis-url (it is {})",
                facts.info("master_host").unwrap_or("not known here")
            ),
        ),
    }
}

fn eviction(facts: &Facts) -> DoctorFinding {
    let policy = facts.setting("maxmemory-policy");
    match policy.or_else(|| facts.info("maxmemory_policy")) {
        Some("noeviction") => DoctorFinding::ok("eviction", "noeviction"),
        policy => DoctorFinding::fail(
            "eviction",
            format!(
                "maxmemory-policy is {}: sold tickets are thrown away when memory is short",
                policy.unwrap_or("unknown")
            ),
            "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
        ),
    }
}

fn append_only(facts: &Facts) -> DoctorFinding {
    let subject = "durability";
    if facts.info("aof_enabled") != Some("1") {
        return DoctorFinding::warn(
            subject,
            "no append-only file: sold tickets are lost when the server stops",
            "redis-cli CONFIG SET appendonly yes, and the same in redis.conf",
        );
    }
    if facts.info("aof_last_write_status").is_some_and(|s| s != "ok") {
        return DoctorFinding::fail(
            subject,
            "the append-only file cannot be written",
            "look for a full or broken disk in the log of the server",
        );
    }
    match facts.setting("appendfsync") {
        Some("always") => DoctorFinding::ok(subject, "append-only file, synced at each write"),
        Some(other) => DoctorFinding::warn(
            subject,
            format!("appendfsync is {other}: the last orders are lost when the power fails"),
            "redis-cli CONFIG SET appendfsync always; batches of orders pay for it",
        ),
        None => DoctorFinding::warn(
            subject,
            "append-only file, but the server does not say when it is synced",
            "see to appendfsync always, or ask its provider",
        ),
    }
}

/// Only where there is an append-only file.
fn half_scripts(facts: &Facts) -> Option<DoctorFinding> {
    let subject = "half-scripts";
    facts.info("aof_enabled").filter(|enabled| *enabled == "1")?;
    Some(match facts.setting("aof-load-truncated") {
        Some("no") => DoctorFinding::ok(subject, "it starts on a whole append-only file only"),
        other => DoctorFinding::warn(
            subject,
            format!(
                "aof-load-truncated is {}: after a crash inside a script the rest of that script \
                 stays in the file, and \
                 a later start carries it out, unless the nodes may have the file rewritten \
                 (BGREWRITEAOF) when they \
                 connect",
                other.unwrap_or("unknown")
            ),
            "aof-load-truncated no in redis.conf, and deploy/redis/make-whole before each start; \
             elsewhere allow the \
             user of the nodes +bgrewriteaof, as deploy/redis/users.acl does",
        ),
    })
}

/// Only where there are replicas.
fn replicas(facts: &Facts) -> Option<DoctorFinding> {
    let connected = facts.number("connected_slaves").filter(|n| *n > 0)?;
    let wanted = facts.setting("min-replicas-to-write").unwrap_or("unknown");
    Some(if wanted == "0" {
        DoctorFinding::warn(
            "replicas",
            format!(
                "{connected} connected, min-replicas-to-write is 0: a primary that was cut off \
                 goes on \
                 selling, and what it sold is lost at the failover"
            ),
            "redis-cli CONFIG SET min-replicas-to-write 1 and min-replicas-max-lag 2",
        )
    } else {
        DoctorFinding::ok(
            "replicas",
            format!("{connected} connected, min-replicas-to-write is {wanted}"),
        )
    })
}

/// Only where nodes wait for replicas.
fn enough(facts: &Facts, wanted: Replicas) -> DoctorFinding {
    let connected = facts.number("connected_slaves").unwrap_or(0);
    let subject = "wait-replicas";
    let found = format!("{connected} replicas follow, {} must have each order", wanted.count);
    if connected > wanted.count.into() {
        DoctorFinding::ok(subject, found)
    } else if connected == u64::from(wanted.count) {
        let remedy =
            "add one more: while one of these is away, buyers hear that the outcome is unknown";
        DoctorFinding::warn(subject, found, remedy)
    } else {
        let remedy = "add replicas, or start the nodes with a smaller --wait-replicas";
        DoctorFinding::fail(subject, found, remedy)
    }
}

/// Only in a Redis Cluster.
fn coverage(facts: &Facts) -> Option<DoctorFinding> {
    let setting = facts.setting("cluster-require-full-coverage");
    let setting = setting.filter(|_| facts.info("cluster_enabled") == Some("1"))?;
    Some(if setting == "no" {
        DoctorFinding::ok("coverage", "a master that is away stops its own sales only")
    } else {
        DoctorFinding::warn(
            "coverage",
            "cluster-require-full-coverage is yes: when one master is away, no sale goes on",
            "redis-cli CONFIG SET cluster-require-full-coverage no on every node",
        )
    })
}

fn clock(facts: &Facts) -> DoctorFinding {
    let apart = facts.ahead_ms.unsigned_abs();
    // Half of the round trip is not known.
    let unsure = facts.round_trip_ms / 2 + 1;
    if apart > CLOCKS_APART_MS + unsure {
        let way = if facts.ahead_ms > 0 { "ahead of" } else { "behind" };
        DoctorFinding::warn(
            "clock",
            format!("the clock of Redis is {apart} ms {way} the one of this machine"),
            "keep both in time with NTP (timedatectl set-ntp true). Sales open and holds end by \
             the \
             clock of Redis",
        )
    } else {
        DoctorFinding::ok("clock", format!("{apart} ms apart (give or take {unsure} ms)"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::Level;
    use super::*;

    const GOOD: &str =
        "redis_version:8.2.2\r\nrole:master\r\naof_enabled:1\r\nconnected_slaves:0\r\n";
    const SETTINGS: [(&str, &str); 3] = [
        ("appendfsync", "always"),
        ("maxmemory-policy", "noeviction"),
        ("aof-load-truncated", "no"),
    ];

    fn levels(info: &str, settings: &[(&str, &str)]) -> Vec<(&'static str, Level)> {
        let findings = judge(&Facts::of(info, settings), None);
        let bad = findings.iter().filter(|finding| finding.level != Level::Ok);
        bad.map(|finding| (finding.subject, finding.level)).collect()
    }

    #[test]
    fn a_good_server_has_no_findings() {
        assert_eq!(levels(GOOD, &SETTINGS), []);
    }

    #[test]
    fn each_fault_is_found_for_itself() {
        let changed = |from: &str, to: &str| levels(&GOOD.replace(from, to), &SETTINGS);
        assert_eq!(changed("8.2.2", "8.2.1"), [("security", Level::Warn)]);
        assert_eq!(changed("role:master", "role:slave"), [("role", Level::Fail)]);
        let off = changed("aof_enabled:1", "aof_enabled:0");
        assert_eq!(off, [("durability", Level::Warn)]);
        let lru = [("appendfsync", "always"), ("maxmemory-policy", "allkeys-lru"), SETTINGS[2]];
        assert_eq!(levels(GOOD, &lru), [("eviction", Level::Fail)]);
        let everysec = [("appendfsync", "everysec"), SETTINGS[1], SETTINGS[2]];
        assert_eq!(levels(GOOD, &everysec), [("durability", Level::Warn)]);
        let truncated = [SETTINGS[0], SETTINGS[1], ("aof-load-truncated", "yes")];
        assert_eq!(levels(GOOD, &truncated), [("half-scripts", Level::Warn)]);
        assert_eq!(levels(GOOD, &SETTINGS[..2]), [("half-scripts", Level::Warn)]);
        let alone = [SETTINGS[0], SETTINGS[1], SETTINGS[2], ("min-replicas-to-write", "0")];
        let replica = GOOD.replace("slaves:0", "slaves:2");
        assert_eq!(levels(&replica, &alone), [("replicas", Level::Warn)]);
        let covered = |word| {
            let setting = ("cluster-require-full-coverage", word);
            let info = format!("{GOOD}cluster_enabled:1\r\n");
            levels(&info, &[SETTINGS[0], SETTINGS[1], SETTINGS[2], setting])
        };
        assert_eq!(covered("yes"), [("coverage", Level::Warn)]);
        assert_eq!(covered("no"), []);
    }

    #[test]
    fn a_valkey_is_judged_by_its_own_version() {
        let valkey =
            GOOD.replace("redis_version:8.2.2", "redis_version:7.2.4\nvalkey_version:8.1.4");
        assert_eq!(levels(&valkey, &SETTINGS), []);
    }

    #[test]
    fn replicas_that_are_waited_for_must_be_there() {
        let wanted = Replicas { count: 1, within_ms: 500 };
        let level = |n| {
            let info = format!("connected_slaves:{n}");
            enough(&Facts::of(&info, &[]), wanted).level
        };
        assert_eq!([0, 1, 2].map(level), [Level::Fail, Level::Warn, Level::Ok]);
    }

    #[test]
    fn clocks_that_are_apart_are_found_beyond_the_doubt() {
        let mut facts = Facts::of(GOOD, &SETTINGS);
        facts.ahead_ms = -400;
        assert_eq!(clock(&facts).level, Level::Warn);
        facts.round_trip_ms = 400;
        assert_eq!(clock(&facts).level, Level::Ok);
    }
}
