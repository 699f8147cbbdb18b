//! What operators change while a sale runs.

use crate::api::shop::{Shop, assert_no, lines};
use futures_util::future::join_all;
use hyper::{Method, StatusCode};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Durability, HttpClient, PrivateRedis};
use serde_json::Value;
use shared::Code;
use shared::wire::messages::header;
use std::time::Instant;

const ADA: &str = r#"{"buyer":"ada"}"#;

/// Posts to `/{sale}/{verb}` and expects a sale in `state`; says whether it was so already.
async fn moved(shop: &Shop, verb: &str, state: &str) -> bool {
    let answer = shop.admin(Method::POST, &format!("/way/{verb}"), "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.json::<Value>().unwrap()["state"], state);
    answer.header(header::IDEMPOTENCY_REPLAYED) == "true"
}

#[tokio::test]
async fn a_sale_goes_scheduled_open_paused_open_closed_and_no_other_way() {
    let shop = Shop::open();
    shop.create("way", r#"{"capacity":100000,"opens_at":9000000000000}"#).await;
    assert_no(&shop.order(1, "way", ADA).await, Code::NotOpen);
    let early = shop.admin(Method::POST, "/way/pause", "").await;
    assert_no(&early, Code::BadTransition);
    assert!(early.text().contains("scheduled"), "{}", early.text());

    let mut version = shop.report("way").await["version"].as_u64().unwrap();
    for (verb, state, code) in [
        ("open", "open", None),
        ("pause", "paused", Some(Code::Paused)),
        ("open", "open", None),
        ("close", "closed", Some(Code::Closed)),
    ] {
        assert!(!moved(&shop, verb, state).await);
        assert!(moved(&shop, verb, state).await, "the same again");
        let now = shop.report("way").await["version"].as_u64().unwrap();
        assert_eq!(now, version + 1, "{verb} is heard everywhere");
        version = now;
        until_async("each node follows", async || {
            let mut follow = true;
            for node in 0..4 {
                let answer = shop.order(node, "way", ADA).await;
                follow &= answer.problem().ok().map(|problem| problem.code) == code;
            }
            follow.then_some(())
        })
        .await;
    }
    assert_no(&shop.admin(Method::POST, "/way/open", "").await, Code::BadTransition);
    let restock = shop.admin(Method::POST, "/way/restock", r#"{"capacity":9}"#).await;
    assert_no(&restock, Code::BadTransition);
    assert!(shop.audit("way").await.unwrap().ok);
}

#[tokio::test]
async fn the_capacity_grows_and_shrinks_down_to_what_is_taken() {
    let shop = Shop::open();
    shop.create("stock", r#"{"capacity":3}"#).await;
    shop.buy("stock", r#"{"buyer":"ada","quantity":3}"#).await;
    assert_no(&shop.order(0, "stock", ADA).await, Code::SoldOut);
    let restock = async |body: &str| shop.admin(Method::POST, "/stock/restock", body).await;

    let more = restock(r#"{"capacity":5}"#).await;
    assert_eq!(more.json::<Value>().unwrap()["free"], 2);
    let again = restock(r#"{"capacity":5}"#).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    shop.buy("stock", ADA).await;

    for body in [r#"{"capacity":3}"#, r#"{"add":-2}"#, r#"{"add":-1000000000}"#] {
        let answer = restock(body).await;
        assert_no(&answer, Code::CapacityTaken);
        assert!(answer.text().contains("the 4 tickets"), "{}", answer.text());
    }
    for body in ["", "{}", r#"{"capacity":1,"add":1}"#, r#"{"add":0.5}"#, r#"{"add":-9000000000}"#]
    {
        assert_no(&restock(body).await, Code::Invalid);
    }
    assert_no(&restock(r#"{"add":1000000000}"#).await, Code::BadTerms);
    let fewer = restock(r#"{"add":-1}"#).await;
    assert_eq!(fewer.json::<Value>().unwrap()["free"], 0);
    assert!(shop.audit("stock").await.unwrap().ok);
}

#[tokio::test]
async fn tickets_added_by_many_at_once_are_all_added() {
    let shop = Shop::open();
    shop.create("added", r#"{"capacity":100}"#).await;
    let bearer = format!("Bearer {}", shop.admin_token);
    let add = async |node: usize| {
        let mut client = HttpClient::new(&shop.nodes[node].admin).unwrap();
        let mut added = 0;
        while added < 10 {
            let path = "/v1/admin/sales/added/restock";
            let headers = [("authorization", bearer.as_str())];
            let body = r#"{"add":3}"#;
            let asked = lastseat_tests::harness::http::request(Method::POST, path, &headers, body);
            match client.send(asked.unwrap()).await.unwrap().status {
                StatusCode::OK => added += 1,
                // It gave up, and nothing happened.
                status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
            }
        }
    };
    join_all((0..4).map(add)).await;
    assert_eq!(shop.report("added").await["capacity"], 100 + 4 * 10 * 3);
}

#[tokio::test]
async fn terms_change_while_the_sale_is_open_and_orders_that_exist_keep_theirs() {
    let shop = Shop::open();
    shop.create("terms", r#"{"capacity":50}"#).await;
    let sold = shop.buy("terms", r#"{"buyer":"ada","quantity":5}"#).await;
    let set = async |body: &str| shop.admin(Method::PATCH, "/terms", body).await;
    let before = shop.report("terms").await["version"].as_u64().unwrap();
    let body = r#"{"hold_ms":60000,"buyer_limit":6,"order_limit":2}"#;
    let answer = set(body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let report: Value = answer.json().unwrap();
    assert_eq!((&report["order_limit"], &report["buyer_limit"]), (&2.into(), &6.into()));
    assert_eq!(report["version"], before + 1);
    assert_eq!(set(body).await.header(header::IDEMPOTENCY_REPLAYED), "true");

    let three = shop.order(1, "terms", r#"{"buyer":"bob","quantity":3}"#).await;
    assert_no(&three, Code::OrderLimit);
    let two = shop.order(2, "terms", r#"{"buyer":"ada","quantity":2}"#).await;
    assert_no(&two, Code::BuyerLimit);
    assert!(shop.buy("terms", ADA).await.expires_at.is_some());
    assert_eq!(shop.lookup(&sold).await, sold);

    for body in [
        "{}",
        r#"{"order_limit":0}"#,
        r#"{"hold_ms":-1}"#,
        r#"{"hold":5}"#,
        r#"{"closes_at":100000000000000}"#,
    ] {
        assert_no(&set(body).await, Code::Invalid);
    }
    for body in [r#"{"opens_at":5,"closes_at":4}"#, r#"{"closes_at":1700000000000}"#] {
        assert_no(&set(body).await, Code::BadTerms);
    }
    let opened = set(r#"{"opens_at":8000000000000}"#).await;
    assert_no(&opened, Code::BadTerms);
    assert!(opened.text().contains("pause it"), "{}", opened.text());
    shop.admin(Method::POST, "/terms/close", "{}").await;
    assert_no(&set(r#"{"hold_ms":0}"#).await, Code::BadTransition);
    assert!(shop.audit("terms").await.unwrap().ok);
}

#[tokio::test]
async fn moments_that_make_no_sense_are_refused_with_what_was_meant() {
    let shop = Shop::open();
    let create =
        async |sale: &str, body: &str| shop.admin(Method::PUT, &format!("/{sale}"), body).await;
    for (body, code, said) in [
        (r#"{"capacity":1,"opens_at":1795428000}"#, Code::Invalid, "write 1795428000000"),
        (r#"{"capacity":1,"closes_at":1795428000}"#, Code::Invalid, "in the year 1970"),
        (r#"{"capacity":1,"closes_at":1700000000000}"#, Code::BadTerms, "has passed"),
    ] {
        let answer = create("wrong", body).await;
        assert_no(&answer, code);
        assert!(answer.text().contains(said), "{}", answer.text());
    }
    assert_no(&shop.admin(Method::GET, "/wrong", "").await, Code::UnknownSale);

    // Whoever creates a sale once more after it has closed is answered as before.
    let soon = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let body = format!(r#"{{"capacity":1,"closes_at":{}}}"#, soon.as_millis() + 700);
    assert_eq!(create("short", &body).await.status, StatusCode::CREATED);
    until_async("it closes", async || {
        (shop.report("short").await["state"] == "closed").then_some(())
    })
    .await;
    let again = create("short", &body).await;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
}

#[tokio::test]
async fn operators_list_sales_and_read_the_log_in_bounded_pages() {
    let shop = Shop::open();
    for sale in ["one", "three", "two"] {
        shop.create(sale, r#"{"capacity":50}"#).await;
    }
    let list = async |query: &str| -> Vec<String> {
        let answer = shop.admin(Method::GET, query, "").await;
        let list: Value = answer.json().unwrap();
        let name = |sale: &Value| sale["sale"].as_str().unwrap().to_owned();
        list["sales"].as_array().unwrap().iter().map(name).collect()
    };
    assert_eq!(list("").await, ["one", "three", "two"]);
    assert_eq!(list("?after=three").await, ["two"]);

    let orders = join_all((0..9).map(|_| shop.buy("one", ADA))).await;
    let page = async |query: &str| shop.admin(Method::GET, &format!("/one/log{query}"), "").await;
    let (mut from, mut all) = (1, Vec::new());
    loop {
        let answer = page(&format!("?from={from}&limit=2")).await;
        assert_eq!(answer.header("content-type"), "application/x-ndjson");
        let lines = lines(&answer.text());
        let Some(last) = lines.last() else { break };
        from = last["commit_seq"].as_u64().unwrap() + 1;
        all.extend(lines);
    }
    assert_eq!(all.len(), 10);
    assert_eq!((&all[0]["type"], &all[0]["capacity"]), (&"sale_created".into(), &50.into()));
    let of = |order: &str| all.iter().filter(|line| line["order_id"] == order).count();
    assert!(orders.iter().all(|order| of(&order.order_id) == 1));

    assert_no(&page("?from=x").await, Code::Invalid);
    assert_no(&page("?limit=0").await, Code::Invalid);
    assert_no(&page("?until=5").await, Code::Invalid);
    assert_no(&shop.admin(Method::GET, "/none/log", "").await, Code::UnknownSale);
    for verb in ["open", "pause", "close"] {
        let answer = shop.admin(Method::POST, &format!("/none/{verb}"), "").await;
        assert_no(&answer, Code::UnknownSale);
    }
    let id = &orders[0].order_id;
    let order = shop.admin(Method::GET, &format!("/one/orders/{id}"), "").await;
    assert_eq!(order.json::<Value>().unwrap()["buyer"], "ada");
}

#[tokio::test]
async fn a_crowd_that_reloads_the_page_asks_the_ledger_ten_times_a_second() {
    let shop = Shop::open();
    shop.create("page", r#"{"capacity":50}"#).await;
    let calls = async || shop.count("lastseat_ledger_calls_total", &["snapshot"]).await.unwrap();
    let mut client = HttpClient::new(&shop.nodes[0].url).unwrap();
    client.get("/v1/sales/page").await.unwrap();
    let (before, started) = (calls().await, Instant::now());
    let mut by_ledger = 0;
    for _ in 0..2_000 {
        let answer = client.get("/v1/sales/page").await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        by_ledger += u64::from(answer.header(header::ANSWERED_BY) == "ledger");
    }
    let allowed = started.elapsed().as_millis() as u64 / 100 + 1;
    let asked = calls().await - before;
    assert!(asked <= allowed, "asked {asked} times, {allowed} are allowed");
    assert!(by_ledger <= asked, "{by_ledger} answers, {asked} questions");
}

#[tokio::test]
async fn a_node_is_not_ready_from_the_first_call_that_redis_does_not_answer() {
    let redis = PrivateRedis::start(Durability::Off);
    let shop = Shop::open_with(&["--redis-url", &redis.url()]);
    shop.create("dead", r#"{"capacity":50}"#).await;
    shop.buy("dead", ADA).await;
    let mut client = HttpClient::new(&shop.nodes[0].url).unwrap();
    assert_eq!(client.get("/readyz").await.unwrap().status, StatusCode::OK);
    drop(redis);
    let lost = client.order("dead", None, ADA).await.unwrap();
    assert!(lost.status.is_server_error(), "{}", lost.text());
    let ready = client.get("/readyz").await.unwrap();
    assert_no(&ready, Code::Unavailable);
    assert!(ready.text().contains("ledger"), "{}", ready.text());
    assert_eq!(client.get("/livez").await.unwrap().status, StatusCode::OK);
}
