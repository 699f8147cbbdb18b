//! What a shop says of a payment, by API, log and terminal.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no, lines};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use shared::Code;
use shared::wire::messages::{OrderView, header};

const ADA: &str = r#"{"buyer":"ada"}"#;
const HOLDS: &str = r#"{"capacity":9,"hold_ms":60000}"#;

#[tokio::test]
async fn a_shop_stores_its_payment_with_the_order_and_nobody_else_sees_it() {
    let shop = Shop::open();
    shop.create("fair", HOLDS).await;
    let held = shop.buy("fair", ADA).await;
    let said = json!({"reference": "pi_3", "metadata": {"invoice": "2026-7", "lines": [1, 2]}});
    let answer = shop.change(0, &held, "confirm", &said.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let paid: OrderView = answer.json().unwrap();
    assert_eq!(paid.reference.as_deref(), Some("pi_3"));
    assert_eq!(paid.metadata.as_ref(), Some(&said["metadata"]));
    assert!(paid.confirmed_at.unwrap() >= paid.created_at);

    // A second payment of the same order: the shop sees that it is another one.
    let again = shop.change(1, &held, "confirm", r#"{"reference":"pi_4"}"#).await;
    assert_eq!(again.header(header::IDEMPOTENCY_REPLAYED), "true");
    assert_eq!(again.json::<OrderView>().unwrap(), paid);

    let path = format!("/v1/sales/fair/orders/{}", held.order_id);
    let by_shop = shop.send(2, (Method::GET, &path), Some(SHOP_TOKEN), "").await;
    assert_eq!(by_shop.json::<OrderView>().unwrap(), paid);
    let by_operator = shop.admin(Method::GET, &format!("/fair/orders/{}", held.order_id), "").await;
    assert_eq!(by_operator.json::<OrderView>().unwrap(), paid);
    let found = shop.admin(Method::GET, "/fair/orders?reference=pi_3", "").await;
    assert_eq!(found.json::<Value>().unwrap()["orders"], json!([paid]));
    let theirs = OrderView { confirmed_at: None, reference: None, metadata: None, ..paid.clone() };
    for token in [None, Some("shop-0123456789abcdeX")] {
        let seen = shop.send(0, (Method::GET, &path), token, "").await;
        assert_eq!(seen.json::<OrderView>().unwrap(), theirs);
    }
    // Whoever repeats the order itself is no shop either.
    let mut client = lastseat_tests::harness::HttpClient::new(&shop.nodes[0].url).unwrap();
    let repeated = client.order("fair", Some(&held.order_id), ADA).await.unwrap();
    assert_eq!(repeated.json::<OrderView>().unwrap(), theirs);

    let told = lines(&shop.run(&["orders", "export", "fair"]).stdout);
    let confirmed = told.iter().find(|line| line["type"] == "confirmed").unwrap();
    assert_eq!(
        (&confirmed["reference"], &confirmed["metadata"]),
        (&json!("pi_3"), &said["metadata"])
    );
    assert_eq!(confirmed["confirmed_at"], confirmed["at"]);
    assert!(shop.audit("fair").await.unwrap().ok);
}

#[tokio::test]
async fn a_payment_that_is_too_long_or_no_text_is_refused_and_the_order_stays_held() {
    let shop = Shop::open();
    shop.create("fair", HOLDS).await;
    let held = shop.buy("fair", ADA).await;
    for (body, word) in [
        (json!({"reference": ""}), "\"reference\""),
        (json!({"reference": "x".repeat(129)}), "128"),
        (json!({"reference": "a\nb"}), "control"),
        (json!({"metadata": 1}), "\"metadata\""),
        (json!({"metadata": [1]}), "object or a string"),
        (json!({"metadata": "x".repeat(511)}), "512"),
    ] {
        let answer = shop.change(0, &held, "confirm", &body.to_string()).await;
        assert_no(&answer, Code::Invalid);
        assert!(answer.text().contains(&word.replace('"', "\\\"")), "{}", answer.text());
    }
    assert_eq!(shop.lookup(&held).await, held);
    let words = ["orders", "confirm", "fair", held.order_id.as_str(), "--reference", "bar 7"];
    let ran = shop.run(&[&words[..], &["--metadata", r#"{"by":"phone"}"#, "--json"]].concat());
    let said: OrderView = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said.reference.as_deref(), Some("bar 7"), "{}", ran.stderr);
    let ran = shop.run(&["orders", "find", "fair", "--reference", "bar 7", "--json"]);
    assert_eq!(serde_json::from_str::<OrderView>(&ran.stdout).unwrap(), said);
    let wrong = shop.run(&[&words[..], &["--metadata", "{"]].concat());
    assert!(wrong.code == 2 && wrong.stderr.contains("--metadata"), "{}", wrong.stderr);
}
