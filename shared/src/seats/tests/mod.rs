//! Tests of the rules of seats: against the model, exhaustively, and by whole lives of a sale.

mod acceptance;
mod exact;
mod hall;
mod lives;
mod orders;
mod reach;
mod tiny;

use super::*;
use core::ops::Range;

/// A deterministic generator (splitmix64, Steele and others 2014).
struct Dice(u64);

impl Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    /// A place in `weights`, by weight.
    fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.roll(weights.iter().sum());
        for (at, weight) in weights.iter().enumerate() {
            if left < *weight {
                return at;
            }
            left -= weight;
        }
        unreachable!("the weights add up")
    }
}

/// Ranges of these lengths, one after the other.
fn ranges(lengths: &[u32]) -> Vec<Range<u32>> {
    let mut end = 0;
    let range = |len: &u32| {
        end += len;
        end - len..end
    };
    lengths.iter().map(range).collect()
}

/// Coaches with so many rows of `ABC DF`.
fn train(stops: usize, coaches: usize, rows: usize) -> SeatLayout {
    let rows_of_all = ranges(&[3, 2].repeat(rows * coaches));
    let coaches = ranges(&vec![5 * rows as u32; coaches]);
    SeatLayout::new(stops - 1, &rows_of_all, &coaches, true).unwrap()
}

/// Blocks of equal rows, with or without the rule about single seats.
fn hall(blocks: usize, rows: usize, seats: u32, keeps_singles: bool) -> SeatLayout {
    let rows_of_all = ranges(&vec![seats; rows * blocks]);
    let blocks = ranges(&vec![seats * rows as u32; blocks]);
    SeatLayout::new(1, &rows_of_all, &blocks, keeps_singles).unwrap()
}

fn journey(from: usize, to: usize) -> Journey {
    Journey::new(from, to).unwrap()
}

/// Every journey of a line with so many legs.
fn journeys(legs: usize) -> Vec<Journey> {
    let from_each = |from| (from + 1..=legs).map(move |to| journey(from, to));
    (0..legs).flat_map(from_each).collect()
}

fn line(layout: &SeatLayout, journey: Journey, quantity: u32, together: Together) -> SeatLine {
    SeatLine::new(0, layout, journey, quantity, together).unwrap()
}

fn find(layout: &SeatLayout, planes: &Planes, line: &SeatLine) -> Result<Vec<u32>, SeatRefusal> {
    SeatSearch::new(layout, planes).find(line)
}
