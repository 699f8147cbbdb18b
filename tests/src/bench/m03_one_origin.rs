//! M3 and M4: one origin with its Redis, ours against the peers: orders that are all granted, and refusals after the last
//! ticket.

use super::Bench;
use super::load::{Load, Pace};
use super::measure::Measure;
use super::row::{Better, Draft, Row};
use super::service::{Expect, OneNode, PLENTY, Run, Service};
use super::turns::Subject;
use anyhow::Result;
use std::fmt::Display;

/// The one order that sells a sale out has a key of its own.
const FIRST: u64 = 1;
const SEED: u64 = 2;

const LIMIT_M3: &str = "At this many connections Redis and the origin share two processors with the generator, and the \
    append-only file is written and synced before each batch is answered; docs/PERFORMANCE.md has what was tried.";
const LIMIT_M4: &str = "A refusal of ours is a parsed order, checked against key, buyer and sale, and answered as problem+json; \
    a peer's is a constant text after one comparison. What is left is the HTTP server's own time (docs/PERFORMANCE.md).";

/// M3.
///
/// # Errors
/// A service cannot be run.
pub(super) async fn orders(bench: &mut Bench) -> Result<Vec<Row>> {
    let peers = [(Service::S0, 12.0), (Service::S1, 12.0), (Service::S2, 3.0)];
    let mut rows = Vec::new();
    for connections in [64, 256] {
        let services = [Service::Ours, Service::S0, Service::S1, Service::S2];
        let turns = bench.turns(Measure::M3, &services, async |bench, service| {
            let node = OneNode::start(service, PLENTY).await?;
            let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M3));
            let load = Load::new(node.address()?, node.ask(SEED), connections, pace);
            let load = load.warmed_up(bench.options.warm_up());
            node.run(&load, Expect::Granted, 0).await
        });
        let turns = turns.await?;
        for (peer, goal) in peers {
            let row = format!("{connections}-{}", peer.word());
            let name = format!(
                "orders into one origin, {connections} connections, against {}",
                peer.name()
            );
            let draft = Draft::new(Measure::M3, &row, &name, "orders/s", Better::Higher)
                .goal(goal)
                .note("Every order granted, its answer sent after the append-only file was synced. Redis over TCP for both.")
                .limit(LIMIT_M3);
            rows.push(turns.row(draft, Service::Ours, peer, Run::granted_rate));
        }
    }
    Ok(rows)
}

/// Whether a peer's local stock is used up when the tickets are: then it refuses from memory, else it asks Redis each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SoldOut {
    Ours,
    /// Local stock and tickets end together: the peer's best case, and where each of its nodes ends.
    UsedUp(Service),
    /// The local stock still lasts, as the article's buffers intend.
    Buffered(Service),
}

impl Subject for SoldOut {
    fn called(self) -> impl Display {
        match self {
            Self::Ours => "lastseat".to_owned(),
            Self::UsedUp(peer) => format!("{} with its local stock used up", peer.name()),
            Self::Buffered(peer) => format!("{} while its buffer lasts", peer.name()),
        }
    }
}

/// M4.
///
/// # Errors
/// A service cannot be run.
pub(super) async fn refusals(bench: &mut Bench) -> Result<Vec<Row>> {
    let peers = [
        ("s1", SoldOut::Buffered(Service::S1), Some(12.0)),
        ("s1-used-up", SoldOut::UsedUp(Service::S1), None),
        ("s2", SoldOut::Buffered(Service::S2), Some(2.5)),
    ];
    let subjects: Vec<SoldOut> = [SoldOut::Ours]
        .into_iter()
        .chain(peers.map(|peer| peer.1))
        .collect();
    let turns = bench.turns(Measure::M4, &subjects, async |bench, subject| {
        let node = match subject {
            SoldOut::Ours => OneNode::start(Service::Ours, 1).await?,
            SoldOut::UsedUp(peer) => OneNode::start(peer, 1).await?,
            SoldOut::Buffered(peer) => OneNode::start_with(peer, 1, PLENTY).await?,
        };
        let one = Load::new(node.address()?, node.ask(FIRST), 1, Pace::Count(1));
        let sold = node.run(&one, Expect::Granted, 0).await?;
        let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M4));
        let load = Load::new(node.address()?, node.ask(SEED), 64, pace);
        let load = load.warmed_up(bench.options.warm_up());
        let mut run = node.run(&load, Expect::Refused, 1).await?;
        run.problems.extend(sold.problems);
        Ok(run)
    });
    let turns = turns.await?;
    let mut rows = Vec::new();
    for (word, peer, goal) in peers {
        let name = format!(
            "refusals of one origin after the sell-out, 64 connections, against {}",
            peer.called()
        );
        let draft = Draft::new(Measure::M4, word, &name, "refusals/s", Better::Higher);
        let draft = goal.map_or(draft.clone(), |goal| draft.goal(goal).limit(LIMIT_M4));
        let draft = draft.note(
            "A node of S1 asks Redis for each refusal until its local stock is used up, then it counts in memory. S2 remembers \
             the first \"no\" of Redis, so its local stock makes no difference.",
        );
        rows.push(turns.row(draft, SoldOut::Ours, peer, |run| run.tally.rate()));
    }
    Ok(rows)
}
