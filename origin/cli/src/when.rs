//! Parsers for points in time and durations as operators write them.

use jiff::SpanRelativeTo;
use lastseat_node::timestamp::Rfc3339;
use shared::UnixMillis;
use std::str::FromStr;

/// A duration in milliseconds: `90s`, `10m`, `1h30m`, `1d` or `500ms`. A number needs its unit:
/// whether `10` means seconds or milliseconds cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span(pub u64);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<u64>();
        if let Ok(number @ 1..) = number {
            return Err(format!("{number} has no unit: write {number}s or {number}ms"));
        }
        let ms = number.ok().or_else(|| {
            let days_are_24_hours = SpanRelativeTo::days_are_24_hours();
            let span = text.parse::<jiff::Span>().ok()?.to_duration(days_are_24_hours).ok()?;
            let whole = span.subsec_nanos() % 1_000_000 == 0;
            u64::try_from(span.as_millis()).ok().filter(|_| whole)
        });
        let wrong = || format!("write 90s, 10m, 1h30m, 1d or 500ms, not {text:?}");
        ms.map(Self).ok_or_else(wrong)
    }
}

/// A moment: `2026-11-23T10:00:00Z`, with another offset or a time zone, Unix milliseconds, or
/// `+90s` from now.
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
            Ok(ms) => Ok(UnixMillis(ms)),
            Err(_) => text.parse().map(|Rfc3339(at)| at),
        };
        let at = at.and_then(|at| match at {
            at if at > UnixMillis::LAST => {
                Err(format!("it is after {}", Rfc3339(UnixMillis::LAST)))
            }
            at => Ok(Self::At(at)),
        });
        at.map_err(|why| {
            format!(
                "write 2026-11-23T10:00:00Z, 2026-11-23T11:00+01:00 or \
                 2026-11-23T11:00[Europe/Berlin], Unix milliseconds, or +10m from now, not \
                 {text:?}: {why}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        for (text, ms) in [("90s", 90_000), ("10m", 600_000), ("2h", 7_200_000), ("0", 0)] {
            assert_eq!(text.parse(), Ok(Span(ms)), "{text}");
        }
        assert_eq!("1d".parse(), Ok(Span(86_400_000)));
        assert_eq!("250ms".parse(), Ok(Span(250)));
        for (text, ms) in [("1h30m", 5_400_000), ("1.5h", 5_400_000), ("1d 2h", 93_600_000)] {
            assert_eq!(text.parse(), Ok(Span(ms)), "{text}");
        }
        assert!("10".parse::<Span>().unwrap_err().contains("10s or 10ms"));
        for text in ["", "s", "-1s", "1h ago", "10x", "1us", "1mo", "99999999999999999d", "é"] {
            assert!(text.parse::<Span>().unwrap_err().contains("10m"), "{text}");
        }
    }

    #[test]
    fn a_moment_is_a_date_a_number_or_a_time_from_now() {
        let now = UnixMillis(1_000);
        for (text, ms) in [
            ("+90s", 91_000),
            ("+0", 1_000),
            ("1795428000000", 1_795_428_000_000),
            ("2026-11-23T10:00:00Z", 1_795_428_000_000),
            ("2026-11-23T11:00:00+01:00", 1_795_428_000_000),
            ("2026-11-23T11:00[Europe/Berlin]", 1_795_428_000_000),
            ("+1h30m", 5_401_000),
            ("0", 0),
        ] {
            let moment: MomentArg = text.parse().unwrap();
            assert_eq!(moment.from(now), UnixMillis(ms), "{text}");
        }
        for text in ["", "+", "+-5s", "-5", "tomorrow", "2026-11-23", "2026-11-23T10:00:00"] {
            let said = text.parse::<MomentArg>().unwrap_err();
            assert!(said.contains("10m"), "{text}: {said}");
        }
        let said = "2026-11-23T10:00[Berlin]".parse::<MomentArg>().unwrap_err();
        assert!(said.contains("find time zone `Berlin`"), "{said}");
        for text in ["18446744073709551615", "9000-01-01T00:00:00Z"] {
            let said = text.parse::<MomentArg>().unwrap_err();
            assert!(said.ends_with("it is after 5138-11-16T09:46:39.999Z"), "{said}");
        }
    }
}
