//! Sales that have ended: they take no place from those that sell.

use crate::{SALE, start, until};
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::{Ledger, LedgerUrl};
use lastseat_tests::harness::metrics::Metrics;

use lastseat_tests::harness::{Cluster, Edge, HttpClient};
use shared::domain::sale::Terms;
use shared::limits::SALES_MAX;
use shared::{Capacity, SaleId, SaleState};

const ADA: &str = r#"{"buyer":"ada"}"#;

async fn served(cluster: &Cluster) -> u64 {
    let mut client = HttpClient::new(&cluster.nodes[0].admin).unwrap();
    match client.get("/metrics").await {
        Ok(page) => Metrics(page.text()).count("lastseat_sales_served", &[]),
        Err(_) => u64::MAX,
    }
}

async fn buy(cluster: &Cluster, sale: &str) -> u16 {
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    client.order(sale, None, ADA).await.map_or(0, |answer| answer.status.as_u16())
}

#[tokio::test]
async fn ten_thousand_past_sales_take_no_place_from_those_that_sell() {
    let cluster = start(Edge::None, &[]).await;
    let url = &cluster.redis.as_ref().unwrap().url;
    let ledger = &Ledger::connect(&LedgerUrl::parse(url).unwrap()).await.unwrap();
    let past = |n: usize| SaleId::parse(&format!("past-{n}")).unwrap();
    let made = stream::iter(0..10_000).map(|n| async move {
        let capacity = Capacity::new(1).unwrap();
        ledger.create_sale(&past(n), capacity, &Terms::default(), true).await?;
        ledger.set_state(&past(n), SaleState::Closed).await
    });
    let made: Vec<_> = made.buffer_unordered(32).try_collect().await.unwrap();
    assert_eq!(made.len(), 10_000);

    // Somebody looks at more of them than a node serves at the same time.
    let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
    for n in 0..SALES_MAX {
        client.get(&format!("/v1/sales/past-{n}")).await.unwrap();
    }
    assert!(served(&cluster).await > SALES_MAX as u64 / 2);
    cluster.create_sale("autumn", 10).await.unwrap();
    until("a new sale sells", || async { buy(&cluster, "autumn").await == 201 }).await;
    assert!(served(&cluster).await <= SALES_MAX as u64);
    assert_eq!(buy(&cluster, SALE).await, 201, "one that sold before sells on");
    assert_eq!(buy(&cluster, "past-0").await, 410, "one that has ended says so");

    // A node that starts among them serves those that have not ended.
    cluster.kill_heaviest_node().unwrap();
    until("the node is back", || async { buy(&cluster, "autumn").await == 201 }).await;
    assert!(served(&cluster).await <= 3, "{}", served(&cluster).await);
}
