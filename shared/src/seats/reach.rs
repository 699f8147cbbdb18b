//! Reach: what an edge needs to have of a class to refuse journeys from memory.
//!
//! Within a version the seats only become fewer. If none is free from stop `f` to stop `t`, none is
//! free from `f` to any later stop. So one number for each stop says everything: the farthest stop
//! that can still be reached from it with one seat. These numbers never fall from one stop to the
//! next (a seat that is free from `f` is free from `f + 1`), which makes them a staircase, and a
//! staircase of n legs has 2n steps: one bit each.

use crate::limits::LEGS_MAX;
use crate::seats::journey::Journey;
use crate::seats::planes::Planes;
use crate::seats::words::{count, zip};

/// The farthest stop that can be reached from each stop, each passenger on one seat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    farthest: Vec<u8>,
}

/// Digits of base64 (RFC 4648, section 5): none of them means anything in a header or address.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

impl Reach {
    /// How far `quantity` seats can be had from each stop, whether or not they stand together; a
    /// quantity of 0 counts as 1. With 1 this is what the edge latches. A second one for 2 refuses
    /// pairs as well; for any quantity [`Planes::most_free`] is a bound.
    #[must_use]
    pub fn of(planes: &Planes, quantity: u32) -> Self {
        let quantity = quantity.max(1);
        let farthest = (0..planes.legs()).map(|from| {
            let mut free = planes.plane(from).to_vec();
            let mut to = from;
            while count(&free) >= quantity {
                to += 1;
                if to == planes.legs() {
                    break;
                }
                free = zip(&free, planes.plane(to), |a, b| a & b);
            }
            to as u8
        });
        Self { farthest: farthest.collect() }
    }

    /// The farthest stop that can be reached from `from`; `from` itself if none can, or if there is
    /// no such stop.
    #[must_use]
    pub fn farthest(&self, from: usize) -> usize {
        self.farthest.get(from).map_or(from, |to| usize::from(*to))
    }

    /// Whether the journey can be had.
    #[must_use]
    pub fn has(&self, journey: Journey) -> bool {
        journey.to() <= self.farthest(journey.from())
    }

    /// Every journey over so many legs can be had.
    #[must_use]
    pub fn everywhere(legs: usize) -> Self {
        let legs = legs.min(LEGS_MAX);
        Self { farthest: vec![legs as u8; legs] }
    }

    /// How many legs there are.
    #[must_use]
    pub const fn legs(&self) -> usize {
        self.farthest.len()
    }

    /// How many journeys cannot be had.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.farthest.iter().map(|to| self.legs() - usize::from(*to)).sum()
    }

    /// Takes the journey away, and so all that contain it.
    pub fn lose(&mut self, journey: Journey) {
        if journey.to() <= self.legs() {
            let nearer = (journey.to() - 1) as u8;
            for to in &mut self.farthest[..=journey.from()] {
                *to = nearer.min(*to);
            }
        }
    }

    /// Takes away what `other`, which has as many legs, has not.
    pub fn meet(&mut self, other: &Self) {
        for (to, other) in self.farthest.iter_mut().zip(&other.farthest) {
            *to = (*other).min(*to);
        }
    }

    /// One digit with the number of legs, then the staircase, six steps a digit: 11 characters for
    /// 30 stops, 22 for 64.
    #[must_use]
    pub fn to_text(&self) -> String {
        let legs = self.farthest.len();
        let mut digits = vec![0u8; (2 * legs).div_ceil(6)];
        let (mut at, mut height) = (0, 0);
        for to in &self.farthest {
            while height < *to {
                digits[at / 6] |= 32 >> (at % 6);
                (at, height) = (at + 1, height + 1);
            }
            // A step to the side is a bit that stays 0.
            at += 1;
        }
        let digits = core::iter::once(legs as u8).chain(digits);
        digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
    }

    /// Reads what [`Self::to_text`] wrote; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = |c: u8| DIGITS.iter().position(|digit| *digit == c);
        let (legs, rest) = text.as_bytes().split_first()?;
        let legs = value(*legs)?;
        if !(1..=LEGS_MAX).contains(&legs) || rest.len() != (2 * legs).div_ceil(6) {
            return None;
        }
        let digits = rest.iter().map(|c| value(*c)).collect::<Option<Vec<usize>>>()?;
        let (mut farthest, mut height) = (Vec::with_capacity(legs), 0);
        for at in 0..6 * digits.len() {
            if digits[at / 6] & (32 >> (at % 6)) != 0 {
                height += 1;
            } else if farthest.len() < legs {
                farthest.push(height);
            }
        }
        let rises = |(from, to): (usize, &u8)| (from..=legs).contains(&usize::from(*to));
        let whole = farthest.len() == legs && farthest.iter().enumerate().all(rises);
        let reach = Self { farthest };
        (whole && reach.to_text() == text).then_some(reach)
    }
}
