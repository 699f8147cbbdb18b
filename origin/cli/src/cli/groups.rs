//! Help of `lastseat` itself: the commands in groups.

use super::Command;
use clap::Subcommand;

/// Groups of commands, in the order in which they are shown.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Run", &["cluster", "serve", "gateway", "ready", "doctor"]),
    ("Sell", &["sale", "orders", "plan"]),
    ("Look", &["top", "audit"]),
    ("Shop", &["relay", "token"]),
    ("Tools", &["context", "openapi", "completions", "man"]),
];

/// What `lastseat --help` looks like.
pub(super) fn template() -> String {
    let commands = Command::augment_subcommands(clap::Command::new("lastseat"));
    let mut text = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (group, names) in GROUPS {
        text.push_str(&format!("\n{group}:\n"));
        for name in names {
            let about = commands.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            text.push_str(&format!("  {name:11}  {about}\n"));
        }
    }
    text.push_str("\nWithout a command it does what `lastseat cluster` does.\n\n");
    text.push_str("Options:\n{options}{after-help}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_command_is_in_one_group() {
        let commands = Command::augment_subcommands(clap::Command::new("lastseat"));
        let shown = commands.get_subcommands().filter(|command| !command.is_hide_set());
        let shown: Vec<&str> = shown.map(clap::Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let sets = [&shown, &grouped].map(|names| names.iter().copied().collect::<BTreeSet<_>>());
        assert_eq!(sets[0], sets[1]);
        assert_eq!(shown.len(), grouped.len());
    }
}
