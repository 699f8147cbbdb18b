//! Progress bar on stderr, for work that may take longer than two seconds.
//!
//! Nothing where stderr is no terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

const SHAPE: &str = "{msg:24} {wide_bar} {human_pos}/{human_len}  {eta}";

/// How far a command is; gone when dropped.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn start() -> Self {
        Self::shown(true)
    }

    /// One that is only there where it does not get into the way of what is printed.
    pub(super) fn shown(shown: bool) -> Self {
        let target =
            if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        // A wrong shape would be shown by the first test that draws it; the standard one serves,
        // too.
        if let Ok(style) = ProgressStyle::with_template(SHAPE) {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// `done` of `all` of what is named are done.
    pub(super) fn report(&self, what: &'static str, done: u64, all: u64) {
        if self.0.message() != what {
            self.0.set_message(what);
        }
        self.0.set_length(all.max(done));
        self.0.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
