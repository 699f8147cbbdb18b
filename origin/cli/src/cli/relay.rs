//! Flags of `lastseat relay`.

use super::secret;
use clap::Args;
use lastseat_node::secret::Secret;
use std::path::PathBuf;

/// `lastseat relay`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  openssl rand -hex 32 > webhook.secret
  lastseat relay spring --to https://shop.example/hooks/lastseat --secret-file webhook.secret
  lastseat relay spring --to http://127.0.0.1:9000/ --secret-file webhook.secret --once

Each change is one POST of JSON: {\"sale\", \"commit_seq\", \"events\": [...]}, with the events as
`lastseat orders export` prints them. Changes come in order and at least once: a receiver remembers
the last commit_seq (header Lastseat-Sequence) and answers 2xx to one that it has already. Anything
but a 2xx within 10 s is tried again, after 100 ms at first and 30 s at last, for ever.

Header Lastseat-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of \"<t>.<body>\">.

It reads the ledger itself (--redis-url), so it needs no node and no token.

SIGTERM or Ctrl-C finishes the delivery under way. The position is kept in Redis, one for each name;
after a kill -9 the next relay waits up to 5 s for the lease of the dead one, then goes on.

https is checked against the certificates of this machine, or those in the file SSL_CERT_FILE.")]
pub struct RelayFlags {
    /// The sale
    pub sale: String,
    /// Where changes are posted to, http:// or https://
    #[arg(long, env = "LASTSEAT_WEBHOOK_URL", hide_env_values = true, value_name = "URL")]
    pub to: String,
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
