//! Orders of a gateway in the process of its node: calls, without a connection.

use crate::link::endings::signal;
use crate::link::{GATEWAY, SALE, body, id, order};
use crate::topology::ledger::{connect, open};
use bytes::Bytes;
use hyper::HeaderMap;
use lastseat_ledger::LedgerUrl;
use lastseat_link::{
    InProcessAnswer, InProcessNode, LinkAnswer, LinkCount, LinkCounters, LinkError, NodeLink,
};
use lastseat_node::config::ServeConfig;
use lastseat_node::http::TrustLevel;
use lastseat_node::sale_service::NodeIdentity;
use lastseat_node::serve::Node;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::paths::scratch;
use lastseat_tests::harness::{Cluster, Durability, Edge, HttpClient, PrivateRedis, Setup};
use rustix::process::Signal;
use shared::admission::browser_origin::AllowedOrigins;
use shared::domain::order::KeySource;
use shared::limits::{BODY_MAX, LINK_UNDER_WAY_MAX};
use shared::link::LinkOrder;
use shared::{EdgeId, OrderId};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A node that faces buyers itself, with a sale.
async fn public_node(tickets: u64) -> Cluster {
    let setup = Setup { weights: vec![1], ..Setup::with_edge(Edge::Public) };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, tickets).await.expect("a sale");
    cluster
}

async fn metrics_of_the_public_side(cluster: &Cluster) -> Metrics {
    let side = cluster.nodes[0].public.as_ref().expect("a public side");
    Metrics(HttpClient::new(&side.admin).unwrap().get("/metrics").await.unwrap().text())
}

/// Asks for one ticket until the answer is final, always under the same id.
async fn gets_a_ticket(client: &mut HttpClient, number: u64) -> bool {
    let (id, body) = (id(number), body(&format!("buyer-{number}")));
    for _ in 0..1_000 {
        let answer = client.order(SALE, Some(&id), &body).await.expect("an answer");
        match answer.status.as_u16() {
            201 => return true,
            409 => return false,
            429 | 503 => tokio::time::sleep(Duration::from_millis(10)).await,
            _ => panic!("{} {}", answer.status, answer.text()),
        }
    }
    panic!("order {number} has no final answer");
}

#[tokio::test]
async fn a_node_that_faces_buyers_sells_without_a_connection_to_itself() {
    let cluster = public_node(100).await;
    let mut buyers = JoinSet::new();
    for buyer in 0..8_u64 {
        let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
        buyers.spawn(async move {
            let mut granted = 0;
            for number in (0..200).filter(|number| number % 8 == buyer) {
                granted += u64::from(gets_a_ticket(&mut client, number).await);
            }
            granted
        });
    }
    assert_eq!(buyers.join_all().await.into_iter().sum::<u64>(), 100);
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 100, "{audit:?}");
    let node = cluster.metrics().await.unwrap().remove(0).expect("it answers");
    let public = metrics_of_the_public_side(&cluster).await;
    let called = public.count("lastseat_gateway_in_process_orders_total", &[]);
    assert!((100..=200).contains(&called), "{called}");
    assert_eq!(node.count("lastseat_orders_received_total", &[]), called);
    assert_eq!(public.count("lastseat_gateway_links_opened_total", &[]), 0);
    assert_eq!(node.count("lastseat_links_opened_total", &[]), 0);
    assert_eq!(node.count("lastseat_connections", &[]), 0);
    // All else is a request to the node's address, by which the count above is seen to count.
    let path = format!("/v1/sales/{SALE}/orders/{}", id(100_000));
    let read = HttpClient::new(&cluster.edges[0]).unwrap().get(&path).await.unwrap();
    assert_eq!(read.status, 404, "{}", read.text());
    assert_eq!(cluster.count("lastseat_connections", &[]).await.unwrap(), 1);
}

#[tokio::test]
async fn a_node_that_faces_buyers_and_stops_in_the_middle_answers_every_order_that_it_has_taken() {
    let cluster = public_node(100_000).await;
    let answered = Arc::new(AtomicU64::new(0));
    let mut buyers = JoinSet::new();
    for buyer in 0..32_u64 {
        let mut client = HttpClient::new(&cluster.edges[0]).unwrap();
        let answered = Arc::clone(&answered);
        buyers.spawn(async move {
            let mut granted = Vec::new();
            for turn in 0.. {
                let (id, body) = (id(turn * 32 + buyer), body(&format!("buyer-{buyer}-{turn}")));
                let answer = client.order(SALE, Some(&id), &body).await.expect("an answer");
                assert_eq!(answer.status, 201, "{}", answer.text());
                granted.push(OrderId::parse(&id).unwrap());
                answered.fetch_add(1, Ordering::Relaxed);
                if answer.header("connection") == "close" {
                    break;
                }
            }
            granted
        });
    }
    while answered.load(Ordering::Relaxed) < 500 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    signal(&cluster, Signal::TERM);
    let granted: HashSet<OrderId> = buyers.join_all().await.into_iter().flatten().collect();
    let orders: HashSet<OrderId> = cluster.orders(SALE).await.unwrap().into_keys().collect();
    assert_eq!(orders, granted);
}

/// A node in this process.
async fn node_here(redis: &PrivateRedis, directory: &TempDir) -> Node {
    let any = ([127, 0, 0, 1], 0).into();
    let config = ServeConfig {
        node: NodeIdentity { id: 1, weight: 1 },
        listen: any,
        admin_listen: any,
        ledger: LedgerUrl::parse(&redis.url()).unwrap(),
        replicas: None,
        directory: directory.path().to_owned(),
        admin_token: None,
        shop_token: None,
        token_keys: None,
        trust: TrustLevel { edge_keys: None, direct: true },
        buyer_keys: None,
        pay_keys: None,
        allowed_origins: AllowedOrigins::default(),
        client_rate: None,
        demo: false,
        connections_max: 100,
        threads: 1,
        audit_every: None,
        more_metrics: None,
        stop_with_stdin: false,
        json: false,
    };
    Node::start(config).await.expect("the node starts")
}

#[tokio::test]
async fn a_sale_goes_on_when_the_thread_that_asked_for_it_first_has_ended() {
    let (redis, directory) = (PrivateRedis::start(Durability::Off), scratch().unwrap());
    let node = node_here(&redis, &directory).await;
    open(&connect(&redis.url()).await, SALE, 10, 0).await;
    for number in 0..2 {
        let orders = node.orders();
        let thread = tokio::task::spawn_blocking(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let (edge, id, body) = (EdgeId::parse(GATEWAY).unwrap(), id(number), body("ada"));
            runtime.block_on(orders.place(&edge, &order(&id, KeySource::Made, &body)))
        });
        let answer = thread.await.unwrap();
        assert_eq!(answer.status, 201, "{:?}", answer.body);
        assert_eq!(answer.headers["lastseat-node"], "1");
        assert!(answer.grant.is_some() && answer.sales.is_none());
    }
}

/// A node that answers as often as it is told to.
#[derive(Debug)]
struct SlowNode(Semaphore);

impl InProcessNode for SlowNode {
    fn place<'a>(&'a self, edge: &'a EdgeId, order: &'a LinkOrder<'_>) -> InProcessAnswer<'a> {
        Box::pin(async move {
            self.0.acquire().await.expect("it is open").forget();
            let body = Bytes::from(format!("{edge} {}", order.id));
            LinkAnswer {
                status: 201,
                headers: HeaderMap::new(),
                body,
                grant: None,
                sales: None,
                gone: None,
            }
        })
    }
}

#[tokio::test]
async fn a_bounded_number_of_orders_is_under_way_in_a_process_and_whoever_leaves_frees_its_place() {
    let (node, counters) = (Arc::new(SlowNode(Semaphore::new(0))), Arc::default());
    let edge = EdgeId::parse(GATEWAY).unwrap();
    let link = NodeLink::in_process(Arc::<SlowNode>::clone(&node), edge, Arc::clone(&counters));
    let count = |of: LinkCount| LinkCounters::get(&counters, of);
    let mut asked = JoinSet::new();
    for number in 0..LINK_UNDER_WAY_MAX as u64 {
        let link = link.clone();
        asked.spawn(async move {
            let (id, body) = (id(number), body("ada"));
            let answer = link.ask(&order(&id, KeySource::Made, &body)).await.unwrap();
            assert_eq!(answer.body, format!("{GATEWAY} {id}"));
        });
    }
    while link.under_way() < LINK_UNDER_WAY_MAX {
        tokio::task::yield_now().await;
    }
    let (id, body) = (id(5_000), body("ada"));
    let one = order(&id, KeySource::Made, &body);
    assert_eq!(link.ask(&one).await, Err(LinkError::Full));
    assert_eq!(count(LinkCount::Full), 1);
    node.0.add_permits(LINK_UNDER_WAY_MAX);
    asked.join_all().await;
    assert_eq!(link.under_way(), 0);
    let left = tokio::time::timeout(Duration::from_millis(10), link.ask(&one));
    assert!(left.await.is_err(), "the node does not answer");
    assert_eq!(link.under_way(), 0);
    node.0.add_permits(1);
    assert!(link.ask(&one).await.is_ok());
    // As over a connection: the node says over HTTP what is wrong with it.
    let long = LinkOrder { body: &[b' '; BODY_MAX + 1], ..one };
    assert_eq!(link.ask(&long).await, Err(LinkError::Plain));
    assert_eq!(count(LinkCount::InProcess), LINK_UNDER_WAY_MAX as u64 + 2);
    assert_eq!((count(LinkCount::Opened), count(LinkCount::Orders)), (0, 0));
}
