//! Tests of what is gone: against plain sets, and through the header.

use super::*;
use crate::limits::GONE_HEADER_MAX;
use proptest::prelude::*;
use std::collections::HashMap;

const NOW: UnixMillis = UnixMillis(10_000);

fn train(stops: usize, id: impl Fn(usize) -> String) -> Plan {
    let stops: Vec<String> = (1..=stops).map(|n| format!("{:?}", id(n))).collect();
    let stops = stops.join(",");
    let classes = r#"[{"id":"first","coaches":[{"ids":"1","rows":"1-2","letters":"AB"}]},
        {"id":"second","coaches":[{"ids":"2","rows":"1-2","letters":"ABC"}]}]"#;
    Plan::from_json(&format!(r#"{{"stops":[{stops}],"classes":{classes}}}"#)).unwrap()
}

fn five() -> GoneJourneys {
    GoneJourneys::of(&train(5, |n| format!("S{n}")))
}

fn journey(from: usize, to: usize) -> Journey {
    Journey::new(from, to).unwrap()
}

/// The line that is gone, by its place, and how.
fn wants(gone: &GoneJourneys, text: &str, now: UnixMillis) -> Option<(usize, GoneBy)> {
    let wanted = WantedJourneys::parse(text).unwrap();
    let refused = gone.refuses(&wanted, now)?;
    let (class, journey) = gone.names.find(&wanted.lines()[refused.line]).unwrap();
    let (by, free) = gone.by(class, journey, wanted.lines()[refused.line].quantity, now).unwrap();
    assert_eq!(GoneLine::of(refused.line, by, free), refused);
    Some((refused.line, by))
}

/// An edge that was sent the header of `node` and nothing else.
fn edge_of(node: &GoneJourneys) -> GoneJourneys {
    let mut edge = GoneJourneys::default();
    edge.take_in(&node.to_header(NOW).unwrap(), NOW);
    edge
}

#[test]
fn a_journey_that_is_gone_takes_all_that_contain_it_and_all_larger_quantities_with_it() {
    let mut node = five();
    node.note(7, (1, journey(1, 3), 2), GoneBy::SoldOut, NOW);
    for gone in [node.clone(), edge_of(&node)] {
        for text in ["second.2-4.2", "second.S2-S4.2", "second.1-S5.2", "second.2-4.9"] {
            assert_eq!(wants(&gone, text, NOW), Some((0, GoneBy::SoldOut)), "{text}");
        }
        for text in [
            "second.2-4.1",
            "second.2-3.2",
            "second.3-5.2",
            "first.2-4.2",
            "second.2-9.2",
            "second.4-2.2",
            "second.2",
            "other.2-4.2",
            "second.S2-S9.2",
        ] {
            assert_eq!(wants(&gone, text, NOW), None, "{text}");
        }
        assert_eq!(wants(&gone, "first.1-2.1,second.1-5.3", NOW), Some((1, GoneBy::SoldOut)));
    }
}

#[test]
fn a_newer_version_forgets_all_and_an_older_one_says_nothing() {
    let mut gone = five();
    gone.note(7, (1, journey(1, 3), 1), GoneBy::SoldOut, NOW);
    let header = gone.to_header(NOW).unwrap();
    gone.note(6, (0, journey(0, 1), 1), GoneBy::SoldOut, NOW);
    assert!(!gone.at_version(6));
    assert_eq!(wants(&gone, "first.1-2.1", NOW), None);
    assert_eq!(wants(&gone, "second.2-4.1", NOW), Some((0, GoneBy::SoldOut)));
    let mut edge = edge_of(&gone);
    for known in [&mut gone, &mut edge] {
        assert!(known.at_version(8));
        assert_eq!((known.version(), known.is_empty()), (8, true));
        assert_eq!(wants(known, "second.2-4.1", NOW), None);
        known.take_in(&header, NOW);
        assert!(known.is_empty(), "an older header");
    }
    assert_eq!(gone.to_header(NOW), None);
}

#[test]
fn held_seats_are_gone_for_a_second_and_sold_out_is_the_stronger_word() {
    let mut gone = five();
    gone.note(7, (0, journey(1, 2), 1), GoneBy::AllHeld, NOW);
    let soon = NOW.plus(GONE_HELD_MS - 1);
    assert_eq!(wants(&gone, "first.1-4.1", soon), Some((0, GoneBy::AllHeld)));
    assert_eq!(wants(&gone, "first.1-4.1", NOW.plus(GONE_HELD_MS)), None);
    assert_eq!(gone.to_header(NOW.plus(GONE_HELD_MS)), None);
    assert_eq!(edge_of(&gone).by(0, journey(1, 2), 1, NOW), Some((GoneBy::AllHeld, 0)));
    gone.note(7, (0, journey(1, 2), 1), GoneBy::SoldOut, NOW);
    gone.note(7, (0, journey(1, 2), 1), GoneBy::AllHeld, NOW);
    for gone in [edge_of(&gone), gone] {
        assert_eq!(wants(&gone, "first.1-4.1", NOW), Some((0, GoneBy::SoldOut)));
        let later = NOW.plus(3 * GONE_HELD_MS);
        assert_eq!(wants(&gone, "first.1-4.1", later), Some((0, GoneBy::SoldOut)));
    }
    // A line that is sold out for good says more than one that is held.
    let mut gone = five();
    gone.note(7, (0, journey(0, 1), 1), GoneBy::AllHeld, NOW);
    gone.note(7, (1, journey(0, 1), 1), GoneBy::SoldOut, NOW);
    assert_eq!(wants(&gone, "first.1-2.1,second.1-2.1", NOW), Some((1, GoneBy::SoldOut)));
    // What is held anew counts anew, without what was held before.
    let later = NOW.plus(GONE_HELD_MS);
    gone.note(7, (0, journey(2, 3), 1), GoneBy::AllHeld, later);
    assert_eq!(wants(&gone, "first.3-4.1", later), Some((0, GoneBy::AllHeld)));
    assert_eq!(wants(&gone, "first.1-2.1", later), None);
}

#[test]
fn a_header_stays_as_it_is_until_something_new_is_noted_or_what_is_held_may_be_back() {
    let mut gone = five();
    assert_eq!(gone.header_until(NOW), UnixMillis::LAST);
    assert!(gone.note(7, (0, journey(1, 2), 1), GoneBy::SoldOut, NOW));
    assert_eq!(gone.header_until(NOW), UnixMillis::LAST);
    assert!(gone.note(7, (1, journey(1, 2), 1), GoneBy::AllHeld, NOW));
    let header = gone.to_header(NOW);
    for known in [(0, journey(1, 3), 2), (1, journey(0, 2), 1)] {
        assert!(!gone.note(7, known, GoneBy::AllHeld, NOW), "{known:?}");
    }
    assert!(!gone.note(6, (0, journey(0, 1), 1), GoneBy::SoldOut, NOW), "an older version");
    let until = gone.header_until(NOW);
    assert_eq!(until, NOW.plus(GONE_HELD_MS));
    assert_eq!(gone.to_header(UnixMillis(until.0 - 1)), header);
    assert_ne!(gone.to_header(until), header);
    assert_eq!(gone.header_until(until), UnixMillis::LAST);
}

#[test]
fn a_refusal_says_how_many_are_free_and_smaller_orders_are_not_refused() {
    let plan = train(5, |n| format!("S{n}"));
    let book = plan.seat_book().unwrap();
    let line = |quantity| {
        let layout = book.layout(1).unwrap();
        SeatLine::new(1, layout, journey(1, 3), quantity, crate::seats::Together::Any).unwrap()
    };
    let mut node = GoneJourneys::of(&plan);
    node.refused(7, &line(4), (&SeatRefusal::SoldOut { free: 2 }, true), NOW);
    node.refused(7, &line(1), (&SeatRefusal::NotTogether, false), NOW);
    let two = GoneLine { line: 0, refusal: Refusal::NotEnough, free: 2 };
    let asked =
        |gone: &GoneJourneys, text: &str| gone.refuses(&WantedJourneys::parse(text).unwrap(), NOW);
    for gone in [&node, &edge_of(&node)] {
        assert_eq!(asked(gone, "second.2-4.3"), Some(two));
        assert_eq!(asked(gone, "second.2-4.2"), None);
    }
    let lines = |quantity| OrderLines::new(vec![line(quantity)]).unwrap();
    assert_eq!(node.refuses_lines(&lines(3), NOW), Some(two));
    assert_eq!(node.refuses_lines(&lines(2), NOW), None);
    node.refused(7, &line(3), (&SeatRefusal::SoldOut { free: 0 }, true), NOW);
    let held = GoneLine { line: 0, refusal: Refusal::AllHeld, free: 0 };
    assert_eq!(asked(&node, "second.2-4.3"), Some(held));
    node.refused(7, &line(1), (&SeatRefusal::SoldOut { free: 0 }, false), NOW);
    let sold = GoneLine { line: 0, refusal: Refusal::SoldOut, free: 0 };
    assert_eq!(asked(&node, "second.2-4.1"), Some(sold));
}

#[test]
fn the_header_is_what_another_implementation_would_read() {
    let mut gone = five();
    gone.note(42, (1, journey(0, 4), 1), GoneBy::SoldOut, NOW);
    gone.note(42, (0, journey(0, 1), 3), GoneBy::AllHeld, NOW);
    let expected = format!(
        "1 42 S1,S2,S3,S4,S5 second.1s{} first.3h{}",
        {
            let mut r = Reach::everywhere(4);
            r.lose(journey(0, 4));
            r.to_text()
        },
        {
            let mut r = Reach::everywhere(4);
            r.lose(journey(0, 1));
            r.to_text()
        },
    );
    assert_eq!(gone.to_header(NOW), Some(expected));
}

#[test]
fn a_hall_has_one_journey_and_no_stops() {
    let hall = Plan::from_json(r#"{"classes":[{"id":"stalls","standing":9}]}"#).unwrap();
    let mut node = GoneJourneys::of(&hall);
    node.note(3, (0, Journey::HALL, 4), GoneBy::SoldOut, NOW);
    for gone in [edge_of(&node), node] {
        assert_eq!(wants(&gone, "stalls.5", NOW), Some((0, GoneBy::SoldOut)));
        assert_eq!(wants(&gone, "stalls.3", NOW), None);
        assert_eq!(wants(&gone, "stalls.1-2.5", NOW), None);
    }
}

#[test]
fn edges_have_stops_of_long_ids_by_their_numbers_only() {
    let mut node = GoneJourneys::of(&train(64, |n| format!("S{n:0>30}")));
    node.note(3, (0, journey(10, 20), 1), GoneBy::SoldOut, NOW);
    let edge = edge_of(&node);
    assert_eq!(wants(&edge, "first.11-21.1", NOW), Some((0, GoneBy::SoldOut)));
    assert_eq!(wants(&edge, &format!("first.S{:0>30}-21.1", 11), NOW), None);
}

#[test]
fn the_longest_header_keeps_to_its_bound_and_names_small_quantities_first() {
    let classes: Vec<_> =
        (0..64).map(|n| format!(r#"{{"id":"C{n:0>31}","standing":9}}"#)).collect();
    let stops: Vec<_> = (1..=64).map(|n| format!("\"S{n:0>3}\"")).collect();
    let plan = format!(r#"{{"stops":[{}],"classes":[{}]}}"#, stops.join(","), classes.join(","));
    let mut node = GoneJourneys::of(&Plan::from_json(&plan).unwrap());
    for quantity in [5, 3, 1] {
        for class in 0..64 {
            node.note(u64::MAX, (class, journey(0, 63), quantity), GoneBy::SoldOut, NOW);
        }
    }
    assert_eq!(node.rows.len(), GONE_ROWS_MAX);
    assert!(node.rows.iter().all(|row| row.quantity == 1), "the others made room");
    let header = node.to_header(NOW).unwrap();
    assert!(header.len() <= GONE_HEADER_MAX, "{}", header.len());
    assert!(header.matches(".1s").count() >= 4, "{header}");
    assert_eq!(edge_of(&node).version(), u64::MAX);
}

#[test]
fn what_no_node_writes_says_nothing() {
    let mut node = five();
    node.note(7, (1, journey(1, 3), 2), GoneBy::SoldOut, NOW);
    let header = node.to_header(NOW).unwrap();
    let mut edge = GoneJourneys::default();
    for wrong in [
        "",
        "1",
        "1 7",
        "1 7 -",
        &header.replacen('1', "2", 1),
        &header.replace("S1,", ""),
        &header.replace(",S5", ",S 5"),
        &header.replace("second.2s", "second.0s"),
        &header.replace("second.2s", "second.1001s"),
        &header.replace("second.2s", "second.2x"),
        &header.replace("second.2s", "se-cond.2s"),
        &header.replace("S1,S2,S3,S4,S5", "-"),
        &format!("{header} "),
        &format!("{header} {}", "x".repeat(GONE_HEADER_MAX)),
    ] {
        edge.take_in(wrong, NOW);
        assert_eq!(edge, GoneJourneys::default(), "{wrong}");
    }
}

#[test]
fn an_edge_puts_together_what_two_nodes_say() {
    let (mut one, mut two) = (five(), five());
    one.note(7, (1, journey(1, 3), 1), GoneBy::SoldOut, NOW);
    two.note(7, (1, journey(3, 4), 1), GoneBy::SoldOut, NOW);
    two.note(7, (0, journey(0, 1), 1), GoneBy::SoldOut, NOW);
    let mut edge = edge_of(&one);
    edge.take_in(&two.to_header(NOW).unwrap(), NOW);
    for text in ["second.1-4.1", "second.4-5.1", "first.1-2.1"] {
        assert!(wants(&edge, text, NOW).is_some(), "{text}");
    }
    assert_eq!(wants(&edge, "second.3-4.1", NOW), None);
}

#[test]
fn classes_that_come_and_go_with_versions_do_not_grow_an_edge() {
    let mut edge = GoneJourneys::default();
    for version in 1..1_000 {
        let reach = {
            let mut r = Reach::everywhere(1);
            r.lose(Journey::HALL);
            r.to_text()
        };
        edge.take_in(&format!("1 {version} - c{version}.1s{reach}"), NOW);
        assert_eq!(wants(&edge, &format!("c{version}.1"), NOW), Some((0, GoneBy::SoldOut)));
    }
    assert!(edge.names.classes.len() <= crate::limits::SEAT_CLASSES_MAX);
}

/// What was refused, as plain sets: whether something as large or smaller within it was.
fn refused(
    notes: &HashMap<(usize, usize, usize, u32), GoneBy>,
    (class, from, to, quantity): (usize, usize, usize, u32),
) -> Option<GoneBy> {
    let within = |(of, f, t, q): &&(usize, usize, usize, u32)| {
        *of == class && from <= *f && *t <= to && *q <= quantity
    };
    notes.keys().filter(within).map(|note| notes[note]).min()
}

proptest! {
    #[test]
    fn gone_is_what_contains_something_that_was_refused_and_nothing_else(
        notes in proptest::collection::vec(
            (0usize..2, 0usize..4, 1usize..5, 1u32..5, any::<bool>()),
            0..12,
        ),
    ) {
        let (mut node, mut sets) = (five(), HashMap::new());
        for (class, from, length, quantity, held) in notes {
            let to = (from + length).min(4);
            let by = if held { GoneBy::AllHeld } else { GoneBy::SoldOut };
            node.note(1, (class, journey(from, to), quantity), by, NOW);
            let known = sets.entry((class, from, to, quantity)).or_insert(by);
            *known = by.min(*known);
        }
        let edge = (!sets.is_empty()).then(|| edge_of(&node));
        for class in 0..2 {
            for (from, to) in (0..4).flat_map(|from| (from + 1..5).map(move |to| (from, to))) {
                for quantity in 1..6 {
                    let expected = refused(&sets, (class, from, to, quantity));
                    let by = node.by(class, journey(from, to), quantity, NOW).map(|(by, _)| by);
                    prop_assert_eq!(by, expected);
                    if let Some(edge) = &edge {
                        let class = ["first", "second"][class];
                        let text = format!("{class}.{}-S{}.{quantity}", from + 1, to + 1);
                        prop_assert_eq!(wants(edge, &text, NOW), expected.map(|by| (0, by)));
                    }
                }
            }
        }
    }

    #[test]
    fn no_header_brings_an_edge_down_or_makes_it_cache_more_than_it_says(
        text in ".{0,80}",
        (stops, legs) in prop_oneof![
            Just(("-", 1)),
            Just(("A,B,C", 2)),
            (1usize..6).prop_map(|legs| ("~", legs)),
        ],
        rows in proptest::collection::vec(
            ("[ab]", 1u32..9, any::<bool>(), 0usize..6, 1usize..6),
            0..5,
        ),
        damage in proptest::option::of((0usize..60, "[ -~]")),
    ) {
        let row = |(class, quantity, held, from, length): &(String, u32, bool, usize, usize)| {
            let mut reach = Reach::everywhere(legs);
            let from = from % legs;
            reach.lose(journey(from, (from + length).min(legs)));
            let letter = if *held { 'h' } else { 's' };
            format!(" {class}.{quantity}{letter}{}", reach.to_text())
        };
        let whole = format!("1 7 {stops}{}", rows.iter().map(row).collect::<String>());
        let mut near = whole.clone();
        if let Some((at, other)) = damage.filter(|(at, _)| at < &whole.len()) {
            near.replace_range(at..=at, &other);
        }
        for header in [&text, &near, &whole] {
            let mut edge = GoneJourneys::default();
            edge.take_in(header, NOW);
            prop_assert!(edge.rows.len() <= GONE_ROWS_MAX);
            let legs = edge.names.legs;
            let journeys = (0..legs).flat_map(|from| (from + 1..=legs).map(move |to| (from, to)));
            for (class, (from, to)) in
                ["a", "b"].into_iter().flat_map(|class| journeys.clone().map(move |of| (class, of)))
            {
                for quantity in 1..10 {
                    let wanted = format!("{class}.{}-{}.{quantity}", from + 1, to + 1);
                    let hall = edge.names.stops == GoneStops::Hall;
                    let wanted = if hall { format!("{class}.{quantity}") } else { wanted };
                    let by = wants(&edge, &wanted, NOW).map(|(_, by)| by);
                    let says = said(header, class, journey(from, to), quantity);
                    prop_assert_eq!(by, says, "{} of {}", wanted, header);
                }
            }
        }
        let mut edge = GoneJourneys::default();
        edge.take_in(&whole, NOW);
        prop_assert_eq!(edge.is_empty(), rows.is_empty(), "{}", whole);
    }
}

/// What a header says of a class, a journey and a quantity, read row by row without the code that
/// is tested.
fn said(header: &str, class: &str, journey: Journey, quantity: u32) -> Option<GoneBy> {
    let rows = header.split(' ').skip(3).filter_map(|row| {
        let (of, rest) = row.split_once('.')?;
        let letter = rest.find(['s', 'h'])?;
        let by = if rest[letter..].starts_with('s') { GoneBy::SoldOut } else { GoneBy::AllHeld };
        let (few, reach) = (rest[..letter].parse().ok()?, Reach::parse(&rest[letter + 1..])?);
        (of == class && quantity >= few && !reach.has(journey)).then_some(by)
    });
    rows.min()
}
