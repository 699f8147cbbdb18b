//! Command line of the tools that `make` runs: load, measurements, simulations and searches.

mod bench;
mod drill;
mod guard;
mod ledger_cost;
mod mutants;
mod profile;
mod rush;
mod simulator;

use clap::Parser;
use lastseat_tests::bench::BenchOptions;
use lastseat_tests::drill::FaultTestOptions;
use lastseat_tests::rush::LoadOptions;
use std::process::ExitCode;

/// Tools of those who change or measure lastseat. `make help` lists the targets that run them.
#[derive(Debug, Parser)]
#[command(name = "tools")]
#[allow(clippy::large_enum_variant, reason = "there is one of them in each process")]
enum Tool {
    Bench(BenchOptions),
    Drill(FaultTestOptions),
    Guard(guard::Options),
    LedgerCost(ledger_cost::Options),
    Mutants(mutants::Options),
    Profile(profile::Options),
    Rush(LoadOptions),
    #[command(subcommand)]
    Simulator(simulator::Scenario),
}

fn main() -> ExitCode {
    match Tool::parse() {
        Tool::Bench(options) => bench::main(&options),
        Tool::Drill(options) => drill::main(&options),
        Tool::Guard(options) => guard::main(&options),
        Tool::LedgerCost(options) => ledger_cost::main(&options),
        Tool::Mutants(options) => mutants::main(&options),
        Tool::Profile(options) => profile::main(&options),
        Tool::Rush(options) => rush::main(&options),
        Tool::Simulator(scenario) => simulator::main(&scenario),
    }
}
