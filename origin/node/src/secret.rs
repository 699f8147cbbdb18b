//! Secret text that must not appear in logs.

use core::fmt;
use shared::KeyRing;
use shared::auth::key_ring::KeyError;
use subtle::ConstantTimeEq;

/// A secret text. `Debug` hides it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a text that was given.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// 256 bits of chance in hexadecimal.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|b| format!("{b:02x}")).collect()))
    }

    /// The text itself, for those who have to hand it on.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether `given` is the secret. Takes the same time wherever the two differ; only their
    /// lengths can be learned.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// An empty variable counts as none.
#[must_use]
pub fn given(secret: Option<&Secret>) -> Option<&Secret> {
    secret.filter(|secret| !secret.reveal().is_empty())
}

/// The keys in the variable `name`, which is also a flag.
///
/// # Errors
/// A sentence that names the variable and says what is wrong.
pub fn key_ring(name: &str, text: Option<&Secret>) -> Result<Option<KeyRing>, String> {
    let text = given(text);
    let ring = text.map(|text| KeyRing::parse(text.reveal())).transpose();
    ring.map_err(|e| format!("{name}: {e}"))
}

/// Secrets that are sent or signed with themselves, such as bearer tokens, in the syntax of a
/// [`KeyRing`]: the current one first, then earlier ones, until they are taken away. `Debug` hides
/// them.
#[derive(Clone, Debug)]
pub struct SecretRing {
    current: Secret,
    earlier: Vec<Secret>,
    /// The whole text, to hand it on.
    text: Secret,
}

impl SecretRing {
    /// Reads `id:secret,id:secret`. A single secret may stand without an id.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        KeyRing::parse(text)?;
        let secret = |word: &str| {
            let word = word.trim();
            Secret::new(word.split_once(':').map_or(word, |(_, secret)| secret).to_owned())
        };
        let mut words = text.trim().split(',');
        let current = secret(words.next().unwrap_or_default());
        let mut earlier: Vec<Secret> = words.map(secret).collect();
        // A single token that happens to have a ':' was one as a whole in earlier versions.
        if earlier.is_empty() && text.contains(':') {
            earlier.push(Secret::new(text.trim().to_owned()));
        }
        Ok(Self { current, earlier, text: Secret::new(text.trim().to_owned()) })
    }

    /// The one that is sent or signed with now.
    #[must_use]
    pub const fn current(&self) -> &Secret {
        &self.current
    }

    /// All that are signed with, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        let whole = |secret: &&Secret| secret.reveal() != self.text.reveal();
        core::iter::once(&self.current).chain(self.earlier.iter().filter(whole))
    }

    /// The text that it was read from.
    #[must_use]
    pub const fn text(&self) -> &Secret {
        &self.text
    }

    /// Whether `given` is one of them. Takes the same time whichever it is and wherever a wrong one
    /// differs.
    #[must_use]
    pub fn matches(&self, given: &[u8]) -> bool {
        let earlier = self.earlier.iter().map(|secret| secret.matches(given));
        earlier.fold(self.current.matches(given), |found, matches| found | matches)
    }
}

/// The bearer tokens or other such secrets in the variable `name`, which is also a flag.
///
/// # Errors
/// A sentence that names the variable, says what is wrong and how to make one.
pub fn ring(name: &str, text: Option<&Secret>) -> Result<Option<SecretRing>, String> {
    let ring = given(text).map(|text| SecretRing::parse(text.reveal())).transpose();
    ring.map_err(|e| format!("{name}: {e}"))
}

/// What a caller sends of a text that may be a ring: the current one. What is no ring is sent as it
/// is; the node says what is wrong with it.
#[must_use]
pub fn sent(text: &Secret) -> Secret {
    match SecretRing::parse(text.reveal()) {
        Ok(ring) if text.reveal().contains(',') => ring.current,
        _ => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn of_a_ring_of_tokens_each_is_accepted_and_the_first_is_sent() {
        let ring = SecretRing::parse(&format!("new:{B}, old:{A}\n")).unwrap();
        assert!(ring.matches(A.as_bytes()) && ring.matches(B.as_bytes()));
        for wrong in [&format!("new:{B}"), &format!("{B},{A}"), &A[1..], ""] {
            assert!(!ring.matches(wrong.as_bytes()), "{wrong}");
        }
        assert_eq!(ring.current().reveal(), B);
        assert_eq!(ring.all().map(Secret::reveal).collect::<Vec<_>>(), [B, A]);
        let text = Secret::new(format!("new:{B},old:{A}"));
        assert_eq!(sent(&text).reveal(), B);
        assert_eq!(sent(&Secret::new(A.to_owned())).reveal(), A);
        assert!(!format!("{ring:?}").contains(A));
    }

    #[test]
    fn a_single_token_with_a_colon_is_accepted_as_earlier_versions_read_it() {
        let whole = format!("shop:{A}");
        let ring = SecretRing::parse(&whole).unwrap();
        assert!(ring.matches(A.as_bytes()) && ring.matches(whole.as_bytes()));
        assert_eq!(sent(&Secret::new(whole.clone())).reveal(), whole);
        assert_eq!(ring.all().count(), 1);
    }

    #[test]
    fn what_is_no_ring_of_tokens_is_refused_in_words() {
        for (text, word) in [
            (format!("{A},{B}"), "same id"),
            (format!("1:{A},2:short"), "at least 32"),
            ("FROM-OPENSSL".to_owned(), "sample"),
        ] {
            let said = ring("--shop-token", Some(&Secret::new(text.clone()))).unwrap_err();
            assert!(said.contains(word) && !said.contains(A), "{text}: {said}");
        }
    }

    #[test]
    fn a_secret_matches_itself_and_hides_in_debug_output() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.reveal().len(), 64);
        assert!(secret.matches(secret.reveal().as_bytes()));
        assert!(!secret.matches(b""));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }
}
