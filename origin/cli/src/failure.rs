//! Failure of a command: a sentence for a person and an exit code.

use core::fmt;
use std::process::ExitCode;

/// The end of a command that did not do its work.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    /// One sentence a line, each says what to do.
    sentences: Vec<String>,
}

impl Failure {
    /// Something outside of the command line is wrong. Exit code 1.
    pub fn runtime(sentence: impl fmt::Display) -> Self {
        Self { code: 1, sentences: vec![sentence.to_string()] }
    }

    /// Flags or environment make no sense; all that is wrong, at once. Exit code 2.
    #[must_use]
    pub const fn usage(sentences: Vec<String>) -> Self {
        Self { code: 2, sentences }
    }

    /// The question could not be answered, which is neither "fine" nor "not fine". Exit code 2.
    #[must_use]
    pub fn undecided(self) -> Self {
        Self { code: 2, ..self }
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.sentences.iter();
        if let Some(first) = lines.next() {
            write!(f, "lastseat: {first}")?;
        }
        lines.try_for_each(|line| write!(f, "\nlastseat: {line}"))
    }
}
