//! Command line of `lastseat serve`.

use super::{AccessFlags, PublicFlags};
use clap::Args;
use lastseat_node::http::server::CONNECTIONS_MAX;
use std::path::PathBuf;

/// `lastseat serve`
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  export LASTSEAT_EDGE_KEY=...  # what the edge has: npx wrangler secret put LASTSEAT_EDGE_KEY
  lastseat serve --node 1 --weight 1 --listen 127.0.0.1:3001 --redis-url redis://127.0.0.1:6379/0

Orders are taken from edges only, which sign what they send; see docs/SECURITY.md.

SIGTERM or Ctrl-C: takes no more orders, finishes those that wait, exits with 0 within 10 s.")]
pub struct ServeFlags {
    /// Address for orders; port 0 takes any free one
    #[arg(long, env = "LASTSEAT_LISTEN", default_value = "127.0.0.1:3001", value_name = "IP:PORT")]
    pub listen: String,
    /// Address for operators: admin calls and /metrics
    #[arg(
        long,
        env = "LASTSEAT_ADMIN_LISTEN",
        default_value = "127.0.0.1:3101",
        value_name = "IP:PORT"
    )]
    pub admin_listen: String,
    /// Number of this node; each node of a ledger has its own
    #[arg(long, env = "LASTSEAT_NODE", default_value = "1", value_name = "1..65535")]
    pub node: String,
    /// Share of this node beside the others
    #[arg(long, env = "LASTSEAT_WEIGHT", default_value = "1", value_name = "1..1000")]
    pub weight: String,
    /// Who may ask for what.
    #[command(flatten)]
    pub access: AccessFlags,
    /// Let anybody make the shop's calls; for a demonstration on one machine
    #[arg(long)]
    pub demo: bool,
    /// Most connections of buyers and edges at a time; those above are answered 503
    #[arg(
        long,
        env = "LASTSEAT_CONNECTIONS",
        default_value_t = CONNECTIONS_MAX.to_string(),
        value_name = "NUMBER"
    )]
    pub connections: String,
    /// Threads that serve; as many as there are processors when absent
    #[arg(long, env = "LASTSEAT_THREADS", value_name = "1..256")]
    pub threads: Option<String>,
    /// Time between two audits of a sale that the nodes make by themselves, one node a sale; 0 = no
    /// audits. Nodes of "cluster" take it from the variable
    #[arg(long, env = "LASTSEAT_AUDIT_EVERY", default_value = "10m", value_name = "DURATION")]
    pub audit_every: String,
    /// File of endpoints: this node relays the webhooks of all sales while no other process does
    /// (docs/howto/webhooks.md). It is read again within seconds when it changes. Nodes of
    /// "cluster" take it from the variable
    #[arg(long, env = "LASTSEAT_WEBHOOKS", value_name = "FILE")]
    pub webhooks: Option<PathBuf>,
    /// Whether it faces buyers.
    #[command(flatten)]
    pub public: PublicFlags,
    /// Stop when stdin ends, as it does when the parent process dies
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
}
