//! Operators find orders: by the API, and from the terminal.

use crate::api::shop::{Shop, assert_no};
use hyper::{Method, StatusCode};
use lastseat_node::api::order_search::OrderList;
use shared::Code;
use shared::wire::messages::OrderView;

const HOLDS: &str = r#"{"capacity":1000,"hold_ms":3600000}"#;

async fn found(shop: &Shop, query: &str) -> OrderList {
    let answer = shop.admin(Method::GET, &format!("/fair/orders{query}"), "").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json().unwrap()
}

async fn buy(shop: &Shop, buyer: &str) -> OrderView {
    shop.buy("fair", &format!(r#"{{"buyer":"{buyer}"}}"#)).await
}

#[tokio::test]
async fn an_operator_finds_orders_by_what_a_buyer_tells_and_nobody_else_does() {
    let shop = Shop::open();
    shop.create("fair", HOLDS).await;
    let (first, second) = (buy(&shop, "ada+1@example.org").await, buy(&shop, "bob").await);
    let third = buy(&shop, "bob").await;
    let paid = shop.change(0, &third, "confirm", "").await.json::<OrderView>().unwrap();

    let by_buyer = found(&shop, "?buyer=ada%2B1%40example.org").await;
    assert_eq!((by_buyer.orders, by_buyer.read, by_buyer.of), (vec![first.clone()], 3, 3));
    let typed = first.number.to_lowercase().replace('-', "+");
    assert_eq!(found(&shop, &format!("?number={typed}")).await.orders, [first]);
    assert_eq!(found(&shop, "?buyer=bob&state=confirmed").await.orders, [paid]);
    assert_eq!(found(&shop, "?buyer=bob&state=held").await.orders, [second]);
    assert_eq!(found(&shop, "?buyer=nobody").await.orders, []);

    // One by one, each once.
    let (mut ids, mut after) = (Vec::new(), String::new());
    loop {
        let page = found(&shop, &format!("?limit=1{after}")).await;
        ids.extend(page.orders.into_iter().map(|order| order.order_id));
        match page.next_after {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3);

    for query in [
        "?number=K3F7",
        "?state=paid",
        "?limit=0",
        "?limit=501",
        "?after=x",
        "?color=red",
        "?buyer=",
        "?after=0000000000000000.0.",
    ] {
        let answer = shop.admin(Method::GET, &format!("/fair/orders{query}"), "").await;
        assert_no(&answer, Code::Invalid);
    }
    assert_no(&shop.admin(Method::GET, "/none/orders", "").await, Code::UnknownSale);
    let public = shop.send(0, (Method::GET, "/v1/sales/fair/orders"), None, "").await;
    assert_no(&public, Code::MethodNotAllowed);
}

#[tokio::test]
async fn orders_are_found_from_the_terminal_as_lines_or_as_json() {
    let shop = Shop::open();
    shop.create("fair", HOLDS).await;
    let orders = [buy(&shop, "ada").await, buy(&shop, "ada").await, buy(&shop, "bob").await];
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = shop.run(&words);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    };
    let number = &orders[2].number;
    let ran = run(&format!("orders find fair --number {number}"));
    assert!(ran.stdout.contains(&format!("  {number}  {}  held", orders[2].order_id)));
    assert!(ran.stdout.ends_with("  bob\n") && ran.stdout.lines().count() == 1, "{}", ran.stdout);
    let ran = run("orders find fair --buyer ada --json");
    let said = ran.stdout.lines().map(|line| serde_json::from_str::<OrderView>(line).unwrap());
    let mut said: Vec<OrderView> = said.collect();
    let mut expected = orders[..2].to_vec();
    said.sort_by(|a, b| a.order_id.cmp(&b.order_id));
    expected.sort_by(|a, b| a.order_id.cmp(&b.order_id));
    assert_eq!(said, expected);
    let ran = run("orders find fair --state held --limit 2");
    assert_eq!(ran.stdout.lines().count(), 2);
    assert!(ran.stderr.contains("may be more"), "{}", ran.stderr);
    let ran = run("orders find fair --buyer nobody");
    assert!(ran.stdout.is_empty() && ran.stderr.contains("none of 3 orders"), "{}", ran.stderr);
    for (line, word) in [
        ("orders find fair --state paid", "held, confirmed, cancelled, expired"),
        ("orders find fair --limit 0", "whole number"),
    ] {
        let ran = shop.run(&line.split(' ').collect::<Vec<_>>());
        assert!(ran.code == 2 && ran.stderr.contains(word), "{line}: {}", ran.stderr);
    }
    let ran = shop.run(&["orders", "find", "fair", "--number", "K3F7"]);
    assert!(ran.code == 1 && ran.stderr.contains("order number"), "{}", ran.stderr);
}
