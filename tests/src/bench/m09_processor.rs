//! M9: what a sold ticket and a refusal cost in processor time, by process: the whole stack, ours
//! and the best peer's.

use super::Bench;
use super::load::{CrowdLoad, Pace};
use super::measure::Measure;
use super::row::{BenchRow, Better, Draft};
use super::service::{Expect, PLENTY, Run, Service};
use super::stack::{Nginx, RunningStack, ServiceStack};
use super::turns::Turns;
use anyhow::Result;

const CONNECTIONS: u32 = 64;
const SEED: u64 = 9;
const FIRST: u64 = 10;
const PEER: ServiceStack = ServiceStack::Peer(Service::S2, Nginx::Tuned);

/// Processes by what they do: how rows call it, ours, the peer's.
const PARTS: [(&str, &str, &str); 3] = [
    ("first tier (edge / nginx)", "workerd", "nginx"),
    ("nodes", "lastseat", "s2"),
    ("Redis", "redis-server", "redis-server"),
];

/// The measure.
///
/// # Errors
/// A stack cannot be run.
pub(super) async fn processor(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let mut rows = Vec::new();
    for (word, name, sold_out) in
        [("ticket", "a sold ticket", false), ("refusal", "a refusal", true)]
    {
        let stacks = [ServiceStack::Ours, PEER, ServiceStack::Constant];
        let turns = bench
            .turns(Measure::M9, &stacks, async |bench, stack| run(stack, sold_out, bench).await);
        let turns = turns.await?;
        let draft = |row: String, what: &str| {
            let name = format!("processor time of {name}, {what}, against {}", PEER.name());
            Draft::new(Measure::M9, &row, &name, "us", Better::Lower)
        };
        let all = draft(format!("{word}-all"), "all processes").goal(1.0).limit(limit(&turns));
        let all = all.note("User and system time of all processes but the generator, from /proc.");
        rows.push(turns.row(all, ServiceStack::Ours, PEER, Run::cpu_us));
        for (what, ours, peer) in PARTS {
            let short = what.split(' ').next().unwrap_or(what).to_lowercase();
            let part = draft(format!("{word}-{short}"), what);
            // A run has the one or the other.
            rows.push(turns.row(part, ServiceStack::Ours, PEER, |run| run.cpu_of(&[ours, peer])));
        }
    }
    Ok(rows)
}

async fn run(stack: ServiceStack, sold_out: bool, bench: &Bench) -> Result<Run> {
    let tickets = if sold_out { 1 } else { PLENTY };
    let mut running = RunningStack::start(stack, tickets, FIRST).await?;
    let doors = running.doors()?;
    if sold_out && stack != ServiceStack::Constant {
        let one = CrowdLoad::new(doors[0], running.ask(), 1, Pace::Count(1));
        let sold = running.run(&one, Expect::Granted, false).await?;
        running.goes_on(SEED, 1);
        anyhow::ensure!(sold.problems.is_empty(), "{}", sold.problems.join("; "));
    }
    let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M9));
    let mut load = CrowdLoad::new(doors[0], running.ask(), CONNECTIONS, pace)
        .warmed_up(bench.options.warm_up());
    load.to = doors;
    let expect = if sold_out || stack == ServiceStack::Constant {
        Expect::NoTicket
    } else {
        Expect::Anything
    };
    running.run(&load, expect, false).await
}

/// What workerd takes for an answer that is a constant, beside what the whole peer takes.
fn limit(turns: &Turns<ServiceStack>) -> String {
    let us = |stack| turns.median(stack, Run::cpu_us);
    let ours = turns.median(ServiceStack::Ours, |run| run.cpu_of(&["workerd"]));
    format!(
        "workerd takes {:.0} us to answer a request with a constant; the whole peer takes {:.0} \
         us for this one. Of our {:.0} us \
         workerd has {ours:.0}. The peer keeps no order, no buyer, no key and no log, and signs \
         nothing. On Cloudflare the first \
         tier is not our processor: the rows by process tell what stays \
         (docs/evidence/PERFORMANCE.md has the profile).",
        us(ServiceStack::Constant),
        us(PEER),
        us(ServiceStack::Ours),
    )
}
