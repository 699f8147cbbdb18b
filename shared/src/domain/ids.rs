//! Ids and amounts, validated once at the boundary.
//!
//! Whoever holds one of these types holds a valid one.

use crate::domain::time::UnixMillis;
use crate::limits;
use core::fmt;
use std::borrow::Cow;
use std::sync::Arc;

/// Why a name or an amount was not accepted; the text says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// A sale id has the wrong length or a character that it may not have.
    #[error("a sale id has 1 to {max} letters, digits, '-' or '_'", max = limits::SALE_ID_MAX)]
    Sale,
    /// A buyer id has the wrong length or a character that it may not have.
    #[error("\"buyer\" must be a text of 1 to {max} bytes in UTF-8, without control characters, \
        and without white space at its ends", max = limits::BUYER_ID_MAX)]
    Buyer,
    /// A payment's reference has the wrong length or a character that it may not have.
    #[error("\"reference\" must be a text of 1 to {max} bytes in UTF-8, without control \
        characters, and without white space at its ends", max = limits::PAYMENT_REFERENCE_MAX)]
    Reference,
    /// What a shop stores with an order is neither object nor string, or too long.
    #[error("\"metadata\" must be a JSON object or a string, of at most {max} bytes as \
        JSON", max = limits::ORDER_METADATA_MAX)]
    Metadata,
    /// An order id has the wrong length or a character that it may not have.
    #[error(
        "an order id (Idempotency-Key) has {min} to {max} visible ASCII characters; \
         use a random one such as a UUID",
        min = limits::ORDER_ID_MIN, max = limits::ORDER_ID_MAX
    )]
    Order,
    /// An edge id has the wrong length or a character that it may not have.
    #[error("an edge id has 1 to {max} letters or digits", max = limits::EDGE_ID_MAX)]
    Edge,
    /// A quantity is zero or too large.
    #[error("\"quantity\" must be a whole number from 1 to {max}", max = limits::QUANTITY_MAX)]
    Quantity,
    /// An order has lines and a quantity of its own, or too many lines or none.
    #[error("an order has \"quantity\" or \"lines\", not both, and \
        1 to {max} lines", max = limits::ORDER_LINES_MAX)]
    Lines,
    /// A capacity is too large.
    #[error("\"capacity\" must be a whole number from 0 to {max}", max = limits::CAPACITY_MAX)]
    Capacity,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $min:expr, $max:expr, $valid:expr, $error:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks length and characters.
            ///
            /// # Errors
            /// The sentence that says what a valid one looks like.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if ($min..=$max).contains(&text.len()) && valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err($error)
                }
            }

            /// The text of the id.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

fn visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Whether a text is one line to a reader: nothing in it moves the cursor, ends the line or turns
/// the writing round, and it has no white space at its ends.
fn one_line(text: &str) -> bool {
    // Nearly all are e-mail addresses and numbers.
    visible(text)
        || (!text.contains(|c: char| c.is_control() || breaks_or_turns(c)) && text.trim() == text)
}

/// Separators of lines and paragraphs, and what changes the direction of the writing after it.
const fn breaks_or_turns(c: char) -> bool {
    matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

text_id!(
    /// Names one sale: 1 to 64 letters, digits, `-` or `_`.
    SaleId, 1, limits::SALE_ID_MAX, word, IdError::Sale
);
text_id!(
    /// Names one buyer: any text of 1 to 128 bytes without control characters, given by the shop or
    /// the client.
    BuyerId, 1, limits::BUYER_ID_MAX, one_line, IdError::Buyer
);
text_id!(
    /// By which a shop finds the payment of an order: any text of 1 to 128 bytes without control
    /// characters.
    PaymentReference, 1, limits::PAYMENT_REFERENCE_MAX, one_line, IdError::Reference
);
text_id!(
    /// Names one order and is its idempotency key: 16 to 128 visible ASCII characters. Whoever
    /// has it may read the order, and give it back while it is not paid.
    OrderId, limits::ORDER_ID_MIN, limits::ORDER_ID_MAX, visible, IdError::Order
);
text_id!(
    /// Names one edge isolate for as long as it lives.
    EdgeId, 1, limits::EDGE_ID_MAX, |id| id.bytes().all(|b| b.is_ascii_alphanumeric()),
    IdError::Edge
);

/// Whether `text` is a UUID as most write it: 32 hexadecimal digits and four hyphens.
fn is_uuid(text: &str) -> bool {
    let is_in_place = |(place, byte): (usize, u8)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == 36 && text.bytes().enumerate().all(is_in_place)
}

/// `text` as it stands in a part of an address: letters, digits and `-._~` as they are, all other
/// bytes as `%2F` (RFC 3986, section 2.1).
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// What stands for a space where a buyer is stored: there spaces part words. No buyer has it in the
/// name, so that both are read back.
const STORED_SPACE: &str = "\u{1f}";

impl BuyerId {
    /// Reads the buyer that a client names: a text means the same however its accents are written,
    /// so it becomes the composed form (NFC, UAX #15). Built only for what decides of an order and
    /// for commands: the tables of it are larger than half of the edge.
    ///
    /// # Errors
    /// As [`Self::parse`].
    #[cfg(feature = "nfc")]
    pub fn of_request(text: &str) -> Result<Self, IdError> {
        use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
        let composed = || text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes;
        // Composed it may be a ninth as long; what is longer is not worth the work.
        if text.len() > 9 * limits::BUYER_ID_MAX || composed() {
            return Self::parse(text);
        }
        Self::parse(&text.nfc().collect::<String>())
    }

    /// The name as it is stored in Redis and in the journals, without spaces.
    #[must_use]
    pub fn stored(&self) -> Cow<'_, str> {
        if self.0.bytes().any(|byte| byte == b' ') {
            Cow::Owned(self.0.replace(' ', STORED_SPACE))
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    /// Reads what [`Self::stored`] has written.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_stored(text: &str) -> Result<Self, IdError> {
        if text.contains(' ') {
            Err(IdError::Buyer)
        } else if text.contains(STORED_SPACE) {
            Self::parse(&text.replace(STORED_SPACE, " "))
        } else {
            Self::parse(text)
        }
    }

    /// Whom the record of an order names that was cancelled before it came.
    #[must_use]
    pub fn nobody() -> Self {
        Self("-".into())
    }
}

impl OrderId {
    /// Reads the id that a request names. A UUID means the same in upper and in lower case (RFC
    /// 9562, section 4), and as the quoted string that the IETF's draft of `Idempotency-Key` wants;
    /// here it is bare and in lower case. Any other id is what it is, byte by byte.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of_request(text: &str) -> Result<Self, IdError> {
        let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        match [quoted, Some(text)].into_iter().flatten().find(|text| is_uuid(text)) {
            Some(uuid) if uuid.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                Self::parse(&uuid.to_ascii_lowercase())
            }
            Some(uuid) => Self::parse(uuid),
            None => Self::parse(text),
        }
    }

    /// The id as it stands in an address: what means something in a path is written as `%2F` (RFC
    /// 3986, section 2.1). An edge and an origin must write it alike, because the edge signs the
    /// path.
    #[must_use]
    pub fn in_path(&self) -> String {
        percent_encoded(&self.0)
    }

    /// A new UUIDv7 (RFC 9562): sorted by time, 74 bits of chance. `random` must come from a
    /// cryptographic source, because an order id is a capability.
    #[must_use]
    pub fn new_v7(now: UnixMillis, random: [u8; 10]) -> Self {
        let id = uuid::Builder::from_unix_timestamp_millis(now.0, &random).into_uuid();
        let mut buffer = uuid::Uuid::encode_buffer();
        Self((&*id.hyphenated().encode_lower(&mut buffer)).into())
    }
}

/// How many tickets one order asks for: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u32);

impl Quantity {
    /// One ticket.
    pub const ONE: Self = Self(1);

    /// # Errors
    /// `value` is 0 or above [`limits::QUANTITY_MAX`].
    pub fn new(value: u64) -> Result<Self, IdError> {
        match u32::try_from(value) {
            Ok(v @ 1..=limits::QUANTITY_MAX) => Ok(Self(v)),
            _ => Err(IdError::Quantity),
        }
    }

    /// The number of tickets.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How many tickets a sale has: 0 to 10^9.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capacity(u32);

impl Capacity {
    /// # Errors
    /// `value` is above [`limits::CAPACITY_MAX`].
    pub fn new(value: u64) -> Result<Self, IdError> {
        match u32::try_from(value) {
            Ok(v @ 0..=limits::CAPACITY_MAX) => Ok(Self(v)),
            _ => Err(IdError::Capacity),
        }
    }

    /// The number of tickets.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_id_has_16_to_128_visible_characters() {
        assert!(OrderId::parse("0123456789abcdef").is_ok());
        assert!(OrderId::parse(&"x".repeat(128)).is_ok());
        assert_eq!(OrderId::parse("0123456789abcde"), Err(IdError::Order));
        assert_eq!(OrderId::parse(&"x".repeat(129)), Err(IdError::Order));
        assert_eq!(OrderId::parse("0123456789abcde f"), Err(IdError::Order));
        assert_eq!(OrderId::parse("0123456789abcdé"), Err(IdError::Order));
    }

    #[test]
    fn a_uuid_is_one_id_however_it_is_written_and_any_other_id_is_what_it_is() {
        const ID: &str = "01a206a1-4986-71b9-82fc-1638e7e87c78";
        let read = |text: &str| OrderId::of_request(text).map(|id| id.to_string());
        let upper = ID.to_uppercase();
        for text in [ID, &upper, &format!("\"{ID}\""), &format!("\"{upper}\"")] {
            assert_eq!(read(text).as_deref(), Ok(ID), "{text}");
        }
        for other in [
            "ORDER-0123456789ABCDEF",
            "\"0123456789abcdef\"",
            &format!("\"{ID}"),
            &format!("{upper}0"),
            "01A206A1498671B982FC1638E7E87C78",
            "01A206A1-4986-71B9-82FC-1638E7E87C7X",
            "01A206A14-986-71B9-82FC-1638E7E87C78",
        ] {
            assert_eq!(read(other).as_deref(), Ok(other));
        }
        assert_eq!(read("short"), Err(IdError::Order));
        // What is stored keeps the spelling under which it was stored.
        assert_eq!(OrderId::parse(&upper).unwrap().as_str(), upper);
    }

    #[test]
    fn an_order_id_in_a_path_has_nothing_that_a_path_would_read() {
        let id = OrderId::parse(r"a/b?c%d#e\f+0123456789").unwrap();
        assert_eq!(id.in_path(), "a%2Fb%3Fc%25d%23e%5Cf%2B0123456789");
        let uuid = OrderId::new_v7(UnixMillis(1), [7; 10]);
        assert_eq!(uuid.in_path(), uuid.as_str());
    }

    #[test]
    fn a_made_order_id_is_a_valid_uuid_of_version_7() {
        let id = OrderId::new_v7(UnixMillis(1_763_862_000_123), [0xff; 10]);
        assert_eq!(OrderId::parse(id.as_str()), Ok(id.clone()));
        assert_eq!(id.as_str().len(), 36);
        assert_eq!(id.as_str().as_bytes()[14], b'7');
        assert!(id < OrderId::new_v7(UnixMillis(1_763_862_000_124), [0; 10]));
    }

    #[test]
    fn a_quantity_is_neither_zero_nor_astronomic() {
        assert_eq!(Quantity::new(1), Ok(Quantity::ONE));
        assert_eq!(Quantity::new(0), Err(IdError::Quantity));
        assert_eq!(Quantity::new(1_000_000_000_000), Err(IdError::Quantity));
    }

    #[test]
    fn a_sale_id_cannot_break_out_of_its_key() {
        for bad in ["", "a}b", "a b", "a:b", "é", &"x".repeat(65)] {
            assert_eq!(SaleId::parse(bad), Err(IdError::Sale), "{bad}");
        }
    }

    #[test]
    fn a_buyer_is_any_text_that_a_reader_sees_as_one_line() {
        for good in ["ada", "Ada Lovelace", "+49 30 123", "Zoë", "王小明", "a:b%c\\d", "👩‍👩‍👧", "-"]
        {
            let buyer = BuyerId::parse(good).unwrap();
            assert_eq!(buyer.as_str(), good);
            assert!(!buyer.stored().contains(' '));
            assert_eq!(BuyerId::of_stored(&buyer.stored()), Ok(buyer));
        }
        let long = "é".repeat(65);
        for bad in [
            "",
            " ",
            " ada",
            "ada ",
            "\u{a0}ada",
            "a\nb",
            "a\tb",
            "a\0b",
            "a\u{1f}b",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "\u{feff}ada",
            &long,
        ] {
            assert_eq!(BuyerId::parse(bad), Err(IdError::Buyer), "{bad:?}");
        }
        assert!(BuyerId::parse(&"é".repeat(64)).is_ok());
        for bad in ["a b", "\u{1f}ada", "ada\u{1f}", "a\u{1e}b"] {
            assert_eq!(BuyerId::of_stored(bad), Err(IdError::Buyer), "{bad:?}");
        }
    }

    /// Names that were stored by a version before are what they were.
    #[test]
    fn a_buyer_of_visible_ascii_is_stored_as_it_is() {
        let all: String = ('!'..='~').collect();
        assert_eq!(BuyerId::parse(&all).unwrap().stored(), all);
        assert_eq!(BuyerId::of_stored(&all).unwrap().as_str(), all);
    }

    #[cfg(feature = "nfc")]
    #[test]
    fn a_name_is_the_same_however_its_accents_are_written() {
        let composed = BuyerId::parse("Zo\u{eb} \u{c5}").unwrap();
        for text in ["Zo\u{eb} \u{c5}", "Zoe\u{308} A\u{30a}", "Zo\u{eb} \u{212b}"] {
            assert_eq!(BuyerId::of_request(text), Ok(composed.clone()), "{text:?}");
        }
        // Too long as it came, short enough as it is kept.
        assert!(BuyerId::of_request(&"e\u{301}".repeat(64)).is_ok());
        assert_eq!(BuyerId::of_request(&"e\u{301}".repeat(65)), Err(IdError::Buyer));
        assert_eq!(BuyerId::of_request(&"e\u{301}".repeat(5_000)), Err(IdError::Buyer));
    }
}
