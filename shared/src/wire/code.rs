//! Codes of the API: the stable word, the status and the sentence of each refusal and fault.
//!
//! This file is the only one that pairs codes with status numbers.

use crate::domain::fault::Fault;
use crate::domain::refusal::Refusal;
use crate::seats::SeatRefusal;
use serde::{Deserialize, Serialize};

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
    /// Enough are free for a line of the order, but not so close together.
    NotTogether "not_together" 409 "Not together"
        "Enough seats are free, but not as close together as the line asks for. Ask for fewer, or \
         with \"together\": \"any\".";
    /// A chosen seat is taken.
    SeatTaken "seat_taken" 409 "Seat taken"
        "A chosen seat is not free. The nearest that is free is in instead, if there is one.";
    /// The chosen seats would leave a single one that others would not.
    LeavesSingle "leaves_single" 409 "A single seat would be left"
        "The chosen seats would leave a single seat in their row. Seats that would not are in \
         instead.";
    /// An order of a sale with a plan says what it wants by lines.
    NeedsLines "needs_lines" 422 "Lines needed"
        "This sale has a plan: name classes, stops and seats in \"lines\", and a part of an order \
         by \"lines\" or \"seats\".";
    /// A sale without a plan has no seats.
    NoPlan "no_plan" 422 "No seats in this sale"
        "This sale is one number of equal tickets: it has no plan. Order with \"quantity\".";
    /// The order does not have what the call names.
    NotItsSeats "not_its_seats" 409 "Not the order's seats"
        "The order does not have all of the lines or seats that the call names. Nothing was \
         changed.";
    /// A plan says how many places there are.
    HasPlan "has_plan" 409 "The plan says how many"
        "This sale has a plan, which says how many places there are: its capacity stays.";
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
    /// A scoped token that is over.
    TokenExpired "token_expired" 401 "Token expired"
        "The token has expired. Make a new one with `lastseat token create`.";
    /// A scoped token without the verb of the call.
    TokenVerb "token_verb" 403 "Not allowed by the token"
        "The token does not allow this call. The verb that it lacks is in the detail.";
    /// A scoped token for other sales.
    TokenSale "token_sale" 403 "Not a sale of the token"
        "The token allows this call for other sales. Those that it is for are in the detail.";
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
            Self::Unauthorized | Self::TokenExpired => Some("Bearer"),
            Self::Untrusted => Some(EDGE_CHALLENGE),
            Self::BuyerToken => Some("Lastseat-Buyer-Token"),
            _ => None,
        }
    }
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

/// The stable code of the refusal of a line, of which some seats may only be held.
#[must_use]
pub const fn no_seats_code(refusal: &SeatRefusal, some_held: bool) -> Code {
    match refusal {
        SeatRefusal::SoldOut { free: 1.. } => Code::NotEnough,
        SeatRefusal::SoldOut { .. } if some_held => Code::AllHeld,
        SeatRefusal::SoldOut { .. } => Code::SoldOut,
        SeatRefusal::NotTogether => Code::NotTogether,
        SeatRefusal::SeatTaken { .. } => Code::SeatTaken,
        SeatRefusal::LeavesSingle { .. } => Code::LeavesSingle,
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
            Self::NeedsLines => Code::NeedsLines,
            Self::NoPlan => Code::NoPlan,
            Self::NotItsSeats => Code::NotItsSeats,
            Self::UnknownOrder => Code::UnknownOrder,
            Self::UnknownSale => Code::UnknownSale,
            Self::Busy(_) => Code::Busy,
        }
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
}
