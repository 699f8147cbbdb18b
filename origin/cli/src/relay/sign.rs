//! Signature of a delivery, in Stripe's scheme.

use hmac::{Hmac, KeyInit, Mac};
use lastseat_node::secret::{Secret, SecretRing};
use sha2::{Digest, Sha256};

/// The value of `Lastseat-Signature`: `t=<unix seconds>,v1=<hex>`, where `<hex>` is the
/// HMAC-SHA-256 of `<unix seconds>.<body>` under the secret. While a secret is replaced there is a
/// `,v1=<hex>` for each, the current one first.
///
/// A receiver computes it again from the raw body, compares it in constant time with each, and
/// refuses a `t` that is more than some minutes old.
#[must_use]
pub fn signature(secrets: &SecretRing, unix_seconds: u64, body: &[u8]) -> String {
    let mut value = format!("t={unix_seconds}");
    for secret in secrets.all() {
        value.push_str(",v1=");
        value.push_str(&code(secret, &[format!("{unix_seconds}.").as_bytes(), body]));
    }
    value
}

/// By which a receiver tells buyers apart whose names it does not get: the HMAC-SHA-256 of the
/// buyer under the secret, in hexadecimal.
pub(super) fn buyer_hash(secret: &Secret, buyer: &str) -> String {
    code(secret, &[buyer.as_bytes()])
}

fn code(secret: &Secret, parts: &[&[u8]]) -> String {
    // HMAC takes keys of any length; the error type is one of other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        unreachable!("HMAC takes keys of any length")
    };
    for part in parts {
        mac.update(part);
    }
    hex(&mac.finalize().into_bytes())
}

/// The name of a relay that was given none: the start of a hash of its URL.
#[must_use]
pub fn name_of(url: &str) -> String {
    let hash = Sha256::digest(url.as_bytes());
    format!("url-{}", hex(&hash[..8]))
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `printf '1763862000.{"a":1}' | openssl dgst -sha256 -hmac SECRET`.
    #[test]
    fn the_signature_is_the_one_that_openssl_makes_and_there_is_one_for_each_secret() {
        let (a, b) = ("0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210");
        let by_a = "fbaaa70bc0e3fd2ccadf2c5ad35d9352f77840c911a9cd4debca0ba6a743289f";
        let by_b = "e9dd282a496fe9c7537fa250d380665cccbf54fa505e5341f7dbe615bbe7eff2";
        let sign =
            |text: &str| signature(&SecretRing::parse(text).unwrap(), 1_763_862_000, br#"{"a":1}"#);
        assert_eq!(sign(a), format!("t=1763862000,v1={by_a}"));
        assert_eq!(sign(&format!("new:{b},old:{a}")), format!("t=1763862000,v1={by_b},v1={by_a}"));
    }

    #[test]
    fn a_url_always_has_the_same_name_and_another_url_another_one() {
        let name = name_of("http://127.0.0.1:9000/hook");
        assert_eq!(name.len(), 20);
        assert_eq!(name, name_of("http://127.0.0.1:9000/hook"));
        assert_ne!(name, name_of("http://127.0.0.1:9000/hook2"));
    }
}
