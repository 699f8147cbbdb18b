//! Problems: every refusal and fault as `application/problem+json` (RFC 9457).
//!
//! This file is the only one that pairs codes with status numbers.

use crate::domain::fault::Fault;
use crate::domain::ids::OrderId;
use crate::domain::order::Verdict;
use crate::domain::outcome::{Placed, Tier};
use crate::domain::refusal::Refusal;
use crate::domain::sale::Terms;
use crate::domain::time::UnixMillis;
use crate::limits::MOMENT_MIN_MS;
use serde::{Deserialize, Serialize};

/// Milliseconds of a mean year.
const MS_A_YEAR: u64 = 31_556_952_000;

/// Media type of a problem body.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Scheme of the challenge by which an origin says that it rejected an edge's signature.
pub const EDGE_CHALLENGE: &str = "Lastseat-Edge";

macro_rules! codes {
    ($(
        $(#[$doc:meta])*
        $name:ident $text:literal $status:literal $title:literal $detail:literal;
    )*) => {
        /// The stable codes of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word in the field `code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status),* }
            }

            /// A short name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// What the caller can do about it.
            #[must_use]
            pub const fn detail(self) -> &'static str {
                match self { $(Self::$name => $detail),* }
            }
        }
    };
}

codes! {
    /// Nothing free, nothing held.
    SoldOut "sold_out" 409 "Sold out"
        "Every ticket of this sale is sold.";
    /// Nothing free, but holds may come back.
    AllHeld "all_held" 409 "All tickets are held"
        "No ticket is free now, but some are held and not paid yet. Try again after Retry-After.";
    /// Fewer free than asked.
    NotEnough "not_enough" 409 "Not enough tickets"
        "Fewer tickets are free than the order asks for. Ask for fewer.";
    /// The sale has not opened.
    NotOpen "not_open" 409 "Not open yet"
        "This sale has not opened. Its opening time is in opens_at, if it is set.";
    /// An operator paused the sale.
    Paused "paused" 409 "Paused"
        "This sale is paused. Try again later.";
    /// The sale is over.
    Closed "closed" 410 "Closed"
        "This sale is over.";
    /// The buyer has as many as a buyer may.
    BuyerLimit "buyer_limit" 409 "Limit per buyer reached"
        "With this order the buyer would have more tickets than this sale allows one buyer.";
    /// The buyer has given back too many orders.
    EndedLimit "ended_limit" 409 "Too many orders given back"
        "This buyer has cancelled, or let expire, as many orders of this sale as one buyer may. \
         No new order is taken from this buyer.";
    /// The order asks for more than an order may.
    OrderLimit "order_limit" 422 "Too many tickets in one order"
        "The order asks for more tickets than this sale allows one order. Ask for fewer.";
    /// One key, two contents.
    KeyReused "key_reused" 422 "Order id already used"
        "This Idempotency-Key stands for another order. Use a new key for a new order.";
    /// The payment came too late.
    HoldExpired "hold_expired" 410 "Hold expired"
        "The hold ended before it was confirmed and its tickets are gone. Refund the payment.";
    /// A hold cannot last for ever.
    HoldLimit "hold_limit" 409 "Hold cannot be extended"
        "This hold has reached its longest life. Confirm it or let it go.";
    /// The order cannot do that now.
    WrongState "wrong_state" 409 "Not possible in this state"
        "The order is in a state in which this cannot be done. Nothing was changed.";
    /// Another number of tickets than the order's.
    QuantityHeld "quantity_held" 409 "Not the order's number of tickets"
        "The order is for another number of tickets than the call confirms. Nothing was changed.";
    /// Only the shop gives back what is paid.
    Paid "paid" 409 "Already paid"
        "The order is paid, and only the shop can give a paid order of this sale back, with its \
         token. Nothing was changed.";
    /// No such order.
    UnknownOrder "unknown_order" 404 "No such order"
        "No order has this id in this sale now. If a request for it may still be on its way, \
         repeat the order under the same key, or cancel it: then nothing is sold under it.";
    /// No such sale.
    UnknownSale "unknown_sale" 404 "No such sale"
        "No sale has this id. Check the address.";
    /// A sale with this id and other terms exists.
    SaleExists "sale_exists" 409 "Sale exists"
        "A sale with this id and other terms exists. Change it with restock or set, or choose \
         another id.";
    /// Capacity below what is taken.
    CapacityTaken "capacity_taken" 409 "Capacity below what is taken"
        "The capacity cannot go below the tickets that are held or confirmed.";
    /// The sale cannot go from its state to that one.
    BadTransition "bad_transition" 409 "State change not possible"
        "A sale goes scheduled, open, paused and open again, closed. It cannot go from its \
         present state to that one.";
    /// The terms contradict each other or the sale.
    BadTerms "bad_terms" 422 "Terms do not fit"
        "That does not fit: \"closes_at\" must be later than \"opens_at\", and the capacity is at \
         most 1000000000.";
    /// The request makes no sense.
    Invalid "invalid" 400 "Invalid request"
        "The request is not valid.";
    /// No such path.
    NotFound "not_found" 404 "No such address"
        "Nothing is at this address. Orders go to POST /v1/sales/{sale}/orders.";
    /// Wrong method for the path.
    MethodNotAllowed "method_not_allowed" 405 "Method not allowed"
        "This address does not take this method. The header Allow names those that it takes.";
    /// The body is too large.
    TooLarge "too_large" 413 "Request too large"
        "A request body has at most 4096 bytes.";
    /// The length of the body was not announced.
    LengthRequired "length_required" 411 "Length required"
        "Send the body with a Content-Length.";
    /// No or wrong credentials.
    Unauthorized "unauthorized" 401 "Not authorized"
        "This call needs a valid token.";
    /// Not from an edge.
    Untrusted "untrusted" 401 "Not from an edge"
        "This node answers edges only. Send the request to the edge.";
    /// The shop says nothing of the buyer, or something else.
    BuyerToken "buyer_token" 401 "Buyer token needed"
        "An order of this sale needs a buyer token of the shop in the header Lastseat-Buyer-Token.";
    /// A page of another website makes the browser ask.
    ForeignOrigin "foreign_origin" 403 "Page of another website"
        "A page of another website cannot make this call. The operator can allow its origin \
         (ALLOWED_ORIGINS).";
    /// A browser sends something else than JSON.
    MediaType "media_type" 415 "Not marked as JSON"
        "A page sends the body of this call as JSON, with the header Content-Type: \
         application/json.";
    /// Too many at this moment.
    Busy "busy" 429 "Busy"
        "Too many are asking at this moment. This request was not carried out. Ask again after \
         Retry-After.";
    /// Nothing happened.
    Unavailable "unavailable" 503 "Unavailable"
        "The sale cannot be reached at this moment. This request was not carried out. Ask again \
         after Retry-After.";
    /// It may have happened.
    OutcomeUnknown "outcome_unknown" 504 "Outcome unknown"
        "The order may have been taken. Ask again with the same Idempotency-Key, or get the order \
         by its id.";
    /// Our bug or foreign data.
    Corrupt "corrupt" 500 "Ledger data damaged"
        "The data of this sale is damaged. This request was not carried out. The operator has \
         been alarmed.";
}

impl Code {
    /// The header `WWW-Authenticate` of an answer with status 401: how to show who one is.
    #[must_use]
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized => Some("Bearer"),
            Self::Untrusted => Some(EDGE_CHALLENGE),
            Self::BuyerToken => Some("Lastseat-Buyer-Token"),
            _ => None,
        }
    }
}

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

impl Fault {
    /// Code for the client. The cause stays inside: it helps operators, not buyers.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::NotSent(_) => Code::Unavailable,
            Self::Unknown(_) => Code::OutcomeUnknown,
            Self::Corrupt(_) => Code::Corrupt,
        }
    }
}

impl Refusal {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> Code {
        match self {
            Self::SoldOut => Code::SoldOut,
            Self::AllHeld => Code::AllHeld,
            Self::NotEnough => Code::NotEnough,
            Self::NotOpen(_) => Code::NotOpen,
            Self::Paused => Code::Paused,
            Self::Closed => Code::Closed,
            Self::BuyerLimit => Code::BuyerLimit,
            Self::OrderLimit => Code::OrderLimit,
            Self::EndedLimit => Code::EndedLimit,
            Self::KeyReused => Code::KeyReused,
            Self::HoldExpired | Self::HoldEnded => Code::HoldExpired,
            Self::HoldLimit => Code::HoldLimit,
            Self::WrongState(_) => Code::WrongState,
            Self::QuantityHeld { .. } => Code::QuantityHeld,
            Self::Paid => Code::Paid,
            Self::UnknownOrder => Code::UnknownOrder,
            Self::UnknownSale => Code::UnknownSale,
            Self::Busy(_) => Code::Busy,
        }
    }
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
pub const fn outcome_word(outcome: &Result<Placed, Fault>) -> (&'static str, Tier) {
    let word = match outcome {
        Ok(placed) => match &placed.verdict {
            Verdict::Granted { replayed: true, .. } => "replayed",
            Verdict::Granted { .. } => "granted",
            Verdict::Refused(no) => no.code().as_str(),
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
    fn each_code_has_one_word_and_a_status_of_its_class() {
        let mut words: Vec<_> = Code::ALL.iter().map(|c| c.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!((400..600).contains(&code.status()), "{code:?}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert_eq!(code.challenge().is_some(), code.status() == 401, "{code:?}");
        }
    }

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
