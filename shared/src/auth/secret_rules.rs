//! Rules of secrets: how long one is, which characters it has, and that it is no sample.
//!
//! They hold for every secret that lastseat accepts or signs with: keys of rings, bearer tokens,
//! secrets of webhooks.

use crate::limits::{SECRET_MAX, SECRET_MIN};

/// What stands in example files and in the documentation in the place of a secret, in lower case.
/// They are public.
const SAMPLES: [&str; 5] =
    ["replace-me", "from-openssl", "change-me", "changeme", "password-of-redis"];

/// Why a text is no secret. No message repeats any part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// A sample of the documentation.
    #[error(
        "this is the sample text, which is public; put the output of `openssl rand -hex 32` \
         in its place"
    )]
    Sample,
    /// Too short to be a secret.
    #[error(
        "a secret has {0} characters and needs at least {min}; make one with `openssl rand -hex \
         32`",
        min = SECRET_MIN
    )]
    Short(usize),
    /// Too long.
    #[error("a secret has more than {max} characters", max = SECRET_MAX)]
    Long,
    /// A character that a secret may not have.
    #[error(
        "a secret has visible ASCII characters without spaces; make one with `openssl rand \
         -hex 32`"
    )]
    Characters,
}

/// Whether `text` can be a secret.
///
/// # Errors
/// What is wrong and how to make one.
pub fn check(text: &str) -> Result<(), SecretError> {
    if is_sample(text) {
        return Err(SecretError::Sample);
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SecretError::Characters);
    }
    match text.len() {
        0..SECRET_MIN => Err(SecretError::Short(text.len())),
        SECRET_MIN..=SECRET_MAX => Ok(()),
        _ => Err(SecretError::Long),
    }
}

/// Whether `text` has a sample in it, such as an address with a password that nobody has replaced.
#[must_use]
pub fn is_sample(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    SAMPLES.iter().any(|sample| text.contains(sample))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_guessed_or_read_in_the_documentation_is_no_secret() {
        let good = "0123456789abcdef0123456789abcdef";
        for (text, right) in [
            (good, Ok(())),
            (&good[1..], Err(SecretError::Short(31))),
            ("", Err(SecretError::Short(0))),
            (&good.repeat(8), Ok(())),
            (&good.repeat(9), Err(SecretError::Long)),
            ("a secret of both sides, which is long", Err(SecretError::Characters)),
            (&format!("{good}é"), Err(SecretError::Characters)),
            ("FROM-OPENSSL", Err(SecretError::Sample)),
            (&format!("{good}-Change-Me"), Err(SecretError::Sample)),
            ("replace-me: openssl rand -hex 32", Err(SecretError::Sample)),
        ] {
            assert_eq!(check(text), right, "{text}");
        }
        for error in [SecretError::Sample, SecretError::Short(1), SecretError::Characters] {
            assert!(error.to_string().contains("openssl rand -hex 32"), "{error}");
        }
        assert!(is_sample("redis://:PASSWORD-OF-REDIS@10.0.0.5:6379/0"));
    }
}
