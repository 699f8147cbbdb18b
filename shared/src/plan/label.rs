//! Labels of rows and seats, and the notation for several of them: `1-18`, `A-H, J-M`, `21-1/2`.

use crate::limits::SEAT_LABEL_MAX;
use core::fmt;

/// The label of a row, or of a seat in its row: 1 to 8 ASCII letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeatLabel([u8; SEAT_LABEL_MAX]);

impl SeatLabel {
    /// Checks length and characters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; SEAT_LABEL_MAX];
        let fits = (1..=SEAT_LABEL_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return None;
        }
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(SEAT_LABEL_MAX);
        core::str::from_utf8(&self.0[..end]).unwrap_or_default()
    }
}

impl fmt::Display for SeatLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SeatLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A word that counts: a letter, or digits after letters that stay the same.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Counting<'a> {
    prefix: &'a str,
    value: u32,
    /// How many digits it has; 0 = it is one letter.
    digits: usize,
    is_padded: bool,
}

impl<'a> Counting<'a> {
    fn parse(word: &'a str) -> Option<Self> {
        if let [letter] = word.as_bytes()
            && letter.is_ascii_alphabetic()
        {
            let value = u32::from(*letter);
            return Some(Self { prefix: "", value, digits: 0, is_padded: false });
        }
        let prefix = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = &word[prefix.len()..];
        let value = (number.len() <= 9).then(|| number.parse().ok())??;
        let is_padded = number.len() > 1 && number.starts_with('0');
        Some(Self { prefix, value, digits: number.len(), is_padded })
    }

    /// Whether a range can go from this one to `other`.
    fn leads_to(&self, other: &Self) -> bool {
        match (self.digits, other.digits) {
            (0, 0) => (self.value ^ other.value) & 0x20 == 0,
            (0, _) | (_, 0) => false,
            (a, b) => {
                self.prefix == other.prefix && (a == b || !(self.is_padded || other.is_padded))
            }
        }
    }

    /// The word for `value` in a range that has these ends.
    fn word(&self, end: &Self, value: u32) -> String {
        match self.digits {
            0 => char::from(u8::try_from(value).unwrap_or_default()).to_string(),
            digits if self.is_padded || end.is_padded => {
                format!("{}{value:0digits$}", self.prefix)
            }
            _ => format!("{}{value}", self.prefix),
        }
    }
}

/// Takes a list apart: words with commas between them, each one or a range of several.
///
/// # Errors
/// A phrase that names the word that is none, or says that there are more than `max`.
pub(super) fn expand(list: &str, max: usize) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for word in list.split(',').map(str::trim) {
        if word.is_empty() {
            return Err(format!("{list:?} lacks something before or after a comma"));
        }
        if word.contains(['-', '/']) {
            let room = max.saturating_sub(found.len());
            found.extend(range(word, room)?.ok_or_else(|| too_many(list, max))?);
        } else {
            found.push(word.to_owned());
        }
        if found.len() > max {
            return Err(too_many(list, max));
        }
    }
    Ok(found)
}

fn too_many(list: &str, max: usize) -> String {
    format!("{list:?} is more than {max}")
}

/// The words of a range; none if there are more than `room`.
fn range(text: &str, room: usize) -> Result<Option<Vec<String>>, String> {
    let wrong = || {
        format!(
            "{text:?} is no range: it goes from number to number, \"1-18\", \"01-16\" or \
             \"N1-N12\", or from letter to letter, \"A-M\"; every second one is \"1-21/2\""
        )
    };
    let (ends, step) = text.split_once('/').unwrap_or((text, "1"));
    let step: u32 = step.trim().parse().ok().filter(|step| *step > 0).ok_or_else(wrong)?;
    let (first, last) = ends.split_once('-').ok_or_else(wrong)?;
    let ends = [first, last].map(|end| Counting::parse(end.trim()));
    let [Some(first), Some(last)] = ends else {
        return Err(wrong());
    };
    if !first.leads_to(&last) {
        return Err(wrong());
    }
    let steps = first.value.abs_diff(last.value) / step;
    if steps as usize >= room {
        return Ok(None);
    }
    let value = |n: u32| {
        let way = n * step;
        if last.value < first.value { first.value - way } else { first.value + way }
    };
    Ok(Some((0..=steps).map(|n| first.word(&last, value(n))).collect()))
}

/// The list that [`expand`] takes apart to `words`: from the left, the longest range that begins at
/// a word. The same words make the same list.
pub(super) fn compress(words: &[&str]) -> String {
    let mut list = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let (length, step) = range_at(&words[at..]);
        if length >= 3 || (length == 2 && step == 1) {
            let every = if step == 1 { String::new() } else { format!("/{step}") };
            list.push(format!("{word}-{}{every}", words[at + length - 1]));
            at += length;
        } else {
            list.push((*word).to_owned());
            at += 1;
        }
    }
    list.join(",")
}

/// How many of `words`, from the first, are one range, and its step.
fn range_at(words: &[&str]) -> (usize, u32) {
    let mut counting = words.iter().map_while(|word| Counting::parse(word));
    let (Some(first), Some(second)) = (counting.next(), counting.next()) else {
        return (1, 1);
    };
    let difference = |from: &Counting, to: &Counting| i64::from(to.value) - i64::from(from.value);
    let step = difference(&first, &second);
    if step == 0 || !first.leads_to(&second) {
        return (1, 1);
    }
    let mut padded = first.is_padded || second.is_padded;
    let (mut length, mut last) = (2, second);
    for next in counting {
        padded |= next.is_padded;
        let fits = difference(&last, &next) == step
            && last.leads_to(&next)
            && (!padded || next.digits == first.digits);
        if !fits {
            break;
        }
        (length, last) = (length + 1, next);
    }
    (length, u32::try_from(step.unsigned_abs()).unwrap_or(1))
}
