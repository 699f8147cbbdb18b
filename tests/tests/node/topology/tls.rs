//! TLS to the ledger: one server, what Sentinels name, a Redis Cluster.

use lastseat_cluster::process::free_port;
use lastseat_ledger::{Ledger, LedgerUrl, Reserve, Verdict};
use lastseat_tests::harness::certificates::Certificates;
use lastseat_tests::harness::paths::{scratch, tool};
use lastseat_tests::harness::program::Program;
use lastseat_tests::harness::redis::PrivateRedis;
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{Cluster, Edge, HttpClient, RedisSetup, Setup};
use shared::domain::sale::Terms;
use shared::{BuyerId, Capacity, OrderId, Quantity, SaleId};
use std::fs;
use std::process::Command;

/// A Redis that is reached by TLS only, and the port.
fn start(certificates: &Certificates, more: &[&str]) -> (PrivateRedis, u16) {
    let port = free_port().expect("a port");
    let options = certificates.redis_options(port);
    let options: Vec<&str> =
        options.iter().map(String::as_str).chain(more.iter().copied()).collect();
    (RedisSetup::default().options(&options).start(), port)
}

async fn connect(url: &str) -> Result<Ledger, String> {
    let ledger = Ledger::connect(&LedgerUrl::parse(url)?).await;
    ledger.map_err(|e| e.to_string())
}

/// Sells one ticket and recounts.
async fn sells(ledger: &Ledger) {
    let sale = SaleId::parse("spring").unwrap();
    let capacity = Capacity::new(1).unwrap();
    ledger.create_sale(&sale, capacity, &Terms::default(), true).await.unwrap();
    let order = Reserve {
        id: OrderId::parse("over-tls-0123456789").unwrap(),
        buyer: BuyerId::parse("ada").unwrap(),
        quantity: Quantity::ONE,
        lines: None,
    };
    let (_, verdicts) = ledger.reserve(&sale, &[order]).await.unwrap().unwrap();
    assert!(matches!(verdicts[0], Verdict::Granted { .. }), "{verdicts:?}");
    let report = ledger.audit(&sale).await.unwrap().unwrap();
    assert!(report.ok && report.confirmed == 1, "{report:?}");
}

#[tokio::test]
async fn nodes_sell_over_tls_to_a_redis_that_shows_and_asks_for_certificates() {
    let certificates = Certificates::make();
    let (_redis, port) = start(&certificates, &[]);
    let url = format!("rediss://127.0.0.1:{port}/0?{}", certificates.query());
    sells(&connect(&url).await.unwrap()).await;
    let arguments = vec!["--redis-url".to_owned(), url];
    let setup = Setup { direct: true, weights: vec![1], arguments, ..Setup::with_edge(Edge::None) };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale("autumn", 1).await.unwrap();
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let order =
        async |client: &mut HttpClient| client.order("autumn", None, r#"{"buyer":"ada"}"#).await;
    assert_eq!(order(&mut client).await.unwrap().status, 201);
    assert_eq!(order(&mut client).await.unwrap().status, 409);
}

#[tokio::test]
async fn a_redis_that_is_not_to_be_trusted_gets_no_password_and_the_reason_is_named() {
    let (certificates, others) = (Certificates::make(), Certificates::make());
    let (_redis, port) =
        start(&certificates, &["--tls-auth-clients", "no", "--bind", "127.0.0.1", "127.0.0.2"]);
    let ca = |of: &Certificates| of.file("ca.pem").display().to_string();
    let trusted = format!("rediss://localhost:{port}/0?ca={}", ca(&certificates));
    sells(&connect(&trusted).await.unwrap()).await;
    for (url, why) in [
        (format!("rediss://:secret@127.0.0.1:{port}/0?ca={}", ca(&others)), "certificate"),
        (
            format!("rediss://:secret@127.0.0.2:{port}/0?ca={}", ca(&certificates)),
            "not valid for name",
        ),
        (format!("redis://127.0.0.1:{port}/0"), "reset"),
    ] {
        let said = connect(&url).await.unwrap_err();
        assert!(said.contains(why), "{url}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test]
async fn sentinels_and_the_primary_that_they_name_are_reached_over_tls() {
    let certificates = Certificates::make();
    let (_redis, port) = start(&certificates, &[]);
    let own = free_port().expect("a port");
    let directory = scratch().unwrap();
    let file = directory.path().join("sentinel.conf");
    let lines = format!(
        "port 0\nbind 127.0.0.1\ndir {}\nsentinel monitor tickets 127.0.0.1 {port} 1\n",
        directory.path().display()
    );
    fs::write(&file, lines).unwrap();
    let mut command = Command::new(tool("redis-server"));
    command.arg(&file).arg("--sentinel").args(certificates.redis_options(own));
    let _sentinel = Program::start("redis-sentinel", command).unwrap();
    let url = format!("rediss+sentinel://127.0.0.1:{own}/tickets?{}", certificates.query());
    sells(&until_async("the Sentinel answers", async || connect(&url).await.ok()).await).await;
}

#[tokio::test]
async fn the_masters_of_a_cluster_are_reached_over_tls() {
    let certificates = Certificates::make();
    let bus = free_port().expect("a port").to_string();
    let more = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", &bus];
    let (redis, port) = start(&certificates, &more);
    let () = redis.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let url = format!("rediss+cluster://127.0.0.1:{port}?{}", certificates.query());
    until_async("the cluster has its slots", async || {
        let info: String = redis.ask(&["CLUSTER", "INFO"]).await;
        info.contains("cluster_state:ok").then_some(())
    })
    .await;
    sells(&connect(&url).await.unwrap()).await;
}
