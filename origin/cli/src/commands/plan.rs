//! Command `lastseat plan`.

use super::{print_json, print_text};
use crate::cli::{Common, PlanCheckFlags, PlanCommand};
use crate::failure::Failure;
use crate::plan_file;
use crate::plan_report::PlanReport;
use std::process::ExitCode;

pub(super) fn run(common: &Common, command: &PlanCommand) -> Result<ExitCode, Failure> {
    match command {
        PlanCommand::Check(flags) => check(common, flags),
    }
}

fn check(common: &Common, flags: &PlanCheckFlags) -> Result<ExitCode, Failure> {
    let report = PlanReport::of(&plan_file::plan_of(&flags.file)?);
    if common.json {
        print_json(&report)?;
    } else {
        print_text(&report.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
