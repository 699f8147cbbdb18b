//! Flags of `lastseat ready`.

use crate::when::Span;
use clap::Args;

/// `lastseat ready`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lastseat ready                                   the node on 127.0.0.1:3001
  lastseat ready --listen 127.0.0.1:3002 --wait 30s

It asks /readyz of the node, so it needs no token. Run it where the node runs, with the same
environment: as the health check of a container, or after a restart.

Exit codes: 0 ready, 1 not ready (the sentence says why), 2 wrong flags.")]
pub struct ReadyFlags {
    /// Address for orders of the node; 0.0.0.0 and `[::]` stand for this machine
    #[arg(
        long,
        help = "Address for orders of the node; 0.0.0.0 and [::] stand for this machine",
        env = "LASTSEAT_LISTEN",
        default_value = "127.0.0.1:3001",
        value_name = "IP:PORT"
    )]
    pub listen: String,
    /// Ask again for so long before giving up: 30s, 2m, or milliseconds
    #[arg(long, default_value = "0s", value_name = "DURATION")]
    pub wait: Span,
}
