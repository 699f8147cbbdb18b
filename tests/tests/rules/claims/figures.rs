//! Figures in prose are those of the reports. Each stands between marks that name it:
//! `<!-- figure NAME -->27.7 ms<!-- /figure -->`. `make docs` writes them; the test compares.

use crate::claims::documents::Document;
use crate::claims::read;
use lastseat_tests::drill::DRILLS;
use lastseat_tests::rush::report::thousands;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;

const BEGIN: &str = "<!-- figure ";
const END: &str = "<!-- /figure -->";

/// The cells of the row of `what` in a report.
fn row(report: &str, what: &str) -> Vec<String> {
    let begins = format!("| {what} |");
    let found = report.lines().find(|line| line.starts_with(&begins));
    let found = found.unwrap_or_else(|| panic!("BENCHMARKS.md has no row {what:?}"));
    found.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// The number that a cell begins with.
fn number(cell: &str) -> f64 {
    let digits = cell.split(' ').next().unwrap_or_default().replace(',', "");
    digits.parse().unwrap_or_else(|_| panic!("{cell:?} is no number"))
}

/// Every figure by its name.
fn figures() -> BTreeMap<&'static str, String> {
    let bench = read("docs/evidence/BENCHMARKS.md");
    let bench = |what: &str| row(&bench, what);
    let growth = |orders: &str| {
        bench(&format!(
            "processor time of Redis for an order after {orders} others, against 10000 others"
        ))
    };
    let (first, later, last) =
        (growth("1000000")[2].clone(), growth("100000")[1].clone(), growth("1000000")[1].clone());
    let more = (number(&last) / number(&first) - 1.0) * 100.0;
    let refusal = "processor time of the node for a refusal, against S2 while its buffer lasts";
    let report: serde_json::Value =
        serde_json::from_str(&read("docs/examples/rush-million.json")).expect("a report");
    let count = |name: &str| thousands(report[name].as_u64().expect("a count"));
    let ratio = |name: &str| report[name].as_f64().expect("a ratio");
    BTreeMap::from([
        ("drills", DRILLS.len().to_string()),
        (
            "rush-gateway",
            bench("rush until the last reply, gateway, against S2 behind tuned nginx")[3].clone(),
        ),
        (
            "rush-worker",
            bench("rush until the last reply, against S2 behind tuned nginx")[3].clone(),
        ),
        ("upload", bench("upload of the edge to Cloudflare, compressed")[1].clone()),
        (
            "first-answer",
            bench("from the start of bare workerd to the edge's first answer")[1].clone(),
        ),
        ("redis-order", format!("{} to {}", first, last.replace("us", "µs"))),
        ("redis-order-later", later.replace("us", "µs")),
        ("redis-order-growth", format!("{more:.0} %")),
        (
            "node-order",
            bench("processor time of an order, 10 sales of which one is asked for, against one")[2]
                .clone()
                + " µs",
        ),
        ("node-refusal", bench(refusal)[1].replace("us", "µs")),
        ("engine-orders", bench("orders in batches of 256, against redis-benchmark")[1].clone()),
        ("million-sold", count("granted")),
        ("million-edge", thousands(report["answered_by"]["edge"].as_u64().expect("a count"))),
        ("million-origin", format!("{:.2}", ratio("origin_requests_per_ticket"))),
        ("million-ledger", format!("{:.3}", ratio("ledger_round_trips_per_ticket"))),
        ("million-seconds", format!("{:.0}", ratio("seconds"))),
    ])
}

#[test]
fn every_figure_that_a_document_takes_from_a_report_is_that_of_the_report() {
    let figures = figures();
    let write = env::var_os("LASTSEAT_WRITE_DOCS").is_some();
    let (mut used, mut wrong) = (BTreeSet::new(), Vec::new());
    for document in Document::all() {
        let mut parts = document.text.split(BEGIN);
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let inside = part.split_once(" -->").and_then(|(name, rest)| {
                let (said, rest) = rest.split_once(END)?;
                Some((name, said, rest))
            });
            let (name, said, rest) =
                inside.unwrap_or_else(|| panic!("{}: a figure has no end: {part}", document.name));
            let figure = figures.get(name);
            let figure = figure.unwrap_or_else(|| panic!("{}: no figure {name}", document.name));
            if said != figure {
                wrong.push(format!("{}: {name} is {figure}, not {said}", document.name));
            }
            used.insert(name.to_owned());
            text.push_str(&format!("{BEGIN}{name} -->{figure}{END}{rest}"));
        }
        if write && text != document.text {
            fs::write(&document.path, text).unwrap();
        }
    }
    if write {
        return;
    }
    assert!(wrong.is_empty(), "run `make docs`:\n{}", wrong.join("\n"));
    let unused: Vec<_> = figures.keys().filter(|name| !used.contains(**name)).collect();
    assert!(unused.is_empty(), "figures that no document has: {unused:?}");
}
