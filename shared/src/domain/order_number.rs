//! Order number: a short name of an order that people tell each other.
//!
//! Derived from the sale and the order's id, which is secret: whoever has the number can neither
//! find the id nor read or change the order. It is not secret, and it is no index: nothing finds an
//! order by it, and of a million orders in a sale two share a number with a chance of 1 in 2,000.

use crate::domain::ids::{OrderId, SaleId};
use sha2::{Digest, Sha256};

/// Digits without those that look alike (Crockford's base 32).
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Digits of a number: 50 bits.
const LENGTH: u32 = 10;

/// The number of the order `id` of `sale`, such as `K3F7-9QXM-2D`: the first 50 bits of the SHA-256
/// of `lastseat order number 1`, the sale and the id, with line feeds between them.
#[must_use]
pub fn order_number(sale: &SaleId, id: &OrderId) -> String {
    let text = format!("lastseat order number 1\n{sale}\n{id}");
    let digest = Sha256::digest(text.as_bytes());
    let bits = digest.iter().take(8).fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let mut number = String::with_capacity(12);
    for place in 0..LENGTH {
        if place == 4 || place == 8 {
            number.push('-');
        }
        let digit = (bits >> (59 - 5 * place)) & 31;
        number.push(char::from(DIGITS[digit as usize]));
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
}
