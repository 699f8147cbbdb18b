//! Classification of Redis errors: not sent, unknown or corrupt.

pub use shared::Fault;

/// Errors with which Redis turns a script away before it ran.
const REFUSED_BEFORE_RUNNING: [&str; 14] = [
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
    // A server that came back so late that nothing is sent to it again.
    "NOSCRIPT",
];

/// The verdict on an error of redis-rs for a command that was handed to a connection.
#[must_use]
pub(super) fn verdict(error: &redis::RedisError) -> Fault {
    let text = error.to_string();
    match error.code() {
        Some(code) if REFUSED_BEFORE_RUNNING.contains(&code) => Fault::NotSent(text),
        Some(_) => Fault::Corrupt(text),
        None if error.is_connection_refusal() => Fault::NotSent(text),
        None if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() => {
            Fault::Unknown(text)
        }
        None if matches!(
            error.kind(),
            redis::ErrorKind::UnexpectedReturnType | redis::ErrorKind::Parse
        ) =>
        {
            Fault::Corrupt(text)
        }
        None => Fault::Unknown(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_was_forgotten_again_did_not_run_and_other_words_of_redis_are_damage() {
        let said = |code: &str| {
            let error = redis::make_extension_error(code.to_owned(), Some("words".to_owned()));
            verdict(&error)
        };
        assert!(matches!(said("NOSCRIPT"), Fault::NotSent(_)));
        assert!(matches!(said("CORRUPT"), Fault::Corrupt(_)));
    }
}
