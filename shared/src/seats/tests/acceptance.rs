//! Whole lives of a train: how much of what a counter a leg would accept finds a seat.
//!
//! A counter a leg accepts whatever fits into the number of seats and lets passengers change seats
//! at every stop, so no seller of whole seats can accept more by much. The measured figures stand
//! in the messages of the assertions.

use super::*;

/// Who sells.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seller {
    /// A number of seats on each leg, and no seats.
    Counters,
    /// The search.
    Search,
    /// Any free seat, by chance.
    RandomSeats,
}

/// What was sold.
#[derive(Clone, Copy, Debug, Default)]
struct Sold {
    orders: u32,
    seat_legs: u32,
}

const STOPS: usize = 30;

/// Six busy stations among the thirty, the two ends among them.
fn weights() -> Vec<u64> {
    (0..STOPS).map(|stop| if [0, 5, 11, 17, 23, 29].contains(&stop) { 9 } else { 1 }).collect()
}

/// Requests of one life: journey and group.
fn demand(requests: usize, groups: bool, seed: u64) -> Vec<(Journey, u32)> {
    let (mut dice, weights) = (Dice(seed), weights());
    let mut demand = Vec::new();
    while demand.len() < requests {
        let (a, b) = (dice.weighted(&weights), dice.weighted(&weights));
        let quantity = if groups { 1 + dice.weighted(&[60, 25, 10, 5]) as u32 } else { 1 };
        demand.extend(Journey::new(a.min(b), a.max(b)).map(|journey| (journey, quantity)));
    }
    demand
}

fn sell(layout: &SeatLayout, demand: &[(Journey, u32)], seller: Seller, seed: u64) -> Sold {
    let mut dice = Dice(seed ^ 0xfeed);
    let mut planes = Planes::free(layout);
    let mut left = vec![layout.seats(); layout.legs()];
    let mut sold = Sold::default();
    for (journey, quantity) in demand {
        let seats = match seller {
            Seller::Counters => {
                let fits = journey.legs().all(|leg| left[leg] >= *quantity);
                fits.then(|| (0..*quantity).collect())
            }
            Seller::Search => {
                find(layout, &planes, &line(layout, *journey, *quantity, Together::Any)).ok()
            }
            Seller::RandomSeats => {
                let mut free = crate::seats::words::seats(&planes.free_on(*journey));
                let enough = free.len() >= *quantity as usize;
                let pick = |_| free.swap_remove(dice.roll(free.len() as u64) as usize);
                enough.then(|| (0..*quantity).map(pick).collect())
            }
        };
        let Some(seats) = seats else { continue };
        match seller {
            Seller::Counters => journey.legs().for_each(|leg| left[leg] -= quantity),
            _ => planes.take(*journey, &seats).unwrap(),
        }
        sold.orders += 1;
        sold.seat_legs += quantity * journey.legs().len() as u32;
    }
    sold
}

/// The worst of five lives with so many requests a seat, as parts of what counters accept: orders,
/// seat-legs. Where far more is asked for than there is, who refuses long journeys sells many short
/// ones: then seat-legs say more than orders.
fn worst(layout: &SeatLayout, requests: u32, groups: bool, seller: Seller) -> (f64, f64) {
    let mut worst = (f64::MAX, f64::MAX);
    for seed in 1..=5 {
        let demand = demand((layout.seats() * requests) as usize, groups, seed);
        let counters = sell(layout, &demand, Seller::Counters, seed);
        let all = layout.seats() * layout.legs() as u32;
        let part = |sold: u32, of: u32| f64::from(sold) / f64::from(of);
        let full = part(counters.seat_legs, all);
        assert!(full > 0.7, "counters sell {full:.3} of the train: too little is asked for");
        let sold = sell(layout, &demand, seller, seed);
        worst.0 = worst.0.min(part(sold.orders, counters.orders));
        worst.1 = worst.1.min(part(sold.seat_legs, counters.seat_legs));
    }
    worst
}

/// Fails unless at least `least` of the orders and of the seat-legs is sold.
fn assert_sells(layout: &SeatLayout, requests: u32, groups: bool, least: f64) {
    let (orders, seat_legs) = worst(layout, requests, groups, Seller::Search);
    assert!(
        orders >= least && seat_legs >= least,
        "{orders:.4} orders, {seat_legs:.4} seat-legs of what a counter a leg accepts"
    );
}

#[test]
fn a_train_of_1200_seats_sells_at_least_0_99_of_what_a_counter_a_leg_accepts() {
    let layout = train(STOPS, 16, 15);
    assert_eq!(layout.seats(), 1_200);
    // A whole life of 9,600 requests, and one that ends when the first requests have been refused.
    // Measured, the worst of five: 0.9995 and 0.9969 of the seat-legs. Random seats: 0.975 and
    // 0.903.
    assert_sells(&layout, 8, false, 0.99);
    assert_sells(&layout, 2, false, 0.99);
}

#[test]
fn a_train_of_60_seats_sells_at_least_0_97_of_what_a_counter_a_leg_accepts() {
    let layout = train(STOPS, 1, 12);
    assert_eq!(layout.seats(), 60);
    // Measured: 0.992 and 0.978. Random seats: 0.970 and 0.915.
    assert_sells(&layout, 8, false, 0.97);
    assert_sells(&layout, 2, false, 0.97);
}

#[test]
fn groups_of_up_to_four_sell_a_train_nearly_as_well() {
    assert_sells(&train(STOPS, 16, 15), 8, true, 0.99);
    assert_sells(&train(STOPS, 1, 12), 8, true, 0.95);
}

#[test]
fn random_seats_sell_clearly_fewer() {
    for layout in [train(STOPS, 16, 15), train(STOPS, 1, 12)] {
        let (orders, seat_legs) = worst(&layout, 2, false, Seller::RandomSeats);
        assert!(orders < 0.98 && seat_legs < 0.95, "{orders:.4} orders, {seat_legs:.4} seat-legs");
        let (_, seat_legs) = worst(&layout, 8, false, Seller::RandomSeats);
        assert!(seat_legs < 0.98, "{seat_legs:.4} seat-legs of a whole life");
    }
}
