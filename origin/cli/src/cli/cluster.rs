//! Command line of `lastseat cluster`.

use super::AccessFlags;
use clap::Args;

/// `lastseat cluster`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lastseat cluster --demo
  lastseat cluster --demo --edge workerd --edges 3
  lastseat cluster --demo --edge workerd --workers 2
  lastseat cluster --demo --edge gateway
  lastseat cluster --demo --public --ports 3001 --weights 1
  lastseat cluster --demo --edge workerd --edges 2 --zones east,east,west,west
  lastseat cluster --ports 0 --weights 1,1 --redis-url redis://127.0.0.1:6379/0 --json

Ctrl-C stops everything in order; a second Ctrl-C at once.
The addresses and the tokens are kept in cluster.json of the data directory while it runs.")]
pub struct ClusterFlags {
    /// Ports of the nodes; 0 takes any free one, a single 0 stands for all
    #[arg(
        long,
        env = "LASTSEAT_PORTS",
        default_value = "3001,3002,3003,3004",
        value_name = "PORTS"
    )]
    pub ports: String,
    /// Weights of the nodes, one for each
    #[arg(long, env = "LASTSEAT_WEIGHTS", default_value = "1,2,3,4", value_name = "WEIGHTS")]
    pub weights: String,
    /// Threads of each node; when absent its share of half the processors, the rest is for Redis
    /// and edges
    #[arg(long, env = "LASTSEAT_THREADS", value_name = "1..256")]
    pub threads: Option<String>,
    /// Zones (data centres) of the nodes, one for each; edges stand in these zones in turn and ask
    /// their own first
    #[arg(long, env = "LASTSEAT_ZONES", value_name = "ZONES")]
    pub zones: Option<String>,
    /// Let the Redis of the cluster also listen on this port of 127.0.0.1
    #[arg(long, env = "LASTSEAT_REDIS_PORT", value_name = "PORT")]
    pub redis_port: Option<String>,
    /// Who may ask for what.
    #[command(flatten)]
    pub access: AccessFlags,
    /// Create the sale "demo", and let anybody make the shop's calls
    #[arg(long)]
    pub demo: bool,
    /// Tickets of the sale "demo"
    #[arg(long, env = "LASTSEAT_DEMO_TICKETS", default_value = "10000", value_name = "NUMBER")]
    pub demo_tickets: String,
    /// Run edges, too: none, wrangler, workerd or gateway
    #[arg(long, env = "LASTSEAT_EDGE", default_value = "none", value_name = "KIND")]
    pub edge: String,
    /// Let each node face buyers itself, on the port of --edge-port and those after it; without
    /// edges
    #[arg(long)]
    pub public: bool,
    /// How many edges
    #[arg(long, env = "LASTSEAT_EDGES", default_value = "1", value_name = "NUMBER")]
    pub edges: String,
    /// Processes that share the port of each edge of workerd: one of them uses one core (Linux),
    /// one when absent. Threads of each gateway: as many as processors when absent
    #[arg(long, env = "LASTSEAT_WORKERS", value_name = "NUMBER")]
    pub workers: Option<String>,
    /// Port of the first edge, the others follow; 0 takes any free ones
    #[arg(long, env = "LASTSEAT_EDGE_PORT", default_value = "8787", value_name = "PORT")]
    pub edge_port: String,
}
