//! Bit planes of one class: which seat is free on which leg.
//!
//! The bytes are those of a Redis string. Plane after plane, leg 0 first; in a plane word after
//! word of 32 seats, seat 0 first. Word `i` of leg `l` stands at the byte `(l * words + i) * 4`,
//! most significant byte first: scripts read stretches of them with `GETRANGE` and
//! `struct.unpack('>i4...')` and write them with `SETRANGE`. Within a word the seat `32 * i + b` is
//! the bit of value 2^b. So the lowest seat of a word is its lowest bit, which Lua isolates with
//! `bit.band(w, -w)`, and the seat beside each one is a shift to the right. A 1 is a free seat; the
//! bits beyond the last seat are 0, so that a search cannot find them.

use crate::seats::journey::Journey;
use crate::seats::layout::SeatLayout;
use crate::seats::words::{bit_of, count, words_of};

/// Why seats were not taken or given back. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeatLegError {
    /// Somebody has this seat on this leg.
    #[error("seat {seat} is taken already on leg {leg}")]
    Taken {
        /// The seat.
        seat: u32,
        /// The leg.
        leg: usize,
    },
    /// Nobody has this seat on this leg.
    #[error("seat {seat} is free already on leg {leg}")]
    Free {
        /// The seat.
        seat: u32,
        /// The leg.
        leg: usize,
    },
    /// The class has no such seat, or no such legs.
    #[error("the class has no seat {seat} on leg {leg}")]
    Unknown {
        /// The seat.
        seat: u32,
        /// The leg.
        leg: usize,
    },
    /// The bytes are not those of planes of this class.
    #[error("the planes have another length, or seats that the class does not have")]
    Bytes,
}

/// The seats of one class on each leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planes {
    seats: u32,
    legs: usize,
    words: usize,
    bits: Vec<u32>,
}

impl Planes {
    /// All seats free on all legs.
    #[must_use]
    pub fn free(layout: &SeatLayout) -> Self {
        let words = words_of(layout.seats());
        let mut plane = vec![u32::MAX; words];
        if let Some(last) = plane.last_mut() {
            *last = last_word(layout.seats());
        }
        let legs = layout.legs();
        Self { seats: layout.seats(), legs, words, bits: plane.repeat(legs) }
    }

    /// Words of one plane.
    #[must_use]
    pub const fn words(&self) -> usize {
        self.words
    }

    /// Legs, as many as planes.
    #[must_use]
    pub const fn legs(&self) -> usize {
        self.legs
    }

    /// The plane of a leg.
    #[must_use]
    pub fn plane(&self, leg: usize) -> &[u32] {
        &self.bits[leg * self.words..(leg + 1) * self.words]
    }

    /// The seats that are free on every leg of a journey, as a plane; a journey beyond the last
    /// stop has none.
    #[must_use]
    pub fn free_on(&self, journey: Journey) -> Vec<u32> {
        if journey.to() > self.legs {
            return vec![0; self.words];
        }
        let mut free = self.plane(journey.from()).to_vec();
        for (i, word) in free.iter_mut().enumerate() {
            let mut leg = journey.from() + 1;
            while *word != 0 && leg < journey.to() {
                *word &= self.bits[leg * self.words + i];
                leg += 1;
            }
        }
        free
    }

    /// How many seats are free on every leg of a journey.
    #[must_use]
    pub fn count_free(&self, journey: Journey) -> u32 {
        count(&self.free_on(journey))
    }

    /// The largest number of seats that are free on any leg: an order for more of this class cannot
    /// be served, wherever it goes.
    #[must_use]
    pub fn most_free(&self) -> u32 {
        (0..self.legs).map(|leg| count(self.plane(leg))).max().unwrap_or(0)
    }

    /// Whether a seat is free on a leg; `false` for one that does not exist.
    #[must_use]
    pub fn is_free(&self, seat: u32, leg: usize) -> bool {
        let (word, bit) = bit_of(seat);
        seat < self.seats && leg < self.legs && self.bits[leg * self.words + word] & bit != 0
    }

    /// Takes `seats` on every leg of a journey, or changes nothing.
    ///
    /// # Errors
    /// A seat is taken on one of the legs, is named twice, or does not exist.
    pub fn take(&mut self, journey: Journey, seats: &[u32]) -> Result<(), SeatLegError> {
        self.change(journey, seats, true)
    }

    /// Gives `seats` back on every leg of a journey, or changes nothing.
    ///
    /// # Errors
    /// A seat is free on one of the legs, is named twice, or does not exist.
    pub fn give_back(&mut self, journey: Journey, seats: &[u32]) -> Result<(), SeatLegError> {
        self.change(journey, seats, false)
    }

    fn change(
        &mut self,
        journey: Journey,
        seats: &[u32],
        was_free: bool,
    ) -> Result<(), SeatLegError> {
        for (done, seat) in seats.iter().enumerate() {
            if let Err(error) = self.check(journey, *seat, was_free) {
                for before in &seats[..done] {
                    self.flip(journey, *before);
                }
                return Err(error);
            }
            self.flip(journey, *seat);
        }
        Ok(())
    }

    fn check(&self, journey: Journey, seat: u32, free: bool) -> Result<(), SeatLegError> {
        for leg in journey.legs() {
            if seat >= self.seats || leg >= self.legs {
                return Err(SeatLegError::Unknown { seat, leg });
            }
            match self.is_free(seat, leg) {
                is_free if is_free == free => {}
                true => return Err(SeatLegError::Free { seat, leg }),
                false => return Err(SeatLegError::Taken { seat, leg }),
            }
        }
        Ok(())
    }

    fn flip(&mut self, journey: Journey, seat: u32) {
        let (word, bit) = bit_of(seat);
        for leg in journey.legs() {
            self.bits[leg * self.words + word] ^= bit;
        }
    }

    /// The bytes of the Redis string, four a word.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.bits.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Reads what [`Self::to_bytes`] made for a class of this layout.
    ///
    /// # Errors
    /// The length is another one, or a bit beyond the last seat is set.
    pub fn from_bytes(layout: &SeatLayout, bytes: &[u8]) -> Result<Self, SeatLegError> {
        let mut planes = Self::free(layout);
        if bytes.len() != planes.bits.len() * 4 {
            return Err(SeatLegError::Bytes);
        }
        for (word, bytes) in planes.bits.iter_mut().zip(bytes.chunks_exact(4)) {
            let read = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            // What the whole class has not, no state of it has.
            if read & !*word != 0 {
                return Err(SeatLegError::Bytes);
            }
            *word = read;
        }
        Ok(planes)
    }
}

/// The last word of a plane of `seats` with all of them free.
const fn last_word(seats: u32) -> u32 {
    match seats % 32 {
        0 => u32::MAX,
        rest => (1 << rest) - 1,
    }
}
