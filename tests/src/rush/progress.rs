//! What a person sees while the crowd is at it: a bar on a terminal, a line every few seconds
//! elsewhere. Without colour, so `NO_COLOR` needs no care. Notes go to standard error; data is on
//! standard output.

use crate::load::LoadTally;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

const LINE_EVERY: Duration = Duration::from_secs(5);

/// Shows how far the crowd is.
#[derive(Debug)]
pub enum Progress {
    /// On a terminal.
    Bar(ProgressBar),
    /// Elsewhere.
    Lines {
        /// How many buyers come.
        buyers: u32,
        /// When the next line is due.
        next: Instant,
    },
    /// Not at all.
    Silent,
}

impl Progress {
    /// The right kind for where standard error goes.
    pub fn new(buyers: u32) -> Self {
        if !std::io::stderr().is_terminal() {
            let next = Instant::now() + LINE_EVERY;
            return Self::Lines { buyers, next };
        }
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(Some(u64::from(buyers)), target);
        let style = "{elapsed_precise} [{bar:40}] {human_pos} of {human_len} buyers, {msg}";
        if let Ok(style) = ProgressStyle::with_template(style) {
            bar.set_style(style.progress_chars("=> "));
        }
        Self::Bar(bar)
    }

    /// Shows the tally.
    pub fn show(&mut self, tally: &LoadTally) {
        match self {
            Self::Bar(bar) => {
                bar.set_message(sold(tally));
                bar.set_position(tally.done());
            }
            Self::Lines { buyers, next } if Instant::now() >= *next => {
                *next += LINE_EVERY;
                eprintln!("rush: {} of {buyers} buyers, {}", tally.done(), sold(tally));
            }
            Self::Lines { .. } | Self::Silent => {}
        }
    }

    /// Says something without breaking the bar.
    pub fn note(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.suspend(|| eprintln!("rush: {text}")),
            Self::Lines { .. } => eprintln!("rush: {text}"),
            Self::Silent => {}
        }
    }

    /// Removes the bar.
    pub fn end(&self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn sold(tally: &LoadTally) -> String {
    match tally.errors {
        0 => format!("{} tickets sold", tally.granted),
        errors => format!("{} tickets sold, {errors} errors", tally.granted),
    }
}
