//! Buyer token: a signed statement of the shop on who a buyer is.
//!
//! The edge checks it without asking anybody.
//!
//! `1.<key id>.<expiry, Unix milliseconds>.<buyer, base64url>.<HMAC-SHA-256, hexadecimal>`, where
//! the code is that of five lines without a final line end: `lastseat buyer token 1`, the key id,
//! the sale, the expiry, the buyer. None of them can contain a line end, so no two tokens share a
//! message, and a shop makes one with what any language has.

use crate::auth::key_ring::{KeyRing, code_from_hex};
use crate::domain::ids::{BuyerId, SaleId};
use crate::domain::time::UnixMillis;
use crate::limits::{BUYER_TOKEN_LIFE_MAX_MS, BUYER_TOKEN_MAX};
use crate::wire::problem::{Code, Problem};
use base64ct::{Base64UrlUnpadded, Encoding};

/// Version of the format, the first part of a token.
const VERSION: &str = "1";

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// There is none.
    #[error(
        "an order of this sale needs a buyer token; get one from the shop and send it in the \
         header \
         Lastseat-Buyer-Token"
    )]
    Absent,
    /// The header is no token.
    #[error(
        "the header Lastseat-Buyer-Token is not a token of the shop; get a new one from the shop"
    )]
    Malformed,
    /// Forged, of a retired key, or of another sale.
    #[error(
        "the buyer token is not one of the shop for this sale; get a token for this sale from the \
         shop"
    )]
    Wrong,
    /// Too late.
    #[error("the buyer token has expired; get a new one from the shop")]
    Expired,
    /// It would be good for too long.
    #[error("the buyer token is good for more than a day, which is more than a token may be")]
    TooLong,
    /// Right, but the order is for somebody else.
    #[error("the buyer token is for another buyer than the order names")]
    OtherBuyer,
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::saying(Code::BuyerToken, error)
    }
}

/// A token by which `buyer` can order at `sale` until `expires`.
#[must_use]
pub fn make(keys: &KeyRing, sale: &SaleId, buyer: &BuyerId, expires: UnixMillis) -> String {
    let id = keys.signing_id();
    let code = keys.sign(message(id, sale, expires, buyer).as_bytes());
    let name = Base64UrlUnpadded::encode_string(buyer.as_str().as_bytes());
    format!("{VERSION}.{id}.{expires}.{name}.{code}")
}

/// The buyer for whom `token` is good at `sale`, `now`.
///
/// # Errors
/// Why it is not taken.
pub fn check(
    keys: &KeyRing,
    token: Option<&str>,
    sale: &SaleId,
    now: UnixMillis,
) -> Result<BuyerId, TokenError> {
    let token = token.ok_or(TokenError::Absent)?;
    let (id, expires, buyer, code) = parts(token).ok_or(TokenError::Malformed)?;
    let message = message(id, sale, expires, &buyer);
    if keys.agrees(id, message.as_bytes(), &code) != Some(true) {
        Err(TokenError::Wrong)
    } else if expires <= now {
        Err(TokenError::Expired)
    } else if expires.since(now) > BUYER_TOKEN_LIFE_MAX_MS {
        Err(TokenError::TooLong)
    } else {
        Ok(buyer)
    }
}

fn message(id: &str, sale: &SaleId, expires: UnixMillis, buyer: &BuyerId) -> String {
    format!("lastseat buyer token 1\n{id}\n{sale}\n{expires}\n{buyer}")
}

fn parts(token: &str) -> Option<(&str, UnixMillis, BuyerId, [u8; 32])> {
    if token.len() > BUYER_TOKEN_MAX {
        return None;
    }
    let mut parts = token.split('.');
    let version = parts.next()?;
    let (id, expires) = (parts.next()?, parts.next()?);
    let (buyer, code) = (parts.next()?, parts.next()?);
    if version != VERSION || parts.next().is_some() {
        return None;
    }
    let buyer = Base64UrlUnpadded::decode_vec(buyer).ok()?;
    let buyer = BuyerId::parse(core::str::from_utf8(&buyer).ok()?).ok()?;
    let expires = UnixMillis(expires.parse().ok()?);
    Some((id, expires, buyer, code_from_hex(code)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BUYER_ID_MAX, KEY_ID_MAX};
    use proptest::prelude::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const NOW: UnixMillis = UnixMillis(1_763_862_000_000);
    const SOON: UnixMillis = UnixMillis(1_763_862_900_000);

    fn ring(text: &str) -> KeyRing {
        KeyRing::parse(text).unwrap()
    }

    fn sale(text: &str) -> SaleId {
        SaleId::parse(text).unwrap()
    }

    fn buyer(text: &str) -> BuyerId {
        BuyerId::parse(text).unwrap()
    }

    /// Against `printf 'lastseat buyer token 1\n1\nspring\n1763862900000\nada@example.org' |
    /// openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef`.
    #[test]
    fn a_token_is_the_one_that_openssl_makes() {
        let token = make(&ring(SECRET), &sale("spring"), &buyer("ada@example.org"), SOON);
        assert_eq!(
            token,
            "1.1.1763862900000.YWRhQGV4YW1wbGUub3Jn.983dda9ec94372b0a7ae28cb0348053ba1f80e25abd07c37fcfeab023aa8b68f"
        );
    }

    #[test]
    fn a_token_is_good_for_its_sale_and_buyer_until_it_expires() {
        let keys = ring(SECRET);
        let token = make(&keys, &sale("spring"), &buyer("ada"), SOON);
        let check = |sale_id, now| check(&keys, Some(&token), &sale(sale_id), UnixMillis(now));
        assert_eq!(check("spring", NOW.0), Ok(buyer("ada")));
        assert_eq!(check("spring", SOON.0 - 1), Ok(buyer("ada")));
        assert_eq!(check("spring", SOON.0), Err(TokenError::Expired));
        assert_eq!(check("autumn", NOW.0), Err(TokenError::Wrong));
        let early = SOON.0 - BUYER_TOKEN_LIFE_MAX_MS;
        assert_eq!(check("spring", early), Ok(buyer("ada")));
        assert_eq!(check("spring", early - 1), Err(TokenError::TooLong));
    }

    #[test]
    fn what_is_not_of_the_shop_is_named() {
        let keys = ring(SECRET);
        let good = make(&keys, &sale("spring"), &buyer("ada"), SOON);
        let check = |token| check(&keys, token, &sale("spring"), NOW);
        assert_eq!(check(None), Err(TokenError::Absent));
        let later = good.replace("2900000", "2900001");
        let eve = good.replace(".YWRh.", ".ZXZl.");
        let other_key = good.replacen("1.1.", "1.2.", 1);
        for forged in [&later, &eve, &other_key] {
            assert_ne!(forged, &good);
            assert_eq!(check(Some(forged)), Err(TokenError::Wrong), "{forged}");
        }
        let padded = good.replace(".YWRh.", ".YWRh=.");
        let long = "x".repeat(10_000);
        for text in ["", "1.1.x.YWRh.00", &good[1..], &good[..good.len() - 1], &padded, &long] {
            assert_eq!(check(Some(text)), Err(TokenError::Malformed), "{text}");
        }
    }

    #[test]
    fn the_longest_token_is_within_its_bound() {
        let keys = ring(&format!("{}:{SECRET}", "k".repeat(KEY_ID_MAX)));
        let longest = buyer(&"b".repeat(BUYER_ID_MAX));
        let at = UnixMillis(9_999_999_999_999);
        let token = make(&keys, &sale("spring"), &longest, at);
        assert!(token.len() <= BUYER_TOKEN_MAX, "{}", token.len());
        let verdict = check(&keys, Some(&token), &sale("spring"), UnixMillis(at.0 - 1));
        assert_eq!(verdict, Ok(longest));
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_token_and_none_brings_the_reader_down(text in "\\PC{0,300}") {
            prop_assert!(check(&ring(SECRET), Some(&text), &sale("spring"), NOW).is_err());
        }

        #[test]
        fn every_buyer_gets_a_token_that_names_them(name in "[!-~]{1,128}") {
            let keys = ring(SECRET);
            let token = make(&keys, &sale("spring"), &buyer(&name), SOON);
            prop_assert_eq!(check(&keys, Some(&token), &sale("spring"), NOW), Ok(buyer(&name)));
        }
    }
}
