//! The shape of a file: its first line, the length of its lines and of its functions.

use crate::tidy::source::code_of;
use crate::tidy::{assert_none, files, read, rust_files};

/// `max_width` of rustfmt, which leaves comments and literals alone.
const WIDTH: usize = 100;
/// A longer file is about more than one thing.
const FILE_LINES: usize = 500;
/// What fits on one screen.
const FUNCTION_LINES: usize = 70;

/// Lines that are longer: file, how many, reason.
const LONG_LINES: &[(&str, usize, &str)] = &[
    ("origin/cli/src/journal.rs", 1, "one line of JSON"),
    ("origin/ledger/src/connection/seal.rs", 1, "words of Redis, as it sends them"),
    ("origin/node/src/openapi/public.rs", 2, "a command line in a raw literal"),
    ("shared/src/auth/buyer_token.rs", 1, "one token"),
    ("tests/src/bench/m05_engine.rs", 1, "a line of redis-benchmark"),
    ("tests/tests/ledger/audit/damages.rs", 1, "the name of a test is a sentence"),
    ("tests/tests/ledger/audit/damages/log.rs", 1, "a record"),
    ("tests/tests/node/recovery/many.rs", 1, "the name of a test is a sentence"),
];

/// Functions that are longer: file, name, reason.
const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[
    ("origin/ledger/src/audit/plan/script.rs", "fmt", "the text of a shell script"),
    ("origin/node/src/http/health_and_metrics.rs", "write_sales", "a table of metrics"),
    ("origin/node/src/telemetry/metrics/mod.rs", "write", "a table of metrics"),
    ("tests/src/profile/flame.rs", "draw", "the text of a picture"),
    ("tests/src/simulator/heal_rules.rs", "heal", "the same steps as heal.lua, in their order"),
    ("tests/tests/ledger/audit/by_plan/damages.rs", "of_orders", "a table of cases"),
    ("tests/tests/ledger/audit/by_plan/damages.rs", "of_the_string", "a table of cases"),
    ("tests/tests/ledger/audit/damages/orders.rs", "of_records", "a table of cases"),
    ("tests/tests/ledger/audit/damages/orders.rs", "of_tallies_and_holds", "a table of cases"),
    ("tests/tests/ledger/audit/damages/log.rs", "of_the_log", "a table of cases"),
    ("tests/tests/ledger/audit/damages/sale.rs", "of_the_sale", "a table of cases"),
    ("tests/tests/system/malformed/cases.rs", "cases", "a table of cases"),
    (
        "tests/tests/node/topology/cluster.rs",
        "twelve_sales_on_three_masters_sell_exactly_while_slots_move_between_them",
        "one story",
    ),
];

#[test]
fn the_first_line_of_a_file_says_what_it_is() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        if !read(&file).starts_with("//! ") {
            wrong.push(file);
        }
    }
    for file in files("origin", &[".lua", ".js"]) {
        let text = read(&file);
        if !(text.starts_with("-- ") || text.starts_with("// ") || text.starts_with("/*")) {
            wrong.push(file);
        }
    }
    for file in files("edge", &[".js", ".mjs"]) {
        let text = read(&file);
        if !(text.starts_with("// ") || text.starts_with("/*")) {
            wrong.push(file);
        }
    }
    assert_none(&wrong, "files that do not begin with what they are");
}

#[test]
fn no_line_is_longer_than_rustfmt_makes_them() {
    let mut wrong = Vec::new();
    for file in rust_files() {
        let text = read(&file);
        let long: Vec<usize> = text
            .lines()
            .enumerate()
            .filter_map(|(at, line)| (line.chars().count() > WIDTH).then_some(at + 1))
            .collect();
        let allowed = LONG_LINES.iter().find(|(of, ..)| *of == file);
        if long.len() != allowed.map_or(0, |(_, count, _)| *count) {
            wrong.push(format!("{file}: lines {long:?}"));
        }
    }
    assert_none(&wrong, "lines above 100 columns, where others are listed");
}

/// Sentences of the page and names of tests are literals, which nobody cuts.
#[test]
fn no_comment_of_a_script_is_longer_than_a_line() {
    let mut wrong = Vec::new();
    let folders = ["docs", "edge", "origin", "tests"];
    for file in folders.iter().flat_map(|folder| files(folder, &[".js", ".mjs"])) {
        let text = read(&file);
        let comments = text.lines().zip(1..).filter(|(line, _)| line.trim().starts_with("//"));
        let long = comments.filter(|(line, _)| line.chars().count() > WIDTH);
        wrong.extend(long.map(|(_, number)| format!("{file}: line {number}")));
    }
    assert_none(&wrong, "comments above 100 columns");
}

#[test]
fn no_file_has_more_than_five_hundred_lines() {
    let mut wrong = Vec::new();
    let folders = ["docs", "edge", "fuzz", "origin", "shared", "tests"];
    let kinds = [".rs", ".lua", ".js", ".mjs"];
    for file in folders.iter().flat_map(|folder| files(folder, &kinds)) {
        let lines = read(&file).lines().count();
        if lines > FILE_LINES {
            wrong.push(format!("{file}: {lines} lines"));
        }
    }
    assert_none(&wrong, "files that are too long: split them where they turn to something else");
}

/// The functions of `text` that are longer than they may be.
fn long_functions(text: &str) -> Vec<String> {
    let code = code_of(text);
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let defined = crate::tidy::source::defined(line, "fn");
        let Some((name, _)) = defined.first() else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let lines = lines[begin..].iter();
        let body = lines.clone().position(|line| line.trim_end() == end);
        let declared = lines.clone().position(|line| line.trim_end().ends_with(';'));
        let opened = lines.clone().position(|line| line.trim_end().ends_with('{'));
        let has_body = opened.is_some_and(|open| declared.is_none_or(|end| open <= end));
        if has_body && body.is_some_and(|body| body + 1 > FUNCTION_LINES) {
            found.push((*name).to_owned());
        }
    }
    found
}

#[test]
fn a_function_fits_on_a_screen() {
    let mut wrong = Vec::new();
    let mut unused: Vec<_> = LONG_FUNCTIONS.iter().map(|(of, name, _)| (*of, *name)).collect();
    for file in rust_files() {
        for name in long_functions(&read(&file)) {
            let listed = (file.as_str(), name.as_str());
            if unused.contains(&listed) {
                unused.retain(|other| *other != listed);
            } else {
                wrong.push(format!("{file}: {name}"));
            }
        }
    }
    wrong.extend(unused.iter().map(|(file, name)| format!("{file}: {name} is short now")));
    assert_none(&wrong, "functions above 70 lines");
}
