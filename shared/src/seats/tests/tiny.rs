//! A tiny train, exhaustively: 3 seats, 4 stops, every sequence of 5 orders and cancellations.

use super::*;
use std::collections::BTreeSet;

/// What is taken, as claims in order of their seats; two ways to one state are one.
type State = BTreeSet<(Journey, Vec<u32>)>;

struct Tiny {
    layout: SeatLayout,
    lines: Vec<SeatLine>,
    answers: usize,
    refusals: usize,
}

impl Tiny {
    fn planes(&self, state: &State) -> (Planes, SeatModel) {
        let mut both = (Planes::free(&self.layout), SeatModel::new(&self.layout));
        for (journey, seats) in state {
            both.0.take(*journey, seats).unwrap();
            both.1.take(*journey, seats).unwrap();
        }
        both
    }

    /// Each state that one order or one cancellation leads to.
    fn next(&mut self, state: &State) -> Vec<State> {
        let (planes, model) = self.planes(state);
        let mut next = Vec::new();
        for line in &self.lines {
            let said = find(&self.layout, &planes, line);
            let judged = model.judge(line, &said);
            assert_eq!(judged, Ok(()), "{line:?} gets {said:?} where {state:?} is taken");
            self.answers += 1;
            match said {
                Ok(seats) => {
                    next.push(state.iter().cloned().chain([(line.journey(), seats)]).collect())
                }
                Err(_) => self.refusals += 1,
            }
        }
        for (journey, seats) in state {
            let (mut planes, mut state) = (planes.clone(), state.clone());
            planes.give_back(*journey, seats).unwrap();
            state.remove(&(*journey, seats.clone()));
            assert_eq!(planes, self.planes(&state).0, "what is given back can be had again");
            next.push(state);
        }
        next
    }

    /// Every state after at most `depth` orders and cancellations.
    fn states(&mut self, depth: usize) -> BTreeSet<State> {
        let mut all = BTreeSet::from([State::new()]);
        let mut newest = all.clone();
        for _ in 0..depth {
            let next = newest.iter().flat_map(|state| self.next(state)).collect::<BTreeSet<_>>();
            newest = next.difference(&all).cloned().collect();
            all.extend(next);
        }
        all
    }
}

fn tiny() -> Tiny {
    let layout = SeatLayout::new(3, &ranges(&[2, 1]), &ranges(&[2, 1]), true).unwrap();
    let mut lines = Vec::new();
    for journey in journeys(3) {
        for (quantity, together) in
            [(1, Together::Any), (2, Together::Row), (2, Together::Any), (3, Together::Any)]
        {
            lines.push(line(&layout, journey, quantity, together));
        }
    }
    Tiny { layout, lines, answers: 0, refusals: 0 }
}

#[test]
fn every_sequence_of_five_orders_and_cancellations_of_a_tiny_train_is_answered_rightly() {
    let mut tiny = tiny();
    let states = tiny.states(5);
    let (answers, refusals) = (tiny.answers, tiny.refusals);
    assert!(states.len() > 500, "{} states", states.len());
    assert!(refusals * 10 > answers, "{refusals} of {answers} answers were refusals");
}

/// Every set of seats that would do for a line.
fn choices(line: &SeatLine) -> Vec<Vec<u32>> {
    let sets = (1..8u32).map(|set| (0..3).filter(|seat| set >> seat & 1 == 1).collect::<Vec<_>>());
    let sets = sets.filter(|set| set.len() == line.quantity() as usize);
    // Of the three seats, 0 and 1 stand side by side.
    sets.filter(|set| set.len() != 2 || line.together() != Together::Row || set == &[0, 1])
        .collect()
}

/// Whether all lines can be served, by trying every way.
fn is_possible(planes: &Planes, lines: &[SeatLine]) -> bool {
    let Some((line, others)) = lines.split_first() else { return true };
    choices(line).iter().any(|seats| {
        let mut planes = planes.clone();
        planes.take(line.journey(), seats).is_ok() && is_possible(&planes, others)
    })
}

#[test]
fn the_lines_of_an_order_on_a_tiny_train_are_served_whenever_there_is_a_way() {
    let mut tiny = tiny();
    let states = tiny.states(3);
    let lines = || tiny.lines.iter().filter(|line| line.quantity() < 3);
    let ones = || tiny.lines.iter().filter(|line| line.quantity() == 1);
    let two = lines().flat_map(|a| lines().map(|b| vec![a.clone(), b.clone()]));
    let three = ones().flat_map(|a| {
        ones().flat_map(move |b| ones().map(|c| vec![a.clone(), b.clone(), c.clone()]))
    });
    let orders: Vec<Vec<SeatLine>> = two.chain(three).collect();
    let (mut served, mut refused, mut missed) = (0, 0, Vec::new());
    for state in &states {
        let (planes, _) = tiny.planes(state);
        let mut book = SeatBook::new(vec![tiny.layout.clone()], Vec::new()).unwrap();
        let taken = state.iter().map(|(journey, seats)| SeatClaim {
            class: 0,
            journey: *journey,
            quantity: seats.len() as u32,
            seats: seats.clone(),
        });
        book.take(&taken.collect::<Vec<_>>()).unwrap();
        for order in &orders {
            match book.place(order).unwrap() {
                Ok(claims) => {
                    served += 1;
                    book.give_back(&claims).unwrap();
                }
                Err(_) if is_possible(&planes, order) => missed.push((state, order)),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(served > 1_000 && refused > 1_000, "{served} served, {refused} refused");
    assert!(missed.is_empty(), "{} of {served} missed: {:?}", missed.len(), missed.first());
}
