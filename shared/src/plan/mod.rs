//! Plan: what a sale sells, its stops and its classes with their seats.
//!
//! People write a [`PlanDocument`] (TOML in a file, the same as JSON in the API). [`Plan`] is what
//! it means: every seat of a class has a number from 0, in the order in which coaches and blocks,
//! rows and seats are written. A ledger stores [`Plan::to_json`], which is the same for all
//! documents that mean the same, and is a document itself.
//!
//! A sale without a plan is one counter; nothing here concerns it.

mod append;
mod canonical;
mod compile;
mod document;
mod error;
mod label;
mod part;
mod pattern;
mod seat_book;
pub mod stored;
#[cfg(test)]
mod tests;

pub(crate) use compile::is_plan_id;
pub use document::{ClassDocument, PartDocument, PlanDocument, PlanHead};
pub use document::{QuotaDocument, StopDocument};
pub use error::{PlanError, PlanErrors};
pub use label::SeatLabel;
pub use part::{PartKind, PlanPart, PlanRow, SeatName};
pub use seat_book::UnsellablePlan;
pub use stored::StoredPlan;

use crate::limits::{PLAN_BYTES_MAX, SEATS_PER_WORD};
use core::ops::Range;

/// The format of documents that this version reads and writes.
pub const PLAN_FORMAT: u32 = 1;

/// A valid plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    stops: Vec<PlanStop>,
    classes: Vec<PlanClass>,
    quotas: Vec<PlanQuota>,
}

/// A station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStop {
    /// 1 to 32 letters, digits or `_`; begins with a letter.
    pub id: String,
    /// What people read.
    pub name: String,
}

/// Seats or places of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanClass {
    /// 1 to 32 letters, digits or `_`.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Its coaches or blocks, in the order of their seats; none where places are standing.
    parts: Vec<PlanPart>,
    /// Places without a seat, on each leg; 0 where there are seats.
    standing: u32,
}

/// A number that one class, or several together, may not exceed, on each leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanQuota {
    /// 1 to 32 letters, digits or `_`.
    pub id: String,
    /// What people read.
    pub name: String,
    /// Places of its classes in [`Plan::classes`], in rising order.
    pub classes: Vec<usize>,
    /// Seats and standing places of these classes that can be taken at a time: 1 to 10^9.
    pub size: u32,
}

/// A seat of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanSeat {
    /// The place of its class in [`Plan::classes`].
    pub class: usize,
    /// Its number in the class, from 0.
    pub number: u32,
}

impl Plan {
    /// Reads a plan as the API takes it and a ledger stores it.
    ///
    /// # Errors
    /// It is longer than [`PLAN_BYTES_MAX`], is no JSON, is of a later version of lastseat, or says
    /// something that makes no sense: then all errors at once.
    pub fn from_json(text: &str) -> Result<Self, PlanErrors> {
        if text.len() > PLAN_BYTES_MAX {
            return Err(PlanErrors::too_long());
        }
        let unreadable = |error| PlanErrors::one("plan", format!("is no JSON of a plan: {error}"));
        let head: PlanHead = serde_json::from_str(text).map_err(unreadable)?;
        head.check()?;
        serde_json::from_str::<PlanDocument>(text).map_err(unreadable)?.compile()
    }

    /// Its stops, in the order in which a train comes to them; none in a hall.
    #[must_use]
    pub fn stops(&self) -> &[PlanStop] {
        &self.stops
    }

    /// How many legs a seat has: one less than stops, and one in a hall.
    #[must_use]
    pub fn legs(&self) -> usize {
        self.stops.len().saturating_sub(1).max(1)
    }

    /// The place of a stop in [`Plan::stops`], from 0, by its id or by its number from 1.
    #[must_use]
    pub fn stop(&self, word: &str) -> Option<usize> {
        let by_id = || self.stops.iter().position(|stop| stop.id == word);
        match word.parse::<usize>() {
            Ok(number) => number.checked_sub(1).filter(|place| *place < self.stops.len()),
            Err(_) => by_id(),
        }
    }

    /// Its classes, in the order in which they are written.
    #[must_use]
    pub fn classes(&self) -> &[PlanClass] {
        &self.classes
    }

    /// The place of a class in [`Plan::classes`].
    #[must_use]
    pub fn class(&self, id: &str) -> Option<usize> {
        self.classes.iter().position(|class| class.id == id)
    }

    /// Its quotas, in the order in which they are written.
    #[must_use]
    pub fn quotas(&self) -> &[PlanQuota] {
        &self.quotas
    }

    /// Seats of all classes: 0 to 65,536.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.classes.iter().map(PlanClass::seats).sum()
    }

    /// The name of a seat of a class, by their numbers; `None` where there is no such seat.
    #[must_use]
    pub fn seat_name(&self, class: usize, seat: u32) -> Option<SeatName<'_>> {
        self.classes.get(class)?.name_of(seat)
    }

    /// Places without a seat, of all classes, on each leg.
    #[must_use]
    pub fn standing(&self) -> u64 {
        self.classes.iter().map(|class| u64::from(class.standing)).sum()
    }

    /// Bytes that a bit for each seat and leg takes, in words of 32 seats, a class and a leg at a
    /// time.
    #[must_use]
    pub fn plane_bytes(&self) -> usize {
        let words = self.classes.iter().map(|class| class.seats().div_ceil(SEATS_PER_WORD));
        words.sum::<u32>() as usize * self.legs() * (SEATS_PER_WORD as usize / 8)
    }

    /// The seat with this name, such as `3-12A` or `112-7-14`. No two seats of a plan have the same
    /// name.
    #[must_use]
    pub fn seat(&self, name: &str) -> Option<PlanSeat> {
        let mut classes = self.classes.iter().enumerate();
        classes.find_map(|(class, of)| Some(PlanSeat { class, number: of.number(name)? }))
    }
}

impl PlanClass {
    /// How many seats it has; their numbers are 0 to one less.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.parts.last().map_or(0, |part| part.seats().end)
    }

    /// Places without a seat, on each leg; 0 where there are seats.
    #[must_use]
    pub const fn standing(&self) -> u32 {
        self.standing
    }

    /// Its coaches or blocks; each has the seats of a range of numbers.
    #[must_use]
    pub fn parts(&self) -> &[PlanPart] {
        &self.parts
    }

    /// The ids of its coaches or blocks as a list, such as `1-8,16`.
    #[must_use]
    pub fn part_ids(&self) -> String {
        let ids: Vec<&str> = self.parts.iter().map(|part| part.id.as_str()).collect();
        label::compress(&ids)
    }

    /// Numbers of seats that are side by side: rows, cut at aisles and where a seat is missing. All
    /// seats of the class, in order, each in one of these ranges.
    pub fn benches(&self) -> impl Iterator<Item = Range<u32>> {
        self.parts.iter().flat_map(PlanPart::rows).flat_map(PlanRow::benches)
    }

    /// The number of the seat with this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u32> {
        let (part, rest) = name.split_once('-')?;
        self.parts.iter().find(|of| of.id == part)?.number(rest)
    }

    /// The name of the seat with this number.
    #[must_use]
    pub fn name_of(&self, number: u32) -> Option<SeatName<'_>> {
        let after = self.parts.partition_point(|part| part.seats().start <= number);
        self.parts.get(after.checked_sub(1)?)?.name_of(number)
    }
}
