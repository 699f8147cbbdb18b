//! The page on which people buy: its weight and its cost over plain HTTP, and its behaviour in a
//! real headless Chromium (`tests/page/*.mjs`). Each state is made by the real system.

use hyper::{Method, StatusCode};
use lastseat_cluster::process::free_port;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::{repository, scratch};
use lastseat_tests::harness::system::SystemNode;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Program, Setup};
use rustix::process::{Pid, Signal, kill_process};
use shared::limits::VIEW_FRESH_MS;
use shared::wire::messages::{SaleView, header};
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

/// Longest run of one script: far more than it takes on two busy cores.
const SCRIPT_WITHIN: Duration = Duration::from_secs(300);
/// The page's budget: everything that a first visit brings, uncompressed. A third of it is the
/// chooser and the map of sales with a plan, which every visit brings, because a page that is one
/// file cannot miss a part of itself when the crowd comes. So it has the calendar and the style for
/// paper, 3 KB, which are needed by those who have a ticket.
const WEIGHT_MAX: usize = 82_000;
/// With which the shop of `shop.mjs` signs its buyers' tokens.
const BUYER_SECRET: &str = "the-secret-of-a-shop-that-knows-its-buyers";

/// Runs a script of `tests/page` on a cluster.
fn in_chromium(setup: &Setup, script: &str) {
    let cluster = Cluster::start(setup).expect("the cluster comes up");
    let mut command = Command::new(repository().join("node_modules/.bin/node"));
    command
        .current_dir(repository().join("tests/page"))
        .env("LASTSEAT_CLUSTER", cluster.data_dir().join("cluster.json"))
        .envs(setup.environment.iter().map(|(name, value)| (name, value)))
        .envs([("BUYER_KEY_ID", "shop"), ("BUYER_SECRET", BUYER_SECRET)])
        .args(["--test", "--test-reporter", "spec"])
        .args(["--test-reporter-destination", "stderr", script]);
    let mut browser = Program::start(script, command).expect("node starts. Run 'make setup-tests'");
    let ended = browser.wait(SCRIPT_WITHIN).expect("the script ends");
    assert!(ended.success(), "{script}:\n{}", browser.notes());
}

#[test]
fn the_page_of_a_gateway_is_the_one_that_the_worker_has() {
    let scratch = scratch().unwrap();
    let made = scratch.path().join("page.json");
    let mut build = Command::new(repository().join("node_modules/.bin/node"));
    build.current_dir(repository()).arg("edge/page/build.mjs").arg(&made);
    let built = build.output().expect("node starts. Run 'make setup-tests'");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    // Kept in the repository, so that a gateway is built without npm.
    let kept = fs::read(repository().join("origin/gateway/page.json")).unwrap();
    assert!(
        kept == fs::read(made).unwrap(),
        "edge/page has changed. Run 'node edge/page/build.mjs origin/gateway/page.json'"
    );
}

/// Behind `wrangler dev`, and everybody may confirm.
fn demonstration() -> Setup {
    Setup { arguments: vec!["--demo".to_owned()], ..Setup::with_edge(Edge::Wrangler) }
}

#[test]
fn every_state_of_a_sale_is_told_truly_and_can_be_read_by_everybody() {
    in_chromium(&demonstration(), "states.mjs");
}

#[test]
fn a_double_click_a_reload_a_second_tab_or_a_lost_answer_never_buys_twice() {
    in_chromium(&demonstration(), "once.mjs");
}

#[test]
fn the_shop_names_its_buyers_and_confirms_what_they_paid() {
    let key = ("LASTSEAT_BUYER_KEY".into(), format!("shop:{BUYER_SECRET}"));
    let setup = Setup { environment: vec![key], ..Setup::with_edge(Edge::under_test()) };
    in_chromium(&setup, "shop.mjs");
}

#[test]
fn a_held_order_leads_to_the_payment_and_the_page_notices_by_itself_what_became_of_it() {
    in_chromium(&Setup::with_edge(Edge::under_test()), "pay.mjs");
}

#[test]
fn the_page_keeps_every_order_of_its_browser_and_shows_what_became_of_each() {
    in_chromium(&demonstration(), "orders.mjs");
}

#[test]
fn what_a_buyer_chooses_of_a_train_or_a_hall_is_what_is_bought_and_each_refusal_is_told_truly() {
    in_chromium(&demonstration(), "seats.mjs");
}

#[test]
fn in_a_crowd_that_is_too_large_the_page_waits_visibly_and_gets_its_turn() {
    let rate = ("LASTSEAT_CLIENT_RATE".into(), "4/s burst 8".into());
    let setup = Setup { environment: vec![rate], ..Setup::with_edge(Edge::under_test()) };
    in_chromium(&setup, "crowd.mjs");
}

#[test]
fn a_page_of_another_website_orders_nothing_in_a_browser_unless_its_origin_is_allowed() {
    let port = free_port().unwrap();
    let origins = ("LASTSEAT_ALLOWED_ORIGINS".into(), format!("http://localhost:{port}"));
    let allowed_port = ("ALLOWED_PORT".into(), port.to_string());
    let setup =
        Setup { environment: vec![origins, allowed_port], ..Setup::with_edge(Edge::under_test()) };
    in_chromium(&setup, "foreign.mjs");
}

#[test]
fn the_page_says_what_is_sold_in_the_shop_s_words_and_colour_and_in_the_time_of_the_place() {
    in_chromium(&Setup::with_edge(Edge::Gateway), "event.mjs");
    in_chromium(&Setup::with_edge(Edge::Workerd), "event.mjs");
}

#[test]
fn who_comes_too_late_reads_what_the_shop_says_and_who_has_a_ticket_takes_it_along() {
    in_chromium(&demonstration(), "ticket.mjs");
}

#[test]
fn a_calendar_entry_is_read_as_it_was_written_whatever_the_words_in_it() {
    without_a_browser("calendar.mjs");
}

#[test]
fn what_is_sold_can_be_read_in_any_colour_and_its_time_is_named_in_any_format() {
    without_a_browser("looks.mjs");
}

#[test]
fn the_page_says_the_same_in_both_languages() {
    without_a_browser("words.mjs");
}

#[test]
fn whatever_the_page_knows_it_says_nothing_else_and_offers_only_what_can_work() {
    without_a_browser("scenes.mjs");
}

#[test]
fn whatever_is_chosen_of_a_plan_the_page_says_what_is_left_of_it_and_offers_what_can_be_had() {
    without_a_browser("choices.mjs");
}

#[test]
fn the_map_of_a_coach_has_its_rows_and_aisles_and_keys_lead_to_every_seat() {
    without_a_browser("maps.mjs");
}

fn without_a_browser(script: &str) {
    let mut command = Command::new(repository().join("node_modules/.bin/node"));
    command.current_dir(repository().join("tests/page"));
    let ran = command.args(["--test", script]).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
}

/// Processes that are stopped without being ended, until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn nodes_of(cluster: &Cluster) -> Self {
        let pid = |node: &SystemNode| Pid::from_raw(node.pid.unwrap().cast_signed()).unwrap();
        let nodes: Vec<Pid> = cluster.nodes.iter().map(pid).collect();
        for node in &nodes {
            kill_process(*node, Signal::STOP).unwrap();
        }
        Self(nodes)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for node in &self.0 {
            let _ = kill_process(*node, Signal::CONT);
        }
    }
}

async fn get(client: &mut HttpClient, path: &str, headers: &[(&str, &str)]) -> HttpReply {
    let asked = request(Method::GET, path, headers, "").unwrap();
    client.send(asked).await.unwrap()
}

#[tokio::test]
async fn the_page_is_one_light_file_that_needs_no_origin() {
    let cluster = Cluster::with_edge(Edge::under_test());
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    // No node can answer anything now.
    let frozen = Frozen::nodes_of(&cluster);
    let page = get(&mut client, "/s/demo", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.len() <= WEIGHT_MAX, "{} bytes", page.body.len());
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");

    // It brings nothing else along, and may not: neither from here nor from elsewhere.
    let policy = page.header("content-security-policy");
    // A link to the payment needs nothing more: no form, no frame, no other host.
    let parts: Vec<&str> = policy.split("; ").collect();
    for part in [
        "default-src 'none'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "img-src data:",
        "require-trusted-types-for 'script'",
    ] {
        assert!(parts.contains(&part), "{policy}");
    }
    assert_eq!(parts.len(), 9, "{policy}");
    assert!(!policy.contains("http"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text();
    for outside in [" src=", "@import", "url(", " onclick", " style="] {
        assert!(!text.contains(outside), "the page has {outside:?}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");

    let tag = page.header("etag");
    let again = get(&mut client, "/s/demo", &[("if-none-match", tag)]).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    assert!(again.body.is_empty());
    let other = get(&mut client, "/s/other", &[("if-none-match", "\"old\"")]).await;
    assert_eq!((other.status, other.body), (StatusCode::OK, page.body.clone()));
    let wrong = get(&mut client, "/s/no%20sale", &[]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    drop(frozen);
}

#[tokio::test]
async fn a_person_who_mistyped_an_address_gets_a_page_and_a_program_a_problem() {
    let cluster = Cluster::with_edge(Edge::under_test());
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let browser = [("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")];
    for (path, status, says) in [
        ("/s/no%20sale", StatusCode::BAD_REQUEST, "There is no such sale"),
        ("/s/", StatusCode::BAD_REQUEST, "There is no such sale"),
        ("/s/demo/more", StatusCode::BAD_REQUEST, "There is no such sale"),
        ("/s", StatusCode::NOT_FOUND, "There is no such page"),
        ("/livez", StatusCode::NOT_FOUND, "There is no such page"),
        ("/v1/sales/demo/", StatusCode::NOT_FOUND, "There is no such page"),
    ] {
        let page = get(&mut client, path, &browser).await;
        assert_eq!(page.status, status, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8", "{path}");
        let text = page.text();
        assert!(text.contains(says) && text.contains("lang=\"zh-Hans\""), "{path}: {text}");
        assert!(text.contains("--paper") && !text.contains("<script"), "the page's style");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("style-src 'sha256-") && !policy.contains("script"), "{policy}");
        assert_eq!(page.header("cache-control"), "no-store");

        let problem = get(&mut client, path, &[]).await;
        assert_eq!(problem.status, status, "{path}");
        assert_eq!(problem.header("content-type"), "application/problem+json", "{path}");
    }
    // Links get a slash at their end on the way through chats and letters.
    let moved = get(&mut client, "/s/demo/?from=letter", &browser).await;
    assert_eq!(moved.status, StatusCode::PERMANENT_REDIRECT);
    assert_eq!(moved.header("location"), "/s/demo?from=letter");
}

#[tokio::test]
async fn thousands_of_open_pages_ask_an_origin_once_a_second() {
    let cluster = Cluster::with_edge(Edge::under_test());
    cluster.create_sale("watched", 500).await.unwrap();
    let mut first = HttpClient::new(&cluster.edges[0]).unwrap();
    until_async("the edge knows the sale", async || {
        let answer = get(&mut first, "/v1/sales/watched", &[]).await;
        (answer.header(header::ANSWERED_BY) == "edge" && answer.status == 200).then_some(())
    })
    .await;
    let started = Instant::now();
    let pages = (0..16).map(|_| watch(&cluster.edges[0]));
    let (mut shown, mut asked) = (0, 0);
    for page in futures_util::future::join_all(pages).await {
        shown += page.0;
        asked += page.1;
    }
    let seconds = started.elapsed().as_millis() as u64 / VIEW_FRESH_MS;
    let allowed = seconds + 1;
    assert!(shown >= 3_000, "{shown} of 3,200 looks saw the sale");
    assert!(asked <= allowed, "{asked} of {shown} looks asked an origin, {allowed} may");
}

/// Looks at the sale 200 times: how often it saw it, and how often an origin answered. On a machine
/// on which an origin takes long, a look may be told to come back.
async fn watch(edge: &str) -> (u64, u64) {
    let mut client = HttpClient::new(edge).unwrap();
    let (mut shown, mut asked) = (0, 0);
    for _ in 0..200 {
        let answer = get(&mut client, "/v1/sales/watched", &[]).await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            continue;
        }
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert_eq!(answer.json::<SaleView>().unwrap().free, Some(500));
        assert_eq!(answer.header("cache-control"), "public, max-age=1");
        let age: u64 = answer.header(header::AGE_MS).parse().unwrap();
        assert!(age < VIEW_FRESH_MS, "{age} ms old");
        shown += 1;
        asked += u64::from(answer.header(header::ANSWERED_BY) != "edge");
    }
    (shown, asked)
}
