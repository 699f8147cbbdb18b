//! Flags that say where a command goes: a node's operators' API, or the ledger itself.

use super::secret;
use clap::Args;
use lastseat_node::secret::Secret;

/// Which nodes are asked, and with what token.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerFlags {
    /// Operators' listener of a node, such as http://10.0.0.5:3101; several with commas are asked
    /// in turn. When absent: the context, or else the cluster that runs in --data-dir
    #[arg(long, global = true, env = "LASTSEAT_SERVER", value_name = "URL")]
    pub server: Option<String>,
    /// Admin token of the nodes, instead of that of the context
    #[arg(long, global = true, env = "LASTSEAT_ADMIN_TOKEN", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "TOKEN")]
    pub token: Option<Secret>,
    /// The servers and token that `lastseat context set` has kept under this name; "local" is the
    /// cluster that runs in --data-dir
    #[arg(long, global = true, env = "LASTSEAT_CONTEXT", value_name = "NAME")]
    pub context: Option<String>,
}

/// Whether a command that could ask a node works on the ledger.
#[derive(Clone, Copy, Debug, Args)]
pub struct LedgerFlag {
    /// Work on the ledger itself, the Redis of --redis-url or of the cluster in --data-dir, without
    /// a node
    #[arg(long, help_heading = "Server")]
    pub ledger: bool,
}
