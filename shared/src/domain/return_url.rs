//! Return URL: where a shop sends a buyer back after the payment.
//!
//! It travels in signed pay links, so that a shop need not keep it, nor trust one that somebody
//! else has put into the link.

use crate::domain::web_address;
use crate::limits::PAY_URL_MAX;
use core::fmt;

/// The address of a sale, such as `https://tickets.example/s/concert`; empty where it has none.
/// Only a valid one can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReturnUrl(String);

/// What is wrong with an address, as a sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnUrlError(String);

impl fmt::Display for ReturnUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"return_url\" {}; for example https://tickets.example/s/concert", self.0)
    }
}

impl core::error::Error for ReturnUrlError {}

impl ReturnUrl {
    /// Checks an address. An empty one is none.
    ///
    /// # Errors
    /// What to change.
    pub fn parse(text: &str) -> Result<Self, ReturnUrlError> {
        if !text.is_empty() {
            let path = web_address::path_of(text, PAY_URL_MAX).map_err(ReturnUrlError)?;
            if path.contains(['{', '}']) {
                return Err(ReturnUrlError("is an address as it is, without braces".to_owned()));
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The address, empty where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_url_is_a_secure_address_as_it_is() {
        for text in ["", "https://tickets.example/s/concert", "http://127.0.0.1:8787/s/concert"] {
            assert_eq!(ReturnUrl::parse(text).unwrap().as_str(), text);
        }
        for (text, told) in [
            ("http://tickets.example/s/concert", "http:// is for localhost"),
            ("https://tickets.example/s/{sale}", "without braces"),
            ("javascript:alert(1)", "begin with https://"),
            ("https://tickets.example/a b", "percent-encoded"),
        ] {
            let error = ReturnUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
