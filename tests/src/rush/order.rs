//! One order over HTTP: the request, and what its answer means for the buyer.

use super::buyers::Buyers;
use crate::harness::http::SentRequest;
use crate::harness::{ConnectionLost, HttpReply};
use anyhow::Result;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri};
use serde::{Deserialize, Serialize};
use shared::Code;
use shared::wire::messages::{OrderView, header};

/// Builds the orders of one rush; what they have in common is made once.
#[derive(Debug)]
pub struct CrowdOrders {
    buyers: Buyers,
    uri: Uri,
    headers: HeaderMap,
}

const KEY: HeaderName = HeaderName::from_static(header::IDEMPOTENCY_KEY);
const RETRY: HeaderName = HeaderName::from_static(header::RETRY);

impl CrowdOrders {
    /// The orders of `buyers` in `sale`.
    ///
    /// # Errors
    /// The sale's name cannot be part of an address.
    pub fn new(buyers: Buyers, sale: &str) -> Result<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(Self { buyers, uri: format!("/v1/sales/{sale}/orders").parse()?, headers })
    }

    /// The order of buyer `number`; `repeated` when an earlier answer to it was lost.
    ///
    /// # Panics
    /// Never: a key is made of visible characters.
    #[must_use]
    pub fn request(&self, number: u32, repeated: bool) -> SentRequest {
        let (name, key) = (self.buyers.name(number), self.buyers.key(number));
        let mut headers = self.headers.clone();
        let key = HeaderValue::from_maybe_shared(Bytes::from(key)).expect("a key is visible ASCII");
        headers.insert(KEY, key);
        if repeated {
            headers.insert(RETRY, HeaderValue::from_static("1"));
        }
        let body = format!(r#"{{"buyer":"{name}","quantity":1}}"#);
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        request
    }
}

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
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Edge, Self::Origin, Self::Ledger].into_iter().find(|tier| tier.word() == word)
    }

    /// How messages call it.
    #[must_use]
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
    /// One more.
    pub const fn add(&mut self, tier: AnsweringTier) {
        match tier {
            AnsweringTier::Edge => self.edge += 1,
            AnsweringTier::Origin => self.origin += 1,
            AnsweringTier::Ledger => self.ledger += 1,
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
    /// Not now: ask again after so many milliseconds. `busy` when the answer was just that, not a
    /// fault.
    Later {
        /// Milliseconds to wait.
        wait_ms: u32,
        /// A `busy` rather than a fault.
        busy: bool,
    },
    /// It may have happened: repeat it with the same key.
    Lost(String),
    /// An answer that no buyer should get.
    Wrong(String),
}

/// Milliseconds before a request is repeated that was not answered, or not sent.
pub const REPEAT_AFTER_MS: u32 = 100;
/// Milliseconds to wait when an answer says "later" and not when.
const LATER_MS: u32 = 1_000;

/// The part of a "no" that the generator needs; read without copying.
#[derive(Deserialize)]
struct No {
    code: Code,
    retry_after_ms: Option<u32>,
}

/// Which tier an answer names.
#[must_use]
pub fn tier(answer: &HttpReply) -> Option<AnsweringTier> {
    AnsweringTier::named(answer.header(header::ANSWERED_BY))
}

/// What `answer` means for the buyer of `key`.
#[must_use]
pub fn observed(
    answer: &Result<HttpReply, ConnectionLost>,
    key: impl FnOnce() -> String,
) -> LastReply {
    let answer = match answer {
        Ok(answer) => answer,
        Err(ConnectionLost::NotSent(_)) => {
            return LastReply::Later { wait_ms: REPEAT_AFTER_MS, busy: false };
        }
        Err(lost @ ConnectionLost::Unknown(_)) => return LastReply::Lost(lost.to_string()),
    };
    told(answer.status.as_u16(), &answer.body, key)
}

/// What an answer with this status and body means for the buyer of `key`.
#[must_use]
pub fn told(status: u16, body: &[u8], key: impl FnOnce() -> String) -> LastReply {
    let text = || format!("{status} {}", String::from_utf8_lossy(body));
    let wrong = || LastReply::Wrong(text());
    if status == 200 || status == 201 {
        return match serde_json::from_slice::<OrderView>(body) {
            Ok(order) if order.order_id == key() && order.quantity == 1 => LastReply::Granted,
            _ => wrong(),
        };
    }
    match (status, serde_json::from_slice::<No>(body)) {
        (_, Ok(no)) if no.code.status() != status => wrong(),
        (_, Ok(no)) => said_no(&no).unwrap_or_else(wrong),
        // A fault of something in between, such as wrangler's proxy.
        (500.., Err(_)) => LastReply::Lost(text()),
        _ => wrong(),
    }
}

fn said_no(no: &No) -> Option<LastReply> {
    let later = |busy| LastReply::Later { wait_ms: no.retry_after_ms.unwrap_or(LATER_MS), busy };
    match no.code {
        Code::SoldOut | Code::NotEnough | Code::Closed => Some(LastReply::Refused),
        Code::Busy => Some(later(true)),
        Code::AllHeld | Code::NotOpen | Code::Paused | Code::Unavailable => Some(later(false)),
        Code::OutcomeUnknown => Some(LastReply::Lost("outcome_unknown".to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::StatusCode;
    use shared::{Problem, Refusal};

    fn answer(status: u16, body: String) -> Result<HttpReply, ConnectionLost> {
        Ok(HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        })
    }

    fn no(problem: &Problem) -> LastReply {
        let body = serde_json::to_string(problem).unwrap();
        observed(&answer(problem.status, body), String::new)
    }

    #[test]
    fn a_refusal_that_may_pass_later_is_never_final() {
        for refusal in [Refusal::AllHeld, Refusal::NotOpen(None), Refusal::Paused] {
            assert!(refusal.may_pass_later());
            let later = no(&Problem::refusal(refusal));
            assert!(matches!(later, LastReply::Later { busy: false, .. }), "{later:?}");
        }
        let busy = LastReply::Later { wait_ms: 70, busy: true };
        assert_eq!(no(&Problem::refusal(Refusal::Busy(70))), busy);
        assert_eq!(no(&Problem::refusal(Refusal::SoldOut)), LastReply::Refused);
    }

    #[test]
    fn a_lost_answer_is_repeated_and_a_foreign_one_is_wrong() {
        let lost = no(&Problem::new(Code::OutcomeUnknown));
        assert!(matches!(lost, LastReply::Lost(_)), "{lost:?}");
        let proxy = observed(&answer(500, "Internal Server Error".to_owned()), String::new);
        assert!(matches!(proxy, LastReply::Lost(_)), "{proxy:?}");
        assert!(matches!(no(&Problem::new(Code::Corrupt)), LastReply::Wrong(_)));
        assert!(matches!(no(&Problem::invalid("x")), LastReply::Wrong(_)));
        let other = r#"{"order_id":"y","sale":"s","buyer":"b","quantity":1,
            "state":"confirmed","created_at":1}"#;
        let other = observed(&answer(201, other.to_owned()), || "x".to_owned());
        assert!(matches!(other, LastReply::Wrong(_)), "{other:?}");
    }
}
