//! Secret text that must not appear in logs.

use core::fmt;
use shared::KeyRing;
use shared::auth::secret_rules;
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

/// The bearer token or other single secret in the variable `name`, which is also a flag.
///
/// # Errors
/// A sentence that names the variable, says what is wrong and how to make one.
pub fn token(name: &str, text: Option<&Secret>) -> Result<Option<Secret>, String> {
    let text = given(text);
    let checked = text.map(|text| secret_rules::check(text.reveal())).transpose();
    checked.map_err(|e| format!("{name}: {e}"))?;
    Ok(text.cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_matches_itself_and_hides_in_debug_output() {
        let secret = Secret::generate().unwrap();
        assert_eq!(secret.reveal().len(), 64);
        assert!(secret.matches(secret.reveal().as_bytes()));
        assert!(!secret.matches(b""));
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }
}
