//! Errors of plans: each kind, with its place and what to do, and all of a document at once.

use super::valid;
use crate::limits::*;
use crate::plan::Plan;

/// What is wrong with a document.
#[track_caller]
fn errors(json: &str) -> Vec<String> {
    match Plan::from_json(json) {
        Ok(plan) => panic!("it is valid: {}", plan.to_json()),
        Err(errors) => errors.sentences(),
    }
}

/// Expects one error, which begins and goes on like this.
#[track_caller]
fn assert_error(json: &str, begins: &str, has: &str) {
    let errors = errors(json);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].starts_with(begins), "{begins:?} does not begin {:?}", errors[0]);
    assert!(errors[0].contains(has), "{has:?} is not in {:?}", errors[0]);
    assert!(!errors[0].contains('\n'), "one line");
}

/// A plan of one class "c" with these blocks.
fn blocks(entries: &str) -> String {
    format!(r#"{{"classes": [{{"id": "c", "blocks": [{entries}]}}]}}"#)
}

/// A plan of one class "c" with these coaches, which have letters.
fn coaches(entries: &str) -> String {
    format!(r#"{{"stops": ["A", "B"], "classes": [{{"id": "c", "coaches": [{entries}]}}]}}"#)
}

fn stops(stops: &str) -> String {
    format!(r#"{{"stops": [{stops}], "classes": [{{"id": "c", "standing": 5}}]}}"#)
}

fn with_quota(quota: &str) -> String {
    format!(r#"{{"classes": [{{"id": "c", "standing": 5}}], "quotas": [{quota}]}}"#)
}

#[test]
fn what_is_no_document_is_refused_with_its_line() {
    assert_error("{", "plan: is no JSON of a plan", "line 1 column 1");
    assert_error("[]", "plan: is no JSON of a plan", "line 1");
    assert_error("{}", "plan: is no JSON of a plan", "missing field `classes`");
    let klasses = r#"{"classes": [], "klasses": []}"#;
    assert_error(klasses, "plan: is no JSON of a plan", "unknown field `klasses`");
    let unknown = blocks(r#"{"ids": "1", "rows": "1", "seats": "1-2", "price": 5}"#);
    assert_error(&unknown, "plan: is no JSON of a plan", "unknown field `price`");
    assert_error(r#"{"format": 2, "stations": 7}"#, "format: 2 is not a format", "it reads 1");
    let long = blocks(&format!(r#"{{"ids": "1", "seats": "1{}"}}"#, " ".repeat(PLAN_BYTES_MAX)));
    assert_error(&long, "plan: has more than 262144 bytes", "share an entry");
}

#[test]
fn a_number_where_it_could_mean_two_things_is_refused() {
    let rows = blocks(r#"{"ids": 1, "rows": 18, "seats": "1-2"}"#);
    assert_error(&rows, "plan: is no JSON of a plan", "\"18\" for row 18 alone");
    let seats = blocks(r#"{"ids": 1, "rows": "1-18", "seats": 20}"#);
    assert_error(&seats, "plan: is no JSON of a plan", "\"1-10 11-20\" for numbers");
    let without = blocks(r#"{"ids": 1, "rows": "1", "seats": "1-3", "without": 2}"#);
    assert_error(&without, "plan: is no JSON of a plan", "names of seats");
    let negative = blocks(r#"{"ids": -1, "rows": "1", "seats": "1-3"}"#);
    assert_error(&negative, "plan: is no JSON of a plan", "integer `-1`");
    let stop = stops(r#""A", 2"#);
    assert_error(&stop, "plan: is no JSON of a plan", "a stop: its id as a text, or id and name");
    valid(&blocks(r#"{"ids": [1, "2-3"], "rows": [1, 2], "seats": "1-2"}"#));
}

#[test]
fn stops_have_ids_of_their_own_that_can_stand_in_an_address() {
    let number = "stops, number 2: ";
    assert_error(&stops(r#""A""#), "stops: is one stop", "at least 2");
    let many: Vec<String> = (0..=STOPS_MAX).map(|n| format!("\"S{n}\"")).collect();
    assert_error(&stops(&many.join(",")), "stops: has 65 of them", "at most 64");
    valid(&stops(&many[..STOPS_MAX].join(",")));
    let name = stops(r#""A", "Beijing South""#);
    assert_error(&name, number, "the id \"Beijing_South\" and the name beside it");
    assert_error(&stops(r#""A", "北京南""#), number, "the id \"s2\"");
    assert_error(&stops(r#""A", "a.b""#), number, "the id \"a_b\"");
    assert_error(&stops(r#""A", """#), number, "the id \"s2\"");
    assert_error(&stops(r#""A", "7up""#), number, "begins with a letter");
    assert_error(&stops(r#""A", "A""#), number, "the id A is also that of stops, number 1");
    assert_error(&stops(r#""A", "a""#), number, "differs in case only");
    let long = "x".repeat(PLAN_ID_MAX + 1);
    assert_error(&stops(&format!(r#""A", "{long}""#)), number, "1 to 32 letters");
    valid(&stops(&format!(r#""A", "{}""#, &long[1..])));
    for name in ["", " x", "a\\nb", &"x".repeat(PLAN_NAME_MAX + 1)] {
        let named = stops(&format!(r#""A", {{"id": "B", "name": "{name}"}}"#));
        assert_error(&named, number, "a name has 1 to 96 bytes");
    }
}

#[test]
fn a_class_has_an_id_and_one_kind_of_places() {
    assert_error(r#"{"classes": []}"#, "classes: is empty", "1 to 64");
    let class = |body: &str| format!(r#"{{"classes": [{{{body}}}]}}"#);
    let many: Vec<String> =
        (0..=SEAT_CLASSES_MAX).map(|n| format!(r#"{{"id": "c{n}", "standing": 1}}"#)).collect();
    let many = format!(r#"{{"classes": [{}]}}"#, many.join(","));
    assert_error(&many, "classes: has 65 of them", "at most 64");
    let dash = class(r#""id": "first-class", "standing": 1"#);
    assert_error(&dash, "classes, number 1: ", "the id \"first_class\"");
    let twice = r#"{"classes": [{"id": "a", "standing": 1}, {"id": "A", "standing": 1}]}"#;
    assert_error(twice, "classes, number 2: the id A", "in case only from classes, number 1");
    let name = class(r#""id": "a", "name": "", "standing": 1"#);
    assert_error(&name, "class a: a name has", "bytes");
    assert_error(&class(r#""id": "a""#), "class a: has no places", "coaches, blocks or standing");
    let both = class(r#""id": "a", "standing": 1, "blocks": [{"ids": 1, "seats": "1"}]"#);
    assert_error(&both, "class a: has blocks and standing", "a class of each");
    for standing in ["0", "1000000001"] {
        let standing = class(&format!(r#""id": "a", "standing": {standing}"#));
        assert_error(&standing, "class a: standing is", "1 to 1000000000");
    }
}

#[test]
fn coaches_and_blocks_have_ids_that_make_names_of_seats() {
    let of = |ids: &str| blocks(&format!(r#"{{"ids": {ids}, "rows": "1", "seats": "1-2"}}"#));
    assert_error(&of("[]"), "class c, blocks, entry 1: ids is empty", "\"1-16\"");
    assert_error(&of(r#""""#), "class c, blocks, entry 1: ids: ", "lacks something");
    assert_error(&of(r#""1,,2""#), "class c, blocks 1,,2: ids: ", "before or after a comma");
    assert_error(&of(r#""a b""#), "class c, block a b: \"a b\" is no id", "1 to 16 letters");
    assert_error(&of(r#""1-x""#), "class c, blocks 1-x: ids: ", "is no range");
    for range in ["1-", "-2", "A-b", "01-6", "N1-M2", "1-2/0", "1-2/x", "1-2-3", "A-12", "1/2"] {
        assert_error(&of(&format!("{range:?}")), "class c, block", "is no range");
    }
    assert_error(&of(r#""1-5000""#), "class c, blocks 1-5000: ids: ", "more than 4096");
    assert_error(&of(r#"["1-4096", 4097]"#), "class c, blocks 1-4096, 4097: ids", "than 4096");
    assert_error(&of(r#""1-3, 3""#), "class c, blocks 1-3, 3: ids repeat 3", "once");
    let named = |name: &str| {
        blocks(&format!(r#"{{"ids": "1-2", "name": "{name}", "rows": "1", "seats": "1-2"}}"#))
    };
    assert_error(&named("North"), "class c, blocks 1-2: blocks cannot share", "block {id}");
    valid(&named("North {id}"));
    let two = r#"{"ids": 1, "name": "A", "rows": "1", "seats": "1-2"},
                 {"ids": 1, "name": "B", "rows": "2", "seats": "1-2"}"#;
    assert_error(&blocks(two), "class c, block 1: block 1 has two names", "\"A\" and \"B\"");
}

#[test]
fn rows_and_seats_fit_each_other() {
    let of = |body: &str| coaches(&format!(r#"{{"ids": "1-16", {body}}}"#));
    let at = "class c, coaches 1-16: ";
    for (body, word) in [
        (r#""rows": "1-18""#, "has no seats"),
        (r#""rows": "1-18", "letters": "AB", "seats": "1-2""#, "has letters and seats"),
        (r#""letters": "AB""#, "has letters and no rows"),
        (r#""rows": "1-3", "letters": ["AB", "ABC"]"#, "has 3 rows and the seats of 2"),
        (r#""rows": "A-C", "letters": "AB""#, "row \"A\" is no number"),
        (r#""rows": "1-x", "letters": "AB""#, "rows: \"1-x\" is no range"),
        (r#""rows": "1-3, 2", "letters": "AB""#, "rows repeat 2"),
        (r#""rows": "first row", "seats": "1-2""#, "\"first row\" is no row"),
        (r#""rows": "1-1001", "letters": "AB""#, "more than 1000"),
        (r#""rows": "1-18", "letters": "ABC AF""#, "letters repeat A"),
        (r#""rows": "1-18", "letters": "abc""#, "'a' in \"abc\" is no letter of a seat"),
        (r#""rows": "1-18", "letters": " _ ""#, "letters name no seat"),
        (r#""rows": "1-18", "seats": "1-5 5-8""#, "seats repeat 5"),
        (r#""rows": "1-18", "seats": "1-5 ,""#, "lacks something"),
        (r#""rows": "1-18", "seats": "1-5 a_b""#, "\"a_b\" is no number of a seat"),
        (r#""rows": "1-18", "seats": "_""#, "seats name no seat"),
        (r#""rows": "1-18", "seats": "1-1025""#, "more than 1024"),
        (r#""rows": "1-18", "seats": "1-600 601-1200""#, "more than"),
        (r#""rows": "1-2", "seats": ["1-5", "1-a"]"#, "row number 2: \"1-a\" is no range"),
    ] {
        assert_error(&of(body), at, word);
    }
}

#[test]
fn a_seat_that_is_missing_must_be_one() {
    let of = |body: &str| coaches(&format!(r#"{{"ids": "2-3", "rows": "1-2", {body}}}"#));
    let at = "class c, coaches 2-3: without: ";
    let letters = r#""letters": "AB", "without": "#;
    for (word, says) in [("3A", "\"1A\""), ("4-1A", "\"2-1A\""), ("2-9A", "9A"), ("", "\"\"")] {
        assert_error(&of(&format!("{letters}{word:?}")), at, says);
    }
    assert_error(&of(&format!("{letters}\"1A, 2-1B\"")), at, "row 1 has no seat left");
    assert_error(&of(r#""seats": "1-2", "without": "1A""#), at, "\"1-1\" in all of them");
    valid(&of(r#""seats": "1-2", "without": ["1-1", "3-2-2"]"#));
}

#[test]
fn a_row_and_a_seat_are_written_once() {
    let of = |rows: &str, letters: &str| {
        format!(r#"{{"ids": "1", "rows": "{rows}", "letters": "{letters}"}}"#)
    };
    let rows = coaches(&format!("{}, {}", of("1-3", "AB"), of("2-5", "C")));
    assert_error(&rows, "class c, coach 1: row 2 and 1 more of coach 1", "each row once");
    valid(&coaches(&format!("{}, {}", of("1-3", "AB"), of("4-5", "C"))));
    let several = rows.replace(r#""ids": "1""#, r#""ids": "1-9""#);
    assert_error(&several, "class c, coaches 1-9: row 2 and 1 more of coach 1", "with 8 more");
    let many = coaches(&format!("{}, {}", of("1-999", "A"), of("1000-1001", "A")));
    assert_error(&many, "class c, coach 1: coach 1 has more than 1000 rows", "");
    let bare = blocks(r#"{"ids": 7, "seats": ["1-3", "3-4"]}"#);
    assert_error(&bare, "class c: has seats that it has already: 7-3;", "once");
    let classes = format!(
        r#"{{"classes": [{{"id": "a", "coaches": [{}]}}, {{"id": "b", "coaches": [{}]}}]}}"#,
        of("1-3", "AC"),
        of("3-4", "ABC")
    );
    assert_error(&classes, "class b: has seats that a has already: 1-3A, 1-3C;", "once");
    let many = classes.replace("3-4", "1-4");
    assert_error(&many, "class b: has seats", "1-1A, 1-1C, 1-2A and 3 more");
}

#[test]
fn a_plan_has_a_bounded_number_of_seats_and_parts() {
    let at = "class c, blocks 1-65: with this the plan has more than 65536 seats";
    let of = |ids: &str, rows: &str, seats: &str| {
        blocks(&format!(r#"{{"ids": "{ids}", "rows": "{rows}", "seats": "{seats}"}}"#))
    };
    assert_error(&of("1-65", "1-32", "1-32"), at, "a sale of its own");
    assert_eq!(valid(&of("1-64", "1-32", "1-32")).seats() as usize, SEATS_MAX);
    let two = blocks(r#"{"ids": "1-4000", "seats": "1"}, {"ids": "5001-5097", "seats": "1"}"#);
    assert_error(&two, "class c, blocks 5001-5097: with this the plan", "4096 coaches and blocks");
}

#[test]
fn a_short_document_of_a_plan_that_is_long_in_the_ledger_is_refused() {
    // Rows that take turns, and in each block another seat that is missing.
    let row = |n: usize| format!("\"xaaaaaa{n},yaaaaaa{n}\"");
    let seats: Vec<String> = (0..512).map(|n| row(n % 2)).collect();
    let missing = (1..=64).map(|n| format!("\"{n}-{n}-yaaaaaa{}\"", (n + 1) % 2));
    let json = blocks(&format!(
        r#"{{"ids": "1-64", "rows": "1-512", "seats": [{}], "without": [{}]}}"#,
        seats.join(","),
        missing.collect::<Vec<_>>().join(",")
    ));
    assert!(json.len() < 20_000);
    assert_error(&json, "plan: takes ", "bytes in the ledger, and at most 262144");
}

#[test]
fn a_quota_is_over_classes_that_exist() {
    let quota = |classes: &str, size: &str| {
        with_quota(&format!(r#"{{"id": "q", "classes": {classes}, "size": {size}}}"#))
    };
    assert_error(&quota("[]", "1"), "quota q: classes is empty", "one class or several");
    assert_error(&quota(r#"["x"]"#, "1"), "quota q: there is no class \"x\"", "");
    assert_error(&quota(r#"["c", "c"]"#, "1"), "quota q: names class c twice", "");
    assert_error(&quota(r#"["c"]"#, "0"), "quota q: size is a number", "1 to 1000000000");
    let dash = with_quota(r#"{"id": "q-1", "classes": ["c"], "size": 1}"#);
    assert_error(&dash, "quotas, number 1: \"q-1\" is no id", "\"q_1\"");
    let named = r#"{"id": "q", "name": " ", "classes": ["c"], "size": 1}"#;
    assert_error(&with_quota(named), "quota q: a name has", "");
    let one = r#"{"id": "q", "classes": ["c"], "size": 1}"#;
    let twice = with_quota(&format!("{one}, {one}"));
    assert_error(&twice, "quotas, number 2: the id q is also that of quotas, number 1", "");
    let many = vec![one; SEAT_QUOTAS_MAX + 1].join(",");
    assert!(errors(&with_quota(&many))[0].starts_with("quotas: has 65 of them"));
}

#[test]
fn all_errors_are_named_at_once_and_a_hundred_at_most() {
    let several = r#"{"stops": ["A", "A", "b c"], "classes": [
        {"id": "x", "coaches": [
            {"ids": "1-a", "rows": "z", "letters": "AA", "name": ""},
            {"ids": "1", "rows": "1-3", "letters": "AB"},
            {"ids": "2", "rows": "1-3", "letters": "A", "without": "5A"}]},
        {"id": "y"}],
        "quotas": [{"id": "q", "classes": ["z"], "size": 0}]}"#;
    let found = errors(several);
    let begins = [
        "stops, number 2: the id A",
        "stops, number 3: \"b c\"",
        "class x, coaches 1-a: ids: ",
        "class x, coaches 1-a: row \"z\"",
        "class x, coaches 1-a: letters repeat A",
        "class x, coaches 1-a: a name has",
        "class x, coach 2: without: ",
        "class y: has no places",
        "quota q: there is no class \"z\"",
        "quota q: size is",
    ];
    assert_eq!(found.len(), begins.len(), "{found:#?}");
    for (sentence, begin) in found.iter().zip(begins) {
        assert!(sentence.starts_with(begin), "{begin:?} does not begin {sentence:?}");
    }
    let entry = r#"{"ids": "a b", "seats": "1"}"#;
    let many = errors(&blocks(&vec![entry; 150].join(",")));
    assert_eq!(many.len(), PLAN_ERRORS_MAX + 1);
    assert_eq!(many[PLAN_ERRORS_MAX], "and 1 more errors", "then nothing is looked at any more");
}
