//! What the buyers of a sale with a plan want: a journey, a class and some tickets. It follows from
//! the seed and the buyer's number, as their keys do.
//!
//! Some stations are busy: every fourth, and the two ends. In a hall there are no journeys.

use anyhow::{Context, Result};
use shared::plan::Plan;
use shared::seats::{Journey, SeatBook, SeatLine, Together};
use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::sync::Arc;

/// How much more often a busy station is chosen than another one.
const BUSY: u64 = 8;
/// Of 16 buyers so many want 1, 2, 3 and 4 tickets.
const QUANTITIES: [u64; 4] = [9, 4, 2, 1];

/// The buyers of one sale with a plan.
#[derive(Clone, Debug)]
pub struct Travellers {
    plan: Arc<Plan>,
    seed: u64,
    stops: Arc<[u64]>,
    classes: Arc<[u64]>,
}

/// What one of them wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TravellerOrder {
    /// The place of the class in the plan.
    pub class: usize,
    /// From where to where.
    pub journey: Journey,
    /// Tickets.
    pub quantity: u32,
}

impl Travellers {
    /// The buyers of this seed.
    pub fn new(plan: Plan, seed: u64) -> Self {
        let stops = plan.stops().len();
        let busy = |place| place % 4 == 0 || place + 1 == stops;
        let stops = (0..stops).map(|place| if busy(place) { BUSY } else { 1 }).collect();
        let places = |class: &shared::plan::PlanClass| class.seats() + class.standing();
        let classes = plan.classes().iter().map(|class| places(class).into()).collect();
        Self { plan: Arc::new(plan), seed, stops, classes }
    }

    /// The same, but nobody wants to go to the last stop. In a train of two they go there.
    #[must_use]
    pub fn short_of_the_last_stop(self) -> Self {
        let mut stops = self.stops.to_vec();
        if let [.., _, _, last] = stops.as_mut_slice() {
            *last = 0;
        }
        Self { stops: stops.into(), ..self }
    }

    /// What is sold.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What buyer `number` wants.
    pub fn wants(&self, number: u32) -> TravellerOrder {
        let chance = |what: u64| {
            let mut hasher = SipHasher13::new_with_keys(self.seed, 0x7365_6174_7761_6e74 ^ what);
            hasher.write_u32(number);
            hasher.finish()
        };
        let journey = (1u64..).find_map(|round| {
            let stop = |end| chosen(&self.stops, chance(2 * round + end));
            match (self.stops.len(), stop(0), stop(1)) {
                (0, ..) => Some(Journey::HALL),
                (_, one, other) => Journey::new(one.min(other), one.max(other)),
            }
        });
        TravellerOrder {
            class: chosen(&self.classes, chance(0)),
            journey: journey.unwrap_or(Journey::HALL),
            quantity: chosen(&QUANTITIES, chance(1)) as u32 + 1,
        }
    }

    /// How many seats on legs the first thousand want on average.
    pub fn mean_places(&self) -> f64 {
        let all: usize = (0..1_000).map(|number| self.wants(number).places()).sum();
        all as f64 / 1_000.0
    }

    /// How many orders there is about room for, by what they want on average: a train has a few
    /// more, because those who want a short journey find one in the end.
    pub fn orders_in_all(&self) -> f64 {
        self.plan.places() as f64 / self.mean_places().max(1.0)
    }

    /// How many of the first `count` buyers get what they want if they come one after the other.
    ///
    /// # Errors
    /// The plan cannot be sold.
    pub fn served(&self, count: u32) -> Result<u32> {
        let mut book = self.plan.seat_book().context("the plan")?;
        let mut served = 0;
        for number in 0..count {
            let line = self.wants(number).line(&book).context("a line of the plan")?;
            served += u32::from(book.place(&[line])?.is_ok());
        }
        Ok(served)
    }

    /// The value of `?for=`, by the ids of the stops or by their numbers, as the buyer likes.
    pub fn wanted(&self, number: u32) -> String {
        let TravellerOrder { class, journey, quantity } = self.wants(number);
        let class = &self.plan.classes()[class].id;
        let [from, to] = [journey.from(), journey.to()];
        match self.plan.stops() {
            [] => format!("{class}.{quantity}"),
            stops if number.is_multiple_of(2) => {
                format!("{class}.{}-{}.{quantity}", stops[from].id, stops[to].id)
            }
            _ => format!("{class}.{}-{}.{quantity}", from + 1, to + 1),
        }
    }

    /// The lines in the body of the order, JSON.
    pub fn lines(&self, number: u32) -> String {
        let TravellerOrder { class, journey, quantity } = self.wants(number);
        let class = &self.plan.classes()[class].id;
        let way = match self.plan.stops() {
            [] => String::new(),
            stops => {
                let [from, to] = [journey.from(), journey.to()].map(|place| &stops[place].id);
                format!(r#""from":"{from}","to":"{to}","#)
            }
        };
        format!(r#"[{{"class":"{class}",{way}"quantity":{quantity}}}]"#)
    }
}

impl TravellerOrder {
    /// Seats on legs.
    pub fn places(&self) -> usize {
        self.quantity as usize * self.journey.legs().len()
    }

    /// The same as a line of an order.
    pub fn line(&self, book: &SeatBook) -> Option<SeatLine> {
        let layout = book.layout(self.class)?;
        SeatLine::new(self.class, layout, self.journey, self.quantity, Together::Any).ok()
    }
}

/// The place that a random number falls on, where places have these weights.
fn chosen(weights: &[u64], chance: u64) -> usize {
    let mut left = chance % weights.iter().sum::<u64>().max(1);
    let falls_on = |weight: &u64| {
        let falls = left < *weight;
        left = left.saturating_sub(*weight);
        falls
    };
    weights.iter().position(falls_on).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::admission::wanted_journeys::WantedJourneys;

    const TRAIN: &str = r#"{"stops":["A","B","C","D","E","F"],"classes":[
        {"id":"second","coaches":[{"ids":"1","rows":"1-20","letters":"AB"}]},
        {"id":"standing","standing":5}]}"#;
    const HALL: &str = r#"{"classes":[{"id":"stalls","standing":500}]}"#;

    fn travellers(plan: &str, seed: u64) -> Travellers {
        Travellers::new(Plan::from_json(plan).unwrap(), seed)
    }

    #[test]
    fn what_a_buyer_wants_follows_from_the_seed_and_is_said_twice_alike() {
        for plan in [TRAIN, HALL] {
            let (one, other) = (travellers(plan, 1), travellers(plan, 2));
            let differ = (0..1_000).filter(|n| one.wants(*n) != other.wants(*n)).count();
            assert!(differ > 100, "{differ}");
            let book = one.plan().seat_book().unwrap();
            for number in 0..1_000 {
                let wants = one.wants(number);
                assert_eq!(travellers(plan, 1).wants(number), wants);
                assert!(wants.line(&book).is_some());
                let text = one.wanted(number);
                let wanted = WantedJourneys::parse(&text).unwrap();
                let line = wanted.lines()[0];
                assert_eq!(line.of(one.plan()), Some((wants.class, wants.journey)), "{text}");
                assert_eq!(line.quantity, wants.quantity);
                let body: serde_json::Value = serde_json::from_str(&one.lines(number)).unwrap();
                assert_eq!(body[0]["quantity"], wants.quantity);
                assert_eq!(body[0]["from"].is_string(), plan == TRAIN);
            }
        }
    }

    #[test]
    fn busy_stations_large_classes_and_small_groups_are_wanted_most() {
        let train = travellers(TRAIN, 7);
        let wants: Vec<_> = (0..10_000).map(|number| train.wants(number)).collect();
        let count = |is: &dyn Fn(&TravellerOrder) -> bool| wants.iter().filter(|of| is(of)).count();
        assert!(count(&|of| of.class == 0) > 7 * count(&|of| of.class == 1));
        assert!(count(&|of| of.journey.from() == 0) > 3 * count(&|of| of.journey.from() == 1));
        for (quantity, share) in (1..).zip(QUANTITIES) {
            let found = count(&|of| of.quantity == quantity) as u64 * 16 / 10_000;
            assert!(found.abs_diff(share) <= 1, "{quantity}: {found}");
        }
        assert!(train.mean_places() > 2.0);
        let ends = |train: &Travellers| (0..1_000).map(|n| train.wants(n).journey.to()).max();
        assert_eq!(ends(&train), Some(5));
        assert_eq!(ends(&train.clone().short_of_the_last_stop()), Some(4));
    }

    #[test]
    fn of_the_first_buyers_all_are_served_and_of_many_as_many_as_there_is_room_for() {
        let train = travellers(TRAIN, 7);
        assert_eq!(train.served(3).unwrap(), 3);
        let (served, about) = (train.served(1_000).unwrap(), train.orders_in_all());
        assert!(f64::from(served) > about && f64::from(served) < 4.0 * about, "{served} {about}");
    }
}
