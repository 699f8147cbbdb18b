//! A plan as a ledger stores it: fields of the sale's hash, and the string `:seats`.
//!
//! | field | says |
//! |---|---|
//! | `plan` | [`Plan::to_json`] |
//! | `shape` | `<legs> <classes> <quotas>` |
//! | `class:<n>` | `<offset> <words> <seats> <longest row> <keeps singles> <ends>` |
//! | `quota:<n>` | `<offset> <size> <classes, with commas>` |
//!
//! `<keeps singles>` is 1 where a single seat may be left in a row, else 0; `<ends>` are the ends
//! of the coaches or blocks, with commas, and `-` without seats.
//! Classes and quotas are numbered from 0; standing places are quotas behind those of the plan.
//! `:seats` is words of 32 bits, most significant byte first; offsets count words. At the offset of
//! a class with seats stand the plane of [`SeatLayout::joined`](crate::seats::SeatLayout::joined),
//! then a [plane](crate::seats::Planes) a leg, then, in every class, how many of its places are
//! held on each leg. At the offset of a quota stands how many of its places are used on each leg.

use super::{Plan, UnsellablePlan};
use crate::limits::SEATS_PER_WORD;
use crate::seats::{Planes, SeatBook, SeatLayout};
use core::fmt;
use core::ops::Range;

const WORD_BYTES: usize = SEATS_PER_WORD as usize / 8;

/// What a sale is created with in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPlan {
    /// Fields of the sale's hash and their values.
    pub fields: Vec<(String, String)>,
    /// The string `:seats` with nothing taken.
    pub seats: Vec<u8>,
}

impl Plan {
    /// The fields and the bytes of a sale of which nothing is taken.
    ///
    /// # Errors
    /// None, as long as compiled plans keep to the bounds of a [`SeatBook`].
    pub fn stored(&self) -> Result<StoredPlan, UnsellablePlan> {
        let book = self.seat_book()?;
        let held = vec![vec![0; self.legs()]; self.classes().len()];
        let (classes, quotas) = (self.classes().len(), book.quotas().len());
        let mut fields = vec![
            ("plan".to_owned(), self.to_json()),
            ("shape".to_owned(), PlanShape::new(self.legs(), classes, quotas).to_string()),
        ];
        for (region, words) in regions(&book) {
            let offset = words.start;
            match region {
                SeatsRegion::Rows { class } => {
                    let Some(layout) = book.layout(class) else { continue };
                    let ends = layout.coaches().iter().map(|of| of.end.to_string());
                    let ends = ends.collect::<Vec<_>>().join(",");
                    let ends = if ends.is_empty() { "-" } else { &ends };
                    let (seats, row) = (layout.seats(), layout.longest_row());
                    let keeps = u8::from(layout.keeps_singles());
                    let text = format!("{offset} {} {seats} {row} {keeps} {ends}", words.len());
                    fields.push((format!("class:{class}"), text));
                }
                SeatsRegion::Used { quota } => {
                    let of = &book.quotas()[quota];
                    let counted = (0..classes).filter(|class| of.counts(*class));
                    let counted = counted.map(|class| class.to_string()).collect::<Vec<_>>();
                    let text = format!("{offset} {} {}", of.size(), counted.join(","));
                    fields.push((format!("quota:{quota}"), text));
                }
                SeatsRegion::Plane { .. } | SeatsRegion::Held { .. } => {}
            }
        }
        Ok(StoredPlan { fields, seats: seats_bytes(&book, &held) })
    }

    /// Reads a string `:seats` of this plan: what is taken, and how many places of each class are
    /// held on each leg. `None` if its length is another one, a plane has seats that the class does
    /// not have, rows are others, or more of a quota is in use than there is.
    ///
    /// Whether that is what the orders have is not known here.
    #[must_use]
    pub fn read_seats(&self, bytes: &[u8]) -> Option<(SeatBook, Vec<Vec<u32>>)> {
        let (book, legs) = (self.seat_book().ok()?, self.legs());
        let regions = regions(&book);
        if bytes.len() != regions.last().map_or(0, |(_, words)| words.end * WORD_BYTES) {
            return None;
        }
        let of = |words: &Range<usize>| bytes.get(words.start * WORD_BYTES..words.end * WORD_BYTES);
        let (mut planes, mut held, mut used) = (Vec::new(), Vec::new(), Vec::new());
        for (region, words) in &regions {
            match *region {
                SeatsRegion::Rows { class } => {
                    let layout = book.layout(class)?;
                    if words_of(of(words)?) != layout.joined() {
                        return None;
                    }
                    // The planes of its legs follow.
                    let all = words.end..words.end + words.len() * legs;
                    planes.push(Planes::from_bytes(layout, of(&all)?).ok()?);
                }
                SeatsRegion::Plane { .. } => {}
                SeatsRegion::Held { .. } => held.push(words_of(of(words)?)),
                SeatsRegion::Used { .. } => used.push(words_of(of(words)?)),
            }
        }
        Some((book.with_taken(planes, &used)?, held))
    }

    /// Places on legs of all classes: the capacity of a sale with this plan.
    #[must_use]
    pub fn places(&self) -> u64 {
        (u64::from(self.seats()) + self.standing()) * self.legs() as u64
    }
}

/// The string `:seats` of a sale whose seats and quotas are taken as `book` says, with
/// `held[class][leg]` places held.
#[must_use]
pub fn seats_bytes(book: &SeatBook, held: &[Vec<u32>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (region, words) in regions(book) {
        let mut put = |word: u32| bytes.extend(word.to_be_bytes());
        match region {
            SeatsRegion::Rows { class } => {
                let joined = book.layout(class).map_or(&[][..], SeatLayout::joined);
                joined.iter().copied().for_each(put);
            }
            SeatsRegion::Plane { class, leg } => {
                let plane = book.planes(class).map_or(&[][..], |planes| planes.plane(leg));
                plane.iter().copied().for_each(put);
            }
            SeatsRegion::Held { class } => {
                let held = held.get(class).map_or(&[][..], Vec::as_slice);
                (0..words.len()).for_each(|leg| put(held.get(leg).copied().unwrap_or(0)));
            }
            SeatsRegion::Used { quota } => {
                let quota = book.quotas().get(quota);
                (0..words.len()).for_each(|leg| put(quota.map_or(0, |quota| quota.used(leg))));
            }
        }
    }
    bytes
}

/// What a stretch of the string `:seats` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeatsRegion {
    /// The rows of a class: [`SeatLayout::joined`].
    Rows {
        /// The class.
        class: usize,
    },
    /// The seats of a class that are free on a leg.
    Plane {
        /// The class.
        class: usize,
        /// The leg.
        leg: usize,
    },
    /// Places of a class that are held, a word a leg.
    Held {
        /// The class.
        class: usize,
    },
    /// Places of a quota that are in use, a word a leg.
    Used {
        /// The quota.
        quota: usize,
    },
}

/// The stretches of the string `:seats` of a sale like `book`, in their order, and the words of
/// each: they follow each other without a gap.
#[must_use]
pub fn regions(book: &SeatBook) -> Vec<(SeatsRegion, Range<usize>)> {
    let mut regions = Vec::new();
    let mut end = 0;
    let mut push = |region, words: usize| {
        regions.push((region, end..end + words));
        end += words;
    };
    let classes = (0..).map_while(|class| book.layout(class));
    for (class, layout) in classes.enumerate() {
        let words = layout.joined().len();
        push(SeatsRegion::Rows { class }, words);
        (0..layout.legs()).for_each(|leg| push(SeatsRegion::Plane { class, leg }, words));
        push(SeatsRegion::Held { class }, layout.legs());
    }
    let legs = book.layout(0).map_or(0, SeatLayout::legs);
    (0..book.quotas().len()).for_each(|quota| push(SeatsRegion::Used { quota }, legs));
    regions
}

/// How large the plan of a sale is: the field `shape`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanShape {
    /// Legs of each seat.
    pub legs: u32,
    /// Classes.
    pub classes: u32,
    /// Quotas, those of standing places among them.
    pub quotas: u32,
}

impl PlanShape {
    const fn new(legs: usize, classes: usize, quotas: usize) -> Self {
        Self { legs: legs as u32, classes: classes as u32, quotas: quotas as u32 }
    }

    /// Reads the field; `None` for any other text.
    #[must_use]
    pub fn parse(field: &str) -> Option<Self> {
        let numbers = field.split(' ').map(|number| number.parse().ok());
        let numbers: Option<Vec<u32>> = numbers.collect();
        match numbers?[..] {
            [legs, classes, quotas] => Some(Self { legs, classes, quotas }),
            _ => None,
        }
    }
}

impl fmt::Display for PlanShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.legs, self.classes, self.quotas)
    }
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.chunks_exact(WORD_BYTES);
    words.map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAIN: &str = r#"{"format":1,"stops":["A","B","C"],"classes":[{"id":"second",
        "coaches":[{"ids":"1-2","rows":"1-8","letters":"ABC DF"}]},{"id":"standing","standing":5}],
        "quotas":[{"id":"load","classes":["second","standing"],"size":82}]}"#;

    #[test]
    fn the_offsets_of_classes_and_quotas_follow_each_other_to_the_end_of_the_string() {
        let plan = Plan::from_json(TRAIN).unwrap();
        let stored = plan.stored().unwrap();
        let field = |name: &str| {
            let found = stored.fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        assert_eq!(field("shape"), "2 2 2");
        let shape = PlanShape { legs: 2, classes: 2, quotas: 2 };
        assert_eq!(PlanShape::parse(field("shape")), Some(shape));
        for other in ["", "2 2", "2 2 2 2", "2 2 -2", "2  2 2", "a 2 2"] {
            assert_eq!(PlanShape::parse(other), None, "{other}");
        }
        assert_eq!(field("class:0"), "0 3 80 3 1 40,80");
        assert_eq!(field("class:1"), "11 0 0 0 1 -");
        assert_eq!(field("quota:0"), "13 82 0,1");
        assert_eq!(field("quota:1"), "15 5 1");
        assert_eq!(stored.seats.len(), 17 * 4);
        assert_eq!(plan.places(), 170);
        let words = regions(&plan.seat_book().unwrap());
        assert_eq!(words[0], (SeatsRegion::Rows { class: 0 }, 0..3));
        assert_eq!(words[2], (SeatsRegion::Plane { class: 0, leg: 1 }, 6..9));
        assert_eq!(words[3], (SeatsRegion::Held { class: 0 }, 9..11));
        assert_eq!(words.last(), Some(&(SeatsRegion::Used { quota: 1 }, 15..17)));
        // A, B and D of "ABC DF" have a neighbour behind them.
        let joins = |seat: &u32| matches!(seat % 5, 0 | 1 | 3);
        let joined = (0..32).filter(joins).fold(0u32, |word, seat| word | (1 << seat));
        assert_eq!(stored.seats[..4], joined.to_be_bytes());
        assert_eq!(&stored.seats[12..24], [[0xff; 4], [0xff; 4], [0, 0, 0xff, 0xff]].concat());
    }

    #[test]
    fn what_is_taken_and_held_reads_back_and_another_string_does_not() {
        use crate::seats::order_lines::claims_of_text;
        let plan = Plan::from_json(TRAIN).unwrap();
        let mut book = plan.seat_book().unwrap();
        book.take(&claims_of_text("0.0-2.2=4+70,1.1-2.3").unwrap()).unwrap();
        let held = vec![vec![2, 2], vec![0, 3]];
        let bytes = seats_bytes(&book, &held);
        assert_eq!(plan.read_seats(&bytes), Some((book, held)));
        assert_eq!(plan.read_seats(&bytes[4..]), None);
        assert_eq!(plan.read_seats(&[&bytes[..], &[0; 4]].concat()), None);
        // Rows, a seat beyond the last one, and a quota.
        for byte in [0, 20, 4 * 13] {
            let mut other = bytes.clone();
            other[byte] ^= 0x80;
            assert_eq!(plan.read_seats(&other), None, "{byte}");
        }
    }
}
