//! What lies in `deploy/` agrees with itself, and its linters can see.

use lastseat_tests::harness::paths::{repository, scratch};
use std::fs;
use std::path::Path;
use std::process::Command;

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
    plant(&copy, "compose.yaml", "restart: always", "restarts: always");
    plant(&copy, "kubernetes/nodes.yaml", "replicas: 3", "replicas: three");
    plant(&copy, "kubernetes/redis.yaml", "serviceName:", "service:");
    plant(&copy, "kubernetes/access.yaml", "kind: Ingress", "kind:  Ingress");
    plant(&copy, "systemd/lastseat@.service", "Type=exec", "Type=exec\nRestrat=no");
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
        "Dockerfile",
        "compose file",
        "nodes.yaml",
        "redis.yaml",
        "YAML",
        "unit file",
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
    assert_eq!(settings(map), wanted);
    let script: String = script
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect();
    assert_eq!(script, read("deploy/redis/make-whole"));
    for file in ["lastseat.conf", "make-whole"] {
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
    for node in 1..=count {
        for wanted in [
            format!("statefulset.kubernetes.io/pod-name: lastseat-{node}}}"),
            format!("- host: origin-{node}.example.com"),
            format!("service: {{name: lastseat-{node},"),
        ] {
            assert!(access.contains(&wanted), "{wanted}");
        }
    }
    assert!(!access.contains(&format!("lastseat-{}", count + 1)));
}
