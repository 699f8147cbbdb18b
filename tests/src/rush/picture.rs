//! The report of a rush as a picture: who answered how many, from the crowd to the tickets.

use super::report::{LoadReport, thousands};
use std::fmt::Write;

/// Width of the longest bar.
const BAR: f64 = 520.0;
/// Height of a row.
const ROW: u32 = 64;

const STYLE: &str = "text{font:15px system-ui,sans-serif;fill:#1f2328}.n{font-weight:700}\
    .s{font-size:13px;fill:#59636e}.no{fill:#d0d7de}.ask{fill:#54aeff}.yes{fill:#2da44e}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}.no{fill:#3d444d}\
    .ask{fill:#1f6feb}.yes{fill:#3fb950}}";

/// One bar of the picture.
struct Bar {
    kind: &'static str,
    number: u64,
    title: &'static str,
    note: String,
}

/// An SVG of the funnel. Bars are drawn on a logarithmic scale, which the picture says.
#[must_use]
pub fn svg(report: &LoadReport) -> String {
    let bars = bars(report);
    let height = 96 + ROW * u32::try_from(bars.len()).unwrap_or(0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"880\" height=\"{height}\" \
         viewBox=\"0 0 880 {height}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        title(report)
    );
    let _ = writeln!(out, "<text x=\"24\" y=\"34\" class=\"n\">{}</text>", title(report));
    for (row, bar) in bars.iter().enumerate() {
        let y = 56 + ROW * u32::try_from(row).unwrap_or(0);
        let width = length(bar.number, report.buyers);
        let _ = writeln!(
            out,
            "<rect class=\"{}\" x=\"330\" y=\"{y}\" width=\"{width:.0}\" height=\"40\" rx=\"4\"/>\n\
             <text x=\"314\" y=\"{}\" text-anchor=\"end\" class=\"n\">{}</text>\n\
             <text x=\"24\" y=\"{}\">{}</text>\n\
             <text x=\"24\" y=\"{}\" class=\"s\">{}</text>",
            bar.kind,
            y + 18,
            thousands(bar.number),
            y + 18,
            bar.title,
            y + 36,
            bar.note,
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"24\" y=\"{}\" class=\"s\">Audit: capacity {} = free {} + held {} + confirmed \
         {}. \
         Bars on a logarithmic scale.</text>\n</svg>",
        height - 16,
        thousands(report.audit.capacity),
        thousands(report.audit.free),
        thousands(report.audit.held),
        thousands(report.audit.confirmed),
    );
    out
}

fn title(report: &LoadReport) -> String {
    format!(
        "{} buyers for {} tickets in {:.0} seconds, edge and all on one 2-core machine",
        thousands(report.buyers),
        thousands(report.tickets),
        report.seconds
    )
}

fn bars(report: &LoadReport) -> Vec<Bar> {
    let by = report.more.all_answered_by;
    vec![
        Bar {
            kind: "no",
            number: report.more.requests,
            title: "asked",
            note: format!("{} were busy and asked again", thousands(report.busy_retries)),
        },
        Bar {
            kind: "no",
            number: by.edge,
            title: "answered at the edge",
            note: "from memory, without asking anyone".to_owned(),
        },
        Bar {
            kind: "ask",
            number: report.origin_requests,
            title: "reached an origin",
            note: format!("{:.2} a ticket", report.more.origin_requests_per_ticket),
        },
        Bar {
            kind: "ask",
            number: report.ledger_round_trips,
            title: "ledger round trips",
            note: format!("{:.2} a ticket", report.more.ledger_round_trips_per_ticket),
        },
        Bar {
            kind: "yes",
            number: report.granted,
            title: "tickets sold",
            note: "never one more, never one less".to_owned(),
        },
    ]
}

fn length(number: u64, most: u64) -> f64 {
    let scale = |n: u64| (n as f64 + 1.0).log10();
    (scale(number) / scale(most.max(1)) * BAR).max(2.0)
}
