//! A sale that was created a moment ago, at a node that has not read its name yet.

use hyper::StatusCode;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use tokio::task::JoinSet;

/// More than a node looks unlisted sales up at the same time.
const CLIENTS: usize = 100;

#[tokio::test]
async fn the_first_orders_of_a_new_sale_are_all_served_by_a_node_that_does_not_list_it_yet() {
    let setup = Setup { weights: vec![1, 1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    let mut clients: Vec<HttpClient> = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = HttpClient::new(&cluster.nodes[1].url).unwrap();
        client.get("/livez").await.unwrap();
        clients.push(client);
    }
    for sale in ["first", "second", "third"] {
        cluster.create_sale(sale, 1_000).await.unwrap();
        let mut orders = JoinSet::new();
        for (number, mut client) in clients.drain(..).enumerate() {
            orders.spawn(async move {
                let body = format!(r#"{{"buyer":"buyer-{number}"}}"#);
                let answer = client.order(sale, None, &body).await.unwrap();
                (client, answer.status, answer.text())
            });
        }
        for (client, status, text) in orders.join_all().await {
            assert_eq!(status, StatusCode::CREATED, "{sale}: {text}");
            clients.push(client);
        }
    }
    cluster.stop().unwrap();
}
