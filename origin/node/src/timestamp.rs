//! RFC 3339 timestamps.

use core::fmt;
use core::str::FromStr;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimeParser;
use jiff::tz::Disambiguation;
use shared::UnixMillis;

/// A moment that a clock shows twice or never is an error: nobody can know which one is meant.
const PARSER: DateTimeParser = DateTimeParser::new().disambiguation(Disambiguation::Reject);

/// A moment in UTC: `2026-11-23T03:00:00.123Z` (RFC 3339).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rfc3339(pub UnixMillis);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0.0;
        let at = i64::try_from(ms).map(Timestamp::from_millisecond);
        match at {
            Ok(Ok(at)) => write!(f, "{at:.3}"),
            // Only damaged data names a year after 9999.
            _ => write!(f, "{ms} ms"),
        }
    }
}

/// Reads a moment with `Z`, with an offset (`2026-11-23T04:00+01:00`) or with a time zone
/// (`2026-11-23T04:00[Europe/Berlin]`, RFC 9557).
impl FromStr for Rfc3339 {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = if text.ends_with(']') {
            PARSER.parse_zoned_datetime(text).map(|at| at.timestamp())
        } else {
            PARSER.parse_timestamp(text)
        };
        let ms = at.map_err(|e| e.to_string())?.as_millisecond();
        let ms = u64::try_from(ms).map_err(|_| "it is before 1970".to_owned())?;
        Ok(Self(UnixMillis(ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_as_the_calendar_says() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
            (1_763_862_000_123, "2025-11-23T01:40:00.123Z"),
            (4_102_444_800_000, "2100-01-01T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (UnixMillis::LAST.0, "5138-11-16T09:46:39.999Z"),
        ] {
            let moment = Rfc3339(UnixMillis(ms));
            assert_eq!(moment.to_string(), text);
            assert_eq!(text.parse(), Ok(moment));
        }
        assert_eq!(Rfc3339(UnixMillis(u64::MAX)).to_string(), "18446744073709551615 ms");
    }

    #[test]
    fn a_moment_may_have_an_offset_or_a_time_zone() {
        for text in [
            "2026-11-23T03:00:00Z",
            "2026-11-23T04:00:00+01:00",
            "2026-11-23T04:00[Europe/Berlin]",
            "2026-11-22T22:00:00-05:00[America/New_York]",
        ] {
            assert_eq!(text.parse(), Ok(Rfc3339(UnixMillis(1_795_402_800_000))), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_not_guessed() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:+1Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "éééééééééé",
            // An offset that this zone does not have then, and a zone that nobody knows.
            "2026-11-23T04:00+05:00[Europe/Berlin]",
            "2026-11-23T04:00[Europe/Berlinn]",
            // The clocks of Berlin never show this, and this twice.
            "2026-03-29T02:30[Europe/Berlin]",
            "2026-10-25T02:30[Europe/Berlin]",
        ] {
            assert!(text.parse::<Rfc3339>().is_err(), "{text}");
        }
    }
}
