//! What lies in `deploy/` agrees with itself, and its linters can see.

use lastseat_cluster::process::free_port;
use lastseat_tests::harness::paths::{repository, scratch, tool};
use lastseat_tests::harness::redis::users::password;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Program, RedisSetup};
use std::fs;
use std::path::Path;
use std::process::Command;

/// All units.
const UNITS: [&str; 6] = [
    "lastseat@",
    "lastseat-gateway",
    "lastseat-public",
    "lastseat-relay",
    "lastseat-relay@",
    "lastseat-journal@",
];

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Replaces `from` by `to` in a file of the copy.
fn plant(copy: &Path, file: &str, from: &str, to: &str) {
    let path = copy.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn the_linters_see_a_fault_in_each_kind_of_file() {
    let scratch = scratch().unwrap();
    let copy = scratch.path().join("deploy");
    let copied = Command::new("cp").arg("-a").arg(repository().join("deploy")).arg(&copy).status();
    assert!(copied.unwrap().success());
    plant(&copy, "container/Dockerfile", "WORKDIR /src", "WORKDIR src");
    plant(&copy, "container/Dockerfile.release", "WORKDIR /data", "WORKDIR data");
    plant(&copy, "compose.yaml", "restart: unless-stopped", "restarts: unless-stopped");
    plant(&copy, "kubernetes/nodes.yaml", "replicas: 3", "replicas: three");
    plant(&copy, "kubernetes/redis.yaml", "serviceName:", "service:");
    plant(&copy, "kubernetes/gateway.yaml", "kind: Gateway", "kind:  Gateway");
    plant(&copy, "kubernetes/without-cloudflare/edge.yaml", "replicas: 2", "replicas: two");
    plant(&copy, "kubernetes/webhooks/relay.yaml", "replicas: 2", "replicas: two");
    for unit in UNITS {
        let unit = format!("systemd/{unit}.service");
        plant(&copy, &unit, "Type=exec", "Type=exec\nRestrat=no");
    }
    plant(
        &copy,
        "systemd/redis-server.service.d/lastseat.conf",
        "ExecStartPre=",
        "ExecStartFirst=",
    );
    let output =
        Command::new(repository().join("scripts/lint-deploy")).arg(&copy).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    let last = said.lines().last().unwrap_or_default();
    for found in [
        "Dockerfile Dockerfile.release",
        "compose file",
        "nodes.yaml",
        "redis.yaml",
        "edge.yaml",
        "relay.yaml",
        "YAML",
        "unit file lastseat@",
        "unit file lastseat-gateway",
        "unit file lastseat-public",
        "unit file lastseat-relay ",
        "unit file lastseat-relay@",
        "unit file lastseat-journal@",
        "drop-in of Redis",
    ] {
        assert!(last.contains(found), "{found} was not found:\n{said}");
    }
    assert!(!last.contains("network-policy"), "{said}");
}

/// The settings of a redis.conf, without comments.
fn settings(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn redis_has_the_same_settings_everywhere() {
    let conf = read("deploy/redis/lastseat.conf");
    let wanted = settings(&conf);
    assert!(
        wanted.contains(&"appendfsync always") && wanted.contains(&"maxmemory-policy noeviction")
    );
    let manifest = read("deploy/kubernetes/redis.yaml");
    let (_, maps) = manifest.split_once("lastseat.conf: |\n").unwrap();
    let (maps, _) = maps.split_once("---").unwrap();
    let (map, script) = maps.split_once("make-whole: |\n").unwrap();
    let (map, users) = map.split_once("users.acl: |\n").unwrap();
    assert_eq!(settings(map), wanted);
    let users: Vec<&str> = users.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    assert_eq!(users, read("deploy/redis/users.acl").lines().collect::<Vec<_>>());
    let script: String = script
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect();
    assert_eq!(script, read("deploy/redis/make-whole"));
    for file in ["lastseat.conf", "make-whole", "users.acl"] {
        let mount = format!("./redis/{file}:/etc/redis/{file}:ro");
        assert!(read("deploy/compose.yaml").contains(&mount), "{mount}");
    }
}

#[test]
fn each_node_of_the_manifests_has_a_service_and_a_host_name() {
    let nodes = read("deploy/kubernetes/nodes.yaml");
    let count = nodes.split("replicas: ").nth(1).unwrap();
    let count: usize = count.lines().next().unwrap().parse().unwrap();
    let access = read("deploy/kubernetes/access.yaml");
    let gateway = read("deploy/kubernetes/gateway.yaml");
    let edge = read("deploy/kubernetes/without-cloudflare/edge.yaml");
    for node in 1..=count {
        let pod = format!("statefulset.kubernetes.io/pod-name: lastseat-{node}}}");
        assert!(access.contains(&pod), "{pod}");
        let origin = format!(r#"{{"url":"http://lastseat-{node}:3001","weight":1}}"#);
        assert!(edge.contains(&origin), "{origin}");
        for wanted in [
            format!("hostname: origin-{node}.example.com"),
            format!("parentRefs: [{{name: lastseat, sectionName: origin-{node}}}]"),
            format!("hostnames: [origin-{node}.example.com]"),
            format!("backendRefs: [{{name: lastseat-{node}, port: 3001}}]"),
        ] {
            assert!(gateway.contains(&wanted), "{wanted}");
        }
    }
    for text in [access, gateway, edge] {
        assert!(!text.contains(&format!("lastseat-{}", count + 1)));
    }
}

#[test]
fn what_a_node_acknowledged_outlives_its_pod_and_everything_comes_back_after_a_reboot() {
    let nodes = read("deploy/kubernetes/nodes.yaml");
    assert!(nodes.contains("volumeClaimTemplates:") && !nodes.contains("emptyDir"), "{nodes}");
    for file in ["deploy/compose.yaml", "deploy/kubernetes/nodes.yaml"] {
        assert!(!read(file).contains("on-failure"), "{file}");
    }
    let compose = read("deploy/compose.yaml");
    assert_eq!(compose.matches("restart: unless-stopped").count(), 2, "Redis and the nodes");
    for unit in UNITS {
        let unit = read(&format!("deploy/systemd/{unit}.service"));
        assert!(unit.contains("WantedBy=multi-user.target"), "{unit}");
        assert!(unit.contains("StartLimitIntervalSec=0"), "{unit}");
    }
}

#[test]
fn a_sentinel_with_the_file_of_the_example_watches_a_ledger_with_our_users() {
    let redis = RedisSetup::default().with_port().with_users().start();
    let (directory, port) = (scratch().unwrap(), free_port().unwrap());
    let mut text = read("deploy/redis/sentinel.conf.example");
    for (from, to) in [
        ("port 26379", format!("port {port}")),
        ("bind 10.0.0.5", "bind 127.0.0.1".to_owned()),
        ("/var/lib/redis", directory.path().display().to_string()),
        ("10.0.0.5 6379", format!("127.0.0.1 {}", redis.address().port())),
        ("PASSWORD-OF-REDIS", password("sentinel")),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, &to);
    }
    let file = directory.path().join("sentinel.conf");
    fs::write(&file, text).unwrap();
    let mut command = Command::new(tool("redis-server"));
    command.arg(&file).arg("--sentinel");
    let _sentinel = Program::start("redis-server --sentinel", command).unwrap();
    until("it has logged in and seen a primary", || {
        let mut asked = Command::new(tool("redis-cli"));
        asked.args(["-p", &port.to_string(), "sentinel", "master", "tickets"]);
        let said = asked.output().expect("redis-cli runs").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let words: Vec<&str> = said.lines().collect();
        let field = |name: &str| {
            let at = words.iter().position(|word| *word == name)?;
            words.get(at + 1).copied()
        };
        (field("flags")? == "master" && field("runid")?.len() == 40).then_some(())
    });
}
