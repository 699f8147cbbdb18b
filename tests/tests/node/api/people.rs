//! Buyers with names of any script, by API, export, replay and search.

use crate::api::shop::{Shop, assert_no};
use hyper::Method;
use serde_json::{Value, json};
use shared::Code;
use shared::wire::messages::OrderView;

const NAMES: [&str; 6] =
    ["Ada Lovelace", "Zoë  von A", "王小明", "+49 30 1234", "a:b:c d", "ended ada"];

async fn buy(shop: &Shop, buyer: &str) -> OrderView {
    shop.buy("fair", &json!({ "buyer": buyer }).to_string()).await
}

#[tokio::test]
async fn a_buyer_has_any_name_and_keeps_it_in_every_answer_the_log_the_search_and_the_audit() {
    let shop = Shop::open();
    shop.create("fair", r#"{"capacity":100,"hold_ms":3600000,"buyer_limit":2}"#).await;
    for name in NAMES {
        let held = buy(&shop, name).await;
        assert_eq!(held.buyer, name);
        assert_eq!(shop.lookup(&held).await, held);
        let paid = shop.change(2, &held, "confirm", "").await.json::<OrderView>().unwrap();
        assert_eq!(paid.buyer, name);
        // A repeat of the order is the same one, and of the same buyer.
        let given_back = buy(&shop, name).await;
        let answer = shop.change(0, &given_back, "cancel", "").await;
        assert_eq!(answer.json::<OrderView>().unwrap().buyer, name);
        let encoded = shared::domain::ids::percent_encoded(name);
        let path = format!("/fair/orders?buyer={encoded}&state=confirmed");
        let found = shop.admin(Method::GET, &path, "").await.json::<Value>().unwrap();
        assert_eq!(found["orders"], json!([paid]), "{name}");
    }
    // Each of them, and nobody by another one's ended orders, may have two.
    for name in NAMES.into_iter().chain(["ada"]) {
        buy(&shop, name).await;
    }
    let more = shop.order(0, "fair", &json!({ "buyer": NAMES[0] }).to_string()).await;
    assert_no(&more, Code::BuyerLimit);
    let log = shop.admin(Method::GET, "/fair/log", "").await.text();
    for name in NAMES {
        let said = format!(r#""buyer":{}"#, json!(name));
        assert_eq!(log.matches(&said).count(), 3, "{name}: {log}");
    }
    let audit = shop.audit("fair").await.unwrap();
    assert!(audit.ok, "{:?}", audit.differences);
}

#[tokio::test]
async fn a_name_is_one_buyer_however_its_accents_are_written() {
    let shop = Shop::open();
    shop.create("fair", r#"{"capacity":100,"buyer_limit":1}"#).await;
    assert_eq!(buy(&shop, "Zoe\u{308} \u{212b}").await.buyer, "Zo\u{eb} \u{c5}");
    let again = shop.order(0, "fair", &json!({"buyer": "Zo\u{eb} \u{c5}"}).to_string()).await;
    assert_no(&again, Code::BuyerLimit);
    for wrong in ["", " ada", "ada\n", "a\u{0}b", "a\u{202e}b", &"é".repeat(65), &"x".repeat(129)]
    {
        let answer = shop.order(0, "fair", &json!({ "buyer": wrong }).to_string()).await;
        assert_no(&answer, Code::Invalid);
        assert!(answer.text().contains("128 bytes"), "{}", answer.text());
    }
    assert!(shop.audit("fair").await.unwrap().ok);
}
