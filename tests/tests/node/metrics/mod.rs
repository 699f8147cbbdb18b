//! What operators watch: `/metrics` against its documentation, the alerts and the Grafana dashboard
//! against the metrics, and a real Prometheus against a running cluster.

use hyper::{Method, StatusCode};
use lastseat_node::status::Alert;
use lastseat_tests::harness::http::{SentRequest, request};
use lastseat_tests::harness::paths::{repository, scratch, tool};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Program, Setup};
use serde_json::Value;
use shared::auth::edge_signature::{Signed, sign};
use shared::limits::METRICS_SALES_MAX;
use shared::wire::messages::header;
use shared::{EdgeCounts, KeyRing, UnixMillis};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

const ORDERS: &str = "/v1/sales/spring/orders";
const ADA: &str = r#"{"buyer":"ada"}"#;
/// The key of this test's edge.
const KEY: &str = "e:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What the names of a gateway's metrics begin with.
pub(crate) const OF_A_GATEWAY: &str = "lastseat_gateway_";

/// Type and labels of each metric of a node in the tables of `docs/OBSERVABILITY.md`.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut all = all_documented();
    all.retain(|name, _| !name.starts_with(OF_A_GATEWAY));
    all
}

/// The same of nodes and gateways.
pub(crate) fn all_documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let text = read("docs/OBSERVABILITY.md");
    let rows = text.lines().filter(|line| line.starts_with("| `lastseat_"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[1].trim_matches('`').to_owned();
        // "`sale`, `state` (`free`, `held`)": the names outside of the brackets.
        let mut labels = String::new();
        let mut depth = 0;
        for c in cells[3].chars() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                c if depth == 0 => labels.push(c),
                _ => {}
            }
        }
        let labels = labels.split('`').skip(1).step_by(2).map(str::to_owned);
        (name, (cells[2].to_owned(), labels.collect()))
    })
    .collect()
}

/// The same, as a page of metrics shows it.
pub(crate) fn shown(text: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics: BTreeMap<String, (String, BTreeSet<String>)> = BTreeMap::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            let known = metrics.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
            assert!(known.is_none(), "{name} is shown twice");
        } else if !line.starts_with('#') {
            let (series, _) = line.rsplit_once(' ').unwrap();
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|end| name.strip_suffix(end))
                .find(|base| metrics.get(*base).is_some_and(|(kind, _)| kind == "histogram"))
                .unwrap_or(name);
            let metric = metrics.get_mut(base).unwrap_or_else(|| panic!("{base} has no TYPE"));
            for label in labels.trim_end_matches('}').split(',').filter(|l| !l.is_empty()) {
                let label = label.split_once('=').unwrap().0;
                if label != "le" {
                    metric.1.insert(label.to_owned());
                }
            }
        }
    }
    metrics
}

async fn metrics_of(admin: &str) -> String {
    let answer = HttpClient::new(admin).unwrap().get("/metrics").await.unwrap();
    assert_eq!(answer.status, StatusCode::OK);
    answer.text()
}

#[tokio::test]
async fn the_documented_metrics_are_those_of_a_running_node_with_their_types_and_labels() {
    let cluster = Cluster::with_edge(Edge::None);
    cluster.create_sale("spring", 10).await.unwrap();
    let node = &cluster.nodes[0];
    let mut client = HttpClient::new(&node.url).unwrap();
    let bought = client.order("spring", None, r#"{"buyer":"ada"}"#).await.unwrap();
    assert_eq!(bought.status, StatusCode::CREATED);
    let text = metrics_of(&node.admin).await;
    assert_eq!(shown(&text), documented());
    // A metric's name says its unit, and a counter that it is one.
    for (name, (kind, _)) in documented() {
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    }
}

#[tokio::test]
async fn the_series_of_sales_are_bounded() {
    let cluster = Cluster::with_edge(Edge::None);
    let node = &cluster.nodes[0];
    let mut client = HttpClient::new(&node.url).unwrap();
    for i in 0..METRICS_SALES_MAX + 6 {
        cluster.create_sale(&format!("sale-{i}"), 10).await.unwrap();
        let body = r#"{"buyer":"ada"}"#;
        let bought = client.order(&format!("sale-{i}"), None, body).await.unwrap();
        assert_eq!(bought.status, StatusCode::CREATED);
    }
    let text = metrics_of(&node.admin).await;
    let series = text.lines().filter(|line| line.starts_with("lastseat_sale_open{"));
    assert_eq!(series.count(), METRICS_SALES_MAX);
    let last = format!("sale=\"sale-{}\"", METRICS_SALES_MAX + 5);
    assert!(text.contains(&last), "the sales that were asked for last are shown");
}

/// An order as an edge sends it, with `counts`.
fn from_edge(counts: &str, calls: &str) -> SentRequest {
    let signed = Signed {
        method: "POST",
        path: ORDERS,
        order: "",
        client: "",
        edge: "e1",
        key_source: "",
        buyer_token: "",
        ..Signed::NOTHING
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = UnixMillis(u64::try_from(since.as_millis()).unwrap());
    let signature = sign(&KeyRing::parse(KEY).unwrap(), &signed, now);
    let headers = [
        (header::EDGE, "e1"),
        (header::SIGNATURE, signature.as_str()),
        (header::EDGE_COUNTS, counts),
        (header::EDGE_CALLS, calls),
    ];
    request(Method::POST, ORDERS, &headers, ADA).unwrap()
}

#[tokio::test]
async fn what_an_edge_counted_reaches_the_node_that_answers_it() {
    let setup = Setup {
        environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())],
        ..Setup::with_edge(Edge::None)
    };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale("spring", 10).await.unwrap();
    let node = &cluster.nodes[0];
    let mut client = HttpClient::new(&node.url).unwrap();
    let mut counts = EdgeCounts { asked: 100, forwarded: 2, failed: 1, ..EdgeCounts::default() };
    counts.refused[0] = 98;
    let told = counts.to_header();
    let claims = [(header::EDGE, "e1"), (header::EDGE_COUNTS, told.as_str())];
    for asked in [
        from_edge(&told, "1.77"),
        // Nonsense is not counted, and costs nobody a ticket.
        from_edge("1.5.x", "2.5"),
        // Who does not prove to be an edge is not believed.
        request(Method::POST, ORDERS, &claims, ADA).unwrap(),
    ] {
        let answer = client.send(asked).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        let labels = ["sale=\"spring\"", "reason=\"sold_out\""];
        let refused = cluster.count("lastseat_edge_orders_refused_total", &labels).await;
        assert_eq!(refused.unwrap(), 98);
    }
    let asked = cluster.count("lastseat_edge_orders_asked_total", &[]).await;
    assert_eq!(asked.unwrap(), 100);
    let failed = cluster.count("lastseat_edge_origin_failures_total", &[]).await;
    assert_eq!(failed.unwrap(), 1);
    let calls = cluster.count("lastseat_edge_order_calls_refused_total", &[]).await;
    assert_eq!(calls.unwrap(), 77);
}

/// Every word in `text` that looks like one of our metrics, without a histogram's endings.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("lastseat_"));
    let known = documented();
    metrics
        .map(|word| {
            let base = ["_bucket", "_sum", "_count"]
                .iter()
                .filter_map(|end| word.strip_suffix(end))
                .find(|base| known.contains_key(*base));
            base.unwrap_or(word).to_owned()
        })
        .collect()
}

#[test]
fn alerts_and_grafana_name_only_metrics_that_exist_and_each_alert_has_its_section() {
    let known = all_documented();
    for path in [
        "docs/prometheus/alerts.yml",
        "docs/prometheus/alerts_test.yml",
        "docs/grafana/lastseat.json",
    ] {
        let names = named(&read(path));
        assert!(names.len() >= 5, "{path}: {names:?}");
        let unknown: Vec<_> = names.iter().filter(|name| !known.contains_key(*name)).collect();
        assert!(unknown.is_empty(), "{path} names {unknown:?}");
    }
    let grafana: Value = serde_json::from_str(&read("docs/grafana/lastseat.json")).unwrap();
    let panels = grafana["panels"].as_array().unwrap();
    assert!(panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));

    let alerts = read("docs/prometheus/alerts.yml");
    let runbook = read("docs/RUNBOOK.md");
    let names: Vec<&str> =
        alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() >= 10);
    for name in &names {
        assert!(runbook.contains(&format!("\n## {name}\n")), "{name} has no section");
        let link = format!("runbook: docs/RUNBOOK.md#{}\n", name.to_lowercase());
        assert!(alerts.contains(&link), "{name} does not link it");
    }
    let sections = runbook.lines().filter(|line| line.starts_with("## "));
    assert_eq!(sections.count(), names.len(), "a section that no alert leads to");
}

/// Alerts that no node can see by itself: of gateways, of numbers that a node rejects before it
/// counts them, and of shares that only all nodes together have.
const UNSEEN: [&str; 5] = [
    "LastseatCertificateEnds",
    "LastseatCertificateExpires",
    "LastseatGatewayWithoutNodes",
    "LastseatOversold",
    "LastseatTrafficOffWeight",
];

/// Milliseconds of `30s` or `1m`.
fn milliseconds(text: &str) -> u64 {
    let (number, unit) = text.split_at(text.len() - 1);
    let unit = if unit == "m" { 60_000 } else { 1_000 };
    number.parse::<u64>().unwrap() * unit
}

#[test]
fn the_banner_of_the_dashboard_has_each_alert_that_a_node_can_see_as_the_alert_has_it() {
    let alerts = read("docs/prometheus/alerts.yml");
    let mut seen: BTreeSet<&str> = UNSEEN.into();
    for alert in Alert::ALL {
        let begin = format!("- alert: {}\n", alert.as_str());
        let (_, rest) = alerts.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let rest = rest.split("- alert: ").next().unwrap();
        let field = |name: &str| {
            let line = rest.lines().find_map(|line| line.trim().strip_prefix(name));
            line.map(str::trim)
        };
        let lasts = field("for:").map_or(0, milliseconds);
        assert_eq!(alert.lasts_ms(), lasts, "{}", alert.as_str());
        let severity = serde_json::to_value(alert.severity()).unwrap();
        assert_eq!(severity.as_str(), field("severity:"), "{}", alert.as_str());
        assert!(seen.insert(alert.as_str()), "{} is there twice", alert.as_str());
    }
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    assert_eq!(names.collect::<BTreeSet<_>>(), seen);
    // The page says which are not there.
    let page = read("docs/OBSERVABILITY.md");
    for name in UNSEEN {
        assert!(page.contains(name), "docs/OBSERVABILITY.md does not name {name}");
    }
}

#[test]
fn promtool_finds_configuration_and_alerts_right_and_they_fire_as_described() {
    for words in [
        &["check", "config", "prometheus.yml"][..],
        &["check", "rules", "alerts.yml"],
        &["test", "rules", "alerts_test.yml"],
    ] {
        let ran = Command::new(tool("promtool"))
            .current_dir(repository().join("docs/prometheus"))
            .args(words)
            .output()
            .unwrap();
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(ran.status.success(), "promtool {words:?}:\n{said}");
    }
}

#[tokio::test]
async fn a_real_prometheus_scrapes_every_node_and_loads_the_alerts() {
    let cluster = Cluster::with_edge(Edge::None);
    cluster.create_sale("spring", 10).await.unwrap();
    let mut client = HttpClient::new(&cluster.nodes[2].url).unwrap();
    let bought = client.order("spring", None, r#"{"buyer":"ada"}"#).await.unwrap();
    assert_eq!(bought.status, StatusCode::CREATED);

    let directory = scratch().unwrap();
    let mut config = read("docs/prometheus/prometheus.yml").replace("5s", "1s");
    for (node, port) in cluster.nodes.iter().zip(3_101..) {
        let there = node.admin.trim_start_matches("http://");
        config = config.replace(&format!("127.0.0.1:{port}"), there);
    }
    fs::write(directory.path().join("prometheus.yml"), config).unwrap();
    let alerts = read("docs/prometheus/alerts.yml");
    fs::write(directory.path().join("alerts.yml"), alerts).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(tool("prometheus"));
    command.current_dir(directory.path()).args([
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        &format!("--web.listen-address=127.0.0.1:{port}"),
    ]);
    let _prometheus = Program::start("prometheus", command).unwrap();
    let url = format!("http://127.0.0.1:{port}");

    let ask = async |query: &str| -> Option<Value> {
        let answer = HttpClient::new(&url).unwrap().get(query).await.ok()?;
        answer.json::<Value>().ok()
    };
    let query = async |expression: &str| -> Option<Vec<Value>> {
        let expression = expression.replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
        let answer = ask(&format!("/api/v1/query?query={expression}")).await?;
        Some(answer["data"]["result"].as_array()?.clone())
    };
    until_async("prometheus has scraped all nodes", async || {
        let up = query("up==1").await?;
        (up.len() == 4).then_some(())
    })
    .await;
    until_async("the sale is seen", async || {
        let sold = query(r#"max(lastseat_sale_tickets{sale="spring",state="confirmed"})"#).await?;
        (sold.first()?["value"][1] == "1").then_some(())
    })
    .await;
    let rules = ask("/api/v1/rules").await.unwrap();
    let rules = rules["data"]["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() >= 10);
    until_async("every alert was evaluated and none fires", async || {
        let answer = ask("/api/v1/rules").await?;
        let rules = answer["data"]["groups"][0]["rules"].as_array()?.clone();
        let quiet = |rule: &Value| rule["health"] == "ok" && rule["state"] == "inactive";
        rules.iter().all(quiet).then_some(())
    })
    .await;
}
