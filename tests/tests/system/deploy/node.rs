//! A node as systemd and as a container start it: the same command line, the same environment.

use lastseat_cluster::process::free_port;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::{Durability, PrivateRedis, Program};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The unit waits for so long, and so does the image.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

pub(super) type Variables = BTreeMap<String, String>;

pub(super) fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The lines `NAME=VALUE` of an environment file.
pub(super) fn variables(text: &str) -> Variables {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What is different here: a private Redis, free ports, real secrets.
pub(super) fn at_home(variables: &mut Variables, redis: &PrivateRedis, data_dir: &Path) {
    let port = || format!("127.0.0.1:{}", free_port().expect("a free port"));
    let secret = "0123456789abcdef0123456789abcdef";
    let here = [
        ("REDIS_URL", redis.url()),
        ("LASTSEAT_DATA_DIR", data_dir.display().to_string()),
        ("LASTSEAT_LISTEN", port()),
        ("LASTSEAT_ADMIN_LISTEN", port()),
        ("LASTSEAT_EDGE_KEY", format!("1:{secret}-edge")),
        ("LASTSEAT_ADMIN_TOKEN", format!("{secret}-admin")),
        ("LASTSEAT_SHOP_TOKEN", format!("{secret}-shop")),
    ];
    for (name, value) in here {
        let known = variables.insert(name.to_owned(), value);
        assert!(known.is_some(), "the example does not name {name}");
    }
    let admin = variables["LASTSEAT_ADMIN_LISTEN"].clone();
    if let Some(server) = variables.get_mut("LASTSEAT_SERVER") {
        assert_eq!(server, "http://127.0.0.1:3101", "the port of LASTSEAT_ADMIN_LISTEN");
        *server = format!("http://{admin}");
    }
}

pub(super) fn command(words: &[String], variables: &Variables) -> Command {
    let mut command = Command::new(lastseat().expect("the program"));
    command.env_clear().envs(variables).args(&words[1..]);
    command
}

/// Starts a node with `start`, waits for it with `ready`, and ends it as a supervisor does.
fn lives_and_ends(start: &[String], ready: &[String], variables: &Variables) {
    let mut node = Program::start("the node", command(start, variables)).expect("a node");
    let asked = command(ready, variables).output().expect("lastseat ready");
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(asked.status.success(), "{said}\n{}", node.notes());
    // A command that is run in the container asks its node.
    if variables.contains_key("LASTSEAT_SERVER") {
        let listed = command(&words("lastseat sale list"), variables).output();
        let listed = listed.expect("lastseat sale list");
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    }
    node.signal(Signal::TERM);
    let status = node.wait(ENDS_WITHIN).expect("it ends in time");
    assert_eq!(status.code(), Some(0), "{}", node.notes());
    let asked = command(&words("lastseat ready"), variables).output();
    let asked = asked.expect("lastseat ready");
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert_eq!(asked.status.code(), Some(1), "{said}");
    assert!(said.contains("Is the node started?"), "{said}");
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_unit_file_starts_a_node_that_is_ready_and_ends_within_ten_seconds_of_sigterm() {
    let unit = read("deploy/systemd/lastseat@.service");
    let all = |name: &str| -> Vec<&str> {
        let lines = unit.lines().filter_map(|line| line.split_once('='));
        lines.filter_map(|(key, value)| (key == name).then_some(value)).collect()
    };
    let files = all("EnvironmentFile");
    assert_eq!(files, ["/etc/lastseat/lastseat.env", "/etc/lastseat/node-%i.env"]);
    let mut set = variables(&all("Environment").join("\n").replace("%i", "7"));
    assert_eq!(set["LASTSEAT_NODE"], "7");
    set.extend(variables(&read("deploy/systemd/lastseat.env.example")));
    set.extend(variables(&read("deploy/systemd/node.env.example")));
    let redis = PrivateRedis::start(Durability::Always);
    let data_dir = scratch().unwrap();
    at_home(&mut set, &redis, data_dir.path());
    let [start] = all("ExecStart")[..] else { panic!("one ExecStart") };
    let [ready] = all("ExecStartPost")[..] else { panic!("one ExecStartPost") };
    let program = "/usr/local/bin/lastseat ";
    assert!(start.starts_with(program) && ready.starts_with(program));
    lives_and_ends(&words(start), &words(ready), &set);
    let log = data_dir.path().join("node-7/stat.log");
    assert!(log.exists(), "the node has the number of its instance");
    let grace = all("TimeoutStopSec")[0].parse::<u64>().unwrap();
    assert!(grace > ENDS_WITHIN.as_secs(), "systemd waits long enough");
}

/// The words of a JSON array such as `["lastseat", "serve"]`.
fn array(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

#[test]
fn the_image_starts_a_node_that_its_own_health_check_finds_ready() {
    let dockerfile = read("deploy/container/Dockerfile").replace("\\\n", " ");
    let last = |name: &str| -> &str {
        let mut lines = dockerfile.lines().filter_map(|line| line.strip_prefix(name));
        let last = lines.next_back().unwrap_or_else(|| panic!("no {name}"));
        last.trim()
    };
    let channel = read("rust-toolchain.toml");
    let channel = channel.split('"').nth(1).expect("a version");
    let image = format!("FROM rust:{channel}-slim");
    assert!(dockerfile.contains(&image), "the image builds with {channel}");
    let mut set = variables(&words(last("ENV ")).join("\n"));
    assert_eq!(set["LASTSEAT_LISTEN"], "0.0.0.0:3001");
    assert!(set.contains_key("LASTSEAT_SERVER"));
    // Secrets and the ledger are given to the container.
    set.extend(variables(&read("deploy/systemd/lastseat.env.example")));
    let redis = PrivateRedis::start(Durability::Always);
    let data_dir = scratch().unwrap();
    at_home(&mut set, &redis, data_dir.path());
    let start = [array(last("ENTRYPOINT ")), array(last("CMD "))].concat();
    let (_, check) = last("HEALTHCHECK ").split_once("CMD ").expect("a check");
    // The engine asks every few seconds; here once, with patience.
    let ready = [array(check), words("--wait 30s")].concat();
    lives_and_ends(&start, &ready, &set);
}
