//! Parsers for points in time and durations as operators write them.
//!
//! Their own few lines rather than a crate: the forms are three, and `timestamp.rs` has the
//! calendar already.

use lastseat_node::timestamp::Rfc3339;
use shared::UnixMillis;
use std::str::FromStr;

/// Units of a duration, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A duration in milliseconds: `90s`, `10m`, `2h`, `1d`, `500ms` or `500`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("write 90s, 10m, 2h, 1d or milliseconds, not {text:?}");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let unit = if unit.is_empty() { "ms" } else { unit };
        let (_, ms) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(*ms).map(Self).ok_or_else(wrong)
    }
}

/// A moment: `2026-11-23T10:00:00Z`, Unix milliseconds, or `+90s` from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MomentArg {
    /// This one.
    At(UnixMillis),
    /// So many milliseconds from now.
    In(u64),
}

impl MomentArg {
    /// The moment, when it is `now`.
    #[must_use]
    pub const fn from(self, now: UnixMillis) -> UnixMillis {
        match self {
            Self::At(at) => at,
            Self::In(ms) => now.plus(ms),
        }
    }
}

impl FromStr for MomentArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(later) = text.strip_prefix('+') {
            return later.parse().map(|Span(ms)| Self::In(ms));
        }
        let at = match text.parse() {
            Ok(ms) => Some(UnixMillis(ms)),
            Err(_) => Rfc3339::parse(text),
        };
        at.filter(|at| *at <= UnixMillis::LAST).map(Self::At).ok_or_else(|| {
            format!(
                "write 2026-11-23T10:00:00Z (UTC, ends with Z), Unix milliseconds, or +10m from \
                 now, not {text:?}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_in_milliseconds() {
        for (text, ms) in [("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Span(ms)), "{text}");
        }
        assert_eq!("1d".parse(), Ok(Span(86_400_000)));
        assert_eq!("250ms".parse(), Ok(Span(250)));
        for text in ["", "s", "-1s", "1.5h", "10 m", "10x", "99999999999999999d", "é"] {
            assert!(text.parse::<Span>().unwrap_err().contains("10m"), "{text}");
        }
    }

    #[test]
    fn a_moment_is_given_in_three_ways() {
        let now = UnixMillis(1_000);
        for (text, ms) in [
            ("+90s", 91_000),
            ("+0", 1_000),
            ("1795428000000", 1_795_428_000_000),
            ("2026-11-23T10:00:00Z", 1_795_428_000_000),
            ("0", 0),
        ] {
            let moment: MomentArg = text.parse().unwrap();
            assert_eq!(moment.from(now), UnixMillis(ms), "{text}");
        }
        for text in ["", "+", "-5", "tomorrow", "2026-11-23", "2026-11-23T10:00:00+01:00"] {
            assert!(text.parse::<MomentArg>().is_err(), "{text}");
        }
        assert!("18446744073709551615".parse::<MomentArg>().is_err());
    }
}
