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

    /// Holds what came out against what the document shows.
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
            for wanted in &block.shows {
                assert!(
                    output.iter().any(|line| matches(line, wanted)),
                    "{}: after\n{}\nno line has {wanted:?}:\n{}",
                    self.name,
                    block.code,
                    output.join("\n")
                );
            }
        }
    }
}

/// Whether the parts of `wanted` between its wildcards come in `line` in their order.
fn matches(line: &str, wanted: &str) -> bool {
    let mut rest = line;
    wanted.split(ANY).all(|part| {
        let found = rest.find(part);
        if let Some(at) = found {
            rest = &rest[at + part.len()..];
        }
        found.is_some()
    })
}

#[test]
fn what_a_block_shows_is_looked_for_piece_by_piece() {
    assert!(matches("a 1 b 2", "a…b"));
    assert!(!matches("b 2 a", "a…b"));
    assert!(!matches("a", "b"));
}
