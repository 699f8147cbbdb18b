//! What is asked, and what the answers mean.

use super::buyers::Buyers;
use super::invented::InventedCall;
use super::reply::{AnsweringTier, LastReply, of_order};
use serde::Deserialize;
use shared::wire::messages::header::{IDEMPOTENCY_KEY, RETRY};

/// The requests of one load.
#[derive(Clone, Debug)]
pub enum LoadRequest {
    /// Orders for one ticket of a sale, each of another buyer under a key of its own.
    Orders { sale: String, buyers: Buyers },
    /// Calls that name, in this sale, the orders of buyers who never came.
    Invented { call: InventedCall, sale: String, buyers: Buyers },
    /// `GET /buy/ticket`, as the services that lastseat is compared with have it.
    Tickets,
}

/// The answer of the services that lastseat is compared with.
#[derive(Deserialize)]
struct Said {
    code: i32,
}

impl LoadRequest {
    /// Orders of these buyers for `sale`.
    pub fn orders(sale: &str, buyers: Buyers) -> Self {
        Self::Orders { sale: sale.to_owned(), buyers }
    }

    /// Writes request `number` to `host` behind what `out` has; `repeated` when an earlier answer
    /// to it was lost.
    pub(super) fn write(&self, number: u32, repeated: bool, host: &str, out: &mut Vec<u8>) {
        let (sale, buyers) = match self {
            Self::Orders { sale, buyers } => (sale, buyers),
            Self::Invented { call, sale, buyers } => {
                let path = call.path(sale, &buyers.key(number));
                extend(out, &[call.method(), " ", &path, " HTTP/1.1\r\nhost: ", host]);
                return extend(out, &["\r\ncontent-length: 0\r\n\r\n"]);
            }
            Self::Tickets => {
                return extend(out, &["GET /buy/ticket HTTP/1.1\r\nhost: ", host, "\r\n\r\n"]);
            }
        };
        let (key, name) = (buyers.key(number), buyers.name(number));
        let length = (r#"{"buyer":"","quantity":1}"#.len() + name.len()).to_string();
        extend(out, &["POST /v1/sales/", sale, "/orders HTTP/1.1\r\nhost: ", host, "\r\n"]);
        extend(out, &["content-type: application/json\r\n", IDEMPOTENCY_KEY, ": ", &key, "\r\n"]);
        if repeated {
            extend(out, &[RETRY, ": 1\r\n"]);
        }
        extend(out, &["content-length: ", &length, "\r\n\r\n"]);
        extend(out, &["{\"buyer\":\"", &name, "\",\"quantity\":1}"]);
    }

    /// What the answer to request `number` means.
    pub(super) fn observe(
        &self,
        number: u32,
        status: u16,
        body: &[u8],
        tier: Option<AnsweringTier>,
    ) -> LastReply {
        let wrong =
            |what| LastReply::Wrong(format!("{what}: {status} {}", String::from_utf8_lossy(body)));
        if let Self::Invented { call, .. } = self {
            return call.observe(status, body);
        }
        let Self::Orders { buyers, .. } = self else {
            return match (status, serde_json::from_slice(body)) {
                (200, Ok(Said { code: 1 })) => LastReply::Granted,
                (200, Ok(Said { code: -1 })) => LastReply::Refused,
                _ => wrong("no answer of a peer"),
            };
        };
        match of_order(status, body, || buyers.key(number)) {
            LastReply::Granted | LastReply::Refused if tier.is_none() => wrong("no tier in"),
            reply => reply,
        }
    }

    /// Whether a request may be sent again when its answer was lost.
    pub(super) const fn is_idempotent(&self) -> bool {
        !matches!(self, Self::Tickets)
    }
}

fn extend(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_how_long_its_body_is_and_whether_it_is_repeated() {
        for (number, repeated) in [(0, false), (12_345, true)] {
            let mut out = Vec::new();
            LoadRequest::orders("s", Buyers::new(1)).write(number, repeated, "a:1", &mut out);
            let text = String::from_utf8(out).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.ends_with(&format!("content-length: {}", body.len())));
            assert!(head.starts_with("POST /v1/sales/s/orders HTTP/1.1\r\nhost: a:1\r\n"));
            assert_eq!(head.contains(RETRY), repeated);
            assert_eq!(body, format!(r#"{{"buyer":"buyer-{number}","quantity":1}}"#));
        }
    }

    #[test]
    fn a_fault_of_a_peer_is_neither_a_ticket_nor_a_refusal() {
        let heard =
            |status, body: &str| LoadRequest::Tickets.observe(0, status, body.as_bytes(), None);
        assert_eq!(heard(200, r#"{"code":1,"msg":"ok"}"#), LastReply::Granted);
        assert_eq!(heard(200, r#"{"code":-1,"msg":"sold out"}"#), LastReply::Refused);
        assert!(matches!(heard(502, "Bad Gateway"), LastReply::Wrong(_)));
        assert!(matches!(heard(200, "{}"), LastReply::Wrong(_)));
    }
}
