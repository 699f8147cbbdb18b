//! Flags of `lastseat plan`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `lastseat plan`
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Say what a plan contains, or all that is wrong with it
    #[command(after_help = "\
Examples:
  lastseat plan check docs/examples/train.toml
  lastseat plan check stadium.json --json | jq .plan
  lastseat plan check - < train.toml

A plan is TOML or JSON, at most 256 KiB; docs/howto/plans.md explains it. With --json the answer
has the plan as a ledger would store it. No server is asked.

lastseat sale create G1 --plan FILE sells what it says.

Exit codes: 0 it is a plan, 1 it cannot be read, 2 all errors are on stderr.")]
    Check(PlanCheckFlags),
}

/// `lastseat plan check`
#[derive(Debug, Args)]
pub struct PlanCheckFlags {
    /// The file of the plan; - is stdin
    pub file: PathBuf,
}
