//! Writer of the Prometheus text format 0.0.4.

use super::histogram::Reading;
use std::fmt::{Display, Write};

/// A page of metrics that is being written. Writing to a String cannot fail.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    /// Begins a metric; its samples follow.
    pub fn begin(&mut self, name: &'static str, kind: &str, help: &str) -> Samples<'_> {
        let _ = writeln!(self.0, "# HELP lastseat_{name} {help}\n# TYPE lastseat_{name} {kind}");
        Samples { page: self, name }
    }

    /// A counter without labels.
    pub fn counter(&mut self, name: &'static str, help: &str, value: u64) {
        self.begin(name, "counter", help).add(&[], value);
    }

    /// A gauge without labels.
    pub fn gauge(&mut self, name: &'static str, help: &str, value: impl Display) {
        self.begin(name, "gauge", help).add(&[], value);
    }

    /// A histogram without labels; `per` of its values are one of the name's unit.
    pub fn histogram(&mut self, name: &'static str, help: &str, reading: &Reading, per: f64) {
        let samples = self.begin(name, "histogram", help);
        let out = &mut samples.page.0;
        for (bound, below) in reading.cumulative() {
            let bound = bound as f64 / per;
            let _ = writeln!(out, "lastseat_{name}_bucket{{le=\"{bound}\"}} {below}");
        }
        let (count, sum) = (reading.count(), reading.sum as f64 / per);
        let _ = writeln!(
            out,
            "lastseat_{name}_bucket{{le=\"+Inf\"}} {count}\n\
             lastseat_{name}_sum {sum}\nlastseat_{name}_count {count}"
        );
    }

    /// The whole page.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

/// The samples of one metric.
#[derive(Debug)]
pub struct Samples<'a> {
    page: &'a mut Page,
    name: &'static str,
}

impl Samples<'_> {
    /// One sample. Label values are ids and words, which need no escaping.
    pub fn add(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let out = &mut self.page.0;
        let _ = write!(out, "lastseat_{}", self.name);
        let mut open = '{';
        for (label, word) in labels {
            let _ = write!(out, "{open}{label}=\"{word}\"");
            open = ',';
        }
        if !labels.is_empty() {
            out.push('}');
        }
        let _ = writeln!(out, " {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::histogram::{Histogram, MICROSECONDS};

    #[test]
    fn samples_have_their_labels_and_histograms_their_seconds() {
        let mut page = Page::default();
        let mut samples = page.begin("tickets", "gauge", "Tickets.");
        samples.add(&[("sale", "a"), ("state", "free")], 3);
        let times = Histogram::new(MICROSECONDS);
        times.record(1_000);
        page.histogram("wait_seconds", "Waits.", &times.reading(), 1e6);
        let text = page.into_text();
        for line in [
            "# TYPE lastseat_tickets gauge",
            "lastseat_tickets{sale=\"a\",state=\"free\"} 3",
            "lastseat_wait_seconds_bucket{le=\"0.00063\"} 0",
            "lastseat_wait_seconds_bucket{le=\"0.001\"} 1",
            "lastseat_wait_seconds_bucket{le=\"+Inf\"} 1",
            "lastseat_wait_seconds_sum 0.001",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in\n{text}");
        }
    }
}
