//! Layout of a class: its seats by number, the rows they stand in, the coaches of the rows.

use crate::limits::{LEGS_MAX, SEATS_MAX};
use crate::seats::words::{bit_of, words_of};
use core::ops::Range;

/// Why a layout was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeatLayoutError {
    /// No legs, or too many.
    #[error("a class has 1 to {max} legs", max = LEGS_MAX)]
    Legs,
    /// Too many seats.
    #[error("a class has at most {max} seats", max = SEATS_MAX)]
    Seats,
    /// Rows or coaches leave seats out, overlap or are empty.
    #[error("rows, and coaches, must follow each other from seat 0 without a gap; see seat {0}")]
    Gap(u32),
    /// A row stands in two coaches, or coaches have more or fewer seats than rows.
    #[error("a coach must end where a row ends; seat {0} is within a row")]
    Coach(u32),
    /// The rule about single seats is for halls.
    #[error("the rule about single seats is for classes with one leg")]
    SingleRule,
}

/// The seats of one class. They are numbered from 0, row by row and coach by coach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatLayout {
    legs: usize,
    seats: u32,
    rows: Vec<Range<u32>>,
    coaches: Vec<Range<u32>>,
    joined: Vec<u32>,
    longest_row: u32,
    keeps_singles: bool,
}

impl SeatLayout {
    /// A class whose seats stand in `rows`: numbers of seats side by side, cut at aisles. `coaches`
    /// (or blocks) are numbers of seats as well; each ends where a row ends. With `keeps_singles` a
    /// single seat may be left in a row; without it (the hall's rule) the search avoids that while
    /// there is another way.
    ///
    /// # Errors
    /// Not 1 to [`LEGS_MAX`] legs, more than [`SEATS_MAX`] seats, rows or coaches that do not
    /// follow each other from seat 0, or the hall's rule with more than one leg.
    pub fn new(
        legs: usize,
        rows: &[Range<u32>],
        coaches: &[Range<u32>],
        keeps_singles: bool,
    ) -> Result<Self, SeatLayoutError> {
        if !(1..=LEGS_MAX).contains(&legs) {
            return Err(SeatLayoutError::Legs);
        }
        if !keeps_singles && legs > 1 {
            return Err(SeatLayoutError::SingleRule);
        }
        let seats = end_of(rows)?;
        if end_of(coaches)? != seats {
            return Err(SeatLayoutError::Coach(seats));
        }
        let mut joined = vec![0; words_of(seats)];
        for row in rows {
            for seat in row.start..row.end - 1 {
                let (word, bit) = bit_of(seat);
                joined[word] |= bit;
            }
        }
        for coach in coaches.iter().filter(|coach| coach.end < seats) {
            let (word, bit) = bit_of(coach.end - 1);
            if joined[word] & bit != 0 {
                return Err(SeatLayoutError::Coach(coach.end));
            }
        }
        let longest_row = rows.iter().map(|row| row.end - row.start).max().unwrap_or(0);
        Ok(Self {
            legs,
            seats,
            rows: rows.to_vec(),
            coaches: coaches.to_vec(),
            joined,
            longest_row,
            keeps_singles,
        })
    }

    /// A class of places that are only counted, such as those of a hall where people stand: it has
    /// no seats, and a quota bounds it.
    ///
    /// # Errors
    /// Not 1 to [`LEGS_MAX`] legs.
    pub fn without_seats(legs: usize) -> Result<Self, SeatLayoutError> {
        Self::new(legs, &[], &[], true)
    }

    /// Legs, 1 to [`LEGS_MAX`].
    #[must_use]
    pub const fn legs(&self) -> usize {
        self.legs
    }

    /// Seats, 0 to [`SEATS_MAX`].
    #[must_use]
    pub const fn seats(&self) -> u32 {
        self.seats
    }

    /// The rows, in the order of their seats.
    #[must_use]
    pub fn rows(&self) -> &[Range<u32>] {
        &self.rows
    }

    /// The coaches or blocks, in the order of their seats.
    #[must_use]
    pub fn coaches(&self) -> &[Range<u32>] {
        &self.coaches
    }

    /// A plane of the form of [`Planes`](crate::seats::Planes) that never changes: the bit of a
    /// seat is 1 if the next number stands beside it in the same row. It is all that a search needs
    /// to know of rows.
    #[must_use]
    pub fn joined(&self) -> &[u32] {
        &self.joined
    }

    /// Seats of the longest row.
    #[must_use]
    pub const fn longest_row(&self) -> u32 {
        self.longest_row
    }

    /// Whether a single seat may be left in a row.
    #[must_use]
    pub const fn keeps_singles(&self) -> bool {
        self.keeps_singles
    }

    /// Whether `seat` and `seat + 1` stand side by side.
    #[must_use]
    pub fn joins(&self, seat: u32) -> bool {
        let (word, bit) = bit_of(seat);
        self.joined.get(word).is_some_and(|joined| joined & bit != 0)
    }
}

/// Where the last of `ranges` ends.
fn end_of(ranges: &[Range<u32>]) -> Result<u32, SeatLayoutError> {
    let mut end = 0;
    for range in ranges {
        if range.start != end || range.end <= range.start {
            return Err(SeatLayoutError::Gap(end));
        }
        if range.end as usize > SEATS_MAX {
            return Err(SeatLayoutError::Seats);
        }
        end = range.end;
    }
    Ok(end)
}
