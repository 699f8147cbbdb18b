//! Errors of a plan: all at once, each with its place in the document and with what to do.

use crate::limits::{PLAN_BYTES_MAX, PLAN_ERRORS_MAX};
use core::fmt;

/// One thing in a plan that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    /// Where it is, such as `class second, coaches 1-16`.
    pub place: String,
    /// What is wrong there and what to do.
    pub problem: String,
}

/// All that makes no sense in a plan: at least one error, at most [`PLAN_ERRORS_MAX`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanErrors {
    errors: Vec<PlanError>,
    more: usize,
}

impl PlanErrors {
    /// One error.
    #[must_use]
    pub fn one(place: &str, problem: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.push(place, problem);
        errors
    }

    /// A document that is not read.
    #[must_use]
    pub fn too_long() -> Self {
        Self::one(
            "plan",
            format!(
                "has more than {PLAN_BYTES_MAX} bytes: let coaches or blocks that are alike share \
                 an entry, such as \"1-16\""
            ),
        )
    }

    /// The errors that are named, in the order of the document.
    #[must_use]
    pub fn errors(&self) -> &[PlanError] {
        &self.errors
    }

    /// How many more there are.
    #[must_use]
    pub const fn more(&self) -> usize {
        self.more
    }

    /// Each error as a sentence, and how many more there are.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let mut sentences: Vec<String> = self.errors.iter().map(ToString::to_string).collect();
        if self.more > 0 {
            sentences.push(format!("and {} more errors", self.more));
        }
        sentences
    }

    pub(super) fn push(&mut self, place: &str, problem: impl Into<String>) {
        if self.errors.len() < PLAN_ERRORS_MAX {
            let [place, problem] = [place, &problem.into()].map(visible);
            self.errors.push(PlanError { place, problem });
        } else {
            self.more += 1;
        }
    }

    /// Whether so many are named that nobody reads more.
    pub(super) const fn is_full(&self) -> bool {
        self.more > 0
    }

    /// Itself, if there is an error.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.errors.is_empty() { Ok(value) } else { Err(self) }
    }
}

/// One line. An error repeats words of a document, and a terminal carries out what it is shown.
fn visible(text: &str) -> String {
    text.replace('\n', " ").replace(char::is_control, "\u{fffd}")
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl fmt::Display for PlanErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("\n"))
    }
}

impl core::error::Error for PlanErrors {}
