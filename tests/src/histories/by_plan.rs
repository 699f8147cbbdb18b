//! What histories of sales with a plan ask for: lines, parts of orders, claims.

use fastrand::Rng;
use shared::domain::sale::{Creation, LateSeats, PageTerms};
use shared::limits::QUANTITY_MAX;
use shared::plan::Plan;
use shared::seats::{Journey, OrderLines, OrderPart, OrderSeats, SeatBook, SeatClaim};
use shared::seats::{SeatLine, Together};
use shared::{Capacity, Order, Terms};
use std::sync::Arc;

/// Small ones, so that they sell out; with classes of several words and rows of more than one.
const PLANS: [&str; 9] = [
    r#"{"stops":["A","B","C","D"],"classes":[
        {"id":"a","coaches":[{"ids":"1","rows":"1","letters":"ABC"}]}]}"#,
    r#"{"stops":["A","B","C","D","E"],"classes":[
        {"id":"a","coaches":[{"ids":"1-2","rows":"1-6","letters":"ABC DF"}]},
        {"id":"b","coaches":[{"ids":"3","rows":"1-3","letters":"AC DF"}]},{"id":"c","standing":7}],
        "quotas":[{"id":"load","classes":["a","c"],"size":50}]}"#,
    r#"{"stops":["A","B","C","D","E","F","G","H"],"classes":[
        {"id":"a","coaches":[{"ids":"1-3","rows":"1-14","letters":"ABC DF"}]}]}"#,
    r#"{"classes":[{"id":"a","blocks":[{"ids":"1-2","rows":"1-3","seats":"1-4 5-9"}]},
        {"id":"b","blocks":[{"ids":"3","rows":"1-4","seats":"1-8"}]}],
        "quotas":[{"id":"all","classes":["a","b"],"size":70}]}"#,
    r#"{"classes":[{"id":"a","blocks":[{"ids":"1","rows":"1-3","seats":"1-75"}]}]}"#,
    r#"{"stops":["A","B","C"],"classes":[
        {"id":"a","coaches":[{"ids":"1-2","seats":["1-45","46-90"]}]}]}"#,
    r#"{"classes":[{"id":"a","standing":20},{"id":"b","standing":9}],
        "quotas":[{"id":"all","classes":["a","b"],"size":24}]}"#,
    r#"{"classes":[{"id":"a","blocks":[{"ids":"1-5","seats":["1-3","4-5","6"]}]}]}"#,
    // One word more than are read at a time.
    r#"{"stops":["A","B","C"],"classes":[
        {"id":"a","coaches":[{"ids":"1-26","rows":"1-20","letters":"ABCD"}]}]}"#,
];

/// Those in which searches are hard: rows of several words, gaps of all lengths, many legs.
const HARD_PLANS: [&str; 5] = [
    r#"{"classes":[{"id":"a","blocks":[{"ids":"1-2","rows":"1-2","seats":"1-120"}]}]}"#,
    r#"{"stops":["A","B","C","D"],"classes":[
        {"id":"a","coaches":[{"ids":"1-2","seats":["1-70","71-140"]}]}]}"#,
    r#"{"classes":[{"id":"a","blocks":[{"ids":"1-3","rows":"1-9","seats":"1-3 4-8 9-15"}]},
        {"id":"b","blocks":[{"ids":"4-9","seats":["1-33","34-37"]}]}]}"#,
    r#"{"stops":["A","B","C","D","E"],"classes":[
        {"id":"a","coaches":[{"ids":"1-4","rows":"1-7","letters":"ABC DF"}]}]}"#,
    // 47 legs.
    r#"{"stops":["s0","s1","s2","s3","s4","s5","s6","s7","s8","s9","s10","s11","s12","s13","s14",
        "s15","s16","s17","s18","s19","s20","s21","s22","s23","s24","s25","s26","s27","s28","s29",
        "s30","s31","s32","s33","s34","s35","s36","s37","s38","s39","s40","s41","s42","s43","s44",
        "s45","s46","s47"],"classes":[
        {"id":"a","coaches":[{"ids":"1-2","rows":"1-9","letters":"ABC DF"}]}]}"#,
];

/// One of a few plans, a `hard` one or a usual one.
pub(super) fn plan(rng: &mut Rng, hard: bool) -> Arc<Plan> {
    let plans = if hard { &HARD_PLANS[..] } else { &PLANS[..] };
    Arc::new(Plan::from_json(plans[rng.usize(..plans.len())]).expect("a plan"))
}

/// A sale by this plan, in which groups may come; by a `hard` one, all that ask are served.
pub(super) fn creation(
    rng: &mut Rng,
    plan: &Arc<Plan>,
    terms: Terms,
    (open, hard): (bool, bool),
) -> Creation {
    if hard {
        return Creation {
            capacity: Capacity::new(plan.places()).expect("small"),
            terms: Terms { hold_ms: 60_000, order_limit: QUANTITY_MAX, ..Terms::default() },
            open: true,
            page: PageTerms { late_seats: late_seats(rng), ..PageTerms::default() },
            plan: Some(Arc::clone(plan)),
        };
    }
    let buyer_limit = if terms.buyer_limit > 0 { rng.u32(4..60) } else { 0 };
    let order_limit = if rng.bool() { 50 } else { rng.u32(3..9) };
    Creation {
        capacity: Capacity::new(plan.places()).expect("small"),
        terms: Terms { buyer_limit, order_limit, ..terms },
        open,
        page: PageTerms { late_seats: late_seats(rng), ..PageTerms::default() },
        plan: Some(Arc::clone(plan)),
    }
}

/// Most often other ones, with which more can happen.
pub(super) fn late_seats(rng: &mut Rng) -> LateSeats {
    if rng.u32(0..3) > 0 { LateSeats::Other } else { LateSeats::Same }
}

/// A part of `order`: most often one that it has.
pub(super) fn part(rng: &mut Rng, order: Option<&Order>) -> OrderPart {
    let seats = order.and_then(|order| order.seats.as_deref());
    let claims = seats.map_or(&[][..], |seats| &seats.claims);
    match rng.u32(0..12) {
        0 => OrderPart::Tickets(rng.u32(1..4)),
        1 => OrderPart::Tickets(order.map_or(1, |order| order.taken)),
        2 => OrderPart::Lines(vec![rng.usize(0..4)]),
        3 => OrderPart::Seats(vec![(rng.usize(0..2), rng.u32(0..9))]),
        4..=7 => {
            let lines = (0..claims.len()).filter(|_| rng.bool());
            OrderPart::Lines(lines.collect())
        }
        _ => {
            let seats = claims.iter().flat_map(|claim| {
                claim.seats.iter().map(|seat| (claim.class, *seat)).collect::<Vec<_>>()
            });
            let mut seats: Vec<(usize, u32)> = seats.filter(|_| rng.bool()).collect();
            seats.sort_unstable();
            seats.dedup();
            OrderPart::Seats(seats)
        }
    }
}

/// Fewer claims than an order has, at least one ticket.
pub(super) fn fewer(rng: &mut Rng, has: &OrderSeats) -> OrderSeats {
    let mut fewer = has.clone();
    for claim in &mut fewer.claims {
        for _ in 0..rng.u32(0..=claim.quantity) {
            if claim.quantity > 0 && rng.bool() {
                claim.quantity -= 1;
                if !claim.seats.is_empty() {
                    claim.seats.remove(rng.usize(..claim.seats.len()));
                }
            }
        }
    }
    if fewer.tickets() > 0 { fewer } else { has.clone() }
}

/// The seats of a plan.
pub(super) struct Seats {
    book: SeatBook,
    classes: usize,
    legs: usize,
    /// Whether the plan is one of the hard ones.
    pub(super) hard: bool,
}

impl Seats {
    pub(super) fn new(plan: Arc<Plan>, hard: bool) -> Self {
        let book = plan.seat_book().expect("a plan that was compiled");
        Self { book, classes: plan.classes().len(), legs: plan.legs(), hard }
    }

    /// One to three lines; once in a while one that the plan does not have.
    pub(super) fn any_lines(&self, rng: &mut Rng) -> OrderLines {
        if rng.u32(0..60) == 0 {
            let strange = ["9.0-1.1a", "0.0-60.1r", "0.0-1.1a=60000", "0.0-1.1r,7.0-1.1a"];
            return OrderLines::parse(strange[rng.usize(..strange.len())]).expect("lines");
        }
        let lines = if rng.u32(0..4) == 0 { rng.usize(2..4) } else { 1 };
        let lines = (0..lines).map(|_| self.line(rng)).collect();
        OrderLines::new(lines).expect("a few lines")
    }

    fn line(&self, rng: &mut Rng) -> SeatLine {
        let class = rng.usize(..self.classes);
        let layout = self.book.layout(class).expect("a class");
        let from = rng.usize(..self.legs);
        let to = rng.usize(from + 1..=self.legs);
        let journey = Journey::new(from, to).expect("a journey");
        let quantity = match rng.u32(0..20) {
            0..=9 => 1,
            10..=17 => rng.u32(2..6),
            18 => rng.u32(6..14),
            _ => rng.u32(25..50),
        };
        // In rows that are longer than a word.
        let long = layout.longest_row() > 40 && rng.u32(0..4) == 0;
        let quantity = if long { rng.u32(30..40) } else { quantity };
        let quantity = if self.hard { hard_quantity(rng, layout.longest_row()) } else { quantity };
        let together = [Together::Row, Together::Coach, Together::Any][rng.usize(..3)];
        let line = SeatLine::new(class, layout, journey, quantity, together).expect("a line");
        if layout.seats() < quantity || rng.u32(0..4) > 0 {
            return line;
        }
        let candidates = (0..rng.usize(1..4)).map(|_| some_seats(rng, layout.seats(), quantity));
        let candidates = candidates.collect();
        line.choosing(layout, candidates, rng.bool()).expect("seats of the class")
    }

    /// Lines, and claims that they may have.
    pub(super) fn any_order(&self, rng: &mut Rng) -> OrderSeats {
        let known = |lines: &OrderLines| {
            let mut lines = lines.as_slice().iter();
            lines.all(|line| {
                let layout = self.book.layout(line.class());
                layout.is_some_and(|layout| {
                    let seats = layout.seats();
                    line.journey().to() <= self.legs && (seats == 0 || seats >= line.quantity())
                })
            })
        };
        loop {
            let lines = self.any_lines(rng);
            if known(&lines) {
                return self.any_claims(rng, &lines);
            }
        }
    }

    /// Claims that these lines may have.
    pub(super) fn any_claims(&self, rng: &mut Rng, lines: &OrderLines) -> OrderSeats {
        let claim = |line: &SeatLine| {
            let seats = self.book.layout(line.class()).map_or(0, |layout| layout.seats());
            SeatClaim {
                class: line.class(),
                journey: line.journey(),
                quantity: line.quantity(),
                seats: if seats == 0 { vec![] } else { some_seats(rng, seats, line.quantity()) },
            }
        };
        let claims = lines.as_slice().iter().map(claim).collect();
        OrderSeats { lines: lines.clone(), claims }
    }
}

/// Up to more seats than there are in a row, small groups more often, and groups for which the
/// search of a row takes one step less or more than for their neighbours.
fn hard_quantity(rng: &mut Rng, row: u32) -> u32 {
    match rng.u32(0..6) {
        0 => rng.u32(1..=row + 3),
        1 => [17, 18, 31, 32, 33, 34, 65, 66][rng.usize(..8)].min(row + 3),
        _ => rng.u32(1..=6),
    }
}

/// So many of the first `seats` seats, most often side by side, in rising order.
fn some_seats(rng: &mut Rng, seats: u32, quantity: u32) -> Vec<u32> {
    let first = rng.u32(0..=seats - quantity);
    if rng.u32(0..3) > 0 {
        return (first..first + quantity).collect();
    }
    let mut all: Vec<u32> = (0..seats).collect();
    rng.shuffle(&mut all);
    all.truncate(quantity as usize);
    all.sort_unstable();
    all
}
