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

/// What Redis says of a command in a script that this user may not run, or not on this key.
const NO_RIGHT: &str = "The user executing the script can't";

/// The verdict on an error of redis-rs for a command that was handed to a connection.
#[must_use]
pub(super) fn verdict(error: &redis::RedisError) -> Fault {
    let text = error.to_string();
    match error.code() {
        // A script reads, and asks for the right to write, before it writes anything.
        Some(_) if text.contains(NO_RIGHT) => Fault::NotSent(text),
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
        let said = |code: &str, words: &str| {
            let error = redis::make_extension_error(code.to_owned(), Some(words.to_owned()));
            verdict(&error)
        };
        assert!(matches!(said("NOSCRIPT", "words"), Fault::NotSent(_)));
        assert!(matches!(said("CORRUPT", "words"), Fault::Corrupt(_)));
        assert!(matches!(said("ERR", "words"), Fault::Corrupt(_)));
        let right = "The user executing the script can't run this command or subcommand script: 1";
        assert!(matches!(said("ERR", right), Fault::NotSent(_)));
    }
}
