//! What is asked, and what the answers mean.

use super::buyers::Buyers;
use super::invented::InventedCall;
use super::reply::{AnsweringTier, LastReply, code_of, of_order};
use super::travellers::Travellers;
use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use serde::Deserialize;
use shared::wire::messages::header::{IDEMPOTENCY_KEY, RETRY};
use std::borrow::Cow;

/// The requests of one load.
#[derive(Clone, Debug)]
pub enum LoadRequest {
    /// Orders for one ticket of a sale, each of another buyer under a key of its own.
    Orders { sale: String, buyers: Buyers },
    /// Orders for journeys of a sale with a plan, each as its traveller wants it, with what it is
    /// for in its address.
    Journeys { sale: String, buyers: Buyers, travellers: Travellers },
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
            Self::Orders { sale, buyers } | Self::Journeys { sale, buyers, .. } => (sale, buyers),
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
        let (query, goods) = self.goods(number);
        let length = (r#"{"buyer":"",}"#.len() + name.len() + goods.len()).to_string();
        extend(out, &["POST /v1/sales/", sale, "/orders", &query, " HTTP/1.1\r\nhost: ", host]);
        extend(out, &["\r\n"]);
        extend(out, &["content-type: application/json\r\n", IDEMPOTENCY_KEY, ": ", &key, "\r\n"]);
        if repeated {
            extend(out, &[RETRY, ": 1\r\n"]);
        }
        extend(out, &["content-length: ", &length, "\r\n\r\n"]);
        extend(out, &["{\"buyer\":\"", &name, "\",", &goods, "}"]);
    }

    /// What order `number` asks for: the query of its address and a field of its body.
    fn goods(&self, number: u32) -> (Cow<'static, str>, Cow<'static, str>) {
        match self {
            Self::Journeys { travellers, .. } => (
                format!("?for={}", travellers.wanted(number)).into(),
                format!(r#""lines":{}"#, travellers.lines(number)).into(),
            ),
            _ => ("".into(), r#""quantity":1"#.into()),
        }
    }

    /// Request `number` to `host` as a message of HTTP/2: the same as [`Self::write`] writes.
    ///
    /// # Errors
    /// `host` is no name of a host.
    pub(super) fn message(
        &self,
        number: u32,
        repeated: bool,
        host: &str,
    ) -> Result<Request<Full<Bytes>>> {
        let to = |path: String| format!("http://{host}{path}");
        let message = match self {
            Self::Orders { sale, buyers } | Self::Journeys { sale, buyers, .. } => {
                let (name, (query, goods)) = (buyers.name(number), self.goods(number));
                let mut head = Request::post(to(format!("/v1/sales/{sale}/orders{query}")))
                    .header("content-type", "application/json")
                    .header(IDEMPOTENCY_KEY, buyers.key(number));
                if repeated {
                    head = head.header(RETRY, "1");
                }
                head.body(Full::from(format!(r#"{{"buyer":"{name}",{goods}}}"#)))
            }
            Self::Invented { call, sale, buyers } => Request::builder()
                .method(call.method())
                .uri(to(call.path(sale, &buyers.key(number))))
                .body(Full::default()),
            Self::Tickets => Request::get(to("/buy/ticket".to_owned())).body(Full::default()),
        };
        message.with_context(|| format!("a request to {host:?}"))
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
        let (buyers, quantity) = match self {
            Self::Orders { buyers, .. } => (Some(buyers), 1),
            Self::Journeys { buyers, travellers, .. } => {
                (Some(buyers), travellers.wants(number).quantity)
            }
            _ => (None, 1),
        };
        let Some(buyers) = buyers else {
            return match (status, serde_json::from_slice(body)) {
                (200, Ok(Said { code: 1 })) => LastReply::Granted,
                (200, Ok(Said { code: -1 })) => LastReply::Refused,
                _ => wrong("no answer of a peer"),
            };
        };
        match of_order(status, body, || buyers.key(number), quantity) {
            LastReply::Granted | LastReply::Refused if tier.is_none() => wrong("no tier in"),
            reply => reply,
        }
    }

    /// How a "no" with this status and body is counted, where that is asked for: by its code.
    pub(super) fn refusal(&self, status: u16, body: &[u8]) -> Option<&'static str> {
        let asked = matches!(self, Self::Journeys { .. }) && (400..500).contains(&status);
        asked.then(|| code_of(body).map(shared::Code::as_str))?
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

    fn travellers() -> Travellers {
        let train = r#"{"stops":["A","B"],"classes":[{"id":"second","standing":9}]}"#;
        Travellers::new(shared::plan::Plan::from_json(train).unwrap(), 1)
    }

    #[test]
    fn an_order_for_a_journey_says_so_in_its_address_and_in_its_body() {
        let buyers = Buyers::new(1);
        let ask = LoadRequest::Journeys { sale: "s".to_owned(), buyers, travellers: travellers() };
        let mut out = Vec::new();
        ask.write(0, false, "a:1", &mut out);
        let text = String::from_utf8(out).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/sales/s/orders?for=second.A-B."), "{head}");
        assert!(head.ends_with(&format!("content-length: {}", body.len())));
        assert!(body.contains(r#","lines":[{"class":"second","from":"A","to":"B","quantity":"#));
        serde_json::from_str::<serde_json::Value>(body).unwrap();
        let no = serde_json::to_vec(&shared::Problem::new(shared::Code::NotEnough)).unwrap();
        assert_eq!(ask.refusal(409, &no), Some("not_enough"));
        assert_eq!(LoadRequest::orders("s", buyers).refusal(409, &no), None);
    }

    #[test]
    fn both_versions_of_http_say_the_same() {
        let buyers = Buyers::new(1);
        let call = InventedCall::Read;
        for ask in [
            LoadRequest::orders("s", buyers),
            LoadRequest::Journeys { sale: "s".to_owned(), buyers, travellers: travellers() },
            LoadRequest::Invented { call, sale: "s".to_owned(), buyers },
            LoadRequest::Tickets,
        ] {
            let mut out = Vec::new();
            ask.write(7, true, "a:1", &mut out);
            let text = String::from_utf8(out).unwrap();
            let message = ask.message(7, true, "a:1").unwrap();
            let path = message.uri().path_and_query().unwrap();
            let line = format!("{} {path} HTTP/1.1\r\n", message.method());
            assert!(text.starts_with(&line), "{text}");
            for (name, value) in message.headers() {
                let field = format!("\r\n{name}: {}\r\n", value.to_str().unwrap());
                assert!(text.to_lowercase().contains(&field), "{field:?} of {text}");
            }
            let fields = text.split("\r\n\r\n").next().unwrap().lines().skip(1);
            let own =
                |field: &&str| !field.starts_with("host") && !field.starts_with("content-length");
            assert_eq!(fields.filter(own).count(), message.headers().len(), "{text}");
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
