//! Flags of `lastseat doctor`.

use super::secret;
use clap::Args;
use lastseat_node::secret::Secret;

/// `lastseat doctor`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lastseat doctor                                        this machine, and the Redis of its cluster
  lastseat doctor --redis-url redis://10.0.0.5:6379/0 --tickets 500000
  lastseat doctor spring --json

It works on this machine and on the ledger itself (--redis-url), and asks no node.

Exit codes: 0 nothing failed, 1 something must be changed, 2 something could not be checked.")]
pub struct DoctorFlags {
    /// See whether what is left of this sale fits into the memory of Redis
    pub sale: Option<String>,
    /// See whether so many tickets fit into the memory of Redis
    #[arg(long, value_name = "NUMBER", conflicts_with = "sale")]
    pub tickets: Option<u64>,
    /// See whether this key of the edges is one; that of .dev.vars when absent
    #[arg(long, env = "LASTSEAT_EDGE_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub edge_key: Option<Secret>,
    /// See whether this key of the buyer tokens is one; that of .dev.vars when absent
    #[arg(long, env = "LASTSEAT_BUYER_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub buyer_key: Option<Secret>,
}
