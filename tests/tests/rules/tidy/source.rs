//! A scanner of Rust sources: code without comments and literals, imports, definitions.

/// `text` with every comment and the inside of every literal replaced by spaces; lines stay lines.
pub(crate) fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let bytes: Vec<char> = text.chars().collect();
    let mut at = 0;
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n'),
            ['/', '*', ..] => find(rest, 2, "*/").map(|end| end + 2),
            ['r', '"' | '#', ..] if !follows_a_word(&bytes, at) => raw_end(rest),
            ['"', ..] => quoted_end(rest, '"'),
            ['\'', '\\', ..] | ['\'', _, '\'', ..] => quoted_end(rest, '\''),
            _ => {
                code.push(rest[0]);
                at += 1;
                continue;
            }
        };
        let end = end.unwrap_or(rest.len());
        code.extend(rest[..end].iter().map(|c| blank(*c)));
        at += end;
    }
    code
}

fn follows_a_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_')
}

fn find(text: &[char], from: usize, wanted: &str) -> Option<usize> {
    let wanted: Vec<char> = wanted.chars().collect();
    let windows = text.get(from..)?.windows(wanted.len());
    let mut windows = windows.enumerate();
    windows.find_map(|(at, window)| (window == wanted).then_some(from + at))
}

/// The end of a raw literal; a raw name such as `r#type` ends at once.
fn raw_end(text: &[char]) -> Option<usize> {
    let hashes = text[1..].iter().take_while(|c| **c == '#').count();
    if text.get(1 + hashes) != Some(&'"') {
        return Some(1);
    }
    let end = format!("\"{}", "#".repeat(hashes));
    find(text, 2 + hashes, &end).map(|at| at + end.len())
}

fn quoted_end(text: &[char], quote: char) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            '\\' => at += 2,
            c if c == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// `code` up to its unit tests.
pub(crate) fn without_tests(code: &str) -> &str {
    let tests = code.match_indices("#[cfg(test)]\n").map(|(at, _)| at).find(|at| {
        let after = code[*at..].lines().find(|line| !line.starts_with("#["));
        after.is_some_and(|line| line.starts_with("mod ") && line.ends_with('{'))
    });
    &code[..tests.unwrap_or(code.len())]
}

/// The paths of every `use` in `code`, one for each name that is imported.
pub(crate) fn imports(code: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].trim_end_matches([' ', '\t']);
        if !(before.is_empty() || before.ends_with(['\n', ')']) || before.ends_with("pub")) {
            continue;
        }
        if let Some(end) = code[at..].find(';') {
            leaves("", &code[at + 4..at + end], &mut paths);
        }
    }
    paths.iter().map(|path| path.split("::").map(|part| part.trim().to_owned()).collect()).collect()
}

fn leaves(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        if !path.is_empty() {
            found.push(format!("{prefix}{path}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let close = tree.rfind('}').unwrap_or(tree.len());
    let (mut depth, mut begin) = (0, open + 1);
    for (at, c) in tree.char_indices().filter(|(at, _)| (open + 1..close).contains(at)) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                leaves(&prefix, &tree[begin..at], found);
                begin = at + 1;
            }
            _ => {}
        }
    }
    leaves(&prefix, &tree[begin..close], found);
}

/// The words behind `keyword` at the begin of a definition, with whether it is `pub`.
pub(crate) fn defined<'a>(code: &'a str, keyword: &str) -> Vec<(&'a str, bool)> {
    let mut found = Vec::new();
    for line in code.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|word| *word == keyword) else {
            continue;
        };
        let plain = |word: &&str| {
            matches!(*word, "pub" | "const" | "async" | "static")
                || word.starts_with("pub(")
                || word.ends_with(')')
        };
        if !words[..at].iter().all(plain) {
            continue;
        }
        let Some(rest) = words.get(at + 1) else {
            continue;
        };
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let name = &rest[..end.unwrap_or(rest.len())];
        if !name.is_empty() {
            found.push((name, words.first() == Some(&"pub")));
        }
    }
    found
}

#[test]
fn comments_and_literals_are_no_code() {
    let text = "let a = \"fn b\"; // fn c\nlet d = r#\"fn e\"#; let f = '\"'; fn g() {}\n";
    let code = code_of(text);
    assert_eq!(defined(&code, "fn"), []);
    assert!(code.contains("fn g()"), "{code}");
    assert!(!code.contains("fn b") && !code.contains("fn c") && !code.contains("fn e"));
}

#[test]
fn each_name_of_an_import_is_one_path() {
    let paths = imports("pub use a::{b, c::{self, D as E}};\nuse super::f;\n");
    let paths: Vec<String> = paths.iter().map(|path| path.join("::")).collect();
    assert_eq!(paths, ["a::b", "a::c::self", "a::c::D", "super::f"]);
}
