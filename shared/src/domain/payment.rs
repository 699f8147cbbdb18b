//! Payment: what the shop says of it when it confirms an order, and what it stores with the order.

use crate::domain::ids::{IdError, PaymentReference, percent_encoded};
use crate::domain::time::UnixMillis;
use crate::limits::ORDER_METADATA_MAX;
use core::fmt;
use serde_json::Value;
use std::sync::Arc;

/// What a shop stores with an order: a JSON object or string, at most 512 bytes in its shortest
/// form. Nothing here reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMetadata(Arc<str>);

impl OrderMetadata {
    /// Takes `value` if it is an object or a string that is short enough.
    ///
    /// # Errors
    /// The sentence that says what is taken.
    pub fn new(value: &Value) -> Result<Self, IdError> {
        Self::of(value, &value.to_string())
    }

    fn parse(text: &str) -> Option<Self> {
        Self::of(&serde_json::from_str(text).ok()?, text).ok()
    }

    fn of(value: &Value, text: &str) -> Result<Self, IdError> {
        let is_taken = matches!(value, Value::Object(_) | Value::String(_));
        if is_taken && text.len() <= ORDER_METADATA_MAX {
            Ok(Self(text.into()))
        } else {
            Err(IdError::Metadata)
        }
    }

    /// The JSON that was stored.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // Only JSON gets in.
        serde_json::from_str(&self.0).unwrap_or_default()
    }
}

/// What the shop says when it confirms an order; nothing by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payment {
    /// By which the shop finds the payment.
    pub reference: Option<PaymentReference>,
    /// What it stores with the order.
    pub metadata: Option<OrderMetadata>,
}

impl Payment {
    /// Its two words for `confirm.lua`, percent-encoded: `<reference>,<metadata>`. Empty where
    /// nothing is said.
    #[must_use]
    pub fn to_words(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let reference = self.reference.as_ref().map_or("", |reference| reference.as_str());
        let metadata = self.metadata.as_ref().map_or("", |metadata| &metadata.0);
        format!("{},{}", percent_encoded(reference), percent_encoded(metadata))
    }

    /// It, said at `at`; `None` where nothing is said.
    #[must_use]
    pub fn noted(&self, at: UnixMillis) -> Option<Arc<PaymentNote>> {
        (*self != Self::default()).then(|| Arc::new(PaymentNote { at, payment: self.clone() }))
    }
}

/// What was said of the payment of an order, as its record has it: something at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentNote {
    /// When it was said: when the order was confirmed, or its late payment was refused.
    pub at: UnixMillis,
    /// What was said.
    pub payment: Payment,
}

/// `<at>,<reference>,<metadata>`, the last two percent-encoded.
impl fmt::Display for PaymentNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.at, self.payment.to_words())
    }
}

impl PaymentNote {
    /// Reads what its `Display` writes, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Arc<Self>> {
        let mut words = text.split(',');
        let at = UnixMillis(words.next()?.parse().ok()?);
        let (reference, metadata) = (decoded(words.next()?)?, decoded(words.next()?)?);
        let reference = match reference.as_str() {
            "" => None,
            reference => Some(PaymentReference::parse(reference).ok()?),
        };
        let metadata = match metadata.as_str() {
            "" => None,
            metadata => Some(OrderMetadata::parse(metadata)?),
        };
        let note = Payment { reference, metadata }.noted(at)?;
        (note.to_string() == text).then_some(note)
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_note_reads_back_from_its_text_and_the_text_parts_no_line_or_record() {
        let reference = PaymentReference::parse("pi_3: über, %41 = ok").ok();
        for metadata in [None, Some(json!({"seat": "A 1", "n": [1, 2.5]})), Some(json!("é\n:"))] {
            let metadata = metadata.map(|value| OrderMetadata::new(&value).unwrap());
            for reference in [None, reference.clone()] {
                let payment = Payment { reference, metadata: metadata.clone() };
                let Some(note) = payment.noted(UnixMillis(1_763_862_000_123)) else {
                    assert_eq!(payment.to_words(), "");
                    continue;
                };
                let text = note.to_string();
                let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%,".contains(c);
                assert!(text.chars().all(plain), "{text}");
                assert_eq!(PaymentNote::parse(&text), Some(note));
            }
        }
    }

    #[test]
    fn other_texts_are_no_notes() {
        for text in [
            "",
            "1",
            "1,",
            "1,,",
            "x,a,",
            "1,a",
            "1,a,b",
            "1,a,%5B%5D",
            "1,%6,",
            "1,%61,",
            "1,%c3%a9,",
            "1,%20a,",
            "1,a,,",
            "01,a,",
            "1,é,",
        ] {
            assert_eq!(PaymentNote::parse(text), None, "{text}");
        }
        assert!(PaymentNote::parse("1,%C3%A9,").is_some());
    }

    #[test]
    fn metadata_is_an_object_or_a_string_of_at_most_512_bytes() {
        for good in [json!({}), json!(""), json!({"a": {"b": null}}), json!("x".repeat(510))] {
            assert_eq!(OrderMetadata::new(&good).unwrap().to_value(), good);
        }
        for bad in [json!(null), json!(1), json!([]), json!(true), json!("x".repeat(511))] {
            assert_eq!(OrderMetadata::new(&bad), Err(IdError::Metadata), "{bad}");
        }
    }
}
