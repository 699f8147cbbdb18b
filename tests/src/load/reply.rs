//! What an answer means for the buyer who asked, and which tier decided.

use serde::{Deserialize, Serialize};
use shared::Code;
use shared::wire::messages::OrderView;

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnsweringTier {
    /// The edge, alone.
    Edge,
    /// A node, from memory.
    Origin,
    /// The ledger.
    Ledger,
}

impl AnsweringTier {
    /// The tier that an answer names.
    pub fn named(word: &str) -> Option<Self> {
        [Self::Edge, Self::Origin, Self::Ledger].into_iter().find(|tier| tier.word() == word)
    }

    /// How messages call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Origin => "origin",
            Self::Ledger => "ledger",
        }
    }
}

/// How often each tier decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct AnsweredBy {
    /// The edge, alone.
    pub edge: u64,
    /// A node, from memory.
    pub origin: u64,
    /// The ledger.
    pub ledger: u64,
}

impl AnsweredBy {
    pub(super) fn add(&mut self, tier: Option<AnsweringTier>) {
        match tier {
            Some(AnsweringTier::Edge) => self.edge += 1,
            Some(AnsweringTier::Origin) => self.origin += 1,
            Some(AnsweringTier::Ledger) => self.ledger += 1,
            None => {}
        }
    }
}

/// What an attempt means for its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastReply {
    /// A ticket.
    Granted,
    /// No, for good.
    Refused,
    /// Not now, for this reason: ask again after so many milliseconds.
    Later { wait_ms: u32, code: Code },
    /// It may have happened: repeat it with the same key.
    Lost(String),
    /// The request could not be sent: nothing has happened.
    NotSent(String),
    /// An answer that no buyer should get.
    Wrong(String),
}

/// Milliseconds to wait when an answer says "later" and not when.
const LATER_MS: u32 = 1_000;

/// The part of a "no" that the generator needs.
#[derive(Deserialize)]
struct No {
    code: Code,
    retry_after_ms: Option<u32>,
}

/// What an answer with this status and body means for the buyer of `key`, who wants so many
/// tickets.
pub(super) fn of_order(
    status: u16,
    body: &[u8],
    key: impl FnOnce() -> String,
    quantity: u32,
) -> LastReply {
    let text = || format!("{status} {}", String::from_utf8_lossy(body));
    if status == 200 || status == 201 {
        return match serde_json::from_slice::<OrderView>(body) {
            Ok(order) if order.order_id == key() && order.quantity == quantity => {
                LastReply::Granted
            }
            _ => LastReply::Wrong(text()),
        };
    }
    let no = match serde_json::from_slice::<No>(body) {
        Ok(no) if no.code.status() == status => no,
        // A fault of something in between, such as wrangler's proxy.
        Err(_) if status >= 500 => return LastReply::Lost(text()),
        _ => return LastReply::Wrong(text()),
    };
    match no.code {
        Code::SoldOut | Code::NotEnough | Code::Closed => LastReply::Refused,
        Code::Busy | Code::AllHeld | Code::NotOpen | Code::Paused | Code::Unavailable => {
            let wait_ms = no.retry_after_ms.unwrap_or(LATER_MS);
            LastReply::Later { wait_ms, code: no.code }
        }
        Code::OutcomeUnknown => LastReply::Lost("outcome_unknown".to_owned()),
        _ => LastReply::Wrong(text()),
    }
}

/// The code of a "no" with this body.
pub(super) fn code_of(body: &[u8]) -> Option<Code> {
    serde_json::from_slice::<No>(body).ok().map(|no| no.code)
}

/// How a 5xx is counted: by status, code and tier.
pub(super) fn fault_name(status: u16, body: &[u8], tier: Option<AnsweringTier>) -> String {
    let no = serde_json::from_slice::<No>(body);
    let code = no.as_ref().map_or("of nobody knows what", |no| no.code.as_str());
    format!("{status} {code} by {}", tier.map_or("something else", AnsweringTier::word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::{Problem, Refusal};

    fn no(problem: &Problem) -> LastReply {
        of_order(problem.status, &serde_json::to_vec(problem).unwrap(), String::new, 1)
    }

    #[test]
    fn a_refusal_that_may_pass_later_is_never_final() {
        for refusal in [Refusal::AllHeld, Refusal::NotOpen(None), Refusal::Paused] {
            assert!(refusal.may_pass_later());
            let later = no(&Problem::refusal(refusal));
            assert!(matches!(later, LastReply::Later { .. }), "{later:?}");
        }
        let busy = LastReply::Later { wait_ms: 70, code: Code::Busy };
        assert_eq!(no(&Problem::refusal(Refusal::Busy(70))), busy);
        assert_eq!(no(&Problem::refusal(Refusal::SoldOut)), LastReply::Refused);
    }

    #[test]
    fn a_lost_answer_is_repeated_and_a_foreign_one_is_wrong() {
        let lost = no(&Problem::new(Code::OutcomeUnknown));
        assert!(matches!(lost, LastReply::Lost(_)), "{lost:?}");
        let proxy = of_order(500, b"Internal Server Error", String::new, 1);
        assert!(matches!(proxy, LastReply::Lost(_)), "{proxy:?}");
        assert!(matches!(no(&Problem::new(Code::Corrupt)), LastReply::Wrong(_)));
        assert!(matches!(no(&Problem::invalid("x")), LastReply::Wrong(_)));
        let other = br#"{"order_id":"y","sale":"s","buyer":"b","quantity":1,
            "state":"confirmed","created_at":1}"#;
        let other = of_order(201, other, || "x".to_owned(), 1);
        assert!(matches!(other, LastReply::Wrong(_)), "{other:?}");
    }
}
