//! Who made a change: in the log, for programs that read it, and in what dashboards list.

use crate::api::shop::{SHOP_TOKEN, Shop, lines, path_of};
use hyper::Method;
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::HttpClient;
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::wait::until_async;
use serde_json::{Value, json};
use shared::limits::ACTORS_MAX;
use shared::wire::messages::OrderView;
use shared::{SaleId, SaleState};

const HOLD: &str = r#"{"capacity":50,"hold_ms":60000}"#;
const ADA: &str = r#"{"buyer":"ada"}"#;

fn token(shop: &Shop, name: &str) -> String {
    let ran = shop.run(&["token", "create", "--name", name, "--may", "all"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout.trim().to_owned()
}

async fn call(shop: &Shop, method: Method, path: &str, token: &str, body: &str) {
    let bearer = format!("Bearer {token}");
    let path = format!("/v1/admin/sales{path}");
    let asked = request(method, &path, &[("authorization", &bearer)], body).unwrap();
    let answer = HttpClient::new(&shop.nodes[0].admin).unwrap().send(asked).await.unwrap();
    assert!(answer.status.is_success(), "{path}: {}", answer.text());
}

/// Type and actor of each event of a sale, as an export has them.
fn who(shop: &Shop, sale: &str) -> Vec<(String, Value)> {
    let ran = shop.run(&["orders", "export", sale]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let of = |line: Value| (line["type"].as_str().unwrap().to_owned(), line["by"].clone());
    lines(&ran.stdout).into_iter().map(of).collect()
}

fn events(expected: &[(&str, Option<&str>)]) -> Vec<(String, Value)> {
    expected.iter().map(|(kind, by)| ((*kind).to_owned(), json!(by))).collect()
}

async fn ledger(shop: &Shop) -> Ledger {
    let url = &shop.redis.as_ref().unwrap().url;
    Ledger::connect(&LedgerUrl::parse(url).unwrap()).await.unwrap()
}

#[tokio::test]
async fn every_change_of_a_sale_names_who_made_it() {
    let shop = Shop::open();
    let (ada, bob) = (token(&shop, "ada"), token(&shop, "bob@example.org"));
    call(&shop, Method::PUT, "/spring", &ada, HOLD).await;
    call(&shop, Method::POST, "/spring/pause", &bob, "").await;
    // Done already: nobody's.
    call(&shop, Method::POST, "/spring/pause", &ada, "").await;
    call(&shop, Method::POST, "/spring/open", &shop.admin_token, "").await;
    let held = shop.buy("spring", ADA).await;
    shop.change(0, &held, "confirm", "").await;
    call(&shop, Method::POST, "/spring/restock", &bob, r#"{"add":5}"#).await;
    call(&shop, Method::PATCH, "/spring", &ada, r#"{"order_limit":2}"#).await;
    call(&shop, Method::POST, "/spring/close", &bob, "").await;
    let expected = events(&[
        ("sale_created", Some("ada")),
        ("sale_paused", Some("bob@example.org")),
        ("sale_opened", Some("operator")),
        ("held", None),
        ("confirmed", None),
        ("sale_restocked", Some("bob@example.org")),
        ("sale_changed", Some("ada")),
        ("sale_closed", Some("bob@example.org")),
    ]);
    assert_eq!(who(&shop, "spring"), expected);
    // What the dashboard lists, whichever node it asks.
    let listed = until_async("each node lists who closed it", async || {
        let mut client = HttpClient::new(&shop.nodes[2].admin).unwrap();
        let bearer = format!("Bearer {}", shop.admin_token);
        let headers = [("authorization", bearer.as_str())];
        let asked = request(Method::GET, "/v1/admin/status", &headers, "").unwrap();
        let status: Value = client.send(asked).await.unwrap().json().unwrap();
        let list = status["happenings"].as_array().unwrap().clone();
        list.iter().any(|event| event["kind"] == "closed").then_some(list)
    })
    .await;
    let listed = |kind: &str| {
        let mut of = listed.iter().filter(|event| event["kind"] == kind);
        let event = of.next().unwrap_or_else(|| panic!("{kind} is not in {listed:?}"));
        assert!(of.next().is_none(), "{kind} is listed once: {listed:?}");
        event["by"].clone()
    };
    for (kind, by) in
        [("paused", "bob@example.org"), ("opened", "operator"), ("closed", "bob@example.org")]
    {
        assert_eq!(listed(kind), by, "{kind}");
    }
    assert!(shop.audit("spring").await.unwrap().ok);
}

#[tokio::test]
async fn in_a_sale_with_a_plan_orders_name_who_confirmed_and_cancelled_them() {
    let shop = Shop::open();
    let till = token(&shop, "till-3");
    let plan = r#"{"plan":{"classes":[{"id":"floor","standing":9}]},"hold_ms":60000}"#;
    call(&shop, Method::PUT, "/hall", &till, plan).await;
    let body = r#"{"buyer":"ada","lines":[{"class":"floor","quantity":1}]}"#;
    let change = async |order: &OrderView, verb: &str, token: Option<&str>| {
        let path = format!("{}/{verb}", path_of(order));
        let answer = shop.send(0, (Method::POST, &path), token, "").await;
        assert!(answer.status.is_success(), "{}", answer.text());
    };
    let orders = [shop.buy("hall", body).await, shop.buy("hall", body).await];
    change(&orders[0], "confirm", Some(&till)).await;
    change(&orders[0], "cancel", Some(SHOP_TOKEN)).await;
    change(&orders[1], "extend", Some(&till)).await;
    // Whoever has the id, and has shown no token.
    change(&orders[1], "cancel", None).await;
    let mut expected = events(&[
        ("sale_created", Some("till-3")),
        ("sale_planned", Some("till-3")),
        ("held", None),
        ("held", None),
        ("confirmed", Some("till-3")),
        ("cancelled", Some("shop")),
        ("extended", Some("till-3")),
        ("cancelled", None),
    ]);
    let mut found = who(&shop, "hall");
    // A hold that was made this very moment may not be extendable.
    found.retain(|(kind, _)| kind != "extended");
    expected.retain(|(kind, _)| kind != "extended");
    assert_eq!(found, expected);
    assert!(shop.audit("hall").await.unwrap().ok);
}

#[tokio::test]
async fn what_the_clock_did_in_the_same_entry_is_nobodys() {
    let shop = Shop::open();
    let ada = token(&shop, "ada");
    for (sale, body) in [
        ("plain", r#"{"capacity":9,"hold_ms":1}"#),
        ("hall", r#"{"plan":{"classes":[{"id":"floor","standing":9}]},"hold_ms":1}"#),
    ] {
        call(&shop, Method::PUT, &format!("/{sale}"), &ada, body).await;
        let ledger = ledger(&shop).await;
        let id = SaleId::parse(sale).unwrap();
        let order = match sale {
            "plain" => ADA,
            _ => r#"{"buyer":"ada","lines":[{"class":"floor","quantity":1}]}"#,
        };
        shop.buy(sale, order).await;
        call(&shop, Method::POST, &format!("/{sale}/pause"), &ada, "").await;
        let entries = ledger.log(&id, 1, 16).await.unwrap();
        for entry in entries {
            for (place, event) in entry.events.iter().enumerate() {
                let by = entry.maker(place).map(ToString::to_string);
                let is_of_order = event.order().is_some();
                assert_eq!(by.as_deref(), (!is_of_order).then_some("ada"), "{event:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_earlier_versions_wrote_is_read_and_what_is_written_they_can_read() {
    let shop = Shop::open();
    let ada = token(&shop, "ada");
    let (old, sale) = (ledger(&shop).await, SaleId::parse("spring").unwrap());
    call(&shop, Method::PUT, "/spring", &ada, HOLD).await;
    // A node of an earlier version names nobody, and leaves the field of the sale as it is.
    old.set_state(&sale, SaleState::Paused).await.unwrap();
    call(&shop, Method::POST, "/spring/open", &ada, "").await;
    let expected =
        [("sale_created", Some("ada")), ("sale_paused", None), ("sale_opened", Some("ada"))];
    assert_eq!(who(&shop, "spring"), events(&expected));
    // The entries are those that it writes itself, to the letter: it takes any other for damage.
    let url = &shop.redis.as_ref().unwrap().url;
    let client = redis::Client::open(url.as_str()).unwrap();
    let mut redis = client.get_connection().unwrap();
    let key = "lastseat:{spring}:log";
    let read: redis::Value =
        redis::cmd("XRANGE").arg(key).arg("-").arg("+").query(&mut redis).unwrap();
    let redis::Value::Array(items) = read else { panic!("{read:?}") };
    assert_eq!(items.len(), 3);
    for item in items {
        let redis::Value::Array(item) = item else { panic!("{item:?}") };
        let (_, fields): (String, Vec<String>) =
            redis::from_redis_value(redis::Value::Array(item)).unwrap();
        let [name, text] = fields.as_slice() else { panic!("{fields:?}") };
        let head: Vec<&str> = text.lines().next().unwrap().split(' ').collect();
        assert_eq!((name.as_str(), head[0], head.len()), ("e", "1", 3), "{text}");
    }
    // What is in the field by chance or by hand names nobody, and stops nothing.
    let damage = "x 1: :ada 3:a,b 99999999999999999999:ada 2:eve";
    let set: i64 = redis::cmd("HSET")
        .arg("lastseat:{spring}:sale")
        .arg("actors")
        .arg(damage)
        .query(&mut redis)
        .unwrap();
    assert_eq!(set, 0, "the field was there");
    let expected = [("sale_created", None), ("sale_paused", Some("eve")), ("sale_opened", None)];
    assert_eq!(who(&shop, "spring"), events(&expected));
}

#[tokio::test]
async fn a_sale_without_a_plan_keeps_the_names_of_its_last_256_changes() {
    let shop = Shop::open();
    let ada = token(&shop, "ada");
    call(&shop, Method::PUT, "/spring", &ada, HOLD).await;
    let sale = SaleId::parse("spring").unwrap();
    let by_ada = ledger(&shop).await.acting_for(Some(&shared::Actor::parse("ada").unwrap()));
    for turn in 0..ACTORS_MAX {
        let state = if turn % 2 == 0 { SaleState::Paused } else { SaleState::Open };
        by_ada.set_state(&sale, state).await.unwrap();
    }
    let who = who(&shop, "spring");
    assert_eq!(who.len(), ACTORS_MAX + 1);
    assert_eq!(who[0].1, Value::Null);
    assert!(who[1..].iter().all(|(_, by)| by == "ada"));
}
