//! Failure of a command: a code for programs, sentences for people, and an exit code.

use core::fmt;
use serde_json::json;
use std::process::ExitCode;

/// Exit code of a command that was refused or did not work.
pub const REFUSED: u8 = 1;
/// Exit code of flags, an environment or a file that make no sense.
pub const USAGE: u8 = 2;
/// Exit code of a command that names a sale or an order that does not exist.
pub const NOT_FOUND: u8 = 3;
/// Exit code of a command whose server, or the ledger behind it, did not answer.
pub const UNREACHABLE: u8 = 4;

/// The end of a command that did not do its work.
#[derive(Debug)]
pub struct Failure {
    exit: u8,
    /// A word for programs: a code of the API, or one of `usage`, `failed`, `unreachable` ...
    code: String,
    /// One sentence a line, each says what to do.
    sentences: Vec<String>,
}

impl Failure {
    /// As `code` says, with an exit code of its own.
    pub fn new(exit: u8, code: &str, sentence: impl fmt::Display) -> Self {
        Self { exit, code: code.to_owned(), sentences: vec![sentence.to_string()] }
    }

    /// Something outside of the command line is wrong.
    pub fn runtime(sentence: impl fmt::Display) -> Self {
        Self::new(REFUSED, "failed", sentence)
    }

    /// The server that was to be asked did not answer.
    pub fn unreachable(sentence: impl fmt::Display) -> Self {
        Self::new(UNREACHABLE, "unreachable", sentence)
    }

    /// Flags or environment make no sense; all that is wrong, at once.
    #[must_use]
    pub fn usage(sentences: Vec<String>) -> Self {
        Self { exit: USAGE, code: "usage".to_owned(), sentences }
    }

    /// What a file says makes no sense; all that is wrong, at once. Exit code [`USAGE`].
    #[must_use]
    pub fn input(code: &str, sentences: Vec<String>) -> Self {
        Self { exit: USAGE, code: code.to_owned(), sentences }
    }

    /// The question could not be answered, which is neither "fine" nor "not fine". Exit code 2.
    #[must_use]
    pub fn undecided(self) -> Self {
        Self { exit: 2, ..self }
    }

    /// Whether the same command may work in a moment.
    #[must_use]
    pub const fn is_unreachable(&self) -> bool {
        self.exit == UNREACHABLE
    }

    /// The exit code of the process.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit)
    }

    /// One line of JSON, which `--json` prints on stderr.
    #[must_use]
    pub fn to_json(&self) -> String {
        let (code, exit) = (&self.code, self.exit);
        let detail = self.sentences.join("\n");
        json!({"error": {"code": code, "detail": detail, "exit": exit}}).to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_of_json_with_its_code_and_exit_code() {
        let failure = Failure::new(NOT_FOUND, "unknown_sale", "there is no sale \"x\"\nlook");
        let line = failure.to_json();
        assert_eq!(line.lines().count(), 1);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&read["error"]["code"], &read["error"]["exit"]),
            (&"unknown_sale".into(), &3.into())
        );
        assert_eq!(read["error"]["detail"], "there is no sale \"x\"\nlook");
    }
}
