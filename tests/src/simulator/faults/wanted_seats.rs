//! What a buyer of a sale with a plan wants: lines, and which part of them is paid or given back.

use super::super::chance::{happens, one};
use fastrand::Rng;
use shared::plan::Plan;
use shared::seats::{Journey, OrderLines, OrderPart, OrderSeats, SeatLine, Together};
use std::fmt;

/// What a buyer wants of a plan.
#[derive(Clone, PartialEq, Eq)]
pub struct WantedSeats {
    pub lines: OrderLines,
    /// What is paid of what is held; the rest goes back.
    pub pays: NamedPart,
    /// What is given back before the payment, and after it.
    pub returns: (Option<NamedPart>, Option<NamedPart>),
}

/// How a client names a part of its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedPart {
    Whole,
    /// The first line of which there is something.
    Line,
    /// The last seat.
    Seat,
}

impl NamedPart {
    /// The part of an order that has this; all of it where there is no such part.
    pub fn part_of(self, seats: &OrderSeats) -> OrderPart {
        let mut claims = seats.claims.iter().enumerate();
        let part = match self {
            Self::Whole => None,
            Self::Line => claims
                .find(|(_, claim)| claim.quantity > 0)
                .map(|(line, _)| OrderPart::Lines(vec![line])),
            Self::Seat => claims
                .filter_map(|(_, claim)| Some((claim.class, *claim.seats.last()?)))
                .next_back()
                .map(|seat| OrderPart::Seats(vec![seat])),
        };
        part.unwrap_or_default()
    }

    /// A part that leaves something.
    pub fn less_than(self, seats: &OrderSeats) -> Option<OrderPart> {
        let part = self.part_of(seats);
        let (_, rest) = seats.split(&part)?;
        rest.iter().any(|claim| claim.quantity > 0).then_some(part)
    }
}

impl WantedSeats {
    /// Draws what somebody wants of this plan.
    pub fn draw(rng: &mut Rng, plan: &Plan) -> Self {
        let count = if happens(rng, 350) { 2 } else { 1 };
        let lines: Vec<SeatLine> = (0..count).map(|_| line(rng, plan, true)).collect();
        let often = |rng: &mut Rng, per_mille| {
            happens(rng, per_mille).then(|| one(rng, &[NamedPart::Line, NamedPart::Seat]))
        };
        Self {
            lines: OrderLines::new(lines).expect("few lines for few tickets"),
            pays: often(rng, 300).unwrap_or(NamedPart::Whole),
            returns: (often(rng, 300), often(rng, 300)),
        }
    }

    /// One seat or place, wherever it is.
    pub fn plain(rng: &mut Rng, plan: &Plan) -> Self {
        let lines = OrderLines::new(vec![line(rng, plan, false)]).expect("one ticket");
        Self { lines, pays: NamedPart::Whole, returns: (None, None) }
    }

    /// The same with less of it: only the first line, no parts.
    pub fn plainer(&self) -> Self {
        let first = self.lines.as_slice()[..1].to_vec();
        let lines = OrderLines::new(first).expect("one of the lines");
        Self { lines, pays: NamedPart::Whole, returns: (None, None) }
    }
}

fn line(rng: &mut Rng, plan: &Plan, any: bool) -> SeatLine {
    let class = rng.usize(0..plan.classes().len());
    let from = rng.usize(0..plan.legs());
    let to = if happens(rng, 500) { from + 1 } else { rng.usize(from + 1..plan.legs() + 1) };
    let journey = Journey::new(from, to).expect("a journey of this plan");
    let quantity = if any && happens(rng, 350) { rng.u32(2..4) } else { 1 };
    let together = one(rng, &[Together::Any, Together::Any, Together::Coach, Together::Row]);
    let book = plan.seat_book().expect("a plan that is sold");
    let layout = book.layout(class).expect("a class of this plan");
    let line = SeatLine::new(class, layout, journey, quantity, together).expect("a line");
    if !any || layout.seats() < quantity || !happens(rng, 300) {
        return line;
    }
    let choices = (0..rng.usize(1..3)).map(|_| {
        let mut seats: Vec<u32> = (0..layout.seats()).collect();
        rng.shuffle(&mut seats);
        seats.truncate(quantity as usize);
        seats
    });
    let choices = choices.collect();
    let searches = happens(rng, 500);
    line.choosing(layout, choices, searches).expect("seats of this class")
}

impl fmt::Debug for WantedSeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.returns;
        write!(f, "{} pays {:?} gives back {before:?}, {after:?}", self.lines, self.pays)
    }
}
