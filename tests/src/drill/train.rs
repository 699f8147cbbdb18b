//! The train of a drill, as long as its crowd needs: nine of ten of the seats that its buyers want,
//! so it is sold while the fault lasts and some are refused at the end.

use crate::load::Travellers;
use anyhow::Result;
use shared::plan::Plan;

const STOPS: [&str; 9] = ["A", "B", "C", "D", "E", "F", "G", "H", "I"];
/// Seats of a coach: 15 rows of four.
const SEATS: u32 = 60;

/// The train for so many buyers, whose journeys follow from `seed`.
///
/// # Errors
/// They are more than a train can be long for.
pub(super) fn for_buyers(buyers: u32, seed: u64) -> Result<Travellers> {
    let legs = STOPS.len() as f64 - 1.0;
    let each = Travellers::new(plan(2, SEATS)?, seed).mean_places() / legs;
    let seats = (f64::from(buyers) * each * 0.9) as u32;
    // A tenth stands, and so does what fills no coach.
    let coaches = (seats * 9 / 10 / SEATS).max(2);
    let standing = seats.saturating_sub(coaches * SEATS).max(1);
    Ok(Travellers::new(plan(coaches, standing)?, seed))
}

fn plan(coaches: u32, standing: u32) -> Result<Plan> {
    let text = format!(
        r#"{{"stops":["{}"],"classes":[
            {{"id":"second","coaches":[{{"ids":"1-{coaches}","rows":"1-15","letters":"AB CD"}}]}},
            {{"id":"standing","standing":{standing}}}]}}"#,
        STOPS.join("\",\"")
    );
    Ok(Plan::from_json(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_train_has_seats_for_most_of_its_crowd_and_not_for_all() {
        for buyers in [300, 1_500, 6_000] {
            let travellers = for_buyers(buyers, u64::from(buyers)).unwrap();
            let served = travellers.served(buyers).unwrap();
            assert!(served < buyers, "{served} of {buyers}");
            assert!(served * 10 > buyers * 7, "{served} of {buyers}");
        }
    }
}
