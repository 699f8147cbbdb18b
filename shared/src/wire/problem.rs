//! Problems: every refusal and fault as `application/problem+json` (RFC 9457).

use crate::domain::fault::Fault;
use crate::domain::ids::OrderId;
use crate::domain::order::Verdict;
use crate::domain::outcome::{Placed, Tier};
use crate::domain::refusal::Refusal;
use crate::domain::sale::Terms;
use crate::domain::time::UnixMillis;
use crate::limits::MOMENT_MIN_MS;
use crate::seats::SeatRefusal;
pub use crate::wire::code::{Code, EDGE_CHALLENGE, no_seats_code};
use crate::wire::seat_lines::RefusedLine;
use serde::{Deserialize, Serialize};

/// Milliseconds of a mean year.
const MS_A_YEAR: u64 = 31_556_952_000;

/// Media type of a problem body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// The body of a "no".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// A short name for people.
    pub title: String,
    /// The HTTP status, repeated for readers of logs.
    pub status: u16,
    /// A sentence that a person can act on.
    pub detail: String,
    /// The order that the request was about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub order_id: Option<String>,
    /// When to ask again, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub retry_after_ms: Option<u32>,
    /// When the sale opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub opens_at: Option<UnixMillis>,
    /// The line of the order that is the cause. In a box: it is rare, and edges pass problems
    /// around.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = RefusedLine))]
    pub refused_line: Option<Box<RefusedLine>>,
}

/// What has too much to do where a request is told `busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyCause {
    /// The edge has sent on what it may of this sale for the moment.
    EdgeBudget,
    /// As many orders of the edge as it keeps wait for nodes.
    EdgeUnderWay,
    /// The client's address has asked more than one address may.
    ClientAddress,
    /// The queue of the node is full, or it has looked up as many repeated orders as it may.
    NodeQueue,
}

impl BusyCause {
    const fn sentence(self) -> &'static str {
        match self {
            Self::EdgeBudget => {
                "More orders of this sale come here at once than can be sent on at this moment; \
                 tickets may still be free."
            }
            Self::EdgeUnderWay => {
                "More orders wait for an answer here than are kept at once; tickets may still be \
                 free."
            }
            Self::ClientAddress => "More requests come from this address than one may send.",
            Self::NodeQueue => {
                "More orders of this sale wait at this node, or are to be looked up, than it takes \
                 at once."
            }
        }
    }
}

/// The end of what is said to those that are told `busy`.
const ASK_AGAIN: &str = "Ask again after Retry-After.";

impl Problem {
    /// The problem of `code` with its own sentence.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            code,
            title: code.title().to_owned(),
            status: code.status(),
            detail: code.detail().to_owned(),
            order_id: None,
            retry_after_ms: None,
            opens_at: None,
            refused_line: None,
        }
    }

    /// `Code::Invalid` with the text of what is wrong.
    #[must_use]
    pub fn invalid(wrong: impl core::fmt::Display) -> Self {
        Self::saying(Code::Invalid, wrong)
    }

    /// The problem of `code` with the text of what is wrong, written as a sentence.
    #[must_use]
    pub fn saying(code: Code, wrong: impl core::fmt::Display) -> Self {
        let text = wrong.to_string();
        let text = text.trim_end_matches('.');
        let mut chars = text.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        let detail = first.into_iter().chain(chars).chain(['.']).collect();
        Self { detail, ..Self::new(code) }
    }

    /// The problem of a refusal.
    #[must_use]
    pub fn refusal(refusal: Refusal) -> Self {
        let mut problem = Self::new(refusal.code());
        match refusal {
            Refusal::Busy(ms) => problem.retry_after_ms = Some(ms),
            Refusal::AllHeld | Refusal::Paused => problem.retry_after_ms = Some(1_000),
            Refusal::NotOpen(opens_at) => problem.opens_at = opens_at,
            Refusal::HoldEnded => {
                problem.detail = "The hold has ended and cannot be extended. A payment that comes \
                                  now still gets tickets while some are free: confirm the order."
                    .to_owned();
            }
            Refusal::WrongState(state) => {
                problem.detail =
                    format!("The order is {state}, so this cannot be done. Nothing was changed.");
            }
            Refusal::QuantityHeld { has, asked } => {
                problem.detail = format!(
                    "The order is for {has} tickets and the call confirms {asked}. Nothing was \
                     changed."
                );
            }
            _ => {}
        }
        problem
    }

    /// The problem of an order of which a line finds no seats; `some_held` = some of what it asks
    /// for is only held. With what is known of that line.
    #[must_use]
    pub fn no_seats(refusal: &SeatRefusal, some_held: bool, line: Option<RefusedLine>) -> Self {
        let code = no_seats_code(refusal, some_held);
        let mut problem = match code {
            Code::AllHeld => Self::refusal(Refusal::AllHeld),
            code => Self::new(code),
        };
        if let SeatRefusal::SoldOut { free } = refusal {
            problem.detail = match (free, code) {
                (0, Code::AllHeld) => "No seat is free for a line of the order, but some are \
                                       held and not paid yet. Try again after Retry-After."
                    .to_owned(),
                (0, _) => "No seat is left for a line of the order.".to_owned(),
                (free, _) => {
                    format!("{free} free, fewer than a line of the order asks for. Ask for fewer.")
                }
            };
        }
        Self { refused_line: line.map(Box::new), ..problem }
    }

    /// Names the line of the order that is the cause.
    #[must_use]
    pub fn of_line(self, line: RefusedLine) -> Self {
        Self { refused_line: Some(Box::new(line)), ..self }
    }

    /// `Code::Busy` with the cause: who has too much to do, and when to ask again.
    #[must_use]
    pub fn busy(cause: BusyCause, ms: u32) -> Self {
        Self {
            detail: format!("{} This request was not carried out. {ASK_AGAIN}", cause.sentence()),
            retry_after_ms: Some(ms),
            ..Self::new(Code::Busy)
        }
    }

    /// Names the order that the request was about.
    #[must_use]
    pub fn for_order(mut self, id: &OrderId) -> Self {
        self.order_id = Some(id.to_string());
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub fn retry_after(mut self, ms: u32) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// Spreads those who get the same answer at the same moment, who would come back at the same
    /// moment, too: `chance`, from 0 to 1, makes the wait up to three times as long and never
    /// shorter. "Busy" and an opening are spread where they are decided.
    #[must_use]
    pub fn spread(mut self, chance: f64) -> Self {
        if !matches!(self.code, Code::Busy | Code::NotOpen) {
            self.retry_after_ms = self.retry_after_ms.map(|ms| spread_ms(ms, chance));
        }
        self
    }

    /// The header `Retry-After`: whole seconds, rounded up, at least 1 (RFC 9110 has no fractions).
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u32> {
        self.retry_after_ms.map(|ms| ms.div_ceil(1_000).max(1))
    }
}

/// A wait of at least `ms` and at most three times that, in milliseconds.
#[must_use]
pub fn spread_ms(ms: u32, chance: f64) -> u32 {
    ms.saturating_add((f64::from(ms) * 2.0 * chance) as u32)
}

impl Terms {
    /// Checks the bounds of each term and their relation.
    ///
    /// # Errors
    /// `invalid`, naming the term and its bounds, or `bad_terms`.
    pub fn check(&self) -> Result<(), Problem> {
        if self.closes_at.0 != 0 && self.closes_at <= self.opens_at {
            return Err(Problem::new(Code::BadTerms));
        }
        self.check_bounds().map_err(Problem::invalid)?;
        is_a_moment("opens_at", self.opens_at)?;
        is_a_moment("closes_at", self.closes_at)
    }
}

/// Whether `at` is 0 or in this century. Earlier ones are seconds in the place of milliseconds: a
/// sale would open, or close for good, at once.
fn is_a_moment(field: &str, at: UnixMillis) -> Result<(), Problem> {
    if at.0 == 0 || at.0 >= MOMENT_MIN_MS {
        return Ok(());
    }
    let (wrong, year) = (at.0, 1970 + at.0 / MS_A_YEAR);
    let meant = wrong.saturating_mul(1_000);
    Err(Problem::invalid(format!(
        "\"{field}\" is in Unix milliseconds, and {wrong} of them are in the year {year}. If they \
         are seconds, write {meant}."
    )))
}

/// The word for what became of an order, and who decided.
#[must_use]
pub fn outcome_word(outcome: &Result<Placed, Fault>) -> (&'static str, Tier) {
    let word = match outcome {
        Ok(placed) => match &placed.verdict {
            Verdict::Granted { replayed: true, .. } => "replayed",
            Verdict::Granted { .. } => "granted",
            Verdict::Refused(no) => no.code().as_str(),
            Verdict::NoSeats { refused, some_held } => {
                no_seats_code(&refused.refusal, *some_held).as_str()
            }
        },
        Err(Fault::NotSent(_)) => Code::Unavailable.as_str(),
        Err(Fault::Unknown(_)) => Code::OutcomeUnknown.as_str(),
        Err(Fault::Corrupt(_)) => Code::Corrupt.as_str(),
    };
    match outcome {
        Ok(placed) => (word, placed.by),
        Err(_) => (word, Tier::Origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        for text in ["a key is too short", "A key is too short."] {
            assert_eq!(Problem::invalid(text).detail, "A key is too short.");
        }
    }

    #[test]
    fn those_who_are_sent_away_in_the_same_moment_come_back_over_seconds_and_never_earlier() {
        for refusal in [Refusal::AllHeld, Refusal::Paused] {
            let wait = |chance| Problem::refusal(refusal).spread(chance).retry_after_ms.unwrap();
            assert_eq!((wait(0.0), wait(0.5)), (1_000, 2_000));
            assert!((2_990..3_000).contains(&wait(0.999)));
        }
        let away = Problem::new(Code::Unavailable).retry_after(1_000).spread(0.75);
        assert_eq!((away.retry_after_ms, away.retry_after_seconds()), (Some(2_500), Some(3)));
        assert_eq!(Problem::refusal(Refusal::Busy(40)).spread(0.5).retry_after_ms, Some(40));
        assert_eq!(Problem::refusal(Refusal::SoldOut).spread(0.5).retry_after_ms, None);
    }

    #[test]
    fn what_is_said_of_a_line_stands_beside_the_rest_and_reads_back() {
        let line = RefusedLine { line: 1, free: Some(2), ..RefusedLine::default() };
        let no = Problem::no_seats(&SeatRefusal::SoldOut { free: 2 }, true, Some(line));
        assert_eq!(no.code, Code::NotEnough);
        let text = serde_json::to_string(&no).unwrap();
        assert!(text.ends_with(r#","line":1,"free":2}"#), "{text}");
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), no);
        let plain = Problem::new(Code::SoldOut);
        let text = serde_json::to_string(&plain).unwrap();
        assert!(!text.contains("line"), "{text}");
        assert_eq!(serde_json::from_str::<Problem>(&text).unwrap(), plain);
        assert!(size_of::<Problem>() <= 128, "{}", size_of::<Problem>());
    }

    #[test]
    fn a_retry_of_50_ms_is_a_retry_after_of_one_second() {
        let problem = Problem::refusal(Refusal::Busy(50));
        assert_eq!(problem.retry_after_seconds(), Some(1));
        assert_eq!(problem.retry_after_ms, Some(50));
    }

    #[test]
    fn who_is_told_busy_reads_what_has_too_much_to_do() {
        let problem = Problem::busy(BusyCause::EdgeBudget, 50);
        assert_eq!((problem.code, problem.retry_after_ms), (Code::Busy, Some(50)));
        assert_eq!(
            problem.detail,
            "More orders of this sale come here at once than can be sent on at this moment; \
             tickets may still be free. This request was not carried out. Ask again after \
             Retry-After."
        );
    }
}
