//! Draws stacks as a flame graph: a box for each call, as wide as the samples in which it was on
//! the way, its callers below it. After Brendan Gregg, "The Flame Graph", Communications of the ACM
//! 59(6), 2016.
//!
//! Without inferno (0.12): its licence, CDDL-1.0, is none that `deny.toml` allows, and its pictures
//! have no legend, which is what tells the kinds of frames apart. It would be 8 crates for the 100
//! lines below.

use super::stacks::{CallStack, FrameKind};
use std::collections::BTreeMap;
use std::fmt::Write;

const WIDTH: f64 = 1_200.0;
const ROW: f64 = 17.0;
/// Boxes that are narrower are left out, with what is above them.
const NARROWEST: f64 = 2.4;
/// Rows from the bottom that are drawn.
const ROWS_MAX: usize = 64;
const LETTER: f64 = 6.6;
const HEAD: f64 = 44.0;

#[derive(Default)]
struct Call {
    samples: usize,
    kind: Option<FrameKind>,
    calls: BTreeMap<String, Call>,
}

/// The picture of `stacks`, under this heading.
#[must_use]
pub fn draw(stacks: &[CallStack], heading: &str) -> String {
    let mut root = Call { samples: stacks.len(), ..Call::default() };
    for stack in stacks {
        let mut at = &mut root;
        for frame in stack.iter().take(ROWS_MAX) {
            at = at.calls.entry(frame.name.clone()).or_default();
            at.samples += 1;
            at.kind = Some(frame.kind);
        }
    }
    let all = stacks.len().max(1) as f64;
    let mut boxes = Vec::new();
    place(&root, 0.0, 0, all, &mut boxes);
    let rows = boxes.iter().map(|drawn| drawn.row + 1).max().unwrap_or(1);
    let height = HEAD + rows as f64 * ROW + 8.0;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"monospace\" \
         font-size=\"11\" role=\"img\" aria-label=\"{0}\">\n<title>{0}</title>\n<rect \
         width=\"{WIDTH}\" height=\"{height}\" \
         fill=\"#fff\"/>\n<text x=\"6\" y=\"17\" font-size=\"14\" \
         font-family=\"sans-serif\">{0}</text>\n",
        escaped(heading)
    );
    let mut x = 6.0;
    for kind in FrameKind::ALL {
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"25\" width=\"12\" height=\"12\" fill=\"{}\"/><text x=\"{}\" \
             y=\"35\" font-family=\"sans-serif\">{}</text>",
            colour(kind),
            x + 17.0,
            kind.name()
        );
        x += 40.0 + kind.name().len() as f64 * LETTER;
    }
    for drawn in &boxes {
        let y = height - 6.0 - (drawn.row + 1) as f64 * ROW;
        let share = drawn.width / WIDTH * 100.0;
        let letters = ((drawn.width - 4.0) / LETTER) as usize;
        let text = if letters < 3 {
            String::new()
        } else if drawn.name.chars().count() <= letters {
            drawn.name.to_owned()
        } else {
            drawn.name.chars().take(letters - 1).chain(['…']).collect()
        };
        let _ = write!(
            out,
            "<g><title>{} {share:.1} %</title><rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" \
             height=\"{:.0}\" fill=\"{}\"/>",
            escaped(drawn.name),
            drawn.x,
            (drawn.width - 0.5).max(0.5),
            ROW - 1.0,
            colour(drawn.kind),
        );
        if !text.is_empty() {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                drawn.x + 2.0,
                y + 12.0,
                escaped(&text)
            );
        }
        out += "</g>\n";
    }
    out += "</svg>\n";
    out
}

struct Drawn<'a> {
    name: &'a str,
    kind: FrameKind,
    x: f64,
    width: f64,
    row: usize,
}

fn place<'a>(call: &'a Call, x: f64, row: usize, all: f64, boxes: &mut Vec<Drawn<'a>>) {
    let mut x = x;
    for (name, called) in &call.calls {
        let width = called.samples as f64 / all * WIDTH;
        if width >= NARROWEST {
            let kind = called.kind.unwrap_or(FrameKind::Program);
            boxes.push(Drawn { name, kind, x, width, row });
            place(called, x, row + 1, all, boxes);
        }
        x += width;
    }
}

const fn colour(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Kernel => "#f2b56b",
        FrameKind::Garbage => "#e58a8a",
        FrameKind::Script => "#8fcf9a",
        FrameKind::Memory => "#d8b4e2",
        FrameKind::Program => "#9cc3ea",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::stacks::StackFrame;
    use super::*;

    fn stack(names: &[&str]) -> CallStack {
        let frame = |name: &&str| StackFrame { name: (*name).to_owned(), kind: FrameKind::Program };
        names.iter().map(frame).collect()
    }

    #[test]
    fn a_box_is_as_wide_as_its_samples_and_stands_on_its_caller() {
        let stacks = [
            stack(&["main", "a<b>"]),
            stack(&["main", "c"]),
            stack(&["main", "c"]),
            stack(&["main"]),
        ];
        let svg = draw(&stacks, "Four samples");
        assert!(svg.contains("<title>main 100.0 %</title>"), "{svg}");
        assert!(svg.contains("<title>c 50.0 %</title>"));
        assert!(svg.contains("<title>a&lt;b&gt; 25.0 %</title>"));
    }
}
