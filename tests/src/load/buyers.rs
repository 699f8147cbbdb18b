//! Who buys under which key. Both follow from the seed and the buyer's number, so that ten million
//! of them take no memory and a key in the ledger names its buyer.

use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// The buyers of one rush.
#[derive(Clone, Copy, Debug)]
pub struct Buyers {
    seed: u64,
}

impl Buyers {
    /// The buyers of this seed.
    pub const fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The name of buyer `number`.
    pub fn name(self, number: u32) -> String {
        format!("buyer-{number}")
    }

    /// The key of buyer `number`: a UUID of version 8 (RFC 9562) that starts with the number, so
    /// that it is unique; the rest cannot be guessed without the seed.
    pub fn key(self, number: u32) -> String {
        let mut hasher = SipHasher13::new_with_keys(self.seed, 0x6c61_7374_7365_6174);
        hasher.write_u32(number);
        let hash = hasher.finish128();
        let (a, b, c) = (hash.h1 >> 48, hash.h1 >> 32 & 0xfff, hash.h1 & 0x3fff | 0x8000);
        let d = hash.h2 & 0xffff_ffff_ffff;
        format!("{number:08x}-{a:04x}-8{b:03x}-{c:04x}-{d:012x}")
    }

    /// Whose key this is, if it is one of this rush.
    pub fn whose(self, key: &str) -> Option<u32> {
        let number = u32::from_str_radix(key.get(..8)?, 16).ok()?;
        (self.key(number) == key).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_buyer_in_its_own_rush_only() {
        let (one, other) = (Buyers::new(1), Buyers::new(2));
        for number in [0, 1, 9_999_999] {
            let key = one.key(number);
            assert_eq!(key.len(), 36);
            assert_eq!(&key[14..15], "8");
            assert!(matches!(&key[19..20], "8" | "9" | "a" | "b"));
            assert_eq!(one.whose(&key), Some(number));
            assert_eq!(other.whose(&key), None);
        }
        assert_eq!(one.whose("not a key"), None);
        assert_eq!(one.whose(""), None);
    }
}
