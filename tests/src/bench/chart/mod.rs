//! The pictures of the page: SVG in the look of the project's other pictures, readable in light and
//! dark.
//!
//! Without plotters (0.3): its SVG has each colour as an attribute and no classes, so that a
//! picture would be readable in one of the two.

mod frame;
mod growth;
mod latency;
mod processor;
mod soak;

pub use frame::ChartFrame;

use super::report::BenchReport;

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
#[must_use]
pub fn all(report: &BenchReport) -> Vec<Picture> {
    let made = [
        (
            "bench-latency.svg",
            "Latency at offered load: p50 and p99 of lastseat and of S2",
            "M8",
            latency::svg(report),
        ),
        (
            "bench-processor.svg",
            "Processor time of a sold ticket and of a refusal, by process",
            "M9",
            processor::svg(report),
        ),
        (
            "bench-growth.svg",
            "What an order costs with more nodes, more sales and more orders sold",
            "M10",
            growth::svg(report),
        ),
        ("bench-soak.svg", "p99 over the ten minutes of the soak", "M11", soak::svg(report)),
    ];
    let picture = |(file, alt, measure, svg): (_, _, _, Option<String>)| {
        svg.map(|svg| Picture { file, alt, measure, svg })
    };
    made.into_iter().filter_map(picture).collect()
}
