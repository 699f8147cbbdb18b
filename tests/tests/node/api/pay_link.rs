//! Signed pay links: checked by the program of the documentation, as a shop has it.

use crate::api::shop::{SHOP_TOKEN, Shop, assert_no, path_of};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::wait::until_async;
use shared::wire::messages::OrderView;
use shared::{Code, OrderState};
use std::fs;
use std::process::Command;

const NEW: &str = "new-0123456789abcdef0123456789abcdef";
const OLD: &str = "old-0123456789abcdef0123456789abcdef";
const TEMPLATE: &str = "https://shop.example/pay?lang=en&{signed}";
const BACK: &str = "https://tickets.example/s/spring";

/// What the shop's program says of the link: the parameters as JSON, or `null`.
fn shop_says(link: &str, keys: &str) -> serde_json::Value {
    let page = fs::read_to_string(repository().join("docs/howto/holds-and-payments.md")).unwrap();
    let program = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let query = link.split_once('?').unwrap().1;
    let ask = "import json, sys\nprint(json.dumps(paid_for(sys.argv[1], json.loads(sys.argv[2]))))";
    let program = format!("{program}\n{ask}\n");
    let ran = Command::new("python3").args(["-c", &program, query, keys]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {said}"))
}

fn keys(of: &[(&str, &str)]) -> String {
    serde_json::to_string(&of.iter().copied().collect::<std::collections::BTreeMap<_, _>>())
        .unwrap()
}

/// The link of an order as the node at `index` has signed it.
async fn link(shop: &Shop, index: usize, order: &OrderView) -> Option<String> {
    let read = shop.send(index, (Method::GET, &path_of(order)), None, "").await;
    assert_eq!(read.status, StatusCode::OK, "{}", read.text());
    read.json::<OrderView>().unwrap().pay_url
}

#[tokio::test]
async fn a_pay_link_is_signed_as_the_documentation_says_and_nothing_in_it_can_be_changed() {
    let ring = format!("new:{NEW},old:{OLD}");
    let shop = Shop::open_with(&["--shop-token", SHOP_TOKEN, "--pay-key", &ring]);
    let body =
        format!(r#"{{"capacity":9,"hold_ms":60000,"pay_url":"{TEMPLATE}","return_url":"{BACK}"}}"#);
    shop.create("spring", &body).await;
    assert_eq!(shop.report("spring").await["return_url"], BACK);
    let order = shop.buy("spring", r#"{"buyer":"ada","quantity":2}"#).await;
    assert_eq!(order.pay_url, None, "only a read has it");
    let url = link(&shop, 1, &order).await.unwrap();
    assert_eq!(link(&shop, 0, &order).await.as_ref(), Some(&url), "each node signs the same");
    let said = shop_says(&url, &keys(&[("new", NEW), ("old", OLD)]));
    let expected = [
        ("order_id", order.order_id.clone()),
        ("number", order.number.clone()),
        ("sale", "spring".to_owned()),
        ("quantity", "2".to_owned()),
        ("expires_at", order.expires_at.unwrap().to_string()),
        ("return_url", BACK.to_owned()),
        ("lang", "en".to_owned()),
    ];
    for (name, value) in expected {
        assert_eq!(said[name], value, "{url}");
    }
    // Another secret, another id, another version, and each value changed or gone.
    assert!(shop_says(&url, &keys(&[("new", OLD)])).is_null());
    assert!(shop_says(&url, &keys(&[("old", OLD)])).is_null());
    let right = keys(&[("new", NEW)]);
    for (from, to) in [
        ("quantity=2", "quantity=1"),
        ("sale=spring", "sale=autumn"),
        ("expires_at=1", "expires_at=2"),
        ("tickets.example", "evil.example"),
        ("order_id=", "order_id=x"),
        ("&return_url=", "&return_="),
        ("signature=1.", "signature=2."),
        ("&signature=", "&lines=a.2&signature="),
        ("quantity=2", "quantity=2&quantity=2"),
    ] {
        let changed = url.replacen(from, to, 1);
        assert_ne!(changed, url, "{from}");
        assert!(shop_says(&changed, &right).is_null(), "{changed}");
    }
    // More time is another link, and what is no longer held has none.
    shop.change(0, &order, "extend", "").await;
    assert_ne!(link(&shop, 0, &order).await.unwrap(), url);
    assert_eq!(shop.change(0, &order, "confirm", "").await.status, StatusCode::OK);
    assert_eq!(shop.lookup(&order).await.state, OrderState::Confirmed);
    assert_eq!(link(&shop, 0, &order).await, None);
}

#[tokio::test]
async fn a_link_of_a_plan_names_the_classes_and_what_an_operator_changes_is_in_the_next_one() {
    let shop = Shop::open();
    let plan = r#"{"stops":["A","B","C"],"classes":[{"id":"second","standing":9}]}"#;
    let body = format!(r#"{{"plan":{plan},"hold_ms":60000,"pay_url":"{TEMPLATE}"}}"#);
    shop.create("train", &body).await;
    let lines = r#"{"buyer":"ada","lines":[{"class":"second","from":"A","to":"C","quantity":3}]}"#;
    let order = shop.buy("train", lines).await;
    let url = link(&shop, 0, &order).await.unwrap();
    let kept = fs::read_to_string(shop.data_dir().join("pay.key")).unwrap();
    let said = shop_says(&url, &keys(&[("1", kept.trim())]));
    assert_eq!((&said["lines"], &said["quantity"]), (&"second.A-C.3".into(), &"3".into()));
    assert!(said.get("return_url").is_none());
    // A template of before is the page's to fill in; the order then says nothing.
    let plain = r#"{"pay_url":"https://shop.example/{order_id}"}"#;
    let changed = shop.admin(Method::PATCH, "/train", plain).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text());
    until_async("each node has read the change", async || {
        (link(&shop, 0, &order).await.is_none() && link(&shop, 1, &order).await.is_none())
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_no_signed_pay_url_or_return_url_is_refused_with_what_to_change() {
    let shop = Shop::open();
    shop.create("plain", r#"{"capacity":9,"hold_ms":60000}"#).await;
    for (body, told) in [
        (r#"{"pay_url":"https://shop.example/{signed}"}"#, "behind '?' or '&'"),
        (r#"{"return_url":"http://tickets.example/s/plain"}"#, "http:// is for localhost"),
        (r#"{"return_url":"https://tickets.example/s/{sale}"}"#, "without braces"),
    ] {
        let refused = shop.admin(Method::PATCH, "/plain", body).await;
        assert_no(&refused, Code::Invalid);
        let detail = refused.problem().unwrap().detail;
        assert!(detail.contains(told), "{body}: {detail}");
    }
    assert!(shop.audit("plain").await.unwrap().ok);
}
