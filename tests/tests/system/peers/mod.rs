//! The peers of the bench that are written in JavaScript (`tests/bench/peers/js`): a comparison
//! with them means something only while they do what the edge does.

use lastseat_tests::harness::paths::repository;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, HttpReply, LoneEdge, Setup};
use shared::upstream::balancer::OriginRow;
use shared::wire::messages::header;
use shared::{Code, Problem};

const KEY: &str = "peers:0123456789abcdef0123456789abcdef";
const SALE: &str = "spring";
const ADA: &str = r#"{"buyer":"ada"}"#;
const FOLDER: &str = "tests/bench/peers/js";

/// One of the peers, in front of all nodes of a cluster.
struct Peer {
    _worker: LoneEdge,
    client: HttpClient,
}

impl Peer {
    async fn start(name: &str, cluster: &Cluster) -> Self {
        let nodes = cluster.nodes.iter();
        let rows: Vec<_> =
            nodes.map(|node| OriginRow::new(node.url.clone(), node.weight)).collect();
        let worker = LoneEdge::peer(name, Edge::Workerd, &rows, KEY).await.unwrap();
        Self { client: HttpClient::new(&worker.url).unwrap(), _worker: worker }
    }
}

/// A cluster with a sale of so many tickets.
async fn cluster(edge: Edge, direct: bool, tickets: u64) -> Cluster {
    let setup = Setup {
        direct,
        environment: vec![("LASTSEAT_EDGE_KEY".to_owned(), KEY.to_owned())],
        ..Setup::with_edge(edge)
    };
    let cluster = Cluster::start(&setup).expect("the cluster comes up");
    cluster.create_sale(SALE, tickets).await.expect("a sale");
    cluster
}

/// Buys until an edge says "sold out" from memory; how many tickets that were, and the refusal.
async fn buy_all(edge: &mut HttpClient) -> (u64, HttpReply) {
    let mut bought = 0;
    let refusal = until_async("an edge that says sold out by itself", async || {
        let answer = edge.order(SALE, None, ADA).await.unwrap();
        if answer.status.is_success() {
            bought += 1;
            return None;
        }
        let code = answer.problem().unwrap().code;
        assert!([Code::SoldOut, Code::Busy].contains(&code), "{code:?}");
        let by_itself = code == Code::SoldOut && answer.header(header::ANSWERED_BY) == "edge";
        by_itself.then_some(answer)
    });
    let refusal = refusal.await;
    (bought, refusal)
}

#[tokio::test]
async fn the_least_refusal_in_javascript_differs_from_the_edges_in_the_order_id_only() {
    let cluster = cluster(Edge::Workerd, false, 1).await;
    let (_, of_edge) = buy_all(&mut HttpClient::new(&cluster.edges[0]).unwrap()).await;
    let mut peer = Peer::start("refuse", &cluster).await;
    let of_peer = peer.client.order(SALE, None, ADA).await.unwrap();
    assert_eq!(of_peer.status, of_edge.status);
    assert_eq!(of_peer.headers, of_edge.headers);
    assert_eq!(of_peer.body.len(), of_edge.body.len());
    let nameless = |answer: &HttpReply| Problem { order_id: None, ..answer.problem().unwrap() };
    assert_eq!(nameless(&of_peer), nameless(&of_edge));
}

#[tokio::test]
async fn the_least_pass_in_javascript_hands_on_what_an_origin_says() {
    let cluster = cluster(Edge::None, true, 1).await;
    let mut peer = Peer::start("pass", &cluster).await;
    let granted = peer.client.order(SALE, None, ADA).await.unwrap();
    assert_eq!(granted.status, 201, "{}", granted.text());
    assert_eq!(granted.header(header::ANSWERED_BY), "ledger");
    let refused = peer.client.order(SALE, None, ADA).await.unwrap();
    assert_eq!(refused.problem().unwrap().code, Code::SoldOut);
    assert_ne!(refused.header(header::ANSWERED_BY), "edge");
}

#[tokio::test]
async fn an_edge_in_javascript_sells_every_ticket_to_nodes_that_take_signed_orders_only() {
    let cluster = cluster(Edge::None, false, 20).await;
    let mut peer = Peer::start("same", &cluster).await;
    let key = Some("0123456789abcdef");
    for status in [201, 200] {
        let answer = peer.client.order(SALE, key, ADA).await.unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_eq!(answer.header(header::GRANT), "", "kept from clients");
    }
    let (bought, _) = buy_all(&mut peer.client).await;
    assert_eq!(bought, 19);
    let repeated = peer.client.order(SALE, key, ADA).await.unwrap();
    assert_eq!(repeated.status, 200, "{}", repeated.text());
    let audit = cluster.audit(SALE).await.unwrap();
    assert!(audit.ok && audit.confirmed == 20, "{audit:?}");
}

#[test]
fn the_peers_run_under_the_edges_compatibility_date() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let edge = read("edge/workerd.capnp");
    let date = edge.split("compatibilityDate = \"").nth(1).unwrap();
    let date = &date[..date.find('"').unwrap()];
    for file in ["workerd.capnp", "wrangler.toml"] {
        let peer = read(&format!("{FOLDER}/{file}"));
        assert!(peer.contains(&format!(" = \"{date}\"")), "{file}: {date}");
    }
}
