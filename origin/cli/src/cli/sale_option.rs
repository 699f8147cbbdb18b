//! The option `--sale` of earlier versions, rewritten to the positional sale.
//!
//! To be deleted in the version after 0.2 together with its call in `Cli::read`.

use super::Cli;
use clap::CommandFactory;
use std::ffi::OsString;

/// The words with the sale of `--sale` as the first word behind the command, and what to write
/// instead; `None` where there is no such option.
pub(super) fn rewritten(words: &[OsString]) -> Option<(Vec<OsString>, String)> {
    let root = Cli::command();
    let (mut command, mut name) = (&root, root.get_name().to_owned());
    let mut after = 0;
    let mut options = words.iter().enumerate().skip(1);
    let mut found = None;
    let mut descending = true;
    while let Some((at, word)) = options.next() {
        let Some(word) = word.to_str() else { continue };
        if word == "--" {
            break;
        } else if word == "--sale" {
            let (_, sale) = options.next()?;
            found = Some((at, 2, sale.clone()));
        } else if let Some(sale) = word.strip_prefix("--sale=") {
            found = Some((at, 1, sale.into()));
        } else if let Some(long) = word.strip_prefix("--") {
            let args = command.get_arguments().chain(root.get_arguments());
            let mut same = args.filter(|arg| arg.get_long() == Some(long));
            if same.next().is_some_and(|arg| arg.get_action().takes_values()) {
                options.next();
            }
        } else if descending && let Some(next) = command.find_subcommand(word) {
            command = next;
            name = format!("{name} {word}");
            after = at + 1;
        } else {
            descending = false;
        }
    }
    let (at, length, sale) = found?;
    let positional = |arg: &&clap::Arg| arg.get_id() == "sale" && arg.is_positional();
    command.get_arguments().find(positional)?;
    let mut words = words.to_vec();
    words.drain(at..at + length);
    let place = if at < after { after - length } else { after };
    words.insert(place, sale.clone());
    Some((words, format!("{name} {} ...", sale.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let (words, _) = rewritten(&words)?;
        Some(words.join(" ".as_ref()).into_string().unwrap())
    }

    #[test]
    fn the_sale_becomes_the_first_word_behind_the_command_wherever_the_option_was() {
        for (old, new) in [
            ("lastseat audit --sale s --json", "lastseat audit s --json"),
            ("lastseat --json audit --sale=s", "lastseat --json audit s"),
            ("lastseat orders show ORDER --sale s", "lastseat orders show s ORDER"),
            ("lastseat orders export --from 4 --sale s", "lastseat orders export s --from 4"),
            ("lastseat --data-dir orders audit --sale s", "lastseat --data-dir orders audit s"),
            ("lastseat top --once --sale s", "lastseat top s --once"),
            ("lastseat doctor --sale s", "lastseat doctor s"),
        ] {
            assert_eq!(of(old).as_deref(), Some(new));
        }
    }

    #[test]
    fn what_has_no_such_option_stays_as_it_is() {
        for line in
            ["lastseat", "lastseat audit s", "lastseat serve --sale s", "lastseat audit --sale"]
        {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
