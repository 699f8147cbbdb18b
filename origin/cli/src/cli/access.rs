//! Flags that say who may ask nodes for what.

use super::secret;
use clap::Args;
use lastseat_node::secret::Secret;

/// Who may ask nodes for what: the flags that `serve` and `cluster` share.
#[derive(Debug, Args)]
pub struct AccessFlags {
    /// Bearer token of the admin calls; several as id:token,id:token while one replaces another,
    /// the one to send first. When absent, "serve" refuses them and "cluster" makes one, kept
    /// in admin.token
    #[arg(long, env = "LASTSEAT_ADMIN_TOKEN", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "TOKEN")]
    pub admin_token: Option<Secret>,
    /// Bearer token of the shop's call, which confirms orders; several as id:token,id:token while
    /// one replaces another. When absent, "serve" refuses that call and "cluster" makes one, kept
    /// in shop.token
    #[arg(long, env = "LASTSEAT_SHOP_TOKEN", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "TOKEN")]
    pub shop_token: Option<Secret>,
    /// Keys of scoped tokens, which "token create" makes for people and programs; several as
    /// id:secret,id:secret while one replaces another. When absent, "serve" refuses such tokens
    /// and "cluster" makes a key, kept in token.key
    #[arg(long, env = "LASTSEAT_TOKEN_KEYS", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub token_keys: Option<Secret>,
    /// Key of the edges, the same as theirs; several as id:secret,id:secret while one replaces
    /// another. When absent, "cluster" takes that of .dev.vars or edge.key
    #[arg(long, env = "LASTSEAT_EDGE_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub edge_key: Option<Secret>,
    /// Serve clients without an edge, too: whoever reaches a node is served
    #[arg(long)]
    pub insecure_direct: bool,
    /// Key of the shop's buyer tokens; if given, an order needs a token
    #[arg(long, env = "LASTSEAT_BUYER_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub buyer_key: Option<Secret>,
    /// Key with which nodes sign pay links for the shop (a pay URL with {signed}); nodes and shop
    /// alone have it. When absent, "cluster" makes one in pay.key
    #[arg(long, env = "LASTSEAT_PAY_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, value_name = "KEYS")]
    pub pay_key: Option<Secret>,
    /// What one client address may ask of each node and of each edge of "cluster", such as
    /// "5/s burst 20" or "30/m burst 10"
    #[arg(long, env = "LASTSEAT_CLIENT_RATE", value_name = "RATE")]
    pub client_rate: Option<String>,
    /// Origins of pages on other hosts that may order here, such as
    /// `https://shop.example,http://localhost:5173`, at each node and each edge of "cluster"
    #[arg(long, env = "LASTSEAT_ALLOWED_ORIGINS", value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,
}
