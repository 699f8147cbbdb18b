//! Journey: the legs that a ticket takes, from one stop to a later one.

use crate::limits::LEGS_MAX;
use core::ops::Range;

/// From a stop to a later one, by their places on the line; the first stop has the place 0. A hall
/// has one leg, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Journey {
    from: u8,
    to: u8,
}

impl Journey {
    /// The only journey of a hall.
    pub const HALL: Self = Self { from: 0, to: 1 };

    /// `None` unless `from < to` and `to` is at most [`LEGS_MAX`].
    #[must_use]
    pub const fn new(from: usize, to: usize) -> Option<Self> {
        if from < to && to <= LEGS_MAX {
            Some(Self { from: from as u8, to: to as u8 })
        } else {
            None
        }
    }

    /// The stop where it begins, and its first leg.
    #[must_use]
    pub const fn from(self) -> usize {
        self.from as usize
    }

    /// The stop where it ends, and the leg after its last one.
    #[must_use]
    pub const fn to(self) -> usize {
        self.to as usize
    }

    /// Its legs.
    #[must_use]
    pub const fn legs(self) -> Range<usize> {
        self.from()..self.to()
    }
}
