//! What is asked, and what the answers mean.

use crate::rush::buyers::Buyers;
use crate::rush::order::{LastReply, told};
use serde::Deserialize;
use shared::wire::messages::header::IDEMPOTENCY_KEY;

/// The requests of one load.
#[derive(Clone, Debug)]
pub enum BenchAsk {
    /// Orders for one ticket, each of another buyer under a key of its own.
    Orders {
        /// Who asks.
        buyers: Buyers,
        /// Everything before the key.
        head: Vec<u8>,
    },
    /// `GET /buy/ticket`, as the services that lastseat is compared with have it.
    Tickets,
    /// One request over and over, whose right answer has one status.
    Same {
        /// The whole request.
        request: Vec<u8>,
        /// The status of the right answer.
        status: u16,
    },
}

const TICKET: &[u8] = b"GET /buy/ticket HTTP/1.1\r\nhost: bench\r\n\r\n";

/// The answer of the services that lastseat is compared with.
#[derive(Deserialize)]
struct Said {
    code: i32,
}

impl BenchAsk {
    /// Orders for `sale`, keys and buyers from `seed`.
    #[must_use]
    pub fn orders(sale: &str, seed: u64) -> Self {
        let head = format!(
            "POST /v1/sales/{sale}/orders HTTP/1.1\r\nhost: bench\r\ncontent-type: \
             application/json\r\n{IDEMPOTENCY_KEY}: "
        );
        Self::Orders { buyers: Buyers::new(seed), head: head.into_bytes() }
    }

    /// Writes request `number` behind what `out` has.
    pub(super) fn write(&self, number: u32, out: &mut Vec<u8>) {
        match self {
            Self::Orders { buyers, head } => {
                let (key, name) = (buyers.key(number), buyers.name(number));
                let length = r#"{"buyer":"","quantity":1}"#.len() + name.len();
                out.extend_from_slice(head);
                for part in [&key, "\r\ncontent-length: ", &length.to_string()] {
                    out.extend_from_slice(part.as_bytes());
                }
                for part in ["\r\n\r\n{\"buyer\":\"", &name, "\",\"quantity\":1}"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            Self::Tickets => out.extend_from_slice(TICKET),
            Self::Same { request, .. } => out.extend_from_slice(request),
        }
    }

    /// What the answer to request `number` means.
    pub(super) fn observe(&self, number: u32, status: u16, body: &[u8]) -> LastReply {
        match self {
            Self::Orders { buyers, .. } => told(status, body, || buyers.key(number)),
            Self::Tickets => match (status, serde_json::from_slice(body)) {
                (200, Ok(Said { code: 1 })) => LastReply::Granted,
                (200, Ok(Said { code: -1 })) => LastReply::Refused,
                _ => LastReply::Wrong(format!("{status} {}", String::from_utf8_lossy(body))),
            },
            Self::Same { status: right, .. } if status == *right && status < 300 => {
                LastReply::Granted
            }
            Self::Same { status: right, .. } if status == *right => LastReply::Refused,
            Self::Same { .. } => {
                LastReply::Wrong(format!("{status} {}", String::from_utf8_lossy(body)))
            }
        }
    }

    /// Whether a request may be sent again when its answer was lost.
    pub(super) const fn is_idempotent(&self) -> bool {
        matches!(self, Self::Orders { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_how_long_its_body_is() {
        for number in [0, 12_345] {
            let mut out = Vec::new();
            BenchAsk::orders("bench", 1).write(number, &mut out);
            let text = String::from_utf8(out).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("content-length: {}", body.len())));
            assert_eq!(body, format!(r#"{{"buyer":"buyer-{number}","quantity":1}}"#));
        }
    }

    #[test]
    fn a_fault_of_a_peer_is_neither_a_ticket_nor_a_refusal() {
        let heard = |status, body: &str| BenchAsk::Tickets.observe(0, status, body.as_bytes());
        assert_eq!(heard(200, r#"{"code":1,"msg":"ok"}"#), LastReply::Granted);
        assert_eq!(heard(200, r#"{"code":-1,"msg":"sold out"}"#), LastReply::Refused);
        assert!(matches!(heard(502, "Bad Gateway"), LastReply::Wrong(_)));
        assert!(matches!(heard(200, "{}"), LastReply::Wrong(_)));
    }
}
