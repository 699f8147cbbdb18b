//! The table of scenarios: M1 to M4, M6 with M7, M9, and the loads of M10; those of the native edge
//! are in `native`.
//!
//! The rush of `make rush` has a million buyers; against the published service that takes minutes
//! for each round. The rounds of M6 have a tenth of both, 100,000 attempts for 1,000 tickets, so
//! the same hundred buyers for each ticket.

use super::measure::Measure;
use super::run::{Expect, Turns, Value};
use super::scenario::{Limit, RowPlan, Scenario};
use super::subject::{Nginx, Peer, Subject};
use super::system::PLENTY;
use crate::harness::Edge;
use crate::load::LoadProtocol;
use crate::rush::report::thousands;

/// An edge is to be as good as a worker in JavaScript that takes the same steps.
const EDGE_GOAL: f64 = 1.0;
/// Of a hundred sales with evenly as many orders the cost of an order is to be this part at least.
const EVENLY_GOAL: f64 = 0.7;
pub(super) const NODE: Value = Value::CpuOf(&["lastseat", "s0", "s1", "s2"]);
pub(super) const LEDGER: Value = Value::CpuOf(&["redis-server"]);
const WORKER: Value = Value::CpuOf(&["workerd", "node"]);
pub(super) const BEST: Subject = Subject::Behind(Peer::S2, Nginx::Tuned);

/// The scenarios of `measure`; none where it has steps of its own.
pub(super) fn scenarios(measure: Measure, quick: bool) -> Vec<Scenario> {
    match measure {
        Measure::M1 | Measure::M2 => {
            [Edge::Workerd, Edge::Wrangler].map(|edge| at_the_edge(measure, edge)).into()
        }
        Measure::M3 => [64, 256].map(orders).into(),
        Measure::M4 => vec![refusals()],
        Measure::M6 => vec![rush(quick)],
        Measure::M9 => [("ticket", "a sold ticket", PLENTY), ("refusal", "a refusal", 1)]
            .map(|(word, name, tickets)| processor(word, name, tickets))
            .into(),
        Measure::M10 => vec![growth()],
        _ => Vec::new(),
    }
}

/// A row without a goal.
pub(super) fn row(
    measure: Measure,
    row: impl Into<String>,
    name: impl Into<String>,
    (value, unit): (Value, &'static str),
    [ours, peer]: [Subject; 2],
) -> RowPlan {
    let (row, name, peer) = (row.into(), name.into(), Some(peer));
    RowPlan { measure, row, name, unit, value, ours, peer, goal: None, note: String::new() }
}

impl RowPlan {
    pub(super) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    pub(super) fn goal(self, goal: f64, limit: Limit) -> Self {
        Self { goal: Some((goal, limit)), ..self }
    }

    /// The median of the peer's value.
    pub(super) fn of_peer(&self, turns: &Turns, value: Value) -> f64 {
        self.peer.map_or(0.0, |peer| turns.median(peer, value)).max(1e-9)
    }
}

/// M1 and M2: the edge's WebAssembly against workers in JavaScript on the same runtime: one that
/// does as little as can be, and one that takes the same steps.
fn at_the_edge(measure: Measure, edge: Edge) -> Scenario {
    let refuses = measure == Measure::M1;
    let on = if edge == Edge::Wrangler { "wrangler dev" } else { "bare workerd" };
    let (least, what, value) = match refuses {
        true => ("refuse", "refusals of a latched sale", (Value::Rate, "refusals/s")),
        false => ("pass", "forwarded orders", (Value::Granted, "orders/s")),
    };
    let ours = Subject::Edge(edge);
    let [least, same] = [least, "same"].map(|name| Subject::worker(name, edge));
    let rows = [least, same].into_iter().flat_map(|peer| {
        let (word, against) = (format!("{}-{}", edge.as_str(), peer.name()), peer.name());
        let rate = format!("{what}, {on}, against {against}");
        let rate = row(measure, word.as_str(), rate, value, [ours, peer])
            .note("64 connections, one process, one isolate.");
        let cpu = format!("processor time of a worker for each of them, {on}, against {against}");
        let cpu = row(measure, word + "-cpu", cpu, (WORKER, "us"), [ours, peer])
            .note("Of workerd, and of Node under wrangler dev; the node and Redis do not count.");
        [if peer == same { rate.goal(EDGE_GOAL, limit_of_edges) } else { rate }, cpu]
    });
    Scenario {
        measure,
        subjects: vec![ours, least, same],
        tickets: if refuses { 1 } else { PLENTY },
        connections: 64,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: if refuses { Expect::AtTheEdge } else { Expect::Mostly },
        kept: true,
        rows: rows.collect(),
    }
}

/// What both do for a request, and what ours takes for it.
fn limit_of_edges(turns: &Turns, plan: &RowPlan) -> String {
    let Subject::Edge(_) = plan.ours else { return String::new() };
    let steps = match plan.measure {
        Measure::M1 => {
            "reads the client's key and the sale, looks into its memory of that, and makes an \
             answer with the order's own id"
        }
        _ => {
            "reads the body so that it can send it again, chooses the node, signs, sets a \
             deadline, reads the grant and counts"
        }
    };
    format!(
        "The worker in JavaScript {steps}, as the product does, which is WebAssembly: each value \
         that passes between the two costs a copy. Of the processor time of a request ours takes \
         {:.1} us and that worker {:.1} (docs/evidence/PROFILES.md).",
        turns.median(plan.ours, WORKER),
        plan.of_peer(turns, WORKER),
    )
}

/// M3: one origin with its Redis, orders that are all granted.
fn orders(connections: u32) -> Scenario {
    let (rate, processor) = if connections > 64 { (1.8, 2.5) } else { (1.5, 2.2) };
    let peers = [(Peer::S0, None), (Peer::S1, None), (Peer::S2, Some(rate))];
    let rows = peers.map(|(peer, goal)| {
        let name = format!("orders into one origin, {connections} connections, against {peer:?}");
        let word = format!("{connections}-{peer:?}").to_lowercase();
        let both = [Subject::OURS, Subject::node(peer)];
        let row = row(Measure::M3, word, name, (Value::Granted, "orders/s"), both).note(
            "Every order granted, its answer sent after the append-only file was synced. Redis \
             over TCP for both.",
        );
        goal.map_or(row.clone(), |goal| row.goal(goal, limit_of_orders))
    });
    let cpu = row(
        Measure::M3,
        format!("{connections}-s2-cpu"),
        format!(
            "processor time of node and Redis for an order, {connections} connections, against S2"
        ),
        (Value::CpuOf(&["lastseat", "s2", "redis-server"]), "us"),
        [Subject::OURS, Subject::node(Peer::S2)],
    );
    let cpu = cpu
        .goal(processor, limit_of_an_order)
        .note("The same runs; here neither the disk nor the generator counts.");
    Scenario {
        measure: Measure::M3,
        subjects: [&[Subject::OURS][..], &peers.map(|(peer, _)| Subject::node(peer))].concat(),
        tickets: PLENTY,
        connections,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: Expect::Granted,
        kept: false,
        rows: rows.into_iter().chain([cpu]).collect(),
    }
}

/// How many orders a second this machine could carry if our node cost nothing: two cores for
/// generator and Redis, of which each has one thread.
fn limit_of_orders(turns: &Turns, plan: &RowPlan) -> String {
    let of = |value| turns.median(plan.ours, value);
    let (generator, redis, node) = (of(Value::Generator), of(LEDGER), of(NODE));
    let both = (2e6 / (generator + redis)).min(1e6 / generator).min(1e6 / redis);
    format!(
        "Generator, node and Redis share two processors, and all wait for the disk before a batch \
         is answered. An order takes {generator:.1} us of the generator, {redis:.1} of Redis and \
         {node:.1} of the node. If the node cost nothing and the disk took no time, {} orders a \
         second would be the end of this machine: {:.1} times {} (docs/evidence/PERFORMANCE.md \
         has the profile).",
        thousands(both as u64),
        both / plan.of_peer(turns, Value::Granted),
        plan.peer.map_or_else(String::new, Subject::name),
    )
}

/// Where the processor time of an order goes.
fn limit_of_an_order(turns: &Turns, plan: &RowPlan) -> String {
    let of = |value| turns.median(plan.ours, value);
    format!(
        "Of our {:.1} us the node has {:.1} and Redis {:.1}. The peer counts a number down; ours \
         also writes the order's record, its hold, the buyer's tally and the entry of the log, \
         and answers with a grant that an edge can keep (docs/evidence/PROFILES.md).",
        of(plan.value),
        of(NODE),
        of(LEDGER),
    )
}

/// M4: one origin, refusals after the last ticket. Whether a peer's local stock is used up when the
/// tickets are: then it refuses from memory, else it asks Redis each time.
fn refusals() -> Scenario {
    let peer = |peer, buffered| Subject::Node { peer, buffered };
    let peers = [
        ("s1", peer(Peer::S1, true), "S1 while its buffer lasts", None),
        ("s1-used-up", peer(Peer::S1, false), "S1 with its local stock used up", None),
        ("s2", peer(Peer::S2, true), "S2 while its buffer lasts", Some((1.5, 1.7))),
    ];
    let rates = peers.map(|(word, peer, against, goal)| {
        let name =
            format!("refusals of one origin after the sell-out, 64 connections, against {against}");
        let value = (Value::Rate, "refusals/s");
        let row = row(Measure::M4, word, name, value, [Subject::OURS, peer]).note(
            "A node of S1 asks Redis for each refusal until its local stock is used up, then it \
             counts in memory. S2 remembers the first \"no\" of Redis, so its local stock makes \
             no difference.",
        );
        goal.map_or(row.clone(), |(rate, _)| row.goal(rate, limit_of_refusals))
    });
    let cpus = peers.map(|(word, peer, against, goal)| {
        let name = format!("processor time of the node for a refusal, against {against}");
        let both = [Subject::OURS, peer];
        let row = row(Measure::M4, format!("{word}-cpu"), name, (NODE, "us"), both)
            .note("The same runs; here the generator does not count.");
        goal.map_or(row.clone(), |(_, cpu)| row.goal(cpu, limit_of_a_refusal))
    });
    Scenario {
        measure: Measure::M4,
        subjects: [&[Subject::OURS][..], &peers.map(|peer| peer.1)].concat(),
        tickets: 1,
        connections: 64,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: Expect::Refused,
        kept: false,
        rows: [rates, cpus].concat(),
    }
}

/// How many refusals a second can be asked for at all.
fn limit_of_refusals(turns: &Turns, plan: &RowPlan) -> String {
    let generator = turns.median(plan.ours, Value::Generator).max(1e-9);
    let (asked, peers) = (1e6 / generator, plan.of_peer(turns, Value::Rate));
    format!(
        "The generator has one of the two processors and takes {generator:.1} us for a request, \
         so whatever is asked, more than {} refusals a second cannot be seen: {:.2} times {}. The \
         node has the other one and takes {:.1} us for a refusal; for the goal it would be {:.1} \
         us. More than half of it is the kernel's receiving and sending, the rest hyper's, the \
         allocator's and ours in small pieces (docs/evidence/PROFILES.md).",
        thousands(asked as u64),
        asked / peers,
        plan.peer.map_or_else(String::new, Subject::name),
        turns.median(plan.ours, NODE),
        1e6 / (plan.goal.map_or(1.0, |goal| goal.0) * peers)
    )
}

/// Where the processor time of a refusal goes.
fn limit_of_a_refusal(turns: &Turns, plan: &RowPlan) -> String {
    format!(
        "The node takes {:.1} us for a refusal and the peer {:.1}. More than half of ours is the \
         kernel's receiving and sending (docs/evidence/PROFILES.md).",
        turns.median(plan.ours, NODE),
        plan.of_peer(turns, NODE),
    )
}

/// M6 and M7: a crowd after few tickets through the whole stack, until the last of them has a final
/// answer, and what the edge keeps away from the origins meanwhile.
fn rush(quick: bool) -> Scenario {
    let (attempts, tickets) = if quick { (5_000, 50) } else { (100_000, 1_000) };
    let note = format!(
        "{attempts} attempts for {tickets} tickets over 256 connections, bare workerd, four nodes."
    );
    let peers = [
        ("s0", Subject::Behind(Peer::S0, Nginx::Default), 4.0),
        ("s1", Subject::Behind(Peer::S1, Nginx::Default), 4.0),
        ("s2", Subject::Behind(Peer::S2, Nginx::Default), 2.5),
        ("s2-tuned", BEST, 1.3),
    ];
    let times = peers.map(|(word, peer, goal)| {
        let name = format!("rush until the last reply, against {}", peer.name());
        let both = [Subject::WORKER, peer];
        row(Measure::M6, word, name, (Value::Seconds, "s"), both).goal(goal, limit_of_rush)
    });
    let by_ticket = |what, unit, count: &'static str| {
        let (word, name) = (count.replace(' ', "-"), format!("{what}, for each ticket sold"));
        let both = [Subject::WORKER; 2];
        row(Measure::M7, word, name, (Value::CountByTicket(count), unit), both)
    };
    let free = "buyers refused for good while tickets were free";
    let free = (free, (Value::Count("refused while free"), "buyers"));
    let counts = [
        by_ticket("requests that reached an origin", "requests", "origin requests")
            .goal(1.1, limit_of_requests),
        by_ticket("round trips to the ledger", "trips", "ledger calls").goal(0.25, limit_of_trips),
        row(Measure::M7, "refused-while-free", free.0, free.1, [Subject::WORKER; 2])
            .goal(0.0, |_, _| String::new()),
    ];
    let counts = counts.map(|row| RowPlan { peer: None, ..row });
    let mut rows: Vec<RowPlan> =
        times.into_iter().chain(counts).map(|row| row.note(note.as_str())).collect();
    if let Some(free) = rows.last_mut() {
        free.note = "Final refusals that a buyer had received before the ledger gave the last \
                     ticket."
            .to_owned();
    }
    let mut subjects = vec![Subject::WORKER, Subject::CONSTANT];
    subjects.extend(peers.map(|peer| peer.1));
    Scenario {
        measure: Measure::M6,
        subjects,
        tickets,
        connections: 256,
        buyers: Some(attempts),
        protocol: LoadProtocol::H1,
        expect: Expect::Anything,
        kept: false,
        rows,
    }
}

/// How far an edge on this runtime gets whose every answer is a constant.
fn limit_of_rush(turns: &Turns, plan: &RowPlan) -> String {
    let constant = turns.median(Subject::CONSTANT, plan.value).max(1e-9);
    format!(
        "Of a hundred attempts 99 are refusals, which our edge answers alone, in JavaScript's \
         runtime on one thread a process; those of a peer nginx and Go answer in native code. \
         Were every attempt refused with a constant by as many workers in JavaScript, that would \
         take {constant:.2} s, {:.2} times less than {} takes for all of it. So no edge on this \
         runtime gets further here, whatever its language; ours takes {:.2} times as long and \
         sells the tickets as well (docs/evidence/PERFORMANCE.md has the profile). On Cloudflare \
         that is not our processor.",
        plan.of_peer(turns, plan.value) / constant,
        plan.peer.map_or_else(String::new, Subject::name),
        turns.median(plan.ours, plan.value) / constant,
    )
}

fn limit_of_requests(_: &Turns, _: &RowPlan) -> String {
    "Until an edge has heard its first grant it lets a few buyers through without knowing how \
     many tickets there are, and some after the last ticket to hear that it is gone. That is a \
     number of requests for each isolate and not for each ticket: the fewer tickets, the more for \
     each (docs/QUOTA.md). With 10,000 tickets, as `make rush` has, it was 1.04."
        .to_owned()
}

/// How many orders gather while one batch is at the ledger.
fn limit_of_trips(turns: &Turns, plan: &RowPlan) -> String {
    let of = |count| turns.median(plan.ours, Value::Count(count));
    let each = of("origin requests") / of("ledger calls").max(1.0);
    format!(
        "A committer never waits for company: it sends what has gathered while its last batch was \
         at the ledger, here {each:.1} orders. The tickets are gone as fast as two edges can \
         forward orders (M2), spread over four nodes, so the trips are bounded by how quick the \
         ledger is: four orders a trip would need one that is {:.1} times slower. With longer \
         queues batches grow by themselves (M5).",
        4.0 / each.max(0.1),
    )
}

/// M9: what a sold ticket and a refusal cost in processor time, by process: the whole stack, ours
/// and the best peer's.
fn processor(word: &str, name: &str, tickets: u64) -> Scenario {
    // Processes by what they do; a run has the one or the other.
    let parts = [
        ("all", "all processes", Value::Cpu),
        ("first", "first tier (edge / nginx)", Value::CpuOf(&["workerd", "nginx"])),
        ("nodes", "nodes", Value::CpuOf(&["lastseat", "s2"])),
        ("redis", "Redis", LEDGER),
    ];
    let mut rows = parts.map(|(short, what, value)| {
        let name = format!("processor time of {name}, {what}, against {}", BEST.name());
        let word = format!("{word}-{short}");
        row(Measure::M9, word, name, (value, "us"), [Subject::WORKER, BEST])
    });
    rows[0].goal = Some((1.0, limit_of_processor));
    rows[0].note =
        "User and system time of all processes but the generator, from /proc.".to_owned();
    Scenario {
        measure: Measure::M9,
        subjects: vec![Subject::WORKER, BEST, Subject::CONSTANT],
        tickets,
        connections: 64,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: if tickets == 1 { Expect::NoTicket } else { Expect::Anything },
        kept: false,
        rows: rows.into(),
    }
}

/// What workerd takes for an answer that is a constant, beside what the whole peer takes.
fn limit_of_processor(turns: &Turns, plan: &RowPlan) -> String {
    format!(
        "workerd takes {:.0} us to answer a request with a constant; the whole peer takes {:.0} \
         us for this one. Of our {:.0} us workerd has {:.0}. The peer keeps no order, no buyer, \
         no key and no log, and signs nothing. On Cloudflare the first tier is not our processor: \
         the rows by process tell what stays (docs/evidence/PERFORMANCE.md has the profile).",
        turns.median(Subject::CONSTANT, Value::Cpu),
        plan.of_peer(turns, Value::Cpu),
        turns.median(plan.ours, Value::Cpu),
        turns.median(plan.ours, WORKER),
    )
}

/// M10: what an order costs when there are more nodes and more sales. Processor time and not rates:
/// all nodes share the processors of one machine.
fn growth() -> Scenario {
    let mut rows = Vec::new();
    let mut add = |word: String, what: String, ours, goal: Option<f64>| {
        let both = [ours, Subject::OURS];
        let name = format!("processor time of an order, {what}, against one");
        let cpu = row(Measure::M10, word.as_str(), name, (Value::Cpu, "us"), both)
            .note("Nodes and Redis together, 256 connections, no edge.");
        rows.push(goal.map_or(cpu.clone(), |goal| cpu.goal(goal, limit_of_sales)));
        if matches!(ours, Subject::Nodes { sales: 1, .. }) {
            let (name, value) =
                (format!("orders, {what}, against one"), (Value::Granted, "orders/s"));
            rows.push(row(Measure::M10, word + "-rate", name, value, both).note(
                "All nodes, Redis and the generator share one machine: this tells what the nodes \
                 cost, not what they bring.",
            ));
        }
    };
    for nodes in [2, 4] {
        let ours = Subject::Nodes { nodes, sales: 1, asked: 1 };
        add(format!("nodes-{nodes}"), format!("{nodes} nodes"), ours, None);
    }
    for sales in [10, 100] {
        let what = format!("{sales} sales of which one is asked for");
        let ours = Subject::Nodes { nodes: 1, sales, asked: 1 };
        add(format!("sales-{sales}"), what, ours, None);
    }
    for sales in [10, 100] {
        let what = format!("evenly over {sales} sales");
        let ours = Subject::Nodes { nodes: 1, sales, asked: sales };
        add(format!("spread-{sales}"), what, ours, (sales == 100).then_some(EVENLY_GOAL));
    }
    let mut subjects = vec![Subject::OURS];
    subjects.extend(rows.iter().map(|row| row.ours));
    subjects.dedup();
    Scenario {
        measure: Measure::M10,
        subjects,
        tickets: PLENTY,
        // Enough for a few orders of each of a hundred sales in a batch.
        connections: 256,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: Expect::Granted,
        kept: false,
        rows,
    }
}

fn limit_of_sales(_: &Turns, _: &RowPlan) -> String {
    "Each sale has batches of its own, because a script works on one sale. Buyers who spread \
     evenly over a hundred sales leave each with a hundredth of them, so two or three orders in a \
     batch where one sale has hundreds; what a batch costs falls upon fewer orders (M5 tells how \
     much)."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_has_a_name_of_its_own_and_its_subjects_take_turns() {
        let mut names = Vec::new();
        for scenario in Measure::all().flat_map(|measure| scenarios(measure, false)) {
            for plan in &scenario.rows {
                for subject in [Some(plan.ours), plan.peer].into_iter().flatten() {
                    assert!(scenario.subjects.contains(&subject), "{plan:?}");
                }
                names.push(format!("{} {}", plan.measure, plan.row));
            }
        }
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(count, 8 + 8 + 8 + 6 + 7 + 8 + 8);
    }
}
