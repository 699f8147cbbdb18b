//! Generated plans: numbers and names are a bijection, the canonical form reads back, and a plan
//! that grew keeps every seat.

use crate::limits::{PLAN_ROW_SEATS_MAX, SEATS_MAX};
use crate::plan::label::{compress, expand};
use crate::plan::{ClassDocument, PartDocument, Plan, PlanDocument, QuotaDocument, StopDocument};
use core::ops::Range;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::collections::BTreeSet;

/// The seats of a row by letter.
fn letters() -> impl Strategy<Value = String> {
    let cells = vec!['A', '_', 'B', ' ', 'C', 'D', ' ', 'E', '_', 'F'];
    subsequence(cells.clone(), 1..=cells.len())
        .prop_map(|cells| cells.into_iter().collect::<String>())
        .prop_filter("a seat", |row| row.contains(|c: char| c.is_ascii_uppercase()))
}

/// The seats of a row by number: ranges up and down, with steps, aisles and gaps.
fn numbers() -> impl Strategy<Value = String> {
    let stretch = (1..40_u32, 0..12_u32, 1..4_u32, any::<bool>());
    (vec((stretch, 0..3_usize), 1..4), any::<bool>()).prop_map(|(stretches, padded)| {
        let mut row = String::new();
        for (n, ((first, length, step, down), between)) in stretches.into_iter().enumerate() {
            let first = 100 * (n as u32 + 1) + first;
            let last = first + length;
            let (from, to) = if down { (last, first) } else { (first, last) };
            if n > 0 {
                row.push_str([" ", ", ", ",_,"][between]);
            }
            let zero = if padded { "0" } else { "" };
            row.push_str(&format!("{zero}{from}-{zero}{to}/{step}"));
        }
        row
    })
}

/// The contents of one coach or block by the kind of its rows.
fn rows(kind: usize) -> impl Strategy<Value = PartDocument> {
    let pattern = move || if kind == 0 { letters().boxed() } else { numbers().boxed() };
    (1..6_usize, 0..3_usize)
        .prop_flat_map(move |(count, step)| {
            let patterns = if kind == 2 || step == 0 { 1 } else { count };
            (Just((count, step)), vec(pattern(), patterns))
        })
        .prop_map(move |((count, step), patterns)| {
            let rows = match (kind, step) {
                (2, _) => vec![],
                (_, 2) => vec![format!("{}-1/2", 2 * count)],
                _ => vec![format!("01-0{count}")],
            };
            let (letters, seats) = if kind == 0 { (patterns, vec![]) } else { (vec![], patterns) };
            PartDocument { rows, letters, seats, ..PartDocument::default() }
        })
}

/// A class of seats whose coaches or blocks begin with `prefix`.
fn class(prefix: usize) -> impl Strategy<Value = ClassDocument> {
    let entry = (0..3_usize).prop_flat_map(rows);
    let entries = vec((entry, 1..9_usize, any::<bool>(), 0..4_usize), 1..4);
    (entries, any::<bool>()).prop_map(move |(entries, is_train)| {
        let mut next = 1;
        let mut parts = Vec::new();
        for (entry, count, named, missing) in entries {
            let (first, last) = (next, next + count - 1);
            next += count;
            let entry = PartDocument {
                ids: vec![format!("c{prefix}n{first}-c{prefix}n{last}")],
                name: named.then(|| "Part {id}".to_owned()),
                ..entry
            };
            parts.push(missing_in(entry, missing));
        }
        let (coaches, blocks) = if is_train { (parts, vec![]) } else { (vec![], parts) };
        let id = format!("k{prefix}");
        ClassDocument { id, coaches, blocks, ..ClassDocument::default() }
    })
}

/// The entry without so many of its seats, as far as their rows have others.
fn missing_in(entry: PartDocument, count: usize) -> PartDocument {
    let id = "c".to_owned();
    let class = ClassDocument { id, blocks: vec![entry.clone()], ..ClassDocument::default() };
    let alone = PlanDocument { format: 1, stops: vec![], classes: vec![class], quotas: vec![] };
    let plan = alone.compile().expect("valid");
    let class = &plan.classes()[0];
    let seats = class.parts().iter().flat_map(|part| part.rows()).map(|row| row.seats());
    let wide: Vec<Range<u32>> = seats.filter(|row| row.len() > 1).collect();
    let names = wide.iter().step_by(2).take(count);
    let without = names.map(|row| class.name_of(row.start).expect("a seat").to_string());
    PartDocument { without: without.collect(), ..entry }
}

fn documents() -> impl Strategy<Value = PlanDocument> {
    let classes = (1..4_usize).prop_flat_map(|n| (0..n).map(class).collect::<Vec<_>>());
    (classes, 0..6_usize, 0..3_u64).prop_map(|(mut classes, stops, standing)| {
        let stop = |n| StopDocument { id: format!("S{n}"), name: Some(format!("Stop {n}")) };
        let all: Vec<String> = classes.iter().map(|class| class.id.clone()).collect();
        if standing > 0 {
            let id = "standing".to_owned();
            classes.push(ClassDocument { id, standing: Some(standing), ..Default::default() });
        }
        let id = "all".to_owned();
        let quota = QuotaDocument { id, name: None, classes: all, size: 7 };
        let stops = if stops == 1 { 0 } else { stops };
        let stops = (0..stops).map(stop).collect();
        PlanDocument { format: 1, stops, classes, quotas: vec![quota] }
    })
}

fn compiled(document: &PlanDocument) -> Plan {
    document.compile().unwrap_or_else(|errors| panic!("{errors}\n{document:?}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn each_number_has_one_name_and_each_name_leads_back_to_its_number(document in documents()) {
        let plan = compiled(&document);
        let mut seen = BTreeSet::new();
        for (place, class) in plan.classes().iter().enumerate() {
            for number in 0..class.seats() {
                let name = class.name_of(number).unwrap().to_string();
                prop_assert_eq!(class.number(&name), Some(number));
                let seat = plan.seat(&name).unwrap();
                prop_assert_eq!((seat.class, seat.number), (place, number));
                prop_assert!(seen.insert(name), "a name of two seats");
            }
            prop_assert!(class.name_of(class.seats()).is_none());
        }
        prop_assert_eq!(seen.len(), plan.seats() as usize);
    }

    #[test]
    fn parts_rows_and_benches_cut_a_class_into_ranges_without_a_hole(document in documents()) {
        let plan = compiled(&document);
        for class in plan.classes() {
            let parts: Vec<_> = class.parts().iter().map(|part| part.seats()).collect();
            let rows = class.parts().iter().flat_map(|part| part.rows());
            let rows: Vec<_> = rows.map(|row| row.seats()).collect();
            let benches: Vec<_> = class.benches().collect();
            for ranges in [&parts, &rows, &benches] {
                let mut next = 0;
                for range in ranges {
                    prop_assert_eq!(range.start, next);
                    prop_assert!(range.end > range.start);
                    next = range.end;
                }
                prop_assert_eq!(next, class.seats());
            }
            for bench in benches {
                let row = |number| rows.iter().position(|row| row.contains(&number));
                prop_assert_eq!(row(bench.start), row(bench.end - 1), "within a row");
            }
        }
    }

    #[test]
    fn the_canonical_form_of_a_plan_is_a_document_of_the_same_plan(document in documents()) {
        let plan = compiled(&document);
        let canonical = plan.to_json();
        prop_assert_eq!(&Plan::from_json(&canonical).unwrap(), &plan);
        prop_assert_eq!(compiled(&plan.to_document()).to_json(), canonical);
        // What people wrote survives JSON as it is, too.
        let written = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(serde_json::from_str::<PlanDocument>(&written).unwrap(), document);
    }

    #[test]
    fn a_plan_that_grew_at_its_end_keeps_every_seat_under_its_number(
        document in documents(),
        more in class(9),
        coaches in rows(0),
    ) {
        let plan = compiled(&document);
        let mut later = document;
        let class = later.classes.iter_mut().find(|class| class.standing.is_none()).unwrap();
        let list =
            if class.coaches.is_empty() { &mut class.blocks } else { &mut class.coaches };
        list.push(PartDocument { ids: vec!["new1-new2".to_owned()], ..coaches });
        later.classes.push(more);
        let later = compiled(&later);
        prop_assert_eq!(plan.appended_by(&later), Ok(()));
        prop_assert!(later.appended_by(&plan).is_err(), "nothing may go");
        for (place, class) in plan.classes().iter().enumerate() {
            for number in 0..class.seats() {
                prop_assert_eq!(class.name_of(number), later.classes()[place].name_of(number));
            }
        }
    }

    #[test]
    fn a_plan_whose_seats_moved_is_no_appended_one(
        document in documents(),
        place in any::<usize>(),
    ) {
        let plan = compiled(&document);
        let mut later = document;
        let class = later.classes.iter_mut().find(|class| class.standing.is_none()).unwrap();
        let list =
            if class.coaches.is_empty() { &mut class.blocks } else { &mut class.coaches };
        let rows = vec!["1".to_owned()];
        let new = PartDocument { ids: vec!["new".to_owned()], rows, ..PartDocument::default() };
        list.insert(place % list.len(), PartDocument { letters: vec!["A".to_owned()], ..new });
        prop_assert!(plan.appended_by(&compiled(&later)).is_err());
    }

    #[test]
    fn a_list_is_taken_apart_to_the_words_of_which_it_was_made(
        words in vec("[A-C]|[a-c]|0?[0-9]|[0-9]{2}|N0?[0-9]|x_1?", 1..30),
    ) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let list = compress(&words);
        prop_assert_eq!(&expand(&list, 100).unwrap(), &words);
        let again = expand(&list, 100).unwrap();
        prop_assert_eq!(compress(&again.iter().map(String::as_str).collect::<Vec<_>>()), list);
    }

    #[test]
    fn no_text_makes_the_reader_panic_or_break_a_bound(
        ids in "[0-9A-C,\\-/ ]{0,12}",
        rows in "[0-9A-C,\\-/ ]{0,12}",
        seats in "[0-9A-C,_\\-/ ]{0,16}",
        without in "[0-9A-C,\\-]{0,8}",
    ) {
        let entry = PartDocument {
            ids: vec![ids],
            rows: vec![rows],
            seats: vec![seats],
            without: vec![without],
            ..PartDocument::default()
        };
        let class = ClassDocument { id: "c".to_owned(), blocks: vec![entry], ..Default::default() };
        let classes = vec![class];
        let document = PlanDocument { format: 1, stops: vec![], classes, quotas: vec![] };
        match document.compile() {
            Ok(plan) => {
                prop_assert!((1..=SEATS_MAX).contains(&(plan.seats() as usize)));
                let rows = plan.classes()[0].parts().iter().flat_map(|part| part.rows());
                for row in rows {
                    prop_assert!(row.seats().len() <= PLAN_ROW_SEATS_MAX);
                }
            }
            Err(errors) => prop_assert!(!errors.errors().is_empty()),
        }
    }
}
