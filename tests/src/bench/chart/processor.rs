//! Processor time of a ticket and of a refusal: one bar for each stack, a piece for each process.

use super::ChartFrame;
use super::frame::top;
use crate::bench::report::BenchReport;
use crate::bench::row::BenchRow;

/// The pieces: what rows call them, their class, how the picture calls them.
const PARTS: [(&str, &str, &str); 3] = [
    ("first", "a", "first tier: edge on workerd / nginx"),
    ("nodes", "b", "nodes"),
    ("redis", "c", "Redis"),
];
const LEFT: f64 = 230.0;
const RIGHT: f64 = 800.0;
const BAR: f64 = 26.0;

pub(super) fn svg(report: &BenchReport) -> Option<String> {
    let row = |what: &str, part: &str| {
        let name = format!("{what}-{part}");
        report.measures.iter().find(|row| row.id == "M9" && row.row == name)
    };
    let bars = [
        ("a sold ticket", "lastseat", "ticket", true),
        ("", "S2 behind tuned nginx", "ticket", false),
        ("a refusal", "lastseat", "refusal", true),
        ("", "S2 behind tuned nginx", "refusal", false),
    ];
    let value = |row: &BenchRow, ours: bool| if ours { row.ours } else { row.peer };
    let sums = bars.iter().map(|(.., what, ours)| value(row(what, "all")?, *ours));
    let most = sums.collect::<Option<Vec<f64>>>()?.into_iter().fold(0.0, f64::max);
    let scale = (RIGHT - LEFT) / top(most);
    let mut frame = ChartFrame::new(300.0, "Processor time of all processes, in microseconds");
    let mut y = 52.0;
    for (title, stack, what, ours) in bars {
        if !title.is_empty() {
            y += 10.0;
            frame.text(24.0, y + 18.0, "n", "start", title);
        }
        frame.text(LEFT - 10.0, y + 18.0, "s", "end", stack);
        let (mut x, mut sum) = (LEFT, 0.0);
        for (part, class, _) in PARTS {
            let us = row(what, part).and_then(|row| value(row, ours)).unwrap_or(0.0);
            frame.bar(class, x, y, us * scale, BAR);
            (x, sum) = (x + us * scale, sum + us);
        }
        frame.text(x + 8.0, y + 18.0, "n", "start", &format!("{sum:.0}"));
        y += BAR + 8.0;
    }
    let mut x = 24.0;
    for (_, class, name) in PARTS {
        frame.bar(class, x, 268.0, 14.0, 14.0);
        frame.text(x + 22.0, 280.0, "", "start", name);
        x += 60.0 + 8.0 * name.len() as f64;
    }
    Some(frame.finish())
}
