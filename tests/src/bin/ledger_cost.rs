//! Measures what an order costs in Redis: see [`lastseat_tests::cost`].

use anyhow::Result;
use clap::{Parser, value_parser};
use lastseat_tests::cost::{HEADING, measure};

/// Fills sales of growing sizes, each on a Redis of its own (without append-only file), and prints
/// the bytes and the CPU time that an order costs there.
#[derive(Debug, Parser)]
#[command(name = "ledger_cost")]
struct Options {
    /// Orders in the sale; may be repeated [default: 10000, 100000 and 1000000].
    #[arg(long, value_parser = value_parser!(u32).range(256..=10_000_000))]
    orders: Vec<u32>,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> Result<()> {
    let mut options = Options::parse();
    if options.orders.is_empty() {
        options.orders = vec![10_000, 100_000, 1_000_000];
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(measure(&options.orders))?;
    if options.json {
        for row in &rows {
            println!("{}", serde_json::to_string(row)?);
        }
        return Ok(());
    }
    println!("{HEADING}");
    for row in &rows {
        println!("{row}");
    }
    Ok(())
}
