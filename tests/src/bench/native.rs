//! The scenarios of the native edge: G1 to G4, G6 and G7, whole stacks against nginx and S2.

use super::measure::Measure;
use super::run::{Expect, Turns, Value};
use super::scenario::{RowPlan, Scenario};
use super::subject::Subject;
use super::system::PLENTY;
use super::table::{BEST, LEDGER, NODE, row};
use crate::load::LoadProtocol;

/// S2 keeps less: the terms are told with each row.
const TERMS: &str = "S2 records no order, no buyer and no key, and signs nothing; ours does all \
                     that. User and system time of all processes but the generator, from /proc.";

/// The scenarios of `measure`; none where it is none of these.
pub(super) fn scenarios(measure: Measure, quick: bool) -> Vec<Scenario> {
    match measure {
        Measure::G1 => vec![rush(quick)],
        Measure::G2 => vec![refusals(), tickets()],
        Measure::G7 => vec![streams()],
        _ => Vec::new(),
    }
}

/// A load of 64 connections as fast as it goes, each run with fresh processes.
fn load(measure: Measure, subjects: Vec<Subject>, tickets: u64, rows: Vec<RowPlan>) -> Scenario {
    Scenario {
        measure,
        subjects,
        tickets,
        connections: 64,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: if tickets == 1 { Expect::NoTicket } else { Expect::Anything },
        kept: false,
        rows,
    }
}

/// G1: a crowd after few tickets, until the last of them has a final answer.
fn rush(quick: bool) -> Scenario {
    let (attempts, tickets) = if quick { (5_000, 50) } else { (100_000, 1_000) };
    let note = format!("{attempts} attempts for {tickets} tickets over 256 connections.");
    let name = format!("rush until the last reply, gateway, against {}", BEST.name());
    let both = [Subject::GATEWAY, BEST];
    let time = row(Measure::G1, "s2-tuned", name, (Value::Seconds, "s"), both)
        .goal(2.7, limit_of_rush)
        .note(note.as_str());
    let alone = |word: &str, name: &str, value, unit| {
        let row = row(Measure::G1, word, name, (value, unit), [Subject::GATEWAY; 2]);
        RowPlan { peer: None, ..row }.note(note.as_str())
    };
    let requests = "requests that reached a node through the gateway, for each ticket sold";
    let requests =
        alone("origin-requests", requests, Value::CountByTicket("origin requests"), "requests")
            .goal(1.2, |_, _| String::new());
    let free = "buyers refused for good while tickets were free, gateway";
    let free = alone("refused-while-free", free, Value::Count("refused while free"), "buyers")
        .goal(0.0, |_, _| String::new());
    let busy = "answers \"busy\" for each ticket sold, gateway";
    let busy = alone("busy", busy, Value::CountByTicket("busy"), "answers");
    Scenario {
        measure: Measure::G1,
        subjects: vec![Subject::GATEWAY, BEST],
        tickets,
        connections: 256,
        buyers: Some(attempts),
        protocol: LoadProtocol::H1,
        expect: Expect::Anything,
        kept: false,
        rows: vec![time, requests, free, busy],
    }
}

/// G2, and a node's part of G6: what a refusal costs after the sell-out.
fn refusals() -> Scenario {
    let name = |who: &str| format!("processor time of a refusal, {who}, against {}", BEST.name());
    let of = |measure, word: &str, who: &str, ours, value| {
        row(measure, word, name(who), (value, "us"), [ours, BEST])
    };
    let (gateway, public) = (Subject::GATEWAY, Subject::PUBLIC);
    let rows = vec![
        of(Measure::G2, "all", "gateway and nodes, all processes", gateway, Value::Cpu)
            .goal(5.0, limit_of_processor)
            .note(TERMS),
        of(Measure::G2, "redis", "Redis", gateway, LEDGER),
        row(
            Measure::G2,
            "rate",
            format!("refusals through the gateway, against {}", BEST.name()),
            (Value::Rate, "refusals/s"),
            [gateway, BEST],
        ),
        of(Measure::G6, "refusal", "a node that faces buyers, all processes", public, Value::Cpu)
            .goal(4.5, limit_of_processor)
            .note(TERMS),
    ];
    load(Measure::G2, vec![gateway, public, BEST], 1, rows)
}

/// G3, G4, and a node's part of G6: what a granted ticket costs, counted by granted orders.
fn tickets() -> Scenario {
    let against = BEST.name();
    let (gateway, public) = (Subject::GATEWAY, Subject::PUBLIC);
    let cpu = (Value::CpuByTicket, "us");
    let rate = (Value::Granted, "tickets/s");
    let name = format!("processor time of a granted ticket, all processes, against {against}");
    let all = row(Measure::G3, "all", name, cpu, [gateway, BEST])
        .goal(3.2, limit_of_processor)
        .note(TERMS);
    let trips = "round trips to the ledger for each ticket, gateway, 64 connections";
    let trips = (trips, (Value::CountByTicket("ledger calls"), "trips"));
    let trips = row(Measure::G3, "ledger-calls", trips.0, trips.1, [gateway; 2]);
    let busy = "answers \"busy\" for each ticket, gateway, 64 connections";
    let busy = (busy, (Value::CountByTicket("busy"), "answers"));
    let busy = row(Measure::G3, "busy", busy.0, busy.1, [gateway; 2]);
    let name = format!("tickets, gateway, 64 connections, against {against}");
    let tickets =
        row(Measure::G4, "s2-tuned", name, rate, [gateway, BEST]).goal(1.7, limit_of_processor);
    let name = format!(
        "processor time of a granted ticket, a node that faces buyers, all processes, against \
         {against}"
    );
    let node = row(Measure::G6, "ticket", name, cpu, [public, BEST])
        .goal(3.3, limit_of_processor)
        .note(TERMS);
    let name = format!("tickets, a node that faces buyers, against {against}");
    let node_rate = row(Measure::G6, "rate", name, rate, [public, BEST]);
    let trips = RowPlan { peer: None, ..trips };
    let busy = RowPlan { peer: None, ..busy };
    let rows = vec![all, trips, busy, tickets, node, node_rate];
    load(Measure::G2, vec![gateway, public, BEST], PLENTY, rows)
}

/// G7: refusals over HTTP/2, as a proxy sends them: 32 requests under way on each of two
/// connections.
fn streams() -> Scenario {
    let gateway = Subject::GATEWAY;
    let name = "processor time of a refusal over HTTP/2, all processes";
    let all = row(Measure::G7, "all", name, (Value::Cpu, "us"), [gateway; 2])
        .goal(5.0, limit_of_streams)
        .note(
            "HTTP/2 in clear, prior knowledge, 2 connections with 32 requests under way on each.",
        );
    let rate = ("refusals over HTTP/2", (Value::Rate, "refusals/s"));
    let rate = row(Measure::G7, "rate", rate.0, rate.1, [gateway; 2]);
    let rows = [all, rate].map(|row| RowPlan { peer: None, ..row });
    let scenario = load(Measure::G7, vec![gateway], 1, rows.into());
    Scenario { protocol: LoadProtocol::H2, ..scenario }
}

/// How fast the generator alone is.
fn limit_of_rush(turns: &Turns, plan: &RowPlan) -> String {
    let generator = turns.median(plan.ours, Value::Generator);
    format!(
        "The generator has one of the two processors and takes {generator:.1} us for a request: \
         100,000 of them take {:.2} s of it, and all else shares what is left.",
        generator / 10.0,
    )
}

/// Where the time goes, by process.
fn limit_of_processor(turns: &Turns, plan: &RowPlan) -> String {
    let of = |value| turns.median(plan.ours, value);
    format!(
        "Of ours, for each request: edge and nodes {:.1} us, Redis {:.1}, the generator {:.1}; \
         more than half of what a request costs is the kernel's receiving and sending \
         (docs/evidence/PERFORMANCE.md has the profile).",
        of(NODE),
        of(LEDGER),
        of(Value::Generator),
    )
}

fn limit_of_streams(turns: &Turns, plan: &RowPlan) -> String {
    format!(
        "Edge and nodes take {:.1} us for a request, the generator {:.1} \
         (docs/evidence/PERFORMANCE.md has the profile).",
        turns.median(plan.ours, NODE),
        turns.median(plan.ours, Value::Generator),
    )
}
