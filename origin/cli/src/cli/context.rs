//! Flags of `lastseat context`.

use super::secret;
use clap::{Args, Subcommand};
use lastseat_node::secret::Secret;

/// `lastseat context`
#[derive(Debug, Subcommand)]
pub enum ContextCommand {
    /// List the contexts; * marks the one that counts where none is named
    List,
    /// Let this context count where none is named
    #[command(after_help = "\
Examples:
  lastseat context use prod
  lastseat context use local    the cluster that runs in --data-dir")]
    Use(ContextFlags),
    /// Keep servers and token under a name
    #[command(after_help = "\
Examples:
  read -rs LASTSEAT_ADMIN_TOKEN && export LASTSEAT_ADMIN_TOKEN
  lastseat context set prod --server http://10.0.0.5:3101,http://10.0.0.6:3101
  lastseat context use prod

A token on a command line can be read by every user of the machine: put it into the environment.")]
    Set(ContextSetFlags),
    /// Forget a context
    #[command(after_help = "Example: lastseat context remove prod")]
    Remove(ContextFlags),
}

/// A context and nothing more.
#[derive(Debug, Args)]
pub struct ContextFlags {
    /// Its name
    pub name: String,
}

/// `lastseat context set`
#[derive(Debug, Args)]
pub struct ContextSetFlags {
    /// Its name: 1 to 64 letters, digits, '-', '_' or '.'
    pub name: String,
    /// Operators' listeners of the nodes, with commas; one that does not answer is passed over
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Admin token of the nodes
    #[arg(long, env = "LASTSEAT_ADMIN_TOKEN", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "TOKEN")]
    pub token: Option<Secret>,
}
