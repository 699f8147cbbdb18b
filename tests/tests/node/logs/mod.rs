//! What a system says of its work: the trace of a request from the edge to the batch that served
//! it, and the lines of the log for people and for programs.

mod injection;

use hyper::Method;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use serde_json::Value;
use shared::wire::messages::header;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const BUYER: &str = r#"{"buyer":"ada"}"#;

fn cluster(arguments: &[&str], environment: &[(&str, &str)]) -> Cluster {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let setup = Setup {
        arguments: arguments.iter().map(ToString::to_string).collect(),
        environment: environment.iter().map(own).collect(),
        ..Setup::with_edge(Edge::Workerd)
    };
    Cluster::start(&setup).unwrap()
}

/// Edges that take the trace that a client names.
const TAKEN: (&str, &str) = ("CLIENT_TRACES", "taken");

/// Orders a ticket of the sale "demo" through the edge.
async fn order(cluster: &Cluster, key: &str, headers: &[(&str, &str)]) -> HttpReply {
    let headers = [headers, &[(header::IDEMPOTENCY_KEY, key)]].concat();
    let path = "/v1/sales/demo/orders";
    let asked = request(Method::POST, path, &headers, BUYER).unwrap();
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let answer = client.send(asked).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer
}

/// The line of the order in the stat.log of whichever node decided it.
fn decision(cluster: &Cluster, key: &str) -> String {
    until("the decision is in a stat.log", || {
        let logs = cluster.nodes.iter().filter_map(|node| node.stat_log.as_ref());
        let text: String = logs.filter_map(|log| std::fs::read_to_string(log).ok()).collect();
        let word = format!(" order={key} ");
        text.lines().find(|line| line.contains(&word)).map(ToOwned::to_owned)
    })
}

#[tokio::test]
async fn a_trace_that_a_client_names_is_ignored_where_clients_are_not_trusted_with_that() {
    let cluster = cluster(&["--demo"], &[]);
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    order(&cluster, "traced-0123456789", &[(header::TRACEPARENT, &sent)]).await;
    let line = decision(&cluster, "traced-0123456789");
    assert!(!line.contains("trace="), "{line}");
}

#[tokio::test]
async fn the_trace_that_a_client_names_is_in_the_line_of_its_order_and_in_no_other() {
    let cluster = cluster(&["--demo"], &[TAKEN]);
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    order(&cluster, "traced-0123456789", &[(header::TRACEPARENT, &sent)]).await;
    order(&cluster, "not-traced-0123456789", &[]).await;
    order(&cluster, "badly-traced-0123456789", &[(header::TRACEPARENT, "00-1-2-3")]).await;
    let line = decision(&cluster, "traced-0123456789");
    assert!(line.ends_with(&format!(" trace={TRACE}")), "{line}");
    for key in ["not-traced-0123456789", "badly-traced-0123456789"] {
        let line = decision(&cluster, key);
        assert!(!line.contains("trace="), "{line}");
    }
}

#[tokio::test]
async fn an_edge_starts_a_trace_for_the_share_of_requests_that_it_is_told() {
    let cluster = cluster(&["--demo"], &[("TRACE_SHARE", "1")]);
    let mut traces = Vec::new();
    for key in ["first-0123456789", "second-0123456789"] {
        order(&cluster, key, &[]).await;
        let line = decision(&cluster, key);
        let (_, trace) = line.split_once(" trace=").unwrap_or_else(|| panic!("{line}"));
        assert_eq!(trace.len(), 32, "{line}");
        traces.push(trace.to_owned());
    }
    assert_ne!(traces[0], traces[1]);
}

/// The log of the cluster and its nodes, once it has a line for which `wanted` holds; that line
/// with all of them.
fn line_of(
    cluster: &mut Cluster,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> (Value, Vec<Value>) {
    until(what, || {
        let notes = cluster.program().notes();
        let read =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        let lines: Vec<Value> = notes.lines().map(read).collect();
        let found = lines.iter().find(|line| wanted(line)).cloned()?;
        Some((found, lines))
    })
}

#[tokio::test]
async fn each_line_of_the_log_is_json_where_wanted_and_follows_an_order_into_its_batch() {
    let debug = [("LASTSEAT_LOG", "lastseat=debug"), TAKEN];
    let mut cluster = cluster(&["--demo", "--log-format", "json"], &debug);
    let sent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let key = "followed-0123456789";
    order(&cluster, key, &[(header::TRACEPARENT, &sent)]).await;
    let (request, _) = line_of(&mut cluster, "the request is answered", |line| {
        line["message"] == "answered" && line["trace"] == TRACE
    });
    assert_eq!(request["level"], "debug");
    assert_eq!(request["http.route"], "/v1/sales/demo/orders");
    assert_eq!(request["http.response.status_code"], 201);
    let (node, number) = (&request["node"], &request["batch"]);
    assert!(node.is_u64() && number.is_u64(), "{request}");
    let (batch, lines) = line_of(&mut cluster, "its batch is decided", |line| {
        line["message"] == "decided" && line["batch"] == *number && line["node"] == *node
    });
    assert_eq!((&batch["sale"], &batch["orders"]), (&"demo".into(), &1.into()));
    // An order's id is a capability.
    assert!(lines.iter().all(|line| !line.to_string().contains(key)));
}

#[tokio::test]
async fn a_command_that_fails_says_so_in_the_form_of_its_log() {
    use lastseat_tests::harness::paths::lastseat;
    let run = |format: &str| {
        let mut command = std::process::Command::new(lastseat().unwrap());
        command.env_remove("REDIS_URL").env("LASTSEAT_LOG_FORMAT", format);
        let ran = command.args(["serve", "--insecure-direct"]).output().unwrap();
        assert_eq!(ran.status.code(), Some(2));
        String::from_utf8(ran.stderr).unwrap()
    };
    assert!(run("text").contains("--redis-url or REDIS_URL is missing"));
    let line: Value = serde_json::from_str(&run("json")).unwrap();
    assert_eq!(line["level"], "error");
    let said = line["message"].as_str().unwrap();
    assert!(said.contains("--redis-url or REDIS_URL is missing"), "{said}");
}
