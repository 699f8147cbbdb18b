//! What faces buyers on one's own servers: the unit of a node that does, and the gateway of the
//! compose file.

use crate::deploy::node::{at_home, command, read, variables, words};
use lastseat_cluster::process::free_port;
use lastseat_tests::harness::certificates::Certificates;
use lastseat_tests::harness::paths::{scratch, tool};
use lastseat_tests::harness::{Durability, PrivateRedis, Program};
use rustix::process::Signal;
use shared::upstream::balancer::OriginRow;
use std::process::Command;
use std::time::Duration;

/// The unit waits for so long.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// Refused from memory, most of them: each has to arrive whole, whenever its body came.
const REFUSALS: usize = 20;

#[test]
fn the_unit_of_one_server_sells_a_ticket_over_tls_and_ends_within_ten_seconds_of_sigterm() {
    let unit = read("deploy/systemd/lastseat-public.service");
    let one = |name: &str| -> &str {
        let mut lines = unit.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| *key == name).unwrap_or_else(|| panic!("no {name}")).1
    };
    assert_eq!(one("EnvironmentFile"), "/etc/lastseat/public.env");
    let mut set = variables(&read("deploy/systemd/public.env.example"));
    let (redis, data_dir) = (PrivateRedis::start(Durability::Always), scratch().unwrap());
    set.insert("LASTSEAT_NODE".to_owned(), "1".to_owned());
    set.insert("LASTSEAT_DATA_DIR".to_owned(), String::new());
    // It needs no key of edges: the helper gives one, and it goes again.
    set.insert("LASTSEAT_EDGE_KEY".to_owned(), String::new());
    at_home(&mut set, &redis, data_dir.path());
    set.remove("LASTSEAT_EDGE_KEY");
    let certificates = Certificates::make();
    let file = |name: &str| certificates.file(name).display().to_string();
    let (port, admin) = (free_port().unwrap(), free_port().unwrap());
    for (name, value) in [
        ("LASTSEAT_PUBLIC", format!("127.0.0.1:{port}")),
        ("LASTSEAT_PUBLIC_ADMIN_LISTEN", format!("127.0.0.1:{admin}")),
        ("LASTSEAT_TLS_CERT", file("server.pem")),
        ("LASTSEAT_TLS_KEY", file("server.key")),
    ] {
        let known = set.insert(name.to_owned(), value);
        assert!(known.is_some(), "the example does not name {name}");
    }
    set.insert("LASTSEAT_SERVER".to_owned(), format!("http://{}", set["LASTSEAT_ADMIN_LISTEN"]));
    let ready = one("ExecStartPost");
    assert!(ready.contains("${LASTSEAT_PUBLIC_ADMIN_LISTEN}"), "{ready}");
    let ready = ready.replace("${LASTSEAT_PUBLIC_ADMIN_LISTEN}", &format!("127.0.0.1:{admin}"));
    let mut node = Program::start("the node", command(&words(one("ExecStart")), &set)).unwrap();
    for line in [ready.as_str(), "lastseat sale create spring --capacity 1"] {
        let output = command(&words(line), &set).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {said}\n{}", node.notes());
    }
    let order = || {
        let mut curl = Command::new(tool("curl"));
        curl.args(["-sS", "-o", "/dev/null", "-w", "%{http_code} %{http_version}"]);
        curl.arg("--cacert").arg(certificates.file("ca.pem")).args(["-d", r#"{"buyer":"ada"}"#]);
        curl.arg(format!("https://127.0.0.1:{port}/v1/sales/spring/orders"));
        let output = curl.output().expect("curl runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        String::from_utf8(output.stdout).unwrap() + &said
    };
    assert_eq!(order(), "201 2", "{}", node.notes());
    assert!(one("ExecReload").starts_with("/bin/kill -HUP "));
    node.signal(Signal::HUP);
    for _ in 0..REFUSALS {
        assert_eq!(order(), "409 2", "it serves on after a reload: {}", node.notes());
    }
    node.signal(Signal::TERM);
    let status = node.wait(ENDS_WITHIN).expect("it ends in time");
    assert_eq!(status.code(), Some(0), "{}", node.notes());
}

#[test]
fn the_gateway_of_the_compose_file_has_each_node_with_its_weight() {
    let compose = read("deploy/compose.yaml");
    let (_, gateway) = compose.split_once("\n  gateway:\n").expect("a gateway");
    let (_, table) = gateway.split_once("ORIGINS: >-\n").expect("a table");
    let (table, _) = table.split_once("    healthcheck:").expect("its end");
    let rows: Vec<OriginRow> = serde_json::from_str(table).unwrap_or_else(|e| panic!("{e}"));
    let volumes = compose.matches(":/data\"]").count();
    assert_eq!(rows.len(), volumes, "each node has a volume");
    for (at, row) in rows.iter().enumerate() {
        let number = at + 1;
        assert_eq!(*row, OriginRow::new(format!("http://node-{number}:3001"), row.weight));
        let wanted = format!("LASTSEAT_NODE: \"{number}\", LASTSEAT_WEIGHT: \"{}\"", row.weight);
        assert!(compose.contains(&wanted), "{wanted}");
    }
    let check = r#"["CMD", "lastseat", "ready", "--listen", "127.0.0.1:8887"]"#;
    assert!(gateway.contains(check) && gateway.contains("command: [gateway]"), "{gateway}");
}
