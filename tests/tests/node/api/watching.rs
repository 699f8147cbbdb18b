//! What operators watch: the overview of all sales, the hour of one, the stream of the status, and
//! what is wrong. Whichever node is asked.

use crate::api::shop::{Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, Setup};
use redis::{Client, Connection};
use serde_json::Value;
use shared::auth::edge_signature::{Signed, sign};
use shared::limits::{NODE_LIVE_MS, SHOWN_SALES_MAX};
use shared::wire::messages::header;
use shared::{Code, KeyRing, UnixMillis};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ADA: &str = r#"{"buyer":"ada"}"#;
const TEN: &str = r#"{"capacity":10}"#;

/// Asks the operators' listener of the node at `index`.
async fn watch(cluster: &Cluster, index: usize, path: &str, token: &str) -> HttpReply {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/admin{path}");
    let asked = request(Method::GET, &path, &[("authorization", &bearer)], "").unwrap();
    HttpClient::new(&cluster.nodes[index].admin).unwrap().send(asked).await.unwrap()
}

async fn overview(shop: &Shop, index: usize, token: &str) -> Value {
    let answer = watch(shop, index, "/overview", token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json().unwrap()
}

fn names(overview: &Value) -> Vec<&str> {
    let sales = overview["sales"].as_array().unwrap();
    sales.iter().map(|sale| sale["sale"].as_str().unwrap()).collect()
}

fn of_sale<'a>(overview: &'a Value, name: &str) -> &'a Value {
    let mut sales = overview["sales"].as_array().unwrap().iter();
    sales.find(|sale| sale["sale"] == name).unwrap_or_else(|| panic!("{name} in {overview}"))
}

fn token(shop: &Shop, words: &[&str]) -> String {
    let ran = shop.run(&[&["token", "create"], words].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

fn redis_of(shop: &Shop) -> Connection {
    let url = &shop.redis.as_ref().expect("its Redis").url;
    Client::open(url.as_str()).unwrap().get_connection().unwrap()
}

/// Buys at several nodes for so many seconds.
async fn sells(shop: &Shop, sale: &str, seconds: u64) {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        for node in 0..3 {
            let answer = shop.order(node, sale, ADA).await;
            assert!(answer.status.as_u16() < 500, "{}", answer.text());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_overview_has_every_sale_with_numbers_and_a_name_and_what_sells_now_is_first() {
    let shop = Shop::open();
    let last = SHOWN_SALES_MAX + 10;
    for n in 0..=last {
        let body = format!(r#"{{"capacity":10000,"event":{{"title":"Concert {n}"}}}}"#);
        shop.create(&format!("sale-{n:03}"), &body).await;
    }
    let busy = format!("sale-{last:03}");
    sells(&shop, &busy, 5).await;
    // A node that has not taken a single order of it.
    let overview = until_async("the sale that sells is first", async || {
        sells(&shop, &busy, 1).await;
        let overview = overview(&shop, 3, &shop.admin_token).await;
        let first = &overview["sales"][0];
        let known = first["sale"] == busy.as_str() && first["title"].is_string();
        let titled = overview["sales"].as_array()?.iter().all(|sale| sale["title"].is_string());
        (known && titled).then_some(overview)
    })
    .await;
    assert_eq!((names(&overview).len(), overview["more"].as_u64()), (last + 1, Some(0)));
    let first = &overview["sales"][0];
    assert_eq!(first["title"], format!("Concert {last}"));
    assert!(first["asked_per_second"].as_f64().unwrap() > 0.0, "{first}");
    let numbers = &first["numbers"];
    assert!(numbers["confirmed"].as_u64().unwrap() > 0, "{first}");
    assert_eq!((&numbers["state"], &numbers["capacity"]), (&"open".into(), &10_000.into()));
    let quiet = of_sale(&overview, "sale-000");
    assert_eq!(quiet["numbers"]["free"], 10_000);
    assert_eq!(quiet["asked_per_second"], 0.0, "{quiet}");
    // What has ended is none of them.
    shop.admin(Method::POST, "/sale-000/close", "").await;
    until_async("a closed sale leaves the overview", async || {
        let overview = self::overview(&shop, 2, &shop.admin_token).await;
        (!names(&overview).contains(&"sale-000")).then_some(())
    })
    .await;
    // A token sees its own, and no number of others.
    let reader = token(&shop, &["--name", "wall", "--may", "read", "--sales", "sale-00*"]);
    let own = self::overview(&shop, 1, &reader).await;
    assert_eq!((names(&own).len(), &own["more"]), (9, &0.into()), "{own}");
}

#[tokio::test]
async fn any_node_has_the_hour_of_a_sale_that_other_nodes_sold() {
    let shop = Shop::open();
    shop.create("spring", r#"{"capacity":10000,"hold_ms":600000}"#).await;
    shop.create("quiet", TEN).await;
    sells(&shop, "spring", 6).await;
    let path = "/sales/spring/history";
    let history: Value = until_async("the history has what was asked", async || {
        let history: Value = watch(&shop, 3, path, &shop.admin_token).await.json().ok()?;
        let asked = history["steps"][0]["asked"].as_array()?;
        let known = asked.iter().filter(|rate| rate.as_f64().is_some_and(|rate| rate > 0.0));
        (known.count() >= 3).then_some(history)
    })
    .await;
    let [seconds, steps] = [0, 1].map(|place| &history["steps"][place]);
    assert_eq!((&seconds["every_ms"], &steps["every_ms"]), (&1_000.into(), &10_000.into()));
    let points = |step: &Value, name: &str| step[name].as_array().unwrap().clone();
    for step in [seconds, steps] {
        let length = points(step, "asked").len();
        for name in ["refused_at_edge", "ledger", "granted", "held", "confirmed"] {
            assert_eq!(points(step, name).len(), length, "{name}");
        }
    }
    let held = points(seconds, "held").into_iter().filter_map(|held| held.as_u64()).max();
    let report = shop.report("spring").await;
    assert!(held.unwrap() > 0 && held.unwrap() <= report["held"].as_u64().unwrap(), "{held:?}");
    // Of what nobody asked for nothing came, and what does not exist is said not to.
    let path = "/sales/quiet/history";
    let quiet: Value = watch(&shop, 0, path, &shop.admin_token).await.json().unwrap();
    for step in quiet["steps"].as_array().unwrap() {
        let came = points(step, "asked").into_iter().filter_map(|rate| rate.as_f64());
        assert!(came.into_iter().all(|rate| rate == 0.0), "{quiet}");
    }
    let none = watch(&shop, 0, "/sales/nothing/history", &shop.admin_token).await;
    assert_no(&none, Code::UnknownSale);
}

/// Reads the stream of a node until `is_done` says of its text that it is enough.
async fn stream(
    shop: &Shop,
    query: &str,
    token: &str,
    mut is_done: impl FnMut(&str) -> bool,
) -> String {
    let admin = shop.nodes[1].admin.trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(admin).await.unwrap();
    let head = format!(
        "GET /v1/admin/status/stream{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \
         {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    while !is_done(&String::from_utf8_lossy(&bytes)) {
        let read = stream.read_buf(&mut bytes).await.unwrap();
        assert!(read > 0, "the stream ended: {}", String::from_utf8_lossy(&bytes));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_stream_begins_with_what_its_token_allows_and_has_the_sale_that_its_reader_wants() {
    let shop = Shop::open();
    for n in 0..SHOWN_SALES_MAX + 3 {
        shop.create(&format!("sale-{n:03}"), TEN).await;
    }
    let wanted = format!("sale-{:03}", SHOWN_SALES_MAX + 2);
    let shown = format!("\"sale\":\"{wanted}\",\"stock\"");
    let words = ["--name", "ada", "--may", "read,pause", "--sales", "sale-*"];
    let ada = token(&shop, &words);
    let query = format!("?sale={wanted}");
    let text = stream(&shop, &query, &ada, |text| text.contains(&shown)).await;
    let (first, _) = text.split_once("event: status").unwrap();
    for part in [
        "event: token",
        "\"name\":\"ada\"",
        "\"verbs\":[\"read\",\"pause\"]",
        "\"sales\":\"sale-*\"",
        "\"expires_at\":",
    ] {
        assert!(first.contains(part), "{part} in {first}");
    }
    let operator = stream(&shop, "", &shop.admin_token, |text| text.contains("event: status"));
    let operator = operator.await;
    assert!(operator.contains("\"name\":\"operator\"") && operator.contains("\"close\""));
    // Nobody wants it any more.
    until_async("a sale without traffic that nobody wants is not shown", async || {
        let text = stream(&shop, "", &shop.admin_token, |text| {
            text.contains("event: status") && text.contains("\"happenings\"")
        });
        (!text.await.contains(&shown)).then_some(())
    })
    .await;
    let wrong = watch(&shop, 1, "/status/stream?sale=a%20b", &shop.admin_token).await;
    assert_no(&wrong, Code::Invalid);
}

async fn alarms(shop: &Shop, index: usize, token: &str) -> Vec<Value> {
    let answer = watch(shop, index, "/status", token).await;
    let status: Value = answer.json().unwrap();
    status["alarms"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_differs_is_an_alarm_at_every_node_for_those_who_may_see_the_sale_and_ends_with_it() {
    let every = ("LASTSEAT_AUDIT_EVERY", "2s");
    let shop = Shop::open_in(&[], &[every]);
    shop.create("spring", TEN).await;
    shop.create("autumn", TEN).await;
    shop.buy("spring", ADA).await;
    let mut redis = redis_of(&shop);
    let change = |by: i64, redis: &mut Connection| {
        let key = "lastseat:{spring}:sale";
        redis::cmd("HINCRBY").arg(key).arg("confirmed").arg(by).exec(redis).unwrap();
    };
    let differs = async |index: usize, token: &str| {
        let alarms = alarms(&shop, index, token).await;
        alarms.into_iter().find(|alarm| alarm["alert"] == "LastseatAuditDiffers")
    };
    change(1, &mut redis);
    for index in 0..4 {
        let alarm = until_async("each node has the alarm", async || {
            differs(index, &shop.admin_token).await
        })
        .await;
        assert_eq!((&alarm["sale"], &alarm["severity"]), (&"spring".into(), &"page".into()));
        assert!(alarm["what"].as_str().unwrap().contains("spring"), "{alarm}");
        assert!(alarm["since"].as_u64().unwrap() > 1_700_000_000_000, "{alarm}");
    }
    let marked = overview(&shop, 2, &shop.admin_token).await;
    assert!(of_sale(&marked, "spring")["alarm"].as_str().unwrap().contains("differences"));
    assert!(of_sale(&marked, "autumn").get("alarm").is_none());
    let reader = token(&shop, &["--name", "wall", "--may", "read", "--sales", "autumn"]);
    assert!(differs(0, &reader).await.is_none(), "of another sale");
    change(-1, &mut redis);
    until_async("a clean audit ends it", async || {
        differs(1, &shop.admin_token).await.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_overview_and_the_history_are_there_while_the_ledger_does_not_answer() {
    let shop = Shop::open();
    shop.create("spring", r#"{"capacity":10000}"#).await;
    sells(&shop, "spring", 4).await;
    let mut redis = redis_of(&shop);
    let before = overview(&shop, 0, &shop.admin_token).await;
    // For longer than a call may take.
    let pause = 3 * NODE_LIVE_MS;
    redis::cmd("CLIENT").arg("PAUSE").arg(pause).arg("ALL").exec(&mut redis).unwrap();
    let during = overview(&shop, 0, &shop.admin_token).await;
    let at = |overview: &Value| of_sale(overview, "spring")["numbers"]["at"].as_u64().unwrap();
    assert!(at(&during) >= at(&before));
    let path = "/sales/spring/history";
    let history: Value = watch(&shop, 0, path, &shop.admin_token).await.json().unwrap();
    assert_eq!(history["steps"].as_array().unwrap().len(), 2, "{history}");
}

/// A read of a sale as an edge sends it that stands in `zone`.
async fn reads_from(cluster: &Cluster, key: &str, zone: &str) {
    let path = "/v1/sales/spring";
    let signed = Signed { method: "GET", path, edge: "e1", ..Signed::NOTHING };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = UnixMillis(u64::try_from(since.as_millis()).unwrap());
    let signature = sign(&KeyRing::parse(key).unwrap(), &signed, now);
    let headers =
        [(header::EDGE, "e1"), (header::SIGNATURE, &signature), (header::EDGE_ZONE, zone)];
    let asked = request(Method::GET, path, &headers, "").unwrap();
    let answer = HttpClient::new(&cluster.nodes[2].url).unwrap().send(asked).await.unwrap();
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn every_node_lists_the_edges_that_asked_with_their_requests_and_their_zone() {
    const KEY: &str = "e:eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee";
    let environment = vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())];
    let setup = Setup { environment, ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale("spring", 10).await.unwrap();
    for _ in 0..3 {
        reads_from(&cluster, KEY, "east").await;
    }
    // What is no name of a zone is not shown.
    reads_from(&cluster, KEY, "<script>").await;
    let edge = until_async("another node lists the edge", async || {
        let answer = watch(&cluster, 0, "/status", &cluster.admin_token).await;
        let status: Value = answer.json().ok()?;
        status["edges"].as_array()?.iter().find(|edge| edge["requests"] == 4).cloned()
    })
    .await;
    assert_eq!((&edge["edge"], &edge["way"]), (&"e1".into(), &"requests".into()));
    assert_eq!(edge["zone"], "east");
    assert!(edge["last_at"].as_u64() >= edge["first_at"].as_u64(), "{edge}");
    assert!(edge["budget"].is_u64() && edge["granted"].is_u64(), "{edge}");
}
