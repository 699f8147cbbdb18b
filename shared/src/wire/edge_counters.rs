//! Edge counters: what an edge isolate counted since the last report to an origin.
//!
//! It travels with requests that are forwarded anyway, in the header `Lastseat-Edge-Counts`, and is
//! for the eye: nothing is sold by it.

use crate::domain::ids::SaleId;
use crate::domain::refusal::Refusal;
use crate::limits::{EDGE_COUNTS_HEADER_MAX, EDGE_SALES_MAX};
use crate::wire::problem::Code;
use core::fmt::Write;
use std::collections::HashMap;

/// Why an edge refuses by itself, with the letter that stands for it in the header.
pub const REASONS: [(Code, char); 7] = [
    (Code::SoldOut, 's'),
    (Code::AllHeld, 'h'),
    (Code::NotOpen, 'n'),
    (Code::Paused, 'p'),
    (Code::Closed, 'c'),
    (Code::UnknownSale, 'u'),
    (Code::Busy, 'b'),
];

/// The version of the header's format; an origin reads no other.
const FORMAT: &str = "1";

/// What was counted for one sale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EdgeCounts {
    /// Orders that came to the gate.
    pub asked: u32,
    /// Orders that were sent to an origin.
    pub forwarded: u32,
    /// Origins that were asked for an order and gave no answer.
    pub failed: u32,
    /// Orders refused without an origin, in the order of [`REASONS`].
    pub refused: [u32; REASONS.len()],
    /// Reads and changes of orders that were refused without an origin. They have a header of their
    /// own: a node of an earlier version would not read the other one with them in it.
    pub calls_refused: u32,
}

impl EdgeCounts {
    /// How many numbers these are.
    pub const NUMBERS: usize = 4 + REASONS.len();

    /// All of them, for a frame of a link.
    #[must_use]
    pub fn to_numbers(&self) -> [u32; Self::NUMBERS] {
        let [s, h, n, p, c, u, b] = self.refused;
        [self.asked, self.forwarded, self.failed, self.calls_refused, s, h, n, p, c, u, b]
    }

    /// Of these numbers.
    #[must_use]
    pub const fn of_numbers(numbers: [u32; Self::NUMBERS]) -> Self {
        let [asked, forwarded, failed, calls_refused, s, h, n, p, c, u, b] = numbers;
        Self { asked, forwarded, failed, refused: [s, h, n, p, c, u, b], calls_refused }
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what `other` has counted.
    pub fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.asked, other.asked),
            (&mut self.forwarded, other.forwarded),
            (&mut self.failed, other.failed),
            (&mut self.calls_refused, other.calls_refused),
        ];
        let refused = self.refused.iter_mut().zip(other.refused);
        for (sum, more) in sums.into_iter().chain(refused) {
            *sum = sum.saturating_add(more);
        }
    }

    /// The value of the header: `1.<asked>.<forwarded>.<failed>.` and a letter and a number for
    /// each reason that occurred.
    #[must_use]
    pub fn to_header(&self) -> String {
        let mut text = format!("{FORMAT}.{}.{}.{}.", self.asked, self.forwarded, self.failed);
        for ((_, letter), refused) in REASONS.iter().zip(self.refused) {
            if refused > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "{letter}{refused}");
            }
        }
        text
    }

    /// The value of the header of refused calls, `1.<calls>`; `None` when there were none.
    #[must_use]
    pub fn to_calls_header(&self) -> Option<String> {
        (self.calls_refused > 0).then(|| format!("{FORMAT}.{}", self.calls_refused))
    }

    /// With what the header of refused calls says, if an edge wrote it.
    #[must_use]
    pub fn with_calls(self, header: Option<&str>) -> Self {
        let count = header.and_then(|header| header.split_once('.'));
        let count = count.filter(|(format, count)| *format == FORMAT && count.len() <= 10);
        let calls_refused = count.and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
        Self { calls_refused, ..self }
    }

    /// Reads the header; `None` for anything that an edge does not write.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        if header.len() > EDGE_COUNTS_HEADER_MAX {
            return None;
        }
        let mut fields = header.split('.');
        if fields.next()? != FORMAT {
            return None;
        }
        let mut number = || fields.next()?.parse::<u32>().ok();
        let mut counts = Self {
            asked: number()?,
            forwarded: number()?,
            failed: number()?,
            refused: Default::default(),
            calls_refused: 0,
        };
        let mut rest = fields.next()?;
        if fields.next().is_some() {
            return None;
        }
        while let Some(letter) = rest.chars().next() {
            let reason = REASONS.iter().position(|(_, l)| *l == letter)?;
            let digits = rest.get(1..)?;
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let (number, next) = digits.split_at_checked(end)?;
            let count = counts.refused.get_mut(reason)?;
            *count = count.saturating_add(number.parse().ok()?);
            rest = next;
        }
        Some(counts)
    }
}

/// The counts of one isolate that no origin has received yet, bounded in sales.
#[derive(Debug, Default)]
pub struct EdgeTally(HashMap<SaleId, EdgeCounts>);

impl EdgeTally {
    /// An order was refused at the gate.
    pub fn refused(&mut self, sale: &SaleId, refusal: Refusal) {
        let counts = self.of(sale);
        counts.asked = counts.asked.saturating_add(1);
        let code = refusal.code();
        let reasons = REASONS.iter().zip(&mut counts.refused);
        if let Some((_, count)) = reasons.into_iter().find(|((c, _), _)| *c == code) {
            *count = count.saturating_add(1);
        }
    }

    /// An order passed the gate.
    pub fn passed(&mut self, sale: &SaleId) {
        let counts = self.of(sale);
        counts.asked = counts.asked.saturating_add(1);
    }

    /// An order goes to an origin.
    pub fn forwarded(&mut self, sale: &SaleId) {
        let counts = self.of(sale);
        counts.forwarded = counts.forwarded.saturating_add(1);
    }

    /// An origin that was asked gave no answer.
    pub fn failed(&mut self, sale: &SaleId) {
        let counts = self.of(sale);
        counts.failed = counts.failed.saturating_add(1);
    }

    /// A read or a change of an order was refused here.
    pub fn call_refused(&mut self, sale: &SaleId) {
        let counts = self.of(sale);
        counts.calls_refused = counts.calls_refused.saturating_add(1);
    }

    /// Takes out what is about to be reported to an origin; `None` when there is nothing.
    pub fn take(&mut self, sale: &SaleId) -> Option<EdgeCounts> {
        self.0.remove(sale).filter(|counts| !counts.is_empty())
    }

    /// Puts back what no origin received.
    pub fn put_back(&mut self, sale: &SaleId, counts: &EdgeCounts) {
        self.of(sale).add(counts);
    }

    fn of(&mut self, sale: &SaleId) -> &mut EdgeCounts {
        if self.0.len() >= EDGE_SALES_MAX && !self.0.contains_key(sale) {
            // Whichever: a flood of invented names must not fill the memory.
            if let Some(other) = self.0.keys().next().cloned() {
                self.0.remove(&other);
            }
        }
        self.0.entry(sale.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sale(name: &str) -> SaleId {
        SaleId::parse(name).unwrap()
    }

    #[test]
    fn what_was_refused_is_told_by_reason_with_the_next_request() {
        let mut tally = EdgeTally::default();
        for _ in 0..12 {
            tally.refused(&sale("a"), Refusal::SoldOut);
        }
        tally.refused(&sale("a"), Refusal::Busy(250));
        tally.passed(&sale("a"));
        tally.forwarded(&sale("a"));
        let counts = tally.take(&sale("a")).unwrap();
        assert_eq!(counts.to_header(), "1.14.1.0.s12b1");
        assert_eq!(tally.take(&sale("a")), None, "reported once");
    }

    #[test]
    fn what_no_origin_heard_is_told_again() {
        let mut tally = EdgeTally::default();
        tally.refused(&sale("a"), Refusal::Paused);
        let lost = tally.take(&sale("a")).unwrap();
        tally.failed(&sale("a"));
        tally.refused(&sale("a"), Refusal::Paused);
        tally.put_back(&sale("a"), &lost);
        assert_eq!(tally.take(&sale("a")).unwrap().to_header(), "1.2.0.1.p2");
    }

    #[test]
    fn the_number_of_sales_that_are_counted_is_bounded() {
        let mut tally = EdgeTally::default();
        for i in 0..EDGE_SALES_MAX + 10 {
            tally.passed(&sale(&format!("sale-{i}")));
        }
        assert_eq!(tally.0.len(), EDGE_SALES_MAX);
    }

    #[test]
    fn a_header_that_no_edge_writes_is_not_read() {
        for text in [
            "",
            "2.1.1.0.",
            "1.1.1.0",
            "1.1.1.-1.",
            "1.1.1.0.s",
            "1.1.1.0.z5",
            "1.1.1.0.s5.",
            "1.1.1.0.5",
            "1.4294967296.1.0.",
            "1.1.1.0.sé",
        ] {
            assert_eq!(EdgeCounts::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn counts_read_back_from_their_header(
            asked: u32, forwarded: u32, failed: u32, refused: [u32; REASONS.len()],
            calls_refused: u32,
        ) {
            let counts = EdgeCounts { asked, forwarded, failed, refused, calls_refused };
            let header = counts.to_header();
            prop_assert!(header.len() <= EDGE_COUNTS_HEADER_MAX);
            let calls = counts.to_calls_header();
            let read = EdgeCounts::parse(&header).map(|read| read.with_calls(calls.as_deref()));
            prop_assert_eq!(read, Some(counts));
        }

        #[test]
        fn no_header_makes_the_reader_of_counts_panic(
            text in "(1\\.[0-9]{1,12}\\.[0-9]\\.[0-9]\\.)?.{0,60}",
        ) {
            let _ = EdgeCounts::parse(&text);
            let _ = EdgeCounts::default().with_calls(Some(&text));
        }
    }
}
