//! Signature of a delivery, in Stripe's scheme.

use hmac::{Hmac, KeyInit, Mac};
use lastseat_node::secret::Secret;
use sha2::{Digest, Sha256};

/// The value of `Lastseat-Signature`: `t=<unix seconds>,v1=<hex>`, where `<hex>` is the
/// HMAC-SHA-256 of `<unix seconds>.<body>` under the secret.
///
/// A receiver computes it again from the raw body, compares in constant time, and refuses a `t`
/// that is more than some minutes old.
#[must_use]
pub fn signature(secret: &Secret, unix_seconds: u64, body: &[u8]) -> String {
    // HMAC takes keys of any length; the error type is one of other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(format!("{unix_seconds}.").as_bytes());
    mac.update(body);
    format!("t={unix_seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

/// The name of a relay that was given none: the start of a hash of its URL.
#[must_use]
pub fn name_of(url: &str) -> String {
    let hash = Sha256::digest(url.as_bytes());
    format!("url-{}", hex(&hash[..8]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against `printf '1763862000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef`.
    #[test]
    fn the_signature_is_the_one_that_openssl_makes() {
        let secret = Secret::new("0123456789abcdef".to_owned());
        assert_eq!(
            signature(&secret, 1_763_862_000, br#"{"a":1}"#),
            "t=1763862000,v1=286faea6474b9d41c39e2ece9d7bc89352261784ef85a998a0c0090798a9b99d"
        );
    }

    #[test]
    fn a_url_always_has_the_same_name_and_another_url_another_one() {
        let name = name_of("http://127.0.0.1:9000/hook");
        assert_eq!(name.len(), 20);
        assert_eq!(name, name_of("http://127.0.0.1:9000/hook"));
        assert_ne!(name, name_of("http://127.0.0.1:9000/hook2"));
    }
}
