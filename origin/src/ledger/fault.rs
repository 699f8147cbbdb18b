//! Trouble with the ledger, with a verdict on what may have happened. Never a refusal.

/// Why the ledger gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing happened; the same call may be made again at will.
    #[error("the ledger is away, nothing happened: {0}")]
    NotSent(String),
    /// It may have happened; only a call with the same order ids tells.
    #[error("the ledger did not answer in time, the outcome is unknown: {0}")]
    Unknown(String),
    /// The ledger's data or an answer is not what lastseat writes.
    #[error("the ledger's data is damaged: {0}")]
    Corrupt(String),
}

/// Errors with which Redis turns a script away before it ran.
const REFUSED_BEFORE_RUNNING: [&str; 13] = [
    "LOADING",
    "BUSY",
    "OOM",
    "MISCONF",
    "READONLY",
    "NOREPLICAS",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "MOVED",
    "ASK",
    "NOAUTH",
    "NOPERM",
];

impl Fault {
    /// The verdict on an error of redis-rs for a command that was handed to a connection.
    #[must_use]
    pub fn of(error: &redis::RedisError) -> Self {
        let text = error.to_string();
        match error.code() {
            Some(code) if REFUSED_BEFORE_RUNNING.contains(&code) => Self::NotSent(text),
            Some(_) => Self::Corrupt(text),
            None if error.is_connection_refusal() => Self::NotSent(text),
            None if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
                Self::Unknown(text)
            }
            None if matches!(
                error.kind(),
                redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse
            ) =>
            {
                Self::Corrupt(text)
            }
            None => Self::Unknown(text),
        }
    }
}
