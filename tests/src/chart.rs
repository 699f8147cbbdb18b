//! The charts of the reports: bars and lines as SVG in the look of the project's other pictures,
//! readable in light and dark.
//!
//! Without plotters (0.3): its SVG has each colour as an attribute and no classes, so that a
//! picture would be readable in one of the two; and it draws no labelled or stacked bars.

use std::fmt::Write;

const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#1f2328}.n{font-weight:700}\
    .s{font-size:12px;fill:#59636e}line{stroke:#d0d7de}path{fill:none;stroke-width:2.5}\
    .ours{stroke:#2da44e}.peer{stroke:#8c959f}.dash{stroke-dasharray:6 5}\
    .a{fill:#54aeff}.b{fill:#2da44e}.c{fill:#bf8700}.d{fill:#8c959f}\
    .goal{stroke:#cf222e;stroke-dasharray:4 4}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}line{stroke:#3d444d}\
    .a{fill:#1f6feb}.b{fill:#3fb950}.c{fill:#d29922}.d{fill:#6e7681}.goal{stroke:#f85149}}";
const WIDTH: f64 = 880.0;
/// Where bars begin and end, and the height of a row.
const BARS: [f64; 3] = [330.0, 780.0, 44.0];
/// Left, right, top and bottom edge of the plot of lines.
const PLOT: [f64; 4] = [90.0, 850.0, 56.0, 250.0];

/// A row of a bar chart.
#[derive(Clone, Debug)]
pub struct ChartBar {
    /// What it is.
    pub label: String,
    /// Something about it, small.
    pub note: String,
    /// Its value, as people read it.
    pub value: String,
    /// Its pieces, one behind the other: class and length.
    pub parts: Vec<(&'static str, f64)>,
}

/// A line.
#[derive(Clone, Debug)]
pub struct ChartLine {
    /// What it shows.
    pub name: String,
    /// Its classes.
    pub class: &'static str,
    /// Its points.
    pub points: Vec<(f64, f64)>,
}

/// Where an axis has a text. The first and the last tick of an axis are its ends.
pub type Tick = (f64, String);

/// A bar chart. `mark` is a line across all bars, `legend` names classes.
pub fn bars(
    title: &str,
    rows: &[ChartBar],
    mark: Option<&Tick>,
    legend: &[(&str, &str)],
    footer: &str,
) -> String {
    let [left, right, height] = BARS;
    let length = |row: &ChartBar| row.parts.iter().map(|part| part.1).sum::<f64>();
    let most = rows.iter().map(length).chain(mark.map(|mark| mark.0)).fold(1e-9, f64::max);
    let scale = (right - left) / most;
    let end = 52.0 + height * rows.len() as f64;
    let mut out = begin(end + 40.0, title);
    for (row, y) in rows.iter().zip(0u32..).map(|(row, at)| (row, 52.0 + height * f64::from(at))) {
        text(&mut out, (24.0, y + 14.0), "n", "start", &row.label);
        text(&mut out, (24.0, y + 30.0), "s", "start", &row.note);
        let mut x = left;
        for (class, length) in &row.parts {
            rect(&mut out, class, (x, y), length * scale, 28.0);
            x += length * scale;
        }
        text(&mut out, (x + 8.0, y + 19.0), "n", "start", &row.value);
    }
    if let Some((at, what)) = mark {
        let x = left + at * scale;
        line(&mut out, "goal", (x, 44.0), (x, end));
        text(&mut out, (x, end + 18.0), "s", "middle", what);
    }
    let mut x = 24.0;
    for (class, name) in legend {
        rect(&mut out, class, (x, end + 8.0), 14.0, 14.0);
        text(&mut out, (x + 22.0, end + 20.0), "", "start", name);
        x += 60.0 + 8.0 * name.len() as f64;
    }
    text(&mut out, (x, end + 20.0), "s", "start", footer);
    out + "</svg>\n"
}

/// Lines over an axis from zero to the last tick of `across`; `up` has the ticks of the other one,
/// which is logarithmic if its first tick is above zero.
pub fn lines(title: &str, lines: &[ChartLine], across: &[Tick], up: &[Tick]) -> String {
    let [left, right, upper, bottom] = PLOT;
    let end = |ticks: &[Tick]| ticks.last().map_or(1.0, |tick| tick.0);
    let low = up.first().map_or(0.0, |tick| tick.0);
    let scale = |value: f64| if low > 0.0 { value.max(low).log10() } else { value };
    let x = |value: f64| left + (right - left) * value / end(across);
    let part = |value: f64| (scale(value) - scale(low)) / (scale(end(up)) - scale(low));
    let y = |value: f64| bottom - (bottom - upper) * part(value);
    let mut out = begin(bottom + 80.0, title);
    for (value, what) in up {
        line(&mut out, "", (left, y(*value)), (right, y(*value)));
        text(&mut out, (left - 8.0, y(*value) + 4.0), "s", "end", what);
    }
    for (value, what) in across {
        text(&mut out, (x(*value), bottom + 20.0), "s", "middle", what);
    }
    for (curve, at) in lines.iter().zip(0u32..) {
        path(&mut out, curve.class, curve.points.iter().map(|(a, b)| (x(*a), y(*b))));
        let (at, below) = (left + 190.0 * f64::from(at), bottom + 56.0);
        path(&mut out, curve.class, [(at, below), (at + 28.0, below)].into_iter());
        text(&mut out, (at + 36.0, below + 5.0), "", "start", &curve.name);
    }
    if low > 0.0 {
        text(&mut out, (right, 30.0), "s", "end", "logarithmic scale");
    }
    out + "</svg>\n"
}

/// A number at the end of a scale, 1, 2 or 5 times a power of ten, that is at least `most`.
pub fn top(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    let ends = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
    ends.into_iter().find(|top| *top >= most).unwrap_or(most)
}

fn begin(height: f64, title: &str) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>{STYLE}</style>\n"
    );
    text(&mut out, (24.0, 30.0), "n", "start", title);
    out
}

/// A text, where there is one.
fn text(out: &mut String, (x, y): (f64, f64), class: &str, anchor: &str, text: &str) {
    if !text.is_empty() {
        let place = format!("x=\"{x:.0}\" y=\"{y:.0}\" class=\"{class}\" text-anchor=\"{anchor}\"");
        let _ = writeln!(out, "<text {place}>{text}</text>");
    }
}

fn rect(out: &mut String, class: &str, (x, y): (f64, f64), width: f64, height: f64) {
    let place = format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"");
    let _ = writeln!(out, "<rect class=\"{class}\" {place}/>");
}

fn line(out: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let place = format!("x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"");
    let _ = writeln!(out, "<line class=\"{class}\" {place}/>");
}

fn path(out: &mut String, class: &str, points: impl Iterator<Item = (f64, f64)>) {
    let points: Vec<String> = points.map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    let _ = writeln!(out, "<path class=\"{class}\" d=\"M{}\"/>", points.join("L"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_ends_at_a_round_number_that_holds_all() {
        for (most, end) in
            [(0.7, 1.0), (1.0, 1.0), (13.0, 20.0), (480.0, 500.0), (5_001.0, 10_000.0)]
        {
            assert!((top(most) - end).abs() < 1e-9, "{most}");
        }
    }

    #[test]
    fn the_longest_bar_fills_the_width_and_a_logarithmic_axis_has_equal_decades() {
        let bar = |length| ChartBar {
            label: "x".to_owned(),
            note: String::new(),
            value: String::new(),
            parts: vec![("a", length), ("b", length)],
        };
        let drawn = bars("t", &[bar(1.0), bar(2.0)], None, &[], "");
        assert_eq!(drawn.matches("width=\"112.5\"").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("width=\"225.0\"").count(), 2, "{drawn}");
        let ticks = [1.0, 10.0, 100.0].map(|ms| (ms, format!("{ms} ms")));
        let curve = ChartLine { name: "p".to_owned(), class: "ours", points: vec![(5.0, 10.0)] };
        let drawn = lines("t", &[curve], &[(10.0, "10".to_owned())], &ticks);
        assert!(drawn.contains("d=\"M470.0 153.0\""), "{drawn}");
    }
}
