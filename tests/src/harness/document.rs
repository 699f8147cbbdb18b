//! A document whose marked blocks are run as one script, and what they must show.

use super::paths::repository;
use std::fs;

/// Begins the line that tells the output of one block from that of the next.
const MARK: &str = "@@@ block ";
/// Stands for any text in what a block shows.
const ANY: char = '…';

/// A block that is run, and lines that its output must have.
#[derive(Debug)]
struct Block {
    code: String,
    shows: Vec<String>,
}

/// The blocks of a document, in order.
#[derive(Debug)]
pub struct Document {
    name: String,
    blocks: Vec<Block>,
}

impl Document {
    /// Reads it.
    ///
    /// # Panics
    /// There is none, or nothing in it is to be run.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let text = fs::read_to_string(repository().join(name));
        let text = text.unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut blocks: Vec<Block> = Vec::new();
        for (place, part) in text.split("```").enumerate() {
            let Some((kind, content)) = part.split_once('\n').filter(|_| place % 2 == 1) else {
                continue;
            };
            match kind {
                "sh run" => blocks.push(Block { code: content.to_owned(), shows: Vec::new() }),
                "text shows" => {
                    let block = blocks.last_mut();
                    let block = block.unwrap_or_else(|| panic!("{name} shows before it runs"));
                    block.shows.extend(content.lines().map(str::to_owned));
                }
                _ => {}
            }
        }
        assert!(!blocks.is_empty(), "{name} has no block marked `sh run`");
        Self { name: name.to_owned(), blocks }
    }

    /// All of it as one script, with the addresses of a cluster in place of those that the document
    /// names.
    #[must_use]
    pub fn script(&self, places: &[(&str, String)]) -> String {
        let mut script = "set -euo pipefail\nexec 2>&1\n".to_owned();
        for (number, block) in self.blocks.iter().enumerate() {
            let mut code = block.code.clone();
            for (from, to) in places {
                code = code.replace(from, to);
            }
            // An answer of curl ends without a new line.
            script.push_str(&format!("echo; echo '{MARK}{number}'\n{code}"));
        }
        script
    }

    /// Holds what came out against what the document shows: each line of a block in another line
    /// of its output, in their order.
    ///
    /// # Panics
    /// A line is missing.
    pub fn compare(&self, lines: &[String]) {
        let mut outputs = vec![Vec::new(); self.blocks.len()];
        let mut block = 0;
        for line in lines {
            match line.strip_prefix(MARK) {
                Some(number) => block = number.parse().expect("a number"),
                None => outputs[block].push(line.as_str()),
            }
        }
        for (block, output) in self.blocks.iter().zip(outputs) {
            if let Some(wanted) = missing(&output, &block.shows) {
                panic!(
                    "{}: after\n{}\nno line has {wanted:?}, or only one before the others:\n{}",
                    self.name,
                    block.code,
                    output.join("\n")
                );
            }
        }
    }
}

/// The first line of `shows` that none of `output` has, behind those of the lines before it.
fn missing<'a>(output: &[&str], shows: &'a [String]) -> Option<&'a String> {
    let mut rest = output.iter();
    shows.iter().find(|wanted| !rest.any(|line| matches(line, wanted)))
}

/// Whether the parts of `wanted` between its wildcards come in `line` in their order. A part begins
/// and ends with whole words and numbers, but for a wildcard that begins or ends the line: a page
/// that shows `ok` or `15` does not mean `token` or `150`.
fn matches(line: &str, wanted: &str) -> bool {
    let parts: Vec<&str> = wanted.split(ANY).collect();
    let last = parts.len() - 1;
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut from = 0;
    parts.iter().enumerate().all(|(place, part)| {
        let whole = |at: usize| {
            let cut_before =
                is_word(line[..at].chars().next_back()) && is_word(part.chars().next());
            let after = &line[at + part.len()..];
            let cut_after = is_word(after.chars().next()) && is_word(part.chars().next_back());
            let begins_open = place == 1 && parts[0].is_empty();
            let ends_open = place + 1 == last && parts[last].is_empty();
            (begins_open || !cut_before) && (ends_open || !cut_after)
        };
        let found = line[from..].match_indices(part).map(|(at, _)| from + at).find(|at| whole(*at));
        from = found.map_or(from, |at| at + part.len());
        found.is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_block_shows_is_looked_for_piece_by_piece() {
        assert!(matches("a 1 b 2", "a…b"));
        assert!(!matches("b 2 a", "a…b"));
        assert!(!matches("a", "b"));
    }

    #[test]
    fn a_page_that_shows_a_part_of_a_word_or_another_number_is_wrong() {
        for (line, shown) in [
            ("the token", "ok"),
            ("ok, 150 places", "15"),
            (r#""seats":["4-11A"]"#, "4-1"),
            ("held 140", "held…14"),
            ("held 114", "held…14"),
            ("withheld 14", "held…14"),
        ] {
            assert!(!matches(line, shown), "{shown} in {line}");
        }
        for (line, shown) in [
            ("ok", "ok"),
            ("held            14", "held…14"),
            ("Idempotency-Replayed: true", "…dempotency-…"),
            ("HTTP/2 201 Created", "HTTP/2 201…"),
            (r#"{"seats":["4-1A"]}"#, r#""seats":["4-1A"]"#),
        ] {
            assert!(matches(line, shown), "{shown} in {line}");
        }
    }

    #[test]
    fn lines_come_in_the_order_in_which_a_page_shows_them_and_each_is_another_one() {
        let shows = ["held…14", "confirmed…15"].map(str::to_owned);
        assert_eq!(missing(&["held 14", "rest", "confirmed 15"], &shows), None);
        assert_eq!(missing(&["confirmed 15", "held 14"], &shows), Some(&shows[1]));
        assert_eq!(missing(&["held 14, confirmed 15"], &shows), Some(&shows[1]));
        assert_eq!(missing(&["held 14"], &shows), Some(&shows[1]));
        assert_eq!(missing(&[], &[]), None);
    }
}
