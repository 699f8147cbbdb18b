//! Sales that have ended, and sales that nobody asks for: they take no place from those that sell.

use crate::rim::{SALE, start, until};
use futures_util::{StreamExt, TryStreamExt, stream};
use lastseat_ledger::{Fault, Ledger, LedgerUrl};
use lastseat_node::api::sale_bodies::SaleList;
use lastseat_tests::harness::metrics::Metrics;
use lastseat_tests::harness::proxy::{LinkFault, Proxy};
use lastseat_tests::harness::{Cluster, Edge, HttpClient, RedisSetup};
use shared::domain::sale::Terms;
use shared::limits::SALES_MAX;
use shared::{Capacity, SaleId, SaleState};
use std::time::{Duration, Instant};

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

/// A node with so many more sales, made without it and closed if wanted; each named after `name`.
async fn start_with(name: &str, count: usize, closed: bool) -> Cluster {
    let cluster = start(Edge::None, &[]).await;
    make_sales(&cluster.redis.as_ref().unwrap().url, name, count, closed).await;
    cluster
}

async fn make_sales(url: &str, name: &str, count: usize, closed: bool) {
    let ledger = &Ledger::connect(&LedgerUrl::parse(url).unwrap()).await.unwrap();
    let made = stream::iter(0..count).map(|n| async move {
        let sale = SaleId::parse(&format!("{name}-{n}")).unwrap();
        let capacity = Capacity::new(1).unwrap();
        ledger.create_sale(&sale, capacity, &Terms::default(), true).await?;
        if closed {
            ledger.set_state(&sale, SaleState::Closed).await?;
        }
        Ok::<_, Fault>(())
    });
    let made: Vec<()> = made.buffer_unordered(32).try_collect().await.unwrap();
    assert_eq!(made.len(), count);
}

/// Looks at as many of them as a node serves at the same time. Before it has read the list of sales
/// again it looks up few of those that were made without it.
async fn fill_the_table(cluster: &Cluster, name: &str) {
    until("half of its table is full", || async {
        let mut client = HttpClient::new(&cluster.nodes[0].url).unwrap();
        for n in 0..SALES_MAX {
            let shown = client.get(&format!("/v1/sales/{name}-{n}")).await.unwrap();
            assert!([200, 429, 503].contains(&shown.status.as_u16()), "{}", shown.text());
        }
        served(cluster).await > SALES_MAX as u64 / 2
    })
    .await;
}

#[tokio::test]
async fn a_page_of_the_list_of_sales_costs_no_round_trip_for_each_sale() {
    let redis = RedisSetup::default().with_port().start();
    make_sales(&redis.url(), "listed", 300, false).await;
    let to_redis = Proxy::start(redis.address()).unwrap();
    let far = LedgerUrl::parse(&format!("redis://{}", to_redis.address())).unwrap();
    let far = Ledger::connect(&far).await.unwrap();
    to_redis.switch_both(LinkFault::Delay(Duration::from_millis(20)));
    let begun = Instant::now();
    let list = SaleList::read(&far, None, |_| true).await.unwrap();
    assert_eq!(list.sales.len(), 300);
    // One after the other it takes 12 s.
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn ten_thousand_past_sales_take_no_place_from_those_that_sell() {
    let cluster = start_with("past", 10_000, true).await;
    fill_the_table(&cluster, "past").await;
    cluster.create_sale("autumn", 10).await.unwrap();
    assert_eq!(buy(&cluster, "autumn").await, 201);
    assert_eq!(buy(&cluster, SALE).await, 201, "one that sold before sells on");
    assert_eq!(buy(&cluster, "past-0").await, 410, "one that has ended says so");

    // A node that starts among them serves those that have not ended.
    cluster.kill_heaviest_node().unwrap();
    until("the node is back", || async { buy(&cluster, "autumn").await == 201 }).await;
    assert!(served(&cluster).await <= 3, "{}", served(&cluster).await);
}

#[tokio::test]
async fn open_sales_that_nobody_asks_for_give_way_to_new_ones_and_sell_when_asked_again() {
    let cluster = start_with("open", SALES_MAX, false).await;
    fill_the_table(&cluster, "open").await;
    cluster.create_sale("autumn", 10).await.unwrap();
    until("a new sale sells", || async { buy(&cluster, "autumn").await == 201 }).await;
    assert_eq!(buy(&cluster, "open-0").await, 201, "its handle was closed, the sale is not");
}
