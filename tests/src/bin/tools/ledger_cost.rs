//! Measures what an order costs in Redis: see [`lastseat_tests::cost`].

use anyhow::Result;
use clap::{Args, value_parser};
use lastseat_tests::cost::{HEADING, measure};
use std::process::ExitCode;

/// Fills sales of growing sizes, each on a Redis of its own (without append-only file), and prints
/// the bytes and the CPU time that an order costs there.
#[derive(Args, Debug)]
pub(super) struct Options {
    /// Orders in the sale; may be repeated [default: 10000, 100000 and 1000000].
    #[arg(long, value_parser = value_parser!(u32).range(256..=10_000_000))]
    orders: Vec<u32>,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) fn main(options: &Options) -> ExitCode {
    match print(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ledger-cost: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn print(options: &Options) -> Result<()> {
    let orders = match options.orders.as_slice() {
        [] => &[10_000, 100_000, 1_000_000],
        orders => orders,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let rows = runtime.block_on(measure(orders))?;
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
