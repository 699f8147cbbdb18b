//! Command `lastseat openapi`.

use super::print_text;
use crate::cli::OpenApiFlags;
use crate::failure::Failure;
use lastseat_node::openapi;
use std::process::ExitCode;

pub(super) fn run(flags: &OpenApiFlags) -> Result<ExitCode, Failure> {
    let text = match (flags.reference, flags.operators) {
        (true, _) => openapi::reference(),
        (false, true) => openapi::text(&openapi::operators()),
        (false, false) => openapi::text(&openapi::public()),
    };
    print_text(&text)?;
    Ok(ExitCode::SUCCESS)
}
