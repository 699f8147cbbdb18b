//! Verbs: what a scoped token may do, and which call of the API needs which verb.
//!
//! [`Verb::ALL`] and [`CALLS`] are the only place that says so: nodes check by them, and the
//! documents of the API and `lastseat token` are written from them.

use core::fmt;
use core::str::FromStr;

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $word:literal $changes:literal $about:literal;)*) => {
        /// Something that a token may allow.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Verb {
            $($(#[$doc])* $name,)*
        }

        impl Verb {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The word for it in tokens.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }

            /// Whether it changes something.
            #[must_use]
            pub const fn changes(self) -> bool {
                match self { $(Self::$name => $changes),* }
            }

            /// What it allows.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about),* }
            }
        }
    };
}

verbs! {
    /// Numbers, no buyers.
    Read "read" false "sales with their numbers, the dashboard, the status of the nodes";
    /// Orders one by one.
    Find "find" false "single orders and lost ones, with their buyers";
    /// The log.
    Export "export" false "the log of a sale, with all buyers";
    /// A recount.
    Audit "audit" false "a recount of a sale";
    /// New sales.
    Create "create" true "new sales";
    /// Opening.
    Open "open" true "open a sale, also after a pause";
    /// Pausing.
    Pause "pause" true "pause a sale";
    /// Closing, for good.
    Close "close" true "close a sale for good";
    /// Terms.
    Terms "terms" true "times, hold time, limits and other terms of a sale";
    /// Capacity.
    Restock "restock" true "the number of tickets of a sale";
    /// Payments.
    Confirm "confirm" true "confirm orders that were paid";
    /// What is given back, also when it is paid.
    Cancel "cancel" true "cancel orders, also paid ones";
    /// Holds.
    Extend "extend" true "make holds last longer";
    /// Trimming of the log.
    Ack "ack" true "let the log forget what was exported";
    /// Unrestored orders.
    Settle "settle" true "restore lost orders again, or take them off their list";
}

/// A call of the API and the verb that it needs: method, path, verb.
pub type Call = (&'static str, &'static str, Verb);

/// Every call that takes a token. A call that is not here is refused to scoped tokens.
pub const CALLS: &[Call] = &[
    ("GET", "/v1/admin/status", Verb::Read),
    ("GET", "/v1/admin/status/stream", Verb::Read),
    ("GET", "/v1/admin/overview", Verb::Read),
    ("GET", "/v1/admin/sales", Verb::Read),
    ("GET", "/v1/admin/sales/{sale}", Verb::Read),
    ("PUT", "/v1/admin/sales/{sale}", Verb::Create),
    ("PATCH", "/v1/admin/sales/{sale}", Verb::Terms),
    ("POST", "/v1/admin/sales/{sale}/open", Verb::Open),
    ("POST", "/v1/admin/sales/{sale}/pause", Verb::Pause),
    ("POST", "/v1/admin/sales/{sale}/close", Verb::Close),
    ("POST", "/v1/admin/sales/{sale}/restock", Verb::Restock),
    ("GET", "/v1/admin/sales/{sale}/legs", Verb::Read),
    ("GET", "/v1/admin/sales/{sale}/history", Verb::Read),
    ("GET", "/v1/admin/sales/{sale}/audit", Verb::Audit),
    ("GET", "/v1/admin/sales/{sale}/log", Verb::Export),
    ("POST", "/v1/admin/sales/{sale}/log/ack", Verb::Ack),
    ("GET", "/v1/admin/sales/{sale}/orders", Verb::Find),
    ("GET", "/v1/admin/sales/{sale}/orders/{order}", Verb::Find),
    ("POST", "/v1/admin/sales/{sale}/orders/{order}/confirm", Verb::Confirm),
    ("POST", "/v1/admin/sales/{sale}/orders/{order}/cancel", Verb::Cancel),
    ("POST", "/v1/admin/sales/{sale}/orders/{order}/extend", Verb::Extend),
    ("GET", "/v1/admin/sales/{sale}/unrestored", Verb::Find),
    ("POST", "/v1/admin/sales/{sale}/unrestored/retry", Verb::Settle),
    ("POST", "/v1/admin/sales/{sale}/unrestored/{order}/settle", Verb::Settle),
    ("GET", "/v1/sales/{sale}/orders/{order}", Verb::Find),
    ("POST", "/v1/sales/{sale}/orders/{order}/confirm", Verb::Confirm),
    ("POST", "/v1/sales/{sale}/orders/{order}/cancel", Verb::Cancel),
    ("POST", "/v1/sales/{sale}/orders/{order}/extend", Verb::Extend),
];

/// A text is no verb.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no verb of a token; there are {all}", all = words())]
pub struct VerbError(String);

fn words() -> String {
    Verb::ALL.iter().map(|verb| verb.as_str()).collect::<Vec<_>>().join(", ")
}

impl Verb {
    /// Whether it changes a sale itself, and not only orders or the log.
    #[must_use]
    pub const fn changes_sale(self) -> bool {
        use Verb::{Close, Create, Open, Pause, Restock, Settle, Terms};
        matches!(self, Create | Open | Pause | Close | Terms | Restock | Settle)
    }

    /// The verb that the call `method` `path` needs, and the sale that its path names, as it is
    /// written there; `None` for what is no call in [`CALLS`].
    #[must_use]
    pub fn of_call<'a>(method: &str, path: &'a str) -> Option<(Self, Option<&'a str>)> {
        let methods = if method == "HEAD" { "GET" } else { method };
        let mut calls = CALLS.iter().filter(|(known, ..)| *known == methods);
        calls.find_map(|(_, pattern, verb)| Some((*verb, sale_of(pattern, path)?)))
    }
}

/// The sale in `path` if that has the form of `pattern`.
fn sale_of<'a>(pattern: &str, path: &'a str) -> Option<Option<&'a str>> {
    let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
    let mut sale = None;
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(sale),
            (Some("{sale}"), Some(text)) => sale = Some(text),
            (Some("{order}"), Some(_)) => {}
            (Some(word), Some(text)) if word == text => {}
            _ => return None,
        }
    }
}

impl FromStr for Verb {
    type Err = VerbError;

    fn from_str(text: &str) -> Result<Self, VerbError> {
        let found = Self::ALL.iter().find(|verb| verb.as_str() == text);
        found.copied().ok_or_else(|| VerbError(text.to_owned()))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of verbs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbs(u32);

const _: () = assert!(Verb::ALL.len() <= 32);

impl Verbs {
    /// Those that change nothing.
    #[must_use]
    pub fn read_only() -> Self {
        Verb::ALL.iter().copied().filter(|verb| !verb.changes()).collect()
    }

    /// All that this version has.
    #[must_use]
    pub fn all() -> Self {
        Verb::ALL.iter().copied().collect()
    }

    /// Whether `verb` is one of them.
    #[must_use]
    pub const fn has(self, verb: Verb) -> bool {
        self.0 & (1 << verb as u32) != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in the order of [`Verb::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Verb> {
        Verb::ALL.iter().copied().filter(move |verb| self.has(*verb))
    }

    /// Reads `read,open,pause`.
    ///
    /// # Errors
    /// One of the words is no verb.
    pub fn parse(text: &str) -> Result<Self, VerbError> {
        text.split(',').map(|word| word.trim().parse::<Verb>()).collect()
    }

    /// The same from a token, which a later version may have made: a word that is unknown here
    /// allows nothing here.
    pub(super) fn known_of(text: &str) -> Self {
        text.split(',').filter_map(|word| word.parse().ok()).collect()
    }
}

impl FromIterator<Verb> for Verbs {
    fn from_iter<I: IntoIterator<Item = Verb>>(verbs: I) -> Self {
        Self(verbs.into_iter().fold(0, |set, verb| set | 1 << verb as u32))
    }
}

impl fmt::Display for Verbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, verb) in self.iter().enumerate() {
            write!(f, "{}{verb}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_needs_the_verb_of_its_method_and_path() {
        for (method, path, verb, sale) in [
            ("GET", "/v1/admin/sales", Verb::Read, None),
            ("GET", "/v1/admin/sales/a", Verb::Read, Some("a")),
            ("HEAD", "/v1/admin/sales/a", Verb::Read, Some("a")),
            ("PUT", "/v1/admin/sales/a", Verb::Create, Some("a")),
            ("POST", "/v1/admin/sales/a/orders/b/cancel", Verb::Cancel, Some("a")),
            ("POST", "/v1/sales/a/orders/b%2Fc/confirm", Verb::Confirm, Some("a")),
        ] {
            assert_eq!(Verb::of_call(method, path), Some((verb, sale)), "{method} {path}");
        }
        for (method, path) in [
            ("DELETE", "/v1/admin/sales/a"),
            ("GET", "/v1/admin/sales/a/"),
            ("GET", "/v1/admin/sales/a/new"),
            ("POST", "/v1/sales/a/orders/b/refund"),
            ("POST", "//v1/admin/sales/a/open"),
        ] {
            assert_eq!(Verb::of_call(method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn what_changes_nothing_is_what_a_get_needs() {
        for (method, path, verb) in CALLS {
            assert_eq!(*method != "GET", verb.changes(), "{method} {path}");
        }
        for verb in Verb::ALL {
            assert!(CALLS.iter().any(|(.., of)| of == verb), "{verb} allows no call");
        }
    }

    #[test]
    fn a_set_of_verbs_reads_back_and_an_unknown_one_is_named() {
        let all = Verbs::all().to_string();
        assert_eq!(Verbs::parse(&all), Ok(Verbs::all()));
        assert_eq!(Verbs::read_only().to_string(), "read,find,export,audit");
        let wrong = Verbs::parse("read, sell").unwrap_err().to_string();
        assert!(wrong.contains("\"sell\"") && wrong.contains("restock"), "{wrong}");
        assert_eq!(Verbs::known_of("read,sell"), Verbs::parse("read").unwrap());
    }
}
