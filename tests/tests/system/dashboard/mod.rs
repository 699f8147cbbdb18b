//! The dashboard: its guards over plain HTTP, and its behaviour in a real headless Chromium
//! (`tests/dashboard/*.mjs`), also while a crowd comes.

use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{lastseat, repository};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Program, Setup};
use lastseat_tests::rush::{LoadOptions, Progress, run};
use shared::Code;
use shared::limits::STATUS_STREAMS_MAX;
use std::process::Command;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest run of one script: far more than it takes on two busy cores.
const SCRIPT_WITHIN: Duration = Duration::from_secs(400);
/// Enough to look at the sale several times while it sells, on a quick machine, too.
const TICKETS: u32 = 6_000;
const BUYERS: u32 = 24_000;

fn script(cluster: &Cluster, name: &str) -> Command {
    let mut command = Command::new(repository().join("node_modules/.bin/node"));
    command
        .current_dir(repository().join("tests/dashboard"))
        .env("LASTSEAT_CLUSTER", cluster.data_dir().join("cluster.json"))
        .env("LASTSEAT_BIN", lastseat().expect("lastseat is built"))
        // In this process and not under `--test`, so that stdout is the script's own.
        .args(["--test-reporter", "spec"])
        .args(["--test-reporter-destination", "stderr"])
        .arg(name);
    command
}

/// Waits for the end of a script.
fn ends_well(name: &str, mut browser: Program) {
    let ended = browser.wait(SCRIPT_WITHIN).expect("the script ends");
    assert!(ended.success(), "{name}:\n{}", browser.notes());
}

#[test]
fn an_operator_sees_and_does_everything_from_the_dashboard_and_what_is_wrong_is_red() {
    let audits = ("LASTSEAT_AUDIT_EVERY".to_owned(), "2s".to_owned());
    let setup = Setup { environment: vec![audits], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    let browser = Program::start("operator.mjs", script(&cluster, "operator.mjs"));
    ends_well("operator.mjs", browser.expect("node starts. Run 'make setup-tests'"));
}

#[test]
fn of_many_sales_an_operator_sees_what_sells_now_its_hour_its_terms_and_closes_one_for_good() {
    let audits = ("LASTSEAT_AUDIT_EVERY".to_owned(), "2s".to_owned());
    let setup = Setup { environment: vec![audits], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    let browser = Program::start("sales.mjs", script(&cluster, "sales.mjs"));
    ends_well("sales.mjs", browser.expect("node starts. Run 'make setup-tests'"));
}

#[test]
fn what_is_wrong_is_in_the_banner_with_its_runbook_and_edges_are_listed_one_by_one() {
    let cluster = Cluster::with_edge(Edge::Gateway);
    let browser = Program::start("alarms.mjs", script(&cluster, "alarms.mjs"));
    ends_well("alarms.mjs", browser.expect("node starts. Run 'make setup-tests'"));
}

#[test]
fn of_a_sale_with_a_plan_an_operator_sees_its_fullest_legs_and_its_coaches_and_blocks() {
    let cluster = Cluster::with_edge(Edge::None);
    let browser = Program::start("seats.mjs", script(&cluster, "seats.mjs"));
    ends_well("seats.mjs", browser.expect("node starts. Run 'make setup-tests'"));
}

#[tokio::test]
async fn the_dashboard_is_true_during_a_rush_and_agrees_with_the_audit() {
    let cluster = Cluster::with_edge(Edge::Workerd);
    let mut command = script(&cluster, "rush.mjs");
    command
        .env("RUSH_SALE", "rush")
        .env("RUSH_TICKETS", TICKETS.to_string())
        .env("RUSH_BUYERS", BUYERS.to_string());
    if let Ok(screen) = std::env::var("LASTSEAT_SCREEN") {
        command.env("RUSH_SCREEN", screen);
    }
    let browser = Program::start("rush.mjs", command).expect("node starts. Run 'make setup-tests'");
    // The crowd comes when the dashboards are open.
    loop {
        let line = browser.line(SCRIPT_WITHIN).expect("the dashboards open");
        if line.contains("ready") {
            break;
        }
    }
    let mut options = LoadOptions::of(BUYERS, TICKETS, Edge::Workerd);
    options.target = cluster.edges.clone();
    options.admin = cluster.nodes.iter().map(|node| node.admin.clone()).collect();
    options.token = Some(cluster.admin_token.clone());
    options.sale = Some("rush".to_owned());
    options.connections = Some(64);
    let report = run(&options, Progress::new(BUYERS)).await.expect("the rush runs");
    assert!(report.is_good(), "{:?}", report.more.violations);
    tokio::task::spawn_blocking(move || ends_well("rush.mjs", browser)).await.unwrap();
}

async fn ask(url: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> HttpReply {
    let asked = request(method, path, headers, "").unwrap();
    HttpClient::new(url).unwrap().send(asked).await.unwrap()
}

#[tokio::test]
async fn the_dashboard_is_for_operators_and_nothing_but_their_token_opens_it() {
    let cluster = Cluster::with_edge(Edge::None);
    cluster.create_sale("guarded", 10).await.unwrap();
    let node = &cluster.nodes[0];
    let bearer = format!("Bearer {}", cluster.admin_token);

    // The public listener has none of it.
    for path in [
        "/dashboard",
        "/dashboard/app.js",
        "/v1/admin/status",
        "/v1/admin/sales/guarded/legs",
        "/v1/admin/overview",
        "/v1/admin/sales/guarded/history",
        "/metrics",
    ] {
        let headers = [("authorization", bearer.as_str())];
        let answer = ask(&node.url, Method::GET, path, &headers).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }

    // The page has no data and lets nothing in from elsewhere.
    let page = ask(&node.admin, Method::GET, "/dashboard", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    for outside in ["src=\"http", "href=\"http", " style=", " onclick"] {
        assert!(!page.text().contains(outside), "the page has {outside}");
    }

    for path in [
        "/v1/admin/status",
        "/v1/admin/status/stream",
        "/v1/admin/overview",
        "/v1/admin/sales/guarded/legs",
        "/v1/admin/sales/guarded/history",
    ] {
        for headers in [&[][..], &[("authorization", "Bearer wrong")]] {
            let answer = ask(&node.admin, Method::GET, path, headers).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(answer.problem().unwrap().code, Code::Unauthorized);
        }
    }
    // Nor does a query or a cookie, which another site could make a browser send.
    let query = format!("/v1/admin/status?token={}", cluster.admin_token);
    let answer = ask(&node.admin, Method::GET, &query, &[]).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    let cookie = format!("token={0}; admin_token={0}", cluster.admin_token);
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/json"] {
        let headers = [
            ("cookie", cookie.as_str()),
            ("origin", "https://evil.example"),
            ("content-type", content_type),
        ];
        let path = "/v1/admin/sales/guarded/pause";
        let answer = ask(&node.admin, Method::POST, path, &headers).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{content_type}");
    }
    no_other_site_is_permitted(&cluster, &bearer).await;
}

/// A browser asks before it sends a bearer token across sites, and gets no permission.
async fn no_other_site_is_permitted(cluster: &Cluster, bearer: &str) {
    let node = &cluster.nodes[0];
    let headers = [
        ("origin", "https://evil.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization"),
    ];
    let path = "/v1/admin/sales/guarded/pause";
    let answer = ask(&node.admin, Method::OPTIONS, path, &headers).await;
    assert!(!answer.status.is_success(), "{}", answer.status);
    let allowed = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control"));
    assert_eq!(allowed.count(), 0);
    let headers = [("authorization", bearer)];
    let sale = ask(&node.admin, Method::GET, "/v1/admin/sales/guarded", &headers).await;
    assert!(sale.text().contains(r#""state":"open""#), "{}", sale.text());
}

/// A connection that follows the stream, and what came first.
async fn follow(admin: &str, token: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(admin.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "GET /v1/admin/status/stream HTTP/1.1\r\nhost: x\r\nlast-event-id: 41\r\nauthorization: \
         Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = vec![0; 65_536];
    let mut read = 0;
    while !String::from_utf8_lossy(&bytes[..read]).contains("\"code\"")
        && !String::from_utf8_lossy(&bytes[..read]).contains("event: status")
    {
        let more = stream.read(&mut bytes[read..]).await.unwrap();
        assert!(more > 0, "the stream ended");
        read += more;
    }
    let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
    (stream, text)
}

#[tokio::test]
async fn the_number_of_dashboards_is_bounded_and_a_place_that_is_left_is_free() {
    let cluster = Cluster::with_edge(Edge::None);
    let (admin, token) = (&cluster.nodes[0].admin, &cluster.admin_token);
    let mut open = Vec::new();
    for _ in 0..STATUS_STREAMS_MAX {
        let (stream, text) = follow(admin, token).await;
        assert!(text.contains("event: status\nid: 42\n"), "{text}");
        open.push(stream);
    }
    let (_, text) = follow(admin, token).await;
    assert!(text.starts_with("HTTP/1.1 429") && text.contains("32 dashboards"), "{text}");
    // Each of them reads the same words: the ledger is asked once a second, not once each.
    let before = cluster.count("lastseat_ledger_calls_total", &[]).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let calls = cluster.count("lastseat_ledger_calls_total", &[]).await.unwrap() - before;
    assert!(calls < 60, "{calls} calls in 3 s for {STATUS_STREAMS_MAX} dashboards");
    drop(open);
    lastseat_tests::harness::wait::until_async("a place is free", async || {
        let (_, text) = follow(admin, token).await;
        text.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_sale_is_audited_by_one_node_by_itself() {
    const SALES: u64 = 8;
    let audits = ("LASTSEAT_AUDIT_EVERY".to_owned(), "3s".to_owned());
    let setup = Setup { environment: vec![audits], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    for i in 0..SALES {
        cluster.create_sale(&format!("sale-{i}"), 10).await.unwrap();
    }
    let bearer = format!("Bearer {}", cluster.admin_token);
    let headers = [("authorization", bearer.as_str())];
    // Any node shows the audits of all. On a busy machine they wait until the ledger is quick.
    let begun = Instant::now();
    loop {
        let answer = ask(&cluster.nodes[0].admin, Method::GET, "/v1/admin/status", &headers).await;
        if answer.text().matches(r#""audit":{"at":"#).count() as u64 == SALES {
            break;
        }
        assert!(begun.elapsed() < SCRIPT_WITHIN, "{}", answer.text());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let before = cluster.count("lastseat_audits_total", &[]).await.unwrap();
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let made = cluster.count("lastseat_audits_total", &[]).await.unwrap() - before;
    let turns = begun.elapsed().as_secs() / 3 + 1;
    assert!(made <= SALES * turns, "{made} audits of {SALES} sales in {turns} turns");
}
