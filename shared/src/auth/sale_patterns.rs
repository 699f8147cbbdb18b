//! Sale patterns: which sales a scoped token is good for.

use crate::domain::ids::SaleId;
use crate::limits::{SALE_ID_MAX, SALE_PATTERNS_MAX, SALE_PATTERNS_TEXT_MAX};
use core::fmt;

/// Why a text is no list of patterns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// One of them has the wrong length or a character that it may not have.
    #[error(
        "a pattern of sales has 1 to {max} letters, digits, '-', '_' or '*', which stands for any \
         number of characters, such as spring-*",
        max = SALE_ID_MAX
    )]
    Characters,
    /// There are too many, or they are too long together.
    #[error(
        "a token has at most {SALE_PATTERNS_MAX} patterns of sales and {SALE_PATTERNS_TEXT_MAX} \
         characters in them"
    )]
    TooMany,
}

/// One to [`SALE_PATTERNS_MAX`] patterns, as they are written: `spring-*,autumn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SalePatterns(Box<str>);

impl SalePatterns {
    /// All sales.
    #[must_use]
    pub fn all() -> Self {
        Self("*".into())
    }

    /// Reads `spring-*,autumn`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let is_of_pattern = |b: u8| b.is_ascii_alphanumeric() || b"-_*".contains(&b);
        let patterns: Vec<&str> = text.split(',').map(str::trim).collect();
        for pattern in &patterns {
            if !(1..=SALE_ID_MAX).contains(&pattern.len()) || !pattern.bytes().all(is_of_pattern) {
                return Err(PatternError::Characters);
            }
        }
        let text = patterns.join(",");
        if patterns.len() > SALE_PATTERNS_MAX || text.len() > SALE_PATTERNS_TEXT_MAX {
            return Err(PatternError::TooMany);
        }
        Ok(Self(text.into()))
    }

    /// Whether `sale` is one of those that they name.
    #[must_use]
    pub fn include(&self, sale: &SaleId) -> bool {
        self.0.split(',').any(|pattern| fits(pattern.as_bytes(), sale.as_str().as_bytes()))
    }

    /// Whether they name every sale.
    #[must_use]
    pub fn are_all(&self) -> bool {
        self.0.split(',').any(|pattern| pattern.bytes().all(|b| b == b'*'))
    }
}

impl fmt::Display for SalePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` fits `pattern`. In at most the product of their lengths steps: only the last `*`
/// is ever tried again.
fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, t) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn include(patterns: &str, sale: &str) -> bool {
        SalePatterns::parse(patterns).unwrap().include(&SaleId::parse(sale).unwrap())
    }

    #[test]
    fn a_pattern_names_the_sales_that_fit_it_from_end_to_end() {
        for (patterns, sale) in [
            ("*", "a"),
            ("spring", "spring"),
            ("spring-*", "spring-"),
            ("spring-*", "spring-2027"),
            ("*-2027", "spring-2027"),
            ("s*-*7", "spring-2027"),
            ("autumn, spring-*", "spring-1"),
            ("*ab", "aab"),
            ("a**b", "ab"),
        ] {
            assert!(include(patterns, sale), "{patterns} {sale}");
        }
        for (patterns, sale) in [
            ("spring", "spring-1"),
            ("spring", "Spring"),
            ("pring", "spring"),
            ("spring-*", "spring"),
            ("*-2027", "spring-2027-b"),
            ("a*b*c", "acb"),
            ("autumn,winter", "aut"),
        ] {
            assert!(!include(patterns, sale), "{patterns} {sale}");
        }
        assert!(SalePatterns::parse("a,*").unwrap().are_all());
        assert!(!SalePatterns::parse("a*").unwrap().are_all());
    }

    #[test]
    fn what_is_no_list_of_patterns_is_refused() {
        for text in ["", "a,", "a b", "a.b", "[ab]", "é", &"x".repeat(SALE_ID_MAX + 1)] {
            assert_eq!(SalePatterns::parse(text), Err(PatternError::Characters), "{text}");
        }
        let many = ["a"; SALE_PATTERNS_MAX + 1].join(",");
        let long = [&*"x".repeat(SALE_ID_MAX); 5].join(",");
        for text in [many, long] {
            assert_eq!(SalePatterns::parse(&text), Err(PatternError::TooMany), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_its_parts_say(pattern in "[ab*]{1,8}", sale in "[ab]{1,8}") {
            // Written by trying every place of every star.
            fn slow(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|n| slow(rest, &text[n..])),
                    Some((b, rest)) => text.first() == Some(b) && slow(rest, &text[1..]),
                }
            }
            prop_assert_eq!(include(&pattern, &sale), slow(pattern.as_bytes(), sale.as_bytes()));
        }
    }
}
