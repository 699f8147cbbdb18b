//! What all pictures have in common: size, style, title, axes.

use std::fmt::Write;

const STYLE: &str = "text{font:14px system-ui,sans-serif;fill:#1f2328}.n{font-weight:700}\
    .s{font-size:12px;fill:#59636e}line{stroke:#d0d7de}path{fill:none;stroke-width:2.5}\
    .ours{stroke:#2da44e}.peer{stroke:#8c959f}.dash{stroke-dasharray:6 5}\
    .a{fill:#54aeff}.b{fill:#2da44e}.c{fill:#bf8700}.d{fill:#8c959f}\
    .goal{stroke:#cf222e;stroke-dasharray:4 4}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}line{stroke:#3d444d}\
    .a{fill:#1f6feb}.b{fill:#3fb950}.c{fill:#d29922}.d{fill:#6e7681}.goal{stroke:#f85149}}";

/// Width of every picture.
pub(super) const WIDTH: f64 = 880.0;

/// A picture that is being drawn.
#[derive(Debug)]
pub struct ChartFrame {
    out: String,
}

impl ChartFrame {
    /// An empty one of this height.
    #[must_use]
    pub fn new(height: f64, title: &str) -> Self {
        let out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
             aria-label=\"{title}\">\n<style>{STYLE}</style>\n"
        );
        let mut frame = Self { out };
        frame.text(24.0, 30.0, "n", "start", title);
        frame
    }

    /// A text; `anchor` is start, middle or end.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: &str, text: &str) {
        let _ = writeln!(
            self.out,
            "<text x=\"{x:.0}\" y=\"{y:.0}\" class=\"{class}\" \
             text-anchor=\"{anchor}\">{text}</text>"
        );
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.out,
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        );
    }

    /// A curve through points.
    pub fn curve(&mut self, class: &str, points: impl IntoIterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            let step = if path.is_empty() { 'M' } else { 'L' };
            let _ = write!(path, "{step}{x:.1} {y:.1}");
        }
        let _ = writeln!(self.out, "<path class=\"{class}\" d=\"{path}\"/>");
    }

    /// A bar.
    pub fn bar(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let _ = writeln!(
            self.out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
             height=\"{height:.1}\"/>",
            width.max(0.0)
        );
    }

    /// The finished picture.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>\n");
        self.out
    }
}

/// A number at the end of a scale, 1, 2 or 5 times a power of ten, that is at least `most`.
#[must_use]
pub(super) fn top(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|top| *top >= most)
        .unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::top;

    #[test]
    fn a_scale_ends_at_a_round_number_that_holds_all() {
        for (most, end) in
            [(0.7, 1.0), (1.0, 1.0), (13.0, 20.0), (480.0, 500.0), (5_001.0, 10_000.0)]
        {
            assert!((top(most) - end).abs() < 1e-9, "{most}");
        }
    }
}
