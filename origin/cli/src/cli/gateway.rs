//! Flags of `lastseat gateway`, and of a node that faces buyers.

use super::secret;
use clap::Args;
use lastseat_gateway::front::CONNECTIONS_MAX;
use lastseat_node::secret::Secret;
use std::path::PathBuf;

/// Heading of the options that say what it does as an edge.
const EDGE: &str = "Edge, as the variables of the Worker of the same names";
/// Heading of the options of a node that faces buyers.
const PUBLIC: &str = "A node that faces buyers";
/// Heading of the options about proxies before it.
const PROXIES: &str = "Proxies before it";

/// `lastseat gateway`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  export LASTSEAT_EDGE_KEY=...  # what the nodes have
  lastseat gateway --origins '[{\"url\":\"http://127.0.0.1:3001\"}]'
  lastseat gateway --origins /etc/lastseat/origins.json --listen 0.0.0.0:443 \\
    --tls-cert /etc/lastseat/tls/fullchain.pem --tls-key /etc/lastseat/tls/privkey.pem
  lastseat gateway --origins origins.json --trusted-proxies 10.0.0.0/8 --proxy-protocol

Certificate and key are read again when the files change, and on SIGHUP at once.

SIGTERM or Ctrl-C: takes no more connections, finishes what was begun, exits with 0 within 10 s.")]
pub struct GatewayFlags {
    /// Address for buyers and shops; port 0 takes any free one
    #[arg(long, env = "LASTSEAT_LISTEN", default_value = "127.0.0.1:8787", value_name = "IP:PORT")]
    pub listen: String,
    /// Address for operators: /livez, /readyz and /metrics
    #[arg(
        long,
        env = "LASTSEAT_ADMIN_LISTEN",
        default_value = "127.0.0.1:8887",
        value_name = "IP:PORT"
    )]
    pub admin_listen: String,
    /// Threads that serve, each with a listener on the same port; as many as there are processors
    /// when absent
    #[arg(long, env = "LASTSEAT_THREADS", value_name = "1..256")]
    pub threads: Option<String>,
    /// Most connections at a time, of all threads together; those above are answered 503, over TLS
    /// closed
    #[arg(
        long,
        env = "LASTSEAT_CONNECTIONS",
        default_value_t = CONNECTIONS_MAX.to_string(),
        value_name = "NUMBER"
    )]
    pub connections: String,
    /// TLS, and proxies before it.
    #[command(flatten)]
    pub outside: OutsideFlags,
    /// What it does as an edge.
    #[command(flatten)]
    pub edge: EdgeFlags,
    /// Stop when stdin ends, as it does when the parent process dies
    #[arg(long, hide = true)]
    pub stop_with_stdin: bool,
}

/// How a server that faces buyers is reached.
#[derive(Debug, Args)]
pub struct OutsideFlags {
    /// Certificate and its chain, PEM: serves over TLS, HTTP/2 and HTTP/1.1
    #[arg(long, env = "LASTSEAT_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, env = "LASTSEAT_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Networks of proxies that may report the address of a client, such as
    /// 10.0.0.0/8,2001:db8::/32; what others report of themselves does not count
    #[arg(long, env = "LASTSEAT_TRUSTED_PROXIES", default_value = "", hide_default_value = true)]
    #[arg(help_heading = PROXIES, value_name = "NETWORKS")]
    pub trusted_proxies: String,
    /// Require a PROXY protocol header of version 2 at the begin of each connection from them
    #[arg(long, env = "LASTSEAT_PROXY_PROTOCOL", help_heading = PROXIES)]
    pub proxy_protocol: bool,
    /// What of a request from them has the client's address: forwarded = the last address in
    /// X-Forwarded-For that is not theirs; header = CF-Connecting-IP, which Cloudflare sets;
    /// connection = nothing, the other end of the connection is the client
    #[arg(long, env = "CLIENT_IP", default_value = "forwarded", help_heading = PROXIES)]
    #[arg(value_name = "forwarded|header|connection")]
    pub client_ip: String,
}

/// A node that faces buyers.
#[derive(Debug, Args)]
pub struct PublicFlags {
    /// Face buyers at this address, too, as a gateway before this node alone would, in the same
    /// process: for whom one server is enough. The node then needs no edge and no edge key
    #[arg(long, env = "LASTSEAT_PUBLIC", help_heading = PUBLIC, value_name = "IP:PORT")]
    pub public: Option<String>,
    /// Address for operators of that side: /livez, /readyz and /metrics
    #[arg(
        long,
        env = "LASTSEAT_PUBLIC_ADMIN_LISTEN",
        default_value = "127.0.0.1:3201",
        help_heading = PUBLIC,
        value_name = "IP:PORT"
    )]
    pub public_admin_listen: String,
    /// TLS, and proxies before it.
    #[command(flatten)]
    pub outside: OutsideFlags,
}

/// What a gateway does as an edge.
#[derive(Debug, Args)]
pub struct EdgeFlags {
    /// The nodes: a JSON array of {"url", "weight", "zone", ...} or the name of a file that has it
    #[arg(long, env = "ORIGINS", help_heading = EDGE, value_name = "JSON|FILE")]
    pub origins: Option<String>,
    /// How a node is chosen: round_robin, ip_hash, buyer_hash, least_in_flight or random_two
    #[arg(long, env = "BALANCE", help_heading = EDGE, value_name = "WORD")]
    pub balance: Option<String>,
    /// The zone of this gateway; its nodes are used first
    #[arg(long, env = "ZONE", help_heading = EDGE, value_name = "ZONE")]
    pub zone: Option<String>,
    /// What one client address may ask, such as "5/s burst 20"; no limit when absent
    #[arg(long, env = "CLIENT_RATE", help_heading = EDGE, value_name = "RATE")]
    pub client_rate: Option<String>,
    /// Origins of pages on other hosts that may order here, such as
    /// `https://shop.example,http://localhost:5173`
    #[arg(long, env = "ALLOWED_ORIGINS", help_heading = EDGE, value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,
    /// Share of requests without a trace that begin one, such as 0.01
    #[arg(long, env = "TRACE_SHARE", help_heading = EDGE, value_name = "0..1")]
    pub trace_share: Option<String>,
    /// What becomes of a trace that a client names
    #[arg(long, env = "CLIENT_TRACES", help_heading = EDGE, value_name = "ignored|taken")]
    pub client_traces: Option<String>,
    /// Key with which it signs for the nodes, the same as theirs; several as id:secret,id:secret
    /// while one replaces another
    #[arg(long, env = "LASTSEAT_EDGE_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, help_heading = EDGE, value_name = "KEYS")]
    pub edge_key: Option<Secret>,
    /// Key of the shop's buyer tokens; if given, an order needs a token
    #[arg(long, env = "LASTSEAT_BUYER_KEY", hide_env_values = true)]
    #[arg(value_parser = secret, help_heading = EDGE, value_name = "KEYS")]
    pub buyer_key: Option<Secret>,
}
