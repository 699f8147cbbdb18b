//! Key ring: shared secrets with key ids, for HMAC-SHA-256.
//!
//! A ring holds a few keys so that one can be replaced without a refused request: the first key
//! signs, all verify. `hmac` and `sha2` do the work: they compile to Wasm, compare in constant time
//! and let the state of a key be computed once.

use crate::auth::secret_rules::{self, SecretError};
use crate::limits::{KEY_ID_MAX, KEYS_MAX};
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The id of a key that was given without one.
const BARE_ID: &str = "1";

/// Why a text is no ring of keys. No message repeats any part of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing was given.
    #[error("no key is given; make one with `openssl rand -hex 32`")]
    Absent,
    /// One of its secrets is none.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A character that a secret may not have.
    #[error(
        "a secret has visible ASCII characters except ',' and ':'; make one with `openssl rand \
         -hex 32`"
    )]
    Characters,
    /// An id is not one.
    #[error("the id before ':' has 1 to {max} letters, digits, '-' or '_'", max = KEY_ID_MAX)]
    Id,
    /// Two keys with one id.
    #[error("two keys have the same id; write them as id:secret,id:secret with an id for each")]
    SameId,
    /// Too many keys.
    #[error("at most {max} keys can be in use at a time; take the oldest away", max = KEYS_MAX)]
    TooMany,
}

/// One to [`KEYS_MAX`] keys. `Debug` shows their ids only.
#[derive(Clone)]
pub struct KeyRing {
    first: Key,
    others: Vec<Key>,
}

#[derive(Clone)]
struct Key {
    id: Box<str>,
    /// The state after the secret: what every code begins with.
    state: Hmac<Sha256>,
}

impl KeyRing {
    /// Reads `id:secret,id:secret`. A single secret may stand without an id.
    ///
    /// # Errors
    /// What is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.trim().is_empty() {
            return Err(KeyError::Absent);
        }
        // Before it is taken apart: a sample may have a ':' of its own.
        if secret_rules::is_sample(text) {
            return Err(SecretError::Sample.into());
        }
        let mut words = text.split(',');
        let first = Key::parse(words.next().unwrap_or_default())?;
        let mut ring = Self { first, others: Vec::new() };
        for word in words {
            let key = Key::parse(word)?;
            if ring.find(&key.id).is_some() {
                return Err(KeyError::SameId);
            }
            if ring.ids().count() == KEYS_MAX {
                return Err(KeyError::TooMany);
            }
            ring.others.push(key);
        }
        Ok(ring)
    }

    /// The ids, the one that signs first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| &*key.id)
    }

    /// The id of the key that signs.
    pub(crate) fn signing_id(&self) -> &str {
        &self.first.id
    }

    /// The code of `message` under the first key, in hexadecimal. A message begins with what it is
    /// for, so that a code for one purpose is worth nothing for another, even under the same
    /// secret.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        base16ct::lower::encode_string(&self.code(&[message]))
    }

    /// The same in bytes, of a message in parts.
    pub(crate) fn code(&self, message: &[&[u8]]) -> [u8; 32] {
        self.first.code_of(message).finalize().into_bytes().into()
    }

    /// Whether `code` is that of `message` under the key `id`; `None` = there is no such key. Takes
    /// the same time wherever a wrong code differs.
    pub(crate) fn agrees(&self, id: &str, message: &[u8], code: &[u8; 32]) -> Option<bool> {
        self.has_code(id, &[message], code)
    }

    /// The same for a message in parts.
    pub(crate) fn has_code(&self, id: &str, message: &[&[u8]], code: &[u8; 32]) -> Option<bool> {
        let right = self.find(id)?.code_of(message).verify_slice(code);
        Some(right.is_ok())
    }

    fn find(&self, id: &str) -> Option<&Key> {
        self.keys().find(|key| &*key.id == id)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        core::iter::once(&self.first).chain(&self.others)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyRing")?;
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Key {
    fn parse(word: &str) -> Result<Self, KeyError> {
        let (id, secret) = match word.trim().split_once(':') {
            Some((id, secret)) => (id, secret),
            None => (BARE_ID, word.trim()),
        };
        if !is_key_id(id) {
            return Err(KeyError::Id);
        }
        if secret.contains(':') {
            return Err(KeyError::Characters);
        }
        secret_rules::check(secret)?;
        // HMAC takes keys of any length; the error is one of other algorithms.
        let state = Hmac::new_from_slice(secret.as_bytes()).map_err(|_| SecretError::Long)?;
        Ok(Self { id: id.into(), state })
    }

    fn code_of(&self, message: &[&[u8]]) -> Hmac<Sha256> {
        let mut code = self.state.clone();
        for part in message {
            code.update(part);
        }
        code
    }
}

/// Whether `text` can be the id of a key.
pub(crate) fn is_key_id(text: &str) -> bool {
    let is_of_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=KEY_ID_MAX).contains(&text.len()) && text.bytes().all(is_of_id)
}

/// The 32 bytes that 64 lower-case hexadecimal digits stand for.
pub(crate) fn code_from_hex(text: &str) -> Option<[u8; 32]> {
    let mut code = [0; 32];
    let read = base16ct::lower::decode(text, &mut code).ok()?;
    (read.len() == 32).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0123456789abcdef0123456789abcdef";
    const B: &str = "fedcba9876543210fedcba9876543210";

    fn ids(text: &str) -> Result<Vec<String>, KeyError> {
        Ok(KeyRing::parse(text)?.ids().map(str::to_owned).collect())
    }

    #[test]
    fn a_ring_has_one_to_four_keys_and_a_single_one_needs_no_id() {
        assert_eq!(ids(A).unwrap(), ["1"]);
        assert_eq!(ids(&format!("new:{A}, old:{B}\n")).unwrap(), ["new", "old"]);
        let five: Vec<String> = (1..=5).map(|id| format!("{id}:{A}")).collect();
        assert_eq!(ids(&five[..4].join(",")).unwrap().len(), 4);
        assert_eq!(ids(&five.join(",")), Err(KeyError::TooMany));
    }

    #[test]
    fn what_is_no_key_is_refused_in_words_without_the_secret() {
        for (text, error) in [
            ("", KeyError::Absent),
            (" ", KeyError::Absent),
            ("replace-me: openssl rand -hex 32", SecretError::Sample.into()),
            ("0123456789abcdef0123456789abcde", SecretError::Short(31).into()),
            (&format!("1:{A},"), SecretError::Short(0).into()),
            (&format!("1:{A}é"), SecretError::Characters.into()),
            (&format!("1:{A}:x"), KeyError::Characters),
            (&format!("{A} {A}"), SecretError::Characters.into()),
            (&format!(":{A}"), KeyError::Id),
            (&format!("a.b:{A}"), KeyError::Id),
            (&format!("1:{A},1:{B}"), KeyError::SameId),
            (&A.repeat(9), SecretError::Long.into()),
        ] {
            assert_eq!(ids(text), Err(error), "{text}");
            assert!(!error.to_string().contains("0123456789"));
        }
    }

    #[test]
    fn the_sample_of_the_repository_is_refused() {
        let sample = include_str!("../../../.dev.vars.example");
        let lines = sample.lines().filter_map(|line| line.split_once("_KEY="));
        let values: Vec<&str> = lines.map(|(_, value)| value.trim_matches('"')).collect();
        assert!(!values.is_empty());
        for value in values {
            assert_eq!(ids(value), Err(SecretError::Sample.into()), "{value}");
        }
    }

    #[test]
    fn a_ring_hides_its_secrets_in_debug_output() {
        let ring = KeyRing::parse(&format!("a:{A},b:{B}")).unwrap();
        assert_eq!(format!("{ring:?}"), r#"KeyRing["a", "b"]"#);
    }
}
