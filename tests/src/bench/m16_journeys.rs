//! M16: what an edge takes to refuse a journey that is gone (`?for=` in the address), in pairs with
//! what it takes to refuse an order of a sale that is sold out. Both from memory, each at an edge
//! before one node.

use super::measure::Measure;
use super::run::{Expect, Turns, Value};
use super::scenario::{RowPlan, Scenario};
use super::subject::Subject;
use super::table::row;
use crate::harness::Edge;
use crate::load::LoadProtocol;

/// What a refusal of a sold-out sale takes, in parts of what one of a journey takes.
const GOAL: f64 = 0.95;

const NOTE: &str = "64 connections, one process of the edge. Each request names in its address \
    another journey of docs/examples/train.toml, by the ids of the stops or by their numbers; all \
    seats are sold on all legs but the last, to which nobody wants to go. The peer is the same \
    edge with a sale of one ticket, which is sold. Of a gateway the processor time is that of all \
    processes of lastseat: the node has next to nothing to do.";

/// The scenarios of `measure`; none where it is another one.
pub(super) fn scenarios(measure: Measure) -> Vec<Scenario> {
    match measure {
        Measure::M16 => [Edge::Workerd, Edge::Gateway].map(refusals).into(),
        _ => Vec::new(),
    }
}

fn refusals(edge: Edge) -> Scenario {
    let both = [Subject::Journeys(edge), Subject::Edge(edge)];
    let (word, on) = match edge {
        Edge::Gateway => ("gateway", "gateway"),
        _ => ("workerd", "bare workerd"),
    };
    let cpu = match edge {
        Edge::Gateway => Value::CpuOf(&["lastseat"]),
        _ => Value::CpuOf(&["workerd"]),
    };
    let name = format!(
        "processor time of the edge for a refusal of a journey that is gone, {on}, against that \
         of a sale that is sold out"
    );
    let cpu = row(Measure::M16, format!("{word}-cpu"), name, (cpu, "us"), both);
    let name =
        format!("refusals of journeys that are gone, {on}, against those of a sold-out sale");
    let rate = row(Measure::M16, word, name, (Value::Rate, "refusals/s"), both);
    Scenario {
        measure: Measure::M16,
        subjects: both.to_vec(),
        tickets: 1,
        connections: 64,
        buyers: None,
        protocol: LoadProtocol::H1,
        expect: Expect::AtTheEdge,
        kept: true,
        rows: vec![cpu.goal(GOAL, limit).note(NOTE), rate.note(NOTE)],
    }
}

/// Where the rest goes.
fn limit(turns: &Turns, plan: &RowPlan) -> String {
    format!(
        "A journey is {:.2} us dearer than a sold-out sale: its address is longer, its class and \
         stops are looked up, and the table of what is gone is read.",
        turns.median(plan.ours, plan.value) - plan.of_peer(turns, plan.value),
    )
}
