//! Line of an order: seats of one class for one journey, and how a line is refused.

use crate::limits::{QUANTITY_MAX, SEAT_CANDIDATES_MAX};
use crate::seats::journey::Journey;
use crate::seats::layout::SeatLayout;

/// How close together the seats of a line must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Together {
    /// Side by side in one row.
    Row,
    /// In one coach, or one block of a hall.
    Coach,
    /// As close as there are seats.
    Any,
}

/// Why a line was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatLineError {
    /// No seats, or too many.
    #[error("a line asks for 1 to {max} seats", max = QUANTITY_MAX)]
    Quantity,
    /// The journey ends beyond the last stop.
    #[error("the journey ends beyond the last stop")]
    Journey,
    /// Too many candidates, or a choice without any.
    #[error("a line that chooses has 1 to {max} candidates", max = SEAT_CANDIDATES_MAX)]
    Candidates,
    /// A candidate has another number of seats than the line, one twice, or an unknown one.
    #[error("each candidate names as many seats of the class as the line asks for, each once")]
    Candidate,
}

/// What one line of an order asks for. It fits to the layout that it was made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatLine {
    class: usize,
    journey: Journey,
    quantity: u32,
    together: Together,
    candidates: Vec<Vec<u32>>,
    searches: bool,
}

impl SeatLine {
    /// `quantity` seats of the class number `class`, which has this layout, wherever they are free.
    ///
    /// # Errors
    /// The quantity is 0 or above [`QUANTITY_MAX`], or the journey ends beyond the last stop.
    pub fn new(
        class: usize,
        layout: &SeatLayout,
        journey: Journey,
        quantity: u32,
        together: Together,
    ) -> Result<Self, SeatLineError> {
        if !(1..=QUANTITY_MAX).contains(&quantity) {
            return Err(SeatLineError::Quantity);
        }
        if journey.to() > layout.legs() {
            return Err(SeatLineError::Journey);
        }
        Ok(Self { class, journey, quantity, together, candidates: Vec::new(), searches: true })
    }

    /// A line from its stored parts, whose seats are in ascending order; `None` if no line has this
    /// quantity. Whether a class has such a journey and such seats is for a
    /// [`SeatBook`](crate::seats::SeatBook) to say.
    pub(crate) fn of_parts(
        class: usize,
        journey: Journey,
        quantity: u32,
        together: Together,
        candidates: Vec<Vec<u32>>,
        searches: bool,
    ) -> Option<Self> {
        let fits = (1..=QUANTITY_MAX).contains(&quantity);
        fits.then_some(Self { class, journey, quantity, together, candidates, searches })
    }

    /// The same line with candidates, best first: claims that somebody has chosen, at most
    /// [`SEAT_CANDIDATES_MAX`]. The first that is free is taken. If none is, other seats are
    /// searched, if `or_search`, and else the line is refused.
    ///
    /// # Errors
    /// There are too many candidates or none, or one has another number of seats than the line, a
    /// seat twice, or a seat that the layout does not have.
    pub fn choosing(
        self,
        layout: &SeatLayout,
        candidates: Vec<Vec<u32>>,
        or_search: bool,
    ) -> Result<Self, SeatLineError> {
        if !(1..=SEAT_CANDIDATES_MAX).contains(&candidates.len()) {
            return Err(SeatLineError::Candidates);
        }
        let mut sorted = candidates;
        for candidate in &mut sorted {
            candidate.sort_unstable();
            let fits = candidate.len() == self.quantity as usize
                && candidate.windows(2).all(|two| two[0] < two[1])
                && candidate.last().is_some_and(|last| *last < layout.seats());
            if !fits {
                return Err(SeatLineError::Candidate);
            }
        }
        Ok(Self { candidates: sorted, searches: or_search, ..self })
    }

    /// The class, by its number in the sale.
    #[must_use]
    pub const fn class(&self) -> usize {
        self.class
    }

    /// From where to where.
    #[must_use]
    pub const fn journey(&self) -> Journey {
        self.journey
    }

    /// Seats, 1 to [`QUANTITY_MAX`].
    #[must_use]
    pub const fn quantity(&self) -> u32 {
        self.quantity
    }

    /// How close together.
    #[must_use]
    pub const fn together(&self) -> Together {
        self.together
    }

    /// The chosen claims, each with its seats in ascending order, best claim first.
    #[must_use]
    pub fn candidates(&self) -> &[Vec<u32>] {
        &self.candidates
    }

    /// Whether seats are searched if no candidate is free.
    #[must_use]
    pub const fn searches(&self) -> bool {
        self.searches
    }
}

/// Why a line gets no seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatRefusal {
    /// Fewer seats are free for the journey than asked for. Whether some are only held is for the
    /// caller to say, who knows.
    SoldOut {
        /// Seats that are free for the journey.
        free: u32,
    },
    /// As many seats are free as asked for, but not so close together.
    NotTogether,
    /// No chosen claim is free.
    SeatTaken {
        /// The first seat of the best claim that is not free for the journey.
        seat: u32,
        /// The free seat with the nearest number that the claim does not name already; of two, the
        /// lower one.
        nearest: Option<u32>,
    },
    /// The chosen claim would leave a single seat in a row, and there are seats that would not.
    LeavesSingle {
        /// The seat that would be left.
        seat: u32,
        /// Seats that could be had instead, as many and as close together.
        instead: Vec<u32>,
    },
}
