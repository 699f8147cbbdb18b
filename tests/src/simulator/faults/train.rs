//! The plan of a run: a train so small that its last seat matters on each leg. Every third seed has
//! one; its chance comes from streams of its own, so that all other seeds keep their runs.

use super::super::chance::{happens, number, one, stream};
use super::scenario::{FaultScenario, What};
use super::wanted_seats::WantedSeats;
use fastrand::Rng;
use shared::plan::Plan;
use std::sync::Arc;

/// The stream that says which seeds have a plan: one with which none has one of those that
/// `docs/evidence/SIMULATOR.md` named before there were plans.
const WHICH: u64 = 2_153;
/// The streams of the train, and of what each buyer wants of it.
const TRAIN: u64 = 10;
const WANTED: u64 = 11;
/// Most seats of a train.
const SEATS_MAX: u32 = 12;

/// The plan of this seed; `None` = it sells equal tickets.
pub fn plan(seed: u64) -> Option<Arc<Plan>> {
    let has_one = number(seed, &[WHICH]).is_multiple_of(3);
    has_one.then(|| draw(&mut stream(seed, &[TRAIN])))
}

/// Lets each buyer of a scenario want something of its plan.
pub fn seat(scenario: &mut FaultScenario) {
    let Some(plan) = scenario.plan.clone() else { return };
    let (seed, settled) = (scenario.seed, scenario.settled_ms());
    for item in &mut scenario.items {
        let What::Buyer(buyer) = &mut item.what else { continue };
        let rng = &mut stream(seed, &[WANTED, item.number]);
        let is_quiet = item.at_ms >= settled;
        let wanted =
            if is_quiet { WantedSeats::plain(rng, &plan) } else { WantedSeats::draw(rng, &plan) };
        buyer.quantity = wanted.lines.tickets();
        buyer.seats = Some(wanted);
    }
}

fn draw(rng: &mut Rng) -> Arc<Plan> {
    let stops = ["A", "B", "C", "D", "E", "F"];
    let stops = &stops[..rng.usize(3..7)];
    let (letters, across) = one(rng, &[("A", 1), ("AB", 2), ("ABC", 3), ("AB C", 3)]);
    let coaches = rng.u32(1..3);
    let rows = rng.u32(3..SEATS_MAX + 1).div_ceil(across * coaches);
    let rows = rows.min(SEATS_MAX / (across * coaches));
    let mut left = SEATS_MAX - rows * across * coaches;
    let mut places = rows * across * coaches;
    let mut classes = vec![format!(
        r#"{{"id":"second",
            "coaches":[{{"ids":"1-{coaches}","rows":"1-{rows}","letters":"{letters}"}}]}}"#
    )];
    let mut ids = vec![r#""second""#];
    if left >= 2 && happens(rng, 300) {
        left = left.min(3);
        classes.push(format!(
            r#"{{"id":"first","coaches":[{{"ids":"9","rows":"1-{left}","letters":"A"}}]}}"#
        ));
        ids.push(r#""first""#);
        places += left;
    }
    if happens(rng, 500) {
        let standing = rng.u32(1..5);
        classes.push(format!(r#"{{"id":"standing","standing":{standing}}}"#));
        ids.push(r#""standing""#);
        places += standing;
    }
    let quotas = if happens(rng, 600) {
        let size = rng.u32(places.div_ceil(2)..places + 1);
        let of = if happens(rng, 700) { ids.join(",") } else { ids[ids.len() - 1].to_owned() };
        format!(r#","quotas":[{{"id":"load","classes":[{of}],"size":{size}}}]"#)
    } else {
        String::new()
    };
    let classes = classes.join(",");
    let text = format!(r#"{{"format":1,"stops":{stops:?},"classes":[{classes}]{quotas}}}"#);
    Arc::new(Plan::from_json(&text).unwrap_or_else(|error| panic!("{text}: {error}")))
}
