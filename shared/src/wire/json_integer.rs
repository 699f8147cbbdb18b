//! Whole numbers in JSON. JSON has one kind of number, and some writers send `2.0` for 2: that is a whole number,
//! too (as JSON Schema has it), while `2.5` and `"2"` are none.

use core::fmt;
use core::marker::PhantomData;
use serde::Deserializer;
use serde::de::{Error, Unexpected, Visitor};

/// Reads a whole number, for `#[serde(deserialize_with)]`.
///
/// # Errors
/// It is not whole, or does not fit into `T`.
pub fn number<'de, D: Deserializer<'de>, T: TryFrom<i128>>(from: D) -> Result<T, D::Error> {
    from.deserialize_any(JsonInteger(PhantomData))
}

/// Reads one that may be null; absent is for `#[serde(default)]`.
///
/// # Errors
/// As [`number`].
pub fn number_or_null<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i128>,
{
    from.deserialize_option(OrNull(PhantomData))
}

/// Reads one that may be absent but not null, for `#[serde(default)]`.
///
/// # Errors
/// As [`number`].
pub fn given<'de, D: Deserializer<'de>, T: TryFrom<i128>>(from: D) -> Result<Option<T>, D::Error> {
    number(from).map(Some)
}

struct JsonInteger<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Visitor<'_> for JsonInteger<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number within its bounds")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<T, E> {
        let wrong = |_| E::invalid_value(Unexpected::Unsigned(value), &self);
        T::try_from(value.into()).map_err(wrong)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<T, E> {
        let wrong = |_| E::invalid_value(Unexpected::Signed(value), &self);
        T::try_from(value.into()).map_err(wrong)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<T, E> {
        let wrong = || E::invalid_value(Unexpected::Float(value), &self);
        if value.fract() != 0.0 || !value.is_finite() {
            return Err(wrong());
        }
        // What is beyond an i128 becomes its end, which fits nowhere either.
        T::try_from(value as i128).map_err(|_| wrong())
    }
}

struct OrNull<T>(PhantomData<T>);

impl<'de, T: TryFrom<i128>> Visitor<'de> for OrNull<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number or null")
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Option<T>, D::Error> {
        number(from).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: TryFrom<i128>>(json: &str) -> Result<Option<T>, String> {
        let mut from = serde_json::Deserializer::from_str(json);
        number_or_null(&mut from).map_err(|e| e.to_string())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        for json in ["264", "264.0", "2.64e2"] {
            assert_eq!(read::<u64>(json), Ok(Some(264)), "{json}");
        }
        assert_eq!(read::<i64>("-7.0"), Ok(Some(-7)));
        assert_eq!(read::<u32>("null"), Ok(None));
    }

    #[test]
    fn what_is_not_whole_or_does_not_fit_is_named() {
        for (json, word) in [
            ("2.5", "2.5"),
            ("-1", "-1"),
            ("4294967296", "4294967296"),
            ("1e300", "1e+300"),
            ("\"1\"", "string"),
            ("true", "boolean"),
        ] {
            let error = read::<u32>(json).unwrap_err();
            assert!(error.contains(word), "{json}: {error}");
        }
    }
}
