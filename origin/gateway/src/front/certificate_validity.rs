//! The end of a certificate's validity, read from its DER (RFC 5280, section 4.1).
//!
//! rustls checks certificates of others and does not show the dates of its own. A parser of whole
//! certificates (`x509-parser`, `x509-cert`) would bring five to fifteen crates for one field of a
//! file that rustls has parsed before.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xA0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// `notAfter` in seconds of the Unix time; `None` where `der` is no certificate.
pub(super) fn not_after(der: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(der, SEQUENCE)?;
    let (_, mut fields, _) = element(certificate, SEQUENCE)?;
    if fields.first() == Some(&VERSION) {
        (_, _, fields) = element(fields, VERSION)?;
    }
    // Serial number, algorithm, issuer; then the validity.
    for _ in 0..3 {
        (_, _, fields) = any_element(fields)?;
    }
    let (_, validity, _) = element(fields, SEQUENCE)?;
    let (_, _, after) = any_element(validity)?;
    let (tag, text, _) = any_element(after)?;
    seconds(tag, str::from_utf8(text).ok()?)
}

/// The tag, the value and what follows of the first element of `der`.
fn any_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match short {
        0..=0x7F => (usize::from(short), rest),
        // The length of a certificate's part takes four bytes at most.
        0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(short & 0x7F))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

fn element(der: &[u8], wanted: u8) -> Option<(u8, &[u8], &[u8])> {
    any_element(der).filter(|(tag, ..)| *tag == wanted)
}

/// A time as certificates have it: `YYMMDDhhmmssZ` up to 2049, `YYYYMMDDhhmmssZ` after that.
fn seconds(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = digits.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let pairs: Option<Vec<i8>> = (0..5).map(|n| rest.get(2 * n..2 * n + 2)?.parse().ok()).collect();
    let [month, day, hour, minute, second] = pairs?.try_into().ok()?;
    let civil = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some(TimeZone::UTC.to_timestamp(civil).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds_are_read() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, "491231235959Z"), Some(2_524_607_999));
        assert_eq!(seconds(GENERALIZED_TIME, "20500101000000Z"), Some(2_524_608_000));
        for (tag, text) in [
            (UTC_TIME, "7001010000Z"),
            (UTC_TIME, "701301000000Z"),
            (UTC_TIME, "700101000000+01"),
            (GENERALIZED_TIME, "2050"),
            (0x02, "700101000000Z"),
        ] {
            assert_eq!(seconds(tag, text), None, "{text}");
        }
    }

    #[test]
    fn what_is_cut_or_no_certificate_has_no_date() {
        // A certificate with nothing but what stands before its validity: SEQUENCE { SEQUENCE {
        // INTEGER, SEQUENCE, SEQUENCE, SEQUENCE { UTCTime, UTCTime } } }.
        let mut validity = vec![SEQUENCE, 30];
        for text in ["700101000000Z", "710101000000Z"] {
            validity.extend([UTC_TIME, 13]);
            validity.extend(text.as_bytes());
        }
        let mut fields = vec![0x02, 1, 7, SEQUENCE, 0, SEQUENCE, 0];
        fields.extend(validity);
        let wrap = |inner: &[u8]| [&[SEQUENCE, 0x81, inner.len() as u8], inner].concat();
        let whole = wrap(&wrap(&fields));
        assert_eq!(not_after(&whole), Some(365 * 86_400));
        for cut in 0..whole.len() {
            assert_eq!(not_after(&whole[..cut]), None, "{cut}");
        }
        assert_eq!(not_after(&[SEQUENCE, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
