//! Ids and names in a plan: which may stand there.

use crate::limits::{PLAN_ID_MAX, PLAN_NAME_MAX};
use crate::plan::error::PlanErrors;
use std::collections::BTreeMap;

/// Ids of one list. Two that differ in case only are one to those who read them out.
#[derive(Debug, Default)]
pub(super) struct Ids<'a>(BTreeMap<String, (&'a str, String)>);

impl<'a> Ids<'a> {
    /// # Errors
    /// The id is there already; the sentence says where.
    pub(super) fn add(&mut self, id: &'a str, place: &str) -> Result<(), String> {
        let lower = id.to_ascii_lowercase();
        if let Some((other, at)) = self.0.get(&lower) {
            let how = if *other == id { "is also that of" } else { "differs in case only from" };
            return Err(format!("the id {id} {how} {at}: give it another one"));
        }
        self.0.insert(lower, (id, place.to_owned()));
        Ok(())
    }
}

const fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether this can be the id of a stop, a class or a quota. It can stand in an address then, where
/// `.`, `-` and `+` separate.
pub(crate) fn is_plan_id(text: &str) -> bool {
    (1..=PLAN_ID_MAX).contains(&text.len()) && text.bytes().all(is_id_byte)
}

/// Why `text` cannot be an id of a stop, a class or a quota, with one that can.
pub(super) fn id_problem(text: &str, kind: &str, n: usize) -> Option<String> {
    if is_plan_id(text) {
        return None;
    }
    let mut better = String::new();
    for c in text.chars() {
        if c.is_ascii() && is_id_byte(c as u8) {
            better.push(c);
        } else if !better.is_empty() && !better.ends_with('_') {
            better.push('_');
        }
    }
    better.truncate(PLAN_ID_MAX);
    let better = match better.trim_matches('_') {
        better if better.starts_with(|c: char| c.is_ascii_alphabetic()) => better.to_owned(),
        _ => format!("{kind}{n}"),
    };
    Some(format!(
        "{text:?} is no id: it stands in addresses and has 1 to {PLAN_ID_MAX} letters, digits and \
         _; write for example the id {better:?} and the name beside it"
    ))
}

/// Checks what people read.
pub(super) fn check_name(name: &str, place: &str, errors: &mut PlanErrors) {
    let fits = (1..=PLAN_NAME_MAX).contains(&name.len());
    if !fits || name.trim() != name || name.chars().any(char::is_control) {
        errors.push(
            place,
            format!("a name has 1 to {PLAN_NAME_MAX} bytes in one line, and no space at its ends"),
        );
    }
}
