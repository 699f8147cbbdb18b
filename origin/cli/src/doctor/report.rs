//! Report of the doctor: findings and how they are shown.

use core::fmt;
use serde::Serialize;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Works, but not as well or not as safely as it could.
    Warn,
    /// Could not be looked at.
    Unchecked,
    /// Must be changed before a sale.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorFinding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at: one word.
    pub subject: &'static str,
    /// What was found.
    pub found: String,
    /// What to do about it; absent when all is well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl DoctorFinding {
    /// All is well.
    pub fn ok(subject: &'static str, found: impl Into<String>) -> Self {
        Self { level: Level::Ok, subject, found: found.into(), remedy: None }
    }

    /// Could be better.
    pub fn warn(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::with(Level::Warn, subject, found.into(), remedy.into())
    }

    /// Could not be looked at.
    pub fn unchecked(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::with(Level::Unchecked, subject, found.into(), remedy.into())
    }

    /// Must be changed.
    pub fn fail(
        subject: &'static str,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::with(Level::Fail, subject, found.into(), remedy.into())
    }

    const fn with(level: Level, subject: &'static str, found: String, remedy: String) -> Self {
        Self { level, subject, found, remedy: Some(remedy) }
    }
}

/// All findings.
#[derive(Clone, Debug, Serialize)]
pub struct DoctorReport {
    /// The worst level.
    pub level: Level,
    /// In the order of looking.
    pub findings: Vec<DoctorFinding>,
}

impl DoctorReport {
    /// The report on `findings`.
    #[must_use]
    pub fn new(findings: Vec<DoctorFinding>) -> Self {
        let worst = findings.iter().map(|finding| finding.level).max();
        Self { level: worst.unwrap_or(Level::Ok), findings }
    }

    /// How many findings have this level.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        let of_level = |finding: &&DoctorFinding| finding.level == level;
        self.findings.iter().filter(of_level).count()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Unchecked => "?",
            Self::Fail => "FAIL",
        })
    }
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let DoctorFinding { level, subject, found, remedy } = finding;
            writeln!(f, "{level:5} {subject:12} {found}")?;
            if let Some(remedy) = remedy {
                writeln!(f, "{:18} -> {remedy}", "")?;
            }
        }
        Ok(())
    }
}
