//! Scoped token: a bearer token that says itself who has it, what it allows, and until when.
//!
//! A node checks it from memory, with a key of the ring by which tokens are signed
//! (`LASTSEAT_TOKEN_KEYS`). It ends with its time, or at once when its key is taken off the ring.
//!
//! `lst1.<key id>.<claims, base64url>.<HMAC-SHA-256, hexadecimal>`. The claims are four lines
//! without a final line end: name, verbs, patterns of sales, expiry in Unix milliseconds. The code
//! is that of `lastseat scoped token 1`, the key id and the claims, each on lines of their own. No
//! part can contain a line end it does not say, so no two tokens share a message.

use crate::auth::actor::Actor;
use crate::auth::key_ring::{KeyRing, code_from_hex, is_key_id};
use crate::auth::sale_patterns::SalePatterns;
use crate::auth::verb::{Verb, Verbs};
use crate::domain::ids::SaleId;
use crate::domain::time::UnixMillis;
use crate::limits::{SCOPED_TOKEN_LIFE_MAX_MS, SCOPED_TOKEN_MAX};
use crate::wire::problem::{Code, Problem};
use base64ct::{Base64UrlUnpadded, Encoding};

/// Version of the format and the first part of a token. A secret that is scanned for in logs and
/// repositories is found by it.
const VERSION: &str = "lst1";

/// What a token says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopedToken {
    /// Who has it.
    pub name: Actor,
    /// What it allows.
    pub verbs: Verbs,
    /// For which sales.
    pub sales: SalePatterns,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// Why a token is not taken, or does not allow a call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopedTokenError {
    /// It is no token of this kind.
    #[error("the token is damaged: it is not one that `lastseat token create` makes")]
    Malformed,
    /// Forged, or of a key that is not on the ring any more.
    #[error(
        "the token is not signed with a key that this node has: it was changed, or its key was \
         replaced; make a new one with `lastseat token create`"
    )]
    Wrong,
    /// Too late.
    #[error("the token of {0} has expired; make a new one with `lastseat token create`")]
    Expired(Actor),
    /// It would be good for too long.
    #[error("the token is good for longer than a token may be")]
    TooLong,
    /// The verb is not one of its verbs.
    #[error("the token of {name} does not allow \"{verb}\"; it allows {verbs}")]
    Verb {
        /// Whose token it is.
        name: Actor,
        /// What the call needs; absent where no verb allows it.
        verb: &'static str,
        /// What it allows.
        verbs: Verbs,
    },
    /// The sale is not one of its sales.
    #[error("the token of {name} is not for this sale; it is for {sales}")]
    Sale {
        /// Whose token it is.
        name: Actor,
        /// For which sales it is.
        sales: SalePatterns,
    },
}

impl ScopedTokenError {
    /// Its code in the API.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Malformed | Self::Wrong | Self::TooLong => Code::Unauthorized,
            Self::Expired(_) => Code::TokenExpired,
            Self::Verb { .. } => Code::TokenVerb,
            Self::Sale { .. } => Code::TokenSale,
        }
    }
}

impl From<ScopedTokenError> for Problem {
    fn from(error: ScopedTokenError) -> Self {
        Self::saying(error.code(), error)
    }
}

/// Whether `text` looks like a token of this kind; it may be damaged, or signed by anybody.
#[must_use]
pub fn looks_like_one(text: &str) -> bool {
    text.strip_prefix(VERSION).is_some_and(|rest| rest.starts_with('.'))
}

/// The text of a token, signed with the first key of `keys`.
#[must_use]
pub fn make(keys: &KeyRing, token: &ScopedToken) -> String {
    let ScopedToken { name, verbs, sales, expires_at } = token;
    let id = keys.signing_id();
    let claims = format!("{name}\n{verbs}\n{sales}\n{expires_at}");
    let code = keys.sign(message(id, &claims).as_bytes());
    format!("{VERSION}.{id}.{}.{code}", Base64UrlUnpadded::encode_string(claims.as_bytes()))
}

/// What the token `text` says, if it is signed with one of `keys` and has not expired.
///
/// # Errors
/// Why it is not taken.
pub fn check(keys: &KeyRing, text: &str, now: UnixMillis) -> Result<ScopedToken, ScopedTokenError> {
    let read = ReadToken::parse(text)?;
    if !read.is_signed_with(keys) {
        return Err(ScopedTokenError::Wrong);
    }
    let token = read.token()?;
    if token.expires_at <= now {
        Err(ScopedTokenError::Expired(token.name))
    } else if token.expires_at.since(now) > SCOPED_TOKEN_LIFE_MAX_MS {
        Err(ScopedTokenError::TooLong)
    } else {
        Ok(token)
    }
}

/// A token as it was read, whoever has signed it: for people who want to know what it says.
#[derive(Clone, Debug)]
pub struct ReadToken {
    key_id: String,
    claims: String,
    code: [u8; 32],
}

impl ReadToken {
    /// Reads one.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn parse(text: &str) -> Result<Self, ScopedTokenError> {
        Self::parts(text).ok_or(ScopedTokenError::Malformed)
    }

    fn parts(text: &str) -> Option<Self> {
        if text.len() > SCOPED_TOKEN_MAX {
            return None;
        }
        let mut parts = text.split('.');
        let version = parts.next()?;
        let (key_id, claims, code) = (parts.next()?, parts.next()?, parts.next()?);
        if version != VERSION || parts.next().is_some() || !is_key_id(key_id) {
            return None;
        }
        let claims = Base64UrlUnpadded::decode_vec(claims).ok()?;
        let claims = String::from_utf8(claims).ok()?;
        Some(Self { key_id: key_id.to_owned(), claims, code: code_from_hex(code)? })
    }

    /// The id of the key that it says to be signed with.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether one of `keys` has signed it.
    #[must_use]
    pub fn is_signed_with(&self, keys: &KeyRing) -> bool {
        let message = message(&self.key_id, &self.claims);
        keys.agrees(&self.key_id, message.as_bytes(), &self.code) == Some(true)
    }

    /// What it says.
    ///
    /// # Errors
    /// `Malformed`.
    pub fn token(&self) -> Result<ScopedToken, ScopedTokenError> {
        let read = || {
            let lines: Vec<&str> = self.claims.split('\n').collect();
            // More lines could be restrictions that are not checked here.
            let [name, verbs, sales, expires_at] = lines.as_slice() else { return None };
            Some(ScopedToken {
                name: Actor::of_token(name).ok()?,
                verbs: Verbs::known_of(verbs),
                sales: SalePatterns::parse(sales).ok()?,
                expires_at: UnixMillis(expires_at.parse().ok()?),
            })
        };
        read().ok_or(ScopedTokenError::Malformed)
    }
}

fn message(key_id: &str, claims: &str) -> String {
    format!("lastseat scoped token 1\n{key_id}\n{claims}")
}

impl ScopedToken {
    /// Whether it allows the call `method` `path`. A call over all sales is allowed by its verb
    /// alone: it shows those that the token is for.
    ///
    /// # Errors
    /// The verb or the sale that is missing.
    pub fn allows(&self, method: &str, path: &str) -> Result<(), ScopedTokenError> {
        let found = Verb::of_call(method, path);
        let (verb, sale) = found.ok_or_else(|| self.lacks("this call"))?;
        if !self.verbs.has(verb) {
            return Err(self.lacks(verb.as_str()));
        }
        // What is no id of a sale is nobody's sale.
        let is_of_it = |sale| SaleId::parse(sale).is_ok_and(|sale| self.sales.include(&sale));
        if self.sales.are_all() || sale.is_none_or(is_of_it) {
            return Ok(());
        }
        Err(ScopedTokenError::Sale { name: self.name.clone(), sales: self.sales.clone() })
    }

    fn lacks(&self, verb: &'static str) -> ScopedTokenError {
        ScopedTokenError::Verb { name: self.name.clone(), verb, verbs: self.verbs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ACTOR_MAX, KEY_ID_MAX, SALE_PATTERNS_TEXT_MAX};
    use proptest::prelude::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";
    const NOW: UnixMillis = UnixMillis(1_763_862_000_000);
    const SOON: UnixMillis = UnixMillis(1_763_862_900_000);

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).unwrap()
    }

    fn token(verbs: &str, sales: &str) -> ScopedToken {
        ScopedToken {
            name: Actor::of_token("ada").unwrap(),
            verbs: Verbs::parse(verbs).unwrap(),
            sales: SalePatterns::parse(sales).unwrap(),
            expires_at: SOON,
        }
    }

    /// The code against `printf 'lastseat scoped token 1\n1\nada\nopen,pause\nspring-*\n
    /// 1763862900000' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef` (one line).
    #[test]
    fn a_token_says_itself_what_it_allows_and_is_signed_as_openssl_signs() {
        let text = make(&ring(SECRET), &token("pause,open", "spring-*"));
        assert_eq!(
            text,
            "lst1.1.YWRhCm9wZW4scGF1c2UKc3ByaW5nLSoKMTc2Mzg2MjkwMDAwMA.\
             a5fc8d9cc4c85a4930e91251296455e152872db7955093b72230095738dcca2b"
        );
        assert_eq!(check(&ring(SECRET), &text, NOW), Ok(token("open,pause", "spring-*")));
        assert!(looks_like_one(&text) && !looks_like_one("lst1") && !looks_like_one(SECRET));
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_for_no_longer_than_a_token_may_be() {
        let keys = ring(SECRET);
        let text = make(&keys, &token("read", "*"));
        let good = |now| check(&keys, &text, UnixMillis(now)).map(|_| ());
        assert_eq!(good(SOON.0 - 1), Ok(()));
        let ada = Actor::parse("ada").unwrap();
        assert_eq!(good(SOON.0), Err(ScopedTokenError::Expired(ada)));
        assert_eq!(good(SOON.0 - SCOPED_TOKEN_LIFE_MAX_MS), Ok(()));
        assert_eq!(good(SOON.0 - SCOPED_TOKEN_LIFE_MAX_MS - 1), Err(ScopedTokenError::TooLong));
    }

    #[test]
    fn a_token_lives_as_long_as_its_key_is_on_the_ring() {
        let text = make(&ring(&format!("a:{SECRET}")), &token("read", "*"));
        let good = |keys: &str| check(&ring(keys), &text, NOW).map(|_| ());
        assert_eq!(good(&format!("b:{OTHER},a:{SECRET}")), Ok(()));
        for keys in [format!("b:{OTHER}"), format!("a:{OTHER}"), format!("b:{SECRET}")] {
            assert_eq!(good(&keys), Err(ScopedTokenError::Wrong), "{keys}");
        }
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let keys = ring(&format!("a:{SECRET},b:{OTHER}"));
        let text = make(&keys, &token("read", "spring"));
        let parts: Vec<&str> = text.split('.').collect();
        let claims = |text: &str| Base64UrlUnpadded::encode_string(text.as_bytes());
        for (place, other) in [
            (1, "b".to_owned()),
            (2, claims("ada\nread,close\nspring\n1763862900000")),
            (2, claims("ada\nread\n*\n1763862900000")),
            (2, claims("ada\nread\nspring\n1763862900001")),
            (2, claims("eve\nread\nspring\n1763862900000")),
            (3, "0".repeat(64)),
        ] {
            let mut forged = parts.clone();
            forged[place] = &other;
            let forged = forged.join(".");
            assert_eq!(check(&keys, &forged, NOW), Err(ScopedTokenError::Wrong), "{forged}");
        }
        let long = format!("{text}{}", "x".repeat(10_000));
        for text in ["", "lst1", "lst1...", &text[1..], &text[..text.len() - 1], &long] {
            assert_eq!(check(&keys, text, NOW), Err(ScopedTokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn what_a_signed_token_cannot_say_is_not_taken() {
        let keys = ring(SECRET);
        for claims in
            ["operator\nread\n*\n1763862900000", "ada\nread\n*", "ada\nread\n\n1763862900000"]
        {
            let code = keys.sign(message("1", claims).as_bytes());
            let claims = Base64UrlUnpadded::encode_string(claims.as_bytes());
            let verdict = check(&keys, &format!("lst1.1.{claims}.{code}"), NOW);
            assert_eq!(verdict, Err(ScopedTokenError::Malformed));
        }
    }

    #[test]
    fn a_token_allows_its_verbs_for_its_sales_and_nothing_else() {
        let ada = token("read,open,confirm", "spring-*");
        for (method, path) in [
            ("GET", "/v1/admin/status"),
            ("GET", "/v1/admin/sales"),
            ("GET", "/v1/admin/sales/spring-1"),
            ("POST", "/v1/admin/sales/spring-1/open"),
            ("POST", "/v1/sales/spring-1/orders/0123456789abcdef/confirm"),
        ] {
            assert_eq!(ada.allows(method, path), Ok(()), "{path}");
        }
        for (method, path, code, word) in [
            ("POST", "/v1/admin/sales/spring-1/close", Code::TokenVerb, "\"close\""),
            ("POST", "/v1/admin/sales/autumn/close", Code::TokenVerb, "\"close\""),
            ("POST", "/v1/admin/sales/autumn/open", Code::TokenSale, "spring-*"),
            ("GET", "/v1/admin/sales/spr%69ng-1", Code::TokenSale, "spring-*"),
            ("GET", "/v1/admin/secrets", Code::TokenVerb, "this call"),
        ] {
            let problem = Problem::from(ada.allows(method, path).unwrap_err());
            assert_eq!((problem.code, problem.status), (code, 403), "{path}");
            assert!(problem.detail.contains(word), "{}", problem.detail);
            assert!(problem.detail.contains("ada"), "{}", problem.detail);
        }
        assert_eq!(token("read", "*").allows("GET", "/v1/admin/sales/a%2Fb"), Ok(()));
    }

    #[test]
    fn the_longest_token_is_within_its_bound() {
        let keys = ring(&format!("{}:{SECRET}", "k".repeat(KEY_ID_MAX)));
        let sales = vec!["x".repeat(63); 4].join(",");
        assert_eq!(sales.len(), SALE_PATTERNS_TEXT_MAX - 1);
        let longest = ScopedToken {
            name: Actor::of_token(&"n".repeat(ACTOR_MAX)).unwrap(),
            verbs: Verbs::all(),
            sales: SalePatterns::parse(&sales).unwrap(),
            expires_at: UnixMillis::LAST,
        };
        let text = make(&keys, &longest);
        assert!(text.len() <= SCOPED_TOKEN_MAX, "{}", text.len());
        assert_eq!(ReadToken::parse(&text).unwrap().token(), Ok(longest));
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_token_and_none_brings_the_reader_down(
            text in "(lst1\\.1\\.)?\\PC{0,300}"
        ) {
            prop_assert!(check(&ring(SECRET), &text, NOW).is_err());
        }
    }
}
