//! The pictures of the page of the bench.

use super::m08_latency::Point;
use super::report::BenchReport;
use super::row::BenchRow;
use crate::chart::{ChartBar, ChartLine, Tick, bars, lines, top};
use crate::rush::report::thousands;

/// A picture: the name of its file, and its text.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Such as `bench-latency.svg`.
    pub file: &'static str,
    /// What it shows, for whoever cannot see it.
    pub alt: &'static str,
    /// The measure that it belongs to.
    pub measure: &'static str,
    /// The SVG.
    pub svg: String,
}

/// The pictures of what `report` has.
pub fn all(report: &BenchReport) -> Vec<Picture> {
    let made = [
        (
            "bench-latency.svg",
            "Latency at offered load: p50 and p99 of lastseat and of S2",
            "M8",
            latency(report),
        ),
        (
            "bench-processor.svg",
            "Processor time of a sold ticket and of a refusal, by process",
            "M9",
            processor(report),
        ),
        (
            "bench-growth.svg",
            "What an order costs with more nodes, more sales and more orders sold",
            "M10",
            growth(report),
        ),
        ("bench-soak.svg", "p99 over the ten minutes of the soak", "M11", soak(report)),
    ];
    let made = made.into_iter();
    made.filter_map(|(file, alt, measure, svg)| Some(Picture { file, alt, measure, svg: svg? }))
        .collect()
}

/// Latency at offered load, on logarithmic time.
fn latency(report: &BenchReport) -> Option<String> {
    let points = &report.latency;
    let all = || points.iter().flat_map(|point| [point.p50, point.p99]);
    let (least, most) = (all().reduce(f64::min)?, all().reduce(f64::max)?);
    let low = least.max(0.01).log10().floor() as i32;
    let up: Vec<Tick> = (low..=(most.log10().ceil() as i32).max(low + 1))
        .map(|decade| 10_f64.powi(decade))
        .map(|ms| (ms, format!("{ms} ms")))
        .collect();
    let mut across: Vec<Tick> =
        points.iter().map(|p| (p.rate, format!("{}/s", thousands(p.rate as u64)))).collect();
    across.dedup();
    let curve = |service: &str, name: &str, class, value: fn(&Point) -> f64| ChartLine {
        name: format!("{name} of {service}"),
        class,
        points: points
            .iter()
            .filter(|point| point.service == service)
            .map(|point| (point.rate, value(point)))
            .collect(),
    };
    let curves = [
        curve("lastseat", "p99", "ours", |point| point.p99),
        curve("lastseat", "p50", "ours dash", |point| point.p50),
        curve("S2", "p99", "peer", |point| point.p99),
        curve("S2", "p50", "peer dash", |point| point.p50),
    ];
    let title = "Time of an order at an offered load (open loop, one origin)";
    Some(lines(title, &curves, &across, &up))
}

/// p99 over the time of the soak.
fn soak(report: &BenchReport) -> Option<String> {
    let points = &report.soak;
    let most = top(points.iter().map(|point| point.p99).reduce(f64::max)?);
    let up: Vec<Tick> = (0..=4)
        .map(|part| most * f64::from(part) / 4.0)
        .map(|ms| (ms, format!("{ms} ms")))
        .collect();
    // The last slice ends the axis.
    let step = (points.len() / 5).max(1);
    let mut across: Vec<Tick> = points
        .iter()
        .rev()
        .step_by(step)
        .map(|point| (point.seconds, format!("{:.0} s", point.seconds)))
        .collect();
    across.reverse();
    let curve = ChartLine {
        name: "p99 of all answers".to_owned(),
        class: "ours",
        points: points.iter().map(|point| (point.seconds, point.p99)).collect(),
    };
    Some(lines("The soak: p99 of all answers, slice by slice", &[curve], &across, &up))
}

/// Processor time of a ticket and of a refusal: a bar for each stack, a piece for each process.
fn processor(report: &BenchReport) -> Option<String> {
    let value = |what: &str, part: &str, ours: bool| {
        let name = format!("{what}-{part}");
        let row = report.measures.iter().find(|row| row.id == "M9" && row.row == name)?;
        if ours { row.ours } else { row.peer }
    };
    let rows = [
        ("a sold ticket", "lastseat", "ticket", true),
        ("", "S2 behind tuned nginx", "ticket", false),
        ("a refusal", "lastseat", "refusal", true),
        ("", "S2 behind tuned nginx", "refusal", false),
    ];
    let rows = rows.map(|(label, stack, what, ours)| {
        let parts = [("a", "first"), ("b", "nodes"), ("c", "redis")];
        Some(ChartBar {
            label: label.to_owned(),
            note: stack.to_owned(),
            value: format!("{:.0}", value(what, "all", ours)?),
            parts: parts
                .map(|(class, part)| (class, value(what, part, ours).unwrap_or(0.0)))
                .into(),
        })
    });
    let rows: Vec<ChartBar> = rows.into_iter().collect::<Option<_>>()?;
    let legend = [("a", "first tier: edge on workerd / nginx"), ("b", "nodes"), ("c", "Redis")];
    Some(bars("Processor time of all processes, in microseconds", &rows, None, &legend, ""))
}

/// What an order costs beside the smallest case, one bar for each way to grow.
fn growth(report: &BenchReport) -> Option<String> {
    /// A tenth more is still flat.
    const FLAT: f64 = 1.1;
    let bar = |row: &BenchRow| {
        let what = row.name.split("order").nth(1)?.split(", against").next()?;
        let times = 1.0 / row.ratio?;
        Some(ChartBar {
            label: what.trim_start_matches([',', ' ']).to_owned(),
            note: String::new(),
            value: format!("{times:.2}"),
            parts: vec![(if times <= FLAT { "b" } else { "c" }, times)],
        })
    };
    let rows = report.measures.iter().filter(|row| row.id == "M10" && row.unit == "us");
    let rows: Vec<ChartBar> = rows.filter_map(bar).collect();
    let title = "Processor time of an order, as a multiple of the smallest case";
    let mark = (FLAT, "a tenth more".to_owned());
    (!rows.is_empty()).then(|| bars(title, &rows, Some(&mark), &[], ""))
}
