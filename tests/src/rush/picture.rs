//! The files of a rush: its report, and a picture of it: who answered how many, from the crowd to
//! the tickets.

use super::report::{LoadReport, thousands};
use crate::chart::{ChartBar, bars};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes `target/rush/report.json` and `report.svg` below `root`; the path of the first.
pub fn write(report: &LoadReport, root: &Path) -> Result<PathBuf> {
    let directory = root.join("target/rush");
    let path = directory.join("report.json");
    let json = report.to_json()? + "\n";
    fs::create_dir_all(&directory)
        .and_then(|()| fs::write(&path, json))
        .and_then(|()| fs::write(directory.join("report.svg"), svg(report)))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

/// An SVG of the funnel. Bars are drawn on a logarithmic scale, which the picture says.
fn svg(report: &LoadReport) -> String {
    let more = &report.more;
    let a_ticket = |each: f64| format!("{each:.2} a ticket");
    let rows = [
        (
            "asked",
            format!("{} were busy and asked again", thousands(report.busy_retries)),
            "d",
            more.requests,
        ),
        (
            "answered at the edge",
            "from memory, without asking anyone".to_owned(),
            "d",
            more.all_answered_by.edge,
        ),
        (
            "reached an origin",
            a_ticket(more.origin_requests_per_ticket),
            "a",
            report.origin_requests,
        ),
        (
            "ledger round trips",
            a_ticket(more.ledger_round_trips_per_ticket),
            "a",
            report.ledger_round_trips,
        ),
        ("tickets sold", "never one more, never one less".to_owned(), "b", report.granted),
    ];
    let rows = rows.map(|(label, note, class, number)| ChartBar {
        label: label.to_owned(),
        note,
        value: thousands(number),
        parts: vec![(class, (number as f64 + 1.0).log10())],
    });
    let title = format!(
        "{} buyers for {} tickets in {:.0} seconds, edge and all on one 2-core machine",
        thousands(report.buyers),
        thousands(report.tickets),
        report.seconds
    );
    let audit = &report.audit;
    let [capacity, free, held, confirmed] =
        [audit.capacity, audit.free, audit.held, audit.confirmed].map(thousands);
    let footer = format!(
        "Audit: capacity {capacity} = free {free} + held {held} + confirmed {confirmed}. Bars on a \
         logarithmic scale."
    );
    bars(&title, &rows, None, &[], &footer)
}
