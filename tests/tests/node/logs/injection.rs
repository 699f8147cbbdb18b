//! Nobody writes a line of their own into a log, and nothing that is stored speaks to an operator's
//! terminal.

use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Cluster, Edge, Setup};
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What a forged line would begin with, and what would paint it.
const FORGED: &str = "2026-01-01T00:00:00.000Z sale=demo order=forged-0123456789 result=granted";
const PAINT: &str = "\u{1b}[31m";

/// Each place of a request where somebody can put text, as bytes for the wire.
fn requests() -> Vec<Vec<u8>> {
    let order = |path: &str, headers: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: \
             application/json\r\n{headers}Connection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let orders = "/v1/sales/demo/orders";
    let good = r#"{"buyer":"ada"}"#;
    let quoted = FORGED.replace(' ', "%20");
    let json = format!(r#"x\"}}\n{{\"level\":\"error\",\"message\":\"{FORGED}\"}}"#);
    let mut all = vec![
        order(orders, "", &format!(r#"{{"buyer":"{json}"}}"#)),
        order(orders, "", &format!(r#"{{"buyer":"a\n{FORGED}\u001b[31m"}}"#)),
        order(orders, "", &format!("{{\"buyer\":\"{PAINT}a\"}}")),
        order(orders, "", &format!(r#"{{"{json}":1}}"#)),
        order(orders, "", r#"{"buyer":"\"}{]='`$(id)%0a%1b[31m"}"#),
        order(&format!("/v1/sales/demo%0a{quoted}/orders"), "", good),
        order("/v1/sales/demo/orders/%1b[31m%0aforged-0123456789/cancel", "", ""),
        order("/v1/sales/demo/orders/\"}{\"level\":\"error/cancel", "", ""),
        order(&format!("{orders}?x=%0a{quoted}&y=\"}}{{"), "", good),
    ];
    for name in ["Idempotency-Key", "User-Agent", "Traceparent", "Lastseat-Edge", "Authorization"] {
        for value in [
            format!("0123456789abcdef{PAINT}"),
            format!("0123456789abcdef\"}}{{\"message\":\"{FORGED}\"}}"),
            format!("0123456789abcdef%0a{quoted}"),
            format!("0123456789abcdef\n{FORGED}"),
            format!("0123456789abcdef\r{FORGED}"),
        ] {
            all.push(order(orders, &format!("{name}: {value}\r\n"), good));
        }
    }
    all
}

async fn send(url: &str, bytes: &[u8]) {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    // It may be refused before it is all there; what matters is what was written about it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
    assert!(!String::from_utf8_lossy(&answer).contains('\u{1b}'), "an answer paints");
}

/// A line of a log is forged if it begins as one and nobody of us wrote it, or paints.
#[track_caller]
fn assert_honest(place: &str, text: &str) {
    for line in text.lines() {
        assert!(!line.starts_with(FORGED), "{place}: {line}");
        let control = line.chars().any(|c| c.is_control() && c != '\t');
        assert!(!control, "{place}: {line:?}");
    }
}

fn stat_logs(cluster: &Cluster) -> String {
    let files = cluster.nodes.iter().filter_map(|node| node.stat_log.as_ref());
    files.map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

async fn nothing_forges_a_line(format: &str) {
    let setup = Setup {
        direct: true,
        arguments: ["--demo", "--log-format", format].map(ToOwned::to_owned).to_vec(),
        environment: vec![("LASTSEAT_LOG".to_owned(), "debug".to_owned())],
        ..Setup::with_edge(Edge::under_test())
    };
    let mut cluster = Cluster::start(&setup).unwrap();
    let places = [cluster.edges[0].clone(), cluster.nodes[0].url.clone()];
    for url in &places {
        for bytes in requests() {
            send(url, &bytes).await;
            // Looked at each time, because only the last lines are kept.
            assert_honest(format, &cluster.program().notes());
        }
    }
    // Lines of the stat.log follow a moment later; the last one is known.
    let last = "the-last-one-0123456789";
    let body = r#"{"buyer":"ada"}"#;
    let order = format!(
        "POST /v1/sales/demo/orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: {last}\r\nConnection: \
         close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    send(&places[1], order.as_bytes()).await;
    let log = until("the last order is in a stat.log", || {
        Some(stat_logs(&cluster)).filter(|log| log.contains(last))
    });
    assert_honest("stat.log", &log);
    for line in log.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        assert!((7..=8).contains(&words.len()) && words[1] == "sale=demo", "{line}");
        assert!(!words[2].starts_with("order=forged"), "{line}");
    }
    let notes = cluster.program().notes();
    assert!(notes.contains("answered"), "the log has each request: {notes}");
    assert_honest(format, &notes);
    if format == "json" {
        for line in notes.lines() {
            let read: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            assert!(!read["message"].as_str().unwrap_or_default().contains("forged"), "{line}");
        }
    }
}

#[tokio::test]
async fn nothing_that_a_client_sends_forges_a_line_of_a_text_log() {
    nothing_forges_a_line("text").await;
}

#[tokio::test]
async fn nothing_that_a_client_sends_forges_a_line_of_a_json_log() {
    nothing_forges_a_line("json").await;
}

fn run(cluster: &Cluster, arguments: &[&str]) -> Output {
    let mut command = Command::new(lastseat().unwrap());
    command.arg("--data-dir").arg(cluster.data_dir());
    command.env_remove("REDIS_URL").args(arguments).output().unwrap()
}

/// Somebody who can write to Redis cannot speak to the terminal of whoever looks.
#[tokio::test]
async fn what_is_stored_does_not_speak_to_an_operators_terminal() {
    let setup = Setup { arguments: vec!["--demo".to_owned()], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    let redis = cluster.redis.as_ref().unwrap();
    let client = redis::Client::open(redis.url.as_str()).unwrap();
    let mut link = client.get_multiplexed_async_connection().await.unwrap();
    let id = "0123456789abcdef";
    let evil = format!("x{PAINT}\n{FORGED}");
    let key = |part: &str| format!("lastseat:{{demo}}:{part}");
    let record = format!("1c:1:1:1:0:{evil}");
    let mut write = async |command: &str, key: &str, arguments: &[&str]| {
        let mut command = redis::cmd(command);
        command.arg(key).arg(arguments);
        command.query_async::<redis::Value>(&mut link).await.unwrap();
    };
    write("HSET", &key("orders"), &[id, &record]).await;
    write("HSET", &key("buyers"), &[&evil, "1"]).await;
    write("SADD", "lastseat:sales", &[&evil]).await;
    let looks: &[&[&str]] = &[
        &["orders", "show", "demo", id],
        &["orders", "cancel", "demo", id],
        &["orders", "show", "demo", &evil],
        &["audit", "demo"],
        &["audit", "demo", "--json"],
        &["audit", "demo", "--ledger"],
        &["sale", "list"],
        &["sale", "show", "demo"],
        &["sale", "show", &evil],
    ];
    let look = |place: &str| {
        for arguments in looks {
            let output = run(&cluster, arguments);
            for text in [&output.stdout, &output.stderr] {
                assert_honest(&format!("{place}: {arguments:?}"), &String::from_utf8_lossy(text));
            }
        }
    };
    look("an order, a buyer, the list of sales");
    let output = run(&cluster, looks[0]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("u{1b}[31m"), "it is named, in plain characters: {said}");
    write("HSET", &key("sale"), &["state", &evil]).await;
    look("a state");
    let output = run(&cluster, looks[0]);
    assert!(!output.status.success(), "it is damage, not an order");
}
