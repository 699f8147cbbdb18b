//! M6 and M7: a crowd after few tickets through the whole stack, until the last of them has a final
//! answer, and what the edge keeps away from the origins meanwhile.
//!
//! The rush of `make rush` has a million buyers; against the published service that takes minutes
//! for each round. The rounds here have a tenth of both, 100,000 attempts for 1,000 tickets, so the
//! same hundred buyers for each ticket.

use super::Bench;
use super::load::{CrowdLoad, Pace};
use super::measure::Measure;
use super::row::{BenchRound, BenchRow, Better, Draft};
use super::service::{Expect, Run, Service};
use super::stack::{Nginx, RunningStack, ServiceStack};
use super::turns::Turns;
use anyhow::Result;

const ATTEMPTS: u32 = 100_000;
const TICKETS: u64 = 1_000;
const QUICK_ATTEMPTS: u32 = 5_000;
const QUICK_TICKETS: u64 = 50;
const CONNECTIONS: u32 = 256;
const SEED: u64 = 6;

const PEERS: [(&str, ServiceStack, f64); 4] = [
    ("s0", ServiceStack::Peer(Service::S0, Nginx::Default), 4.0),
    ("s1", ServiceStack::Peer(Service::S1, Nginx::Default), 4.0),
    ("s2", ServiceStack::Peer(Service::S2, Nginx::Default), 2.5),
    ("s2-tuned", ServiceStack::Peer(Service::S2, Nginx::Tuned), 1.3),
];

const LIMIT_REQUESTS: &str = "Until an edge has heard its first grant it lets a few buyers \
    through without knowing how many tickets there are, and some \
    after the last ticket to hear that it is gone. That is a number of requests for each isolate \
    and not for each ticket: the fewer \
    tickets, the more for each (docs/QUOTA.md). With 10,000 tickets, as `make rush` has, it was \
    1.04.";
/// Both.
///
/// # Errors
/// A stack cannot be run.
pub(super) async fn rush(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let stacks: Vec<ServiceStack> = [ServiceStack::Ours, ServiceStack::Constant]
        .into_iter()
        .chain(PEERS.map(|peer| peer.1))
        .collect();
    let (attempts, tickets) = match bench.options.quick {
        true => (QUICK_ATTEMPTS, QUICK_TICKETS),
        false => (ATTEMPTS, TICKETS),
    };
    let turns = bench.turns(Measure::M6, &stacks, async |_, stack| {
        let running = RunningStack::start(stack, tickets, SEED).await?;
        let doors = running.doors()?;
        let mut load = CrowdLoad::new(doors[0], running.ask(), CONNECTIONS, Pace::Count(attempts));
        load.to = doors;
        let published = matches!(stack, ServiceStack::Peer(Service::S0, _));
        running.run(&load, Expect::Anything, published).await
    });
    let turns = turns.await?;
    let note = format!(
        "{attempts} attempts for {tickets} tickets over {CONNECTIONS} connections, bare workerd, \
         four nodes."
    );
    let mut rows = Vec::new();
    for (word, peer, goal) in PEERS {
        let name = format!("rush until the last reply, against {}", peer.name());
        let draft = Draft::new(Measure::M6, word, &name, "s", Better::Lower)
            .goal(goal)
            .note(note.as_str())
            .limit(limit(&turns, peer));
        rows.push(turns.row(draft, ServiceStack::Ours, peer, seconds));
    }
    let filter = [
        (
            "requests that reached an origin",
            "requests",
            "origin requests",
            1.2,
            LIMIT_REQUESTS.to_owned(),
        ),
        ("round trips to the ledger", "trips", "ledger calls", 0.1, limit_of_trips(&turns)),
    ];
    for (what, unit, count, goal, limit) in filter {
        let (row, name) = (count.replace(' ', "-"), format!("{what}, for each ticket sold"));
        let draft = Draft::new(Measure::M7, &row, &name, unit, Better::Lower);
        let draft = draft.goal(goal).note(note.as_str()).limit(limit);
        rows.push(counted(&turns, draft, |run| {
            run.counts[count] / run.tally.winners().max(1) as f64
        }));
    }
    let draft = Draft::new(
        Measure::M7,
        "refused-while-free",
        "buyers refused for good while tickets were free",
        "buyers",
        Better::Lower,
    )
    .goal(0.0)
    .note("Final refusals that a buyer had received before the ledger gave the last ticket.");
    rows.push(counted(&turns, draft, |run| run.counts["refused while free"]));
    Ok(rows)
}

fn seconds(run: &Run) -> f64 {
    run.tally.took.as_secs_f64()
}

/// How far an edge on this runtime gets whose every answer is a constant.
fn limit(turns: &Turns<ServiceStack>, peer: ServiceStack) -> String {
    let took = |stack| turns.median(stack, seconds);
    let constant = took(ServiceStack::Constant);
    format!(
        "Of a hundred attempts 99 are refusals, which our edge answers alone, in JavaScript's \
         runtime on one thread a process; those \
         of a peer nginx and Go answer in native code. Were every attempt refused with a constant \
         by as many workers in \
         JavaScript, that would take {constant:.2} s, {:.2} times less than {} takes for all of \
         it. So no edge on this runtime gets \
         further here, whatever its language; ours takes {:.2} times as long and sells the \
         tickets as well (docs/evidence/PERFORMANCE.md has \
         the profile). On Cloudflare that is not our processor.",
        took(peer) / constant.max(1e-9),
        peer.name(),
        took(ServiceStack::Ours) / constant.max(1e-9),
    )
}

/// How many orders gather while one batch is at the ledger.
fn limit_of_trips(turns: &Turns<ServiceStack>) -> String {
    let each = turns.median(ServiceStack::Ours, |run| {
        run.counts["origin requests"] / run.counts["ledger calls"].max(1.0)
    });
    format!(
        "A committer never waits for company: it sends what has gathered while its last batch was \
         at the ledger, here {each:.1} \
         orders. The tickets are gone as fast as two edges can forward orders (M2), spread over \
         four nodes, so the trips are \
         bounded by how quick the ledger is: ten orders a trip would need one that is {:.0} times \
         slower. With longer queues \
         batches grow by themselves (M5).",
        10.0 / each.max(0.1),
    )
}

/// A row of something that is counted in our runs.
fn counted(turns: &Turns<ServiceStack>, draft: Draft, count: impl Fn(&Run) -> f64) -> BenchRow {
    let (audit, _) = turns.audit(ServiceStack::Ours, ServiceStack::Ours);
    let mut rounds = turns.rounds(ServiceStack::Ours, ServiceStack::Ours, count);
    for round in &mut rounds {
        *round = BenchRound { peer: None, ..*round };
    }
    draft.audited(audit, 0).rounds(rounds)
}
