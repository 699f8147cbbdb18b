//! Command `lastseat man`.

use super::print_text;
use crate::cli::{Cli, ManFlags};
use crate::failure::Failure;
use clap::CommandFactory;
use clap_mangen::Man;
use std::path::Path;
use std::process::ExitCode;

/// Prints one page, or writes `lastseat.1`, `lastseat-sale.1`, `lastseat-sale-create.1` ...
pub(super) fn run(flags: &ManFlags) -> Result<ExitCode, Failure> {
    match &flags.to {
        Some(folder) => write_all(folder)?,
        None => print_page(&flags.command)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_page(words: &[String]) -> Result<(), Failure> {
    // As `generate_to` does; building gives each command the name of its page.
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    let mut command = &cli;
    for word in words {
        let shown = |command: &&clap::Command| !command.is_hide_set();
        command = command.find_subcommand(word).filter(shown).ok_or_else(|| {
            let words = words.join(" ");
            Failure::usage(vec![format!("no command {words:?}; `lastseat --help` lists them")])
        })?;
    }
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page).map_err(Failure::runtime)?;
    print_text(&String::from_utf8_lossy(&page))
}

fn write_all(folder: &Path) -> Result<(), Failure> {
    let place = folder.display();
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.map_err(|e| {
        Failure::runtime(format!(
            "the manual pages cannot be written to {place}: {e}. Choose another place with --to"
        ))
    })?;
    eprintln!("lastseat: the manual pages are in {place}");
    Ok(())
}
