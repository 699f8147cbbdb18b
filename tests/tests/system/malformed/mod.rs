//! Bytes that are no HTTP, or that two readers could read in two ways, sent over bare sockets to a
//! real node and a real edge. Where one request can hide in another, the hidden one is an order of
//! its own: it must never be in the ledger, whatever tier reads the bytes.

mod cases;
mod wire;

use cases::{Case, End, HIDDEN, Key, cases, order};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use std::collections::BTreeSet;
use wire::{Heard, exchange};

/// The sale that the cases ask for.
const SALE: &str = "spring";
/// Honest orders at each place before and afterwards: more than an edge keeps connections to nodes,
/// so that each one is used.
const HONEST: usize = 24;

/// Nodes that take whatever reaches them: what an edge lets through is carried out here, signed or
/// not.
async fn start() -> Cluster {
    let setup = Setup { direct: true, ..Setup::with_edge(Edge::under_test()) };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 1_000).await.unwrap();
    cluster
}

/// What is wrong with what a server did about a case.
fn fault_in(case: &Case, heard: &Heard) -> Option<String> {
    let fault = heard.statuses.iter().any(|status| *status >= 500);
    let fault = fault && !(case.end == End::NoTunnel && heard.statuses == [500]);
    let first = heard.statuses.first().copied();
    let right = match case.end {
        End::Refused => heard.statuses.len() <= 1 && first.is_none_or(|status| status >= 400),
        End::NoTunnel => heard.statuses.len() <= 1 && heard.closed && first >= Some(400),
        End::ClosedAfterOne => heard.statuses.len() <= 1 && heard.closed,
        End::AtMostOne => heard.statuses.len() <= 1,
        End::Both => heard.statuses == [201, 201],
    };
    let silent = first.is_none() && !heard.closed;
    (fault || silent || !right).then(|| {
        let Heard { statuses, closed, text } = heard;
        format!("{}: answers {statuses:?}, closed: {closed}: {text:?}", case.what)
    })
}

/// Sends all of them at the same time, each over a connection of its own.
async fn faults_at(place: &str, url: &str) -> Vec<String> {
    let sent: Vec<_> = cases(place)
        .into_iter()
        .map(|case| {
            let authority = url.trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                let heard = exchange(&authority, &case.parts).await;
                fault_in(&case, &heard)
            })
        })
        .collect();
    let mut faults = Vec::new();
    for case in sent {
        faults.extend(case.await.unwrap());
    }
    faults
}

/// The processes of the system: one that crashed would have been started again, under another
/// number.
fn processes(cluster: &mut Cluster) -> BTreeSet<i32> {
    let children = cluster.program().children();
    children.iter().map(|child| child.pid).collect()
}

async fn honest_orders_are_served_at(place: &str, url: &str, when: &str) {
    let mut client = HttpClient::new(url).unwrap();
    for n in 0..HONEST {
        let key = format!("honest-{place}-{when}-{n:016}");
        let body = format!(r#"{{"buyer":"honest-{when}-{n}"}}"#);
        let answer = client.order(SALE, Some(&key), &body).await.unwrap();
        assert_eq!(answer.status, 201, "{place}: {}", answer.text());
        let order: serde_json::Value = answer.json().unwrap();
        assert_eq!(order["order_id"], key, "the answer of somebody else's");
    }
}

#[tokio::test]
async fn no_malformed_request_sells_a_ticket_or_hides_another_one() {
    let mut cluster = start().await;
    let before = processes(&mut cluster);
    let places = [("node", cluster.nodes[0].url.clone()), ("edge", cluster.edges[0].clone())];
    for (place, url) in &places {
        // So the edge has a grant: without one, a crowd may be told to come again.
        honest_orders_are_served_at(place, url, "before").await;
    }
    let (node, edge) =
        tokio::join!(faults_at(places[0].0, &places[0].1), faults_at(places[1].0, &places[1].1));
    assert!(
        node.is_empty() && edge.is_empty(),
        "at the node:\n{}\nat the edge:\n{}",
        node.join("\n"),
        edge.join("\n")
    );
    for (place, url) in &places {
        honest_orders_are_served_at(place, url, "after").await;
    }
    assert_eq!(processes(&mut cluster), before, "nothing crashed");

    let orders = cluster.orders(SALE).await.unwrap();
    let may = |key: &str| {
        places.iter().any(|(place, _)| {
            let served = |case: &Case| case.may_order.contains(&Key::of(key));
            key.starts_with(&format!("honest-{place}-")) || cases(place).iter().any(served)
        })
    };
    for (id, order) in &orders {
        assert_ne!(order.buyer.as_str(), HIDDEN, "smuggled: {id}");
        assert!(may(id.as_str()), "nobody may have ordered {id}");
    }
    // The nodes carry out what is honestly sent in one piece: the net could have caught something.
    for (place, _) in &places {
        for which in ["first", "second"] {
            let key = order(place, "pipelined", which).key;
            assert!(orders.keys().any(|id| id.as_str() == key), "{key}");
        }
    }
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok, "{audit:?}");
    assert_eq!(audit.confirmed, orders.len() as u64);
}
