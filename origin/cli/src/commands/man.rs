//! Command `lastseat man`.

use crate::cli::{Cli, ManFlags};
use crate::failure::Failure;
use clap::CommandFactory;
use std::process::ExitCode;

/// Writes `lastseat.1`, `lastseat-sale.1`, `lastseat-sale-create.1` ...
pub(super) fn run(flags: &ManFlags) -> Result<ExitCode, Failure> {
    let place = flags.to.display();
    let written = std::fs::create_dir_all(&flags.to)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &flags.to));
    written.map_err(|e| {
        Failure::runtime(format!(
            "the manual pages cannot be written to {place}: {e}. Choose another place with --to"
        ))
    })?;
    eprintln!("lastseat: the manual pages are in {place}");
    Ok(ExitCode::SUCCESS)
}
