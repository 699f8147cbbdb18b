//! Edge signature: authenticates a request from an edge to an origin.
//!
//! The signature with which an edge vouches for a request to an origin: that it comes from an edge,
//! and that what the edge says of the client is true. See `docs/SECURITY.md` for what it covers and
//! what it does not.

use crate::auth::key_ring::{KeyRing, code_from_hex};
use crate::domain::time::UnixMillis;
use crate::limits::SIGNATURE_WINDOW_MS;

/// Version of the format, the first part of the header.
const VERSION: &str = "1";
/// What the signed message is for: its first field.
const PURPOSE: &str = "lastseat edge request 1";

/// What the signature speaks for. A header that is absent is an empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// Path and query, as they stand in the request.
    pub path: &'a str,
    /// `Idempotency-Key`.
    pub order: &'a str,
    /// `Lastseat-Client-Ip`.
    pub client: &'a str,
    /// `Lastseat-Edge`.
    pub edge: &'a str,
    /// `Lastseat-Key`.
    pub key_source: &'a str,
    /// `Lastseat-Buyer-Token`.
    pub buyer_token: &'a str,
}

/// Why the signature of an edge's request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It has no signature.
    #[error(
        "this node answers edges only, and the request has no signature of one; send it to the \
         edge \
         (a node that was started with --insecure-direct takes it as it is)"
    )]
    Absent,
    /// The header is not a signature.
    #[error(
        "the header Lastseat-Edge-Signature must be 1.<key id>.<Unix milliseconds>.<64 \
         hexadecimal digits>"
    )]
    Malformed,
    /// A key that this side does not have.
    #[error(
        "the signature is of a key that this node does not have; give edge and node the same \
         LASTSEAT_EDGE_KEY"
    )]
    UnknownKey,
    /// Another key under the same id, or another request.
    #[error(
        "the signature does not fit; edge and node have different secrets in LASTSEAT_EDGE_KEY \
         under this key \
         id, or something between them changed the request"
    )]
    Wrong,
    /// Right, but not of this moment.
    #[error(
        "the signature is right, but its time and the clock of this node are {apart_ms} ms apart, \
         and \
         {max} are allowed; set the clocks of edge and node, or send a fresh request",
        max = SIGNATURE_WINDOW_MS
    )]
    Clock {
        /// How far its time is from ours, in either direction.
        apart_ms: u64,
    },
}

impl Untrusted {
    /// One word for programs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Wrong => "wrong",
            Self::Clock { .. } => "clock",
        }
    }
}

/// The value of `Lastseat-Edge-Signature` for a request that is sent `now`:
/// `1.<key id>.<Unix milliseconds>.<HMAC-SHA-256 in hexadecimal>`.
#[must_use]
pub fn sign(keys: &KeyRing, request: &Signed<'_>, now: UnixMillis) -> String {
    let id = keys.signing_id();
    let code = keys.sign(&request.message(now));
    format!("{VERSION}.{id}.{now}.{code}")
}

/// Checks a signature that arrived `now`. Whether it is of this moment is said only of a right one.
///
/// # Errors
/// Why the signature is rejected.
pub fn verify(
    keys: &KeyRing,
    signature: Option<&str>,
    request: &Signed<'_>,
    now: UnixMillis,
) -> Result<(), Untrusted> {
    let signature = signature.ok_or(Untrusted::Absent)?;
    let (id, made_at, code) = parts(signature).ok_or(Untrusted::Malformed)?;
    let apart_ms = made_at.since(now).max(now.since(made_at));
    match keys.agrees(id, &request.message(made_at), &code) {
        None => Err(Untrusted::UnknownKey),
        Some(false) => Err(Untrusted::Wrong),
        Some(true) if apart_ms > SIGNATURE_WINDOW_MS => Err(Untrusted::Clock { apart_ms }),
        Some(true) => Ok(()),
    }
}

fn parts(signature: &str) -> Option<(&str, UnixMillis, [u8; 32])> {
    let mut parts = signature.split('.');
    let version = parts.next()?;
    let (id, made_at, code) = (parts.next()?, parts.next()?, parts.next()?);
    if version != VERSION || parts.next().is_some() {
        return None;
    }
    Some((id, UnixMillis(made_at.parse().ok()?), code_from_hex(code)?))
}

impl Signed<'_> {
    /// Each field follows its length, so that no two lists of fields are one message.
    fn message(&self, at: UnixMillis) -> Vec<u8> {
        let mut message = Vec::with_capacity(512);
        let mut add = |field: &[u8]| {
            message.extend_from_slice(&(field.len() as u64).to_be_bytes());
            message.extend_from_slice(field);
        };
        add(PURPOSE.as_bytes());
        add(&at.0.to_be_bytes());
        for field in [
            self.method,
            self.path,
            self.order,
            self.client,
            self.edge,
            self.key_source,
            self.buyer_token,
        ] {
            add(field.as_bytes());
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210";
    const NOW: UnixMillis = UnixMillis(1_763_862_000_000);
    const ORDER: Signed<'_> = Signed {
        method: "POST",
        path: "/v1/sales/demo/orders",
        order: "0123456789abcdef",
        client: "10.1.2.3",
        edge: "e1",
        key_source: "made",
        buyer_token: "",
    };

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).unwrap()
    }

    /// Against Python's `hmac` over the same fields, each after its length in eight bytes.
    #[test]
    fn the_signature_is_the_one_that_another_implementation_makes() {
        assert_eq!(
            sign(&ring(A), &ORDER, NOW),
            "1.1.1763862000000.5460fe13ad1bc1a45a1ccca27a00ad0645818c2af74d55eeaba370f25008d8b3"
        );
    }

    #[test]
    fn a_fresh_signature_is_good_for_thirty_seconds_in_both_directions() {
        let keys = ring(A);
        let signature = sign(&keys, &ORDER, NOW);
        let at = |ms: u64| verify(&keys, Some(&signature), &ORDER, UnixMillis(ms));
        for apart in [0, 1, SIGNATURE_WINDOW_MS] {
            assert_eq!(at(NOW.0 + apart), Ok(()));
            assert_eq!(at(NOW.0 - apart), Ok(()));
        }
        let apart_ms = SIGNATURE_WINDOW_MS + 1;
        assert_eq!(at(NOW.0 + apart_ms), Err(Untrusted::Clock { apart_ms }));
        assert_eq!(at(NOW.0 - apart_ms), Err(Untrusted::Clock { apart_ms }));
    }

    #[test]
    fn a_change_of_any_field_is_seen() {
        let keys = ring(A);
        let signature = sign(&keys, &ORDER, NOW);
        let changed = [
            Signed { method: "GET", ..ORDER },
            Signed { path: "/v1/sales/other/orders", ..ORDER },
            Signed { order: "0123456789abcdeg", ..ORDER },
            Signed { client: "10.1.2.4", ..ORDER },
            Signed { edge: "e2", ..ORDER },
            Signed { key_source: "repeated", ..ORDER },
            Signed { buyer_token: "x", ..ORDER },
            // One field's end is not another one's beginning.
            Signed { edge: "e1m", key_source: "ade", ..ORDER },
            Signed { order: "", client: "0123456789abcdef10.1.2.3", ..ORDER },
        ];
        for request in changed {
            let verdict = verify(&keys, Some(&signature), &request, NOW);
            assert_eq!(verdict, Err(Untrusted::Wrong), "{request:?}");
        }
        let (head, code) = signature.rsplit_once('.').unwrap();
        let later = head.replace("000000", "000001");
        let forged = format!("{later}.{code}");
        assert_eq!(verify(&keys, Some(&forged), &ORDER, NOW), Err(Untrusted::Wrong));
    }

    #[test]
    fn keys_are_replaced_without_a_refused_request() {
        // Each step changes one side only; the other one still has the ring of the step before.
        let steps =
            [format!("a:{A}"), format!("a:{A},b:{B}"), format!("b:{B},a:{A}"), format!("b:{B}")]
                .map(|text| ring(&text));
        for pair in steps.windows(2) {
            for (edge, node) in [(&pair[0], &pair[1]), (&pair[1], &pair[0])] {
                let signature = sign(edge, &ORDER, NOW);
                assert_eq!(verify(node, Some(&signature), &ORDER, NOW), Ok(()));
            }
        }
        let retired = sign(&steps[0], &ORDER, NOW);
        assert_eq!(verify(&steps[3], Some(&retired), &ORDER, NOW), Err(Untrusted::UnknownKey));
    }

    #[test]
    fn another_secret_under_the_same_id_is_wrong_and_what_is_no_signature_is_named() {
        let signature = sign(&ring(A), &ORDER, NOW);
        let other = verify(&ring(B), Some(&signature), &ORDER, NOW);
        assert_eq!(other, Err(Untrusted::Wrong));
        assert_eq!(verify(&ring(A), None, &ORDER, NOW), Err(Untrusted::Absent));
        let upper = signature.to_ascii_uppercase();
        let more = format!("{signature}.x");
        let fewer = &signature[..signature.len() - 1];
        let next = signature.replacen("1.", "2.", 1);
        for text in ["", "1", "1.1.x.y", &upper, &more, fewer, &next] {
            let verdict = verify(&ring(A), Some(text), &ORDER, NOW);
            assert_eq!(verdict, Err(Untrusted::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn two_requests_share_a_signature_only_if_they_are_the_same(
            one in proptest::array::uniform7("[a-c/.]{0,3}"),
            two in proptest::array::uniform7("[a-c/.]{0,3}"),
        ) {
            fn of(fields: &[String; 7]) -> Signed<'_> {
                let [method, path, order, client, edge, key_source, buyer_token] = fields;
                Signed { method, path, order, client, edge, key_source, buyer_token }
            }
            let keys = ring(A);
            let signature = sign(&keys, &of(&one), NOW);
            let verdict = verify(&keys, Some(&signature), &of(&two), NOW);
            prop_assert_eq!(verdict.is_ok(), one == two);
        }

        #[test]
        fn no_text_is_taken_for_a_signature_and_none_brings_the_reader_down(text in "\\PC{0,120}") {
            prop_assert!(verify(&ring(A), Some(&text), &ORDER, NOW).is_err());
        }
    }
}
