//! Flags of `lastseat token`.

use super::secret;
use crate::when::Span;
use clap::{Args, Subcommand};
use lastseat_node::secret::Secret;

/// `lastseat token`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Two kinds of tokens. A buyer token, for `lastseat token SALE --buyer BUYER`, says who a buyer is,
where orders need that. A scoped token, of `lastseat token create`, lets a person or a program make
some calls of operators and shops.

Examples:
  lastseat token spring --buyer ada@example.org --for 15m
  curl http://127.0.0.1:8787/v1/sales/spring/orders -d '{\"buyer\":\"ada@example.org\"}' \\
    -H \"Lastseat-Buyer-Token: $(lastseat token spring --buyer ada@example.org)\"
  lastseat token create --name ada --may read,open,pause --sales 'spring-*' --for 30d
  lastseat token inspect < ada.token

A shop makes buyer tokens itself, for buyers that it knows: docs/SECURITY.md has the few lines.")]
pub struct TokenFlags {
    /// Make or read a scoped token.
    #[command(subcommand)]
    pub command: Option<TokenCommand>,
    /// The sale at which the buyer token is good
    #[arg(required = true)]
    pub sale: Option<String>,
    /// The buyer for whom it is good
    #[arg(long, required = true)]
    pub buyer: Option<String>,
    /// How long it is good, a day at most
    #[arg(long = "for", default_value = "15m", value_name = "SPAN")]
    pub span: Span,
    /// Key of the buyer tokens, the same as at edge and nodes; that of .dev.vars when absent
    #[arg(long, env = "LASTSEAT_BUYER_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub buyer_key: Option<Secret>,
}

/// What to do with scoped tokens.
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Make a scoped token, for a person or a program
    Create(TokenCreateFlags),
    /// Say what a scoped token allows, and until when
    Inspect(TokenInspectFlags),
}

/// `lastseat token create`
#[derive(Debug, Args)]
#[command(after_help = "\
Verbs: read, find, export, audit (these change nothing), create, open, pause, close, terms, restock,
confirm, cancel, extend, ack, settle. docs/API.md says which call needs which.

It asks no node: a node that has the key accepts the token at once. It ends with its time; earlier
only by taking its key off the nodes, which ends all tokens of that key.

Examples:
  lastseat token create --name ada --may read,open,pause --sales 'spring-*' --for 30d
  lastseat token create --name grafana --read-only --for 365d > grafana.token
  lastseat token create --name till-3 --may confirm,cancel --sales spring")]
pub struct TokenCreateFlags {
    /// Who gets it: this name stands in the log of each sale that is changed with it
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// What it allows, verbs with commas between them; or all
    #[arg(long, value_name = "VERBS", required_unless_present = "read_only")]
    pub may: Option<String>,
    /// It allows all that changes nothing
    #[arg(long, conflicts_with = "may")]
    pub read_only: bool,
    /// The sales that it is for: ids, with * for any characters, and commas between them
    #[arg(long, default_value = "*", value_name = "SALES")]
    pub sales: String,
    /// How long it is good, 366 days at most
    #[arg(long = "for", default_value = "30d", value_name = "SPAN")]
    pub span: Span,
    /// The keys.
    #[command(flatten)]
    pub keys: TokenKeysFlags,
}

/// `lastseat token inspect`
#[derive(Debug, Args)]
#[command(after_help = "\
Without the keys it says what the token says, and not whether it is genuine.

Exit codes: 0 a node with these keys accepts it (or: no keys to check it by), 1 it has expired, was
changed, or is of another key.

Examples:
  lastseat token inspect < ada.token
  lastseat token inspect lst1.1.YWRh... --json")]
pub struct TokenInspectFlags {
    /// The token; read from stdin when absent
    pub token: Option<String>,
    /// The keys.
    #[command(flatten)]
    pub keys: TokenKeysFlags,
}

/// Where the keys of scoped tokens are.
#[derive(Debug, Args)]
pub struct TokenKeysFlags {
    /// Keys of scoped tokens, the same as at the nodes; the first signs. When absent, token.key of
    /// the data directory, which "cluster" makes
    #[arg(long, env = "LASTSEAT_TOKEN_KEYS", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub token_keys: Option<Secret>,
}
