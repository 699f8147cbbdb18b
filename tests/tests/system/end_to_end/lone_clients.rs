//! Lone clients and small sales: nobody is told "busy" where tickets are free and nothing else goes
//! on.

use hyper::StatusCode;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use shared::Code;

/// The outcomes of an order for each ticket and one more, from so many clients at once.
async fn outcomes(cluster: &Cluster, sale: &str, tickets: u32, clients: u32) -> (u32, u32) {
    let mut tasks = tokio::task::JoinSet::new();
    for client in 0..clients {
        let edge = HttpClient::new(&cluster.edges[0]).unwrap();
        let (mut edge, sale) = (edge, sale.to_owned());
        tasks.spawn(async move {
            let (mut sold, mut sold_out) = (0, 0);
            for number in (client..=tickets).step_by(clients as usize) {
                let body = format!(r#"{{"buyer":"buyer-{number}","quantity":1}}"#);
                let answer = edge.order(&sale, None, &body).await.unwrap();
                if answer.status == StatusCode::CREATED {
                    sold += 1;
                } else {
                    let code = answer.problem().unwrap().code;
                    assert_eq!(code, Code::SoldOut, "{tickets} tickets: {}", answer.text());
                    sold_out += 1;
                }
            }
            (sold, sold_out)
        });
    }
    let each = tasks.join_all().await;
    each.into_iter().fold((0, 0), |(a, b), (c, d)| (a + c, b + d))
}

#[tokio::test]
async fn a_lone_client_and_a_handful_are_served_at_once_in_sales_of_1_to_50_tickets() {
    for weights in [vec![1], vec![1, 2, 3, 4]] {
        let setup = Setup { weights, ..Setup::with_edge(Edge::under_test()) };
        let cluster = Cluster::start(&setup).unwrap();
        for tickets in [1, 2, 5, 20, 50] {
            for clients in [1, 8] {
                let sale = format!("small-{tickets}-{clients}");
                cluster.create_sale(&sale, tickets.into()).await.unwrap();
                let sold = outcomes(&cluster, &sale, tickets, clients).await;
                assert_eq!(sold, (tickets, 1), "{tickets} tickets, {clients} clients");
            }
        }
        cluster.stop().unwrap();
    }
}
