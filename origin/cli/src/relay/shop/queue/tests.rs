//! Which sale is next, when one that was not taken comes again, and what an endpoint that is down
//! costs.

use super::*;
use crate::relay::delivery::BuyerNaming;
use crate::relay::filter::EventFilter;
use crate::relay::webhook::Webhook;
use lastseat_node::secret::SecretRing;

const AT: UnixMillis = UnixMillis(1_763_862_000_000);

fn sale(number: usize) -> SaleId {
    SaleId::parse(&format!("sale-{number:02}")).unwrap()
}

/// An endpoint with so many sales, each with an entry that is not delivered.
fn queue(sales: usize, now: Instant) -> Queue {
    let secrets = SecretRing::parse("0123456789abcdef0123456789abcdef").unwrap();
    let endpoint = Endpoint {
        name: "shop".to_owned(),
        webhook: Webhook::new("url", "http://127.0.0.1:9/", secrets).unwrap(),
        filter: EventFilter::all(),
        naming: BuyerNaming::Plain,
        from_now: false,
        name_before: "url-1".to_owned(),
    };
    let mut queue = Queue::new(Arc::new(endpoint), None, now);
    for sale in (0..sales).map(sale) {
        queue.watch(&sale, now);
        queue.note_position(&sale, None, None);
        queue.note_end(&sale, 1, now, AT);
    }
    queue
}

/// The end of a turn in which so many entries were delivered.
fn end(sale: &SaleId, why: EndOfTurn, entries: u64) -> TurnEnd {
    TurnEnd {
        place: 0,
        sale: sale.clone(),
        why,
        position: Some(entries),
        end: Some(1),
        from: None,
        entries,
        events: entries,
        answer: (entries > 0).then(|| "204".to_owned()),
        waits_since: None,
    }
}

fn refused(retry_after: Option<u64>, overloaded: bool) -> EndOfTurn {
    let retry_after = retry_after.map(Duration::from_secs);
    EndOfTurn::NotTaken(NotTaken { why: "the answer was 500".into(), retry_after, overloaded })
}

fn turns(queue: &mut Queue, now: Instant) -> Vec<SaleId> {
    std::iter::from_fn(|| queue.next(now)).map(|turn| turn.sale).collect()
}

#[test]
fn a_sale_that_fails_waits_longer_each_time_and_the_others_do_not_wait() {
    let begun = Instant::now();
    let mut queue = queue(12, begun);
    assert_eq!(turns(&mut queue, begun), (0..8).map(sale).collect::<Vec<_>>());
    queue.finish(&end(&sale(0), refused(None, false), 0), begun, AT, 0.0);
    for number in 1..8 {
        queue.finish(&end(&sale(number), EndOfTurn::Done, 1), begun, AT, 0.0);
    }
    assert_eq!(turns(&mut queue, begun), (8..12).map(sale).collect::<Vec<_>>());
    let mut now = begun;
    for pause in [100, 200, 400] {
        now += Duration::from_millis(pause - 1);
        assert!(turns(&mut queue, now).is_empty());
        now += Duration::from_millis(1);
        assert_eq!(turns(&mut queue, now), [sale(0)]);
        queue.finish(&end(&sale(0), refused(None, false), 0), now, AT, 0.0);
    }
    assert_eq!(queue.stream(&sale(0)).unwrap().failed, 4);
    // By hand it is tried at once.
    assert!(queue.retry(Some(&sale(0)), None, now));
    assert_eq!(turns(&mut queue, now), [sale(0)]);
    assert!(!queue.retry(Some(&sale(12)), None, now), "there is no such sale");
}

#[test]
fn an_endpoint_that_is_down_is_asked_by_one_sale_at_a_time_until_it_takes_something() {
    let mut now = Instant::now();
    let mut queue = queue(20, now);
    for sale in turns(&mut queue, now) {
        queue.finish(&end(&sale, refused(None, false), 0), now, AT, 0.0);
    }
    assert!(queue.is_down());
    assert!(turns(&mut queue, now).is_empty(), "it rests");
    now += Duration::from_millis(100);
    let one = turns(&mut queue, now);
    assert_eq!(one.len(), 1);
    queue.finish(&end(&one[0], EndOfTurn::Done, 1), now, AT, 0.0);
    assert!(!queue.is_down());
    assert_eq!(turns(&mut queue, now).len(), 8);
}

#[test]
fn an_overloaded_endpoint_rests_as_long_as_it_says_and_a_sale_alone_where_it_does_not() {
    let now = Instant::now();
    for (overloaded, others) in [(true, 0), (false, 2)] {
        let mut queue = queue(3, now);
        let first = queue.next(now).unwrap();
        queue.finish(&end(&first.sale, refused(Some(60), overloaded), 0), now, AT, 0.0);
        assert_eq!(turns(&mut queue, now).len(), others);
        let later = now + Duration::from_secs(60);
        assert_eq!(turns(&mut queue, later).len(), 3 - others);
    }
}

#[test]
fn what_was_asked_for_during_a_turn_is_done_in_the_next_one() {
    let now = Instant::now();
    let mut queue = queue(1, now);
    assert_eq!(queue.next(now).unwrap().from, None);
    assert!(queue.retry(Some(&sale(0)), Some(1), now));
    queue.finish(&end(&sale(0), EndOfTurn::Done, 1), now, AT, 0.0);
    let next = queue.next(now).unwrap();
    assert_eq!(next.from, Some(1));
    let done = TurnEnd { from: next.from, ..end(&sale(0), EndOfTurn::Done, 1) };
    queue.finish(&done, now, AT, 0.0);
    assert!(queue.is_done(&sale(0)) && turns(&mut queue, now).is_empty());
}
