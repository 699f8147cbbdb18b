//! M3 and M4: one origin with its Redis, ours against the peers: orders that are all granted, and
//! refusals after the last ticket.

use super::Bench;
use super::load::{CrowdLoad, Pace};
use super::measure::Measure;
use super::row::{BenchRow, Better, Draft};
use super::service::{Expect, OneNode, PLENTY, Run, Service};
use super::turns::{Subject, Turns};
use crate::rush::report::thousands;
use anyhow::Result;
use std::fmt::Display;

/// The one order that sells a sale out has a key of its own.
const FIRST: u64 = 1;
const SEED: u64 = 2;

/// M3.
///
/// # Errors
/// A service cannot be run.
pub(super) async fn orders(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let peers = [(Service::S0, 12.0), (Service::S1, 12.0), (Service::S2, 3.0)];
    let mut rows = Vec::new();
    for connections in [64, 256] {
        let services = [Service::Ours, Service::S0, Service::S1, Service::S2];
        let turns = bench.turns(Measure::M3, &services, async |bench, service| {
            let node = OneNode::start(service, PLENTY).await?;
            let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M3));
            let load = CrowdLoad::new(node.address()?, node.ask(SEED), connections, pace);
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
                .note(
                    "Every order granted, its answer sent after the append-only file was \
                    synced. Redis over TCP for both.",
                )
                .limit(limit_of_orders(&turns, peer));
            rows.push(turns.row(draft, Service::Ours, peer, Run::granted_rate));
        }
        let name = format!(
            "processor time of node and Redis for an order, {connections} connections, against S2"
        );
        let draft =
            Draft::new(Measure::M3, &format!("{connections}-s2-cpu"), &name, "us", Better::Lower)
                .note("The same runs; here neither the disk nor the generator counts.");
        rows.push(turns.row(draft, Service::Ours, Service::S2, |run| {
            run.cpu_of(&["lastseat", "s2", "redis-server"])
        }));
    }
    Ok(rows)
}

/// Whether a peer's local stock is used up when the tickets are: then it refuses from memory, else
/// it asks Redis each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SoldOut {
    Ours,
    /// Local stock and tickets end together: the peer's best case, and where each of its nodes
    /// ends.
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
pub(super) async fn refusals(bench: &mut Bench) -> Result<Vec<BenchRow>> {
    let peers = [
        ("s1", SoldOut::Buffered(Service::S1), Some(12.0)),
        ("s1-used-up", SoldOut::UsedUp(Service::S1), None),
        ("s2", SoldOut::Buffered(Service::S2), Some(2.5)),
    ];
    let subjects: Vec<SoldOut> =
        [SoldOut::Ours].into_iter().chain(peers.map(|peer| peer.1)).collect();
    let turns = bench.turns(Measure::M4, &subjects, async |bench, subject| {
        let node = match subject {
            SoldOut::Ours => OneNode::start(Service::Ours, 1).await?,
            SoldOut::UsedUp(peer) => OneNode::start(peer, 1).await?,
            SoldOut::Buffered(peer) => OneNode::start_with(peer, 1, PLENTY).await?,
        };
        let one = CrowdLoad::new(node.address()?, node.ask(FIRST), 1, Pace::Count(1));
        let sold = node.run(&one, Expect::Granted, 0).await?;
        let pace = Pace::AsFastAsItGoes(bench.options.run_time(Measure::M4));
        let load = CrowdLoad::new(node.address()?, node.ask(SEED), 64, pace);
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
        let draft = goal.map_or(draft.clone(), |goal| {
            draft.goal(goal).limit(limit_of_refusals(&turns, peer, goal))
        });
        let draft = draft.note(
            "A node of S1 asks Redis for each refusal until its local stock is used up, then it \
             counts in memory. S2 remembers \
             the first \"no\" of Redis, so its local stock makes no difference.",
        );
        rows.push(turns.row(draft, SoldOut::Ours, peer, |run| run.tally.rate()));
    }
    for (word, peer, _) in peers {
        let name = format!("processor time of the node for a refusal, against {}", peer.called());
        let row = format!("{word}-cpu");
        let draft = Draft::new(Measure::M4, &row, &name, "us", Better::Lower)
            .note("The same runs; here the generator does not count.");
        rows.push(
            turns.row(draft, SoldOut::Ours, peer, |run| run.cpu_of(&["lastseat", "s1", "s2"])),
        );
    }
    Ok(rows)
}

/// How many orders a second this machine could carry if our node cost nothing: two cores for
/// generator and Redis, of which each has one thread.
fn limit_of_orders(turns: &Turns<Service>, peer: Service) -> String {
    let generator = turns.median(Service::Ours, Run::generator_us);
    let redis = turns.median(Service::Ours, |run| run.cpu_of(&["redis-server"]));
    let node = turns.median(Service::Ours, |run| run.cpu_of(&["lastseat"]));
    let both = (2e6 / (generator + redis)).min(1e6 / generator).min(1e6 / redis);
    let times = both / turns.median(peer, Run::granted_rate).max(1e-9);
    format!(
        "Generator, node and Redis share two processors, and all wait for the disk before a batch \
         is answered. An order takes \
         {generator:.1} us of the generator, {redis:.1} of Redis and {node:.1} of the node. If \
         the node cost nothing and the \
         disk took no time, {} orders a second would be the end of this machine: {times:.1} times \
         {} (docs/evidence/PERFORMANCE.md has \
         the profile).",
        thousands(both as u64),
        peer.name()
    )
}

/// How many refusals a second can be asked for at all.
fn limit_of_refusals(turns: &Turns<SoldOut>, peer: SoldOut, goal: f64) -> String {
    let generator = turns.median(SoldOut::Ours, Run::generator_us);
    let asked = 1e6 / generator.max(1e-9);
    let peers = turns.median(peer, |run| run.tally.rate()).max(1e-9);
    let node = turns.median(SoldOut::Ours, |run| run.cpu_of(&["lastseat"]));
    format!(
        "The generator has one of the two processors and takes {generator:.1} us for a request, \
         so whatever is asked, more than \
         {} refusals a second cannot be seen: {:.2} times {}. The node has the other one and \
         takes {node:.1} us for a refusal; for the \
         goal it would be {:.1} us. More than half of it is the kernel's receiving and sending, \
         the rest hyper's, the allocator's \
         and ours in small pieces (docs/evidence/PROFILES.md).",
        thousands(asked as u64),
        asked / peers,
        peer.called(),
        1e6 / (goal * peers)
    )
}
