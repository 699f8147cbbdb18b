//! The tables of `docs/evidence/MUTANTS.md`.

use super::Seen;
use super::lua::Mutant;
use super::reasons::{Reason, Reasons};
use super::rust::MutantOutcomes;
use crate::harness::paths::repository;
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

/// The table of scripts.
#[must_use]
pub fn scripts(found: &[(Mutant, Seen)]) -> String {
    let mut scripts = BTreeMap::<&str, [usize; 5]>::new();
    let mut all = [0; 5];
    for (mutant, seen) in found {
        let column = match seen {
            Seen::ByHistory => 1,
            Seen::ByPlay => 2,
            Seen::ByClock => 3,
            Seen::Never => 4,
        };
        for row in [scripts.entry(&mutant.script).or_default(), &mut all] {
            row[0] += 1;
            row[column] += 1;
        }
    }
    let mut text = String::from(
        "| script | mutants | seen by histories | by plays | by the clock | survive \
         |\n|---|---:|---:|---:|---:|---:|\n",
    );
    let rows = scripts.into_iter().map(|(script, row)| (format!("`{script}.lua`"), row));
    for (name, [mutants, histories, plays, clock, never]) in rows.chain([("all".to_owned(), all)]) {
        let _ =
            writeln!(text, "| {name} | {mutants} | {histories} | {plays} | {clock} | {never} |");
    }
    text
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
    let path = repository().join("docs/evidence/MUTANTS.md");
    let page = fs::read_to_string(&path).context("docs/evidence/MUTANTS.md")?;
    let (begin, end) = (format!("<!-- {section} -->\n"), format!("<!-- end of {section} -->"));
    let (before, rest) = page.split_once(&begin).context("the page lacks a mark")?;
    let (_, after) = rest.split_once(&end).context("the page lacks a mark")?;
    fs::write(&path, format!("{before}{begin}{text}{end}{after}"))
        .context("docs/evidence/MUTANTS.md")
}
