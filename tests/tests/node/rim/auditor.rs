//! The audits that nodes make by themselves wait for a ledger that is slow or away.

use crate::rim::{SALE, until};
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::proxy::{LinkFault, Proxy};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, RedisSetup, Setup};
use std::time::Duration;

/// One way to Redis; both take longer than an audit tolerates (`AUDIT_SLOW_MS`).
const SLOW: Duration = Duration::from_millis(70);
/// An audit that did not give up would end several times in this time, also over the slow link.
const LOOKED_FOR: Duration = Duration::from_secs(20);
/// An audit that is under way while the link becomes slow may still end.
const UNDER_WAY: Duration = Duration::from_secs(2);

async fn audits(cluster: &Cluster) -> u64 {
    let mut client = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    let page = client.get("/metrics").await.unwrap();
    Metrics(page.text()).count("lastseat_audits_total", &[])
}

async fn order(cluster: &Cluster, key: &str) -> u16 {
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    let answer = client.order(SALE, Some(key), r#"{"buyer":"ada"}"#).await.unwrap();
    answer.status.as_u16()
}

async fn goes_on(cluster: &Cluster, what: &str) {
    let before = audits(cluster).await;
    until(what, || async { audits(cluster).await > before + 1 }).await;
}

#[tokio::test]
async fn audits_pause_while_the_ledger_is_slow_or_away_and_go_on_after() {
    let redis = RedisSetup::default().with_port().start();
    let link = Proxy::start(redis.address()).unwrap();
    let setting = |name: &str, value: String| (name.to_owned(), value);
    let setup = Setup {
        direct: true,
        weights: vec![1],
        environment: vec![
            setting("REDIS_URL", format!("redis://{}", link.address())),
            setting("LASTSEAT_AUDIT_EVERY", "1s".to_owned()),
        ],
        ..Setup::with_edge(Edge::None)
    };
    let cluster = Cluster::start(&setup).unwrap();
    cluster.create_sale(SALE, 100).await.unwrap();
    assert_eq!(order(&cluster, "before-0123456789").await, 201);
    goes_on(&cluster, "it is audited").await;

    link.switch_both(LinkFault::Delay(SLOW));
    tokio::time::sleep(UNDER_WAY).await;
    let before = audits(&cluster).await;
    tokio::time::sleep(LOOKED_FOR).await;
    assert_eq!(order(&cluster, "slow-012345678901").await, 201, "it sells meanwhile");
    assert_eq!(audits(&cluster).await, before, "audited over a slow link");
    link.switch_both(LinkFault::Pass);
    goes_on(&cluster, "it is audited again").await;

    link.switch_both(LinkFault::Swallow);
    tokio::time::sleep(UNDER_WAY).await;
    let before = audits(&cluster).await;
    tokio::time::sleep(UNDER_WAY).await;
    let away = order(&cluster, "away-012345678901").await;
    assert!([503, 504].contains(&away), "{away}");
    assert_eq!(audits(&cluster).await, before);
    link.switch_both(LinkFault::Pass);
    goes_on(&cluster, "it is audited after the ledger is back").await;
}
