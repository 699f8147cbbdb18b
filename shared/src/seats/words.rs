//! Arithmetic on planes: words of 32 seats, the lowest bit being the lowest seat.
//!
//! The scripts of the ledger do the same with Lua's `bit`. There, words are signed: they are
//! compared with 0 and with nothing else, and shifts go by 0 to 31.

pub(crate) use crate::limits::SEATS_PER_WORD as WORD;

/// Words that `seats` take.
pub(crate) const fn words_of(seats: u32) -> usize {
    seats.div_ceil(WORD) as usize
}

/// The word of a seat, and its bit there.
pub(crate) const fn bit_of(seat: u32) -> (usize, u32) {
    ((seat / WORD) as usize, 1 << (seat % WORD))
}

/// The lowest seat of `word` number `index`, which is not 0.
pub(crate) const fn lowest(index: usize, word: u32) -> u32 {
    index as u32 * WORD + word.trailing_zeros()
}

/// The lowest seat of a plane; `None` if it has none.
pub(crate) fn first(plane: &[u32]) -> Option<u32> {
    plane.iter().enumerate().find(|(_, word)| **word != 0).map(|(i, word)| lowest(i, *word))
}

/// Seats of a plane.
pub(crate) fn count(plane: &[u32]) -> u32 {
    plane.iter().map(|word| word.count_ones()).sum()
}

/// Word by word.
pub(crate) fn zip(a: &[u32], b: &[u32], of: impl Fn(u32, u32) -> u32) -> Vec<u32> {
    a.iter().zip(b).map(|(a, b)| of(*a, *b)).collect()
}

/// The plane in which each seat has the bit of the seat that is `by` numbers higher; 0 beyond the
/// end.
pub(crate) fn from_higher(plane: &[u32], by: u32) -> Vec<u32> {
    let (skip, shift) = ((by / WORD) as usize, by % WORD);
    let word = |i: usize| plane.get(i + skip).copied().unwrap_or(0);
    let shifted = |i: usize| match shift {
        0 => word(i),
        _ => (word(i) >> shift) | (word(i + 1) << (WORD - shift)),
    };
    (0..plane.len()).map(shifted).collect()
}

/// The plane in which each seat has the bit of the seat before it; 0 for the first one.
pub(crate) fn from_lower(plane: &[u32]) -> Vec<u32> {
    let mut carry = 0;
    let shifted = plane.iter().map(|word| {
        let out = (word << 1) | carry;
        carry = word >> (WORD - 1);
        out
    });
    shifted.collect()
}

/// The seats of a plane, lowest first.
pub(crate) fn seats(plane: &[u32]) -> Vec<u32> {
    let mut found = Vec::new();
    for (i, word) in plane.iter().enumerate() {
        let mut rest = *word;
        while rest != 0 {
            found.push(lowest(i, rest));
            rest &= rest - 1;
        }
    }
    found
}
