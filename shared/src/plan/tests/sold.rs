//! A plan sells the seats that it names.

use super::*;
use crate::limits::{SEAT_CLASSES_MAX, SEAT_QUOTAS_MAX};
use crate::seats::{Journey, SeatBook, SeatLine, SeatRefusal, Together};

/// The names of the seats that an order for `quantity` of a class gets, or why it gets none.
fn order(
    (plan, book): (&Plan, &mut SeatBook),
    (class, from, to): (usize, usize, usize),
    (quantity, together): (u32, Together),
) -> Result<Vec<String>, SeatRefusal> {
    let journey = Journey::new(from, to).unwrap();
    let layout = book.layout(class).unwrap();
    let line = SeatLine::new(class, layout, journey, quantity, together).unwrap();
    let claims = book.place(&[line]).unwrap().map_err(|refused| refused.refusal)?;
    let named = |seat: &u32| plan.classes()[class].name_of(*seat).unwrap().to_string();
    Ok(claims[0].seats.iter().map(named).collect())
}

#[test]
fn a_train_sells_seats_side_by_side_and_the_same_seat_again_on_other_legs() {
    let plan = valid(TRAIN);
    let mut book = plan.seat_book().unwrap();
    let mut order = |journey, wanted| order((&plan, &mut book), journey, wanted);
    assert_eq!(order((1, 0, 2), (2, Together::Row)).unwrap(), ["1-3A", "1-3B"]);
    assert_eq!(order((1, 2, 3), (2, Together::Row)).unwrap(), ["1-3A", "1-3B"]);
    assert_eq!(order((1, 0, 3), (3, Together::Row)), Err(SeatRefusal::NotTogether));
    assert_eq!(order((1, 0, 3), (3, Together::Coach)).unwrap(), ["2-1A", "2-1B", "2-1C"]);
    assert_eq!(order((2, 0, 1), (5, Together::Any)).unwrap(), [""; 0], "they stand");
    assert_eq!(order((2, 0, 3), (1, Together::Any)), Err(SeatRefusal::SoldOut { free: 0 }));
    // The quota over both classes: 2 and 3 seats and 5 who stand of 15 on the first leg.
    assert_eq!(order((1, 0, 1), (6, Together::Any)), Err(SeatRefusal::SoldOut { free: 5 }));
    assert_eq!(order((1, 0, 1), (5, Together::Any)).unwrap().len(), 5);
}

#[test]
fn a_hall_leaves_no_single_seat_and_a_train_of_two_stops_may() {
    let blocks =
        r#"{"classes": [{"id": "c", "blocks": [{"ids": "1", "rows": "1-2", "seats": "1-5"}]}]}"#;
    let coaches = r#"{"stops": ["A", "B"], "classes": [{"id": "c",
        "coaches": [{"ids": "1", "rows": "1-2", "letters": "ABCDE"}]}]}"#;
    for (json, second) in [(blocks, "1-2-1"), (coaches, "1-1D")] {
        let plan = valid(json);
        let mut book = plan.seat_book().unwrap();
        order((&plan, &mut book), (0, 0, 1), (3, Together::Row)).unwrap();
        let one = order((&plan, &mut book), (0, 0, 1), (1, Together::Row)).unwrap();
        assert_eq!(one, [second]);
    }
}

#[test]
fn the_largest_plans_are_sold() {
    let classes: Vec<String> =
        (0..SEAT_CLASSES_MAX).map(|n| format!(r#"{{"id": "c{n}", "standing": 1}}"#)).collect();
    let quotas: Vec<String> = (0..SEAT_QUOTAS_MAX)
        .map(|n| format!(r#"{{"id": "q{n}", "classes": ["c{n}"], "size": 1}}"#))
        .collect();
    let json =
        format!(r#"{{"classes": [{}], "quotas": [{}]}}"#, classes.join(","), quotas.join(","));
    let book = valid(&json).seat_book().unwrap();
    assert_eq!(book.quotas().len(), SEAT_CLASSES_MAX + SEAT_QUOTAS_MAX);
}
