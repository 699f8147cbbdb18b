//! Command line of the simulator: `make sim` and `make swarm`, see [`lastseat_tests::simulator`].

use clap::{Args, Subcommand};
use lastseat_tests::simulator::faults::{
    Classes, Planted, Soak, run as run_faults, scenario, search, shortest,
};
use lastseat_tests::simulator::scale::{ScaleOptions, picture, run as run_scale};
use std::process::ExitCode;
use std::time::Instant;

/// Simulates lastseat in virtual time, without servers.
#[derive(Debug, Subcommand)]
pub(super) enum Scenario {
    Faults(FaultOptions),
    Scale(ScaleOptions),
}

/// Simulates lastseat under faults, one run a seed, and checks every step of it.
#[derive(Args, Debug)]
pub(super) struct FaultOptions {
    /// How many seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this seed, with all that happens in it.
    #[arg(long)]
    seed: Option<u64>,
    /// Also cut the tail of Redis' append-only file: acknowledged orders are lost then, and named.
    #[arg(long)]
    tail_cut: bool,
    /// Plant each of the deliberate faults in turn and show by which seed it is found.
    #[arg(long)]
    planted: bool,
    /// Do not stop at the first run that breaks a rule.
    #[arg(long)]
    all: bool,
    /// With --planted: show the shortest traces.
    #[arg(long)]
    traces: bool,
}

pub(super) fn main(scenario: &Scenario) -> ExitCode {
    match scenario {
        Scenario::Faults(options) => faults(options),
        Scenario::Scale(options) => scale(options),
    }
}

fn scale(options: &ScaleOptions) -> ExitCode {
    let report = run_scale(&options.scenario);
    if let Some(file) = &options.svg
        && let Err(error) = std::fs::write(file, picture::svg(&report))
    {
        eprintln!("simulator: cannot write {}: {error}", file.display());
        return ExitCode::from(3);
    }
    if options.json {
        println!("{}", serde_json::to_string(&report).expect("a report is made of numbers"));
    } else {
        println!("{report}");
    }
    ExitCode::from(u8::from(!report.missed().is_empty()))
}

fn faults(options: &FaultOptions) -> ExitCode {
    let classes = Classes { tail_cut: options.tail_cut };
    if options.planted {
        return planted(options);
    }
    if let Some(seed) = options.seed {
        return one(seed, classes);
    }
    let begun = Instant::now();
    let seeds = options.from..options.from + options.seeds;
    let soak = search(seeds, classes, None, !options.all);
    report(&soak, begun);
    for (rule, (count, seed)) in &soak.broken {
        println!("{count} times, first in seed {seed}: {rule}");
    }
    match soak.failed {
        None => ExitCode::SUCCESS,
        Some(seed) => {
            println!("seed {seed} breaks a rule; at its shortest:\n");
            println!("{}", shortest(&scenario(seed, classes), None));
            ExitCode::FAILURE
        }
    }
}

fn report(soak: &Soak, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    let Soak { runs, stats, .. } = soak;
    let rate = *runs as f64 * 60.0 / seconds;
    println!("{runs} runs in {seconds:.1} s: {rate:.0} runs a minute, {} events", stats.steps);
    println!(
        "{} orders, {} answers, of them {} unknown; {} buyers served, {} late orders after a no, \
         {} orders cut off with a tail, {} of them lost",
        stats.orders, stats.answers, stats.unknown, stats.served, stats.late, stats.cut, stats.lost
    );
    println!(
        "{} runs sold by a plan: {} parts given back, {} lines without seats",
        stats.plans, stats.parts, stats.no_seats
    );
}

fn one(seed: u64, classes: Classes) -> ExitCode {
    let scenario = scenario(seed, classes);
    print!("{scenario}");
    let outcome = run_faults(&scenario, None, true);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!("{:?}", outcome.stats);
    for id in &outcome.lost {
        println!("lost: {id}");
    }
    let Some(violation) = outcome.violation else {
        println!("no rule is broken");
        return ExitCode::SUCCESS;
    };
    println!("\n{violation:?}\nat its shortest:\n\n{}", shortest(&scenario, None));
    ExitCode::FAILURE
}

fn planted(options: &FaultOptions) -> ExitCode {
    let mut missed = 0;
    println!("| planted fault | seed | events of the shortest trace | rule |\n|---|---|---|---|");
    let others = Planted::to_be_found(false).map(|fault| (fault, false));
    let of_recovery = Planted::to_be_found(true).map(|fault| (fault, true));
    for (fault, tail_cut) in others.chain(of_recovery) {
        let classes = Classes { tail_cut };
        let seeds = options.from..options.from + options.seeds.min(2_000);
        let Some(seed) = search(seeds, classes, Some(fault), true).failed else {
            missed += 1;
            println!("| {fault:?} | none | | |");
            continue;
        };
        let failure = shortest(&scenario(seed, classes), Some(fault));
        let rule = failure.outcome.violation.as_ref().map(|v| v.rule.as_str());
        let events = failure.outcome.trace.len();
        println!("| {fault:?} | {seed} | {events} | {} |", rule.unwrap_or_default());
        if options.traces {
            println!("\n{failure}");
        }
    }
    ExitCode::from(u8::from(missed > 0))
}
