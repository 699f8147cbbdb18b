//! A journal that was cut, torn or damaged: what is read of it was written, and all that is whole
//! is read.

use super::codec::{read, write};
use shared::{Order, OrderId, SaleId, SaleState, Snapshot, Terms, UnixMillis};
use std::collections::HashSet;

/// An order as it is read: its sale, the position of the log, its id and its record.
type Entry = (String, u64, String, String);

/// Where an order stands in a journal.
#[derive(Clone)]
struct Place {
    entry: Entry,
    /// Where the head of its answer begins, and where its line ends.
    head: usize,
    end: usize,
}

fn snapshot(commit_seq: u64) -> Snapshot {
    Snapshot {
        capacity: 900,
        held: 1,
        confirmed: 2,
        version: 4,
        commit_seq,
        state: SaleState::Open,
        terms: Terms::default(),
        at: UnixMillis(1_700_000_000_000),
    }
}

fn orders(first: u64, count: u64) -> Vec<(OrderId, Order)> {
    (first..first + count)
        .map(|n| {
            let id = OrderId::parse(&format!("order-{n:016}")).unwrap();
            let state = if n % 3 == 0 { 'c' } else { 'h' };
            let record = format!("1{state}:2:2:1700000000000:1700000600000:buyer-{n}");
            let order = Order::unpack(&id, &record).unwrap();
            (id, order)
        })
        .collect()
}

/// The lines of the version before: the same words without checksums, with other first letters.
fn as_before(lines: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(lines).unwrap();
    let old = text.lines().map(|line| {
        let (said, _) = line.rsplit_once(' ').unwrap();
        let (letter, rest) = said.split_at(1);
        format!("{}{rest}\n", letter.to_lowercase())
    });
    old.collect::<String>().into_bytes()
}

/// A journal of answers on `sales` in turn, as this version or the one `before` writes it.
fn journal(sales: &[&str], first: u64, before: bool) -> (Vec<u8>, Vec<Place>) {
    let (mut text, mut places) = (Vec::new(), Vec::new());
    for (n, sale) in (0..).zip(sales) {
        let sale = SaleId::parse(sale).unwrap();
        let (seq, orders) = (first + n, orders(100 * (first + n), 1 + n % 3));
        let head = text.len();
        let mut lines = Vec::new();
        let each = orders.iter().map(|(id, order)| (id, order));
        write(&mut lines, &sale, &snapshot(seq), each);
        if before {
            lines = as_before(&lines);
        }
        let ends = lines.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let ends: Vec<usize> = ends.map(|(at, _)| head + at + 1).collect();
        text.extend_from_slice(&lines);
        for ((id, order), end) in orders.iter().zip(&ends[1..]) {
            places.push(Place { entry: entry(&sale, &snapshot(seq), id, order), head, end: *end });
        }
    }
    (text, places)
}

fn entry(sale: &SaleId, snapshot: &Snapshot, id: &OrderId, order: &Order) -> Entry {
    let (id, record) = (id.to_string(), order.record().to_string());
    (sale.to_string(), snapshot.commit_seq, id, record)
}

fn entries(text: &[u8]) -> Vec<Entry> {
    let mut found = Vec::new();
    read(text, |sale, said, id, order| {
        assert_eq!(said, &snapshot(said.commit_seq), "a head as it was written");
        found.push(entry(sale, said, &id, &order));
    });
    found
}

fn those<'a>(places: impl Iterator<Item = &'a Place>) -> Vec<Entry> {
    places.map(|place| place.entry.clone()).collect()
}

const SALES: [&str; 6] = ["spring", "s", "autumn", "o", "winter-2026", "spring"];

#[test]
fn a_journal_that_is_cut_at_any_byte_has_all_that_is_whole_before_it_and_nothing_else() {
    for before in [false, true] {
        let (text, places) = journal(&SALES, 1, before);
        for cut in 0..=text.len() {
            let whole = those(places.iter().filter(|place| place.end <= cut));
            assert_eq!(entries(&text[..cut]), whole, "cut at {cut}");
        }
    }
}

#[test]
fn a_journal_whose_beginning_is_missing_up_to_any_byte_has_the_answers_that_are_whole() {
    for before in [false, true] {
        let (text, places) = journal(&SALES, 1, before);
        for cut in 0..=text.len() {
            let whole = those(places.iter().filter(|place| place.head >= cut));
            assert_eq!(entries(&text[cut..]), whole, "from {cut}");
        }
    }
}

/// As a full disk left it: the half line of a write that failed, and what was written when there
/// was room again behind it.
#[test]
fn nothing_behind_a_torn_line_is_read_into_the_sale_before_it() {
    for before in [false, true] {
        let (text, places) = journal(&SALES, 1, before);
        let (next, behind) = journal(&["summer", "spring", "summer"], 50, before);
        for cut in 0..=text.len() {
            let torn = [&text[..cut], &next].concat();
            let mut wanted = those(places.iter().filter(|place| place.end <= cut));
            let whole = cut == 0 || text[cut - 1] == b'\n';
            // The head of the first answer is a part of the half line.
            let first = if whole { 0 } else { 1 };
            wanted.extend(those(behind.iter().filter(|place| place.head >= first)));
            assert_eq!(entries(&torn), wanted, "torn at {cut}");
        }
    }
}

#[test]
fn an_order_is_never_read_under_the_head_of_another_answer() {
    let (text, places) = journal(&SALES, 1, false);
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let heads: Vec<&&[u8]> = lines.iter().filter(|line| line[0] == b'S').collect();
    for (n, place) in places.iter().enumerate() {
        let order = lines.iter().filter(|line| line[0] == b'O').nth(n).unwrap();
        for head in &heads {
            let own = text[place.head..].starts_with(head);
            let wanted = if own { vec![place.entry.clone()] } else { vec![] };
            assert_eq!(entries(&[**head, *order].concat()), wanted);
        }
    }
}

#[test]
fn lines_of_the_version_before_do_not_go_under_heads_of_this_one_nor_the_other_way_round() {
    let (new, _) = journal(&["spring"], 1, false);
    let old = as_before(&new);
    let split = |text: &[u8]| text.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for (a, b) in [(&new, &old), (&old, &new)] {
        let mixed = [&a[..split(a)], &b[split(b)..]].concat();
        assert_eq!(entries(&mixed), []);
    }
}

#[test]
fn whatever_is_damaged_no_order_is_read_that_was_not_written_so() {
    let (text, places) = journal(&SALES, 1, false);
    let written: HashSet<Entry> = those(places.iter()).into_iter().collect();
    let mut random = fastrand::Rng::with_seed(5);
    let mut lost = 0;
    for _ in 0..10_000 {
        let mut damaged = text.clone();
        for _ in 0..random.usize(1..=4) {
            damage(&mut damaged, &mut random);
        }
        let found = entries(&damaged);
        for entry in &found {
            assert!(written.contains(entry), "{entry:?} was never written");
        }
        lost += usize::from(found.len() < places.len());
    }
    assert!(lost > 5_000, "the damage is damage: {lost}");
}

fn damage(text: &mut Vec<u8>, random: &mut fastrand::Rng) {
    if text.is_empty() {
        return;
    }
    let at = random.usize(..text.len());
    let to = random.usize(at..=text.len().min(at + 200));
    match random.u8(..6) {
        0 => text[at] ^= 1 << random.u8(..8),
        1 => text[at] = random.u8(..),
        2 => drop(text.drain(at..to)),
        3 => text[at..to].fill(0),
        4 => {
            let part = text[at..to].to_vec();
            let place = random.usize(..=text.len());
            text.splice(place..place, part);
        }
        _ => {
            let other = random.usize(..text.len());
            text.swap(at, other);
        }
    }
}
