//! What a sale sells, in words: who sets it, who sees it, what is refused, and sales of before.

use crate::api::shop::{Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::HttpReply;
use lastseat_tests::harness::wait::until_async;
use redis::{Client, FromRedisValue};
use serde_json::{Value, json};
use shared::Code;
use shared::wire::messages::{EventView, header};

fn concert() -> Value {
    json!({
        "title": "Frühlingskonzert", "starts_at": 1_807_983_000_000_u64, "zone": "Europe/Berlin",
        "place": "City hall", "price": "EUR 25", "colour": "#7a1f3d", "languages": ["en"],
    })
}

async fn look(shop: &Shop, node: usize, sale: &str) -> HttpReply {
    let path = format!("/v1/sales/{sale}/event");
    shop.send(node, (Method::GET, &path), None, "").await
}

async fn view(shop: &Shop, node: usize, sale: &str) -> EventView {
    let answer = look(shop, node, sale).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json().unwrap()
}

async fn set(shop: &Shop, sale: &str, event: &Value) -> HttpReply {
    let body = json!({"event": event}).to_string();
    shop.admin(Method::PATCH, &format!("/{sale}"), &body).await
}

#[tokio::test]
async fn what_a_sale_sells_is_set_by_operators_and_shown_by_every_node() {
    let shop = Shop::open();
    let body = json!({"capacity": 9, "event": concert()}).to_string();
    shop.create("spring", &body).await;
    assert_eq!(shop.report("spring").await["event"], concert());
    let shown = view(&shop, 1, "spring").await;
    assert_eq!(serde_json::to_value(&shown.event).unwrap(), concert());
    assert_eq!(shown.starts_local.as_deref(), Some("2027-04-17T19:30"));
    let first = look(&shop, 1, "spring").await;
    assert_eq!((first.header("cache-control"), first.header("etag").len()), ("max-age=10", 18));
    // The view that every page asks for all the time is as small as before.
    let hot = shop.send(1, (Method::GET, "/v1/sales/spring"), None, "").await.text();
    assert!(!hot.contains("konzert") && hot.len() < 300, "{hot}");

    // It is one of the terms: repeated with another one the sale is another one.
    assert_eq!(shop.admin(Method::PUT, "/spring", &body).await.status, StatusCode::OK);
    let other = body.replace("EUR 25", "EUR 30");
    assert_no(&shop.admin(Method::PUT, "/spring", &other).await, Code::SaleExists);
    let same = set(&shop, "spring", &concert()).await;
    assert_eq!(same.header(header::IDEMPOTENCY_REPLAYED), "true", "{}", same.text());
    // A change of something else leaves it as it is, and one of it replaces all of it.
    shop.admin(Method::PATCH, "/spring", r#"{"buyer_limit":4}"#).await;
    assert_eq!(shop.report("spring").await["event"], concert());
    let changed = set(&shop, "spring", &json!({"title": "Autumn"})).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    for node in 0..2 {
        until_async("each node shows the change", async || {
            let event = view(&shop, node, "spring").await.event;
            event
                .is_some_and(|event| event.title == "Autumn" && event.zone.is_empty())
                .then_some(())
        })
        .await;
    }
    assert_ne!(look(&shop, 0, "spring").await.header("etag"), first.header("etag"));
    assert_eq!(set(&shop, "spring", &json!({})).await.status, StatusCode::OK);
    assert_eq!(shop.report("spring").await.get("event"), None);
    assert!(shop.audit("spring").await.unwrap().ok);
}

#[tokio::test]
async fn words_that_cannot_be_shown_are_refused_with_what_to_change() {
    let shop = Shop::open();
    shop.create("plain", r#"{"capacity":9}"#).await;
    for (event, told) in [
        (json!({"titel": "A"}), "\"titel\" is no field; there are title, subtitle"),
        (json!({"subtitle": "A"}), "\"title\" is missing"),
        (json!({"title": "A", "zone": "Europe/Berln"}), "Europe/Berln"),
        (json!({"title": "A", "colour": "red"}), "#rrggbb"),
        (json!({"title": "A", "logo_url": "http://shop.example/a.svg"}), "https://"),
        (json!({"title": "A", "languages": ["de"]}), "\"en\" and \"zh\""),
        (json!("A"), "is an object"),
    ] {
        let refused = set(&shop, "plain", &event).await;
        assert_no(&refused, Code::Invalid);
        let detail = refused.problem().unwrap().detail;
        assert!(detail.contains(told), "{event}: {detail}");
        let body = json!({"capacity": 9, "event": event}).to_string();
        assert_no(&shop.admin(Method::PUT, "/new", &body).await, Code::Invalid);
    }
    assert_eq!(view(&shop, 0, "plain").await.event, None);
    let nowhere = look(&shop, 0, "nowhere").await;
    assert_eq!(nowhere.status, StatusCode::NOT_FOUND);
}

/// The reply to a command of Redis on the cluster's own one.
fn redis<T: FromRedisValue>(shop: &Shop, words: &[&str]) -> T {
    let url = &shop.redis.as_ref().expect("a cluster has a Redis").url;
    let mut connection = Client::open(url.as_str()).unwrap().get_connection().unwrap();
    redis::cmd(words[0]).arg(&words[1..]).query(&mut connection).unwrap()
}

#[tokio::test]
async fn a_sale_of_the_version_before_has_no_words_and_takes_them_and_one_of_the_next_is_read() {
    let shop = Shop::open();
    shop.create("older", r#"{"capacity":9,"hold_ms":60000}"#).await;
    let key = "lastseat:{older}:sale";
    // As that version has written it: nothing of this is among its fields.
    let fields: Vec<String> = redis(&shop, &["HKEYS", key]);
    assert!(fields.len() > 10 && !fields.contains(&"event".to_owned()), "{fields:?}");
    let order = shop.buy("older", r#"{"buyer":"ada"}"#).await;
    assert_eq!(view(&shop, 0, "older").await.event, None);
    assert_eq!(set(&shop, "older", &json!({"title": "Spring"})).await.status, StatusCode::OK);
    let stored: String = redis(&shop, &["HGET", key, "event"]);
    assert_eq!(stored, r#"{"title":"Spring"}"#);
    assert_eq!(shop.lookup(&order).await, order);
    // A later version has more fields of an event: those that this one has are shown.
    let put = |text: &str| redis::<u32>(&shop, &["HSET", key, "event", text]);
    put(r#"{"title":"Next","doors_at":7}"#);
    assert_eq!(shop.report("older").await["event"], json!({"title": "Next"}));
    assert!(shop.audit("older").await.unwrap().ok);
    // What is no event is shown to nobody, and the audit names it.
    put(r#"{"title":"Next","colour":"red"}"#);
    assert_eq!(shop.report("older").await.get("event"), None);
    assert!(!shop.audit("older").await.unwrap().ok);
}
