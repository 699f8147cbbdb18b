//! From a plan to the rules of its seats.

use super::{Plan, PlanClass};
use crate::seats::{Journey, SeatBook, SeatBookError, SeatLayout, SeatLayoutError, SeatQuota};
use core::ops::Range;

/// Why a plan has no seats to be sold: never one that was compiled, whose bounds are the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsellablePlan {
    /// A class cannot be laid out.
    #[error(transparent)]
    Layout(#[from] SeatLayoutError),
    /// The classes and quotas do not fit together.
    #[error(transparent)]
    Book(#[from] SeatBookError),
}

impl Plan {
    /// The seats and quotas of this plan, all free. Classes and seats have the numbers that they
    /// have here; standing places are a quota of their class, behind the quotas of the plan. In a
    /// hall the search avoids leaving single seats.
    ///
    /// # Errors
    /// None, as long as compiled plans keep to the bounds of a [`SeatBook`].
    pub fn seat_book(&self) -> Result<SeatBook, UnsellablePlan> {
        let layouts = self.classes.iter().map(|class| self.layout(class));
        let layouts = layouts.collect::<Result<Vec<SeatLayout>, SeatLayoutError>>()?;
        let quotas = self.quotas.iter().map(|quota| SeatQuota::new(quota.size, &quota.classes));
        let classes = self.classes.iter().enumerate();
        let standing = classes.filter(|(_, class)| class.standing > 0);
        let standing = standing.map(|(number, class)| SeatQuota::new(class.standing, &[number]));
        Ok(SeatBook::new(layouts, quotas.chain(standing).collect())?)
    }

    /// The quota of a [`SeatBook`] of this plan that is the standing places of a class; `None` for
    /// a class with seats.
    #[must_use]
    pub fn own_quota(&self, class: usize) -> Option<usize> {
        self.classes.get(class).filter(|class| class.standing > 0)?;
        let before = self.classes[..class].iter().filter(|class| class.standing > 0);
        Some(self.quotas.len() + before.count())
    }

    /// Places of a class that nobody has on a leg, whatever quotas over several classes leave:
    /// `book` is one of this plan.
    #[must_use]
    pub fn free_on(&self, book: &SeatBook, class: usize, leg: usize) -> u32 {
        let Some(journey) = Journey::new(leg, leg + 1) else { return 0 };
        match self.own_quota(class) {
            Some(quota) => book.quotas().get(quota).map_or(0, |quota| quota.left(journey)),
            None => book.planes(class).map_or(0, |planes| planes.count_free(journey)),
        }
    }

    fn layout(&self, class: &PlanClass) -> Result<SeatLayout, SeatLayoutError> {
        if class.standing > 0 {
            return SeatLayout::without_seats(self.legs());
        }
        let rows: Vec<Range<u32>> = class.benches().collect();
        let coaches: Vec<Range<u32>> = class.parts.iter().map(super::PlanPart::seats).collect();
        SeatLayout::new(self.legs(), &rows, &coaches, !self.stops.is_empty())
    }
}
