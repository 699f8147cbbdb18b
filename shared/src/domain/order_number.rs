//! Order number: a short name of an order that people tell each other.
//!
//! Derived from the sale and the order's id, which is secret: whoever has the number can neither
//! find the id nor read or change the order. It is not secret, and it is no index: operators find
//! an order by it by reading the orders of the sale, and of a million of them two share a number
//! with a chance of 1 in 2,000.

use crate::domain::ids::{OrderId, SaleId};
use sha2::{Digest, Sha256};

/// Digits without those that look alike (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of a number: 50 bits.
const LENGTH: usize = 10;

/// The number of the order `id` of `sale`, such as `K3F7-9QXM-2D`: the first 50 bits of the SHA-256
/// of `lastseat order number 1`, the sale and the id, with line feeds between them.
#[must_use]
pub fn order_number(sale: &SaleId, id: &OrderId) -> String {
    let text = format!("lastseat order number 1\n{sale}\n{id}");
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let digit = |place: usize| DIGITS[((bits >> (59 - 5 * place)) & 31) as usize];
    written((0..LENGTH).map(digit))
}

/// A number as a person types it: in small letters, with spaces or without hyphens, with `O` for 0
/// and `I` or `L` for 1. `None` for what is no number.
#[must_use]
pub fn read_order_number(text: &str) -> Option<String> {
    let mut digits = Vec::with_capacity(LENGTH);
    for byte in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
        let digit = match byte.to_ascii_uppercase() {
            b'O' => b'0',
            b'I' | b'L' => b'1',
            digit => digit,
        };
        if digits.len() == LENGTH || !DIGITS.contains(&digit) {
            return None;
        }
        digits.push(digit);
    }
    (digits.len() == LENGTH).then(|| written(digits.into_iter()))
}

/// Digits in groups of four.
fn written(digits: impl Iterator<Item = u8>) -> String {
    let mut number = String::with_capacity(12);
    for (place, digit) in digits.enumerate() {
        if place == 4 || place == 8 {
            number.push('-');
        }
        number.push(char::from(digit));
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn number(sale: &str, id: &str) -> String {
        order_number(&SaleId::parse(sale).unwrap(), &OrderId::parse(id).unwrap())
    }

    /// Numbers are told to shops: they stay what they are.
    #[test]
    fn an_order_number_is_what_sha256_says_in_ten_digits_that_do_not_look_alike() {
        assert_eq!(number("demo", "01a206a1-4986-71b9-82fc-1638e7e87c78"), "DT52-XKTF-B1");
        let ids: Vec<String> = (0..1_000).map(|n| format!("order-{n:016}")).collect();
        let numbers: HashSet<String> = ids.iter().map(|id| number("demo", id)).collect();
        assert_eq!(numbers.len(), ids.len());
        assert_ne!(number("demo", &ids[0]), number("other", &ids[0]));
        for number in numbers {
            assert_eq!(number.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 2]);
            assert!(!number.contains(['I', 'L', 'O', 'U']), "{number}");
        }
    }

    #[test]
    fn a_number_is_read_however_a_person_types_it() {
        for text in ["DT52-XKTF-B1", "dt52xktfb1", " dt52 xktf b1", "DT52-XKTF-BI", "dt52-xktf-bl"]
        {
            assert_eq!(read_order_number(text).as_deref(), Some("DT52-XKTF-B1"), "{text}");
        }
        assert_eq!(read_order_number("o000-0000-00").as_deref(), Some("0000-0000-00"));
        for text in ["", "DT52-XKTF-B", "DT52-XKTF-B12", "DT52-XKTF-BU", "DT52-XKTF-Bé", "-"] {
            assert_eq!(read_order_number(text), None, "{text}");
        }
    }
}
