//! M6 and M7: a crowd after few tickets through the whole stack, until the last of them has a final answer, and what the edge
//! keeps away from the origins meanwhile.
//!
//! The rush of `make rush` has a million buyers; against the published service that takes minutes for each round. The
//! rounds here have a tenth of both, 100,000 attempts for 1,000 tickets, so the same hundred buyers for each ticket.

use super::Bench;
use super::load::{Load, Pace};
use super::measure::Measure;
use super::row::{Better, Draft, Round, Row};
use super::service::{Expect, Run, Service};
use super::stack::{Nginx, Running, Stack};
use super::turns::Turns;
use anyhow::Result;

const ATTEMPTS: u32 = 100_000;
const TICKETS: u64 = 1_000;
const QUICK_ATTEMPTS: u32 = 5_000;
const QUICK_TICKETS: u64 = 50;
const CONNECTIONS: u32 = 256;
const SEED: u64 = 6;

const PEERS: [(&str, Stack, f64); 4] = [
    ("s0", Stack::Peer(Service::S0, Nginx::Default), 4.0),
    ("s1", Stack::Peer(Service::S1, Nginx::Default), 4.0),
    ("s2", Stack::Peer(Service::S2, Nginx::Default), 2.5),
    ("s2-tuned", Stack::Peer(Service::S2, Nginx::Tuned), 1.3),
];

const LIMIT: &str = "Of a hundred attempts 99 are refusals, which our edge answers alone in JavaScript's runtime on one thread a \
    process, where a peer's are answered by nginx and Go in native code on all of them. What a refusal costs at the edge \
    (M1, M9) is what this ratio is made of; on Cloudflare it is not our processor.";
const LIMIT_REQUESTS: &str = "Until an edge has heard its first grant it lets a few buyers through without knowing how many tickets there are, and some \
    after the last ticket to hear that it is gone. That is a number of requests for each isolate and not for each ticket: the fewer \
    tickets, the more for each (docs/QUOTA.md). With 10,000 tickets, as `make rush` has, it was 1.04.";
const LIMIT_TRIPS: &str = "With few tickets a batch holds few orders: a committer sends what has gathered while the last batch was \
    at the ledger and never waits for more. The longer the queue, the fewer the trips (M5).";

/// Both.
///
/// # Errors
/// A stack cannot be run.
pub(super) async fn rush(bench: &mut Bench) -> Result<Vec<Row>> {
    let stacks: Vec<Stack> = [Stack::Ours]
        .into_iter()
        .chain(PEERS.map(|peer| peer.1))
        .collect();
    let (attempts, tickets) = match bench.options.quick {
        true => (QUICK_ATTEMPTS, QUICK_TICKETS),
        false => (ATTEMPTS, TICKETS),
    };
    let turns = bench.turns(Measure::M6, &stacks, async |_, stack| {
        let running = Running::start(stack, tickets, SEED).await?;
        let doors = running.doors()?;
        let mut load = Load::new(doors[0], running.ask(), CONNECTIONS, Pace::Count(attempts));
        load.to = doors;
        let published = matches!(stack, Stack::Peer(Service::S0, _));
        running.run(&load, Expect::Anything, published).await
    });
    let turns = turns.await?;
    let note = format!(
        "{attempts} attempts for {tickets} tickets over {CONNECTIONS} connections, bare workerd, four nodes."
    );
    let mut rows = Vec::new();
    for (word, peer, goal) in PEERS {
        let name = format!("rush until the last reply, against {}", peer.name());
        let draft = Draft::new(Measure::M6, word, &name, "s", Better::Lower)
            .goal(goal)
            .note(note.as_str())
            .limit(LIMIT);
        rows.push(turns.row(draft, Stack::Ours, peer, |run| run.tally.took.as_secs_f64()));
    }
    let filter = [
        (
            "requests that reached an origin",
            "requests",
            "origin requests",
            1.2,
            LIMIT_REQUESTS,
        ),
        (
            "round trips to the ledger",
            "trips",
            "ledger calls",
            0.1,
            LIMIT_TRIPS,
        ),
    ];
    for (what, unit, count, goal, limit) in filter {
        let (row, name) = (
            count.replace(' ', "-"),
            format!("{what}, for each ticket sold"),
        );
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
    rows.push(counted(
        &turns,
        draft,
        |run| run.counts["refused while free"],
    ));
    Ok(rows)
}

/// A row of something that is counted in our runs.
fn counted(turns: &Turns<Stack>, draft: Draft, count: impl Fn(&Run) -> f64) -> Row {
    let (audit, _) = turns.audit(Stack::Ours, Stack::Ours);
    let mut rounds = turns.rounds(Stack::Ours, Stack::Ours, count);
    for round in &mut rounds {
        *round = Round {
            peer: None,
            ..*round
        };
    }
    draft.audited(audit, 0).rounds(rounds)
}
