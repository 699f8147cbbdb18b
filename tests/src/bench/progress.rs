//! What a person sees while it measures: a bar on a terminal, a line for each step elsewhere. On
//! standard error, without colour.

use super::measure::Measure;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// Shows how far the bench is, by the time that the plan gives each measure.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For these measures.
    pub(super) fn new(measures: &[Measure]) -> Self {
        let seconds: u32 = measures.iter().map(|measure| measure.plan().budget).sum();
        let bar = ProgressBar::new(u64::from(seconds));
        if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} [{bar:24}] {msg}") {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar }
    }

    pub(super) fn step(&self, measure: Measure, what: &str) {
        let text = format!("{measure} {}: {what}", measure.plan().title);
        if self.bar.is_hidden() {
            eprintln!("bench: {text}");
        }
        self.bar.set_message(text);
    }

    /// Says something without breaking the bar.
    pub(super) fn note(&self, text: &str) {
        self.bar.suspend(|| eprintln!("bench: {text}"));
    }

    pub(super) fn done(&self, measure: Measure) {
        self.bar.inc(u64::from(measure.plan().budget));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
