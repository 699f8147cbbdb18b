//! The tables of `docs/evidence/MUTANTS.md`.

use super::Seen;
use super::lua::Mutant;
use super::reasons::{Reason, Reasons};
use super::rust::MutantOutcomes;
use crate::harness::paths::repository;
use anyhow::{Context, Result};
use std::array;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

/// The table of scripts: those that were tried, and of others what the page has.
///
/// # Errors
/// The page cannot be read.
pub fn scripts(found: &[(Mutant, Seen)]) -> Result<String> {
    let mut scripts = BTreeMap::<String, [usize; 5]>::new();
    for (mutant, seen) in found {
        let column = match seen {
            Seen::ByHistory => 1,
            Seen::ByPlay => 2,
            Seen::ByClock => 3,
            Seen::Never => 4,
        };
        let row = scripts.entry(mutant.script.clone()).or_default();
        row[0] += 1;
        row[column] += 1;
    }
    let names = super::names()?;
    for (script, row) in read()?.lines().filter_map(row_of) {
        if names.contains(&script) {
            scripts.entry(script).or_insert(row);
        }
    }
    let mut text = String::from(
        "| script | mutants | seen by histories | by plays | by the clock | survive \
         |\n|---|---:|---:|---:|---:|---:|\n",
    );
    let all = scripts.values().fold([0; 5], |all, row| array::from_fn(|i| all[i] + row[i]));
    let rows = scripts.into_iter().map(|(script, row)| (format!("`{script}.lua`"), row));
    for (name, [mutants, histories, plays, clock, never]) in rows.chain([("all".to_owned(), all)]) {
        let _ =
            writeln!(text, "| {name} | {mutants} | {histories} | {plays} | {clock} | {never} |");
    }
    Ok(text)
}

/// A row of the table of scripts.
fn row_of(line: &str) -> Option<(String, [usize; 5])> {
    let (script, rest) = line.strip_prefix("| `")?.split_once(".lua` | ")?;
    let numbers = rest.trim_end_matches(" |").split(" | ").map(|number| number.parse().ok());
    let numbers: Vec<usize> = numbers.collect::<Option<_>>()?;
    Some((script.to_owned(), numbers.try_into().ok()?))
}

/// The table of files.
#[must_use]
pub fn files(found: &MutantOutcomes) -> String {
    let mut text = String::from(
        "| file | mutants | seen | do not compile | survive |\n|---|---:|---:|---:|---:|\n",
    );
    for (file, count) in found.files() {
        let never = count.mutants - count.seen - count.unviable;
        let _ = writeln!(
            text,
            "| `{file}` | {} | {} | {} | {never} |",
            count.mutants, count.seen, count.unviable
        );
    }
    text
}

/// The survivors with their reasons; those without are at the end.
#[must_use]
pub fn survivors(group: &[Reason], survivors: &[String]) -> String {
    let mut text = String::from("\n| mutant | kind | why no test sees it |\n|---|---|---|\n");
    let known = Reasons::by_mutant(group);
    for reason in group {
        let own = |id: &&String| survivors.contains(id);
        let ids: Vec<String> = reason.mutants.iter().filter(own).map(|id| code(id)).collect();
        if !ids.is_empty() {
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                ids.join("<br>"),
                reason.kind.word(),
                reason.reason
            );
        }
    }
    for id in survivors.iter().filter(|id| !known.contains_key(id.as_str())) {
        let _ = writeln!(text, "| {} | | **unexplained** |", code(id));
    }
    text
}

/// Code in a cell of a table.
fn code(id: &str) -> String {
    format!("`{}`", id.replace('|', "\\|"))
}

/// Puts `text` between the marks `section` of the page.
///
/// # Errors
/// The page cannot be read or written, or lacks the marks.
pub fn put(section: &str, text: &str) -> Result<()> {
    let page = read()?;
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- end of {section} -->"));
    let (before, rest) = page.split_once(&begin).context("the page lacks a mark")?;
    let (_, after) = rest.split_once(&end).context("the page lacks a mark")?;
    fs::write(path(), format!("{before}{begin}{text}{end}{after}")).context(PAGE)
}

const PAGE: &str = "docs/evidence/MUTANTS.md";

fn path() -> PathBuf {
    repository().join(PAGE)
}

fn read() -> Result<String> {
    fs::read_to_string(path()).context(PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_the_table_is_read_as_it_is_written() {
        let line = "| `seats.lua` | 9 | 1 | 2 | 3 | 3 |";
        assert_eq!(row_of(line), Some(("seats".to_owned(), [9, 1, 2, 3, 3])));
        for other in ["| all | 9 | 1 | 2 | 3 | 3 |", "| `seats.lua` | 9 |", "|---|---:|"] {
            assert_eq!(row_of(other), None);
        }
    }
}
