//! Lines of an order as they are stored: what it asked for, what it has got, and parts of that.
//!
//! All of it is text without spaces and colons, so that records and log entries can have it:
//!
//! | text | says |
//! |---|---|
//! | `0.2-8.3r` | a line: class 0, stop 2 to stop 8, 3 seats in one row (`c` one coach, `a` any) |
//! | `0.2-8.2r=12+13=40+41?` | the same with chosen claims, best first; `?` = others may be had |
//! | `0.2-8.2=12+13` | a claim: the seats of a line; without `=` where the class has none |
//! | `0.2-8.0` | a claim of which everything was given back |
//! | `0.2-8.1r,1.2-8.2a` | lists: lines of an order, and its claims in their order |
//!
//! Classes, stops and seats are numbers from 0, as in the plan of the sale.

use crate::limits::{ORDER_LINES_MAX, QUANTITY_MAX, SEAT_CANDIDATES_MAX, SEAT_CLASSES_MAX};
use crate::seats::book::SeatClaim;
use crate::seats::journey::Journey;
use crate::seats::line::{SeatLine, Together};
use core::fmt;
use std::sync::Arc;

/// What an order asks for, 1 to [`ORDER_LINES_MAX`] lines, together 1 to [`QUANTITY_MAX`] tickets.
/// Whether the sale has such classes, stops and seats is not known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLines(Arc<[SeatLine]>);

/// What an order asked for and what it has, or had when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderSeats {
    /// The lines as they were asked for; part of what the order's id stands for.
    pub lines: OrderLines,
    /// A claim for each line, in their order.
    pub claims: Vec<SeatClaim>,
}

/// The part of an order that a call is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OrderPart {
    /// All of it.
    #[default]
    Whole,
    /// So many tickets. Of an order with lines that must be all that it has.
    Tickets(u32),
    /// These lines, by their places in the order, from 0, in rising order, each once.
    Lines(Vec<usize>),
    /// These seats: pairs of class and seat in rising order, each once. Where several lines have
    /// the same seat, for journeys after each other, it is named in all of them.
    Seats(Vec<(usize, u32)>),
}

impl OrderLines {
    /// `None` unless there are 1 to [`ORDER_LINES_MAX`] lines for 1 to [`QUANTITY_MAX`] tickets.
    #[must_use]
    pub fn new(lines: Vec<SeatLine>) -> Option<Self> {
        let tickets: u32 = lines.iter().map(SeatLine::quantity).sum();
        let fits = (1..=ORDER_LINES_MAX).contains(&lines.len());
        (fits && (1..=QUANTITY_MAX).contains(&tickets)).then(|| Self(lines.into()))
    }

    /// The lines.
    #[must_use]
    pub fn as_slice(&self) -> &[SeatLine] {
        &self.0
    }

    /// Tickets of all lines, 1 to [`QUANTITY_MAX`].
    #[must_use]
    pub fn tickets(&self) -> u32 {
        self.0.iter().map(SeatLine::quantity).sum()
    }

    /// Reads the text; `None` for one that [`fmt::Display`] does not write.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let lines = text.split(',').map(read_line).collect::<Option<_>>()?;
        Self::new(lines).filter(|lines| lines.to_string() == text)
    }
}

impl fmt::Display for OrderLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, line) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let together = match line.together() {
                Together::Row => 'r',
                Together::Coach => 'c',
                Together::Any => 'a',
            };
            write!(f, "{comma}{}{together}", Head(line.class(), line.journey(), line.quantity()))?;
            for candidate in line.candidates() {
                write!(f, "{}", Seats(candidate))?;
            }
            if line.searches() && !line.candidates().is_empty() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

impl OrderSeats {
    /// Tickets that the order has.
    #[must_use]
    pub fn tickets(&self) -> u32 {
        self.claims.iter().map(|claim| claim.quantity).sum()
    }

    /// Places on legs that the order has: what capacity, held and confirmed of its sale count.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.claims.iter().map(SeatClaim::places).sum()
    }

    /// `None` unless there is a claim for each line, of its class and journey and of no more
    /// tickets.
    #[must_use]
    pub fn new(lines: OrderLines, claims: Vec<SeatClaim>) -> Option<Self> {
        let of_line = |(line, claim): (&SeatLine, &SeatClaim)| {
            line.class() == claim.class
                && line.journey() == claim.journey
                && line.quantity() >= claim.quantity
        };
        let fit = lines.0.len() == claims.len() && lines.0.iter().zip(&claims).all(of_line);
        fit.then_some(Self { lines, claims })
    }

    /// Reads the texts of lines and claims; `None` if they are not those of one order.
    #[must_use]
    pub fn parse(lines: &str, claims: &str) -> Option<Self> {
        Self::new(OrderLines::parse(lines)?, claims_of_text(claims)?)
    }

    /// The claims of this part, and those that are left without it; `None` if the order does not
    /// have all of the part, or has nothing of it.
    #[must_use]
    pub fn split(&self, part: &OrderPart) -> Option<(Vec<SeatClaim>, Vec<SeatClaim>)> {
        let empty =
            |claim: &SeatClaim| SeatClaim { quantity: 0, seats: Vec::new(), ..claim.clone() };
        let none = || self.claims.iter().map(empty).collect::<Vec<_>>();
        let (named, rest) = match part {
            OrderPart::Whole => (self.claims.clone(), none()),
            OrderPart::Tickets(tickets) if *tickets == self.tickets() => {
                (self.claims.clone(), none())
            }
            OrderPart::Tickets(_) => return None,
            OrderPart::Lines(lines) => {
                let has = |at: &usize| self.claims.get(*at).is_some_and(|claim| claim.quantity > 0);
                if !lines.iter().all(has) {
                    return None;
                }
                let (mut named, mut rest) = (none(), self.claims.clone());
                for at in lines {
                    core::mem::swap(&mut named[*at], &mut rest[*at]);
                }
                (named, rest)
            }
            OrderPart::Seats(seats) => {
                let (mut named, mut rest) = (none(), self.claims.clone());
                for (class, seat) in seats {
                    let holds =
                        |claim: &SeatClaim| claim.class == *class && claim.seats.contains(seat);
                    // On all its journeys: one of several at a time would be a further one with
                    // each repeat of the call.
                    let of_it: Vec<usize> =
                        (0..rest.len()).filter(|at| holds(&rest[*at])).collect();
                    if of_it.is_empty() {
                        return None;
                    }
                    for at in of_it {
                        rest[at].seats.retain(|other| other != seat);
                        rest[at].quantity -= 1;
                        named[at].seats.push(*seat);
                        named[at].quantity += 1;
                    }
                }
                (named, rest)
            }
        };
        (named.iter().any(|claim| claim.quantity > 0)).then_some((named, rest))
    }

    /// Whether each claim has no more than that of `other`, which asked for the same: whether this
    /// may have become of it.
    #[must_use]
    pub fn is_part_of(&self, other: &Self) -> bool {
        let within = |(one, of): (&SeatClaim, &SeatClaim)| {
            one.quantity <= of.quantity && one.seats.iter().all(|seat| of.seats.contains(seat))
        };
        self.lines == other.lines && self.claims.iter().zip(&other.claims).all(within)
    }

    /// Whether each claim has no more places than that of `other`, which asked for the same,
    /// whichever seats: whether this may have become of it by a late payment that got other seats.
    #[must_use]
    pub fn is_no_more_than(&self, other: &Self) -> bool {
        let within = |(one, of): (&SeatClaim, &SeatClaim)| one.quantity <= of.quantity;
        self.lines == other.lines && self.claims.iter().zip(&other.claims).all(within)
    }

    /// The lines of which the order has something, asked for once more: each for what it has, as
    /// close together as before, with its seats as the first choice and any others after them.
    /// `None` if the order has nothing.
    #[must_use]
    pub fn asked_again(&self) -> Option<OrderLines> {
        let claims = self.lines.0.iter().zip(&self.claims).filter(|(_, of)| of.quantity > 0);
        let lines = claims.map(|(line, has)| {
            let chosen = (!has.seats.is_empty()).then(|| has.seats.clone());
            SeatLine::of_parts(
                has.class,
                has.journey,
                has.quantity,
                line.together(),
                chosen.into_iter().collect(),
                true,
            )
        });
        OrderLines::new(lines.collect::<Option<_>>()?)
    }

    /// The claims of all lines, where [`OrderSeats::asked_again`] found these.
    #[must_use]
    pub fn with_found(&self, found: Vec<SeatClaim>) -> Vec<SeatClaim> {
        let mut found = found.into_iter();
        let of = |has: &SeatClaim| {
            let other = if has.quantity > 0 { found.next() } else { None };
            other.unwrap_or_else(|| has.clone())
        };
        self.claims.iter().map(of).collect()
    }
}

impl OrderPart {
    /// The argument of a script: empty for all, `n3` tickets, `l0,2` lines, `s0.12,0.13` seats.
    #[must_use]
    pub fn to_text(&self) -> String {
        let list = |words: Vec<String>| words.join(",");
        match self {
            Self::Whole => String::new(),
            Self::Tickets(tickets) => format!("n{tickets}"),
            Self::Lines(lines) => {
                format!("l{}", list(lines.iter().map(usize::to_string).collect()))
            }
            Self::Seats(seats) => {
                let word = |(class, seat): &(usize, u32)| format!("{class}.{seat}");
                format!("s{}", list(seats.iter().map(word).collect()))
            }
        }
    }
}

impl SeatClaim {
    /// Places on legs: its quantity on each of its legs.
    #[must_use]
    pub fn places(&self) -> u32 {
        self.quantity * self.journey.legs().len() as u32
    }
}

/// The text of claims.
#[must_use]
pub fn text_of_claims(claims: &[SeatClaim]) -> String {
    let text = |claim: &SeatClaim| {
        let head = Head(claim.class, claim.journey, claim.quantity);
        match claim.seats.as_slice() {
            [] => head.to_string(),
            seats => format!("{head}{}", Seats(seats)),
        }
    };
    claims.iter().map(text).collect::<Vec<_>>().join(",")
}

/// Reads the text of claims; `None` for one that [`text_of_claims`] does not write.
#[must_use]
pub fn claims_of_text(text: &str) -> Option<Vec<SeatClaim>> {
    let claims: Vec<SeatClaim> = text.split(',').map(read_claim).collect::<Option<_>>()?;
    let fits = claims.len() <= ORDER_LINES_MAX && text_of_claims(&claims) == text;
    fits.then_some(claims)
}

struct Head(usize, Journey, u32);

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(class, journey, quantity) = self;
        write!(f, "{class}.{}-{}.{quantity}", journey.from(), journey.to())
    }
}

struct Seats<'a>(&'a [u32]);

impl fmt::Display for Seats<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sign = '=';
        for seat in self.0 {
            write!(f, "{sign}{seat}")?;
            sign = '+';
        }
        Ok(())
    }
}

/// Class, journey and quantity, and what follows them.
fn read_head(text: &str) -> Option<(Head, &str)> {
    let (class, rest) = text.split_once('.')?;
    let (from, rest) = rest.split_once('-')?;
    let (to, rest) = rest.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (quantity, rest) = rest.split_at(end);
    let class = class.parse().ok().filter(|class| *class < SEAT_CLASSES_MAX)?;
    let journey = Journey::new(from.parse().ok()?, to.parse().ok()?)?;
    let quantity = quantity.parse().ok().filter(|quantity| *quantity <= QUANTITY_MAX)?;
    Some((Head(class, journey, quantity), rest))
}

fn read_seats(text: &str) -> Option<Vec<u32>> {
    let seats: Vec<u32> = text.split('+').map(|seat| seat.parse().ok()).collect::<Option<_>>()?;
    seats.windows(2).all(|two| two[0] < two[1]).then_some(seats)
}

fn read_line(text: &str) -> Option<SeatLine> {
    let (Head(class, journey, quantity), rest) = read_head(text)?;
    let together = match rest.as_bytes().first()? {
        b'r' => Together::Row,
        b'c' => Together::Coach,
        b'a' => Together::Any,
        _ => return None,
    };
    let rest = &rest[1..];
    let (rest, searches) = match rest.strip_suffix('?') {
        Some(rest) => (rest, true),
        None => (rest, rest.is_empty()),
    };
    let candidates = match rest.strip_prefix('=') {
        None if rest.is_empty() => Vec::new(),
        None => return None,
        Some(rest) => rest.split('=').map(read_seats).collect::<Option<Vec<_>>>()?,
    };
    let as_many = candidates.iter().all(|claim| claim.len() == quantity as usize);
    if !as_many || candidates.len() > SEAT_CANDIDATES_MAX {
        return None;
    }
    SeatLine::of_parts(class, journey, quantity, together, candidates, searches)
}

fn read_claim(text: &str) -> Option<SeatClaim> {
    let (Head(class, journey, quantity), rest) = read_head(text)?;
    let seats = match rest.strip_prefix('=') {
        None if rest.is_empty() => Vec::new(),
        None => return None,
        Some(seats) => read_seats(seats)?,
    };
    let fits = seats.is_empty() || seats.len() == quantity as usize;
    fits.then_some(SeatClaim { class, journey, quantity, seats })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_claims_read_back_from_their_texts() {
        for text in ["0.2-8.3r", "63.0-63.1000a", "0.2-8.2r=12+13=40+41?,1.0-1.1c=7", "0.0-1.1a=3?"]
        {
            assert_eq!(OrderLines::parse(text).unwrap().to_string(), text);
        }
        for text in ["0.2-8.2=12+13", "0.2-8.0,1.0-1.4", "0.0-1.1=3,0.0-1.1=4"] {
            assert_eq!(text_of_claims(&claims_of_text(text).unwrap()), text);
        }
    }

    #[test]
    fn other_texts_are_no_lines_and_no_claims() {
        for text in [
            "",
            "0",
            "0.2-8.3",
            "0.8-2.3r",
            "64.2-8.3r",
            "0.2-8.0r",
            "0.2-8.1001r",
            "0.2-8.3q",
            "0.2-8.1r?",
            "0.2-8.2r=12",
            "0.2-8.2r=13+12",
            "0.2-8.1r=",
            "00.2-8.1r",
            "0.2-8.1r,",
            "0.0-64.1r",
            "0.2-8.1r=5x",
        ] {
            assert_eq!(OrderLines::parse(text), None, "{text}");
        }
        for text in
            ["", "0.2-8.2=12", "0.2-8.1=", "0.2-8.1r", "0.2-8.01", "0.2-8.2=12+12", ",0.2-8.1"]
        {
            assert_eq!(claims_of_text(text), None, "{text}");
        }
        assert!(OrderLines::parse(&["0.0-1.1r"; 9].join(",")).is_none(), "more than 8 lines");
        assert!(OrderLines::parse("0.0-1.600r,0.0-1.600r").is_none(), "more than 1,000 tickets");
        assert!(OrderSeats::parse("0.0-1.1r", "0.0-1.2=1+2").is_none(), "more than was asked for");
        assert!(OrderSeats::parse("0.0-1.1r", "1.0-1.1=1").is_none(), "of another class");
    }

    #[test]
    fn a_seat_that_two_lines_have_is_named_once_for_both_so_that_a_repeat_finds_nothing() {
        let order = OrderSeats::parse("0.0-1.1a,0.1-2.2a", "0.0-1.1=8,0.1-2.2=7+8").unwrap();
        let seat = OrderPart::Seats(vec![(0, 8)]);
        let (named, rest) = order.split(&seat).unwrap();
        assert_eq!(text_of_claims(&named), "0.0-1.1=8,0.1-2.1=8");
        assert_eq!(text_of_claims(&rest), "0.0-1.0,0.1-2.1=7");
        assert_eq!(OrderSeats { claims: rest, ..order }.split(&seat), None);
    }

    #[test]
    fn a_part_is_named_by_lines_or_seats_and_the_rest_stays() {
        let order = OrderSeats::parse("0.0-2.2r,1.0-1.3a", "0.0-2.2=4+5,1.0-1.3").unwrap();
        assert_eq!((order.tickets(), order.places()), (5, 7));
        let split = |part: OrderPart| {
            order.split(&part).map(|(named, rest)| (text_of_claims(&named), text_of_claims(&rest)))
        };
        let both = |named: &str, rest: &str| Some((named.to_owned(), rest.to_owned()));
        assert_eq!(split(OrderPart::Whole), both("0.0-2.2=4+5,1.0-1.3", "0.0-2.0,1.0-1.0"));
        assert_eq!(split(OrderPart::Tickets(5)), split(OrderPart::Whole));
        assert_eq!(split(OrderPart::Tickets(4)), None);
        assert_eq!(
            split(OrderPart::Lines(vec![1])),
            both("0.0-2.0,1.0-1.3", "0.0-2.2=4+5,1.0-1.0")
        );
        assert_eq!(split(OrderPart::Lines(vec![2])), None);
        assert_eq!(
            split(OrderPart::Seats(vec![(0, 5)])),
            both("0.0-2.1=5,1.0-1.0", "0.0-2.1=4,1.0-1.3")
        );
        assert_eq!(split(OrderPart::Seats(vec![(0, 6)])), None);
        let less = OrderSeats::parse("0.0-2.2r,1.0-1.3a", "0.0-2.1=4,1.0-1.0").unwrap();
        assert!(less.is_part_of(&order) && !order.is_part_of(&less) && order.is_part_of(&order));
        let moved = OrderSeats::parse("0.0-2.2r,1.0-1.3a", "0.0-2.1=6,1.0-1.3").unwrap();
        assert!(moved.is_no_more_than(&order) && !moved.is_part_of(&order));
        assert!(!order.is_no_more_than(&moved));
    }

    #[test]
    fn what_an_order_has_is_asked_for_once_more_with_its_seats_as_the_first_choice() {
        let lines = "0.0-2.3r=1+2+3,1.0-1.3a,0.0-1.2c";
        let order = OrderSeats::parse(lines, "0.0-2.2=4+5,1.0-1.3,0.0-1.0").unwrap();
        let again = order.asked_again().unwrap();
        assert_eq!(again.to_string(), "0.0-2.2r=4+5?,1.0-1.3a");
        let found = claims_of_text("0.0-2.2=7+8,1.0-1.3").unwrap();
        let all = order.with_found(found);
        assert_eq!(text_of_claims(&all), "0.0-2.2=7+8,1.0-1.3,0.0-1.0");
        let nothing = OrderSeats::parse("0.0-1.1r", "0.0-1.0").unwrap();
        assert_eq!(nothing.asked_again(), None);
    }
}
