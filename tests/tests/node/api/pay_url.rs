//! The pay URL of a sale: who sets it, who sees it, and what is no pay URL.

use crate::api::shop::{Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::HttpReply;
use lastseat_tests::harness::wait::until_async;
use shared::Code;
use shared::wire::messages::{SaleView, header};

const PAY: &str = "https://shop.example/pay?order={order_id}&number={number}&sale={sale}";

async fn view(shop: &Shop, node: usize, sale: &str) -> SaleView {
    let path = format!("/v1/sales/{sale}");
    let answer = shop.send(node, (Method::GET, &path), None, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json().unwrap()
}

async fn set(shop: &Shop, sale: &str, word: &str) -> HttpReply {
    let body = format!(r#"{{"pay_url":{word}}}"#);
    shop.admin(Method::PATCH, &format!("/{sale}"), &body).await
}

#[tokio::test]
async fn a_sale_has_a_pay_url_that_operators_set_and_every_page_receives_with_the_sale() {
    let shop = Shop::open();
    let body = format!(r#"{{"capacity":9,"hold_ms":60000,"pay_url":"{PAY}"}}"#);
    shop.create("pays", &body).await;
    assert_eq!(shop.report("pays").await["pay_url"], PAY);
    for node in 0..2 {
        assert_eq!(view(&shop, node, "pays").await.pay_url.as_deref(), Some(PAY));
    }
    // It is one of the terms: repeated with another one the sale is another one.
    assert_eq!(shop.admin(Method::PUT, "/pays", &body).await.status, StatusCode::OK);
    let other = body.replace("shop.example", "other.example");
    assert_no(&shop.admin(Method::PUT, "/pays", &other).await, Code::SaleExists);

    let same = set(&shop, "pays", &format!("\"{PAY}\"")).await;
    assert_eq!(same.header(header::IDEMPOTENCY_REPLAYED), "true", "{}", same.text());
    let local = "http://127.0.0.1:8080/{sale}/{order_id}";
    let changed = set(&shop, "pays", &format!("\"{local}\"")).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    // A change of something else leaves it as it is.
    shop.admin(Method::PATCH, "/pays", r#"{"buyer_limit":4}"#).await;
    for node in 0..2 {
        until_async("each node shows the change", async || {
            (view(&shop, node, "pays").await.pay_url.as_deref() == Some(local)).then_some(())
        })
        .await;
    }
    assert_eq!(set(&shop, "pays", "\"\"").await.status, StatusCode::OK);
    assert_eq!(shop.report("pays").await.get("pay_url"), None);
    until_async("it is gone", async || {
        view(&shop, 1, "pays").await.pay_url.is_none().then_some(())
    })
    .await;
    assert!(shop.audit("pays").await.unwrap().ok);
}

#[tokio::test]
async fn what_is_no_pay_url_is_refused_with_what_to_change_and_a_sale_without_one_has_none() {
    let shop = Shop::open();
    shop.create("plain", r#"{"capacity":9,"hold_ms":60000}"#).await;
    let plain = view(&shop, 0, "plain").await;
    assert_eq!((plain.pay_url, plain.buyers_cancel, plain.demo), (None, false, false));
    let long = format!("\"https://shop.example/{{order_id}}{}\"", "a".repeat(512));
    for (word, told) in [
        ("\"https://shop.example/pay\"", "must have {order_id}"),
        ("\"http://shop.example/{order_id}\"", "must begin with https://"),
        ("\"javascript:alert('{order_id}')\"", "must begin with https://"),
        ("\"https://shop.example/{order_id}/{buyer}\"", "{order_id}, {number} and {sale}"),
        (long.as_str(), "at most 512 bytes"),
        ("null", "expected a string"),
        ("7", "string"),
    ] {
        let refused = set(&shop, "plain", word).await;
        assert_no(&refused, Code::Invalid);
        let detail = refused.problem().unwrap().detail;
        assert!(detail.contains(told), "{word}: {detail}");
        let body = format!(r#"{{"capacity":9,"pay_url":{word}}}"#);
        if word != "null" {
            assert_no(&shop.admin(Method::PUT, "/new", &body).await, Code::Invalid);
        }
    }
    assert_eq!(shop.report("plain").await.get("pay_url"), None);
}
