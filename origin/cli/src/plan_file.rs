//! File of a plan: TOML or JSON, or stdin.

use crate::failure::Failure;
use serde::de::DeserializeOwned;
use shared::limits::PLAN_BYTES_MAX;
use shared::plan::{Plan, PlanDocument, PlanErrors, PlanHead};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The plan in a file; `-` is stdin.
///
/// # Errors
/// The file cannot be read, or all that is wrong with its plan.
pub fn plan_of(file: &Path) -> Result<Plan, Failure> {
    let text = read(file, PLAN_BYTES_MAX)?;
    parse(file, &text).map_err(|errors| {
        let file = shown(file);
        let sentences = errors.sentences().into_iter().map(|error| format!("{file}: {error}"));
        Failure::input("invalid_plan", sentences.collect())
    })
}

/// The name of a file in a message.
pub(crate) fn shown(path: &Path) -> Cow<'_, str> {
    if is_stdin(path) { Cow::Borrowed("stdin") } else { path.to_string_lossy() }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The text of the file, or one byte more than `most`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read(path: &Path, most: usize) -> Result<String, Failure> {
    let shown = shown(path);
    let unreadable = |e: io::Error| Failure::runtime(format!("{shown} cannot be read: {e}"));
    let mut bytes = Vec::new();
    let bound = most as u64 + 1;
    let read = if is_stdin(path) {
        io::stdin().take(bound).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(bound).read_to_end(&mut bytes))
    };
    read.map_err(unreadable)?;
    if bytes.len() > most {
        // It may have been cut within a character.
        return Ok(String::from_utf8_lossy(&bytes).into_owned());
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::runtime(format!("{shown} cannot be read: it is no text in UTF-8")))
}

/// Reads TOML or JSON: by the name of the file, else by its first character.
fn parse(path: &Path, text: &str) -> Result<Plan, PlanErrors> {
    if is_json(path, text) {
        return Plan::from_json(text);
    }
    if text.len() > PLAN_BYTES_MAX {
        return Err(PlanErrors::too_long());
    }
    from_toml::<PlanHead>(text)?.check()?;
    from_toml::<PlanDocument>(text)?.compile()
}

/// Whether a file is JSON: by its name, else by its first character.
pub(crate) fn is_json(path: &Path, text: &str) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => true,
        Some("toml") => false,
        _ => text.trim_start().starts_with('{'),
    }
}

fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, PlanErrors> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let place = match before {
            Some(before) => {
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
                format!("line {line}, column {column}")
            }
            None => "plan".to_owned(),
        };
        PlanErrors::one(&place, error.message())
    })
}
