//! A master of a Redis Cluster is lost while its sale and those of the others sell.

use crate::topology::crowd::Crowd;
use crate::topology::ledger::{audit, buy, connect, leave, nodes, open, order, sale};
use lastseat_ledger::{Ledger, Verdict};
use lastseat_tests::harness::wait::until_async;
use lastseat_tests::harness::{HttpClient, RedisCluster};
use shared::SaleState;
use std::time::{Duration, Instant};

/// More than the crowd can buy meanwhile.
const TICKETS: u32 = 1_000_000;
/// So many of a sale are left to sell after the fault.
const REST: u32 = 300;

/// Time that a master has to be one again.
const REJOIN_WITHIN: Duration = Duration::from_secs(40);

/// A sale on each master.
async fn one_sale_each(redis: &RedisCluster, ledger: &Ledger) -> Vec<String> {
    let mut sales = vec![None; redis.masters.len()];
    for i in 0.. {
        let name = format!("sale-{i}");
        let place = &mut sales[redis.owner(redis.slot(&name).await).await];
        if place.is_none() {
            open(ledger, &name, TICKETS, 0).await;
            *place = Some(name);
        }
        if sales.iter().all(Option::is_some) {
            break;
        }
    }
    sales.into_iter().flatten().collect()
}

/// Sells the rest of `sale` out: no ticket too many, none left over, and no order is missing or
/// unknown to buyers.
async fn sell_out(redis: &RedisCluster, ledger: &Ledger, crowd: Crowd, sale: &str) {
    assert!(crowd.told().sold_out.is_empty(), "nobody was told sold out");
    let capacity = leave(ledger, sale, REST).await;
    let told = crowd.end().await;
    assert_eq!(told.strange, Vec::<String>::new());
    let report = audit(ledger, sale).await;
    assert_eq!((report.free, report.confirmed), (0, u64::from(capacity)));
    let orders = redis.orders(sale).await.expect("orders");
    let granted = &told.granted[sale];
    let missing = granted.iter().filter(|(id, _)| !orders.contains_key(id));
    assert_eq!(missing.count(), 0, "all nodes live");
    assert_eq!(granted.len(), orders.len(), "no order is in the ledger that nobody was told of");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_is_killed_and_started_again_loses_nothing_that_was_acknowledged() {
    let mut redis = RedisCluster::start(3).await;
    let ledger = connect(&redis.url()).await;
    let sales = one_sale_each(&redis, &ledger).await;
    let system = nodes(&redis.url(), &[]);
    // Of their own: who waits for one sale buys nothing else.
    let [crowd, others] = [&sales[1..2], &sales[2..]].map(|s| Crowd::start(&system, s, 3));
    let [hurt, other] = [&sales[1], &sales[2]];
    crowd.until("it sells", |told| told.sold(hurt) >= 50).await;
    redis.masters[1].kill();
    let before = others.told().sold(other);
    others.until("the others go on while it is away", |told| told.sold(other) > before + 3).await;
    redis.masters[1].start_again(&[]);
    // A master that comes back waits for at least two seconds before it takes writes.
    let end = Instant::now() + REJOIN_WITHIN;
    while !redis.serves(1).await {
        assert!(Instant::now() < end, "the master comes back");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let begun = Instant::now();
    let before = crowd.told().sold(hurt);
    crowd.until("it sells again", |told| told.sold(hurt) > before).await;
    println!("sells again {:?} after its master serves", begun.elapsed());
    sell_out(&redis, &ledger, crowd, hurt).await;
    sell_out(&redis, &ledger, others, other).await;
    system.stop().expect("it stops");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_whose_master_is_lost_goes_on_at_its_replica_and_nothing_is_oversold() {
    let mut redis = RedisCluster::start(3).await;
    redis.add_replica(1).await;
    let ledger = connect(&redis.url()).await;
    let sales = one_sale_each(&redis, &ledger).await;
    let system = nodes(&redis.url(), &[]);
    // Of their own: who waits for one sale buys nothing else.
    let [crowd, others] = [&sales[1..2], &sales[2..]].map(|s| Crowd::start(&system, s, 3));
    let [hurt, other] = [&sales[1], &sales[2]];
    crowd.until("it sells", |told| told.sold(hurt) >= 50).await;
    let before = ledger.server(&crate::topology::ledger::sale(hurt));
    let mut changes = ledger.server_changes();
    changes.mark_unchanged();
    redis.masters[1].kill();
    let begun = Instant::now();
    let (sold_here, sold_there) = (crowd.told().sold(hurt), others.told().sold(other));
    others
        .until("the others go on while it is away", |told| told.sold(other) > sold_there + 3)
        .await;
    crowd.until("it sells at the replica", |told| told.sold(hurt) > sold_here + 6).await;
    println!("sells again {:?} after its master was killed", begun.elapsed());
    sell_out(&redis, &ledger, crowd, hurt).await;
    sell_out(&redis, &ledger, others, other).await;
    // Whoever has to know that another server has the sale is told.
    assert!(changes.has_changed().expect("the ledger is there"));
    let now = ledger.server(&crate::topology::ledger::sale(hurt));
    assert!(now.is_some() && now != before, "{before:?} {now:?}");
    system.stop().expect("it stops");
}

/// No node has seen anything of its sale, and none is listed on it: nodes declare what it writes
/// all the same, or only those that are asked for the sale would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_with_nothing_but_a_sale_that_has_ended_recovers_at_the_first_question() {
    let mut redis = RedisCluster::start(3).await;
    let ledger = connect(&redis.url()).await;
    let sales = one_sale_each(&redis, &ledger).await;
    let hurt = redis.owner(redis.slot("lastseat:sales").await).await;
    // Not where the lists are.
    let place = (hurt + 1) % 3;
    let past = &sales[place];
    assert!(matches!(buy(&ledger, past, "kept").await, Ok(Verdict::Granted { .. })));
    ledger.set_state(&sale(past), SaleState::Closed).await.expect("it is closed");
    assert!(ledger.retire_sale(&sale(past)).await.expect("it is moved"));
    let system = nodes(&redis.url(), &[]);
    redis.masters[place].kill();
    redis.masters[place].start_again(&[]);
    let order = order("kept").id;
    let mut client = HttpClient::new(&system.nodes[0].url).expect("an address");
    let path = format!("/v1/sales/{past}/orders/{order}");
    let begun = Instant::now();
    until_async("one node is asked and the other one has declared", async || {
        let answer = client.get(&path).await.ok()?;
        assert_ne!(answer.status, 404, "{}", answer.text());
        (answer.status == 200).then_some(())
    })
    .await;
    println!("read after {:?}", begun.elapsed());
    let listed = ledger.sales().await.expect("the list");
    assert!(!listed.contains(&sale(past)), "it has ended: {listed:?}");
}
