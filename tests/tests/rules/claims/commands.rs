//! Commands that documents name: the program understands each of them, the Makefile has each
//! target, and each variable is read somewhere.

use crate::claims::documents::{Document, files, root};
use clap::{CommandFactory, Parser};
use lastseat::cli::Cli;
use std::collections::BTreeSet;
use std::fs;

/// The words of a line of shell up to what ends the command, with what quotes hold in one word. A
/// variable becomes 1.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '$') => {
                while letters
                    .next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '{' | '}'))
                    .is_some()
                {}
                word.get_or_insert_default().push('1');
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '|' | '>' | '<' | ';' | '&' | ')' | '#') if word.is_none() => break,
            (None, ';' | '|' | ')') => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The command lines of shell blocks, continued lines joined.
fn lines(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for fence in document.fences() {
        let kind = fence.kind.split(' ').next().unwrap_or_default();
        if !["sh", "console"].contains(&kind) {
            continue;
        }
        let joined = fence.content.replace("\\\n", " ");
        let commands = joined.lines().filter(|line| kind == "sh" || line.starts_with("$ "));
        lines.extend(commands.map(|line| line.trim_start_matches("$ ").trim().to_owned()));
    }
    lines
}

/// Where `lastseat` begins in a line, if it is called there.
fn call(line: &str) -> Option<&str> {
    let starts = line.match_indices("lastseat ").map(|(at, _)| at);
    let mut calls = starts.filter(|at| {
        let before = &line[..*at];
        let program = before.rsplit([' ', '(', '|']).next().unwrap_or_default();
        let leads = before.len() - program.len();
        let lead = line[..leads].trim_end();
        (program.is_empty() || program.ends_with("release/"))
            && (lead.is_empty()
                || lead.ends_with(['|', '(', ';', '&', '\''])
                || lead.ends_with("--") // kubectl exec ... --
                || lead.split(' ').all(|word| {
                    word == "sudo" || word == "exec" || word.contains('=')
                }))
    });
    calls.next().map(|at| &line[at..])
}

#[test]
fn every_command_line_in_a_document_is_one_that_the_program_takes() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for document in Document::all() {
        for line in lines(&document) {
            let Some(call) = call(&line) else { continue };
            // `...` stands for what the reader knows.
            let words: Vec<String> =
                words(call).into_iter().map(|w| w.replace("...", "redis://x")).collect();
            tried += 1;
            if let Err(e) = Cli::try_parse_from(&words)
                && !matches!(
                    e.kind(),
                    clap::error::ErrorKind::DisplayHelp | clap::error::ErrorKind::DisplayVersion
                )
            {
                let first = e.to_string().lines().next().unwrap_or_default().to_owned();
                wrong.push(format!("{}: {line}\n    {first}", document.name));
            }
        }
    }
    assert!(tried > 30, "command lines were found: {tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Follows subcommands and flags of a mention such as `lastseat sale create --capacity`; the first
/// word that is none.
fn stranger(mention: &str) -> Option<String> {
    let cli = Cli::command();
    let mut command = &cli;
    let mut descending = true;
    for word in words(mention).iter().skip(1) {
        if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or_default();
            let known = |c: &clap::Command| c.get_arguments().any(|a| a.get_long() == Some(flag));
            if !known(command) && !known(&cli) && !["help", "version", ""].contains(&flag) {
                return Some(word.clone());
            }
        } else if descending && command.has_subcommands() {
            match command.find_subcommand(word) {
                Some(next) => command = next,
                // A sale, where the command itself takes one: `token SALE`.
                None if command.get_positionals().next().is_some() => descending = false,
                // A list such as `sale create, open`, or a placeholder.
                None if word.chars().all(|c| c.is_ascii_lowercase()) => return Some(word.clone()),
                None => descending = false,
            }
        } else {
            descending = false;
        }
    }
    None
}

/// First lines of what is signed, which are no commands.
const SIGNED: [&str; 2] = ["lastseat buyer token", "lastseat pay link"];

#[test]
fn every_command_and_flag_that_prose_mentions_exists() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for document in Document::all() {
        for span in document.spans() {
            if span.starts_with("lastseat ") && !SIGNED.iter().any(|first| span.starts_with(first))
            {
                tried += 1;
                if let Some(word) = stranger(&span) {
                    wrong.push(format!("{}: `{span}`: {word}", document.name));
                }
            }
        }
    }
    assert!(tried > 20, "mentions were found: {tried}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_make_target_that_a_document_names_exists() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let mut wrong = Vec::new();
    for document in Document::all() {
        let spans = document.spans().into_iter().chain(lines(&document));
        for line in spans.filter(|line| line.starts_with("make ")) {
            for target in words(&line).iter().skip(1).filter(|word| !word.contains('=')) {
                let rule = format!("\n{target}:");
                if !makefile.contains(&rule) {
                    wrong.push(format!("{}: {line}", document.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Names of variables in `text`: those of lastseat, and that of Redis.
fn variables(text: &str) -> BTreeSet<String> {
    let letters = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c| !letters(c));
    words
        .filter(|word| word.starts_with("LASTSEAT_") || *word == "REDIS_URL")
        .map(|word| word.trim_end_matches('_').to_owned())
        .collect()
}

#[test]
fn every_variable_that_a_document_or_a_file_of_deploy_names_is_read_somewhere() {
    let root = root();
    let mut sources = Vec::new();
    for folder in [
        "origin",
        "edge/src",
        "edge/page",
        "tests",
        "scripts",
        "docs/examples",
        "examples",
        "clients",
    ] {
        if root.join(folder).exists() {
            files(&root.join(folder), &["rs", "js", "mjs", "py", "sh", "ts"], &mut sources);
        }
    }
    sources.extend(["scripts/tools.sh", "scripts/dev-vars"].map(|name| root.join(name)));
    let code = sources.iter().filter_map(|path| fs::read_to_string(path).ok());
    let known: BTreeSet<String> = code.flat_map(|text| variables(&text)).collect();
    let mut places: Vec<_> = Document::all().into_iter().map(|d| (d.name, d.text)).collect();
    let mut deployed = Vec::new();
    files(&root.join("deploy"), &["yaml", "service", "example", "conf"], &mut deployed);
    deployed.extend(
        ["Dockerfile", "Dockerfile.release"].map(|name| root.join("deploy/container").join(name)),
    );
    for path in deployed {
        let name = path.strip_prefix(&root).unwrap().display().to_string();
        places.push((name, fs::read_to_string(&path).unwrap()));
    }
    let mut wrong = Vec::new();
    for (name, text) in places {
        for variable in variables(&text).difference(&known) {
            wrong.push(format!("{name}: {variable}"));
        }
    }
    assert!(wrong.is_empty(), "nobody reads\n{}", wrong.join("\n"));
}

#[test]
fn a_line_of_shell_is_taken_apart_as_a_shell_does() {
    let taken = words(r#"lastseat sale create "$NAME" --capacity 5 'a b' > file"#);
    assert_eq!(taken, ["lastseat", "sale", "create", "1", "--capacity", "5", "a b"]);
    assert_eq!(words("lastseat sale show x | grep y"), ["lastseat", "sale", "show", "x"]);
    assert_eq!(call("got=$(lastseat sale list)"), Some("lastseat sale list)"));
    assert_eq!(call("npx lastseat sale"), None);
    assert_eq!(
        call("sudo ./target/release/lastseat audit --sale s"),
        Some("lastseat audit --sale s")
    );
    assert_eq!(stranger("lastseat sale crate x"), Some("crate".to_owned()));
    assert_eq!(stranger("lastseat sale create --capacty"), Some("--capacty".to_owned()));
    assert_eq!(stranger("lastseat orders ack"), None);
}
