//! Scenario of scale: what a simulated rush is made of, which is also its command line.

use clap::{Args, Parser, value_parser};
use shared::domain::order::KeySource;
use shared::edge::state::EdgeLimits;
use shared::limits::EDGE_UNDER_WAY_MAX;
use std::path::PathBuf;

/// One simulated rush. Times are in milliseconds from its start.
#[derive(Args, Clone, Debug)]
pub struct ScaleScenario {
    /// So many gateways in the place of locations and isolates: each is one process whose threads
    /// share what a sale says. They are near the nodes and get the same part of the crowd.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=400))]
    #[arg(conflicts_with_all = ["locations", "isolates", "under_way", "zipf", "far"])]
    #[arg(conflicts_with_all = ["shared_word_ms"])]
    pub gateways: Option<u32>,
    /// Locations of the edge.
    #[arg(long, default_value_t = 300, value_parser = value_parser!(u32).range(1..=2_000))]
    pub locations: u32,
    /// Isolates in each location.
    #[arg(long, default_value_t = 20, value_parser = value_parser!(u32).range(1..=200))]
    pub isolates: u32,
    /// Orders that one isolate lets wait for origins; a gateway lets 8,192.
    #[arg(long, default_value_t = EDGE_UNDER_WAY_MAX)]
    pub under_way: u32,
    /// How many buyers come, each for one ticket.
    #[arg(long, default_value_t = 1_000_000)]
    #[arg(value_parser = value_parser!(u32).range(1..=10_000_000))]
    pub buyers: u32,
    /// How many tickets there are.
    #[arg(long, default_value_t = 10_000, value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub tickets: u32,
    /// Everything random follows from it: the same seed gives the same history.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How unequal the locations are: the share of each is 1 / rank ^ ZIPF.
    #[arg(long, default_value_t = 1.0, value_parser = zipf)]
    pub zipf: f64,
    /// The crowd comes evenly within this time, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = value_parser!(u64).range(1..=600_000))]
    pub burst_ms: u64,
    /// Part of the buyers, 0 to 1, who come after the burst.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub tail: f64,
    /// Those come within this time, in milliseconds.
    #[arg(long, default_value_t = 5_000, value_parser = value_parser!(u64).range(1..=600_000))]
    pub tail_ms: u64,
    /// Who makes the keys of the orders: the edge ("made") or the clients, who send them ("sent").
    #[arg(long = "keys", default_value = "sent", value_parser = key)]
    pub key: KeySource,
    /// The sale opens by itself after this time, in milliseconds; the burst starts at 0 all the
    /// same.
    #[arg(long, default_value_t = 0, value_parser = value_parser!(u64).range(..=600_000))]
    pub opens_ms: u64,
    /// Tickets given back, as MS:TICKETS; may be repeated.
    #[arg(long = "return", value_name = "MS:TICKETS", value_parser = change)]
    pub returns: Vec<(u64, u32)>,
    /// Tickets added, as MS:TICKETS; may be repeated.
    #[arg(long = "restock", value_name = "MS:TICKETS", value_parser = change)]
    pub restocks: Vec<(u64, u32)>,
    /// Part of the isolates, 0 to 1, that is reset each second.
    #[arg(long, default_value_t = 0.0, value_parser = part)]
    pub evictions: f64,
    /// Part of the locations, 0 to 1, that are 150 ms away.
    #[arg(long, default_value_t = 0.05, value_parser = part)]
    pub far: f64,
    /// Part of the messages, 0 to 1, that are up to 400 ms late and so overtaken by others.
    #[arg(long, default_value_t = 0.02, value_parser = part)]
    pub late: f64,
    /// Weights of the nodes.
    #[arg(skip = vec![1, 2, 3, 4])]
    pub weights: Vec<u32>,
    /// What a node needs for one request, in microseconds.
    #[arg(long, default_value_t = 25, value_parser = value_parser!(u64).range(1..=1_000_000))]
    pub service_us: u64,
    /// Isolates of a location share the word that nothing is free for so long, in milliseconds
    /// (Cache API).
    #[arg(long)]
    pub shared_word_ms: Option<u64>,
}

/// Simulates the quota protocol between many edges and the origins: the real rules of gate, grant,
/// node budget and routing, with a modelled network and a modelled crowd. Needs no server and no
/// Redis.
///
/// Exit codes: 0 every goal is met; 1 one is missed; 2 wrong flags; 3 the picture could not be
/// written.
#[derive(Debug, Parser)]
pub struct ScaleOptions {
    #[command(flatten)]
    pub scenario: ScaleScenario,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Draw the rush as SVG into this file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

impl ScaleScenario {
    /// What follows from the number of gateways, if there are any.
    #[must_use]
    pub fn resolved(&self) -> Self {
        let Some(locations) = self.gateways else { return self.clone() };
        let under_way = EdgeLimits::GATEWAY.orders;
        Self { locations, isolates: 1, under_way, zipf: 0.0, far: 0.0, ..self.clone() }
    }
}

impl Default for ScaleScenario {
    fn default() -> Self {
        ScaleOptions::parse_from(["scale"]).scenario
    }
}

fn key(text: &str) -> Result<KeySource, String> {
    match text {
        "made" => Ok(KeySource::Made),
        "sent" => Ok(KeySource::Sent),
        _ => Err("write made or sent".to_owned()),
    }
}

fn part(text: &str) -> Result<f64, String> {
    let part = text.parse().ok().filter(|part| (0.0..=1.0).contains(part));
    part.ok_or_else(|| "write a part of the whole, from 0 to 1".to_owned())
}

fn zipf(text: &str) -> Result<f64, String> {
    let zipf = text.parse().ok().filter(|zipf| (0.0..=10.0).contains(zipf));
    zipf.ok_or_else(|| "write a number from 0 (all alike) to 10".to_owned())
}

fn change(text: &str) -> Result<(u64, u32), String> {
    let wanted = || "write it as MS:TICKETS, such as 700:100".to_owned();
    let (ms, tickets) = text.split_once(':').ok_or_else(wanted)?;
    let (ms, tickets) = (ms.parse(), tickets.parse());
    let both = ms.ok().zip(tickets.ok());
    both.filter(|(ms, tickets)| *ms <= 600_000 && *tickets <= 1_000_000).ok_or_else(wanted)
}
