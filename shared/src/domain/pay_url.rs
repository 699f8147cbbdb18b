//! Pay URL: where the buyer of a held order pays, a template that the buyer page fills in.

use crate::limits::PAY_URL_MAX;
use core::fmt;

/// What a template may name of an order, in braces; the page percent-encodes what it puts in.
pub const PLACEHOLDERS: [&str; 3] = ["order_id", "number", "sale"];

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

    /// The template, if there is one.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(self.as_str()).filter(|text| !text.is_empty())
    }
}

/// What is wrong with `text`, the first thing of it.
fn wrong(text: &str) -> Option<String> {
    if text.len() > PAY_URL_MAX {
        return Some(format!("has at most {PAY_URL_MAX} bytes, not {}", text.len()));
    }
    let may_be = |c: char| c.is_ascii_graphic() && !"\"<>\\^`|".contains(c);
    if let Some(c) = text.chars().find(|c| !may_be(*c)) {
        return Some(format!("must be percent-encoded, without {c:?}"));
    }
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Some("must begin with https://".to_owned()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some(host) = host_of(authority) else {
        return Some(format!(
            "needs a host name, with a port or without, and nothing else before the path, not \
             {authority:?}"
        ));
    };
    if !secure && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        return Some(
            "must begin with https://; http:// is for localhost, 127.0.0.1 and [::1]".to_owned(),
        );
    }
    placeholders(path)
}

/// The host of `host` or `host:port`; no user, no placeholder.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let of = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => of(host, "-.") && !host.starts_with(['-', '.']),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|n| n > 0) && of(port, "");
    (is_host && port.is_none_or(is_port)).then_some(host)
}

fn placeholders(path: &str) -> Option<String> {
    let mut names_order = false;
    let mut rest = path;
    while let Some(at) = rest.find(['{', '}']) {
        let name = rest[at..].strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let Some((name, after)) = name.filter(|(name, _)| PLACEHOLDERS.contains(name)) else {
            return Some(
                "has other braces than {order_id}, {number} and {sale}, which stand for the \
                 order's id and number and the sale"
                    .to_owned(),
            );
        };
        names_order |= name == "order_id";
        rest = after;
    }
    let missing = "must have {order_id} behind the host: the shop confirms the order by its id";
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
