//! Tests of the view cache.

use super::*;

fn sale(name: &str) -> SaleId {
    SaleId::parse(name).unwrap()
}

fn at(ms: u64) -> UnixMillis {
    UnixMillis(ms)
}

fn view(body: &str) -> CachedView {
    CachedView { body: body.into(), etag: Some("\"1\"".into()) }
}

/// Looks at how a sale stands, without having waited.
fn look(views: &mut ViewCache<SaleId>, name: &str, now: u64) -> CacheLookup {
    views.lookup((&sale(name), VIEW_FRESH_MS, false), 0, at(now))
}

/// An origin that was asked at `asked` answers how a sale stands.
fn keep(views: &mut ViewCache<SaleId>, name: &str, (asked, received): (u64, u64), body: &str) {
    views.keep(&sale(name), at(asked), at(received), view(body));
}

/// How many of `arrivals` at this moment ask an origin.
fn asking(views: &mut ViewCache<SaleId>, name: &str, now: u64, arrivals: u32) -> u32 {
    (0..arrivals).map(|_| u32::from(look(views, name, now) == CacheLookup::Ask)).sum()
}

/// Looks at an address of a sale that exists.
fn look_at(views: &mut ViewCache<String>, path: &str, now: u64) -> CacheLookup {
    views.lookup((&path.to_owned(), VIEW_FRESH_MS, true), 0, at(now))
}

fn keep_at(views: &mut ViewCache<String>, path: &str, now: u64, body: &str) {
    views.keep(&path.to_owned(), at(now), at(now), view(body));
}

fn show(body: &str, age: u64) -> CacheLookup {
    CacheLookup::Show(view(body), age)
}

#[test]
fn an_answer_is_shown_with_its_age_until_it_is_a_second_old() {
    let mut views = ViewCache::of_sales();
    keep(&mut views, "a", (10_000, 10_020), "open");
    assert_eq!(look(&mut views, "a", 10_020), show("open", 0));
    assert_eq!(look(&mut views, "a", 10_999), show("open", 979));
    assert_eq!(look(&mut views, "a", 11_000), CacheLookup::Ask);
}

#[test]
fn of_a_thousand_at_once_one_asks_and_the_others_wait_a_beat() {
    let mut views = ViewCache::of_sales();
    keep(&mut views, "a", (10_000, 10_000), "open");
    assert_eq!(asking(&mut views, "a", 11_000, 1_000), 1);
    assert_eq!(look(&mut views, "a", 11_025), CacheLookup::Wait);
    keep(&mut views, "a", (11_000, 11_000), "paused");
    assert_eq!(look(&mut views, "a", 11_025), show("paused", 25));
}

#[test]
fn of_many_who_look_at_a_new_address_one_asks_and_the_others_are_shown_its_answer() {
    let mut views = ViewCache::of_addresses();
    assert_eq!(look_at(&mut views, "/a", 1_000), CacheLookup::Ask);
    assert_eq!(look_at(&mut views, "/a", 1_000), CacheLookup::Wait);
    let a = "/a".to_owned();
    let patient = views.lookup((&a, VIEW_FRESH_MS, true), COLD_WAITS_MAX, at(1_001));
    assert_eq!(patient, CacheLookup::Busy(300));
    assert_eq!(look_at(&mut views, "/b", 1_000), CacheLookup::Ask, "another address");
    keep_at(&mut views, "/a", 1_000, "one");
    assert_eq!(look_at(&mut views, "/a", 1_999), show("one", 999));
    assert_eq!(look_at(&mut views, "/a", 2_000), CacheLookup::Ask);
    assert_eq!(look_at(&mut views, "/a", 2_001), CacheLookup::Wait);
    let lasting = |views: &mut ViewCache<String>| views.lookup((&a, 10_000, true), 0, at(2_001));
    assert_eq!(lasting(&mut views), show("one", 1_001), "what lasts longer");
    keep_at(&mut views, "/a", 900, "older");
    assert_eq!(lasting(&mut views), show("one", 1_001));
}

#[test]
fn while_no_origin_answers_one_is_asked_once_a_second_and_nothing_old_is_shown() {
    let mut views = ViewCache::of_sales();
    keep(&mut views, "a", (10_000, 10_000), "open");
    let asked: u32 = (11_000..21_000).map(|ms| asking(&mut views, "a", ms, 3)).sum();
    assert_eq!(asked, 10);
    let patient = views.lookup((&sale("a"), VIEW_FRESH_MS, false), COLD_WAITS_MAX, at(20_999));
    assert_eq!(patient, CacheLookup::Busy(300));
}

#[test]
fn a_late_answer_does_not_replace_a_younger_one() {
    let mut views = ViewCache::of_sales();
    keep(&mut views, "a", (10_000, 10_000), "scheduled");
    keep(&mut views, "a", (12_000, 12_000), "open");
    keep(&mut views, "a", (11_000, 11_000), "scheduled");
    assert_eq!(look(&mut views, "a", 12_001), show("open", 1));
}

#[test]
fn a_sale_that_is_listed_is_asked_for_whatever_is_invented_beside_it() {
    let mut views = ViewCache::of_sales();
    let invented = |views: &mut ViewCache<SaleId>| {
        let names = (0..100).map(|n| format!("invented-{n}"));
        names.map(|name| asking(views, &name, 5_000, 1)).sum::<u32>()
    };
    assert_eq!(invented(&mut views), COLD_BUDGET);
    assert_eq!(asking(&mut views, "a", 5_000, 1), 0);
    views.list("b a");
    assert_eq!(asking(&mut views, "a", 5_025, 100), 1);
    assert_eq!(invented(&mut views), 0);
    keep(&mut views, "a", (5_025, 5_030), "open");
    assert_eq!(look(&mut views, "a", 5_050), show("open", 20));
}

#[test]
fn invented_names_share_four_questions_a_round_and_leave_no_trace() {
    let mut views = ViewCache::of_sales();
    let asked: u32 =
        (0..100).map(|n| asking(&mut views, &format!("invented-{n}"), 1_000, 10)).sum();
    assert_eq!(asked, COLD_BUDGET);
    assert_eq!(asking(&mut views, "other", 1_000 + COLD_ROUND_MS, 1), 1, "a new round");
    assert!(views.entries.is_empty());
}

#[test]
fn questions_about_new_addresses_are_bounded_in_a_round() {
    let mut views = ViewCache::of_addresses();
    let mut asked = |exists: bool, now: u64| {
        let paths = (0..1_000).map(|n| format!("/{exists}/{n}"));
        let ask = |path: &String| {
            views.lookup((path, VIEW_FRESH_MS, exists), 0, at(now)) == CacheLookup::Ask
        };
        paths.filter(ask).count() as u32
    };
    assert_eq!(asked(false, 1_000), COLD_BUDGET);
    assert_eq!(asked(true, 1_000), EDGE_VIEW_ASKS);
    assert_eq!(asked(false, 1_000 + COLD_ROUND_MS), COLD_BUDGET);
    assert!(views.entries.keys().all(|path| path.starts_with("/true")));
}

#[test]
fn entries_and_bytes_are_bounded_and_the_oldest_goes_first() {
    let mut views = ViewCache::of_sales();
    for n in 0..EDGE_SALES_MAX as u64 + 2 {
        keep(&mut views, &format!("sale-{n}"), (n, n), "open");
    }
    assert_eq!(views.entries.len(), EDGE_SALES_MAX);
    assert!(!views.entries.contains_key(&sale("sale-1")));
    assert!(views.entries.contains_key(&sale("sale-2")));

    let mut views = ViewCache::of_addresses();
    for n in 0..2 * EDGE_VIEWS_MAX as u64 {
        keep_at(&mut views, &format!("/{n}"), n, "{}");
    }
    assert_eq!(views.entries.len(), EDGE_VIEWS_MAX);
    assert!(!views.entries.contains_key("/0"));
    let large = "x".repeat(EDGE_VIEW_BYTES_MAX / 2);
    for n in 0..5 {
        keep_at(&mut views, &format!("/large/{n}"), 10_000 + n, &large);
        assert!(views.bytes <= EDGE_VIEW_BYTES_MAX);
    }
    keep_at(&mut views, "/too-large", 20_000, &format!("{large}x"));
    assert!(!views.entries.contains_key("/too-large"));
    let counted: usize = views.entries.iter().map(|(path, of)| weight(path, of)).sum();
    assert_eq!(views.bytes, counted);
}
