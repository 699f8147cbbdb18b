//! Pay URL: where the buyer of a held order pays, a template that the buyer page fills in.

use crate::domain::web_address;
use crate::limits::PAY_URL_MAX;
use core::fmt;

/// What a template may name of an order, in braces; what is put in is percent-encoded. `signed`
/// stands for all that a shop has to know of it, with a signature ([`crate::auth::pay_link`]).
pub const PLACEHOLDERS: [&str; 4] = ["order_id", "number", "sale", "signed"];

/// The template of a sale, such as `https://shop.example/pay?order={order_id}`; empty where the
/// sale has none. Only a valid one can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayUrl(String);

/// What is wrong with a template, as a sentence that says what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayUrlError(String);

impl fmt::Display for PayUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"pay_url\" {}; for example https://shop.example/pay?order={{order_id}}", self.0)
    }
}

impl core::error::Error for PayUrlError {}

impl PayUrl {
    /// Checks a template. An empty one is none.
    ///
    /// # Errors
    /// What to change.
    pub fn parse(text: &str) -> Result<Self, PayUrlError> {
        match wrong(text) {
            Some(what) if !text.is_empty() => Err(PayUrlError(what)),
            _ => Ok(Self(text.to_owned())),
        }
    }

    /// The template, empty where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether only a node can fill it in, because it has `{signed}`.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.0.contains("{signed}")
    }

    /// The template with what `value` says of each placeholder, as it says it.
    pub(crate) fn filled(&self, value: impl Fn(&str) -> String) -> String {
        let mut text = String::with_capacity(2 * self.0.len());
        let mut rest = self.0.as_str();
        while let Some((plain, (name, after))) =
            rest.split_once('{').and_then(|(plain, tail)| Some((plain, tail.split_once('}')?)))
        {
            text.push_str(plain);
            text.push_str(&value(name));
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// The template, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.is_empty())
    }
}

/// What is wrong with `text`, the first thing of it.
fn wrong(text: &str) -> Option<String> {
    match web_address::path_of(text, PAY_URL_MAX) {
        Ok(path) => placeholders(path),
        Err(what) => Some(what),
    }
}

fn placeholders(path: &str) -> Option<String> {
    let mut names_order = false;
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let name = rest[at..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, after)) = name.filter(|(name, _)| PLACEHOLDERS.contains(name)) else {
            return Some(
                "has other braces than {order_id}, {number} and {sale}, which stand for the \
                 order's id and number and the sale, and {signed}, for all of it with a signature"
                    .to_owned(),
            );
        };
        let before = &path[..path.len() - rest.len() + at];
        if name == "signed" && (!before.ends_with(['?', '&']) || before.contains(['#', '{'])) {
            return Some(
                "has {signed} behind '?' or '&' of its query, once and before other braces, as in \
                 https://shop.example/pay?{signed}"
                    .to_owned(),
            );
        }
        names_order |= name == "order_id" || name == "signed";
        rest = after;
    }
    let missing = "must have {order_id} or {signed} behind the host: the shop confirms the order \
                   by its id";
    (!names_order).then(|| missing.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_names_the_order_at_a_secure_address() {
        for text in [
            "",
            "https://shop.example/pay?order={order_id}&number={number}&sale={sale}",
            "https://shop.example:8443/{sale}/{order_id}",
            "https://[2001:db8::1]/{order_id}",
            "https://shop.example#{order_id}",
            "http://localhost:3000/pay/{order_id}",
            "http://127.0.0.1/{order_id}",
            "http://[::1]:3000/{order_id}",
            "https://shop.example/pay?{signed}",
            "https://shop.example/pay?lang=en&{signed}#{sale}",
        ] {
            assert_eq!(PayUrl::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(PayUrl::default().get(), None);
        assert_eq!(PayUrl::parse("").unwrap(), PayUrl::default());
    }

    #[test]
    fn each_wrong_template_is_told_what_to_change() {
        let long = format!("https://shop.example/{}{{order_id}}", "a".repeat(PAY_URL_MAX));
        for (text, word) in [
            ("shop.example/{order_id}", "begin with https://"),
            ("javascript:alert({order_id})", "begin with https://"),
            ("HTTPS://shop.example/{order_id}", "begin with https://"),
            ("http://shop.example/{order_id}", "http:// is for localhost"),
            ("http://localhost.shop.example/{order_id}", "http:// is for localhost"),
            ("https:///pay/{order_id}", "host name"),
            ("https://{sale}.shop.example/{order_id}", "host name"),
            ("https://shop.example@evil.example/{order_id}", "host name"),
            ("https://shop.example:0/{order_id}", "host name"),
            ("https://shop.example:+1/{order_id}", "host name"),
            ("https://[shop]/{order_id}", "host name"),
            ("https://shop.example/{signed}", "behind '?' or '&'"),
            ("https://shop.example/pay?x={signed}", "behind '?' or '&'"),
            ("https://shop.example/pay#?{signed}", "behind '?' or '&'"),
            ("https://shop.example/pay?{signed}&{signed}", "behind '?' or '&'"),
            ("https://shop.example/pay", "must have {order_id}"),
            ("https://shop.example/pay?n={number}", "must have {order_id}"),
            ("https://shop.example/{order_id}/{buyer}", "other braces"),
            ("https://shop.example/{order_id", "other braces"),
            ("https://shop.example/}{order_id}", "other braces"),
            ("https://shop.example/caf\u{e9}/{order_id}", "percent-encoded"),
            ("https://shop.example/a b/{order_id}", "percent-encoded"),
            ("https://shop.example\\@evil.example/{order_id}", "percent-encoded"),
            (&long, "at most 512 bytes"),
        ] {
            let error = PayUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
            assert!(error.contains("https://shop.example/pay?order={order_id}"), "{error}");
        }
    }
}
