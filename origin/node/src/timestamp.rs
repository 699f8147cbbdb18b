//! RFC 3339 timestamps.

use core::fmt;
use shared::UnixMillis;

/// A moment in UTC: `2026-11-23T03:00:00.123Z` (RFC 3339).
#[derive(Clone, Copy, Debug)]
pub struct Rfc3339(pub UnixMillis);

impl fmt::Display for Rfc3339 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.0.0 / 1_000, self.0.0 % 1_000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (h, m, s) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

impl Rfc3339 {
    /// Reads a moment in UTC, with or without milliseconds; `None` for anything else and for days
    /// that the calendar does not have.
    #[must_use]
    pub fn parse(text: &str) -> Option<UnixMillis> {
        let whole = match text.len() {
            20 => format!("{}.000Z", text.strip_suffix('Z')?),
            24 => text.to_owned(),
            _ => return None,
        };
        let number = |from, to| whole.get(from..to)?.parse::<u64>().ok();
        let days = days(number(0, 4)?, number(5, 7)?, number(8, 10)?)?;
        let minutes = (days * 24 + number(11, 13)?) * 60 + number(14, 16)?;
        let at = UnixMillis((minutes * 60 + number(17, 19)?) * 1_000 + number(20, 23)?);
        // What reads back differently has signs, other separators, or a 30th of February.
        (Self(at).to_string() == whole).then_some(at)
    }
}

/// The inverse of [`civil`]: days from 1970-01-01 (Hinnant's `days_from_civil`).
const fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 {
        return None;
    }
    let (year, month_from_march) =
        if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    Some(era * 146_097 + of_era - 719_468)
}

/// Year, month and day of the day `days` after 1970-01-01 in the Gregorian calendar
/// (Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`).
const fn civil(days: u64) -> (u64, u64, u64) {
    // Counted from 0000-03-01, so that the leap day ends its year.
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let (month, carry) = match month_from_march {
        0..=9 => (month_from_march + 3, 0),
        _ => (month_from_march - 9, 1),
    };
    (era * 400 + year_of_era + carry, month, day)
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
        ] {
            assert_eq!(Rfc3339(UnixMillis(ms)).to_string(), text);
        }
    }

    #[test]
    fn each_day_of_five_centuries_reads_back() {
        for day in 0..180_000 {
            let at = UnixMillis(day * 86_400_000 + 12_345_678);
            assert_eq!(Rfc3339::parse(&Rfc3339(at).to_string()), Some(at));
        }
    }

    #[test]
    fn what_is_no_moment_is_not_guessed() {
        for text in [
            "2026-02-30T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:+1Z",
            "1969-12-31T23:59:59Z",
            "2026-01-01T00:00:00",
            "éééééééééé",
        ] {
            assert_eq!(Rfc3339::parse(text), None, "{text}");
        }
        let short = Rfc3339::parse("2000-02-29T00:00:00Z");
        assert_eq!(short, Some(UnixMillis(951_782_400_000)));
        let last = Rfc3339::parse("5138-11-16T09:46:39.999Z");
        assert_eq!(last, Some(UnixMillis::LAST));
    }
}
