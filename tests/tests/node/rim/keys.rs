//! Order ids as clients write them: one order, however its id is spelled.

use crate::rim::{SALE, start};
use hyper::{Method, StatusCode};
use lastseat_ledger::{Ledger, LedgerUrl, Reserve};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::{Edge, HttpClient, HttpReply};
use shared::wire::messages::{OrderView, header};
use shared::{BuyerId, Code, OrderId, Quantity, SaleId};

const ID: &str = "01a206a1-4986-71b9-82fc-1638e7e87c78";
const ADA: &str = r#"{"buyer":"ada"}"#;

async fn ask(url: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> HttpReply {
    let body = if path.ends_with("/orders") { ADA } else { "" };
    let asked = request(method, path, headers, body).unwrap();
    HttpClient::new(url).unwrap().send(asked).await.unwrap()
}

#[tokio::test]
async fn a_uuid_means_one_order_in_upper_and_lower_case_and_in_quotes() {
    let cluster = start(Edge::under_test(), &[]).await;
    let orders = format!("/v1/sales/{SALE}/orders");
    for (url, id) in
        [(&cluster.edges[0], ID.to_owned()), (&cluster.nodes[0].url, ID.replace('0', "1"))]
    {
        let upper = id.to_uppercase();
        let sold =
            ask(url, Method::POST, &orders, &[(header::IDEMPOTENCY_KEY, upper.as_str())]).await;
        assert_eq!(sold.status, StatusCode::CREATED, "{}", sold.text());
        let first: OrderView = sold.json().unwrap();
        assert_eq!(first.order_id, id);
        for key in [id.clone(), format!("\"{id}\""), format!("\"{upper}\"")] {
            let again =
                ask(url, Method::POST, &orders, &[(header::IDEMPOTENCY_KEY, key.as_str())]).await;
            assert_eq!(again.status, StatusCode::OK, "{key}: {}", again.text());
            assert_eq!(again.json::<OrderView>().unwrap(), first);
        }
        for spelling in [&id, &upper] {
            let seen = ask(url, Method::GET, &format!("{orders}/{spelling}"), &[]).await;
            assert_eq!(seen.json::<OrderView>().unwrap().order_id, id);
        }
        let back = ask(url, Method::POST, &format!("{orders}/{upper}/cancel"), &[]).await;
        assert_eq!(back.status, StatusCode::OK, "{}", back.text());
        assert_eq!(back.json::<OrderView>().unwrap().quantity, 1, "not one that never came");
        // Anything else is what it is.
        let word = format!("ORDER-0123456789-{}", &upper[..2]);
        for key in [word.clone(), word.to_lowercase(), format!("\"{word}\"")] {
            let headers = [(header::IDEMPOTENCY_KEY, key.as_str())];
            let sold = ask(url, Method::POST, &orders, &headers).await;
            assert_eq!(sold.status, StatusCode::CREATED, "{key}: {}", sold.text());
            assert_eq!(sold.json::<OrderView>().unwrap().order_id, key);
        }
    }
}

#[tokio::test]
async fn a_key_under_a_name_that_nobody_reads_is_refused_by_name() {
    let cluster = start(Edge::under_test(), &[]).await;
    let orders = format!("/v1/sales/{SALE}/orders");
    for url in [&cluster.edges[0], &cluster.nodes[0].url] {
        let answer = ask(url, Method::POST, &orders, &[("x-idempotency-key", ID)]).await;
        let problem = answer.problem().unwrap();
        assert_eq!(problem.code, Code::Invalid);
        assert!(problem.detail.contains("as Idempotency-Key"), "{}", problem.detail);
    }
    assert!(cluster.orders(SALE).await.unwrap().is_empty());
    // Beside the right one it is one of many headers that mean nothing here.
    for url in [&cluster.edges[0], &cluster.nodes[0].url] {
        let both = [("x-idempotency-key", "other"), (header::IDEMPOTENCY_KEY, ID)];
        let answer = ask(url, Method::POST, &orders, &both).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    assert_eq!(cluster.orders(SALE).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_order_that_an_earlier_version_stored_in_upper_case_is_reached_in_that_spelling() {
    let cluster = start(Edge::under_test(), &[]).await;
    let redis = cluster.redis.as_ref().unwrap();
    let ledger = Ledger::connect(&LedgerUrl::parse(&redis.url).unwrap()).await.unwrap();
    let sale = SaleId::parse(SALE).unwrap();
    let bearer = format!("Bearer {}", cluster.admin_token);
    let operator = [("authorization", bearer.as_str())];
    let orders = format!("/v1/sales/{SALE}/orders");
    let admin_orders = format!("/v1/admin/sales/{SALE}/orders");
    let (edge, node) = (&cluster.edges[0], &cluster.nodes[0]);
    for (number, (url, orders, headers)) in [
        (edge, &orders, &[][..]),
        (&node.url, &orders, &[][..]),
        (&node.admin, &admin_orders, &operator[..]),
    ]
    .into_iter()
    .enumerate()
    {
        let upper = ID.to_uppercase().replace('0', &number.to_string());
        let stored = Reserve {
            id: OrderId::parse(&upper).unwrap(),
            buyer: BuyerId::parse("ada").unwrap(),
            quantity: Quantity::ONE,
            lines: None,
        };
        ledger.reserve(&sale, &[stored]).await.unwrap().unwrap();
        let path = format!("{orders}/{upper}");
        let seen = ask(url, Method::GET, &path, headers).await;
        assert_eq!(seen.json::<OrderView>().unwrap().order_id, upper, "{}", seen.text());
        let back = ask(url, Method::POST, &format!("{path}/cancel"), headers).await;
        let back: OrderView = back.json().unwrap();
        assert_eq!((back.order_id, back.quantity), (upper, 1));
    }
}
