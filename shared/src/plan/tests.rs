//! Tests of plans: what each kind of document means, that numbers are a bijection, and that later
//! plans keep them. The errors are in `errors`.

mod errors;
mod generated;
mod sold;

use super::*;

/// A plan that is valid.
#[track_caller]
fn valid(json: &str) -> Plan {
    Plan::from_json(json).unwrap_or_else(|errors| panic!("{errors}\n{json}"))
}

/// The names of all seats of the class at `place`, in order.
fn names(plan: &Plan, place: usize) -> Vec<String> {
    let class = &plan.classes()[place];
    (0..class.seats()).map(|n| class.name_of(n).unwrap().to_string()).collect()
}

/// First and last seat of each bench of the first class.
fn benches(plan: &Plan) -> Vec<(u32, u32)> {
    plan.classes()[0].benches().map(|bench| (bench.start, bench.end - 1)).collect()
}

const TRAIN: &str = r#"{
    "stops": ["A", {"id": "B", "name": "Beta"}, "C", "D"],
    "classes": [
        {"id": "first", "coaches": [{"ids": 1, "rows": "1-2", "letters": "A C"}]},
        {"id": "second", "name": "Second class", "coaches": [
            {"ids": 1, "rows": "3", "letters": "AB C"},
            {"ids": "2-3", "rows": "1-2", "letters": "AB C", "without": "2B, 3-1A"}
        ]},
        {"id": "stand", "standing": 5}
    ],
    "quotas": [{"id": "all", "classes": ["stand", "second"], "size": 15}]
}"#;

#[test]
fn seats_of_a_train_are_numbered_by_coach_row_and_letter() {
    let plan = valid(TRAIN);
    assert_eq!((plan.legs(), plan.seats(), plan.standing()), (3, 4 + 3 + 5 + 4, 5));
    assert_eq!(names(&plan, 0), ["1-1A", "1-1C", "1-2A", "1-2C"]);
    let second = ["1-3A", "1-3B", "1-3C", "2-1A", "2-1B", "2-1C", "2-2A", "2-2C"];
    assert_eq!(names(&plan, 1)[..8], second);
    assert_eq!(names(&plan, 1)[8..], ["3-1B", "3-1C", "3-2A", "3-2C"]);
    let class = &plan.classes()[1];
    let parts: Vec<_> = class.parts().iter().map(|part| (part.id.as_str(), part.seats())).collect();
    assert_eq!(parts, [("1", 0..3), ("2", 3..8), ("3", 8..12)]);
    assert_eq!((class.part_ids().as_str(), plan.classes()[2].part_ids().as_str()), ("1-3", ""));
    let rows: Vec<_> = class.parts()[1].rows().iter().map(PlanRow::seats).collect();
    assert_eq!(rows, [3..6, 6..8]);
    assert_eq!(class.name_of(5).unwrap().words(), "coach 2, 1C");
    assert_eq!(plan.seat("3-2C"), Some(PlanSeat { class: 1, number: 11 }));
    assert_eq!(plan.quotas()[0].classes, [1, 2], "in the order of the classes");
}

#[test]
fn seats_are_side_by_side_up_to_an_aisle_and_up_to_a_missing_seat() {
    let of = |seats: &str| {
        let rows = format!(r#"{{"ids": "P", "rows": "1", "seats": "{seats}"}}"#);
        valid(&format!(r#"{{"classes": [{{"id": "c", "blocks": [{rows}]}}]}}"#))
    };
    assert_eq!(benches(&of("1-6")), [(0, 5)]);
    assert_eq!(benches(&of("1-2 3-6")), [(0, 1), (2, 5)]);
    assert_eq!(benches(&of("1-2,_,4-6")), [(0, 1), (2, 4)]);
    assert_eq!(benches(&of("1,2,4-6")), [(0, 4)], "numbers may leave one out");
    assert_eq!(benches(&of("21-1/2   2-6/2")), [(0, 10), (11, 13)]);
    let plan = valid(
        r#"{"classes": [{"id": "c", "coaches": [{"ids": 1, "rows": "1-2", "letters": "ABC DF",
        "without": "2B"}]}]}"#,
    );
    assert_eq!(benches(&plan), [(0, 2), (3, 4), (5, 5), (6, 6), (7, 8)]);
}

#[test]
fn a_hall_has_one_leg_and_its_seats_are_called_by_block_row_and_number() {
    let plan = valid(
        r#"{"classes": [
        {"id": "stalls", "blocks": [
            {"ids": "P", "name": "Parkett", "rows": "A-C", "seats": ["1-2", "1-3", "1-4"]},
            {"ids": "L, R", "name": "Box {id}", "seats": ["1-2", "3-4"]}
        ]},
        {"id": "112", "blocks": [{"ids": "N01-N02", "rows": ["1", 3], "seats": "3-1"}]}]}"#,
    );
    assert_eq!((plan.legs(), plan.stops().len()), (1, 0));
    let stalls = names(&plan, 0);
    assert_eq!(stalls[..5], ["P-A-1", "P-A-2", "P-B-1", "P-B-2", "P-B-3"]);
    assert_eq!(stalls[9..], ["L-1", "L-2", "L-3", "L-4", "R-1", "R-2", "R-3", "R-4"]);
    assert_eq!(names(&plan, 1)[..4], ["N01-1-3", "N01-1-2", "N01-1-1", "N01-3-3"]);
    let words = |name: &str| {
        let seat = plan.seat(name).unwrap();
        plan.classes()[seat.class].name_of(seat.number).unwrap().words()
    };
    assert_eq!(words("P-B-3"), "Parkett, row B, seat 3");
    assert_eq!(words("R-4"), "Box R, seat 4");
    assert_eq!(words("N02-3-1"), "block N02, row 3, seat 1");
}

#[test]
fn a_name_that_is_no_seat_is_not_found() {
    let plan = valid(TRAIN);
    let others = ["1-1B", "2-2B", "3-1A", "9-1A", "1-1A-1", "1-01A", "1-1a"];
    for name in ["", "-", "1", "1-", "1-1"].into_iter().chain(others) {
        assert_eq!(plan.seat(name), None, "{name:?}");
    }
    assert!(plan.classes()[0].name_of(4).is_none());
    assert!(plan.classes()[2].name_of(0).is_none(), "standing places have no names");
}

#[test]
fn stops_are_called_by_id_or_by_number_from_1() {
    let plan = valid(TRAIN);
    for (word, place) in [("A", Some(0)), ("1", Some(0)), ("D", Some(3)), ("4", Some(3))] {
        assert_eq!(plan.stop(word), place, "{word}");
    }
    for word in ["0", "5", "a", "Beta", "", "-1"] {
        assert_eq!(plan.stop(word), None, "{word}");
    }
    assert_eq!((plan.stops()[1].name.as_str(), plan.stops()[0].name.as_str()), ("Beta", "A"));
    assert_eq!((plan.class("second"), plan.class("Second")), (Some(1), None));
}

#[test]
fn bits_take_words_of_32_seats_a_class_and_a_leg() {
    let plan = valid(TRAIN);
    assert_eq!(plan.plane_bytes(), 2 * 3 * 4, "two classes with seats, three legs");
    let of = |seats: u32| {
        let row = format!(r#"{{"ids": 1, "seats": "1-{seats}"}}"#);
        valid(&format!(r#"{{"classes": [{{"id": "c", "blocks": [{row}]}}]}}"#))
    };
    assert_eq!((of(32).plane_bytes(), of(33).plane_bytes()), (4, 8));
}

#[test]
fn documents_that_mean_the_same_have_one_canonical_form() {
    let canonical = valid(TRAIN).to_json();
    let expected = concat!(
        r#"{"format":1,"stops":["A",{"id":"B","name":"Beta"},"C","D"],"#,
        r#""classes":[{"id":"first","coaches":[{"ids":"1","rows":"1-2","letters":"A C"}]},"#,
        r#"{"id":"second","name":"Second class","coaches":["#,
        r#"{"ids":"1","rows":"3","letters":"AB C"},"#,
        r#"{"ids":"2","rows":"1-2","letters":["AB C","A_ C"]},"#,
        r#"{"ids":"3","rows":"1-2","letters":["_B C","A_ C"]}]},"#,
        r#"{"id":"stand","standing":5}],"#,
        r#""quotas":[{"id":"all","classes":["second","stand"],"size":15}]}"#,
    );
    assert_eq!(canonical, expected);
    assert_eq!(valid(&canonical), valid(TRAIN));
    let classes = |blocks: &str| {
        valid(&format!(r#"{{"classes": [{{"id": "c", "name": "c", "blocks": [{blocks}]}}]}}"#))
    };
    let one = classes(r#"{"ids": "1-3", "rows": "1-3", "seats": "1-4  5-8", "without": "2-4"}"#);
    let same = classes(
        r#"{"ids": [1, "2"], "rows": "1", "seats": "1,2,3,4 5-8 "},
           {"ids": "3", "rows": "1", "seats": "1-3, 4 5, 6, 7-8"},
           {"ids": "1,2, 3", "rows": ["2", 3], "seats": ["1-3,_ 5-8", "1-4 5-8"]}"#,
    );
    assert_eq!(one.to_json(), same.to_json());
    assert_eq!(one, same);
}

#[test]
fn a_plan_may_grow_behind_what_it_has() {
    let plan = |classes: &str, quotas: &str| {
        valid(&format!(r#"{{"stops": ["A", "B"], "classes": [{classes}], "quotas": [{quotas}]}}"#))
    };
    let coaches = |ids: &str| {
        format!(r#"{{"id": "x", "coaches": [{{"ids": "{ids}", "rows": "1-2", "letters": "AB"}}]}}"#)
    };
    let stand = r#", {"id": "stand", "standing": 5}"#;
    let quota =
        |id: &str, class: &str| format!(r#"{{"id": "{id}", "classes": ["{class}"], "size": 3}}"#);
    let before = plan(&coaches("1-2"), &quota("q", "x"));
    assert_eq!(before.appended_by(&before), Ok(()));
    let later = plan(
        &format!("{}{stand}", coaches("1-3")),
        &format!("{}, {}", quota("q", "x"), quota("s", "stand")),
    );
    assert_eq!(before.appended_by(&later), Ok(()));
    for (number, name) in names(&before, 0).iter().enumerate() {
        let seat = later.seat(name).unwrap();
        assert_eq!((seat.class, seat.number as usize), (0, number));
    }
    let errors = later.appended_by(&before).unwrap_err().sentences();
    assert_eq!(errors.len(), 3, "{errors:?}");
    let refused = |later: &Plan, word: &str| {
        let errors = before.appended_by(later).unwrap_err().to_string();
        assert!(errors.contains(word), "{errors}");
    };
    refused(&plan(&coaches("0-2"), &quota("q", "x")), "class x, coach 1: is not what it was");
    refused(&plan(&coaches("1-2"), &quota("q", "x").replace('3', "4")), "quota q: is not what");
    let more = format!("{}, {}", quota("q", "x"), quota("r", "x"));
    refused(&plan(&coaches("1-2"), &more), "quota r: is new and names a class of before");
    let named = coaches("1-2").replace("\"x\",", "\"x\", \"name\": \"X\",");
    refused(&plan(&named, &quota("q", "x")), "class x: was called \"x\"");
    let one_more_row = coaches("1-2").replace("1-2\", \"letters", "1-3\", \"letters");
    refused(&plan(&one_more_row, &quota("q", "x")), "class x, coach 1");
    let stops = valid(&before.to_json().replace("\"B\"", "\"B\",\"C\""));
    refused(&stops, "stops: cannot change");
    let standing = valid(&later.to_json().replace(":5}", ":6}"));
    let errors = later.appended_by(&standing).unwrap_err().to_string();
    assert_eq!(errors, "class stand: had 5 standing places: their number cannot change");
}
