//! Edge signature: authenticates a request from an edge to an origin.
//!
//! The signature with which an edge vouches for a request to an origin: that it comes from an edge,
//! and that what the edge says of the client is true. See `docs/SECURITY.md` for what it covers and
//! what it does not.
//!
//! Version 2 also covers the token, the trace and the body of a change. Version 1, of edges of an
//! earlier version, is accepted beside it: so nodes are replaced first, then edges. An attacker
//! makes neither without the key.

use crate::auth::key_ring::{KeyRing, code_from_hex};
use crate::domain::time::UnixMillis;
use crate::limits::SIGNATURE_WINDOW_MS;
use sha2::{Digest, Sha256};

/// A version of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Without token, trace and body.
    One,
    /// Of all of [`Signed`].
    Two,
}

impl Version {
    /// The first part of the header.
    const fn word(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Two => "2",
        }
    }

    /// What the signed message is for: its first field.
    const fn purpose(self) -> &'static str {
        match self {
            Self::One => "lastseat edge request 1",
            Self::Two => "lastseat edge request 2",
        }
    }

    /// The version of a header.
    fn of(word: &str) -> Option<Self> {
        [Self::One, Self::Two].into_iter().find(|version| version.word() == word)
    }
}

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
    /// `Authorization`.
    pub authorization: &'a str,
    /// `traceparent`.
    pub traceparent: &'a str,
    /// `Lastseat-Body-Hash`: of the body of a change of an order, see [`body_hash`].
    pub body_hash: &'a str,
}

impl Signed<'static> {
    /// No header at all.
    pub const NOTHING: Self = Signed {
        method: "",
        path: "",
        order: "",
        client: "",
        edge: "",
        key_source: "",
        buyer_token: "",
        authorization: "",
        traceparent: "",
        body_hash: "",
    };
}

/// What stands for a body in a signature: its SHA-256 in hexadecimal, nothing for an empty one.
#[must_use]
pub fn body_hash(body: &[u8]) -> String {
    if body.is_empty() {
        return String::new();
    }
    base16ct::lower::encode_string(&Sha256::digest(body))
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
        "the header Lastseat-Edge-Signature must be 2.<key id>.<Unix milliseconds>.<64 \
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
/// `2.<key id>.<Unix milliseconds>.<HMAC-SHA-256 in hexadecimal>`.
#[must_use]
pub fn sign(keys: &KeyRing, request: &Signed<'_>, now: UnixMillis) -> String {
    sign_as(Version::Two, keys, request, now)
}

/// As [`sign`], in this version of the format.
#[must_use]
pub fn sign_as(version: Version, keys: &KeyRing, request: &Signed<'_>, now: UnixMillis) -> String {
    let id = keys.signing_id();
    let code = keys.sign(&request.message(version, now));
    format!("{}.{id}.{now}.{code}", version.word())
}

/// Checks a signature that arrived `now`; its version says what it covers. Whether it is of this
/// moment is said only of a right one.
///
/// # Errors
/// Why the signature is rejected.
pub fn verify(
    keys: &KeyRing,
    signature: Option<&str>,
    request: &Signed<'_>,
    now: UnixMillis,
) -> Result<Version, Untrusted> {
    let signature = signature.ok_or(Untrusted::Absent)?;
    let (version, id, made_at, code) = parts(signature).ok_or(Untrusted::Malformed)?;
    let apart_ms = made_at.since(now).max(now.since(made_at));
    match keys.agrees(id, &request.message(version, made_at), &code) {
        None => Err(Untrusted::UnknownKey),
        Some(false) => Err(Untrusted::Wrong),
        Some(true) if apart_ms > SIGNATURE_WINDOW_MS => Err(Untrusted::Clock { apart_ms }),
        Some(true) => Ok(version),
    }
}

fn parts(signature: &str) -> Option<(Version, &str, UnixMillis, [u8; 32])> {
    let mut parts = signature.split('.');
    let version = Version::of(parts.next()?)?;
    let (id, made_at, code) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    Some((version, id, UnixMillis(made_at.parse().ok()?), code_from_hex(code)?))
}

impl Signed<'_> {
    /// Each field follows its length, so that no two lists of fields are one message.
    fn message(&self, version: Version, at: UnixMillis) -> Vec<u8> {
        let mut message = Vec::with_capacity(512);
        let mut add = |field: &[u8]| {
            message.extend_from_slice(&(field.len() as u64).to_be_bytes());
            message.extend_from_slice(field);
        };
        add(version.purpose().as_bytes());
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
        if version == Version::Two {
            for field in [self.authorization, self.traceparent, self.body_hash] {
                add(field.as_bytes());
            }
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
        authorization: "Bearer abc",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ..Signed::NOTHING
    };

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).unwrap()
    }

    /// Against Python's `hmac` over the same fields, each after its length in eight bytes.
    #[test]
    fn the_signature_is_the_one_that_another_implementation_makes() {
        assert_eq!(
            sign(&ring(A), &ORDER, NOW),
            "2.1.1763862000000.dd25e493ded591b8f54305ba0bb898f4861274bddd6cd1dfcab1460ae880b5bb"
        );
        assert_eq!(
            sign_as(Version::One, &ring(A), &ORDER, NOW),
            "1.1.1763862000000.5460fe13ad1bc1a45a1ccca27a00ad0645818c2af74d55eeaba370f25008d8b3"
        );
    }

    #[test]
    fn a_fresh_signature_is_good_for_thirty_seconds_in_both_directions() {
        let keys = ring(A);
        let signature = sign(&keys, &ORDER, NOW);
        let at = |ms: u64| verify(&keys, Some(&signature), &ORDER, UnixMillis(ms));
        for apart in [0, 1, SIGNATURE_WINDOW_MS] {
            assert_eq!(at(NOW.0 + apart), Ok(Version::Two));
            assert_eq!(at(NOW.0 - apart), Ok(Version::Two));
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
            Signed { authorization: "Bearer abd", ..ORDER },
            Signed { authorization: "", ..ORDER },
            Signed { traceparent: "", ..ORDER },
            Signed { body_hash: "x", ..ORDER },
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
    fn an_edge_of_the_version_before_is_believed_and_no_version_passes_for_another() {
        let keys = ring(A);
        let one = sign_as(Version::One, &keys, &ORDER, NOW);
        assert_eq!(verify(&keys, Some(&one), &ORDER, NOW), Ok(Version::One));
        let changed = Signed { path: "/v1/sales/other/orders", ..ORDER };
        assert_eq!(verify(&keys, Some(&one), &changed, NOW), Err(Untrusted::Wrong));
        let two = sign(&keys, &ORDER, NOW);
        for (from, to, signature) in [("1.", "2.", &one), ("2.", "1.", &two)] {
            let forged = signature.replacen(from, to, 1);
            assert_eq!(verify(&keys, Some(&forged), &ORDER, NOW), Err(Untrusted::Wrong));
        }
    }

    #[test]
    fn a_body_is_signed_by_its_hash_and_an_empty_one_by_nothing() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(body_hash(b"abc"), abc);
        assert_eq!(body_hash(b""), "");
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
                assert_eq!(verify(node, Some(&signature), &ORDER, NOW), Ok(Version::Two));
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
        let next = signature.replacen("2.", "3.", 1);
        for text in ["", "1", "1.1.x.y", &upper, &more, fewer, &next] {
            let verdict = verify(&ring(A), Some(text), &ORDER, NOW);
            assert_eq!(verdict, Err(Untrusted::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn two_requests_share_a_signature_only_if_they_are_the_same(
            one in proptest::array::uniform10("[a-c/.]{0,3}"),
            two in proptest::array::uniform10("[a-c/.]{0,3}"),
        ) {
            fn of(fields: &[String; 10]) -> Signed<'_> {
                let [method, path, order, client, edge, key_source, rest @ ..] = fields;
                let [buyer_token, authorization, traceparent, body_hash] = rest;
                Signed {
                    method, path, order, client, edge, key_source, buyer_token, authorization,
                    traceparent, body_hash,
                }
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
