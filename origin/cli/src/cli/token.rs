//! Flags of `lastseat token`.

use super::secret;
use crate::when::Span;
use clap::Args;
use lastseat_node::secret::Secret;

/// `lastseat token`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  lastseat token spring --buyer ada@example.org --for 15m
  curl http://127.0.0.1:8787/v1/sales/spring/orders -d '{\"buyer\":\"ada@example.org\"}' \\
    -H \"Lastseat-Buyer-Token: $(lastseat token spring --buyer ada@example.org)\"

A shop makes tokens itself, for buyers that it knows: docs/SECURITY.md has the few lines.")]
pub struct TokenFlags {
    /// The sale at which it is good
    pub sale: String,
    /// The buyer for whom it is good
    #[arg(long)]
    pub buyer: String,
    /// How long it is good, a day at most
    #[arg(long = "for", default_value = "15m", value_name = "SPAN")]
    pub span: Span,
    /// Key of the buyer tokens, the same as at edge and nodes; that of .dev.vars when absent
    #[arg(long, env = "LASTSEAT_BUYER_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub buyer_key: Option<Secret>,
}
