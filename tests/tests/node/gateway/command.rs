//! The command `lastseat gateway`: its ready line, its signals, its errors.

use crate::gateway::tls::{Served, client, connect};
use crate::metrics::{OF_A_GATEWAY, all_documented, shown};
use hyper::StatusCode;
use lastseat_gateway::front::GatewayEntry;
use lastseat_tests::harness::certificates::Certificates;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Program, Setup};
use rustix::process::Signal;
use shared::upstream::balancer::OriginRow;
use std::process::Command;
use std::time::Duration;

const ORIGINS: &str = r#"[{"url":"http://127.0.0.1:9"}]"#;
const KEY: &str = "edge-0123456789abcdef0123456789abcdef";

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(lastseat().unwrap());
    command.args(["gateway", "--json", "--admin-listen=127.0.0.1:0"]).args(flags);
    command.env("LASTSEAT_EDGE_KEY", KEY).env("ORIGINS", ORIGINS);
    command
}

fn start(flags: &[&str]) -> (Program, GatewayEntry) {
    start_before(ORIGINS, flags)
}

fn start_before(origins: &str, flags: &[&str]) -> (Program, GatewayEntry) {
    let mut command = command(flags);
    command.arg("--listen=127.0.0.1:0").env("ORIGINS", origins);
    let program = Program::start("the gateway", command).unwrap();
    let line = program.line(Duration::from_secs(10)).unwrap();
    (program, serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}")))
}

/// The exit code and what was written to standard error.
fn fails(mut command: Command) -> (Option<i32>, String) {
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn the_ready_line_says_where_it_serves_and_sigterm_ends_it() {
    let (mut program, entry) = start(&["--threads=2"]);
    assert_eq!((entry.threads, entry.pid), (2, program.pid()));
    let mut admin = HttpClient::new(&entry.admin).unwrap();
    assert_eq!(admin.get("/livez").await.unwrap().text(), "alive\n");
    let mut buyer = HttpClient::new(&entry.url).unwrap();
    let answer = buyer.get("/v1/sales/spring").await.unwrap();
    assert!(answer.problem().is_ok(), "{}", answer.text());
    let metrics = admin.get("/metrics").await.unwrap().text();
    assert!(metrics.contains("\nlastseat_gateway_requests_total{protocol=\"http/1\""), "{metrics}");
    assert_eq!(program.stop().unwrap().code(), Some(0), "{}", program.notes());
}

#[tokio::test]
async fn a_gateway_that_no_node_has_answered_yet_is_not_ready() {
    let (_program, entry) = start(&[]);
    let mut admin = HttpClient::new(&entry.admin).unwrap();
    let answer = admin.get("/readyz").await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let said = answer.problem().unwrap().detail;
    assert!(said.contains("no node of --origins has answered"), "{said}");
    let metrics = Metrics(admin.get("/metrics").await.unwrap().text());
    assert_eq!(metrics.count("lastseat_gateway_ready", &[]), 0);
}

#[tokio::test]
async fn a_gateway_whose_nodes_are_all_gone_stays_ready_and_tells_buyers_to_come_again() {
    let setup = Setup { weights: vec![1, 1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    let rows = cluster.nodes.iter().map(|node| OriginRow::new(&node.url, 1));
    let table = serde_json::to_string(&rows.collect::<Vec<_>>()).unwrap();
    let (_program, entry) = start_before(&table, &[]);
    let mut admin = HttpClient::new(&entry.admin).unwrap();
    until_async("a node has answered, and no buyer has come", async || {
        let answer = admin.get("/readyz").await.ok()?;
        (answer.text() == "ready\n").then_some(())
    })
    .await;
    cluster.stop().unwrap();
    let mut buyer = HttpClient::new(&entry.url).unwrap();
    let metrics = until_async("it knows that all nodes fail", async || {
        let answer = buyer.get("/v1/sales/spring").await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
        assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
        let metrics = Metrics(admin.get("/metrics").await.ok()?.text());
        let failing = metrics.count("lastseat_gateway_nodes", &["state=\"failing\""]);
        (failing == 2).then_some(metrics)
    })
    .await;
    assert_eq!(metrics.count("lastseat_gateway_nodes", &["state=\"usable\""]), 0);
    assert_eq!(metrics.count("lastseat_gateway_ready", &[]), 1);
    let answer = admin.get("/readyz").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text().starts_with("ready\neach node of --origins fails"), "{}", answer.text());
}

#[tokio::test]
async fn the_documented_metrics_of_a_gateway_are_those_that_it_shows() {
    let certificates = Certificates::make();
    let served = Served::new(&certificates);
    let (_program, entry) = start(&served.flags().each_ref().map(String::as_str));
    let mut admin = HttpClient::new(&entry.admin).unwrap();
    let text = admin.get("/metrics").await.unwrap().text();
    let mut documented = all_documented();
    documented.retain(|name, _| name.starts_with(OF_A_GATEWAY));
    assert_eq!(shown(&text), documented);
    for (name, (kind, _)) in documented {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
}

#[tokio::test]
async fn sighup_reads_the_certificate_again_and_does_not_end_it() {
    let (old, new) = (Certificates::make(), Certificates::make());
    let served = Served::new(&old);
    let (mut program, entry) = start(&served.flags().each_ref().map(String::as_str));
    let authority = entry.url.strip_prefix("https://").expect("over TLS").to_owned();
    // Now it has a handler for the signal: it is made before operators are served.
    HttpClient::new(&entry.admin).unwrap().get("/livez").await.unwrap();
    let only_new = client(&[&new.file("ca.pem")], &[]);
    served.replace(&new, &["server.key"]);
    program.signal(Signal::HUP);
    until_async("it says what is wrong", async || {
        let said = program.notes();
        let what = "the new certificate is not used, the old one stays";
        (said.contains(what) && said.contains("The key must be that of the certificate"))
            .then_some(())
    })
    .await;
    connect(&client(&[&old.file("ca.pem")], &[]), &authority).await.unwrap();
    served.replace(&new, &["server.pem"]);
    program.signal(Signal::HUP);
    until_async("it shows the new certificate", async || {
        connect(&only_new, &authority).await.ok().map(drop)
    })
    .await;
    assert_eq!(program.stop().unwrap().code(), Some(0), "{}", program.notes());
}

#[tokio::test]
async fn sighup_without_a_certificate_changes_nothing() {
    let (mut program, entry) = start(&[]);
    let mut admin = HttpClient::new(&entry.admin).unwrap();
    admin.get("/livez").await.unwrap();
    program.signal(Signal::HUP);
    until_async("it says that there is none", async || {
        program.notes().contains("there is no certificate to read again").then_some(())
    })
    .await;
    assert_eq!(admin.get("/livez").await.unwrap().text(), "alive\n");
    assert_eq!(program.stop().unwrap().code(), Some(0), "{}", program.notes());
}

#[test]
fn what_cannot_be_served_is_said_in_words() {
    let (code, said) = fails(command(&["--tls-cert=a.pem", "--proxy-protocol", "--client-ip=x"]));
    assert_eq!(code, Some(2), "{said}");
    for word in ["belong together", "--trusted-proxies", "connection, forwarded or header"] {
        assert!(said.contains(word), "{word} is missing in:\n{said}");
    }
    let (code, said) = fails(command(&["--tls-cert=/nowhere/a.pem", "--tls-key=/nowhere/b.pem"]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("/nowhere/a.pem cannot be read"), "{said}");
    let mut without_origins = command(&[]);
    without_origins.env_remove("ORIGINS");
    let (code, said) = fails(without_origins);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("ORIGINS"), "{said}");
    let (_program, entry) = start(&[]);
    let taken = format!("--listen={}", entry.url.trim_start_matches("http://"));
    let (code, said) = fails(command(&[&taken]));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is taken by another program"), "{said}");
}
