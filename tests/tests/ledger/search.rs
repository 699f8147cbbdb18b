//! Searches among the orders of a sale that has tens of thousands of them.

use lastseat_ledger::{
    Fault, Ledger, LedgerUrl, OrderFilter, OrderSearch, OrdersFound, SearchPosition,
};
use lastseat_tests::cost::fill::{BATCH, Filling};
use lastseat_tests::harness::{Durability, PrivateRedis};
use shared::domain::order_number::order_number;
use shared::limits::ORDERS_SEARCHED_MAX;
use shared::{BuyerId, OrderId, OrderState, SaleId};
use std::collections::HashSet;

/// Orders of a sale: some pages of a search.
const ORDERS: u32 = 32_768;
/// Records that one command of a page may have read beyond what was asked for: those that share a
/// place in the hash, twice over while it grows.
const SLACK: u64 = 2_000;

async fn filled(redis: &PrivateRedis, orders: u32) -> Filling {
    let mut filling = Filling::begin(&redis.url(), "large", 1_000_000, 3_600_000).await.unwrap();
    filling.add(orders, BATCH).await.unwrap();
    filling
}

async fn page(
    ledger: &Ledger,
    sale: &SaleId,
    filter: &OrderFilter,
    from: Option<&SearchPosition>,
    limit: usize,
) -> OrdersFound {
    match ledger.find_orders(sale, filter, from, limit).await.unwrap().unwrap() {
        OrderSearch::Found(found) => found,
        OrderSearch::Moved => panic!("the server is the same"),
    }
}

/// Commands of a scan that Redis has carried out.
fn scans(redis: &PrivateRedis) -> u64 {
    let said = redis.says(&["INFO", "commandstats"]);
    let calls = said.split("cmdstat_hscan:calls=").nth(1).unwrap_or("0");
    calls.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_page_reads_a_bounded_part_of_a_large_sale_and_all_pages_find_every_order() {
    let redis = PrivateRedis::start(Durability::Off);
    let mut filling = filled(&redis, ORDERS).await;
    let sale = filling.sale.clone();
    let (ledger, filter) = (filling.ledger.clone(), OrderFilter::default());
    let there: HashSet<OrderId> = all(&ledger, &sale, &filter).await;
    assert_eq!(there.len(), ORDERS as usize);

    // Orders come in while it is searched, and the hash grows to twice its size.
    let (mut found, mut from, mut pages) = (HashSet::new(), None, 0);
    loop {
        let before = scans(&redis);
        let page = page(&ledger, &sale, &filter, from.as_ref(), 500).await;
        assert!(page.orders.len() <= 500, "{}", page.orders.len());
        assert!(page.read <= ORDERS_SEARCHED_MAX + SLACK, "{}", page.read);
        assert!(scans(&redis) - before <= ORDERS_SEARCHED_MAX / 500);
        found.extend(page.orders.into_iter().map(|(id, _)| id));
        pages += 1;
        filling.add(BATCH, BATCH).await.unwrap();
        let Some(next) = page.next else { break };
        // As it travels through an address.
        from = Some(SearchPosition::parse(&next.to_string()).unwrap());
    }
    assert!(pages > ORDERS / 500, "{pages}");
    assert!(found.is_superset(&there), "{} are missing", there.difference(&found).count());
}

/// Each order that a search finds.
async fn all(ledger: &Ledger, sale: &SaleId, filter: &OrderFilter) -> HashSet<OrderId> {
    let (mut found, mut from) = (HashSet::new(), None);
    loop {
        let page = page(ledger, sale, filter, from.as_ref(), 500).await;
        found.extend(page.orders.into_iter().map(|(id, _)| id));
        match page.next {
            Some(next) => from = Some(next),
            None => return found,
        }
    }
}

#[tokio::test]
async fn an_order_is_found_by_its_number_its_buyer_or_its_state_and_by_all_of_them_together() {
    let redis = PrivateRedis::start(Durability::Off);
    let filling = filled(&redis, ORDERS).await;
    let (ledger, sale) = (&filling.ledger, &filling.sale);
    filling.change(100, 103, false).await.unwrap();
    filling.change(103, 105, true).await.unwrap();
    let buyer = |number: u32| BuyerId::parse(&format!("buyer-{number:06}")).ok();
    let by = async |filter: OrderFilter| all(ledger, sale, &filter).await;
    let in_state = |state| OrderFilter { state: Some(state), ..OrderFilter::default() };

    let ada = by(OrderFilter { buyer: buyer(101), ..OrderFilter::default() }).await;
    let id = ada.iter().next().unwrap().clone();
    let number = Some(order_number(sale, &id));
    assert_eq!(ada.len(), 1);
    assert_eq!(by(OrderFilter { number: number.clone(), ..OrderFilter::default() }).await, ada);
    let confirmed = by(in_state(OrderState::Confirmed)).await;
    assert!(confirmed.len() == 3 && confirmed.contains(&id));
    assert_eq!(by(in_state(OrderState::Cancelled)).await.len(), 2);
    assert_eq!(by(in_state(OrderState::Held)).await.len(), ORDERS as usize - 5);
    let state = Some(OrderState::Confirmed);
    let together =
        OrderFilter { buyer: buyer(101), number: number.clone(), state, reference: None };
    assert_eq!(by(together).await, ada);
    let other = OrderFilter { buyer: buyer(102), number, state, reference: None };
    assert_eq!(by(other).await, HashSet::new());
    // A buyer's id is no pattern, and no part of one is it.
    let part = OrderFilter { buyer: BuyerId::parse("buyer-*").ok(), ..OrderFilter::default() };
    assert_eq!(by(part).await, HashSet::new());
}

#[tokio::test]
async fn a_hold_that_is_over_is_found_as_expired_before_it_is_swept() {
    let redis = PrivateRedis::start(Durability::Off);
    let mut filling = Filling::begin(&redis.url(), "short", 10, 1).await.unwrap();
    filling.add(1, 1).await.unwrap();
    // The ledger's clock is the one of Redis; its next reply says that the hold is over.
    let begun = filling.ledger.time().await.unwrap();
    while filling.ledger.time().await.unwrap() <= begun.plus(1) {}
    let filter = OrderFilter { state: Some(OrderState::Expired), ..OrderFilter::default() };
    assert_eq!(all(&filling.ledger, &filling.sale, &filter).await.len(), 1);
}

#[tokio::test]
async fn a_record_that_lastseat_does_not_write_is_counted_and_hides_no_other() {
    let redis = PrivateRedis::start(Durability::Off);
    let filling = filled(&redis, 3).await;
    let _ = redis.says(&["HSET", "lastseat:{large}:orders", "0123456789abcdef", "9h:1:1:1:1:x"]);
    let _ = redis.says(&["HSET", "lastseat:{large}:orders", "short", "1h:1:1:1:1:x"]);
    let found = page(&filling.ledger, &filling.sale, &OrderFilter::default(), None, 500).await;
    assert_eq!((found.orders.len(), found.unreadable, found.read, found.of), (3, 2, 5, 5));
}

#[tokio::test]
async fn a_sale_that_is_not_there_has_no_page_and_one_that_may_lack_orders_says_so() {
    let redis = PrivateRedis::start(Durability::Off);
    let filling = filled(&redis, 3).await;
    let (ledger, filter) = (&filling.ledger, OrderFilter::default());
    let nowhere = SaleId::parse("nowhere").unwrap();
    assert_eq!(ledger.find_orders(&nowhere, &filter, None, 10).await.unwrap(), None);
    let _ = redis.says(&["HSET", "lastseat:{large}:sale", "history", "of-another-redis"]);
    let fault = ledger.find_orders(&filling.sale, &filter, None, 10).await.unwrap_err();
    assert!(matches!(fault, Fault::NotSent(_)), "{fault:?}");
}

#[tokio::test]
async fn a_search_does_not_go_on_in_a_redis_that_was_started_again() {
    let mut redis = PrivateRedis::start(Durability::Always);
    let filling = filled(&redis, 2_000).await;
    let (sale, filter) = (filling.sale.clone(), OrderFilter::default());
    let first = page(&filling.ledger, &sale, &filter, None, 10).await;
    redis.stop();
    redis.start_again(&[]);
    let url = LedgerUrl::parse(&redis.url()).unwrap();
    let ledger = Ledger::connect(&url).await.unwrap();
    let next = ledger.find_orders(&sale, &filter, first.next.as_ref(), 10).await.unwrap();
    assert_eq!(next, Some(OrderSearch::Moved));
}
