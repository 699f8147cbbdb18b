//! Command `lastseat completions`.

use super::print_text;
use crate::cli::{Cli, CompletionsFlags, Shell};
use crate::failure::Failure;
use clap::CommandFactory;
use clap_complete::aot::{Shell as Kind, generate};
use std::process::ExitCode;

pub(super) fn run(flags: &CompletionsFlags) -> Result<ExitCode, Failure> {
    let shell = match flags.shell {
        Shell::Bash => Kind::Bash,
        Shell::Zsh => Kind::Zsh,
        Shell::Fish => Kind::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "lastseat", &mut script);
    print_text(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
