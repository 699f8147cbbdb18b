//! Pattern of a row: its seats from one side to the other, with aisles and places without a seat.

use super::label::{SeatLabel, compress, expand};
use crate::limits::{PLAN_ROW_SEATS_MAX, SEAT_LABEL_MAX};
use core::ops::Range;
use std::collections::BTreeSet;

/// How the seats of a row are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeatStyle {
    /// By a letter behind the number of the row: `12A`.
    Letters,
    /// By a number of their own: row 7, seat 14.
    Numbers,
}

/// One place of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    Seat(SeatLabel),
    Aisle,
    /// Where a seat would be, and none is.
    Gap,
}

/// The places of a row. Rows that are alike share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RowPattern {
    style: SeatStyle,
    cells: Vec<Cell>,
    seats: Vec<SeatLabel>,
    benches: Vec<Range<u32>>,
}

impl RowPattern {
    /// Reads `ABC DF`: each capital letter is a seat, a space is an aisle, `_` a missing seat.
    ///
    /// # Errors
    /// A phrase that says what is wrong.
    pub(super) fn letters(text: &str) -> Result<Self, String> {
        let mut cells = Vec::new();
        for c in text.trim().chars() {
            match c {
                ' ' if cells.last() == Some(&Cell::Aisle) => {}
                ' ' => cells.push(Cell::Aisle),
                '_' => cells.push(Cell::Gap),
                'A'..='Z' => {
                    let mut letter = [0; 4];
                    cells.extend(SeatLabel::parse(c.encode_utf8(&mut letter)).map(Cell::Seat));
                }
                _ => {
                    return Err(format!(
                        "{c:?} in {text:?} is no letter of a seat: write capital letters from A \
                         to Z, a space for an aisle and _ where a seat is missing"
                    ));
                }
            }
            check_width(cells.len(), text)?;
        }
        Self::of(SeatStyle::Letters, cells, "letters")
    }

    /// Reads `1-10 11-20`: numbers and ranges with commas between them, a space is an aisle, `_` a
    /// missing seat.
    ///
    /// # Errors
    /// A phrase that says what is wrong.
    pub(super) fn numbers(text: &str) -> Result<Self, String> {
        let commas: Vec<&str> = text.split(',').map(str::trim).collect();
        let mut cells = Vec::new();
        for (n, between_aisles) in commas.join(",").split_whitespace().enumerate() {
            if n > 0 {
                cells.push(Cell::Aisle);
            }
            let room = PLAN_ROW_SEATS_MAX.saturating_sub(cells.len());
            for word in expand(between_aisles, room)? {
                cells.push(match (word.as_str(), SeatLabel::parse(&word)) {
                    ("_", _) => Cell::Gap,
                    (_, Some(label)) => Cell::Seat(label),
                    (_, None) => {
                        return Err(format!(
                            "{word:?} is no number of a seat: it has 1 to {SEAT_LABEL_MAX} letters \
                             and digits"
                        ));
                    }
                });
            }
            check_width(cells.len(), text)?;
        }
        Self::of(SeatStyle::Numbers, cells, "seats")
    }

    fn of(style: SeatStyle, cells: Vec<Cell>, what: &str) -> Result<Self, String> {
        let mut pattern = Self { style, cells, seats: Vec::new(), benches: Vec::new() };
        pattern.count();
        let mut seen = BTreeSet::new();
        if let Some(twice) = pattern.seats.iter().find(|seat| !seen.insert(**seat)) {
            return Err(format!("{what} repeat {twice}: each seat of a row has its own"));
        }
        if pattern.seats.is_empty() { Err(format!("{what} name no seat")) } else { Ok(pattern) }
    }

    /// Notes seats, and which are side by side.
    fn count(&mut self) {
        self.seats.clear();
        self.benches.clear();
        let mut is_open = false;
        for cell in &self.cells {
            let Cell::Seat(label) = cell else {
                is_open = false;
                continue;
            };
            let number = u32::try_from(self.seats.len()).unwrap_or(u32::MAX);
            match self.benches.last_mut().filter(|_| is_open) {
                Some(bench) => bench.end = number + 1,
                None => self.benches.push(number..number + 1),
            }
            self.seats.push(*label);
            is_open = true;
        }
    }

    /// The same without a seat; none if no seat is left.
    pub(super) fn without(&self, seat: SeatLabel) -> Option<Self> {
        let mut rest = self.clone();
        for cell in rest.cells.iter_mut().filter(|cell| **cell == Cell::Seat(seat)) {
            *cell = Cell::Gap;
        }
        rest.count();
        (!rest.seats.is_empty()).then_some(rest)
    }

    /// What [`Self::letters`] or [`Self::numbers`] reads as this pattern; always the same text.
    pub(super) fn text(&self) -> String {
        if self.style == SeatStyle::Letters {
            let letter = |cell: &Cell| match cell {
                Cell::Seat(label) => label.as_str().to_owned(),
                Cell::Aisle => " ".to_owned(),
                Cell::Gap => "_".to_owned(),
            };
            return self.cells.iter().map(letter).collect();
        }
        let stretches = self.cells.split(|cell| *cell == Cell::Aisle).map(|stretch| {
            let mut words = Vec::new();
            for (n, seats) in stretch.split(|cell| *cell == Cell::Gap).enumerate() {
                if n > 0 {
                    words.push("_".to_owned());
                }
                let labels: Vec<&str> = seats
                    .iter()
                    .filter_map(|cell| match cell {
                        Cell::Seat(label) => Some(label.as_str()),
                        Cell::Aisle | Cell::Gap => None,
                    })
                    .collect();
                if !labels.is_empty() {
                    words.push(compress(&labels));
                }
            }
            words.join(",")
        });
        stretches.collect::<Vec<_>>().join(" ")
    }

    pub(super) const fn style(&self) -> SeatStyle {
        self.style
    }

    /// Its seats, in order.
    pub(super) fn seats(&self) -> &[SeatLabel] {
        &self.seats
    }

    /// Which of its seats are side by side, by their places in [`Self::seats`].
    pub(super) fn benches(&self) -> &[Range<u32>] {
        &self.benches
    }
}

fn check_width(cells: usize, text: &str) -> Result<(), String> {
    if cells > PLAN_ROW_SEATS_MAX {
        return Err(format!("{text:?} is more than {PLAN_ROW_SEATS_MAX} seats in a row"));
    }
    Ok(())
}
