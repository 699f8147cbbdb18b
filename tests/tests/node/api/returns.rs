//! How soon a ticket that returns is sold again.

use crate::api::shop::Shop;
use hyper::StatusCode;
use lastseat_tests::harness::HttpClient;
use shared::wire::messages::OrderView;
use std::time::Duration;

const ADA: &str = r#"{"buyer":"ada"}"#;
const BOB: &str = r#"{"buyer":"bob"}"#;
const ROUNDS: usize = 10;
/// From the deadline of a hold to the sale of its ticket to somebody else, in milliseconds.
const SOLD_WITHIN_MS: u64 = 250;

#[tokio::test]
async fn a_returned_ticket_is_sold_within_250_ms_of_its_deadline() {
    let shop = Shop::open();
    let mut took = Vec::new();
    for round in 0..ROUNDS {
        let sale = format!("again-{round}");
        // Deadlines at any point between two sweeps, which begin with the first order.
        let hold_ms = 500 + 21 * round;
        let body = format!(r#"{{"capacity":1,"hold_ms":{hold_ms}}}"#);
        shop.create(&sale, &body).await;
        let held = shop.buy(&sale, ADA).await;
        // Another node than the one that sold it, asked by a buyer who tries again and again.
        let mut client = HttpClient::new(&shop.nodes[1 + round % 3].url).unwrap();
        let sold: OrderView = loop {
            let answer = client.order(&sale, None, BOB).await.unwrap();
            if answer.status == StatusCode::CREATED {
                break answer.json().unwrap();
            }
            assert_eq!(answer.problem().unwrap().code, shared::Code::AllHeld);
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        // Both moments are the ledger's.
        let deadline = held.expires_at.unwrap();
        assert!(sold.created_at >= deadline, "sold while it was held");
        took.push(sold.created_at.since(deadline));
    }
    println!("sold again after {took:?} ms");
    assert!(took.iter().all(|ms| *ms <= SOLD_WITHIN_MS), "{took:?} ms");
}
