//! Search for the seats of one line, 32 seats at a time.
//!
//! First the planes of the journey's legs are combined by `and`: what is 1 is free all the way. Of
//! the seats that are free, those are taken that leave the most useful rest.
//!
//! On a line with several legs a seat is best if it is taken on the leg before the journey and on
//! the leg after it, so that no gap is broken in two; then if it is on one of the two; then any.
//! The ends of the line count as taken. This is best fit for intervals, as far as two bits can say.
//!
//! In a hall a group begins where a gap in a row begins: at a taken seat, an aisle or a wall. It
//! takes the first gap in which it leaves no single seat. (A search for a gap that it fills exactly
//! cost a script of the ledger eight times as much and left as many single seats: in 40 halls of
//! 600 seats, sold to groups of 1 to 6, 24 against 24 in rows of 20, 469 against 470 in rows of 5.)
//!
//! Of equals the lowest number is taken. So the same planes always give the same seats.

use crate::seats::journey::Journey;
use crate::seats::layout::SeatLayout;
use crate::seats::line::{SeatLine, SeatRefusal, Together};
use crate::seats::planes::Planes;
use crate::seats::split::Pieces;
use crate::seats::words::{WORD, bit_of, count, first, from_higher, from_lower, lowest, zip};

/// Finds seats of one class. It changes nothing.
#[derive(Clone, Copy, Debug)]
pub struct SeatSearch<'a> {
    layout: &'a SeatLayout,
    planes: &'a Planes,
}

/// Seats that can be taken.
struct Found {
    seats: Vec<u32>,
    leaves_single: bool,
}

/// The first seat of a run of free seats side by side.
struct Run {
    first: u32,
    leaves_single: bool,
}

impl<'a> SeatSearch<'a> {
    /// A search in the planes of a class with this layout.
    #[must_use]
    pub const fn new(layout: &'a SeatLayout, planes: &'a Planes) -> Self {
        Self { layout, planes }
    }

    /// The seats for a line of this class, in ascending order.
    ///
    /// # Errors
    /// Why there are none. Too few are free; or they are not close enough together; or none of the
    /// chosen claims is free; or the chosen claim leaves a single seat where others would not.
    ///
    /// # Panics
    /// The line chooses seats that this class does not have: it was made for another layout.
    pub fn find(&self, line: &SeatLine) -> Result<Vec<u32>, SeatRefusal> {
        let free = self.planes.free_on(line.journey());
        let mut kept = None;
        for candidate in line.candidates() {
            if candidate.iter().all(|seat| has(&free, *seat)) {
                match self.left_single(&free, candidate) {
                    None => return Ok(candidate.clone()),
                    Some(single) => kept = kept.or(Some((single, candidate))),
                }
            }
        }
        match (kept, line.candidates()) {
            (Some((seat, candidate)), _) => match self.search(&free, line) {
                Ok(found) if !found.leaves_single && line.searches() => Ok(found.seats),
                Ok(found) if !found.leaves_single => {
                    Err(SeatRefusal::LeavesSingle { seat, instead: found.seats })
                }
                _ => Ok(candidate.clone()),
            },
            (None, [best, ..]) if !line.searches() => Err(seat_taken(&free, best)),
            _ => self.search(&free, line).map(|found| found.seats),
        }
    }

    fn search(&self, free: &[u32], line: &SeatLine) -> Result<Found, SeatRefusal> {
        let (quantity, together) = (line.quantity(), line.together());
        let free_seats = count(free);
        if free_seats < quantity {
            return Err(SeatRefusal::SoldOut { free: free_seats });
        }
        let row = self.row(free, line.journey(), quantity);
        let row = row.map(|run| Found {
            seats: (run.first..run.first + quantity).collect(),
            leaves_single: run.leaves_single,
        });
        if let Some(found) = row.as_ref().filter(|found| !found.leaves_single) {
            return Ok(Found { seats: found.seats.clone(), leaves_single: false });
        }
        if together == Together::Row {
            return row.ok_or(SeatRefusal::NotTogether);
        }
        let pieces = Pieces::of(self.layout, free);
        if !self.layout.keeps_singles()
            && let Some(seats) = pieces.split(self.layout, together, quantity, true)
        {
            return Ok(Found { seats, leaves_single: false });
        }
        let leaves_single = !self.layout.keeps_singles();
        let split = || pieces.split(self.layout, together, quantity, false);
        row.or_else(|| split().map(|seats| Found { seats, leaves_single }))
            .ok_or(SeatRefusal::NotTogether)
    }

    /// The best run of `quantity` seats side by side.
    fn row(&self, free: &[u32], journey: Journey, quantity: u32) -> Option<Run> {
        if quantity > self.layout.longest_row() {
            return None;
        }
        if !self.layout.keeps_singles() {
            return self.row_of_hall(free, quantity);
        }
        let first = match quantity {
            1 => self.one_seat(free, journey),
            _ => self.row_of_train(free, journey, quantity),
        };
        first.map(|first| Run { first, leaves_single: false })
    }

    /// The word of seats that are taken on the leg before the journey.
    fn before(&self, journey: Journey, word: usize) -> u32 {
        match journey.from() {
            0 => u32::MAX,
            from => !self.planes.plane(from - 1)[word],
        }
    }

    /// The word of seats that are taken on the leg after the journey.
    fn after(&self, journey: Journey, word: usize) -> u32 {
        match journey.to() {
            to if to == self.planes.legs() => u32::MAX,
            to => !self.planes.plane(to)[word],
        }
    }

    /// The best single seat, in one pass that ends with the first that breaks no gap.
    fn one_seat(&self, free: &[u32], journey: Journey) -> Option<u32> {
        let (mut one, mut any) = (None, None);
        for (i, word) in free.iter().enumerate().filter(|(_, word)| **word != 0) {
            let (before, after) = (self.before(journey, i), self.after(journey, i));
            let both = word & before & after;
            if both != 0 {
                return Some(lowest(i, both));
            }
            if one.is_none() {
                let either = word & (before | after);
                if either != 0 {
                    one = Some(lowest(i, either));
                } else if any.is_none() {
                    any = Some(lowest(i, *word));
                }
            }
        }
        one.or(any)
    }

    fn row_of_train(&self, free: &[u32], journey: Journey, quantity: u32) -> Option<u32> {
        let either = |i: usize| self.before(journey, i) | self.after(journey, i);
        let both = |i: usize| self.before(journey, i) & self.after(journey, i);
        let of = |mask: &dyn Fn(usize) -> u32| -> Vec<u32> {
            free.iter().enumerate().map(|(i, word)| word & mask(i)).collect()
        };
        first(&self.runs(&of(&both), quantity))
            .or_else(|| first(&self.runs(&of(&either), quantity)))
            .or_else(|| first(&self.runs(free, quantity)))
    }

    /// The first gap that has `quantity` seats, or two more at least: there the run from the begin
    /// of the gap leaves no single seat. If there is none, the first gap that has one more.
    ///
    /// Nothing here looks further than `quantity + 1` seats ahead. So a script can do word after
    /// word, from two words each for up to 31 seats, and end with the first place.
    fn row_of_hall(&self, free: &[u32], quantity: u32) -> Option<Run> {
        let joined = zip(free, self.layout.joined(), |free, joined| free & joined);
        let gaps = zip(free, &from_lower(&joined), |free, before| free & !before);
        let runs = self.runs(free, quantity);
        let pairs = zip(&joined, &from_higher(free, 1), |joined, next| joined & next);
        let one_more = from_higher(&pairs, quantity - 1);
        let two_more = from_higher(&pairs, quantity);
        let mut single = None;
        for i in 0..free.len() {
            let places = gaps[i] & runs[i];
            let kept = places & !(one_more[i] & !two_more[i]);
            if kept != 0 {
                return Some(Run { first: lowest(i, kept), leaves_single: false });
            }
            if places != 0 && single.is_none() {
                single = Some(Run { first: lowest(i, places), leaves_single: true });
            }
        }
        single
    }

    /// The seats with which a run of `quantity` of the seats of `plane` begins, none of them across
    /// the border of a row. The length that is known to be free doubles with each pass.
    fn runs(&self, plane: &[u32], quantity: u32) -> Vec<u32> {
        if quantity == 1 {
            return plane.to_vec();
        }
        let joined = zip(plane, self.layout.joined(), |seat, joined| seat & joined);
        let mut runs = zip(&joined, &from_higher(plane, 1), |pair, next| pair & next);
        let (pairs, mut known) = (quantity - 1, 1);
        while known < pairs {
            let step = known.min(pairs - known);
            runs = zip(&runs, &from_higher(&runs, step), |a, b| a & b);
            known += step;
        }
        runs
    }

    /// The lowest seat that would be left without a free one beside it if `seats` were taken;
    /// `None` where that may be.
    fn left_single(&self, free: &[u32], seats: &[u32]) -> Option<u32> {
        if self.layout.keeps_singles() {
            return None;
        }
        let mut rest = free.to_vec();
        for seat in seats {
            let (word, bit) = bit_of(*seat);
            rest[word] &= !bit;
        }
        let before = |seat: u32| seat > 0 && self.layout.joins(seat - 1) && has(&rest, seat - 1);
        let behind = |seat: u32| self.layout.joins(seat) && has(&rest, seat + 1);
        let single = |seat: &u32| has(&rest, *seat) && !before(*seat) && !behind(*seat);
        // Only beside what is taken can a seat become single.
        let beside = seats.iter().flat_map(|seat| {
            let lower = seat.checked_sub(1).filter(|lower| self.layout.joins(*lower));
            let higher = self.layout.joins(*seat).then_some(seat + 1);
            [lower, higher].into_iter().flatten()
        });
        beside.filter(single).min()
    }
}

/// Whether a plane has a seat.
fn has(plane: &[u32], seat: u32) -> bool {
    let (word, bit) = bit_of(seat);
    plane.get(word).is_some_and(|word| word & bit != 0)
}

/// The refusal of a chosen claim of which not all seats are free.
fn seat_taken(free: &[u32], chosen: &[u32]) -> SeatRefusal {
    let seat = chosen.iter().copied().find(|seat| !has(free, *seat)).unwrap_or(chosen[0]);
    let mut others = free.to_vec();
    for chosen in chosen {
        let (word, bit) = bit_of(*chosen);
        others[word] &= !bit;
    }
    let nearest = match (last_below(&others, seat), first_above(&others, seat)) {
        (Some(below), Some(above)) => Some(if above - seat < seat - below { above } else { below }),
        (below, above) => below.or(above),
    };
    SeatRefusal::SeatTaken { seat, nearest }
}

/// The lowest seat of a plane above `seat`.
fn first_above(plane: &[u32], seat: u32) -> Option<u32> {
    let (word, bit) = bit_of(seat);
    let mut above = plane.to_vec();
    above[..word].fill(0);
    above[word] &= !(bit | (bit - 1));
    first(&above)
}

/// The highest seat of a plane below `seat`.
fn last_below(plane: &[u32], seat: u32) -> Option<u32> {
    let (word, bit) = bit_of(seat);
    let here = plane[word] & (bit - 1);
    let below = plane[..word].iter().copied().chain([here]);
    let last = below.enumerate().filter(|(_, word)| *word != 0).last();
    last.map(|(i, word)| i as u32 * WORD + word.ilog2())
}
