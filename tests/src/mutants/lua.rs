//! Every single-place mutation of a Lua script.

use std::collections::HashMap;
use std::ops::Range;

/// A script with one place changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// The script, without `.lua`.
    pub script: String,
    /// What names it for ever, as long as its line stays: the script, the line, and in it
    /// `«old → new»`.
    pub id: String,
    /// What is replaced, in bytes of the script ...
    pub range: Range<usize>,
    /// ... and by what.
    pub with: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Number,
    Text,
    Sign,
}

#[derive(Clone, Debug)]
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    at: usize,
}

impl Token<'_> {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// Whether an expression may end here, so that a sign after it takes two.
    fn ends_expression(&self) -> bool {
        match self.kind {
            Kind::Number | Kind::Text => true,
            Kind::Name => {
                !["return", "and", "or", "not", "if", "elseif", "while"].contains(&self.text)
            }
            Kind::Sign => [")", "]", "}"].contains(&self.text),
        }
    }
}

/// What may stand in the place of an operator or a word.
fn others(text: &str) -> &'static [&'static str] {
    match text {
        "<=" => &["<", ">"],
        "<" => &["<=", ">="],
        ">=" => &[">", "<"],
        ">" => &[">=", "<="],
        "==" => &["~="],
        "~=" => &["=="],
        "+" => &["-"],
        "and" => &["or"],
        "or" => &["and"],
        "true" => &["false"],
        "false" => &["true"],
        "min" => &["max"],
        "max" => &["min"],
        _ => &[],
    }
}

/// All mutants of `text`, the script `script`, in the order of their places.
#[must_use]
pub fn mutants(script: &str, text: &str) -> Vec<Mutant> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let two_sided = index > 0 && tokens[index - 1].ends_expression();
        match token.kind {
            Kind::Number => {
                let number: i64 = token.text.parse().unwrap_or(0);
                for other in [number + 1, number - 1] {
                    found.push((token.range(), other.to_string()));
                }
            }
            Kind::Text => {
                if let Some(other) = next_letter(&tokens, token.text) {
                    found.push((token.range(), format!("'{other}'")));
                }
            }
            Kind::Sign if token.text == "-" => {
                found.push((token.range(), if two_sided { "+" } else { "" }.to_owned()));
            }
            Kind::Name if token.text == "not" => {
                found.push((token.at..token.at + "not ".len(), String::new()));
            }
            _ => {
                let each = others(token.text).iter();
                found.extend(each.map(|other| (token.range(), (*other).to_owned())));
            }
        }
    }
    found.extend(statements(text, &tokens).map(|range| (range, String::new())));
    found.sort_by_key(|(range, _)| (range.start, range.end));
    named(script, text, found)
}

fn named(script: &str, text: &str, found: Vec<(Range<usize>, String)>) -> Vec<Mutant> {
    let mut seen = HashMap::<String, u32>::new();
    let name = |(range, with): (Range<usize>, String)| {
        let start = text[..range.start].rfind('\n').map_or(0, |end| end + 1);
        let end = text[range.start..].find('\n').map_or(text.len(), |length| range.start + length);
        let change = if range.end <= end && range.start > start + indent(&text[start..end]) {
            let old = text[range.clone()].trim_end();
            let before = text[start..range.start].trim_start();
            format!("{before}«{old} → {with}»{}", &text[range.end..end])
        } else {
            format!("«gone» {}", text[start..end].trim())
        };
        let mut id = format!("{script}: {change}");
        let times = seen.entry(id.clone()).or_default();
        *times += 1;
        if *times > 1 {
            id = format!("{id} #{times}");
        }
        Mutant { script: script.to_owned(), id, range, with }
    };
    found.into_iter().map(name).collect()
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The next one-letter text of the script, so that a reader knows what takes the place of `text`.
fn next_letter(tokens: &[Token<'_>], text: &str) -> Option<char> {
    let letter = |text: &str| match text.as_bytes() {
        [b'\'', letter, b'\''] if letter.is_ascii_alphabetic() => Some(char::from(*letter)),
        _ => None,
    };
    let own = letter(text)?;
    let mut letters: Vec<char> = Vec::new();
    for token in tokens.iter().filter(|token| token.kind == Kind::Text) {
        letters.extend(letter(token.text).filter(|letter| !letters.contains(letter)));
    }
    let place = letters.iter().position(|letter| *letter == own)?;
    let next = letters[(place + 1) % letters.len()];
    Some(if next == own { 'q' } else { next })
}

/// Statements that are lines of their own, or more than one line for their arguments.
fn statements<'a>(
    text: &'a str,
    tokens: &'a [Token<'a>],
) -> impl Iterator<Item = Range<usize>> + 'a {
    let line_of = |token: &Token<'_>| text[..token.at].matches('\n').count();
    let mut lines: Vec<&[Token<'a>]> = Vec::new();
    for line in tokens.chunk_by(move |a, b| line_of(a) == line_of(b)) {
        lines.push(line);
    }
    let mut depth = 0_i32;
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let outside = depth == 0;
        depth += nesting(line);
        if !outside || !may_go(line) {
            continue;
        }
        // A call may have its arguments on the next lines.
        let (mut last, mut open) = (index, depth);
        while open > 0 && last + 1 < lines.len() {
            last += 1;
            open += nesting(lines[last]);
        }
        let goes_on = lines.get(last + 1).is_some_and(|next| continues(next));
        if let (false, [first, ..], [.., end]) = (goes_on, *line, lines[last]) {
            found.push(first.at..end.range().end);
        }
    }
    found.into_iter()
}

fn nesting(line: &[Token<'_>]) -> i32 {
    let worth = |token: &Token<'_>| match token.text {
        "(" | "{" | "[" => 1,
        ")" | "}" | "]" => -1,
        _ => 0,
    };
    line.iter().map(worth).sum()
}

fn continues(line: &[Token<'_>]) -> bool {
    line.first().is_some_and(|first| ["..", "and", "or", "+", "-"].contains(&first.text))
}

/// Whether a line can be left out: a call, an assignment, a return, or all of an `if` or a `for`.
fn may_go(line: &[Token<'_>]) -> bool {
    let (Some(first), Some(last)) = (line.first(), line.last()) else {
        return false;
    };
    match first.text {
        "return" => true,
        "if" | "for" => last.text == "end",
        "local" | "function" | "elseif" | "else" | "end" | "while" => false,
        _ => first.kind == Kind::Name,
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let bytes = text.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    let run = |from: usize, is: &dyn Fn(u8) -> bool| {
        bytes[from..].iter().position(|byte| !is(*byte)).map_or(bytes.len(), |n| from + n)
    };
    while at < bytes.len() {
        let rest = &text[at..];
        let (kind, end) = match bytes[at] {
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b'-' if rest.starts_with("--") => {
                at = run(at, &|byte| byte != b'\n');
                continue;
            }
            quote @ (b'\'' | b'"') => {
                let mut end = at + 1;
                while bytes[end] != quote {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
                (Kind::Text, end + 1)
            }
            byte if byte.is_ascii_digit() => (Kind::Number, run(at, &|b| b.is_ascii_digit())),
            byte if byte.is_ascii_alphabetic() || byte == b'_' => {
                (Kind::Name, run(at, &|b| b.is_ascii_alphanumeric() || b == b'_'))
            }
            _ => {
                let long = ["...", "..", "<=", ">=", "==", "~="];
                let length =
                    long.iter().find(|sign| rest.starts_with(**sign)).map_or(1, |sign| sign.len());
                (Kind::Sign, at + length)
            }
        };
        tokens.push(Token { kind, text: &text[at..end], at });
        at = end;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let found = mutants("s", text);
        for mutant in &found {
            let mut other = text.to_owned();
            other.replace_range(mutant.range.clone(), &mutant.with);
            assert_ne!(other, text, "{}", mutant.id);
        }
        found.into_iter().map(|mutant| mutant.id).collect()
    }

    #[test]
    fn operators_words_numbers_and_letters_change_and_statements_go() {
        let found = ids("if not a and b <= 3 then -- or 4\n  take(-c)\nend\n");
        assert_eq!(
            found,
            [
                "s: if «not → »a and b <= 3 then -- or 4",
                "s: if not a «and → or» b <= 3 then -- or 4",
                "s: if not a and b «<= → <» 3 then -- or 4",
                "s: if not a and b «<= → >» 3 then -- or 4",
                "s: if not a and b <= «3 → 4» then -- or 4",
                "s: if not a and b <= «3 → 2» then -- or 4",
                "s: «gone» take(-c)",
                "s: take(«- → »c)",
            ]
        );
        let found = ids("return 'a' or 'b'\n");
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.contains(&"s: return 'a' or «'b' → 'a'»".to_owned()));
    }

    #[test]
    fn a_statement_goes_with_its_arguments_and_half_of_one_does_not() {
        let whole = ids("f(a,\n  b)\n");
        assert_eq!(whole, ["s: «gone» f(a,"]);
        assert!(ids("x = a\n  .. b\n").is_empty());
        assert!(ids("local x = a\n").is_empty());
        let lines = ids("  bump()\n  bump()\n");
        assert_eq!(lines, ["s: «gone» bump()", "s: «gone» bump() #2"]);
    }
}
