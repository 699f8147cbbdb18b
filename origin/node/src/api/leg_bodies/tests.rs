//! Tests of the places that operators see, leg by leg and part by part.

use super::*;
use lastseat_ledger::SeatsRead;
use shared::limits::PLAN_PARTS_MAX;
use shared::plan::Plan;
use shared::seats::order_lines::claims_of_text;
use std::sync::Arc;

/// Of the claims those in `held` are not paid.
fn legs(plan: &str, claims: &str, held: Vec<Vec<u32>>) -> SaleLegs {
    let plan = Arc::new(Plan::from_json(plan).unwrap());
    let mut book = plan.seat_book().unwrap();
    if !claims.is_empty() {
        book.take(&claims_of_text(claims).unwrap()).unwrap();
    }
    let view = SeatsView::new(plan, SeatsRead { book, held }, 7, UnixMillis(9));
    SaleLegs::new(&SaleId::parse("G1").unwrap(), &view)
}

fn numbers(class: &ClassLegs) -> Vec<(u32, u32, u32)> {
    class.legs.iter().map(|leg| (leg.free, leg.held, leg.confirmed)).collect()
}

fn parts(class: &ClassLegs) -> Vec<(&str, Option<&str>, u32, u32)> {
    let parts = class.parts.iter();
    parts.map(|part| (part.name.as_str(), part.last.as_deref(), part.seats, part.taken)).collect()
}

const TRAIN: &str = r#"{"stops":["A",{"id":"B","name":"Bee"},"C","D"],"classes":[
    {"id":"second","name":"Second","coaches":[{"ids":"3-4","rows":"1-7","letters":"ABCDF"}]},
    {"id":"standing","standing":10}]}"#;

#[test]
fn the_numbers_of_a_train_add_up_on_each_leg_and_the_parts_are_those_of_the_fullest_one() {
    // Seats on both sides of the end of a word and of a coach, and people who stand.
    let claims = "0.0-2.3=31+32+34,0.1-3.2=35+69,1.2-3.4,1.1-2.1";
    let held = vec![vec![0, 2, 2], vec![0, 1, 4]];
    let view = legs(TRAIN, claims, held);
    let [second, standing] = &view.classes[..] else { panic!("{view:?}") };
    assert_eq!(numbers(second), [(67, 0, 3), (65, 2, 3), (68, 2, 0)]);
    assert_eq!((second.places, second.worst_leg), (70, 2));
    assert_eq!(parts(second), [("coach 3", None, 35, 3), ("coach 4", None, 35, 2)]);
    assert_eq!(numbers(standing), [(10, 0, 0), (9, 1, 0), (6, 4, 0)]);
    assert_eq!((standing.places, standing.worst_leg, standing.parts.len()), (10, 3, 0));
    for class in &view.classes {
        for leg in &class.legs {
            assert_eq!(class.places, leg.free + leg.held + leg.confirmed);
            assert_eq!(leg.within_quotas, None);
        }
    }
    let stops: Vec<&str> = view.stops.iter().map(|stop| stop.name.as_str()).collect();
    assert_eq!(stops, ["A", "Bee", "C", "D"]);
}

#[test]
fn the_worst_leg_is_the_one_on_which_a_quota_leaves_the_least() {
    let plan = TRAIN.replace(
        r#""classes":["#,
        r#""quotas":[{"id":"load","classes":["second","standing"],"size":72}],"classes":["#,
    );
    let view = legs(&plan, "0.0-1.3=0+1+2,1.2-3.10", vec![vec![0; 3]; 2]);
    let [second, standing] = &view.classes[..] else { panic!("{view:?}") };
    let within = |class: &ClassLegs| -> Vec<Option<u32>> {
        class.legs.iter().map(|leg| leg.within_quotas).collect()
    };
    assert_eq!(numbers(second), [(67, 0, 3), (70, 0, 0), (70, 0, 0)]);
    assert_eq!((within(second), second.worst_leg), (vec![None, None, Some(62)], 3));
    assert_eq!(numbers(standing), [(10, 0, 0), (10, 0, 0), (0, 0, 10)]);
    assert_eq!((within(standing), standing.worst_leg), (vec![None; 3], 3));
    // Coach 3 is empty on the last leg.
    assert_eq!(second.parts[0].taken, 0);
}

#[test]
fn a_hall_has_one_leg_without_stops_and_of_many_blocks_neighbours_are_told_together() {
    let hall =
        r#"{"classes":[{"id":"stalls","blocks":[{"ids":"1-ALL","rows":"1","seats":"1-7"}]}]}"#;
    let few = hall.replace("ALL", &PARTS_SHOWN_MAX.to_string());
    let view = legs(&few, "0.0-1.2=6+7", vec![vec![1]]);
    assert!(view.stops.is_empty());
    let [stalls] = &view.classes[..] else { panic!("{view:?}") };
    assert_eq!((numbers(stalls), stalls.worst_leg), (vec![(1398, 1, 1)], 1));
    assert_eq!(stalls.parts.len(), PARTS_SHOWN_MAX);
    assert_eq!(parts(stalls)[..2], [("block 1", None, 7, 1), ("block 2", None, 7, 1)]);

    let many = hall.replace("ALL", &PLAN_PARTS_MAX.to_string());
    let view = legs(&many, "0.0-1.2=6+7", vec![vec![0]]);
    let [stalls] = &view.classes[..] else { panic!("{view:?}") };
    assert!(stalls.parts.len() <= PARTS_SHOWN_MAX);
    assert_eq!(parts(stalls)[0], ("block 1", Some("21"), 147, 2));
    assert_eq!(stalls.parts.iter().map(|part| part.seats).sum::<u32>(), 7 * 4_096);
    assert_eq!(stalls.parts.iter().map(|part| part.taken).sum::<u32>(), 2);
    // One is left alone.
    assert_eq!(*parts(stalls).last().unwrap(), ("block 4096", None, 7, 0));
}
