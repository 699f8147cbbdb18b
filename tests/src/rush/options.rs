//! The command line of `rush`.

use crate::harness::Edge;
use crate::load::LoadProtocol;
use clap::{Parser, value_parser};
use shared::limits::CAPACITY_MAX;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

/// Each buyer takes one byte of memory, and its key eight hex digits for the number.
const BUYERS_MAX: i64 = 10_000_000;
const TICKETS_MAX: i64 = CAPACITY_MAX as i64;

/// Sends a crowd of buyers after the tickets of one sale, then proves that every ticket went to
/// exactly one of them.
///
/// Exit codes: 0 everything holds; 1 tickets were oversold, unsold or lost, or buyers got no
/// answer; 2 wrong flags; 3 the rush could not be run.
#[derive(Clone, Debug, Parser)]
#[command(name = "rush")]
pub struct LoadOptions {
    /// How many buyers come, each for one ticket.
    #[arg(long, default_value_t = 1_000_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=BUYERS_MAX))]
    pub buyers: u32,
    /// How many tickets the sale has.
    #[arg(long, default_value_t = 10_000)]
    #[arg(value_parser = value_parser!(u32).range(0..=TICKETS_MAX))]
    pub tickets: u32,
    /// What the sale sells, in the place of --tickets: a plan, in TOML or JSON. Buyers then want
    /// random journeys of it, busy stations more often, and 1 to 4 tickets of one class.
    #[arg(long, value_name = "FILE", conflicts_with = "tickets")]
    pub plan: Option<PathBuf>,
    /// What runs the edge; none sends the buyers straight to the nodes.
    #[arg(long, value_enum, default_value = "workerd")]
    pub edge: Edge,
    /// How many edges run.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=64))]
    pub edges: u16,
    /// How many processes of workerd share the port of each edge.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// What the buyers speak: HTTP/1.1, or HTTP/2 in clear (h2), 32 requests on a connection.
    #[arg(long, value_enum, default_value = "h1")]
    pub protocol: LoadProtocol,
    /// Connections that carry the buyers; with h2, requests under way at the same time [default: 64
    /// for wrangler, else 256].
    #[arg(long, value_parser = value_parser!(u16).range(1..=10_000))]
    pub connections: Option<u16>,
    /// Aim at a running system instead of starting one: where orders go (may be repeated).
    #[arg(long, value_name = "URL", requires_all = ["admin", "token"])]
    pub target: Vec<String>,
    /// With --target: the admin address of a node (repeat it for each node, to count their
    /// requests).
    #[arg(long, value_name = "URL", requires = "target")]
    pub admin: Vec<String>,
    /// With --target: the admin token.
    #[arg(long, requires = "target", env = "LASTSEAT_ADMIN_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// With --target: the ledger's Redis. Without it the orders are compared by number only.
    #[arg(long, value_name = "URL", requires = "target")]
    pub redis_url: Option<String>,
    /// The sale that is made [default: rush, with --target one with a random name].
    #[arg(long)]
    pub sale: Option<String>,
    /// kill -9 the node with the largest share when this part of the tickets is sold (0.0 to 1.0).
    #[arg(long, value_name = "FRACTION", value_parser = fraction, conflicts_with = "target")]
    pub kill_node_at: Option<f64>,
    /// Have Redis lose its power when this part of the tickets is sold (0.0 to 1.0): kill -9, and
    /// the last 2,000 to 20,000 bytes of its append-only file are gone, up to inside a script.
    /// Every "yes" of a buyer must be kept all the same.
    #[arg(long, value_name = "FRACTION", value_parser = fraction, conflicts_with = "target")]
    pub cut_redis_at: Option<f64>,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Number that the buyers' keys, and with --plan their journeys, follow from [default: random].
    #[arg(long)]
    pub seed: Option<u64>,
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fraction) if (0.0..=1.0).contains(&fraction) => Ok(fraction),
        _ => Err("must be a number from 0.0 to 1.0".to_owned()),
    }
}

impl LoadOptions {
    /// The defaults, for tests that change a few.
    pub fn of(buyers: u32, tickets: u32, edge: Edge) -> Self {
        let mut options = Self::parse_from(["rush"]);
        (options.buyers, options.tickets, options.edge) = (buyers, tickets, edge);
        options
    }

    /// How many connections carry the buyers: never more than there are buyers.
    pub fn connections(&self) -> u32 {
        let default = if self.edge == Edge::Wrangler { 64 } else { 256 };
        u32::from(self.connections.unwrap_or(default)).min(self.buyers)
    }

    /// The seed that was given, or a random one.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(random)
    }

    /// The name of the sale.
    pub fn sale(&self) -> String {
        match &self.sale {
            Some(sale) => sale.clone(),
            None if self.target.is_empty() => "rush".to_owned(),
            None => format!("rush-{:016x}", random()),
        }
    }
}

fn random() -> u64 {
    RandomState::new().hash_one(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        LoadOptions::command().debug_assert();
    }

    #[test]
    fn a_target_needs_its_admin_address_and_what_is_broken_must_be_ours() {
        assert!(LoadOptions::try_parse_from(["rush", "--target", "http://a:1"]).is_err());
        let aimed = "rush --target http://a:1 --admin http://a:2 --token t";
        let arguments: Vec<&str> = aimed.split(' ').collect();
        assert!(LoadOptions::try_parse_from(&arguments).is_ok());
        for fault in ["--kill-node-at", "--cut-redis-at"] {
            let breaking = [arguments.as_slice(), &[fault, "0.5"]].concat();
            assert!(LoadOptions::try_parse_from(breaking).is_err(), "{fault}");
            assert!(LoadOptions::try_parse_from(["rush", fault, "0.5"]).is_ok(), "{fault}");
            assert!(LoadOptions::try_parse_from(["rush", fault, "2"]).is_err(), "{fault}");
        }
        assert!(LoadOptions::try_parse_from(["rush", "--buyers", "0"]).is_err());
        let both = ["rush", "--plan", "a.toml", "--tickets", "5"];
        assert!(LoadOptions::try_parse_from(both).is_err(), "a plan says how many there are");
    }

    #[test]
    fn there_are_never_more_connections_than_buyers() {
        assert_eq!(LoadOptions::of(10, 1, Edge::Workerd).connections(), 10);
        assert_eq!(LoadOptions::of(1_000, 1, Edge::Workerd).connections(), 256);
        assert_eq!(LoadOptions::of(1_000, 1, Edge::Wrangler).connections(), 64);
    }
}
