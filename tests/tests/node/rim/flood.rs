//! A flood of names of sales that nobody made.

use crate::rim::{SALE, start};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, Setup};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const ADA: &str = r#"{"buyer":"ada"}"#;

/// Clients that ask for one invented sale after the other until this is dropped.
struct Flood {
    over: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    clients: JoinSet<()>,
}

impl Flood {
    fn start(url: &str, clients: usize) -> Self {
        let mut flood =
            Self { over: Arc::default(), asked: Arc::default(), clients: JoinSet::new() };
        for n in 0..clients {
            let (over, asked) = (Arc::clone(&flood.over), Arc::clone(&flood.asked));
            let mut client = HttpClient::new(url).unwrap();
            flood.clients.spawn(async move {
                for i in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let name = format!("invented-{n}-{i}");
                    // What becomes of it is not what is tested.
                    let _ = client.order(&name, None, ADA).await;
                    let _ = client.get(&format!("/v1/sales/{name}")).await;
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        flood
    }

    /// Waits until it has begun in earnest.
    async fn runs(&self) {
        let begun = Instant::now();
        while self.asked.load(Ordering::Relaxed) < 200 {
            assert!(begun.elapsed() < Duration::from_secs(20), "no flood");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn end(mut self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        while self.clients.join_next().await.is_some() {}
        self.asked.load(Ordering::Relaxed)
    }
}

#[tokio::test]
async fn a_buyer_at_a_cold_edge_is_served_at_once_whatever_others_invent() {
    let cluster = start(Edge::under_test(), &[]).await;
    let flood = Flood::start(&cluster.edges[0], 64);
    flood.runs().await;
    // The first one who asks this edge for the sale, and the next ones.
    let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
    let shown = client.get(&format!("/v1/sales/{SALE}")).await.unwrap();
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert_eq!(shown.header("lastseat-sales"), "", "for the edge alone");
    for n in 0..8 {
        let begun = Instant::now();
        let key = format!("first-at-an-edge-{n:016}");
        let answer = client.order(SALE, Some(&key), ADA).await.unwrap();
        assert_eq!(answer.status, 201, "order {n}: {}", answer.text());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    assert!(flood.end().await > 200);
}

#[tokio::test]
async fn a_node_finds_a_listed_sale_whatever_names_are_invented_beside_it() {
    let setup = Setup { weights: vec![1, 1], ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    // Made through one node: the other one has no desk for them.
    let sales: Vec<String> = (0..16).map(|n| format!("real-{n}")).collect();
    for sale in &sales {
        cluster.create_sale(sale, 10).await.unwrap();
    }
    // Both have read the list since.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let flood = Flood::start(&cluster.nodes[1].url, 256);
    flood.runs().await;
    let mut client = HttpClient::new(&cluster.nodes[1].url).unwrap();
    for sale in &sales {
        let answer = client.order(sale, None, ADA).await.unwrap();
        assert_eq!(answer.status, 201, "{sale}: {}", answer.text());
    }
    assert!(flood.end().await > 200);
}
