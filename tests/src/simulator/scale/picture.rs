//! A simulated rush as a picture: what was asked at the edges, what reached an origin and what was
//! sold, over time.

use super::report::{MeasureSlot, SLOT_US, ScaleReport};
use std::fmt::Write;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 340.0;
/// The plot's left, right, top and bottom edge.
const PLOT: [f64; 4] = [90.0, 850.0, 56.0, 270.0];

const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#1f2328}.n{font-weight:700}\
    .s{font-size:12px;fill:#59636e}line{stroke:#d0d7de}path{fill:none;stroke-width:2.5}\
    .no{stroke:#8c959f}.ask{stroke:#218bff}.yes{stroke:#2da44e}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}line{stroke:#3d444d}}";

/// Name, class and value of a curve.
type Curve = (&'static str, &'static str, fn(&MeasureSlot) -> u32);

const CURVES: [Curve; 3] = [
    ("buyers asked at the edges", "no", |slot| slot.asked),
    ("requests reached an origin", "ask", |slot| slot.reached),
    ("tickets sold", "yes", |slot| slot.sold),
];

/// An SVG of the rush. The scale is logarithmic, which the picture says.
pub fn svg(report: &ScaleReport) -> String {
    let slots = &report.timeline;
    let most = slots.iter().map(|slot| slot.asked).max().unwrap_or(1);
    let decades = f64::from(most.max(10)).log10().ceil();
    let title = format!(
        "{} buyers, {} tickets, {}: what happened in each {} ms",
        report.buyers,
        report.tickets,
        report.edges_in_all(),
        SLOT_US / 1_000
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>{STYLE}</style>\n\
         <text x=\"24\" y=\"30\" class=\"n\">{title}</text>\n"
    );
    let [left, right, top, bottom] = PLOT;
    for decade in 0..=decades as u32 {
        let y = bottom - (bottom - top) * f64::from(decade) / decades;
        let _ = writeln!(
            out,
            "<line x1=\"{left}\" x2=\"{right}\" y1=\"{y:.0}\" y2=\"{y:.0}\"/>\
             <text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\" class=\"s\">{}</text>",
            left - 8.0,
            y + 4.0,
            10_u64.pow(decade)
        );
    }
    let x = |index: usize| left + (right - left) * index as f64 / slots.len().max(1) as f64;
    for index in (0..=slots.len()).step_by((slots.len() / 8).max(1)) {
        let _ = writeln!(
            out,
            "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\" class=\"s\">{} ms</text>",
            x(index),
            bottom + 18.0,
            index as u64 * SLOT_US / 1_000
        );
    }
    for (row, (name, class, value)) in CURVES.into_iter().enumerate() {
        let mut path = String::new();
        for (index, slot) in slots.iter().enumerate() {
            let height = (f64::from(value(slot)).max(1.0)).log10() / decades;
            let y = bottom - (bottom - top) * height;
            let step = if index == 0 { 'M' } else { 'V' };
            let _ = match step {
                'M' => write!(path, "M{:.1} {y:.1}", x(index)),
                _ => write!(path, "V{y:.1}"),
            };
            let _ = write!(path, "H{:.1}", x(index + 1));
        }
        let at = left + 250.0 * row as f64;
        let _ = writeln!(
            out,
            "<path class=\"{class}\" d=\"{path}\"/>\n\
             <path class=\"{class}\" d=\"M{at} {y}h24\"/><text x=\"{}\" y=\"{}\">{name}</text>",
            at + 32.0,
            HEIGHT - 17.0,
            y = HEIGHT - 22.0,
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{right}\" y=\"30\" text-anchor=\"end\" class=\"s\">logarithmic \
         scale</text>\n</svg>"
    );
    out
}
