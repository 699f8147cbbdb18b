//! File of event details, what a sale sells in words: TOML or JSON, or stdin.

use crate::failure::Failure;
use crate::plan_file;
use lastseat_node::api::event_details;
use lastseat_node::timestamp::Rfc3339;
use serde_json::{Value, json};
use shared::limits::EVENT_BYTES_MAX;
use std::path::Path;

/// Bytes of a file: twice what is kept of it, for comments and spaces.
const FILE_MAX: usize = 4 * EVENT_BYTES_MAX;

/// The document in a file, checked, with its moment as the API writes it; `-` is stdin, and an
/// empty name stands for the empty document.
///
/// # Errors
/// The file cannot be read, or what is wrong with it.
pub fn document_of(file: &Path) -> Result<Value, Failure> {
    if file.as_os_str().is_empty() {
        return Ok(json!({}));
    }
    let text = plan_file::read(file, FILE_MAX)?;
    let shown = plan_file::shown(file);
    let wrong = |what: String| Failure::input("invalid_event", vec![format!("{shown}: {what}")]);
    if text.len() > FILE_MAX {
        return Err(wrong(format!("it has more than {FILE_MAX} bytes")));
    }
    let document = parse(file, &text).and_then(with_moment).map_err(wrong)?;
    event_details::read(&document).map_err(|problem| wrong(problem.detail))?;
    Ok(document)
}

fn parse(file: &Path, text: &str) -> Result<Value, String> {
    if plan_file::is_json(file, text) {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    let mut table: toml::Table = toml::from_str(text).map_err(|error| error.to_string())?;
    // TOML has moments of its own, which JSON has not.
    let starts_at = match table.remove("starts_at") {
        Some(toml::Value::Datetime(at)) => Some(toml::Value::String(at.to_string())),
        other => other,
    };
    table.extend(starts_at.map(|at| ("starts_at".to_owned(), at)));
    serde_json::to_value(table).map_err(|error| error.to_string())
}

/// The document with `starts_at` in Unix milliseconds: a time without an offset is one of `zone`.
fn with_moment(mut document: Value) -> Result<Value, String> {
    let Some(at) = document.get("starts_at").and_then(Value::as_str) else {
        return Ok(document);
    };
    let zone = document.get("zone").and_then(Value::as_str).unwrap_or_default();
    let local = at.replacen(' ', "T", 1);
    let read = local.parse::<Rfc3339>().or_else(|why| match zone {
        "" => Err(why),
        zone => format!("{local}[{zone}]").parse(),
    });
    let Rfc3339(moment) = read.map_err(|why| {
        format!(
            "\"starts_at\" is {at:?}: write 2026-11-27T19:30 with zone = \"Europe/Berlin\", or \
             2026-11-27T18:30:00Z: {why}"
        )
    })?;
    document["starts_at"] = json!(moment.0);
    Ok(document)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Value, String> {
        parse(Path::new(name), text).and_then(with_moment)
    }

    #[test]
    fn a_time_without_an_offset_is_one_of_the_zone() {
        let at = 1_795_804_200_000_u64;
        for text in [
            "title = \"A\"\nstarts_at = 2026-11-27T19:30:00\nzone = \"Europe/Berlin\"",
            "title = \"A\"\nstarts_at = \"2026-11-27 19:30\"\nzone = \"Europe/Berlin\"",
            "title = \"A\"\nstarts_at = 2026-11-27T18:30:00Z\nzone = \"Europe/Berlin\"",
            "title = \"A\"\nstarts_at = 1795804200000\nzone = \"Europe/Berlin\"",
            r#"{"title": "A", "starts_at": "2026-11-27T19:30", "zone": "Europe/Berlin"}"#,
        ] {
            let document = read("event", text).unwrap();
            assert_eq!(document["starts_at"], json!(at), "{text}");
            assert_eq!(document["zone"], "Europe/Berlin");
        }
        let prices = read("a.toml", "title = \"A\"\n[prices]\nstalls = \"EUR 40\"").unwrap();
        assert_eq!(prices, json!({"title": "A", "prices": {"stalls": "EUR 40"}}));
    }

    #[test]
    fn a_file_that_is_wrong_says_where() {
        for (name, text, told) in [
            ("a.toml", "title = ", "line 1"),
            ("a.json", "{", "EOF"),
            ("a.toml", "starts_at = \"2026-11-27T19:30\"", "zone = "),
            ("a.toml", "starts_at = \"tomorrow\"\nzone = \"Europe/Berlin\"", "tomorrow"),
            ("a.toml", "starts_at = 2026-11-27T19:30:00\nzone = \"Berlin\"", "Berlin"),
        ] {
            let error = read(name, text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
