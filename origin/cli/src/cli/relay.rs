//! Flags of `lastseat relay`.

use super::secret;
use clap::{Args, Subcommand};
use lastseat_node::secret::Secret;
use std::path::PathBuf;

/// `lastseat relay`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_help = "\
Two kinds of relays. With --config it is the relay of a shop: all sales, to the endpoints that a
file names, each with its secrets and its filter. `lastseat serve --webhooks FILE` runs the same in
the nodes. Of all that run on one ledger one is at work, and another takes over when it ends. With a
SALE it delivers that sale to one address.

Examples:
  openssl rand -hex 32 > webhook.secret
  lastseat relay --config webhooks.toml
  lastseat relay status
  lastseat relay retry shop
  lastseat relay spring --to https://shop.example/hooks/lastseat --secret-file webhook.secret
  lastseat relay spring --to http://127.0.0.1:9000/ --secret-file webhook.secret --once

A file of endpoints, which others may not read (chmod 600):
  [[endpoint]]
  name = \"shop\"
  url = \"https://shop.example/hooks/lastseat\"
  secret_files = [\"webhook.secret\"]     # the new one first while one replaces another
  sales = [\"spring-*\"]                  # all when absent
  events = [\"confirmed\", \"cancelled\"]  # all when absent

Each change is one POST of JSON: {\"sale\", \"commit_seq\", \"events\": [...]}, with the events as
`lastseat orders export` prints them, and whose the order is in each of them. Changes of a sale come
in order and at least once: a receiver remembers the last commit_seq of each sale (header
Lastseat-Sequence) and answers 2xx to one that it has already. Anything but a 2xx within 10 s is
tried again, after 100 ms at first and 30 s at last, for ever.

Header Lastseat-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of \"<t>.<body>\">.

It reads the ledger itself (--redis-url), so it needs no node and no token.

SIGTERM or Ctrl-C finishes the delivery under way. The position is kept in Redis, one for each name;
after a kill -9 the next relay waits up to 5 s for the lease of the dead one, then goes on.

https is checked against the certificates of this machine, or those in the file SSL_CERT_FILE.")]
pub struct RelayFlags {
    /// Ask the relay of a shop.
    #[command(subcommand)]
    pub command: Option<RelayCommand>,
    /// The sale, where it is the relay of one
    #[arg(required_unless_present = "config")]
    pub sale: Option<String>,
    /// File of endpoints, for all sales; it is read again within seconds when it changes
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["sale", "secret_file", "name", "from", "ack"])]
    pub config: Option<PathBuf>,
    /// Address for /metrics of the relay of a shop
    #[arg(long, value_name = "IP:PORT", requires = "config")]
    pub metrics_listen: Option<String>,
    /// Where changes are posted to, http:// or https://
    #[arg(long, env = "LASTSEAT_WEBHOOK_URL", hide_env_values = true, value_name = "URL")]
    #[arg(required_unless_present = "config")]
    pub to: Option<String>,
    /// File with the secret that signs the deliveries, at least 32 characters; several as
    /// id:secret,id:secret sign each delivery once each, while one replaces another
    #[arg(long, value_name = "FILE")]
    pub secret_file: Option<PathBuf>,
    /// The secret itself, where there is no --secret-file
    #[arg(long, env = "LASTSEAT_WEBHOOK_SECRET", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "SECRET")]
    pub secret: Option<Secret>,
    /// Under which name the position is kept; made from the URL when absent
    #[arg(long)]
    pub name: Option<String>,
    /// Begin with this entry, whatever was delivered before; leave it out to go on where it stopped
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// Deliver what is there now, then end
    #[arg(long)]
    pub once: bool,
    /// Acknowledge what was delivered, so that the log forgets it; only if nobody else reads it
    #[arg(long)]
    pub ack: bool,
}

/// What to ask the relay of a shop.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Show how the endpoints of a shop stand: position, lag, last answer, next try of each sale
    Status(RelayStatusFlags),
    /// Try what waits at an endpoint now, instead of after its pause
    Retry(RelayRetryFlags),
}

/// `lastseat relay status`
#[derive(Debug, Args)]
#[command(after_help = "\
The process that relays publishes it once a second, at most 64 sales of each endpoint: those in
trouble first, then those that wait for longest.

Exit codes: 0 everything is delivered or under way, 1 no process relays, an endpoint is down, or a
sale stands still.

Examples:
  lastseat relay status
  lastseat relay status shop --json | jq .endpoints[0].streams")]
pub struct RelayStatusFlags {
    /// The endpoint; all when absent
    pub endpoint: Option<String>,
}

/// `lastseat relay retry`
#[derive(Debug, Args)]
#[command(after_help = "\
It is asked of whichever process relays, and waits a few seconds for it to begin. What comes of it
is in the status.

With --from it delivers again what the receiver has lost, or goes on where entries are gone. The
receiver takes what it has already for a repeat.

Examples:
  lastseat relay retry shop
  lastseat relay retry shop spring
  lastseat relay retry shop spring --from 1042")]
pub struct RelayRetryFlags {
    /// The endpoint
    pub endpoint: String,
    /// The sale; all that wait when absent
    pub sale: Option<String>,
    /// Begin with this entry, whatever was delivered before
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(requires = "sale")]
    pub from: Option<u64>,
}
