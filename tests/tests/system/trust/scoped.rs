//! Scoped tokens on their way through an edge.

use crate::trust::{assert_no, cluster};
use hyper::{Method, StatusCode};
use lastseat_tests::harness::http::request;
use lastseat_tests::harness::paths::lastseat;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply};
use shared::Code;
use shared::wire::messages::OrderView;
use std::process::Command;

const HOLD: &str = r#"{"capacity":9,"hold_ms":60000}"#;

fn token(cluster: &Cluster, words: &[&str]) -> String {
    let mut command = Command::new(lastseat().expect("the program"));
    command.args(["token", "create", "--name"]).args(words);
    let ended = command.env("LASTSEAT_DATA_DIR", cluster.data_dir()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    String::from_utf8(ended.stdout).unwrap().trim().to_owned()
}

async fn change(edge: &mut HttpClient, order: &OrderView, verb: &str, token: &str) -> HttpReply {
    let path = format!("/v1/sales/{}/orders/{}/{verb}", order.sale, order.order_id);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    edge.send(request(Method::POST, &path, &headers, "").unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_scoped_token_passes_through_the_edge_for_the_calls_that_it_allows() {
    let cluster = cluster(Edge::under_test(), &[]).await;
    for sale in ["held-1", "other"] {
        let made = cluster.admin(Method::PUT, &format!("/v1/admin/sales/{sale}"), HOLD).await;
        assert_eq!(made.unwrap().status, StatusCode::CREATED);
    }
    let mut edge = HttpClient::new(&cluster.edges[0]).unwrap();
    let buy = async |sale: &str| -> OrderView {
        let mut buyer = HttpClient::new(&cluster.edges[0]).unwrap();
        let answer = buyer.order(sale, None, r#"{"buyer":"ada"}"#).await.unwrap();
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.json().unwrap()
    };
    // The longest that there can be: an edge passes on values of up to 1,024 bytes.
    let patterns = vec!["x".repeat(62); 3].join(",");
    let sales = format!("{patterns},held-*");
    let long = token(&cluster, &[&"n".repeat(32), "--may", "all", "--sales", &sales]);
    assert!(long.len() > 500, "{}", long.len());
    let short = token(&cluster, &["till", "--may", "confirm", "--sales", "held-*"]);
    for token in [&long, &short] {
        let order = buy("held-1").await;
        let answer = change(&mut edge, &order, "confirm", token).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let order = buy("held-1").await;
    let refunds = token(&cluster, &["refunds", "--may", "cancel"]);
    let answer = change(&mut edge, &order, "confirm", &refunds).await;
    assert_no(&answer, Code::TokenVerb, "\"confirm\"");
    let answer = change(&mut edge, &order, "confirm", &short).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    // Paid: only a token with the verb gives it back.
    assert_no(&change(&mut edge, &order, "cancel", &short).await, Code::Paid, "paid");
    let answer = change(&mut edge, &order, "cancel", &refunds).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let elsewhere = buy("other").await;
    assert_no(&change(&mut edge, &elsewhere, "confirm", &short).await, Code::TokenSale, "held-*");
    let forged = format!("{}0", &short[..short.len() - 1]);
    let forged = if forged == short { format!("{}1", &short[..short.len() - 1]) } else { forged };
    let answer = change(&mut edge, &elsewhere, "confirm", &forged).await;
    assert_no(&answer, Code::Unauthorized, "not signed");
}
