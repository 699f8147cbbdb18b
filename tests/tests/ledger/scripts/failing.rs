//! For each command of each script that writes, ways to make it fail: nothing has happened then,
//! the answer says so, and the repeat says the same. The table is `docs/evidence/SCRIPTS.md`.

use lastseat_ledger::scripts::Scripts;
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::redis::content::content_of;
use lastseat_tests::harness::{Durability, PrivateRedis};
use lastseat_tests::plays::{TranscriptStage, on_test_clock};
use redis::{Connection, ConnectionLike as _, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::{env, fs};

/// A sale in a state in which a script writes as much as it can, and the call that does so.
struct Scene {
    script: &'static str,
    setup: &'static [&'static str],
    act: &'static str,
}

/// A sale with holds of which one ends at 6,000: `snapshot` and all that sweep write every key.
const SALE: &[&str] = &[
    "clock 5000",
    "create 0 10 0 0 1000 0 4 open",
    "reserve 0 order-1 ada 1",
    "clock 5500",
    "reserve 0 order-2 bob 2 order-3 bob 1",
    "clock 6000",
];

/// The same of a sale with a plan; the first hold ends at 6,000.
const BY_PLAN: &[&str] = &[
    "clock 5000",
    PLAN,
    "create 0 40 0 0 1000 0 4 open 0 _ _ PLAN",
    "reserve_by_plan 0 order-1 ada 1 0.0-1.1a",
    "clock 5500",
    "reserve_by_plan 0 order-2 bob 2 0.0-2.2r order-3 bob 1 1.0-1.1a",
    "clock 6000",
];
const PLAN: &str = concat!(
    r#"plan {"stops":["A","B","C"],"classes":[{"id":"a","coaches":"#,
    r#"[{"ids":"1","rows":"1-4","letters":"ABC"}]},{"id":"s","standing":8}]}"#
);

const SCENES: &[Scene] = &[
    Scene { script: "reserve", setup: SALE, act: "reserve 0 order-4 cay 1 order-2 bob 2" },
    Scene { script: "create", setup: &["clock 5000"], act: "create 0 10 0 0 1000 0 4 open" },
    Scene { script: "snapshot", setup: SALE, act: "snapshot 0" },
    Scene { script: "confirm", setup: SALE, act: "confirm 0 order-2 1" },
    Scene { script: "cancel", setup: SALE, act: "cancel 0 order-3" },
    Scene { script: "cancel", setup: SALE, act: "cancel 0 order-1" },
    Scene { script: "cancel", setup: SALE, act: "cancel 0 order-9" },
    Scene { script: "extend", setup: SALE, act: "extend 0 order-3 3" },
    Scene { script: "restock", setup: SALE, act: "restock 0 20 -1" },
    Scene { script: "state", setup: SALE, act: "state 0 paused" },
    Scene { script: "terms", setup: SALE, act: "terms 0 _ _ 2000 _ _" },
    Scene { script: "ack", setup: SALE, act: "ack 0 2" },
    Scene {
        script: "restore",
        setup: &[
            "clock 5000",
            "create 0 10 0 0 1000 0 4 open",
            "reserve 0 order-1 ada 1 order-2 bob 2 order-3 bob 1",
            "clock 6000",
            "HSET :unrestored order-5 n~7~5000~1c:2:2:4000:0:cay",
        ],
        act: "restore 0 7 3 1000 order-4 1h:1:1:5900:9000:cay order-5 1c:2:2:4000:0:cay order-2 \
            1c:1:1:5:0:eve",
    },
    Scene {
        script: "heal",
        setup: &[
            "clock 5000",
            "create 0 10 0 0 1000 0 4 open",
            "reserve 0 order-1 ada 1",
            "HSET :sale history older",
            "heal 0 1 1 HISTORY _ _ _ _ _ _ _ HISTORY 1 1 0",
        ],
        act: "heal 9 1 3 HISTORY 20 paused 1 0 2000 5 6 HISTORY 1 1 0",
    },
    Scene {
        script: "create",
        setup: &["clock 5000", PLAN],
        act: "create 0 40 0 0 1000 0 4 open 0 _ _ PLAN",
    },
    Scene {
        script: "reserve_by_plan",
        setup: BY_PLAN,
        act: "reserve_by_plan 0 order-4 cay 1 0.0-1.1a order-5 cay 1 1.0-1.1a",
    },
    Scene { script: "snapshot_by_plan", setup: BY_PLAN, act: "snapshot_by_plan 0" },
    Scene { script: "confirm_by_plan", setup: BY_PLAN, act: "confirm_by_plan 0 order-2 s0.1" },
    Scene { script: "cancel_by_plan", setup: BY_PLAN, act: "cancel_by_plan 0 order-3" },
    Scene {
        script: "cancel_by_plan",
        setup: BY_PLAN,
        act: "cancel_by_plan 0 order-2 shop _ _ s0.2",
    },
    Scene { script: "extend_by_plan", setup: BY_PLAN, act: "extend_by_plan 0 order-3 3" },
    Scene { script: "restock_by_plan", setup: BY_PLAN, act: "restock_by_plan 0 20 -1" },
    Scene { script: "state_by_plan", setup: BY_PLAN, act: "state_by_plan 0 paused" },
    Scene { script: "terms_by_plan", setup: BY_PLAN, act: "terms_by_plan 0 _ _ 2000 _ _" },
    Scene {
        script: "restore_by_plan",
        setup: BY_PLAN,
        act: "restore_by_plan 0 7 3 1000 order-4 2c:1:1:5000:6000:0.0-1.1a:0.0-1.1=9::cay order-5 \
            2c:1:1:5000:6000:0.0-1.1a:0.0-1.1=9::cay",
    },
    Scene {
        script: "beat",
        setup: &["clock 5000", "beat 1 2 1000 5000 _", "clock 20000"],
        act: "beat 2 3 1000 5000 _",
    },
    Scene {
        script: "recovery",
        setup: &["clock 5000", "beat 1 2 1000 5000 _", "recovery 3 older 0"],
        act: "recovery 1 HISTORY 1",
    },
    Scene {
        script: "claim",
        setup: &[
            "clock 5000",
            "claim 1 aa 01 start 1000 5000",
            "claim 1 bb 02 start 1000 5000",
            "clock 90000",
        ],
        act: "claim 1 aa 01 beat 1000 5000",
    },
    Scene {
        script: "claim",
        setup: &["clock 5000", "claim 1 aa 01 start 1000 5000"],
        act: "claim 1 aa 01 leave 1000 5000",
    },
    Scene {
        script: "claim",
        setup: &["clock 5000", "claim 1 aa 01 start 1000 5000"],
        act: "claim 1 bb 02 start 1000 5000",
    },
    Scene {
        script: "relay",
        setup: &["relay mine 60000 claim 5"],
        act: "relay mine 60000 renew 7",
    },
    Scene {
        script: "relay",
        setup: &["relay mine 60000 claim 5"],
        act: "relay mine 60000 leave 7",
    },
];

/// Scripts that write nothing.
const READERS: [&str; 5] = ["look", "order", "order_by_plan", "peek", "read_seats"];

const WRITES: [&str; 9] =
    ["XADD", "HSET", "HDEL", "ZADD", "ZREM", "XTRIM", "SET", "SETRANGE", "DEL"];

/// Why a command fails.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cause {
    /// The user may not run it.
    Command(String),
    /// The user may not use its key.
    Key(String),
    /// Its key is of another type.
    Type(String),
    /// Redis has no memory left.
    Memory,
    /// Redis follows another one.
    Replica,
    /// Redis has too few replicas to take writes.
    Replicas,
    /// The log has an entry that another program wrote, far ahead.
    Foreign,
}

impl Cause {
    const fn title(&self) -> &'static str {
        match self {
            Self::Command(_) => "no permission for the command",
            Self::Key(_) => "no permission for the key",
            Self::Type(_) => "key of another type",
            Self::Memory => "out of memory",
            Self::Replica => "Redis is a replica",
            Self::Replicas => "too few replicas",
            Self::Foreign => "foreign entry in the log",
        }
    }
}

struct Trial<'a> {
    redis: &'a PrivateRedis,
    scripts: &'a Scripts,
    admin: Connection,
}

impl<'a> Trial<'a> {
    fn new(redis: &'a PrivateRedis, scripts: &'a Scripts) -> Self {
        let admin = connect(redis);
        Self { redis, scripts, admin }
    }

    fn says(&mut self, words: &[&str]) -> Value {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        self.admin.req_command(&command).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    fn stage(&mut self, scene: &Scene) -> TranscriptStage<'a> {
        self.says(&["FLUSHALL"]);
        let mut stage = TranscriptStage::new(self.redis, self.scripts).unwrap();
        stage.begin();
        for said in scene.setup {
            stage.say(said).unwrap();
        }
        stage
    }

    /// The writes of a scene in their order: command and key, the key without the sale's name.
    fn writes(&mut self, scene: &Scene) -> Vec<(String, String)> {
        let mut stage = self.stage(scene);
        let mut monitor = connect(self.redis);
        monitor.send_packed_command(&redis::cmd("MONITOR").get_packed_command()).unwrap();
        monitor.recv_response().unwrap();
        let answer = stage.say(scene.act).unwrap().join(" ");
        assert!(!answer.starts_with('!'), "{}: {answer}", scene.act);
        self.says(&["ECHO", "the end"]);
        let mut writes = Vec::new();
        loop {
            let Value::SimpleString(line) = monitor.recv_response().unwrap() else {
                continue;
            };
            if line.contains("\"the end\"") {
                return writes;
            }
            let words: Vec<&str> = line.split('"').collect();
            if line.contains(" lua] ") && WRITES.contains(&words[1]) {
                writes.push((words[1].to_owned(), stage.short(words[3])));
            }
        }
    }

    /// Everything that Redis has.
    fn dump(&mut self) -> BTreeMap<Vec<u8>, Value> {
        let Value::Array(keys) = self.says(&["KEYS", "*"]) else {
            panic!("no keys");
        };
        let keys = keys.into_iter().filter_map(|key| match key {
            Value::BulkString(key) => Some(key),
            _ => None,
        });
        keys.map(|key| {
            let value = self.admin.req_command(&content_of(&key)).unwrap();
            (key, value)
        })
        .collect()
    }

    /// Runs `scene` with `cause` twice: what it answers. Nothing may have happened.
    fn fails(&mut self, scene: &Scene, cause: &Cause) -> String {
        let mut stage = self.stage(scene);
        self.plant(&mut stage, cause);
        let before = self.dump();
        let first = stage.say(scene.act).unwrap().join(" ");
        let what = format!("{}, {cause:?}: {first}", scene.act);
        assert!(first.starts_with('!'), "it fails: {what}");
        assert!(self.dump() == before, "nothing has happened: {what}");
        let again = stage.say(scene.act).unwrap().join(" ");
        assert_eq!(first, again, "the repeat says the same: {what}");
        assert!(self.dump() == before, "nothing has happened: {what}");
        self.mend(cause);
        if matches!(cause, Cause::Command(_) | Cause::Key(_) | Cause::Memory) {
            let mut stage = stage;
            let mended = stage.say(scene.act).unwrap().join(" ");
            assert!(!mended.starts_with('!'), "once mended: {what}\n{mended}");
        }
        first
    }

    fn plant(&mut self, stage: &mut TranscriptStage<'_>, cause: &Cause) {
        match cause {
            Cause::Command(command) => {
                let without = format!("-{command}");
                self.says(&[
                    "ACL", "SETUSER", "tried", "reset", "on", ">secret", "~*", "+@all", &without,
                ]);
            }
            Cause::Key(key) => {
                let mut words: Vec<String> = ["ACL", "SETUSER", "tried", "reset", "on", ">secret"]
                    .map(str::to_owned)
                    .to_vec();
                words.push("+@all".to_owned());
                for name in [
                    "sale",
                    "sale:clock",
                    "orders",
                    "buyers",
                    "holds",
                    "log",
                    "seats",
                    "unrestored",
                    "relay:r",
                    "relay:r:lease",
                    "nodes",
                    "nodes:clock",
                    "recovery",
                    "numbers",
                    "numbers:clock",
                ] {
                    if name != key {
                        words.push(format!("~{}", stage.key(name)));
                    }
                }
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                self.says(&words);
            }
            Cause::Type(key) => {
                let key = stage.key(key);
                self.says(&["DEL", &key]);
                self.says(&["RPUSH", &key, "a list"]);
            }
            Cause::Memory => {
                self.says(&["CONFIG", "SET", "maxmemory", "1"]);
            }
            Cause::Replica => {
                self.says(&["REPLICAOF", "127.0.0.1", "1"]);
            }
            Cause::Replicas => {
                self.says(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
            }
            Cause::Foreign => {
                stage.say("XADD :log 99999-0 e theirs").unwrap();
            }
        }
        if matches!(cause, Cause::Command(_) | Cause::Key(_)) {
            assert_eq!(stage.say("AUTH tried secret").unwrap(), ["OK"]);
        }
    }

    fn mend(&mut self, cause: &Cause) {
        match cause {
            Cause::Command(_) | Cause::Key(_) => {
                self.says(&["ACL", "SETUSER", "tried", "+@all", "~*"]);
            }
            Cause::Memory => {
                self.says(&["CONFIG", "SET", "maxmemory", "0"]);
            }
            Cause::Replica => {
                self.says(&["REPLICAOF", "NO", "ONE"]);
            }
            Cause::Replicas => {
                self.says(&["CONFIG", "SET", "min-replicas-to-write", "0"]);
            }
            Cause::Type(_) | Cause::Foreign => {}
        }
    }
}

fn connect(redis: &PrivateRedis) -> Connection {
    let client = redis::Client::open(redis.url()).expect("an address");
    client.get_connection().expect("a connection")
}

fn causes(scene: &Scene, writes: &[(String, String)]) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut add = |cause: Cause| {
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    };
    for (command, key) in writes {
        add(Cause::Command(command.clone()));
        add(Cause::Key(key.clone()));
        // A sale that is not there has keys of no type.
        if scene.script != "create" {
            add(Cause::Type(key.clone()));
        }
    }
    // What gives memory back is done when there is none left.
    if !matches!(writes[0].0.as_str(), "HDEL" | "DEL") {
        add(Cause::Memory);
    }
    add(Cause::Replica);
    add(Cause::Replicas);
    let has_log = writes.iter().any(|(_, key)| key == "log");
    if has_log {
        add(Cause::Foreign);
    }
    causes
}

const HEAD: &str = "# Scripts that fail

<!-- Made by `make docs`; `make test` holds it to the scripts. -->

Redis does not roll a script back that fails half-way. So no script may fail between two of its \
writes, and a script that
was carried out by half all the same (by a file that ended inside it) must show. Each script \
reads and checks first. Its
first write is the entry of the log, its last one the sale's own fields with `commit_seq`: the \
log is a write-ahead log, and
a log that is ahead of `commit_seq` stops every script before it writes anything.

The table has each script, its writes in their order, and what was made to fail. Each time the \
test compares all data byte
by byte: nothing has happened, the answer is an error, and the same call again gives the same answer
(`every_write_of_every_script_can_fail_and_nothing_has_happened_then` in \
`tests/tests/ledger/scripts/failing.rs`).

| script | call | writes, in their order | made to fail by |
|---|---|---|---|
";

#[test]
fn every_write_of_every_script_can_fail_and_nothing_has_happened_then() {
    let redis = PrivateRedis::start(Durability::Off);
    let scripts = Scripts::patched(on_test_clock);
    let mut trial = Trial::new(&redis, &scripts);
    let mut page = HEAD.to_owned();
    let mut tried = 0;
    for scene in SCENES {
        let writes = trial.writes(scene);
        assert!(!writes.is_empty(), "{} writes", scene.act);
        let shown: Vec<String> =
            writes.iter().map(|(command, key)| format!("`{command} {key}`")).collect();
        let mut titles: Vec<String> = Vec::new();
        for cause in causes(scene, &writes) {
            trial.fails(scene, &cause);
            tried += 1;
            if !titles.iter().any(|title| title == cause.title()) {
                titles.push(cause.title().to_owned());
            }
        }
        let call = scene.act.split(' ').collect::<Vec<_>>().join(" ");
        let _ = writeln!(
            page,
            "| `{}` | `{call}` | {} | {} |",
            scene.script,
            shown.join(", "),
            titles.join(", ")
        );
    }
    println!("{tried} failures tried");
    let path = repository().join("docs/evidence/SCRIPTS.md");
    if env::var_os("LASTSEAT_WRITE_DOCS").is_some() {
        fs::write(path, page).unwrap();
        return;
    }
    let kept = fs::read_to_string(path).unwrap();
    assert!(
        kept == page,
        "docs/evidence/SCRIPTS.md is not what the scripts do. Run 'make docs'\n{page}"
    );
}

/// So that no script and no kind of write is forgotten above.
#[test]
fn every_script_and_every_write_in_its_text_has_a_scene() {
    let redis = PrivateRedis::start(Durability::Off);
    let scripts = Scripts::patched(on_test_clock);
    let mut trial = Trial::new(&redis, &scripts);
    let mut seen: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    for scene in SCENES {
        let writes = trial.writes(scene);
        seen.entry(scene.script).or_default().extend(writes);
    }
    for script in scripts.all() {
        let reads_only = READERS.contains(&script.name);
        assert_eq!(!reads_only, seen.contains_key(script.name), "{}", script.name);
    }
    // What `commit` of the prelude and the scripts themselves can write.
    let all: BTreeSet<(String, String)> = seen.into_values().flatten().collect();
    for (command, key) in [
        ("XADD", "log"),
        ("XTRIM", "log"),
        ("HSET", "orders"),
        ("HSET", "buyers"),
        ("HDEL", "buyers"),
        ("ZADD", "holds"),
        ("ZREM", "holds"),
        ("HSET", "sale"),
        ("HDEL", "sale"),
        ("SET", "seats"),
        ("SETRANGE", "seats"),
        ("HSET", "unrestored"),
        ("HDEL", "unrestored"),
        ("HSET", "nodes"),
        ("HDEL", "nodes"),
        ("HSET", "recovery"),
        ("HDEL", "recovery"),
        ("HSET", "numbers"),
        ("HDEL", "numbers"),
        ("SET", "relay:r"),
        ("SET", "relay:r:lease"),
        ("DEL", "relay:r:lease"),
    ] {
        let wanted = (command.to_owned(), key.to_owned());
        assert!(all.contains(&wanted), "no scene has {command} {key}: {all:?}");
    }
}
