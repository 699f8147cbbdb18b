//! Split of a group that finds no place in one row over several pieces.
//!
//! A piece is what stands free side by side between taken seats, aisles and walls. A group gets as
//! few pieces as possible. Where a single seat must not be left, a piece of n seats gives any
//! number of them but n - 1; which numbers add up with the fewest pieces is found by dynamic
//! programming (the knapsack whose items are used once, with the number of pieces as its value).

use crate::limits::SPLIT_SEATS_MAX;
use crate::seats::layout::SeatLayout;
use crate::seats::line::Together;
use crate::seats::words::{from_higher, from_lower, seats, zip};

/// Seats side by side: all that are free, or those taken of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    first: u32,
    len: u32,
}

/// Everything that is free for a journey, in pieces, in the order of their seats.
pub(crate) struct Pieces(Vec<Piece>);

impl Pieces {
    pub(crate) fn of(layout: &SeatLayout, free: &[u32]) -> Self {
        let joined = layout.joined();
        let before = from_lower(&zip(free, joined, |free, joined| free & joined));
        let behind = zip(joined, &from_higher(free, 1), |joined, free| joined & free);
        let starts = seats(&zip(free, &before, |free, before| free & !before));
        let ends = seats(&zip(free, &behind, |free, behind| free & !behind));
        let piece = |(first, last): (u32, u32)| Piece { first, len: last - first + 1 };
        Self(starts.into_iter().zip(ends).map(piece).collect())
    }

    /// `quantity` seats in as few pieces as possible: within one coach, the one with the fewest
    /// pieces, or, if that is not asked for, over all. With `strict`, none is left single.
    pub(crate) fn split(
        &self,
        layout: &SeatLayout,
        together: Together,
        quantity: u32,
        strict: bool,
    ) -> Option<Vec<u32>> {
        let choose = if strict { without_singles } else { fewest };
        let mut best: Option<Vec<Piece>> = None;
        let mut at = 0;
        for coach in layout.coaches() {
            let begin = at;
            while self.0.get(at).is_some_and(|piece| piece.first < coach.end) {
                at += 1;
            }
            if let Some(pieces) = choose(&self.0[begin..at], quantity)
                && best.as_ref().is_none_or(|best| pieces.len() < best.len())
            {
                best = Some(pieces);
            }
        }
        if best.is_none() && together == Together::Any {
            best = choose(&self.0, quantity);
        }
        let mut taken = Vec::with_capacity(quantity as usize);
        for piece in best? {
            taken.extend(piece.first..piece.first + piece.len);
        }
        taken.sort_unstable();
        Some(taken)
    }
}

/// Longest first; of equals, the lowest seats.
fn by_length(pieces: &[Piece]) -> Vec<Piece> {
    let mut sorted = pieces.to_vec();
    sorted.sort_unstable_by_key(|piece| (core::cmp::Reverse(piece.len), piece.first));
    sorted
}

/// The longest pieces, and for what is missing then the shortest piece in which it fits.
fn fewest(pieces: &[Piece], quantity: u32) -> Option<Vec<Piece>> {
    let sorted = by_length(pieces);
    let (mut taken, mut rest) = (Vec::new(), quantity);
    for (at, piece) in sorted.iter().enumerate() {
        if piece.len < rest {
            taken.push(*piece);
            rest -= piece.len;
            continue;
        }
        let mut last = *piece;
        for other in &sorted[at..] {
            if other.len >= rest && other.len < last.len {
                last = *other;
            }
        }
        taken.push(Piece { len: rest, ..last });
        return Some(taken);
    }
    None
}

/// As [`fewest`], but no piece is left with one seat. Exact up to [`SPLIT_SEATS_MAX`] seats; of
/// more, the longest pieces are taken whole until so many are left.
fn without_singles(pieces: &[Piece], quantity: u32) -> Option<Vec<Piece>> {
    let mut sorted = by_length(pieces);
    let (mut taken, mut rest, mut used) = (Vec::new(), quantity, 0);
    while rest > SPLIT_SEATS_MAX {
        let piece = sorted.get_mut(used)?;
        if piece.len <= rest {
            taken.push(*piece);
            used += 1;
            rest -= piece.len;
        } else {
            let len = rest - SPLIT_SEATS_MAX;
            taken.push(Piece { len, ..*piece });
            *piece = Piece { first: piece.first + len, len: piece.len - len };
            rest = SPLIT_SEATS_MAX;
        }
    }
    taken.extend(knapsack(&useful(&sorted[used..], rest), rest)?);
    Some(taken)
}

/// The pieces that can matter for `rest` seats: of each length the first `rest`, where all lengths
/// from `rest + 2` on are as good as each other.
fn useful(sorted: &[Piece], rest: u32) -> Vec<Piece> {
    let mut counts = vec![0; rest as usize + 3];
    let mut kept = sorted.to_vec();
    kept.retain(|piece| {
        let count = &mut counts[piece.len.min(rest + 2) as usize];
        *count += 1;
        *count <= rest
    });
    kept
}

/// Numbers of seats of `pieces`, none of them its length less one, that add up to `rest` with the
/// fewest pieces.
fn knapsack(pieces: &[Piece], rest: u32) -> Option<Vec<Piece>> {
    let width = rest as usize + 1;
    // The fewest pieces of those seen so far that have so many seats.
    let mut fewest = vec![u32::MAX; width];
    fewest[0] = 0;
    let mut given = vec![0; width * pieces.len()];
    for (i, piece) in pieces.iter().enumerate() {
        for sum in (1..=rest).rev() {
            for seats in (1..=piece.len.min(sum)).rev().filter(|seats| *seats + 1 != piece.len) {
                let before = fewest[(sum - seats) as usize];
                if before != u32::MAX && before + 1 < fewest[sum as usize] {
                    fewest[sum as usize] = before + 1;
                    given[i * width + sum as usize] = seats;
                }
            }
        }
    }
    if fewest[rest as usize] == u32::MAX {
        return None;
    }
    let (mut taken, mut sum) = (Vec::new(), rest);
    for (i, piece) in pieces.iter().enumerate().rev() {
        let len = given[i * width + sum as usize];
        if len > 0 {
            taken.push(Piece { len, ..*piece });
            sum -= len;
        }
    }
    Some(taken)
}
