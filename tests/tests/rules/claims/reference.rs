//! The reference pages: `docs/CLI.md` is what `--help` prints, `docs/CONFIGURATION.md` names each
//! variable.

use crate::claims::documents::{Document, root};
use clap::{Command, CommandFactory};
use lastseat::cli::Cli;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write;
use std::fs;

const HEAD: &str = "\
# Commands

What `lastseat --help` and the help of each command print. Written by `make docs`; a test \
compares it with the program.
";

/// Without what the environment says at this moment.
fn timeless(help: &str) -> String {
    let mut text = String::with_capacity(help.len());
    for (place, part) in help.split("[env: ").enumerate() {
        if place == 0 {
            text.push_str(part);
            continue;
        }
        let (variable, rest) = part.split_once(']').expect("a closing bracket");
        let name = variable.split('=').next().unwrap_or_default();
        let _ = write!(text, "[env: {name}]{rest}");
    }
    text
}

/// The help of `command` and of all below it.
fn describe(command: &mut Command, name: &str, page: &mut String) {
    let help = timeless(&command.render_long_help().to_string());
    let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(page, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end());
    for sub in command.get_subcommands_mut() {
        if !sub.is_hide_set() && sub.get_name() != "help" {
            let name = format!("{name} {}", sub.get_name());
            describe(sub, &name, page);
        }
    }
}

/// The codes in a column of the rows of `table` that begin with a status.
fn codes(table: &str, column: usize) -> BTreeSet<String> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split('|').nth(column));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn the_how_to_says_what_a_shop_does_for_each_code_of_a_changed_order() {
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let api = read("docs/API.md");
    let mut answered = BTreeSet::new();
    for title in ["The payment came", "Give tickets back", "Hold longer"] {
        let (_, call) = api.split_once(&format!("\n### {title}\n")).expect(title);
        let call = call.split("\n### ").next().unwrap_or_default();
        let (_, refused) = call.split_once("\n| 400 ").expect(title);
        answered.extend(codes(&format!("| 400 {refused}"), 1));
    }
    let guide = read("docs/howto/holds-and-payments.md");
    let (_, table) = guide.split_once("\n| 200 to `confirm`").expect("the table of answers");
    let table = table.split("\n\n").next().unwrap_or_default();
    assert_eq!(codes(table, 0), answered);
}

#[test]
fn the_page_of_commands_is_what_the_program_prints() {
    let mut cli = Cli::command();
    cli.build();
    let mut page = HEAD.to_owned();
    describe(&mut cli, "lastseat", &mut page);
    let path = root().join("docs/CLI.md");
    if env::var_os("LASTSEAT_WRITE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/CLI.md is not what the program prints. Run 'make docs'");
}

/// The variables that the commands read.
fn of_commands(command: &Command, found: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(clap::Arg::get_env);
    found.extend(names.map(|name| name.to_string_lossy().into_owned()));
    for sub in command.get_subcommands() {
        of_commands(sub, found);
    }
}

/// The variables that the edge reads: `var("NAME")`.
fn of_the_edge() -> BTreeSet<String> {
    let code = fs::read_to_string(root().join("edge/src/config.rs")).unwrap();
    let calls = code.split("var(\"").skip(1);
    let names = calls.filter_map(|rest| rest.split('"').next());
    // For the table that edge/workerd.capnp brings along.
    names.map(str::to_owned).filter(|name| name != "LOCAL_ORIGINS").collect()
}

#[test]
fn the_page_of_configuration_names_each_variable_and_no_other() {
    let all = Document::all();
    let page = all.iter().find(|d| d.name == "docs/CONFIGURATION.md");
    let rows = page.expect("docs/CONFIGURATION.md").text.lines();
    let named: BTreeSet<String> = rows
        .filter_map(|row| row.strip_prefix("| `")?.split('`').next())
        .map(str::to_owned)
        .collect();
    let mut read = of_the_edge();
    of_commands(&Cli::command(), &mut read);
    // Read without clap: the log, colours, certificates, contexts.
    let others = ["LASTSEAT_LOG", "RUST_LOG", "NO_COLOR", "SSL_CERT_FILE", "LASTSEAT_CONFIG"];
    read.extend(others.map(str::to_owned));
    let unnamed: Vec<_> = read.difference(&named).collect();
    let unread: Vec<_> = named.difference(&read).collect();
    assert!(unnamed.is_empty(), "docs/CONFIGURATION.md lacks {unnamed:?}");
    assert!(unread.is_empty(), "docs/CONFIGURATION.md names {unread:?}, which nothing reads");
}
