//! Coaches and blocks of a class: where their seats and rows begin and end, how seats are named.

use super::label::SeatLabel;
use super::pattern::{RowPattern, SeatStyle};
use core::fmt;
use core::ops::Range;
use std::sync::Arc;

/// What a part of a class is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartKind {
    /// A coach of a train.
    Coach,
    /// A block of a hall or a deck of a ship.
    Block,
}

impl PartKind {
    /// The word for people.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coach => "coach",
            Self::Block => "block",
        }
    }
}

/// Those of the seats of one coach or block that are of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanPart {
    /// 1 to 16 letters, digits or `_`. A coach with two classes is a part of each.
    pub id: String,
    /// What it is.
    pub kind: PartKind,
    /// What people read in the place of "block 112"; `{id}` stands for the id.
    pub(super) name: Option<Arc<str>>,
    pub(super) rows: Vec<PlanRow>,
}

/// A row of a coach or block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// None where seats are numbered through the whole coach or block.
    pub(super) label: Option<SeatLabel>,
    pub(super) pattern: Arc<RowPattern>,
    /// The number of its first seat.
    pub(super) first: u32,
}

/// The name of one seat, in parts. Displayed as machines write it, `3-12A` or `112-7-14`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatName<'a> {
    /// What its part is.
    pub kind: PartKind,
    /// The id of its coach or block.
    pub part: &'a str,
    /// What people read in the place of the id, if that is set.
    pub part_name: Option<String>,
    /// The row, if rows have labels.
    pub row: Option<&'a str>,
    /// The seat in its row: a letter, which is read with the row, or a number.
    pub seat: &'a str,
    /// Whether row and seat are one word: `12A`.
    pub is_lettered: bool,
}

impl PlanPart {
    /// What people read in the place of "block 112", if that is set.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        self.name.as_ref().map(|name| name.replace("{id}", &self.id))
    }

    /// The numbers of its seats in the class.
    #[must_use]
    pub fn seats(&self) -> Range<u32> {
        let ends = (self.rows.first(), self.rows.last());
        let (Some(first), Some(last)) = ends else { return 0..0 };
        first.first..last.seats().end
    }

    /// Its rows, in the order of their seats.
    #[must_use]
    pub fn rows(&self) -> &[PlanRow] {
        &self.rows
    }

    /// The number of the seat that is called `rest` in this part: `12A`, `7-14` or `74`.
    pub(super) fn number(&self, rest: &str) -> Option<u32> {
        self.rows.iter().find_map(|row| {
            let seat = row.seat_of(rest)?;
            let seats = row.pattern.seats().iter();
            let place = seats.clone().position(|label| label.as_str() == seat)?;
            Some(row.first + u32::try_from(place).ok()?)
        })
    }

    pub(super) fn name_of(&self, number: u32) -> Option<SeatName<'_>> {
        let after = self.rows.partition_point(|row| row.first <= number);
        let row = self.rows.get(after.checked_sub(1)?)?;
        let place = usize::try_from(number - row.first).ok()?;
        Some(SeatName {
            kind: self.kind,
            part: &self.id,
            part_name: self.name(),
            row: row.label(),
            seat: row.pattern.seats().get(place)?.as_str(),
            is_lettered: row.pattern.style() == SeatStyle::Letters,
        })
    }
}

impl PlanRow {
    /// Its label, if rows have labels.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_ref().map(SeatLabel::as_str)
    }

    /// The numbers of its seats in the class.
    #[must_use]
    pub fn seats(&self) -> Range<u32> {
        let count = u32::try_from(self.pattern.seats().len()).unwrap_or(u32::MAX);
        self.first..self.first.saturating_add(count)
    }

    /// Numbers of seats that are side by side.
    pub fn benches(&self) -> impl Iterator<Item = Range<u32>> {
        let benches = self.pattern.benches().iter();
        benches.map(|bench| self.first + bench.start..self.first + bench.end)
    }

    /// What remains of the name of a seat for its place in this row, if it can be of this row.
    fn seat_of<'a>(&self, rest: &'a str) -> Option<&'a str> {
        let Some(label) = self.label() else { return Some(rest) };
        let seat = rest.strip_prefix(label)?;
        match self.pattern.style() {
            SeatStyle::Letters => Some(seat),
            SeatStyle::Numbers => seat.strip_prefix('-'),
        }
    }

    /// The names of its seats, without that of coach or block.
    pub(super) fn local_names(&self) -> impl Iterator<Item = String> {
        let row = self.label().unwrap_or_default();
        let dash = match (self.label, self.pattern.style()) {
            (Some(_), SeatStyle::Numbers) => "-",
            _ => "",
        };
        self.pattern.seats().iter().map(move |seat| format!("{row}{dash}{seat}"))
    }
}

impl SeatName<'_> {
    /// For people, in English: `coach 3, 12A` or `block 112, row 7, seat 14`.
    #[must_use]
    pub fn words(&self) -> String {
        let id = || format!("{} {}", self.kind.as_str(), self.part);
        let part = self.part_name.clone().unwrap_or_else(id);
        match (self.row, self.is_lettered) {
            (Some(row), true) => format!("{part}, {row}{}", self.seat),
            (Some(row), false) => format!("{part}, row {row}, seat {}", self.seat),
            (None, _) => format!("{part}, seat {}", self.seat),
        }
    }
}

impl fmt::Display for SeatName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = self.row.unwrap_or_default();
        let dash = if self.row.is_some() && !self.is_lettered { "-" } else { "" };
        write!(f, "{}-{row}{dash}{}", self.part, self.seat)
    }
}
