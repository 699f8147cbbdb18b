//! The configuration of one node, checked.

use crate::http::TrustLevel;
use crate::membership::NodeIdentity;
use crate::secret::SecretRing;
use crate::telemetry::metrics::MoreMetrics;
use lastseat_ledger::{LedgerUrl, Replicas};
use shared::KeyRing;
use shared::admission::browser_origin::AllowedOrigins;
use shared::admission::rate_limit::Rate;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What one node runs with.
#[derive(Debug)]
pub struct ServeConfig {
    /// Number and weight.
    pub node: NodeIdentity,
    /// Address for orders.
    pub listen: SocketAddr,
    /// Address for operators.
    pub admin_listen: SocketAddr,
    /// The ledger.
    pub ledger: LedgerUrl,
    /// The replicas that are waited for.
    pub replicas: Option<Replicas>,
    /// The node's own directory.
    pub directory: PathBuf,
    /// Token of the admin calls.
    pub admin_token: Option<SecretRing>,
    /// Token of the shop's call.
    pub shop_token: Option<SecretRing>,
    /// Verifies scoped tokens, if it takes any.
    pub token_keys: Option<KeyRing>,
    /// Which edges it trusts.
    pub trust: TrustLevel,
    /// Verifies the shop's buyer tokens, where orders need one.
    pub buyer_keys: Option<KeyRing>,
    /// Signs pay links for the shop, where sales have some.
    pub pay_keys: Option<KeyRing>,
    /// Pages of other hosts that may call it.
    pub allowed_origins: AllowedOrigins,
    /// What one client may ask.
    pub client_rate: Option<Rate>,
    /// Whether anybody may make the shop's calls.
    pub demo: bool,
    /// Most connections of the public listener.
    pub connections_max: usize,
    /// Threads that serve.
    pub threads: usize,
    /// Time between two audits of a sale that nodes make by themselves; `None` = they make none.
    pub audit_every: Option<Duration>,
    /// Metrics of what runs beside the node in its process.
    pub more_metrics: Option<Arc<dyn MoreMetrics>>,
    /// Whether to stop when stdin ends.
    pub stop_with_stdin: bool,
    /// Whether to print the ready line as JSON.
    pub json: bool,
}
